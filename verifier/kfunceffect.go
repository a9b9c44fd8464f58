package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
)

// kfuncEffects does what the call of a kernel function does to the state, once its arguments are
// found right.
func (w *walker) kfuncEffects(in *isa.Insn, c *kcall, way callWay) (done bool, err *Error) {
	k := c.k
	if cb := w.kfuncCallback(c); cb != nil {
		entered, err := w.callback(cb, way)
		if err != nil || entered {
			return false, err
		}
	}
	if k.Name == "bpf_throw" {
		return true, w.throw()
	}
	if known, err := w.section(k.Name); err != nil {
		return false, err
	} else if known {
		w.clobber()
		w.f().set(0, Reg{}, 0)
		w.pc++
		return false, nil
	}
	if c.relArg {
		r := w.reg(c.relReg)
		if !w.holdsRef(r.Ref) {
			return false, w.fail(CodeReference, "%s of %s is %s, which was released before", c.relReg, c.name, w.describe(r)).about(c.relReg)
		}
		if err := w.release(r.Ref); err != nil {
			return false, err
		}
	}
	switch k.Name {
	case "bpf_list_push_front_impl", "bpf_list_push_back_impl", "bpf_rbtree_add_impl":
		if err := w.lend(k.Name, w.reg(isa.R2).Ref); err != nil {
			return false, err
		}
	}
	drained := false
	switch {
	case k.Flags&proto.KfuncIterDestroy != 0:
		err = w.iterDestroy(c)
	case k.Flags&proto.KfuncIterNext != 0:
		drained, err = w.iterNext(c, way)
	}
	if err != nil {
		return false, err
	}
	r, err := w.kfuncResult(c)
	if err != nil {
		return false, err
	}
	w.clobber()
	if k.Flags&proto.KfuncChangesPkt != 0 {
		w.forgetPacket()
	}
	id := uint32(0)
	switch {
	case drained:
		r = known(0)
	case k.Flags&proto.KfuncIterNext != 0:
		r.Flags &^= MaybeNull
	case r.Flags&MaybeNull != 0:
		id = w.s.newID()
	}
	if k.Flags&proto.KfuncAcquire != 0 {
		if id == 0 {
			id = w.s.newID()
		}
		w.acquire(refPtr, id)
		r.Ref = id
		if r.Flags&MaybeNull == 0 {
			id = 0
		}
	}
	if id == 0 && w.mayHoldLock(&r) {
		id = w.s.newID()
	}
	w.f().set(0, r, id)
	w.pc++
	return false, nil
}

// kfuncResult is what a kernel function returns, but for the reference.
func (w *walker) kfuncResult(c *kcall) (Reg, *Error) {
	k := c.k
	r := unknown()
	switch k.Ret.Kind {
	case proto.KfuncRetVoid:
		return Reg{}, nil
	case proto.KfuncRetScalar:
		if mayFail(k.Name) {
			return known(0), nil
		}
		return r, nil
	case proto.KfuncRetBTF:
		r = Reg{Kind: PtrToBTFID, Obj: w.typeByName(k.Ret.BTF)}
		switch {
		case k.Flags&proto.KfuncIterNext != 0:
			r.Flags = Trusted
			if c.iter.it.Flags&RCU != 0 {
				r.Flags = RCU
			}
		case k.Ret.Flags&proto.Untrusted != 0:
			r.Flags = Untrusted
		case k.Flags&proto.KfuncRCUProtected != 0:
			r.Flags = RCU
		}
	case proto.KfuncRetMem:
		// Of an iterator it is good as long as the iterator is.
		r = Reg{Kind: PtrToMem, Size: k.Ret.Size, Ref: c.ref}
		if k.Ret.Flags&proto.Rdonly != 0 {
			r.Flags = Rdonly
		}
	default:
		var err *Error
		if r, err = w.specialResult(c); err != nil {
			return r, err
		}
	}
	if k.Flags&proto.KfuncRetNull != 0 && !(k.Name == "bpf_refcount_acquire_impl" && c.owned) {
		r.Flags |= MaybeNull
	}
	return r, nil
}

// specialResult is what a kernel function returns whose arguments say what that is.
func (w *walker) specialResult(c *kcall) (Reg, *Error) {
	switch c.name {
	case "bpf_obj_new_impl", "bpf_percpu_obj_new_impl":
		return w.newObject(c)
	case "bpf_refcount_acquire_impl":
		return Reg{Kind: PtrToBTFID, Obj: c.obj, Flags: Alloc}, nil
	case "bpf_list_pop_front", "bpf_list_pop_back", "bpf_rbtree_remove":
		return c.root.node(), nil
	case "bpf_list_front", "bpf_list_back", "bpf_rbtree_first", "bpf_rbtree_root", "bpf_rbtree_left", "bpf_rbtree_right":
		r := c.root.node()
		w.nonOwning(&r)
		return r, nil
	case "bpf_cast_to_kern_ctx":
		name := w.kernelContext()
		if name == "" {
			return Reg{}, w.fail(CodeHelper, "%s: the context of programs of type %s is no structure of the kernel", c.name, w.spec.Type)
		}
		return Reg{Kind: PtrToBTFID, Obj: w.typeByName(name), Flags: Trusted}, nil
	case "bpf_rdonly_cast":
		return w.castResult(c)
	case "bpf_dynptr_slice", "bpf_dynptr_slice_rdwr":
		return w.sliceResult(c)
	case "bpf_arena_alloc_pages":
		return unknown(), nil
	}
	return Reg{}, w.fail(CodeUnsupported, "%s returns what no rule covers", c.name)
}

// castResult is what bpf_rdonly_cast returns: any address, as a structure of the kernel that may be read with
// care.
func (w *walker) castResult(c *kcall) (Reg, *Error) {
	if c.constant == 0 {
		return Reg{Kind: PtrToMem, Flags: Rdonly | Untrusted}, nil
	}
	if w.spec.Types == nil {
		return Reg{}, w.fail(CodeUnsupported, "%s: the kernel's types are not known here", c.name).as(topicKernelTypes)
	}
	name := ""
	if c.constant < 1<<32 {
		name = w.spec.Types.StructByID(uint32(c.constant))
	}
	if name == "" {
		return Reg{}, w.fail(CodeType, "r2 of %s, %d, is no structure of the kernel", c.name, c.constant)
	}
	return Reg{Kind: PtrToBTFID, Obj: w.typeByName(name), Flags: Untrusted}, nil
}

// lockFails walks the side of a call where the lock is not taken: an error comes back, and nothing
// else has changed.
func (w *walker) lockFails() {
	w.clobber()
	w.f().set(0, Reg{Kind: Scalar, Var: scalar.SRange(-maxErrno, -1)}, 0)
	w.pc++
}
