package verifier

import (
	"fmt"
	"strings"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// kfuncCall is what the arguments of one call of a kernel function said.
type kfuncCall struct {
	name  string
	proto *proto.KfuncProto

	ref     uint32  // the reference that an argument holds
	release isa.Reg // of a function that releases: the argument that does, r0 for none
	size    uint64  // a constant that was asked for
	dynptr  *Reg    // the dynptr given, its identity dynID
	dynID   uint32
	new     *newDynptr // the dynptr to be made
	done    bool       // of an iterator: it has no more elements
}

// callKfunc walks the call of a kernel function and sets pc.
func (w *walker) callKfunc(in *isa.Insn, way callWay) (done bool, err *Error) {
	i := int(in.Imm)
	if i < 0 || i >= len(w.spec.Kfuncs) {
		return false, w.fail(CodeHelper, "call of kfunc %d: the program names %d", i, len(w.spec.Kfuncs))
	}
	c := &kfuncCall{name: w.spec.Kfuncs[i], proto: proto.Kfunc(w.spec.Kfuncs[i])}
	if c.proto == nil {
		return false, w.fail(CodeUnsupported, "kfunc %s is unknown to this verifier", c.name).as(topicKfunc)
	}
	if err := w.mayCallKfunc(c); err != nil {
		return false, err
	}
	for i := range c.proto.Args {
		if err := w.kfuncArg(c, i, way); err != nil {
			return false, err.about(isa.R1 + isa.Reg(i))
		}
	}
	if err := w.kfuncSection(c); err != nil {
		return false, err
	}
	if c.proto.Flags&proto.KfuncRelease != 0 {
		if c.release == isa.R0 {
			return false, w.fail(CodeReference, "%s is given nothing that holds a reference to release", c.name)
		}
		if !w.holdsRef(c.ref) {
			return false, w.fail(CodeReference, "%s of %s holds a reference that was released before", c.release, c.name)
		}
		if err := w.release(c.ref); err != nil {
			return false, err
		}
	}
	if c.new != nil {
		w.newKfuncDynptr(c)
	}
	w.clobber()
	if c.proto.Flags&proto.KfuncChangesPkt != 0 {
		w.forgetPacket()
	}
	if err := w.kfuncResult(c); err != nil {
		return false, err
	}
	w.pc++
	return false, nil
}

// mayCallKfunc checks what of a call does not depend on its arguments.
func (w *walker) mayCallKfunc(c *kfuncCall) *Error {
	f := c.proto.Flags
	switch {
	case w.spec.Type.Kernel != 0 && !proto.KfuncAllowed(w.spec.Type.Kernel, w.spec.Attach, c.name):
		return w.fail(CodeHelper, "programs of type %s may not call %s", w.spec.Type, c.name).as(topicNotAllowed)
	case !w.spec.GPL:
		return w.fail(CodeHelper, "%s may be called only by programs under a GPL-compatible licence", c.name).as(topicGPL)
	case !kfuncSupported(c.proto):
		return w.fail(CodeUnsupported, "kfunc %s is not supported", c.name).as(topicKfunc)
	case f&proto.KfuncSleepable != 0 && !w.maySleep():
		return w.fail(CodeHelper, "%s may sleep, which this program may not here", c.name)
	case c.name == "bpf_iter_css_task_new" && !w.spec.Sleepable && w.spec.Type.Kernel != typeLSM && w.spec.Attach != progtype.AttachTraceIter:
		return w.fail(CodeHelper, "%s may be called only by programs of type lsm, by iterators and by those that may sleep", c.name).as(topicNotAllowed)
	case f&proto.KfuncRCUProtected != 0 && !w.inRCU():
		return w.fail(CodeLock, "%s outside a section of bpf_rcu_read_lock", c.name)
	}
	if l := w.locked(); l != nil && !strings.HasPrefix(c.name, "bpf_iter_num_") && !strings.HasPrefix(c.name, "bpf_stream_") {
		return w.fail(CodeLock, "call of %s while the lock taken at insn %d is held", c.name, l.insn).since(l.insn).as(topicLockHeld)
	}
	return nil
}

// kfuncSupported reports whether the walk knows what a function does: not those of objects that
// programs allocate, with callbacks, exceptions and arenas.
func kfuncSupported(k *proto.KfuncProto) bool {
	for i := range k.Args {
		switch k.Args[i].Kind {
		case proto.KfuncListHead, proto.KfuncListNode, proto.KfuncRBRoot, proto.KfuncRBNode, proto.KfuncAlloc, proto.KfuncRefcounted,
			proto.KfuncCallback, proto.KfuncWorkqueue, proto.KfuncTaskWork, proto.KfuncResSpinLock:
			return false
		}
	}
	switch k.Name {
	case "bpf_throw", "__bpf_trap", "bpf_obj_new_impl", "bpf_percpu_obj_new_impl":
		return false
	case "bpf_cast_to_kern_ctx", "bpf_rdonly_cast", "bpf_dynptr_slice", "bpf_dynptr_slice_rdwr":
		return true
	}
	return k.Ret.Kind != proto.KfuncRetSpecial && k.Flags&(proto.KfuncArenaRet|proto.KfuncArenaArg2) == 0
}

// kfuncSection does what calls do that begin and end sections.
func (w *walker) kfuncSection(c *kfuncCall) *Error {
	s := &w.s.sec
	switch c.name {
	case "bpf_rcu_read_lock":
		if s.rcu > 0 {
			return w.fail(CodeLock, "%s inside a section of its own: they cannot be nested", c.name)
		}
		s.rcu = 1
	case "bpf_rcu_read_unlock":
		if s.rcu == 0 {
			return w.fail(CodeLock, "%s without bpf_rcu_read_lock", c.name)
		}
		s.rcu = 0
		w.endRCU()
	case "bpf_preempt_disable":
		if s.preempt == 255 {
			return w.fail(CodeLimit, "%s in more than %d sections", c.name, s.preempt)
		}
		s.preempt++
	case "bpf_preempt_enable":
		if s.preempt == 0 {
			return w.fail(CodeLock, "%s without bpf_preempt_disable", c.name)
		}
		s.preempt--
	}
	return nil
}

// endRCU makes pointers that were valid within the RCU section ones that may be stale.
func (w *walker) endRCU() {
	w.eachID(func(v *Reg, id *uint32) bool {
		if v.Flags&RCU == 0 {
			return false
		}
		v.Flags = v.Flags&^(RCU|MaybeNull) | Untrusted
		return true
	})
}

// newKfuncDynptr makes the dynptr that a call is asked for.
func (w *walker) newKfuncDynptr(c *kfuncCall) {
	switch c.name {
	case "bpf_dynptr_from_skb":
		c.new.kind = dynptrSkb
	case "bpf_dynptr_from_skb_meta":
		c.new.kind = dynptrSkbMeta
	case "bpf_dynptr_from_xdp":
		c.new.kind = dynptrXDP
	case "bpf_dynptr_clone":
		c.new.kind = c.dynptr.Obj
		w.makeDynptr(*c.new, c.dynptr.Flags, c.dynptr.Ref)
		return
	}
	w.makeDynptr(*c.new, 0, 0)
}

// kfuncResult sets r0.
func (w *walker) kfuncResult(c *kfuncCall) *Error {
	ret := &c.proto.Ret
	if c.done {
		w.f().set(0, known(0), 0)
		return nil
	}
	r, id := Reg{}, uint32(0)
	if ret.Flags&proto.MaybeNull != 0 && c.proto.Flags&proto.KfuncIterNext == 0 && ret.Kind != proto.KfuncRetScalar {
		r.Flags |= MaybeNull
		id = w.s.newID()
	}
	switch ret.Kind {
	case proto.KfuncRetVoid:
		w.f().set(0, Reg{}, 0)
		return nil
	case proto.KfuncRetScalar:
		w.f().set(0, unknown(), 0)
		return nil
	case proto.KfuncRetMem:
		r.Kind, r.Size = PtrToMem, ret.Size
		r.Ref = c.ref
	case proto.KfuncRetBTF:
		r.Kind, r.Obj = PtrToBTFID, w.typeByName(ret.BTF)
	case proto.KfuncRetSpecial:
		if err := w.specialResult(c, &r); err != nil {
			return err
		}
	}
	r.Flags |= resultFlags(ret.Flags)
	if c.proto.Flags&proto.KfuncAcquire != 0 {
		id = w.s.newID()
		w.acquire(refPtr, id)
		r.Ref = id
	}
	w.f().set(0, r, id)
	return nil
}

func resultFlags(f proto.Flag) (flags Flags) {
	for _, x := range []struct {
		p proto.Flag
		f Flags
	}{{proto.Rdonly, Rdonly}, {proto.Untrusted, Untrusted}, {proto.Trusted, Trusted}, {proto.RCU, RCU}} {
		if f&x.p != 0 {
			flags |= x.f
		}
	}
	return flags
}

// specialResult is what the arguments decide.
func (w *walker) specialResult(c *kfuncCall, r *Reg) *Error {
	switch c.name {
	case "bpf_cast_to_kern_ctx":
		name := proto.KernCtx(w.spec.Type.Kernel)
		if name == "" {
			return w.fail(CodeHelper, "%s: the context of programs of type %s is no kernel structure", c.name, w.spec.Type)
		}
		r.Kind, r.Obj, r.Flags = PtrToBTFID, w.typeByName(name), Trusted
	case "bpf_rdonly_cast":
		if c.size == 0 { // void
			r.Kind, r.Flags = PtrToMem, Rdonly|Untrusted
			return nil
		}
		if w.spec.Types == nil {
			return w.fail(CodeUnsupported, "a cast to type %d: the kernel's types are not known here", c.size)
		}
		s := w.spec.Types.Struct(fmt.Sprintf("#%d", c.size))
		if s == nil {
			return w.fail(CodeType, "r2 of %s is %d, which is the number of no structure", c.name, c.size)
		}
		r.Kind, r.Obj, r.Flags = PtrToBTFID, w.typeByName(s.Name), Untrusted
	case "bpf_dynptr_slice", "bpf_dynptr_slice_rdwr":
		r.Kind, r.Size, r.Obj = PtrToMem, uint32(c.size), c.dynID
		r.Flags |= DynptrData
		if c.dynptr.Obj == dynptrSkb || c.dynptr.Obj == dynptrXDP {
			r.Flags |= packetSlice
		}
		if c.name == "bpf_dynptr_slice" {
			r.Flags |= Rdonly
		} else if !w.packetWritable() {
			return w.fail(CodeType, "%s: programs of type %s may not write to packets", c.name, w.spec.Type)
		}
	}
	return nil
}
