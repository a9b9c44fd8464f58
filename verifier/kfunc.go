package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// kcall is the call of a kernel function: what its arguments said.
type kcall struct {
	callMeta
	k        *proto.KfuncProto
	constant uint64 // what the constant argument is, if hasConstant
	hasConst bool
	skip     int // the argument that was looked at together with the one before it, 0 for none
	iter     iterPlace
	dyn      dynptrUse
	root     *graphRoot // the list or tree that the call works on
	obj      uint32     // type of an object that was handed in
	owned    bool       // the object handed in is the program's own
}

// callKfunc walks the call of a kernel function and sets pc. It reports whether the path ends
// there.
func (w *walker) callKfunc(in *isa.Insn, way callWay) (done bool, err *Error) {
	k := w.p.kfuncAt(w.pc)
	if k == nil {
		i := int(in.Imm)
		if i < 0 || i >= len(w.spec.Kfuncs) {
			return false, w.fail(CodeHelper, "call of kfunc %d: the program names %d", i, len(w.spec.Kfuncs))
		}
		return false, w.fail(CodeUnsupported, "kfunc %s is unknown to this verifier", w.spec.Kfuncs[i]).as(topicKfunc)
	}
	c := &kcall{k: k}
	c.name = k.Name
	if err := w.mayCallKfunc(k); err != nil {
		return false, err
	}
	if mayFail(k.Name) {
		other := way == callOther
		if !other {
			if other, err = w.fork(); err != nil {
				return false, err
			}
		}
		if other {
			w.lockFails()
			return false, nil
		}
	}
	for i := range k.Args {
		if err := w.kfuncArg(c, i); err != nil {
			return false, err.about(isa.R1 + isa.Reg(i))
		}
	}
	if k.Flags&proto.KfuncRelease != 0 && !c.relArg {
		return false, w.fail(CodeReference, "%s releases a reference, and is given none", k.Name)
	}
	return w.kfuncEffects(in, c, way)
}

// mayCallKfunc checks what of a call does not depend on its arguments.
func (w *walker) mayCallKfunc(k *proto.KfuncProto) *Error {
	if w.spec.Type.Kernel != 0 && !proto.KfuncAllowed(w.spec.Type.Kernel, w.spec.Attach, k.Name) {
		return w.fail(CodeHelper, "programs of type %s may not call %s", w.spec.Type, k.Name).as(topicNotAllowed)
	}
	if !w.spec.GPL {
		return w.fail(CodeHelper, "%s may be called only by programs under a GPL-compatible licence", k.Name).as(topicGPL)
	}
	if l := w.locked(); l != nil && !callableLocked(k.Name) {
		return w.fail(CodeLock, "call of %s while the lock taken at insn %d is held", k.Name, l.insn).since(l.insn).as(topicLockHeld)
	}
	if k.Flags&proto.KfuncSleepable != 0 && !w.maySleep() {
		return w.fail(CodeHelper, "%s may sleep, which this program may not here", k.Name)
	}
	if k.Flags&proto.KfuncRCUProtected != 0 && !w.inRCU() {
		return w.fail(CodeLock, "%s may be called only inside a section of bpf_rcu_read_lock", k.Name)
	}
	return nil
}

// kfuncArg checks argument i of a kernel function.
func (w *walker) kfuncArg(c *kcall, i int) *Error {
	a := &c.k.Args[i]
	reg := isa.R1 + isa.Reg(i)
	if a.Kind == proto.KfuncIgnored || a.Kind == proto.KfuncProg || c.skip == i && i > 0 {
		return nil
	}
	if reg > isa.R5 {
		return w.fail(CodeUnsupported, "%s takes more than 5 arguments", c.name)
	}
	if err := w.needReg(reg); err != nil {
		return err
	}
	r := w.reg(reg)
	switch a.Kind {
	case proto.KfuncScalar, proto.KfuncConst, proto.KfuncSize, proto.KfuncConstSize:
		return w.kfuncNumber(c, a, reg, r)
	}
	null := r.isNull()
	if (null || r.Flags&MaybeNull != 0) && a.Flags&proto.KfuncNullable == 0 && c.k.Flags&(proto.KfuncTrustedArgs|proto.KfuncRCU) != 0 {
		return w.fail(CodeNull, "%s of %s is %s: it must not be NULL", reg, c.name, w.describe(r))
	}
	if null {
		w.demandReg(reg)
	}
	if r.Ref != 0 && r.Kind != Scalar {
		c.ref = r.Ref
		if c.k.Flags&proto.KfuncRelease != 0 {
			if c.relArg {
				return w.fail(CodeReference, "%s is given more than one reference", c.name)
			}
			c.relArg, c.relReg = true, reg
		}
	}
	if null && a.Flags&proto.KfuncNullable != 0 && !sizedArg(c.k, i) {
		return nil
	}
	return w.kfuncPointer(c, i, a, reg, r)
}

