package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
)

// Operands that are loaded from memory: no engine knows them beforehand, so that none can decide anything early. The
// context of a syscall program is the memory: two operands, and two words for results.

// operands is the memory with x and y in it.
func operands(x, y uint64) []byte { return bytes64(x, y, 0x5a5a5a5a5a5a5a5a, 0xa5a5a5a5a5a5a5a5) }

// results is what operands becomes when v and w are stored.
func results(x, y, v, w uint64) []byte { return bytes64(x, y, v, w) }

// contextReg is a register for the context that is none of those given.
func contextReg(dst, src isa.Reg) isa.Reg {
	for r := isa.R9; ; r-- {
		if r != dst && r != src {
			return r
		}
	}
}

// loaded runs an instruction on x in dst and y in src, both from memory, and stores them afterwards. R0 is v.
func loaded(dst, src isa.Reg, in isa.Insn, x, y, v, w uint64) (insns []isa.Insn, data, out []byte) {
	c := contextReg(dst, src)
	insns = seq(one(isa.OpMov64Reg, c, 1, 0, 0), one(isa.OpLdxDW, src, c, 8, 0), one(isa.OpLdxDW, dst, c, 0, 0), []isa.Insn{in},
		one(isa.OpStxDW, c, dst, 16, 0), one(isa.OpStxDW, c, src, 24, 0), one(isa.OpMov64Reg, 0, dst, 0, 0), exit)
	return insns, operands(x, y), results(x, y, v, w)
}

// loadedArithmetic is arithmetic on operands from memory, and with constants on every register.
func loadedArithmetic(yield func(*Case) bool) bool {
	for k, op := range ops(isa.KindALU, isa.KindMov, isa.KindMovSX, isa.KindEnd) {
		info := op.Info()
		unary := !info.UsesImm && info.SrcUse != isa.UseOperand
		n := 7
		if info.UsesImm || unary {
			n = 10 // one for each register
		}
		for i, p := range pairs(k+3, n) {
			x, y := p[0], p[1]
			dst, src := isa.Reg(i+k)%10, isa.Reg(i+k+3)%10
			in := isa.New(op, dst, src, 0, 0)
			operand, refused, kernel := y, false, ""
			switch {
			case info.UsesImm:
				operand = uint64(int64(int32(y)))
				in = isa.New(op, dst, 0, 0, int64(operand))
				kernel, refused = immediate(info, int64(operand))
			case unary:
				in = isa.New(op, dst, 0, 0, 0)
			}
			var v uint64
			switch info.Kind {
			case isa.KindMovSX:
				v = extendModel(info.FromWidth, info.Width, operand)
			case isa.KindEnd:
				v = swapModel(info.AluOp, info.Width, x)
			default:
				v = arithmeticModel(info.AluOp, info.Width, x, operand)
			}
			c := &Case{
				Group: group(op), Name: fmt.Sprintf("%s r%d, r%d from memory %d: %#x, %#x", info.Name, dst, src, i, x, operand), RFC: info.RFC, Type: "syscall",
				Want: v, Unproved: refused, Kernel: kernel,
			}
			c.Insns, c.Data, c.Out = loaded(dst, src, in, x, y, v, y)
			if !yield(c) {
				return false
			}
		}
	}
	return true
}

// loadedJumps is conditions of operands from memory, on many pairs of registers, forwards and backwards.
func loadedJumps(yield func(*Case) bool) bool {
	for k, op := range ops(isa.KindCond) {
		info := op.Info()
		for i, p := range pairs(k+1, 10) {
			x, y := p[0], p[1]
			if i%3 == 2 {
				y = x + uint64(i%2)<<32 // differs in the upper half at most
			}
			dst, src := isa.Reg(i+k)%10, isa.Reg(i+k+1+k%8)%10
			operand, in := y, isa.New(op, dst, src, 2, 0)
			if info.UsesImm {
				operand = uint64(int64(int32(y)))
				if i%3 == 2 {
					x = operand
				}
				in = isa.New(op, dst, 0, 2, int64(operand))
			}
			c := contextReg(dst, src)
			load := seq(one(isa.OpMov64Reg, c, 1, 0, 0), one(isa.OpLdxDW, src, c, 8, 0), one(isa.OpLdxDW, dst, c, 0, 0))
			want := uint64(2)
			if conditionModel(info.CondOp, info.Width, x, operand) {
				want = 1
			}
			back, name := load, "forwards"
			if i%2 == 0 {
				back = seq(load, []isa.Insn{in}, one(isa.OpMov64Imm, 0, 0, 0, 2), exit, one(isa.OpMov64Imm, 0, 0, 0, 1), exit)
			} else {
				name = "backwards"
				in.Off = -3
				back = seq(one(isa.OpJa, 0, 0, 2, 0), one(isa.OpMov64Imm, 0, 0, 0, 1), exit, load, []isa.Insn{in}, one(isa.OpMov64Imm, 0, 0, 0, 2), exit)
				back[6].Off = -6
			}
			if !yield(&Case{
				Group: group(op), Name: fmt.Sprintf("%s r%d, r%d %s from memory %d: %#x, %#x", info.Name, dst, src, name, i, x, operand), RFC: info.RFC, Type: "syscall",
				Insns: back, Data: operands(x, y), Want: want, Out: operands(x, y), Costs: true,
			}) {
				return false
			}
		}
	}
	return true
}

