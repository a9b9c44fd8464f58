package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// maxErrno bounds the negative numbers that helpers return (MAX_ERRNO).
const maxErrno = 4095

// callHelper walks the call of a helper and sets pc.
func (w *walker) callHelper(in *isa.Insn, way callWay) *Error {
	id := int32(in.Imm)
	pr := w.p.helper(id)
	if pr == nil {
		if proto.ByID(id) == nil {
			return w.fail(CodeHelper, "there is no helper %d", id)
		}
		return w.fail(CodeHelper, "programs of type %s may not call %s", w.spec.Type, w.calleeName(w.pc)).as(topicNotAllowed)
	}
	c := &callMeta{name: "bpf_" + pr.Name, proto: pr}
	if err := w.mayCall(c, id); err != nil {
		return err
	}
	for i := range pr.Args {
		if pr.Args[i].Kind == proto.DontCare {
			break
		}
		if err := w.checkArg(c, i); err != nil {
			return err.about(isa.R1 + isa.Reg(i))
		}
	}
	if c.m != nil {
		if err := w.mapHelper(c); err != nil {
			return err
		}
	}
	w.helperFacts(c)
	return w.helperEffects(c, way)
}

// mayCall checks what of a call does not depend on its arguments.
func (w *walker) mayCall(c *callMeta, id int32) *Error {
	pr := c.proto
	if w.spec.Helper == nil && w.spec.Type.Kernel != 0 && !proto.AllowedAttach(w.spec.Type.Kernel, w.spec.Attach, w.spec.Sleepable, id) {
		return w.fail(CodeHelper, "programs of type %s may not call %s", w.spec.Type, c.name).as(topicNotAllowed)
	}
	if pr == proto.ByID(id) && pr.Name == "get_func_ip" {
		// The kernel's lists have it for all of tracing, its verifier has not.
		switch k, a := w.spec.Type.Kernel, w.spec.Attach; {
		case k == typeKprobe, k == typeTracing && (a == progtype.AttachTraceFentry || a == progtype.AttachTraceFexit || a == progtype.AttachModifyReturn):
		default:
			return w.fail(CodeHelper, "programs of type %s may not call %s", w.spec.Type, c.name).as(topicNotAllowed)
		}
	}
	if t := w.spec.AttachBTF; t != nil && pr == proto.For(w.spec.Type.Kernel, id) && !proto.AllowedOn(w.spec.Type.Kernel, w.spec.Attach, t.Name, id) {
		return w.fail(CodeHelper, "programs that attach to %s may not call %s", t.Name, c.name).as(topicNotAllowed)
	}
	if pr.GPLOnly && !w.spec.GPL {
		return w.fail(CodeHelper, "%s may be called only by programs under a GPL-compatible licence", c.name).as(topicGPL)
	}
	if pr.MightSleep {
		if !w.maySleep() {
			return w.fail(CodeHelper, "%s may sleep, which this program may not here", c.name)
		}
	}
	if l := w.locked(); l != nil && pr.Name != "spin_unlock" && pr.Name != "spin_lock" {
		return w.fail(CodeLock, "call of %s while the lock taken at insn %d is held", c.name, l.insn).since(l.insn).as(topicLockHeld)
	}
	return nil
}

// maySleep reports whether the program may sleep where it is.
func (w *walker) maySleep() bool {
	if !w.s.sec.sleepable || w.s.sec.rcu > 0 || w.s.sec.preempt > 0 || w.locked() != nil {
		return false
	}
	for i := range w.s.refs {
		if w.s.refs[i].kind == refIRQ {
			return false
		}
	}
	return true
}

// helperFacts notes what engines can build on.
func (w *walker) helperFacts(c *callMeta) {
	f := &w.facts[w.pc]
	now := FactFlags(0)
	if c.m != nil && c.mapNo < uint32(len(w.spec.Maps)) {
		now |= ConstMap
		if c.hasKey && c.key < uint64(c.m.MaxEntries) {
			now |= ConstKey | InBounds
		}
	}
	if f.Flags&Reached == 0 {
		f.Flags |= Reached | now
		f.Map, f.Key = c.mapNo, uint32(c.key)
		return
	}
	f.Flags &= now | Reached
	if f.Flags&ConstMap != 0 && f.Map != c.mapNo {
		f.Flags = Reached
	}
	if f.Flags&ConstKey != 0 && f.Key != uint32(c.key) {
		f.Flags &^= ConstKey
	}
}

// helperEffects does what the call does to the state.
func (w *walker) helperEffects(c *callMeta, way callWay) *Error {
	pr := c.proto
	for _, o := range c.out {
		if err := w.writeBytes(o.frame, o.lo, o.hi, true); err != nil {
			return err
		}
	}
	if err := w.helperDynptrs(c); err != nil {
		return err
	}
	if c.relArg {
		if err := w.releaseArg(c); err != nil {
			return err
		}
	}
	switch pr.Name {
	case "tail_call":
		w.unbounded = true
		if err := w.leftOver("a tail call", true); err != nil {
			return err
		}
	case "get_local_storage":
		if r := w.reg(isa.R2); !r.isNull() {
			return w.fail(CodeType, "r2 of %s is %s: the flags have to be 0", c.name, w.describe(r))
		}
		w.demandReg(isa.R2)
	case "spin_lock", "spin_unlock":
		if err := w.lockCall(c); err != nil {
			return err
		}
	}
	if pr.Callback != nil {
		cb, err := w.helperCallback(c)
		if err != nil {
			return err
		}
		entered, err := w.callback(cb, way)
		if err != nil || entered {
			return err
		}
	}
	w.clobber()
	if pr.ChangesPacket || (c.dynKind == dynptrSkb || c.dynKind == dynptrSkbMeta) && pr.Name == "dynptr_write" {
		w.forgetPacket()
	}
	if err := w.helperResult(c); err != nil {
		return err
	}
	w.pc++
	return nil
}

