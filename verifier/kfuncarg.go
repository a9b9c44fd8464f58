package verifier

import (
	"strings"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// kfuncArg checks argument i of a kernel function.
func (w *walker) kfuncArg(c *kfuncCall, i int, way callWay) *Error {
	a := &c.proto.Args[i]
	reg := isa.R1 + isa.Reg(i)
	if a.Kind == proto.KfuncIgnored || a.Kind == proto.KfuncProg {
		return nil
	}
	if err := w.needReg(reg); err != nil {
		return err
	}
	r := w.reg(reg)
	switch a.Kind {
	case proto.KfuncScalar, proto.KfuncConst:
		return w.kfuncNumber(c, a, reg, r)
	case proto.KfuncSize, proto.KfuncConstSize:
		return w.kfuncSize(c, i, reg, r)
	}
	null, nullable := r.isNull(), a.Flags&proto.KfuncNullable != 0
	if c.proto.Flags&(proto.KfuncTrustedArgs|proto.KfuncRCU) != 0 && (null || r.Flags&MaybeNull != 0) && !nullable {
		return w.fail(CodeNull, "%s of %s is %s and may be NULL", reg, c.name, w.describe(r))
	}
	if r.isPtr() && r.Ref != 0 {
		if c.proto.Flags&proto.KfuncRelease != 0 {
			if c.release != isa.R0 {
				return w.fail(CodeReference, "%s is given more than one reference", c.name)
			}
			c.release = reg
		}
		c.ref = r.Ref
	}
	sized := i+1 < len(c.proto.Args) && (c.proto.Args[i+1].Kind == proto.KfuncSize || c.proto.Args[i+1].Kind == proto.KfuncConstSize)
	if null && nullable && !sized {
		w.demandReg(reg)
		return nil
	}
	switch a.Kind {
	case proto.KfuncMem:
		if sized {
			return nil // its size comes next
		}
		return w.kfuncMem(c, reg, int(a.Size))
	case proto.KfuncBTF:
		return w.kfuncBTF(c, a, reg, r)
	case proto.KfuncCtx:
		if a.BTF != "" && a.BTF != w.layout.Name {
			return w.fail(CodeType, "%s of %s has to be struct %s, which the context of programs of type %s is not", reg, c.name, a.BTF, w.spec.Type)
		}
		if r.Kind != PtrToCtx || r.Flags != 0 || r.Off != 0 || !r.fixed() || r.Var.Var.Value != 0 {
			return w.fail(CodeType, "%s of %s is %s: it has to be the context", reg, c.name, w.describe(r))
		}
	case proto.KfuncMap:
		if r.Kind != ConstPtrToMap || r.Flags != 0 {
			return w.fail(CodeType, "%s of %s is %s: it has to be a map", reg, c.name, w.describe(r))
		}
	case proto.KfuncConstStr:
		if r.Kind != PtrToMapValue || r.Flags != 0 {
			return w.fail(CodeType, "%s of %s is %s: it has to be a string in read-only data", reg, c.name, w.describe(r))
		}
		return w.constString(&callMeta{name: c.name}, reg, r)
	case proto.KfuncDynptr:
		return w.kfuncDynptr(c, a, reg, r)
	case proto.KfuncIter:
		return w.kfuncIter(c, a, way)
	case proto.KfuncIRQFlag:
		return w.kfuncIRQ(c, reg, r)
	default:
		return w.fail(CodeUnsupported, "kfunc %s is not supported", c.name).as(topicKfunc)
	}
	return nil
}

// kfuncNumber checks a number.
func (w *walker) kfuncNumber(c *kfuncCall, a *proto.KfuncArg, reg isa.Reg, r *Reg) *Error {
	if r.Kind != Scalar {
		return w.fail(CodeType, "%s of %s is %s: it has to be a number", reg, c.name, w.describe(r))
	}
	if a.Kind == proto.KfuncConst {
		v, ok := r.constant()
		if !ok {
			return w.fail(CodeType, "%s of %s is %s: it has to be a constant", reg, c.name, w.rangeOf(r)).as(topicConstant)
		}
		w.demandReg(reg)
		c.size = v
	}
	return nil
}

// kfuncSize checks the size in argument i of the memory in the argument before it.
func (w *walker) kfuncSize(c *kfuncCall, i int, reg isa.Reg, r *Reg) *Error {
	a, mem := &c.proto.Args[i], &c.proto.Args[i-1]
	if r.Kind != Scalar {
		return w.fail(CodeType, "%s of %s is %s: it has to be a size", reg, c.name, w.describe(r))
	}
	buf := w.reg(reg - 1)
	if optional := mem.Flags&proto.KfuncOptional != 0; !optional || !buf.isNull() {
		w.demandReg(reg)
		switch v := &r.Var; {
		case v.SMin < 0:
			return w.fail(CodeBounds, "%s of %s, a size, may be negative: it may be %s", reg, c.name, minString(v.SMin)).as(topicSizeNegative)
		case v.UMax >= maxVarOff:
			return w.fail(CodeBounds, "%s of %s, a size, has no upper bound that is of use: it may be %d", reg, c.name, v.UMax).as(topicSizeUnbounded)
		}
		if err := w.kfuncMem(c, reg-1, int(r.Var.UMax)); err != nil {
			return err.about(reg - 1)
		}
	}
	if a.Kind == proto.KfuncConstSize {
		v, ok := r.constant()
		if !ok {
			return w.fail(CodeType, "%s of %s is %s: the size has to be a constant", reg, c.name, w.rangeOf(r)).as(topicConstant)
		}
		w.demandReg(reg)
		c.size = v
	}
	return nil
}

// kfuncMem checks memory that the function may read and write.
func (w *walker) kfuncMem(c *kfuncCall, reg isa.Reg, size int) *Error {
	r := w.reg(reg)
	switch {
	case r.isNull() && size == 0, r.isNull() && !w.sizeFollows(c, reg):
		w.demandReg(reg)
		return nil
	case r.Kind == PtrToBTFID:
		return w.fail(CodeType, "%s of %s is %s: it has to be memory", reg, c.name, w.describe(r))
	}
	m := memArg{reg: reg, size: size, zeroOK: true, name: c.name, maybeNull: !w.sizeFollows(c, reg)}
	if err := w.memoryArg(&m); err != nil {
		return err
	}
	m.write = true
	return w.memoryArg(&m)
}

// sizeFollows reports whether the argument behind that in reg is the size of it.
func (w *walker) sizeFollows(c *kfuncCall, reg isa.Reg) bool {
	i := int(reg - isa.R1)
	if i+1 >= len(c.proto.Args) {
		return false
	}
	k := c.proto.Args[i+1].Kind
	return k == proto.KfuncSize || k == proto.KfuncConstSize
}

// socketTypes are the kernel structures that other kinds of pointer stand for.
var socketTypes = map[Kind]string{
	PtrToSocket: "sock", PtrToSockCommon: "sock_common", PtrToTCPSock: "tcp_sock", ConstPtrToMap: "bpf_map",
}

// kfuncBTF checks a pointer to a kernel structure.
func (w *walker) kfuncBTF(c *kfuncCall, a *proto.KfuncArg, reg isa.Reg, r *Reg) *Error {
	v := *r
	name, stands := socketTypes[r.Kind]
	if stands {
		v.Kind, v.Obj = PtrToBTFID, w.typeByName(name)
	}
	if v.Kind != PtrToBTFID {
		if a.Flags&proto.KfuncOrMem != 0 {
			return w.kfuncMem(c, reg, int(a.Size))
		}
		return w.fail(CodeType, "%s of %s is %s: it has to be a pointer to struct %s", reg, c.name, w.describe(r), a.BTF)
	}
	const fine = Trusted | Alloc | NonOwnRef
	trusted := r.trusted() || stands && r.Flags&^fine == 0
	switch {
	case c.proto.Flags&proto.KfuncTrustedArgs != 0 && !trusted && c.proto.Flags&proto.KfuncRCU == 0:
		return w.fail(CodeType, "%s of %s is %s that is not known to be valid: it has to be an argument of the program or a reference", reg, c.name, w.describe(r))
	case c.proto.Flags&proto.KfuncRCU != 0 && !trusted && r.Flags&RCU == 0:
		return w.fail(CodeType, "%s of %s is %s that is not known to be valid in a section of bpf_rcu_read_lock", reg, c.name, w.describe(r))
	case r.Flags&^fine != 0 && r.Flags&RCU == 0:
		code := CodeType
		if r.Flags&MaybeNull != 0 {
			code = CodeNull
		}
		return w.fail(code, "%s of %s is %s: it has to be a valid pointer to struct %s", reg, c.name, w.describe(r), a.BTF)
	}
	off := int(v.Off) + int(int32(v.Var.Var.Value))
	release := c.proto.Flags&proto.KfuncRelease != 0 && r.Ref != 0
	if !v.fixed() || off < 0 || off != 0 && (stands || release) {
		return w.fail(CodeType, "%s of %s is %s with %s added: it has to be as it was handed out", reg, c.name, w.describe(r), w.offset(r, int(r.Off)))
	}
	have := w.typeName(v.Obj)
	very := release || strings.TrimSuffix(have, "___init") == strings.TrimSuffix(a.BTF, "___init")
	if !w.isStruct(&v, a.BTF, very) {
		return w.fail(CodeType, "%s of %s is %s: it has to be a pointer to struct %s", reg, c.name, w.describe(r), a.BTF)
	}
	return nil
}

// kfuncDynptr checks a dynptr, or the stack for a new one.
func (w *walker) kfuncDynptr(c *kfuncCall, a *proto.KfuncArg, reg isa.Reg, r *Reg) *Error {
	if a.Flags&proto.KfuncUninit != 0 {
		m := callMeta{name: c.name}
		if err := w.dynptrArg(&m, 0, &proto.Arg{Kind: proto.PtrToDynptr, Flags: proto.Uninit}, reg, r); err != nil {
			return err
		}
		c.new = &m.newDynptrs[0]
		return nil
	}
	if r.Kind == PtrToDynptr && r.Flags&Rdonly != 0 && a.Flags&proto.KfuncRdonly == 0 {
		return w.fail(CodeType, "%s of %s is a read-only dynptr, which it would change", reg, c.name)
	}
	d, id, err := w.dynptr(c.name, reg, r)
	if err != nil {
		return err
	}
	c.dynptr, c.dynID = &d, id
	return nil
}

// kfuncIter does what a call does to the iterator in r1.
func (w *walker) kfuncIter(c *kfuncCall, a *proto.KfuncArg, way callWay) (err *Error) {
	n, kind := int(a.Size+7)/8, w.typeByName(a.BTF)+1
	f := c.proto.Flags
	switch {
	case f&proto.KfuncIterNew != 0:
		flags := Flags(0)
		if f&proto.KfuncRCUProtected != 0 {
			flags = RCU
		}
		return w.iterNew(c.name, n, kind, flags)
	case f&proto.KfuncIterNext != 0:
		c.done, err = w.iterNext(c.name, n, kind, way)
		return err
	case f&proto.KfuncIterDestroy != 0:
		return w.iterDestroy(c.name, n, kind)
	}
	_, _, _, err = w.iterUse(c.name, n, kind)
	return err
}

// kfuncIRQ saves or restores the state of interrupts, in 8 bytes of stack.
func (w *walker) kfuncIRQ(c *kfuncCall, reg isa.Reg, r *Reg) *Error {
	off := int(r.Off) + int(int32(r.Var.Var.Value))
	if r.Kind != PtrToStack || !r.fixed() || off%8 != 0 || off < -stackSize || off > -8 {
		return w.fail(CodeType, "%s of %s is %s: it has to be 8 aligned bytes of stack", reg, c.name, w.describe(r))
	}
	fr := int(r.Frame)
	i, _ := place(off)
	f := w.s.frames[fr]
	if c.name == "bpf_local_irq_save" {
		if i < len(f.stack) && f.stack[i].special() {
			return w.fail(CodeType, "%s of %s points to the stack at %d, where %s lies already", reg, c.name, off, w.slotString(&f.stack[i]))
		}
		w.deepen(fr, -off)
		id := w.s.newID()
		w.acquire(refIRQ, id)
		v := Reg{Kind: kindIRQSlot, Ref: id}
		f.own(i + 1)
		f.stack[i] = slot{kinds: slotIRQ, h: w.tab.intern(&v)}
		w.writeSlots(fr, 1<<i, 0, -1)
		return nil
	}
	if i >= len(f.stack) || f.stack[i].kinds != slotIRQ {
		return w.fail(CodeUninit, "%s of %s points to the stack at %d, where no state of interrupts is", reg, c.name, off)
	}
	id := w.tab.at(f.stack[i].h).Ref
	for k := len(w.s.refs) - 1; k >= 0; k-- {
		held := &w.s.refs[k]
		if held.kind != refIRQ {
			continue
		}
		if held.id != id {
			return w.fail(CodeLock, "%s restores the state saved at insn %d before that saved at insn %d", c.name, w.irqInsn(id), held.insn).since(held.insn)
		}
		w.s.ownRefs()
		w.s.refs = append(w.s.refs[:k], w.s.refs[k+1:]...)
		w.readSlots(fr, 1<<i, false)
		f.own(0)
		f.stack[i] = slot{}
		w.writeSlots(fr, 1<<i, 0, -1)
		return nil
	}
	return w.fail(CodeLock, "%s restores a state that was restored before", c.name)
}

// irqInsn is where the interrupt state with an identity was saved.
func (w *walker) irqInsn(id uint32) int32 {
	for i := range w.s.refs {
		if w.s.refs[i].kind == refIRQ && w.s.refs[i].id == id {
			return w.s.refs[i].insn
		}
	}
	return -1
}