// loadedPairs is loads and stores with every register as the base and every register for the value.
func loadedPairs(yield func(*Case) bool) bool {
	for _, op := range ops(isa.KindLoad, isa.KindLoadSX, isa.KindStore, isa.KindStoreImm) {
		info := op.Info()
		isLoad := info.Kind == isa.KindLoad || info.Kind == isa.KindLoadSX
		for base := range isa.R10 {
			for reg := range isa.R10 {
				if reg == base && !isLoad || reg > 0 && info.UsesImm {
					continue
				}
				n := int(op) + 3*int(base) + 7*int(reg)
				old := edges[n%len(edges)] ^ 0x8899aabbccddeeff
				v := edges[(n*5+2)%len(edges)] ^ 0x7f6e5d4c3b2a1908
				at := isa.New(isa.OpAdd64Imm, base, 0, 0, -24)
				body := seq(set(5, old), one(isa.OpStxDW, 10, 5, -16, 0))
				c := &Case{Group: group(op), Name: fmt.Sprintf("%s r%d, r%d", info.Name, base, reg), RFC: info.RFC, Type: "syscall"}
				if isLoad {
					c.Want = cut(unsigned(old, info.Size*8), info.Size*8)
					if info.Kind == isa.KindLoadSX {
						c.Want = extendModel(info.Size*8, 64, c.Want)
					}
					c.Insns = seq(body, one(isa.OpMov64Reg, base, 10, 0, 0), []isa.Insn{at}, one(op, reg, base, 8, 0), ret(reg))
				} else {
					in := isa.New(op, base, reg, 8, 0)
					if info.UsesImm {
						c.Name = fmt.Sprintf("%s r%d", info.Name, base)
						v = uint64(int64(int32(v)))
						in = isa.New(op, base, 0, 8, int64(v))
					}
					b := bytes64(old)
					copy(b[:info.Size], bytes64(v))
					c.Want = little(b, 8)
					c.Insns = seq(body, set(reg, v), one(isa.OpMov64Reg, base, 10, 0, 0), []isa.Insn{at}, []isa.Insn{in}, one(isa.OpLdxDW, 0, 10, -16, 0), exit)
				}
				c.Costs = true
				if !yield(c) {
					return false
				}
			}
		}
	}
	return true
}

// constantDivisors divides numbers from memory by many constants: machine code multiplies by reciprocals and
// shifts instead, which is right for all numbers or for most.
func constantDivisors(yield func(*Case) bool) bool {
	divisors := []int64{
		1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 25, 28, 60, 64, 100, 125, 127, 128, 255, 256, 641, 1000, 1021, 3600, 4096, 10000, 65535, 65536, 65537, 86400, 1000000, 6700417,
		1 << 30, 1000000000, 0x7ffffffe, 0x7fffffff, -1, -2, -3, -7, -8, -10, -1000, -0x7fffffff, -0x80000000,
	}
	k := 0
	for _, op := range ops(isa.KindALU) {
		info := op.Info()
		switch info.AluOp {
		case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod:
		default:
			continue
		}
		if !info.UsesImm {
			continue
		}
		for _, d := range divisors {
			k++
			u := uint64(d)
			for i, x := range []uint64{edges[k%len(edges)], u*uint64(k%1000+1) - 1, u * uint64(k%1000+1), -(u * 7) - 1, ^uint64(0) - uint64(k%3), ^uint64(0)/max(u, 1)*u - 1} {
				dst := isa.Reg((k + i) % 10)
				src := (dst + 3) % 10
				v := arithmeticModel(info.AluOp, info.Width, x, u)
				c := &Case{
					Group: group(op), Name: fmt.Sprintf("%s r%d, %#x by %d, %d", info.Name, dst, x, d, i), RFC: info.RFC, Type: "syscall", Want: v, Costs: true,
				}
				c.Insns, c.Data, c.Out = loaded(dst, src, isa.New(op, dst, 0, 0, d), x, 5, v, 5)
				if !yield(c) {
					return false
				}
			}
		}
	}
	return true
}
