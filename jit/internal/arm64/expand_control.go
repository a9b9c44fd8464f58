package arm64

import (
	"math/bits"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// control expands an op of control flow.
func (e *expander) control(op *ir.Op) {
	switch op.Kind {
	case ir.Label:
		if e.exists(op.Target) {
			e.join(op.Target)
		}
		e.place(op.Target)
	case ir.Jump:
		e.jump(e.label(op.Target))
	case ir.Refund:
		e.addImm(X, rFuel, rFuel, uint64(op.Imm))
	case ir.Charge:
		e.charge(op)
		e.branchIf(LO, e.cold(op.Exit))
	case ir.CondJump:
		e.condJump(op)
	case ir.MayGoto:
		e.emit(Access(LDR, 4, rT0, rStack, 8))
		e.branchZero(W, rT0, true, e.label(op.Target))
		e.emit(SubImm(W, rT0, rT0, 1), Access(STR, 4, rT0, rStack, 8))
	case ir.Func:
		e.prologue(op)
	case ir.Return:
		e.epilogue(op)
	case ir.Call:
		if uint32(op.Target) >= uint32(len(e.list.Funcs)) || e.list.Funcs[op.Target].Root {
			e.fail("call of function %d", op.Target)
			return
		}
		if int64(op.Off) != e.lift(op.Target) {
			e.fail("a call that moves R10 by %d bytes", op.Off)
		}
		e.emit(Subs(X, ZR, rFrame, rLimit, LSL, 0))
		e.branchIf(HS, e.cold(op.Exit))
		e.branch(Bl(0), reach26, e.funcs+op.Target)
		e.held.clear()
	case ir.CallIndirect:
		if op.Off != guest.FrameStride {
			e.fail("an indirect call that moves R10 by %d bytes", op.Off)
		}
		e.emit(Access(LDR, 8, rExit, rState, uint32(ir.OffTarget)), Blr(rExit))
		e.held.clear()
	case ir.Leave:
		e.leave(e.exit(op.Exit))
	default:
		e.fail("kind %d is not known", op.Kind)
	}
}

// cold is a label of code behind the program that leaves by an exit.
func (e *expander) cold(exit int32) int32 {
	l := e.newLabel()
	e.colds = append(e.colds, cold{l, e.exit(exit)})
	return l
}

// leave goes to the common exit.
func (e *expander) leave(exit int32) {
	e.constant(rExit, uint64(uint32(exit)))
	e.jump(e.common)
}

// charge takes fuel; the carry is clear (LO) if there was less.
func (e *expander) charge(op *ir.Op) {
	v := uint64(op.Imm)
	if fitsAddSub(v) {
		e.emit(SubsImm(X, rFuel, rFuel, v))
		return
	}
	e.constant(rImm, v)
	e.emit(Subs(X, rFuel, rFuel, rImm, LSL, 0))
}

// lift is by how many bytes a function moves R10 up.
func (e *expander) lift(fn int32) int64 {
	if e.list.Funcs[fn].Inner {
		return 0
	}
	return guest.FrameStride
}

// moveFrame moves R10 in both its forms.
func (e *expander) moveFrame(by int64) {
	e.addImm(X, rFrame, rFrame, uint64(by))
	e.addImm(X, rGuest, rGuest, uint64(by))
}

// conds are the conditions after a compare of D with B.
var conds = [...]Cond{
	ir.Eq: EQ, ir.Ne: NE, ir.Gt: HI, ir.Le: LS, ir.Ge: HS, ir.Lt: LO,
	ir.SGt: GT, ir.SLe: LE, ir.SGe: GE, ir.SLt: LT, ir.Set: NE, ir.Clear: EQ,
}

func (e *expander) condJump(op *ir.Op) {
	if int(op.Cond) >= len(conds) {
		e.fail("condition %d", op.Cond)
		return
	}
	w, d, to := e.width(op), e.reg(op.Dst), e.label(op.Target)
	v := immediate(w, op)
	if (op.Cond == ir.Set || op.Cond == ir.Clear) && op.UseImm && v != 0 && v&(v-1) == 0 {
		e.branchBit(d, uint32(bits.TrailingZeros64(v)), op.Cond == ir.Clear, to)
		return
	}
	if op.UseImm && v == 0 {
		switch op.Cond {
		case ir.Eq, ir.Ne:
			e.branchZero(w, d, op.Cond == ir.Eq, to)
			return
		case ir.Gt, ir.Le: // unsigned: not 0, 0
			e.branchZero(w, d, op.Cond == ir.Le, to)
			return
		case ir.SLt, ir.SGe: // the sign
			e.branchBit(d, w.bits()-1, op.Cond == ir.SGe, to)
			return
		}
	}
	e.branchIf(e.compare(op), to)
}

// compareImm sets the flags of d - v.
func (e *expander) compareImm(w Width, d Reg, v uint64) {
	neg := -v
	if w == W {
		neg = uint64(uint32(neg))
	}
	switch {
	case fitsAddSub(v):
		e.emit(SubsImm(w, ZR, d, v))
	case fitsAddSub(neg):
		// d + -v has the flags of d - v but for v = 0.
		e.emit(AddsImm(w, ZR, d, neg))
	default:
		e.constant(rImm, v)
		e.emit(Subs(w, ZR, d, rImm, LSL, 0))
	}
}

// prologue saves R6 to R9 and the link, sets the may_goto budget, moves R10 and zeroes what is to
// be zeroed of the frame.
func (e *expander) prologue(op *ir.Op) {
	e.held.clear()
	if uint32(op.Target) >= uint32(len(e.list.Funcs)) {
		e.fail("function %d does not exist", op.Target)
		return
	}
	e.place(e.funcs + op.Target)
	if !e.list.Funcs[op.Target].Root {
		e.constant(rT0, mayGotoBudget)
		e.emit(
			StpPre(X, rState, rT0, rStack, -8*frameWords),
			Stp(X, 9, 8, rStack, 8*ir.FrameR9),
			Stp(X, 7, 6, rStack, 8*ir.FrameR7),
			Access(STR, 8, LR, rStack, 8*ir.FrameRet),
		)
		e.moveFrame(e.lift(op.Target))
	}
	if op.Target == 0 && e.list.Funcs[0].Root && !e.list.Plain {
		e.held.via[1] = via{at: viaRoot}
	}
	n := op.Imm
	if n < 0 || n > frameBias || n%16 != 0 {
		e.fail("%d bytes of frame to zero", n)
		return
	}
	at := int32(frameBias - n)
	if n >= 64 {
		e.emit(ZeroQ(0))
		for ; at <= frameBias-32; at += 32 {
			e.emit(StpQ(0, 0, rFrame, at))
		}
	}
	for ; at < frameBias; at += 16 {
		e.addPairZero(at)
	}
}

// addPairZero zeroes 16 bytes of the frame.
func (e *expander) addPairZero(at int32) {
	if fitsPair(8, int64(at)) {
		e.emit(Stp(X, ZR, ZR, rFrame, at))
		return
	}
	e.emit(Access(STR, 8, ZR, rFrame, uint32(at)), Access(STR, 8, ZR, rFrame, uint32(at)+8))
}

// frameWords is the size of a frame on the native stack. That stack is no SP, so it
// needs no alignment to 16 bytes.
const frameWords = ir.FrameRet + 1

// epilogue ends a function: R0 stays.
func (e *expander) epilogue(op *ir.Op) {
	if uint32(op.Target) >= uint32(len(e.list.Funcs)) {
		e.fail("return from function %d", op.Target)
		return
	}
	if e.list.Funcs[op.Target].Root {
		if e.op+1 < len(e.ops) {
			e.jump(e.done)
		}
		return
	}
	if e.ended[op.Target] {
		e.jump(e.ends + op.Target)
		return
	}
	e.ended[op.Target] = true
	e.place(e.ends + op.Target)
	e.moveFrame(-e.lift(op.Target))
	e.emit(
		Access(LDR, 8, LR, rStack, 8*ir.FrameRet),
		Ldp(X, 9, 8, rStack, 8*ir.FrameR9),
		Ldp(X, 7, 6, rStack, 8*ir.FrameR7),
		AddImm(X, rStack, rStack, 8*frameWords),
		Ret(LR),
	)
}
