package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// Arm ARM C5.2 and D19.12: the virtual counter, and the barrier that keeps it from being read early.
const (
	isb        = 0xd5033fdf
	mrsCNTVCT0 = 0xd53be040 // mrs x0, cntvct_el0
)

// Offsets in hostclock.Line.
const (
	lineTicks = 0
	lineStart = 8
	lineRate  = 16
	lineValid = 24
)

// clock is the body that reads the counter behind all loads that stand before it.
func (e *expander) clock() {
	stale, end := e.newLabel(), e.newLabel()
	e.emit(
		isb, mrsCNTVCT0, isb,
		Access(LDR, 8, rT1, rState, uint32(ir.OffClock)), Ldar(8, rT1, rT1),
		Access(LDR, 8, rT0, rT1, lineTicks), Access(LDR, 8, rImm, rT1, lineValid),
		Sub(X, 0, 0, rT0, LSL, 0), Subs(X, ZR, 0, rImm, LSL, 0),
	)
	e.branchIf(HS, stale)
	e.emit(
		Access(LDR, 8, rT0, rT1, lineRate), Access(LDR, 8, rT1, rT1, lineStart),
		Madd(X, 0, 0, rT0, ZR), Add(X, 0, rT1, 0, LSR, 32),
	)
	e.jump(end)
	e.place(stale)
	e.emit(Mov(X, 0, ZR))
	e.place(end)
}
