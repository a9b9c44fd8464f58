package fuzzgen

import (
	"math/rand/v2"

	"github.com/gbpf/gbpf/isa"
)

var (
	flowCompares = []isa.Op{
		isa.OpJneImm, isa.OpJeqImm, isa.OpJltImm, isa.OpJleImm, isa.OpJgtImm, isa.OpJgeImm, isa.OpJsltImm, isa.OpJsleImm, isa.OpJsgtImm, isa.OpJsgeImm,
		isa.OpJne32Imm, isa.OpJeq32Imm, isa.OpJlt32Imm, isa.OpJle32Imm, isa.OpJgt32Imm, isa.OpJge32Imm, isa.OpJslt32Imm, isa.OpJsgt32Imm,
	}
	flowAdds = []isa.Op{isa.OpAdd64Imm, isa.OpAdd64Imm, isa.OpAdd32Imm, isa.OpSub64Imm, isa.OpSub32Imm}
	flowSets = []isa.Op{isa.OpMov64Imm, isa.OpMov64Imm, isa.OpMov32Imm}
)

func pick[T any](rng *rand.Rand, s []T) T { return s[rng.IntN(len(s))] }

// Flow is a program of n instructions with jumps at random and loops that count R3, at times by its copy R4: most of these as
// compilers make them, with something wrong here and there. Comparisons of R0 come out as they like.
func Flow(rng *rand.Rand, n int) []isa.Insn {
	insns := make([]isa.Insn, n)
	to := func(pc int) int16 { return int16(rng.IntN(n) - pc - 1) }
	few := rng.IntN(3) > 0
	for pc := range insns {
		insns[pc] = isa.New(isa.OpMov64Imm, 0, 0, 0, 1)
		if few && rng.IntN(4) > 0 {
			continue
		}
		switch rng.IntN(16) {
		case 0, 1:
			insns[pc] = isa.New(isa.OpJa, 0, 0, to(pc), 0)
		case 2, 3, 4:
			insns[pc] = isa.New(isa.OpJeqImm, 0, 0, to(pc), 7)
		case 5:
			if rng.IntN(3) == 0 {
				insns[pc] = isa.New(isa.OpExit, 0, 0, 0, 0)
			}
		case 6:
			insns[pc] = isa.New(pick(rng, flowAdds), 3, 0, 0, int64(1+rng.IntN(3)))
		case 7:
			insns[pc] = isa.New(pick(rng, flowCompares), 3, 0, to(pc), int64(rng.IntN(12)))
		}
	}
	for range rng.IntN(5) {
		// r3 = start; ...; head: ...; the end of a turn
		pc, before, body := rng.IntN(n), 1+rng.IntN(3), rng.IntN(5)
		if pc+before+body+7 >= n {
			continue
		}
		if rng.IntN(8) > 0 {
			insns[pc] = isa.New(pick(rng, flowSets), 3, 0, 0, int64(rng.IntN(4)-1))
		}
		head := pc + 1 + before
		if rng.IntN(4) == 0 { // entered by a jump
			insns[pc+1] = isa.New(isa.OpJa, 0, 0, int16(head-pc-1+rng.IntN(2)-1), 0)
		}
		at := head + body
		step := isa.New(pick(rng, flowAdds), 3, 0, 0, int64(1+rng.IntN(3)*rng.IntN(2)))
		cmp := isa.Reg(3)
		switch rng.IntN(3) {
		case 0:
			insns[at] = isa.New(pick(rng, []isa.Op{isa.OpMov64Reg, isa.OpMov32Reg}), 4, 3, 0, 0)
			insns[at+1] = step
			cmp = 4
			at += 2
		case 1:
			insns[at], insns[at+1] = step, isa.New(isa.OpMov64Reg, 4, 3, 0, 0)
			cmp = 4
			at += 2
		default:
			insns[at] = step
			at++
		}
		if rng.IntN(4) == 0 {
			insns[at] = isa.New(isa.OpMov64Imm, 0, 0, 0, 2)
			at++
		}
		if op, imm := pick(rng, flowCompares), int64(rng.IntN(16)); rng.IntN(3) > 0 {
			insns[at] = isa.New(op, cmp, 0, int16(head-at-1), imm)
		} else { // the way out is the jump, the way round is what follows
			insns[at] = isa.New(op, cmp, 0, to(at), imm)
			if at+4 < n && rng.IntN(4) > 0 {
				insns[at].Off = int16(2 + rng.IntN(n-at-4))
				insns[pc+1] = isa.New(isa.OpJa, 0, 0, int16(at-pc-1), 0)
				insns[at+1] = isa.New(isa.OpJeqImm, 0, 0, int16(head-at-2), 7)
				insns[at+2] = isa.New(isa.OpJa, 0, 0, int16(head-at-3), 0)
			}
		}
	}
	return insns
}