// sizedArg reports whether argument i is memory of which the next argument is the size.
func sizedArg(k *proto.KfuncProto, i int) bool {
	if k.Args[i].Kind != proto.KfuncMem || i+1 >= len(k.Args) {
		return false
	}
	next := k.Args[i+1].Kind
	return next == proto.KfuncSize || next == proto.KfuncConstSize
}

// kfuncNumber checks an argument that is a number.
func (w *walker) kfuncNumber(c *kcall, a *proto.KfuncArg, reg isa.Reg, r *Reg) *Error {
	if r.Kind != Scalar {
		return w.fail(CodeType, "%s of %s is %s: it has to be a number", reg, c.name, w.describe(r))
	}
	if a.Kind != proto.KfuncConst {
		return nil
	}
	return w.kfuncConstant(c, reg, r)
}

func (w *walker) kfuncConstant(c *kcall, reg isa.Reg, r *Reg) *Error {
	v, ok := r.constant()
	if !ok {
		return w.fail(CodeType, "%s of %s is %s: it has to be a constant", reg, c.name, w.rangeOf(r)).as(topicConstant)
	}
	w.demandReg(reg)
	c.constant, c.hasConst = v, true
	return nil
}

// kfuncPointer checks an argument that is a pointer.
func (w *walker) kfuncPointer(c *kcall, i int, a *proto.KfuncArg, reg isa.Reg, r *Reg) *Error {
	switch a.Kind {
	case proto.KfuncCtx:
		if !w.isContext(a.BTF) {
			return w.kfuncBTF(c, a, reg, r)
		}
		if r.Kind != PtrToCtx {
			return w.fail(CodeType, "%s of %s is %s: it has to be the context", reg, c.name, w.describe(r))
		}
		return w.kfuncOffset(c, reg, r)
	case proto.KfuncBTF:
		return w.kfuncBTF(c, a, reg, r)
	case proto.KfuncMem:
		return w.kfuncMem(c, i, a, reg, r)
	case proto.KfuncMap:
		return w.kfuncMap(c, reg, r)
	}
	if err := w.kfuncOffset(c, reg, r); err != nil {
		return err
	}
	switch a.Kind {
	case proto.KfuncDynptr:
		return w.kfuncDynptr(c, a, reg, r)
	case proto.KfuncIter:
		return w.kfuncIter(c, a, reg, r)
	case proto.KfuncCallback:
		if r.Kind != PtrToFunc {
			return w.fail(CodeType, "%s of %s is %s: it has to be a static function of the program", reg, c.name, w.describe(r))
		}
		fn := *r
		c.fn = &fn
		return nil
	case proto.KfuncConstStr:
		if r.Kind != PtrToMapValue || r.Flags != 0 {
			return w.fail(CodeType, "%s of %s is %s: it has to be a string in read-only data", reg, c.name, w.describe(r))
		}
		return w.constString(&c.callMeta, reg, r)
	case proto.KfuncIRQFlag:
		return w.irqFlag(c, reg, r)
	case proto.KfuncResSpinLock:
		return w.resLockArg(c, reg, r)
	case proto.KfuncWorkqueue:
		return w.fieldOf(&c.callMeta, reg, r, maps.FieldWorkqueue)
	case proto.KfuncTaskWork:
		return w.fieldOf(&c.callMeta, reg, r, maps.FieldTaskWork)
	case proto.KfuncAlloc, proto.KfuncRefcounted, proto.KfuncListHead, proto.KfuncListNode, proto.KfuncRBRoot, proto.KfuncRBNode:
		return w.objectArg(c, a, reg, r)
	}
	return w.fail(CodeUnsupported, "%s of %s is of a kind without a rule: %s", reg, c.name, a.Kind)
}

