package suite

import (
	"encoding/binary"
	"fmt"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/isa"
)

// edges are numbers at which widths end and signs turn.
var edges = []uint64{
	0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
	0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffff00000000, 0xffffffff80000000, 0xfffffffffffffffe, 0xffffffffffffffff,
	0x0123456789abcdef, 0xfedcba9876543210,
}

// pairs are n pairs of edges, spread over all of them; k makes them others.
func pairs(k, n int) [][2]uint64 {
	var all [][2]uint64
	for i := range n {
		all = append(all, [2]uint64{edges[(7*i+3*k)%len(edges)], edges[(11*i+5*k+i/len(edges))%len(edges)]})
	}
	return all
}

// set gives a register a value of 64 bits.
func set(r isa.Reg, v uint64) []isa.Insn {
	in := isa.LoadImm64(isa.OpLddw, r, int64(v))
	return in[:]
}

func one(op isa.Op, dst, src isa.Reg, off int16, imm int64) []isa.Insn {
	return []isa.Insn{isa.New(op, dst, src, off, imm)}
}

func seq(parts ...[]isa.Insn) []isa.Insn {
	var all []isa.Insn
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

var exit = one(isa.OpExit, 0, 0, 0, 0)

// ret returns a register.
func ret(r isa.Reg) []isa.Insn {
	if r == isa.R0 {
		return exit
	}
	return seq(one(isa.OpMov64Reg, 0, r, 0, 0), exit)
}

// text assembles the kernel's notation; the suite's own texts are right.
func text(s string, args ...any) []isa.Insn { return asm.Must(fmt.Sprintf(s, args...)) }

// ops are the rows of the table of one kind.
func ops(kinds ...isa.Kind) []isa.Op {
	var all []isa.Op
	for op := range isa.Ops() {
		for _, k := range kinds {
			if op.Info().Kind == k {
				all = append(all, op)
			}
		}
	}
	return all
}

func group(op isa.Op) Group {
	switch op.Info().Group {
	case isa.GroupBase32:
		return Base32
	case isa.GroupBase64:
		return Base64
	case isa.GroupDivmul32:
		return DivMul32
	case isa.GroupDivmul64:
		return DivMul64
	case isa.GroupAtomic32:
		return Atomic32
	case isa.GroupAtomic64:
		return Atomic64
	case isa.GroupPacket:
		return Packet
	case isa.GroupCallx:
		return CallX
	}
	return Linux
}

// bytes64 are numbers as they lie in memory.
func bytes64(v ...uint64) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return b
}

// little reads size bytes as a number.
func little(b []byte, size uint8) (v uint64) {
	for i := int(size) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

// pattern is n bytes of which no two near each other are equal, with high bits set in some.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*37 + 11)
	}
	return b
}
