package verifier

import (
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
)

// callKfunc walks the call of a kernel function and sets pc.
func (w *walker) callKfunc(in *isa.Insn, way callWay) (done bool, err *Error) {
	i := int(in.Imm)
	if i < 0 || i >= len(w.spec.Kfuncs) {
		return false, w.fail(CodeHelper, "call of kfunc %d: the program names %d", i, len(w.spec.Kfuncs))
	}
	name := w.spec.Kfuncs[i]
	r0 := unknown()
	id := uint32(0)
	switch name {
	case "bpf_iter_num_new":
		for _, r := range []isa.Reg{isa.R2, isa.R3} {
			if err := w.needReg(r); err != nil {
				return false, err
			}
			if w.reg(r).Kind != Scalar {
				return false, w.fail(CodeType, "%s of %s is %s: it has to be a number", r, name, w.describe(w.reg(r)))
			}
		}
		if err := w.needReg(isa.R1); err != nil {
			return false, err
		}
		if err := w.iterNew(name, 1, 1); err != nil {
			return false, err
		}
		r0.Var = scalar.SRange(-1<<31, 1<<31-1)
		r0 = unknown()
	case "bpf_iter_num_next":
		if err := w.needReg(isa.R1); err != nil {
			return false, err
		}
		drained, err := w.iterNext(name, 1, 1, way)
		if err != nil {
			return false, err
		}
		r0 = known(0)
		if !drained {
			r0 = Reg{Kind: PtrToMem, Size: 4, Flags: Rdonly}
		}
	case "bpf_iter_num_destroy":
		if err := w.needReg(isa.R1); err != nil {
			return false, err
		}
		if err := w.iterDestroy(name, 1, 1); err != nil {
			return false, err
		}
		r0 = Reg{}
	default:
		return false, w.fail(CodeUnsupported, "kfunc %s is unknown to this verifier", name).as(topicKfunc)
	}
	w.clobber()
	w.f().set(0, r0, id)
	w.pc++
	return false, nil
}