// kfuncOffset checks what was added to a pointer that is not to memory: nothing that is not known, and nothing at
// all when it is released.
func (w *walker) kfuncOffset(c *kcall, reg isa.Reg, r *Reg) *Error {
	added := r.Off != 0 || !r.fixed() || r.Var.Var.Value != 0
	if !added {
		return nil
	}
	if c.relArg && c.relReg == reg {
		return w.fail(CodeType, "%s of %s is %s with %s added: what is released must be as it was handed out", reg, c.name, w.describe(r), w.offset(r, int(r.Off)))
	}
	switch r.Kind {
	case PtrToStack, PtrToPacket, PtrToPacketMeta, PtrToMapKey, PtrToMapValue, PtrToMem, PtrToBuf, PtrToArena, Scalar:
		return nil
	case PtrToBTFID:
		if r.fixed() && r.Var.Var.Value == 0 && r.Off > 0 && r.Flags&(MaybeNull|Untrusted|Percpu|User) == 0 {
			return nil
		}
	}
	return w.fail(CodeType, "%s of %s is %s with %s added: it has to point to the start", reg, c.name, w.describe(r), w.offset(r, int(r.Off)))
}

// kfuncMem checks memory: as much as the next argument says, or as its type has.
func (w *walker) kfuncMem(c *kcall, i int, a *proto.KfuncArg, reg isa.Reg, r *Reg) *Error {
	if kernelPointer(r) {
		if a.BTF == "" {
			return w.fail(CodeType, "%s of %s is %s: it has to be memory", reg, c.name, w.describe(r))
		}
		return w.kfuncBTF(c, a, reg, r)
	}
	m := memArg{reg: reg, size: int(a.Size), zeroOK: true, maybeNull: true, name: c.name}
	if sizedArg(c.k, i) {
		c.skip = i + 1
		size := reg + 1
		if err := w.needReg(size); err != nil {
			return err
		}
		s := w.reg(size)
		if s.Kind != Scalar {
			return w.fail(CodeType, "%s of %s is %s: it has to be a size", size, c.name, w.describe(s)).about(size)
		}
		if c.k.Args[i+1].Kind == proto.KfuncConstSize {
			if err := w.kfuncConstant(c, size, s); err != nil {
				return err.about(size)
			}
		}
		if r.isNull() && a.Flags&(proto.KfuncOptional|proto.KfuncNullable) != 0 {
			return nil
		}
		w.demandReg(size)
		switch v := s.Var; {
		case v.SMin < 0:
			return w.fail(CodeBounds, "%s of %s, a size, may be negative: it may be %s", size, c.name, minString(v.SMin)).as(topicSizeNegative).about(size)
		case v.UMax >= maxVarOff:
			return w.fail(CodeBounds, "%s of %s, a size, has no upper bound that is of use: it may be %d", size, c.name, v.UMax).as(topicSizeUnbounded).about(size)
		}
		m.size = int(s.Var.UMax)
	} else if r.isNull() {
		return nil
	}
	if err := w.memoryArg(&m); err != nil {
		return err
	}
	m.write = true
	return w.memoryArg(&m)
}

// kfuncMap checks a map, which is one of the program's.
func (w *walker) kfuncMap(c *kcall, reg isa.Reg, r *Reg) *Error {
	if r.Kind != ConstPtrToMap || r.Flags != 0 {
		return w.fail(CodeType, "%s of %s is %s: it has to be a map", reg, c.name, w.describe(r))
	}
	if err := w.kfuncOffset(c, reg, r); err != nil {
		return err
	}
	if c.m != nil && (c.mapNo != r.Obj || c.mapUID != r.Size) {
		return w.fail(CodeType, "%s of %s is %s: it has to be the map that holds what is given with it", reg, c.name, w.describe(r))
	}
	c.m, c.mapNo, c.mapUID = w.maps[r.Obj], r.Obj, r.Size
	return nil
}

// isContext reports whether the context of the program is that structure; "" for any.
func (w *walker) isContext(name string) bool {
	return name == "" || !w.tracingArgs() && w.layout.Name == name
}
