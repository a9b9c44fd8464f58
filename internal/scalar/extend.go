package scalar

import "github.com/gbpf/gbpf/isa"

// Mov32 returns the low 32 bits of s, zero-extended, as a 32-bit move leaves them.
func Mov32(s Scalar) Scalar { return Truncate(s, 4) }

// Truncate returns the low size bytes of s, zero-extended: what a load of 1, 2 or 4
// bytes finds where s was stored. For other sizes it is s.
func Truncate(s Scalar, size uint8) Scalar {
	switch size {
	case 1, 2, 4:
		w := uint(size) * 8
		if s.UMax <= ones(int(w)) {
			return s
		}
		v := s.lowView(w)
		return v.scalar(w)
	}
	return s
}

// Movsx returns the low from bits of s sign-extended to 32 or 64 bits; a result of 32
// bits is then zero-extended, as of every 32-bit instruction. from is 8, 16 or 32. For
// other widths the result is unknown.
func Movsx(from, to uint8, s Scalar) Scalar {
	if from != 8 && from != 16 && from != 32 || to != 32 && to != 64 {
		return unknown
	}
	n, w := uint(from), uint(to)
	v := s.lowView(n)
	// As a signed number it stays what it is. An unknown sign bit makes unknown
	// copies, see Arsh.
	r := fullView(w)
	r.t = v.t.Lsh(w-n).low(w).Arsh(w-n, w)
	r.meetS(v.smin, v.smax)
	return r.scalar(w)
}

// ZeroExtend returns what a fresh load of size bytes, 1, 2, 4 or 8, can give.
func ZeroExtend(size uint8) Scalar {
	switch size {
	case 1, 2, 4:
		return URange(0, ones(int(size)*8))
	}
	return unknown
}

// SignExtendLoad returns what a fresh sign-extending load of size bytes, 1, 2 or 4, can
// give.
func SignExtendLoad(size uint8) Scalar {
	switch size {
	case 1, 2, 4:
		n := uint(size)*8 - 1
		return SRange(-1<<n, 1<<n-1)
	}
	return unknown
}

// End returns the low width bits of s, 16, 32 or 64, in another byte order, and zeros
// above (RFC 9669 section 4.2). Programs are little-endian on every machine here: AluLe
// truncates, AluBe and AluBswap reverse the bytes. Of other operations and widths the
// result is unknown.
func End(op isa.AluOp, width uint8, s Scalar) Scalar {
	w := uint(width)
	if w != 16 && w != 32 && w != 64 {
		return unknown
	}
	switch op {
	case isa.AluLe:
		return Truncate(s, width/8)
	case isa.AluBe, isa.AluBswap:
	default:
		return unknown
	}
	r := fullView(w)
	r.t = s.Var.swap(w)
	// The lowest byte becomes the highest: its range bounds the result.
	low := s.lowView(8)
	r.meetU(low.umin<<(w-8), low.umax<<(w-8)|ones(int(w-8)))
	// If only the lowest byte may be set, nothing comes below it.
	if v := s.lowView(w); v.umax <= 0xff {
		r.meetU(v.umin<<(w-8), v.umax<<(w-8))
	}
	return r.scalar(w)
}
