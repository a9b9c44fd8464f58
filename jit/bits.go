package jit

import "github.com/gbpf/gbpf/jit/internal/ir"

// tests makes a comparison of bits with a constant of a move, an and, and a comparison of the result with 0. What it leaves of
// the first two is dead as a rule.
func tests(ops []ir.Op) {
	for i := 0; i+2 < len(ops); i++ {
		mov, and, jump := &ops[i], &ops[i+1], &ops[i+2]
		if jump.Kind != ir.CondJump || and.Kind != ir.And || mov.Kind != ir.Mov || mov.UseImm || !and.UseImm || !jump.UseImm || jump.Imm != 0 ||
			jump.Cond != ir.Eq && jump.Cond != ir.Ne || and.Dst != mov.Dst || jump.Dst != mov.Dst || mov.Src == mov.Dst || mov.Src > 9 {
			continue
		}
		if and.W != 32 && (mov.W != 64 || jump.W != 64) {
			continue
		}
		cond := ir.Set
		if jump.Cond == ir.Eq {
			cond = ir.Clear
		}
		jump.Dst, jump.W, jump.Imm, jump.Cond = mov.Src, and.W, and.Imm, cond
	}
}
