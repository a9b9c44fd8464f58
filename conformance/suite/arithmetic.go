package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
)

// arithmetic tries every row of arithmetic on numbers at the edges, with a register or a constant as the second operand.
func arithmetic(yield func(*Case) bool) bool {
	for k, op := range ops(isa.KindALU, isa.KindMov) {
		info := op.Info()
		for i, p := range pairs(k, 14) {
			dst, src := p[0], p[1]
			if info.UsesImm {
				src = uint64(int64(int32(src))) // constants have 32 bits and are sign-extended
			}
			c := &Case{
				Group: group(op), Name: fmt.Sprintf("%s %d: %#x, %#x", info.Name, i, dst, src), RFC: info.RFC, Type: "syscall",
				Want: arithmeticModel(info.AluOp, info.Width, dst, src),
			}
			in := isa.New(op, 2, 3, 0, 0)
			switch {
			case info.UsesImm:
				in = isa.New(op, 2, 0, 0, int64(src))
				c.Kernel, c.Unproved = immediate(info, int64(src))
			case info.AluOp == isa.AluNeg:
				in = isa.New(op, 2, 0, 0, 0)
			}
			c.Insns = seq(set(2, dst), set(3, src), []isa.Insn{in}, ret(2))
			if !yield(c) {
				return false
			}
		}
	}
	return true
}

// immediate says which constants the kernel refuses to load, where the RFC has a meaning for them.
func immediate(info *isa.Info, imm int64) (kernel string, refused bool) {
	switch info.AluOp {
	case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod:
		if imm == 0 {
			return "it refuses division by a constant zero", true
		}
	case isa.AluLsh, isa.AluRsh, isa.AluArsh:
		if imm < 0 || imm >= int64(info.Width) {
			return "it refuses shifts by a constant beyond the width", true
		}
	}
	return "", false
}

// registerPairs tries what machine code has fixed registers for, on every pair of registers.
func registerPairs(yield func(*Case) bool) bool {
	k := 0
	for _, op := range ops(isa.KindALU) {
		info := op.Info()
		switch info.AluOp {
		case isa.AluLsh, isa.AluRsh, isa.AluArsh, isa.AluMul, isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod:
		default:
			continue
		}
		if info.UsesImm {
			continue
		}
		for dst := range isa.R10 {
			for src := range isa.R10 {
				k++
				x, y := edges[(k*13+5)%len(edges)], edges[(k*7+1)%len(edges)]
				if dst == src {
					y = x
				}
				// All other registers must stay as they are: they are summed up in the end.
				body, sum := []isa.Insn(nil), uint64(0)
				for r := range isa.R10 {
					if r != dst && r != src {
						v := uint64(r)*0x1111111111111111 + uint64(k)
						body, sum = append(body, set(r, v)...), sum+v
					}
				}
				body = seq(body, set(dst, x), set(src, y), one(op, dst, src, 0, 0))
				want := arithmeticModel(info.AluOp, info.Width, x, y) + sum
				if src != dst {
					want += y
				}
				for r := range isa.R10 {
					if r != dst {
						body = append(body, isa.New(isa.OpAdd64Reg, dst, r, 0, 0))
					}
				}
				if !yield(&Case{
					Group: group(op), Name: fmt.Sprintf("%s r%d, r%d", info.Name, dst, src), RFC: info.RFC, Type: "syscall",
					Insns: seq(body, ret(dst)), Want: want,
				}) {
					return false
				}
			}
		}
	}
	return true
}

// swaps tries byte swaps on every register.
func swaps(yield func(*Case) bool) bool {
	for k, op := range ops(isa.KindEnd) {
		info := op.Info()
		for dst := range isa.R10 {
			v := edges[(k*5+int(dst)*9)%len(edges)] ^ 0x0123456789abcdef
			if !yield(&Case{
				Group: group(op), Name: fmt.Sprintf("%s r%d", info.Name, dst), RFC: info.RFC, Type: "syscall",
				Insns: seq(set(dst, v), one(op, dst, 0, 0, 0), ret(dst)), Want: swapModel(info.AluOp, info.Width, v),
			}) {
				return false
			}
		}
	}
	return true
}

// extensions tries moves with sign extension.
func extensions(yield func(*Case) bool) bool {
	for _, op := range ops(isa.KindMovSX) {
		info := op.Info()
		for i, v := range edges {
			if !yield(&Case{
				Group: group(op), Name: fmt.Sprintf("%s %d: %#x", info.Name, i, v), RFC: info.RFC, Type: "syscall",
				Insns: seq(set(3, v), set(2, ^v), one(op, 2, 3, 0, 0), ret(2)), Want: extendModel(info.FromWidth, info.Width, v),
			}) {
				return false
			}
		}
		for dst := range isa.R10 {
			for src := range isa.R10 {
				v := edges[(int(dst)*7+int(src)*3+1)%len(edges)] ^ 0x8080
				if !yield(&Case{
					Group: group(op), Name: fmt.Sprintf("%s r%d, r%d", info.Name, dst, src), RFC: info.RFC, Type: "syscall",
					Insns: seq(set(src, v), one(op, dst, src, 0, 0), ret(dst)), Want: extendModel(info.FromWidth, info.Width, v),
				}) {
					return false
				}
			}
		}
	}
	return true
}
