package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// Offsets in maps.TailTarget.
const (
	targetCode  = 0
	targetID    = 8
	targetClass = 12
)

// tailCall jumps to another program at the same depth, or goes on. The slot is read with acquire, so that the
// host finds the target's entry in its table.
func (e *expander) tailCall(op *ir.Op) {
	miss := e.newLabel()
	if op.Off != 0 {
		e.constant(rT0, uint64(uint32(op.Off)))
		e.emit(Subs(X, ZR, 2, rT0, LSL, 0))
		e.branchIf(NE, miss)
	}
	e.compareImm(W, 3, uint64(op.Aux))
	e.branchIf(HS, miss)
	e.constant(rT1, uint64(op.Imm))
	e.emit(AddExt(X, rT1, rT1, 3, UXTW, 3), Ldar(8, rT1, rT1))
	e.branchZero(X, rT1, true, miss)
	e.emit(Access(LDR, 4, rT0, rT1, targetClass))
	if op.Stride&1 != 0 {
		f, _ := bitmask(W, 1)
		e.emit(OrrImm(W, rT0, rT0, f))
	}
	e.compareImm(W, rT0, uint64(op.Stride))
	e.branchIf(NE, miss)
	e.emit(Access(LDR, 4, rT0, rState, uint32(ir.OffTails)), SubsImm(W, ZR, rT0, ir.MaxTailCalls))
	e.branchIf(HS, miss)
	e.emit(SubsImm(X, ZR, rFuel, uint64(op.From)))
	e.branchIf(LO, miss)
	e.emit(
		SubImm(X, rFuel, rFuel, uint64(op.From)),
		AddImm(W, rT0, rT0, 1),
		Access(STR, 4, rT0, rState, uint32(ir.OffTails)),
		Access(LDR, 4, rT0, rT1, targetID),
		Access(STR, 4, rT0, rState, uint32(ir.OffProg)),
		Access(LDR, 8, rExit, rT1, targetCode),
		Movn(X, 0, -ir.TailError-1, 0),
		Br(rExit),
	)
	e.place(miss)
}
