package verifier

import (
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
)

// pointerALU walks dst = ptr op num, or num op ptr if swapped. What may be added to which
// pointer is an allow-list.
func (w *walker) pointerALU(in *isa.Insn, info *isa.Info, ptr, num *Reg, id uint32, swapped bool) *Error {
	f := w.f()
	dst := int(in.Dst)
	op := info.AluOp
	name := in.Dst
	if swapped {
		name = in.Src
	}
	if info.Width != 64 {
		if op == isa.AluSub && w.leaks {
			f.set(dst, Reg{Kind: Scalar, Var: scalar.ZeroExtend(4)}, 0)
			return nil
		}
		return w.fail(CodeArithmetic, "32-bit arithmetic on %s, which is %s", name, w.describe(ptr))
	}
	if ptr.Flags&MaybeNull != 0 {
		return w.fail(CodeNull, "arithmetic on %s, which is %s: test it for NULL first", name, w.describe(ptr))
	}
	if ptr.Kind == PtrToMem && ptr.Flags&Untrusted != 0 {
		// Where it points is checked at run time, so that offsets need not be followed.
		if !swapped {
			f.set(dst, *ptr, id)
		}
		return nil
	}
	c, isConst := num.Var.Const()
	switch ptr.Kind {
	case PtrToCtx, PtrToMapValue, PtrToMapKey, PtrToStack, PtrToPacketMeta, PtrToPacket, PtrToTPBuffer, PtrToBTFID,
		PtrToMem, PtrToBuf, PtrToFunc, PtrToDynptr:
	case PtrToArena:
		if op == isa.AluAdd || op == isa.AluSub {
			f.set(dst, pointer(PtrToArena), 0)
			return nil
		}
	case PtrToFlowKeys:
		if !isConst {
			return w.fail(CodeArithmetic, "arithmetic on %s, which is %s, with a number that is not known", name, w.describe(ptr))
		}
	case ConstPtrToMap:
		if isConst && c == 0 && op == isa.AluAdd {
			break
		}
		fallthrough
	default:
		return w.fail(CodeArithmetic, "arithmetic on %s, which is %s", name, w.describe(ptr))
	}
	if err := w.saneOffset(num, ptr); err != nil {
		return err
	}
	if err := w.saneOffset(ptr, ptr); err != nil {
		return err
	}
	r := *ptr
	rid := id
	packet := r.Kind == PtrToPacket || r.Kind == PtrToPacketMeta
	switch op {
	case isa.AluAdd:
		if sum := int64(ptr.Off) + int64(c); isConst && sum == int64(int32(sum)) && int64(c) == int64(int32(c)) {
			r.Off = int32(sum)
			break
		}
		r.Var = scalar.ALU(isa.AluAdd, 64, ptr.Var, num.Var)
		if packet {
			rid, r.Size = w.s.newID(), 0
		}
	case isa.AluSub:
		if swapped {
			return w.fail(CodeArithmetic, "%s, a pointer, is subtracted from a number", name)
		}
		if ptr.Kind == PtrToStack {
			return w.fail(CodeArithmetic, "subtraction from %s, which is %s: add a negative number", name, w.describe(ptr))
		}
		if diff := int64(ptr.Off) - int64(c); isConst && diff == int64(int32(diff)) && int64(c) == int64(int32(c)) {
			r.Off = int32(diff)
			break
		}
		r.Var = scalar.ALU(isa.AluSub, 64, ptr.Var, num.Var)
		if packet {
			rid, r.Size = w.s.newID(), 0
		}
	default:
		return w.fail(CodeArithmetic, "%s on %s, which is %s: pointers can only be added to and subtracted from", op, name, w.describe(ptr))
	}
	if packet && r.Size > maxPacket {
		r.Size = 0
	}
	if err := w.saneOffset(&r, ptr); err != nil {
		return err
	}
	f.set(dst, r, rid)
	return nil
}

// saneOffset refuses offsets so large that sums of them could wrap. r is a number that is added
// to a pointer, or a pointer whose own offset is looked at.
func (w *walker) saneOffset(r, ptr *Reg) *Error {
	if v, ok := r.Var.Const(); ok && (int64(v) >= maxVarOff || int64(v) <= -maxVarOff) {
		return w.fail(CodeArithmetic, "%d added to %s: offsets must be below %d", int64(v), w.describe(ptr), maxVarOff)
	}
	if r.isPtr() && (r.Off >= maxVarOff || r.Off <= -maxVarOff) {
		return w.fail(CodeArithmetic, "%s has an offset of %d: offsets must be below %d", w.describe(ptr), r.Off, maxVarOff)
	}
	if r.Var.SMin == -1<<63 {
		return w.fail(CodeArithmetic, "a number without a lower bound is added to %s", w.describe(ptr))
	}
	if r.Var.SMin >= maxVarOff || r.Var.SMin <= -maxVarOff {
		return w.fail(CodeArithmetic, "a number that may be as low as %d is added to %s: offsets must be below %d", r.Var.SMin, w.describe(ptr), maxVarOff)
	}
	return nil
}