// releaseArg gives the reference in a releasing argument back.
func (w *walker) releaseArg(c *callMeta) *Error {
	f := w.f()
	r := &f.regs[c.relReg]
	if r.isNull() {
		return nil
	}
	id := r.Ref
	if c.proto.Name == "kptr_xchg" {
		// The map owns it from now on. Within an RCU section what lies on each CPU can still be used.
		if !w.forgetRef(id) {
			return w.fail(CodeReference, "%s of %s holds a reference that was released before", c.relReg, c.name)
		}
		w.eachReg(func(v *Reg, _ uint32) bool {
			switch {
			case v.Ref != id || v.Kind >= numKinds:
				return false
			case w.inRCU() && v.Flags&(Alloc|Percpu) == Alloc|Percpu:
				v.Ref, v.Flags = 0, v.Flags&^Alloc|RCU
			default:
				*v = w.gone()
			}
			return true
		})
		return nil
	}
	if !w.holdsRef(id) {
		return w.fail(CodeReference, "%s of %s is %s, which was released before", c.relReg, c.name, w.describe(r))
	}
	return w.release(id)
}

// helperResult sets r0.
func (w *walker) helperResult(c *callMeta) *Error {
	pr := c.proto
	r, id := Reg{}, uint32(0)
	if pr.Ret.Flags&proto.MaybeNull != 0 {
		r.Flags |= MaybeNull
	}
	switch pr.Ret.Kind {
	case proto.RetInteger:
		w.f().set(0, w.integerResult(c), 0)
		return nil
	case proto.RetVoid:
		w.f().set(0, Reg{}, 0)
		return nil
	case proto.RetPtrToMapValue:
		r.Kind, r.Obj, r.Size = PtrToMapValue, c.mapNo, c.mapUID
		if c.m == nil {
			return w.fail(CodeUnsupported, "%s returns a map's value but takes no map", c.name)
		}
		if r.Flags&MaybeNull != 0 && c.hasKey && c.key < uint64(c.m.MaxEntries) && pr.Name == "map_lookup_elem" {
			r.Flags &^= MaybeNull
		}
		if r.Flags&MaybeNull == 0 {
			w.notNull(&r)
			if hasLock(c.m) {
				id = w.s.newID()
			}
		}
	case proto.RetPtrToSocket:
		r.Kind = PtrToSocket
	case proto.RetPtrToTCPSock:
		r.Kind = PtrToTCPSock
	case proto.RetPtrToSockCommon:
		r.Kind = PtrToSockCommon
	case proto.RetPtrToMem:
		r.Kind, r.Size = PtrToMem, c.alloc
		if pr.Ret.Flags&proto.Ringbuf != 0 {
			r.Flags |= Ringbuf
		}
		if pr.Name == "dynptr_data" {
			r.Flags |= DynptrData
			r.Obj, r.Ref = c.dynID, c.dynRef
		}
	case proto.RetPtrToMemOrBTFID:
		w.percpuResult(c, &r)
	case proto.RetPtrToBTFID:
		if err := w.btfResult(c, &r); err != nil {
			return err
		}
	}
	if r.Flags&MaybeNull != 0 {
		id = w.s.newID()
	}
	switch {
	case isCast(pr.Name):
		r.Ref = c.ref
	case pr.Acquires || pr.Name == "map_lookup_elem" && (c.m.Type == mapSockMap || c.m.Type == mapSockHash):
		id = w.s.newID()
		w.acquire(refPtr, id)
		r.Ref = id
	}
	w.f().set(0, r, id)
	return nil
}

// isCast reports whether a helper returns another view of the socket that it is given.
func isCast(name string) bool {
	switch name {
	case "tcp_sock", "sk_fullsock", "skc_to_tcp_sock", "skc_to_tcp6_sock", "skc_to_udp6_sock", "skc_to_mptcp_sock",
		"skc_to_tcp_timewait_sock", "skc_to_tcp_request_sock", "skc_to_unix_sock":
		return true
	}
	return false
}

// maxCPU is the highest number of a simulated CPU.
const maxCPU = 63

// integerResult is the number that a helper returns.
func (w *walker) integerResult(c *callMeta) Reg {
	r := unknown()
	switch c.proto.Name {
	case "get_stack", "get_task_stack", "probe_read_str", "probe_read_kernel_str", "probe_read_user_str":
		if c.sizeMax <= 1<<31-1 {
			r.Var = scalar.SRange(-maxErrno, int64(c.sizeMax))
		}
	case "get_smp_processor_id":
		r.Var = scalar.URange(0, maxCPU)
	}
	return r
}
