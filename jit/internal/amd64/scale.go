package amd64

import "github.com/gbpf/gbpf/jit/internal/ir"

// scale puts shifts to the left into the addresses of loads that overwrite what was shifted, where no confinement stands between. The
// sum that makes the address is the same to the last bit, so that what the check found of it still holds.
func scale(ops []ir.Op) {
	for i := range ops {
		shift := &ops[i]
		if shift.Kind != ir.Lsh || !shift.UseImm || shift.W != 64 || shift.Imm < 1 || shift.Imm > 3 {
			continue
		}
		if load := scaled(ops[i+1:min(len(ops), i+8)], shift.Dst); load != nil {
			load.Indexed, load.Index, load.Scale = true, load.Base, uint8(shift.Imm)
			*shift = ir.Op{Kind: ir.Nop, PC: shift.PC}
		}
	}
}

// scaled finds the load that uses register r first, as its address alone, and overwrites it.
func scaled(ops []ir.Op, r ir.Reg) *ir.Op {
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case ir.Nop:
		case ir.Load:
			switch {
			case op.Access == ir.Near && !op.Indexed && op.Base == r && op.Dst == r:
				return op
			case op.Dst == r || op.Base == r || op.Indexed:
				return nil
			}
		case ir.Mov, ir.Lea, ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol, ir.Neg, ir.Sext, ir.Zext:
			if op.Dst == r || op.Src == r && !op.UseImm {
				return nil
			}
		default:
			return nil
		}
	}
	return nil
}
