package verifier

import "github.com/gbpf/gbpf/isa"

// loadBTFID is a 16-byte load of a kernel variable's address.
func (w *walker) loadBTFID(in *isa.Insn) *Error {
	if w.spec.Types == nil {
		return w.fail(CodeUnsupported, "the address of a kernel variable: the kernel's types are not known here")
	}
	name, t, percpu, ok := w.spec.Types.KernelSymbol(uint32(in.ImmLow()))
	if !ok || t == nil {
		return w.fail(CodeStructure, "BTF ID %d is no kernel variable", in.ImmLow())
	}
	r := Reg{Kind: PtrToBTFID}
	switch {
	case t.Class == ArgBTF:
		r.Obj = w.typeByName(t.Type)
	case t.Class != ArgMem:
		return w.fail(CodeType, "the address of the kernel's %s, whose type has no size", name)
	case percpu:
		r.Obj = w.plainType(t.Size)
	default:
		r.Kind, r.Flags, r.Size = PtrToMem, Rdonly, t.Size
	}
	if percpu {
		r.Flags |= Percpu
	}
	w.f().set(int(in.Dst), r, 0)
	return nil
}

// percpuResult is what bpf_per_cpu_ptr and bpf_this_cpu_ptr make of the address of a per-CPU
// variable.
func (w *walker) percpuResult(c *callMeta, r *Reg) {
	t := w.types[c.ret]
	if t.size > 0 {
		r.Kind, r.Size = PtrToMem, t.size-1
		r.Flags |= Rdonly
		return
	}
	r.Kind, r.Obj = PtrToBTFID, c.ret
	if c.percpuFlags&RCU != 0 {
		r.Flags |= Alloc | RCU // the kernel takes for granted that there is such a CPU
	}
}
