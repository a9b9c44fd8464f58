package scalar

import (
	"math/bits"

	"github.com/gbpf/gbpf/isa"
)

// What the instructions do to numbers, by RFC 9669, written apart from the package's
// own constant folding: with Go's types of 32 bits instead of masks.

var aluOps = []isa.AluOp{
	isa.AluAdd, isa.AluSub, isa.AluMul, isa.AluDiv, isa.AluOr, isa.AluAnd, isa.AluLsh, isa.AluRsh, isa.AluMod,
	isa.AluXor, isa.AluMov, isa.AluArsh, isa.AluSdiv, isa.AluSmod, isa.AluNeg,
}

var condOps = []isa.CondOp{
	isa.CondEq, isa.CondGt, isa.CondGe, isa.CondSet, isa.CondNe, isa.CondSgt, isa.CondSge,
	isa.CondLt, isa.CondLe, isa.CondSlt, isa.CondSle,
}

func concreteALU(op isa.AluOp, width uint8, x, y uint64) uint64 {
	if width == 32 {
		return uint64(alu32(op, uint32(x), uint32(y)))
	}
	return alu64(op, x, y)
}

func alu32(op isa.AluOp, x, y uint32) uint32 {
	switch op {
	case isa.AluAdd:
		return x + y
	case isa.AluSub:
		return x - y
	case isa.AluMul:
		return x * y
	case isa.AluOr:
		return x | y
	case isa.AluAnd:
		return x & y
	case isa.AluXor:
		return x ^ y
	case isa.AluMov:
		return y
	case isa.AluNeg:
		return -x
	case isa.AluLsh:
		return x << (y % 32)
	case isa.AluRsh:
		return x >> (y % 32)
	case isa.AluArsh:
		return uint32(int32(x) >> (y % 32))
	}
	switch { // division
	case y == 0 && (op == isa.AluMod || op == isa.AluSmod):
		return x
	case y == 0:
		return 0
	case op == isa.AluDiv:
		return x / y
	case op == isa.AluMod:
		return x % y
	case op == isa.AluSdiv:
		return uint32(int64(int32(x)) / int64(int32(y)))
	}
	return uint32(int64(int32(x)) % int64(int32(y)))
}

func alu64(op isa.AluOp, x, y uint64) uint64 {
	switch op {
	case isa.AluAdd:
		return x + y
	case isa.AluSub:
		return x - y
	case isa.AluMul:
		return x * y
	case isa.AluOr:
		return x | y
	case isa.AluAnd:
		return x & y
	case isa.AluXor:
		return x ^ y
	case isa.AluMov:
		return y
	case isa.AluNeg:
		return -x
	case isa.AluLsh:
		return x << (y % 64)
	case isa.AluRsh:
		return x >> (y % 64)
	case isa.AluArsh:
		return uint64(int64(x) >> (y % 64))
	}
	minus := y == 1<<64-1
	switch { // division
	case y == 0 && (op == isa.AluMod || op == isa.AluSmod):
		return x
	case y == 0 || op == isa.AluSmod && minus:
		return 0
	case op == isa.AluDiv:
		return x / y
	case op == isa.AluMod:
		return x % y
	case op == isa.AluSdiv && minus:
		return -x
	case op == isa.AluSdiv:
		return uint64(int64(x) / int64(y))
	}
	return uint64(int64(x) % int64(y))
}

func concreteCond(op isa.CondOp, width uint8, x, y uint64) bool {
	sx, sy := int64(x), int64(y)
	if width == 32 {
		x, y = uint64(uint32(x)), uint64(uint32(y))
		sx, sy = int64(int32(x)), int64(int32(y))
	}
	switch op {
	case isa.CondEq:
		return x == y
	case isa.CondNe:
		return x != y
	case isa.CondGt:
		return x > y
	case isa.CondGe:
		return x >= y
	case isa.CondLt:
		return x < y
	case isa.CondLe:
		return x <= y
	case isa.CondSet:
		return x&y != 0
	case isa.CondSgt:
		return sx > sy
	case isa.CondSge:
		return sx >= sy
	case isa.CondSlt:
		return sx < sy
	}
	return sx <= sy
}

// unary is an operation on one value.
type unary struct {
	name     string
	abstract func(Scalar) Scalar
	concrete func(uint64) uint64
}

var unaries = []unary{
	{"mov32", Mov32, func(x uint64) uint64 { return uint64(uint32(x)) }},
	{"truncate1", func(s Scalar) Scalar { return Truncate(s, 1) }, func(x uint64) uint64 { return uint64(uint8(x)) }},
	{"truncate2", func(s Scalar) Scalar { return Truncate(s, 2) }, func(x uint64) uint64 { return uint64(uint16(x)) }},
	{"truncate4", func(s Scalar) Scalar { return Truncate(s, 4) }, func(x uint64) uint64 { return uint64(uint32(x)) }},
	{"truncate8", func(s Scalar) Scalar { return Truncate(s, 8) }, func(x uint64) uint64 { return x }},
	{"movsx8to64", func(s Scalar) Scalar { return Movsx(8, 64, s) }, func(x uint64) uint64 { return uint64(int8(x)) }},
	{"movsx16to64", func(s Scalar) Scalar { return Movsx(16, 64, s) }, func(x uint64) uint64 { return uint64(int16(x)) }},
	{"movsx32to64", func(s Scalar) Scalar { return Movsx(32, 64, s) }, func(x uint64) uint64 { return uint64(int32(x)) }},
	{"movsx8to32", func(s Scalar) Scalar { return Movsx(8, 32, s) }, func(x uint64) uint64 { return uint64(uint32(int8(x))) }},
	{"movsx16to32", func(s Scalar) Scalar { return Movsx(16, 32, s) }, func(x uint64) uint64 { return uint64(uint32(int16(x))) }},
	{"le16", func(s Scalar) Scalar { return End(isa.AluLe, 16, s) }, func(x uint64) uint64 { return uint64(uint16(x)) }},
	{"le64", func(s Scalar) Scalar { return End(isa.AluLe, 64, s) }, func(x uint64) uint64 { return x }},
	{"be16", func(s Scalar) Scalar { return End(isa.AluBe, 16, s) }, func(x uint64) uint64 { return uint64(bits.ReverseBytes16(uint16(x))) }},
	{"be32", func(s Scalar) Scalar { return End(isa.AluBe, 32, s) }, func(x uint64) uint64 { return uint64(bits.ReverseBytes32(uint32(x))) }},
	{"bswap64", func(s Scalar) Scalar { return End(isa.AluBswap, 64, s) }, bits.ReverseBytes64},
}

// best returns the smallest scalar that holds all numbers, of which there is one at
// least: every bound and every known bit is that of a number.
func best(of []uint64) Scalar {
	s := Const(of[0])
	for _, v := range of[1:] {
		c := Const(v)
		s = hull(&s, &c)
	}
	return s
}
