package amd64

import "github.com/gbpf/gbpf/jit/internal/ir"

// Offsets from maps.RingHead.
const (
	ringProd    = 0
	ringCons    = 64
	ringWaiting = 72
	ringHeaders = 128
)

// Bits of a record's header, see package maps, and the flag BPF_RB_NO_WAKEUP.
const (
	ringBusy      = -1 << 31
	ringDiscard   = 1 << 30
	ringDone      = 1 << 29
	ringMaxRecord = ringDone - 1
	ringNoWakeup  = 1
)

// ringReserve takes room by moving the producer position, then writes the header. R0, R1 and R5 are free.
func (x *expander) ringReserve(op *ir.Op) {
	x.held = ir.None
	cons, next := regs[1], regs[5]
	var full []int
	if op.UseImm {
		x.movRI(scratch, int64((op.Off+8+7)&^7))
	} else {
		size := regs[op.Src]
		x.aluRI(64, aluCmp, size, ringMaxRecord)
		full = append(full, x.jcc(CCA))
		x.lea(64, scratch, at(size, 8+7))
		x.aluRI(64, aluAnd, scratch, -8)
	}
	x.movRI(temp, op.Imm)
	again := len(x.b)
	x.movRM(64, cons, at(temp, ringCons)) // before the producer's
	x.movRM(64, RAX, at(temp, ringProd))
	x.lea(64, next, Mem{Base: RAX, Index: scratch})
	x.neg(64, cons)
	x.aluRR(64, aluAdd, cons, next)
	x.aluRI(64, aluCmp, cons, int32(op.Stride))
	full = append(full, x.jcc(CCA))
	x.lockCmpxchg(64, at(temp, ringProd), next)
	x.byte(0x70|byte(CCNE), byte(again-len(x.b)-2))
	x.aluRI(32, aluAnd, RAX, int32(op.Stride))
	x.movRR(32, next, RAX)
	x.shiftI(32, shShr, next, 1)
	header := Mem{Base: temp, Index: next, Disp: ringHeaders}
	if op.UseImm {
		x.movMI32(header, op.Off|ringBusy)
	} else {
		x.movRR(32, cons, regs[op.Src])
		x.aluRI(32, aluOr, cons, ringBusy)
		x.movMR(32, header, cons)
	}
	x.aluRI(32, aluAdd, RAX, int32(op.Aux+8))
	end := x.shortJmp()
	for _, f := range full {
		x.patch(f)
	}
	x.aluRR(32, aluXor, RAX, RAX)
	x.land(end)
}

// ringCommit exchanges the header, then looks for readers. R0 and R3 are free.
func (x *expander) ringCommit(op *ir.Op) {
	x.held = ir.None
	done := regs[3]
	x.movRI(scratch, int64(op.Aux+8))
	x.movRR(64, temp, regs[1])
	x.aluRR(64, aluSub, temp, scratch)
	x.aluRI(64, aluCmp, temp, int32(op.Stride))
	not := []int{x.jcc(CCA)}
	x.testRI(32, temp, 7)
	not = append(not, x.jcc(CCNE))
	x.movRI(scratch, op.Imm)
	x.shiftI(32, shShr, temp, 1)
	header := Mem{Base: scratch, Index: temp, Disp: ringHeaders}
	x.movRM(32, RAX, header)
	x.testRR(32, RAX, RAX)
	not = append(not, x.jcc(CCS^1))
	state := int32(ringDone)
	if op.Signed {
		state |= ringDiscard
	}
	x.lea(32, done, at(RAX, state^ringBusy)) // the bits are apart: taking one and adding others is one addition
	x.lockCmpxchg(32, header, done)
	not = append(not, x.jcc(CCNE))
	x.aluRR(32, aluXor, RAX, RAX)
	x.testRI(32, regs[2], ringNoWakeup)
	quiet := x.short(CCNE)
	x.aluMI(32, aluCmp, at(scratch, ringWaiting), 0)
	alone := x.short(CCE)
	x.movRI(RAX, ir.CommitWake)
	x.land(quiet)
	x.land(alone)
	end := x.shortJmp()
	for _, f := range not {
		x.patch(f)
	}
	x.movRI(RAX, ir.CommitNot)
	x.land(end)
}
