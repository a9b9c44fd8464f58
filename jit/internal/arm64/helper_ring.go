package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// Offsets from maps.RingHead.
const (
	ringProd    = 0
	ringCons    = 64
	ringWaiting = 72
	ringHeaders = 128
)

// Bits of a record's header, see package maps.
const (
	ringBusy      = 1 << 31
	ringDiscard   = 1 << 30
	ringDone      = 1 << 29
	ringMaxRecord = ringDone - 1
)

// ringReserve takes room by moving the producer position, then writes the header. R0, R1 and R5 are free.
func (e *expander) ringReserve(op *ir.Op) {
	full, end := e.newLabel(), e.newLabel()
	head, size := rT0, rT1
	if op.UseImm {
		e.constant(size, uint64((op.Off+8+7)&^7))
	} else {
		s := e.reg(op.Src)
		e.constant(rImm, ringMaxRecord)
		e.emit(Subs(X, ZR, s, rImm, LSL, 0))
		e.branchIf(HI, full)
		f, _ := bitmask(X, ^uint64(7))
		e.emit(AddImm(X, size, s, 8+7), AndImm(X, size, size, f))
	}
	e.constant(head, uint64(op.Imm))
	again := len(e.code)
	e.emit(
		AddImm(X, rExit, head, ringCons),
		Ldar(8, 1, rExit), // before the producer's
		Ldar(8, 0, head),
		Add(X, 5, 0, size, LSL, 0),
		Sub(X, 1, 5, 1, LSL, 0),
	)
	e.constant(rImm, uint64(op.Stride))
	e.emit(Subs(X, ZR, 1, rImm, LSL, 0))
	e.branchIf(HI, full)
	if e.features.LSE {
		e.emit(Mov(X, 1, 0), Casal(8, 1, 5, head), Subs(X, ZR, 1, 0, LSL, 0), BCond(NE, int32(4*(again-len(e.code)-3))))
	} else {
		e.emit(Ldaxr(8, 1, head), Subs(X, ZR, 1, 0, LSL, 0), BCond(NE, int32(4*(again-len(e.code)-2))))
		e.emit(Stlxr(8, rExit, 5, head), Cbnz(W, rExit, int32(4*(again-len(e.code)-1))))
	}
	f, ok := bitmask(W, uint64(op.Stride))
	if !ok {
		e.fail("ring of %d bytes", op.Stride)
	}
	e.emit(AndImm(W, 0, 0, f), Add(X, 5, head, 0, LSR, 1))
	busy, _ := bitmask(W, ringBusy)
	if op.UseImm {
		e.constant(1, uint64(uint32(op.Off)|ringBusy))
	} else {
		e.emit(OrrImm(W, 1, e.reg(op.Src), busy))
	}
	e.emit(AddImm(X, 5, 5, ringHeaders), Stlr(4, 1, 5))
	e.addImm(W, 0, 0, uint64(op.Aux+8))
	e.jump(end)
	e.place(full)
	e.emit(Mov(X, 0, ZR))
	e.place(end)
}

// ringCommit exchanges the header, then looks for readers. R0 and R3 are free.
func (e *expander) ringCommit(op *ir.Op) {
	not, end := e.newLabel(), e.newLabel()
	e.constant(rImm, uint64(op.Aux+8))
	e.emit(Sub(X, rT0, 1, rImm, LSL, 0))
	e.constant(rImm, uint64(op.Stride))
	e.emit(Subs(X, ZR, rT0, rImm, LSL, 0))
	e.branchIf(HI, not)
	f, _ := bitmask(W, 7)
	e.emit(AndsImm(W, ZR, rT0, f))
	e.branchIf(NE, not)
	e.constant(rT1, uint64(op.Imm))
	e.emit(Add(X, rT0, rT1, rT0, LSR, 1), AddImm(X, rT0, rT0, ringHeaders), Ldar(4, 0, rT0))
	e.branchBit(0, 31, true, not)
	state := uint64(ringDone)
	if op.Signed {
		state |= ringDiscard
	}
	e.constant(rImm, ringBusy^state) // the bits are apart: taking one and adding others is one exclusive or
	e.emit(Eor(W, rImm, 0, rImm, LSL, 0))
	if e.features.LSE {
		e.emit(Mov(W, 3, 0), Casal(4, 3, rImm, rT0), Subs(W, ZR, 3, 0, LSL, 0))
		e.branchIf(NE, not)
	} else {
		again := len(e.code)
		e.emit(Ldaxr(4, 3, rT0), Subs(W, ZR, 3, 0, LSL, 0))
		e.branchIf(NE, not)
		e.emit(Stlxr(4, rExit, rImm, rT0))
		e.emit(Cbnz(W, rExit, int32(4*(again-len(e.code)))))
	}
	e.emit(DmbIsh, Mov(X, 0, ZR))
	e.branchBit(2, 0, false, end) // BPF_RB_NO_WAKEUP
	e.emit(Access(LDR, 4, rT0, rT1, ringWaiting))
	e.branchZero(W, rT0, true, end)
	e.constant(0, ir.CommitWake)
	e.jump(end)
	e.place(not)
	e.constant(0, ir.CommitNot)
	e.place(end)
}
