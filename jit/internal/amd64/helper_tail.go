package amd64

import "github.com/gbpf/gbpf/jit/internal/ir"

// Offsets in maps.TailTarget.
const (
	targetCode  = 0
	targetID    = 8
	targetClass = 12
)

// tailCall jumps to another program at the same depth, or goes on. RAX is free: both ways write R0.
func (x *expander) tailCall(op *ir.Op) {
	x.held = ir.None
	var miss []int
	if op.Off != 0 {
		x.aluRI(64, aluCmp, regs[2], op.Off)
		miss = append(miss, x.jcc(CCNE))
	}
	x.movRR(32, RAX, regs[3])
	x.aluRI(32, aluCmp, RAX, int32(op.Aux))
	miss = append(miss, x.jcc(CCAE))
	x.movRI(temp, op.Imm)
	x.movRM(64, temp, Mem{Base: temp, Index: RAX, Scale: 3})
	x.movRM(64, scratch, at(RSP, 0))
	x.testRR(64, temp, temp)
	miss = append(miss, x.jcc(CCE))
	if op.Stride&1 != 0 {
		x.movRM(32, RAX, at(temp, targetClass))
		x.aluRI(32, aluOr, RAX, 1)
		x.aluRI(32, aluCmp, RAX, int32(op.Stride))
	} else {
		x.aluMI(32, aluCmp, at(temp, targetClass), int32(op.Stride))
	}
	miss = append(miss, x.jcc(CCNE))
	x.aluMI(32, aluCmp, at(scratch, int32(ir.OffTails)), ir.MaxTailCalls)
	miss = append(miss, x.jcc(CCAE))
	x.aluRI(64, aluCmp, regFuel, int32(op.From))
	miss = append(miss, x.jcc(CCB))
	x.aluRI(64, aluSub, regFuel, int32(op.From))
	x.aluMI(32, aluAdd, at(scratch, int32(ir.OffTails)), 1)
	x.movRM(32, RAX, at(temp, targetID))
	x.movMR(32, at(scratch, int32(ir.OffProg)), RAX)
	x.movRI(RAX, ir.TailError)
	x.jmpMem(at(temp, targetCode))
	for _, m := range miss {
		x.patch(m)
	}
}
