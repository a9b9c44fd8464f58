package amd64

import "github.com/gbpf/gbpf/jit/internal/ir"

// clock reads the time stamp counter behind all loads that stand before it, so that what another processor did
// before they saw it happened earlier.
func (x *expander) clock() {
	x.held = ir.None
	x.byte(0x0f, 0xae, 0xe8) // lfence
	x.byte(0x0f, 0x31)       // rdtsc
	x.shiftI(64, shShl, RDX, 32)
	x.aluRR(64, aluOr, RAX, RDX)
	x.movRM(64, scratch, at(RSP, 0))
	x.movRM(64, scratch, at(scratch, int32(ir.OffClock)))
	x.movRM(64, scratch, at(scratch, 0))
	x.aluRM(64, aluSub, RAX, at(scratch, lineTicks))
	x.aluRM(64, aluCmp, RAX, at(scratch, lineValid))
	stale := x.short(CCAE)
	x.movRM(64, temp, at(scratch, lineRate))
	x.imulRR(64, RAX, temp)
	x.shiftI(64, shShr, RAX, 32)
	x.aluRM(64, aluAdd, RAX, at(scratch, lineStart))
	end := x.shortJmp()
	x.land(stale)
	x.aluRR(32, aluXor, RAX, RAX)
	x.land(end)
}

// Offsets in hostclock.Line.
const (
	lineTicks = 0
	lineStart = 8
	lineRate  = 16
	lineValid = 24
)
