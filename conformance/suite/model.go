package suite

import (
	"math/big"
	"math/bits"

	"github.com/gbpf/gbpf/isa"
)

// The model computes what RFC 9669 says with whole numbers of any size: results are exact first, and cut to
// the width of the operation in one place. It is slow, and shares nothing with the engines.

// cut is v modulo 2^w.
func cut(v *big.Int, w uint8) uint64 {
	m := new(big.Int).Lsh(big.NewInt(1), uint(w))
	return new(big.Int).Mod(v, m).Uint64()
}

// unsigned is x as the number that w bits stand for.
func unsigned(x uint64, w uint8) *big.Int {
	return new(big.Int).SetUint64(cut(new(big.Int).SetUint64(x), w))
}

// signed is x as the two's complement number that w bits stand for.
func signed(x uint64, w uint8) *big.Int {
	v := unsigned(x, w)
	if v.Bit(int(w)-1) == 1 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(w)))
	}
	return v
}

// arithmeticModel is RFC 9669 section 4.1: dst op src at a width; results of 32 bits have zeros above them.
func arithmeticModel(op isa.AluOp, w uint8, dst, src uint64) uint64 {
	a, b, r := unsigned(dst, w), unsigned(src, w), new(big.Int)
	count := uint(new(big.Int).Mod(b, big.NewInt(int64(w))).Uint64()) // shifts take the low bits of their count
	switch op {
	case isa.AluAdd:
		r.Add(a, b)
	case isa.AluSub:
		r.Sub(a, b)
	case isa.AluMul:
		r.Mul(a, b)
	case isa.AluDiv:
		if b.Sign() == 0 {
			return 0 // division by zero gives zero
		}
		r.Div(a, b)
	case isa.AluMod:
		if b.Sign() == 0 {
			return cut(a, w) // modulo zero leaves the dividend, cut to the width
		}
		r.Mod(a, b)
	case isa.AluSdiv:
		if b.Sign() == 0 {
			return 0
		}
		r.Quo(signed(dst, w), signed(src, w)) // truncates toward zero
	case isa.AluSmod:
		if b.Sign() == 0 {
			return cut(a, w)
		}
		r.Rem(signed(dst, w), signed(src, w)) // the sign of the dividend
	case isa.AluOr:
		r.Or(a, b)
	case isa.AluAnd:
		r.And(a, b)
	case isa.AluXor:
		r.Xor(a, b)
	case isa.AluLsh:
		r.Lsh(a, count)
	case isa.AluRsh:
		r.Rsh(a, count)
	case isa.AluArsh:
		r.Rsh(signed(dst, w), count) // rounds down: the sign comes in from the left
	case isa.AluNeg:
		r.Neg(a)
	case isa.AluMov:
		r.Set(b)
	}
	return cut(r, w)
}

// extendModel is movsx: from bits of src with their sign, at width w.
func extendModel(from, w uint8, src uint64) uint64 { return cut(signed(src, from), w) }

// swapModel is RFC 9669 section 4.2 on a little-endian machine: the low w bits, their bytes reversed if so asked.
func swapModel(op isa.AluOp, w uint8, v uint64) uint64 {
	v = cut(unsigned(v, w), w)
	if op == isa.AluLe {
		return v
	}
	return bits.ReverseBytes64(v) >> (64 - w)
}

// conditionModel is RFC 9669 section 4.3.
func conditionModel(c isa.CondOp, w uint8, dst, src uint64) bool {
	u, s := unsigned(dst, w).Cmp(unsigned(src, w)), signed(dst, w).Cmp(signed(src, w))
	switch c {
	case isa.CondEq:
		return u == 0
	case isa.CondNe:
		return u != 0
	case isa.CondGt:
		return u > 0
	case isa.CondGe:
		return u >= 0
	case isa.CondLt:
		return u < 0
	case isa.CondLe:
		return u <= 0
	case isa.CondSgt:
		return s > 0
	case isa.CondSge:
		return s >= 0
	case isa.CondSlt:
		return s < 0
	case isa.CondSle:
		return s <= 0
	case isa.CondSet:
		return new(big.Int).And(unsigned(dst, w), unsigned(src, w)).Sign() != 0
	}
	panic("no such condition")
}

// atomicModel is RFC 9669 section 5.3: what memory holds afterwards.
func atomicModel(op isa.AtomicOp, w uint8, old, src, r0 uint64) uint64 {
	a, b, r := unsigned(old, w), unsigned(src, w), new(big.Int)
	switch op {
	case isa.AtomicAdd:
		r.Add(a, b)
	case isa.AtomicOr:
		r.Or(a, b)
	case isa.AtomicAnd:
		r.And(a, b)
	case isa.AtomicXor:
		r.Xor(a, b)
	case isa.AtomicXchg:
		r.Set(b)
	case isa.AtomicCmpxchg:
		if r.Set(a); a.Cmp(unsigned(r0, w)) == 0 {
			r.Set(b)
		}
	}
	return cut(r, w)
}
