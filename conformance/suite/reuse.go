package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
)

// addressReuse tries two loads through one register that changes in between, in every way that an instruction can write
// it: machine code that keeps an address from the first must form it anew.
func addressReuse(yield func(*Case) bool) bool {
	data := pattern(64)
	for base := isa.R2; base < isa.R10; base++ {
		other := isa.R2 + (base+1)%8 // holds the packet 8 bytes on, and more when the base is changed by it
		for _, change := range []struct {
			name string
			in   []isa.Insn
			at   int // where the base points afterwards
		}{
			{"nothing", nil, 0},
			{"add of a constant", one(isa.OpAdd64Imm, base, 0, 0, 8), 8},
			{"sub of a constant", seq(one(isa.OpAdd64Imm, base, 0, 0, 24), one(isa.OpSub64Imm, base, 0, 0, 8)), 16},
			{"add of a register", seq(one(isa.OpMov64Imm, 0, 0, 0, 12), one(isa.OpAdd64Reg, base, 0, 0, 0)), 12},
			{"a move", one(isa.OpMov64Reg, base, other, 0, 0), 8},
			{"a move and an add", seq(one(isa.OpMov64Reg, base, other, 0, 0), one(isa.OpAdd64Imm, base, 0, 0, 4)), 12},
			{"a load", one(isa.OpLdxDW, base, 10, -8, 0), 8},
			{"another register's change", one(isa.OpAdd64Imm, other, 0, 0, 8), 0},
			{"a store through it", one(isa.OpStxB, base, 0, 40, 0), 0},
			{"a load through another", one(isa.OpLdxW, 0, other, 4, 0), 0},
			{"an atomic", one(isa.OpAtomicAdd64, 10, 0, -16, 0), 0},
			{"a division", seq(one(isa.OpMov64Imm, 0, 0, 0, 7), one(isa.OpDiv64Imm, 0, 0, 0, 3)), 0},
			{"a shift by a register", seq(one(isa.OpMov64Imm, 0, 0, 0, 7), one(isa.OpLsh64Reg, 0, 0, 0, 0)), 0},
		} {
			for i, off := range []int16{0, 5, 16, 0} {
				body := seq(one(isa.OpMov64Imm, 0, 0, 0, 0), one(isa.OpStxDW, 10, 0, -16, 0))
				if base != 2 {
					body = seq(body, one(isa.OpMov64Reg, base, 2, 0, 0))
				}
				body = seq(body, one(isa.OpMov64Reg, other, base, 0, 0), one(isa.OpAdd64Imm, other, 0, 0, 8), one(isa.OpStxDW, 10, other, -8, 0))
				name := ""
				if i > 0 { // an address of which nothing can be seen but that the verifier takes it
					name = ", from memory,"
					body = seq(body, one(isa.OpStxDW, 10, base, -32, 0), one(isa.OpLdxDW, base, 10, -32, 0), one(isa.OpLdxDW, other, 10, -8, 0))
				}
				body = seq(body, one(isa.OpLdxB, 0, base, off, 0), one(isa.OpStxDW, 10, 0, -24, 0), change.in, one(isa.OpLdxB, 0, base, off, 0),
					one(isa.OpLsh64Imm, 0, 0, 0, 8), one(isa.OpLdxDW, base, 10, -24, 0), one(isa.OpOr64Reg, 0, base, 0, 0))
				out := append([]byte(nil), data...)
				if change.name == "a store through it" {
					out[40] = data[off]
				}
				if !yield(&Case{
					Group: Access, Name: fmt.Sprintf("r%d +%d%s again after %s", base, off, name, change.name), RFC: "RFC 9669 section 5.1", Type: "xdp", Data: data, Out: out,
					Insns: inPacket(body), Want: uint64(data[int(off)+change.at])<<8 | uint64(data[off]),
				}) {
					return false
				}
			}
		}
	}
	return true
}
