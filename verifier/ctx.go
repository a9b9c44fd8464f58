package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/progtype"
)

// ctxAccess checks an access to the context against the program type's layout.
func (w *walker) ctxAccess(a *access, r *Reg) *Error {
	if r.Off != 0 || !r.fixed() || r.Var.Var.Value != 0 {
		return w.fail(CodeType, "%s through %s, which was the context but had %s added: use the context pointer as it was given", a.what(), a.reg, w.offset(r, int(r.Off)))
	}
	off := a.off
	if off < 0 {
		return w.fail(CodeContext, "%s of %d bytes at offset %d, before the context", a.what(), a.size, off)
	}
	if w.spec.Type.Kernel == typeSyscall && off%a.size == 0 && off+a.size <= int(w.layout.Size) {
		w.ctxFact(r, off, a.size)
		if !a.write {
			w.loaded(a, unknownScalar)
		}
		return nil
	}
	if w.tracingArgs() {
		return w.argAccess(a, r, off)
	}
	want := progtype.Read
	if a.write {
		want = progtype.Write
	}
	f, ok := w.layout.At(uint32(off), uint32(a.size), want)
	if !ok {
		return w.ctxRefused(a, off)
	}
	w.ctxFact(r, off, a.size)
	if a.write {
		return nil
	}
	k, flags := NotInit, Flags(0)
	switch f.Kind {
	case progtype.PacketData:
		k = PtrToPacket
	case progtype.PacketEnd:
		k = PtrToPacketEnd
	case progtype.PacketMeta:
		k = PtrToPacketMeta
	case progtype.Pointer:
		return w.loadCtxPointer(a, f)
	default:
		if a.value >= 0 {
			w.f().set(a.value, Reg{Kind: Scalar, Var: extend(unknownScalar, a.size, a.signed)}, 0)
		}
		return nil
	}
	if a.signed {
		return w.ctxRefused(a, off)
	}
	if a.value >= 0 {
		// What the loads of one field give is one pointer: they share what is found out of it, as pointers with
		// no identity of their own do.
		w.f().set(a.value, Reg{Kind: k, Flags: flags}, 0)
	}
	return nil
}

// pointerTargets are the kinds that context fields of type pointer have.
var pointerTargets = map[string]Kind{
	progtype.TargetSock: PtrToSocket, progtype.TargetSockCommon: PtrToSockCommon, progtype.TargetTCPSock: PtrToTCPSock,
	progtype.TargetXDPSock: PtrToXDPSock, progtype.TargetFlowKeys: PtrToFlowKeys, progtype.TargetTPBuffer: PtrToTPBuffer,
}

// structLayout is the layout of what a pointer of such a kind points to.
func structLayout(k Kind) *progtype.Layout {
	switch k {
	case PtrToSocket:
		return progtype.Sock
	case PtrToSockCommon:
		return progtype.SockCommon
	case PtrToTCPSock:
		return progtype.TCPSock
	case PtrToXDPSock:
		return progtype.XDPSock
	case PtrToFlowKeys:
		return progtype.FlowKeys
	}
	return nil
}

func (w *walker) loadCtxPointer(a *access, f *progtype.Field) *Error {
	if a.signed || a.size != 8 {
		return w.ctxRefused(a, int(f.Off))
	}
	r := Reg{Kind: PtrToBTFID, Flags: Trusted}
	if k, ok := pointerTargets[f.Target]; ok {
		r = Reg{Kind: k}
	} else {
		r.Obj = w.typeByName(f.Target)
	}
	id := uint32(0)
	if f.Nullable {
		r.Flags |= MaybeNull
		id = w.s.newID()
	}
	if a.value >= 0 {
		w.f().set(a.value, r, id)
	}
	return nil
}

// ctxFact notes an access to the context.
func (w *walker) ctxFact(r *Reg, off, size int) {
	w.ctxMax = max(w.ctxMax, off+size)
	c := *r
	c.Off, c.Var = 0, scalar.Const(0)
	w.fact(&c, off, size, true)
}

func (w *walker) ctxRefused(a *access, off int) *Error {
	return w.fail(CodeContext, "%s", w.ctxReason(a, off))
}

// structAccess is for sockets and other structures with fields of their own.
func (w *walker) structAccess(a *access, r *Reg, off int) *Error {
	l := structLayout(r.Kind)
	if a.write && r.Kind != PtrToFlowKeys {
		return w.fail(CodeType, "store through %s, which is %s: it is read-only", a.reg, w.describe(r))
	}
	if !r.fixed() || r.Var.Var.Value != 0 {
		return w.fail(CodeBounds, "%s through %s, which is %s, at an offset that is not known", a.what(), a.reg, w.describe(r))
	}
	want := progtype.Read
	if a.write {
		want = progtype.Write
	}
	ok := off >= 0
	if ok && l != nil {
		_, ok = l.At(uint32(off), uint32(a.size), want)
	}
	if !ok || l == nil {
		return w.fail(CodeType, "%s of %d bytes at offset %d of %s: no field there may be accessed so", a.what(), a.size, off, w.describe(r))
	}
	w.fact(r, off, a.size, true)
	if !a.write {
		w.loaded(a, unknownScalar)
	}
	return nil
}

// packetWritable reports whether the program may store into the packet.
func (w *walker) packetWritable() bool { return w.spec.Type.PacketWrite }

// packetArg reports whether a helper's memory argument may be in the packet.
func (w *walker) packetArg(pr *proto.Proto) bool {
	switch w.spec.Type.PacketArgs {
	case progtype.PacketArgsAll:
		return true
	case progtype.PacketArgsHelper:
		return pr.PktAccess
	}
	return false
}
