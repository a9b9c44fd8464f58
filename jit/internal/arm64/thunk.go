package arm64

import (
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// stackTop is the end of the native stack, an offset in the state block.
const stackTop = uint64(ir.OffStack) + 8*ir.MaxFrames*ir.FrameWordsMax

// finish emits the end of a run whose outermost function returned.
func (e *expander) finish() {
	e.place(e.done)
	e.emit(
		Access(STR, 8, 0, rState, uint32(ir.OffR)),
		Access(STR, 8, rFuel, rState, uint32(ir.OffFuel)),
		Movn(W, rExit, 0, 0), // Done
		Access(STR, 4, rExit, rState, uint32(ir.OffExit)),
		Access(LDR, 8, LR, rState, uint32(ir.OffLink)),
		Ret(LR),
	)
}

// thunks emits what the stub calls, and where the program leaves: with the
// state block in rState and the way back in LR.
func (e *expander) thunks(n *ir.Native) {
	e.op = len(e.ops)
	here := func() uint32 { return uint32(4 * len(e.code)) }

	e.place(e.common)
	for r := Reg(0); r < 10; r += 2 {
		e.emit(Stp(X, r, r+1, rState, int32(ir.OffR)+8*int32(r)))
	}
	e.emit(
		Access(STR, 8, rGuest, rState, uint32(ir.OffR)+80),
		Access(STR, 8, rFuel, rState, uint32(ir.OffFuel)),
		Access(STR, 4, rExit, rState, uint32(ir.OffExit)),
	)
	// The native stack, from rStack to the top, is copied down to State.Stack[0]. What
	// is read is never below what is written.
	e.addImm(X, rT0, rState, uint64(ir.OffStack))
	e.addImm(X, rT1, rState, stackTop)
	e.emit(Sub(X, rAddr, rT1, rStack, LSL, 0), LsrImm(X, rAddr, rAddr, 3),
		Access(STR, 4, rAddr, rState, uint32(ir.OffWords)))
	e.emit(
		AccessPost(LDR, 8, rImm, rStack, 8),
		AccessPost(STR, 8, rImm, rT0, 8),
		Subs(X, ZR, rStack, rT1, LSL, 0),
		BCond(LO, -12),
		Access(LDR, 8, LR, rState, uint32(ir.OffLink)),
		Ret(LR),
	)

	// A program starts with R1, R2 and R10; the others are 0.
	n.Start = here()
	e.saveLink()
	e.emit(Mov(X, 0, ZR), Ldp(X, 1, 2, rState, int32(ir.OffR)+8))
	for r := Reg(3); r < 10; r++ {
		e.emit(Mov(X, r, ZR))
	}
	e.enter()
	if n.Root = uint32(4 * max(0, e.labels[e.funcs])); e.list.Funcs[0].Root {
		if e.root {
			n.Root = here()
			e.confined(via{at: viaRoot}.host(), 1)
		}
		e.jump(e.funcs)
	} else {
		e.moveFrame(-e.lift(0))
		e.branch(Bl(0), reach26, e.funcs)
		e.jump(e.done)
	}

	n.Callee = here()
	e.restore()
	e.enter()
	e.moveFrame(-guest.FrameStride) // the function moves it up again
	e.emit(Access(LDR, 8, rExit, rState, uint32(ir.OffTarget)), Blr(rExit))
	e.jump(e.done)

	n.Resume = here()
	e.restore()
	e.fixed()
	e.emit(Access(LDR, 4, rAddr, rState, uint32(ir.OffWords)))
	e.addImm(X, rT0, rState, uint64(ir.OffStack))
	e.emit(
		Add(X, rT0, rT0, rAddr, LSL, 3),
		AccessPre(LDR, 8, rImm, rT0, -8),
		AccessPre(STR, 8, rImm, rStack, -8),
		SubsImm(W, rAddr, rAddr, 1),
		BCond(NE, -12),
		Access(LDR, 8, rExit, rState, uint32(ir.OffResume)),
		Br(rExit),
	)
}

// enter loads what is in fixed registers and makes the base frame.
func (e *expander) enter() {
	e.fixed()
	e.emit(
		Access(LDR, 4, rT0, rState, uint32(ir.OffBudget)),
		StpPre(X, rState, rT0, rStack, -8*ir.FrameBase),
	)
}

// saveLink keeps the way back to the stub.
func (e *expander) saveLink() { e.emit(Access(STR, 8, LR, rState, uint32(ir.OffLink))) }

// restore saves the way back and loads R0 to R9.
func (e *expander) restore() {
	e.saveLink()
	for r := Reg(0); r < 10; r += 2 {
		e.emit(Ldp(X, r, r+1, rState, int32(ir.OffR)+8*int32(r)))
	}
}

// fixed loads R10, fuel, the window and the bounds, with an empty native stack.
func (e *expander) fixed() {
	e.emit(
		Access(LDR, 8, rGuest, rState, uint32(ir.OffR)+80),
		Access(LDR, 8, rFuel, rState, uint32(ir.OffFuel)),
		Access(LDR, 8, rBase, rState, uint32(ir.OffBase)),
		Access(LDR, 8, rLimit, rState, uint32(ir.OffLimit)),
		AddExt(X, rFrame, rBase, rGuest, UXTW, 0),
		SubImm(X, rFrame, rFrame, frameBias),
		AddExt(X, rLimit, rBase, rLimit, UXTW, 0),
		SubImm(X, rLimit, rLimit, frameBias),
	)
	e.addImm(X, rStack, rState, stackTop)
}
