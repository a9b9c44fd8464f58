package amd64

import (
	"math/bits"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// coldZero is a division by 0, out of line: the jump at At comes here, and goes on at Back.
type coldZero struct {
	at, back int
	mod      bool
	w        int
	dst      Reg
}

func (x *expander) tail(t *coldZero) {
	x.patch(t.at)
	x.byZero(t.mod, t.w, t.dst)
	x.patchTo(x.jmp(), t.back)
}

// divide does div, mod and their signed forms.
func (x *expander) divide(op *ir.Op, w int, dst, src Reg) {
	signed := op.Kind == ir.SDiv || op.Kind == ir.SMod
	mod := op.Kind == ir.Mod || op.Kind == ir.SMod
	if op.UseImm {
		v := op.Imm
		if w == 32 {
			v = int64(int32(v))
		}
		switch {
		case v == 0:
			x.byZero(mod, w, dst)
		case signed && v == -1:
			x.byMinusOne(mod, w, dst)
		case !signed && !x.l.Plain && x.multiply(mod, w, dst, v):
		default:
			x.movRI(scratch, v)
			x.quotient(signed, mod, w, dst)
		}
		return
	}
	zero := -1
	if !op.NonZero {
		x.testRR(w, src, src)
		zero = x.jcc(CCE)
	}
	end := -1
	if signed {
		x.movRR(w, scratch, src)
		x.aluRI(w, aluCmp, scratch, -1)
		go1 := x.short(CCNE)
		x.byMinusOne(mod, w, dst)
		end = x.shortJmp()
		x.land(go1)
		x.quotient(signed, mod, w, dst)
	} else {
		x.unsigned(mod, w, dst, src)
	}
	if end >= 0 {
		x.land(end)
	}
	if zero >= 0 {
		x.tails = append(x.tails, coldZero{zero, len(x.b), mod, w, dst})
	}
}

// unsigned divides by a register that is not 0. RAX waits in RCX meanwhile.
func (x *expander) unsigned(mod bool, w int, dst, src Reg) {
	if src == temp {
		x.movRR(w, scratch, src)
		x.quotient(false, mod, w, dst)
		return
	}
	if dst != RAX || src == RAX {
		x.movRR(64, scratch, RAX)
	}
	if src == RAX {
		src = scratch
	}
	if dst != RAX {
		x.movRR(64, RAX, dst)
	}
	x.aluRR(32, aluXor, RDX, RDX)
	x.div(w, src)
	if mod {
		x.movRR(w, dst, RDX)
	} else if dst != RAX {
		x.movRR(w, dst, RAX)
	}
	if dst != RAX {
		x.movRR(64, RAX, scratch)
	}
}

// quotient divides by RCX, which is not 0, and not -1 if signed. RAX is lent to the dividend, and what it held waits in the
// destination meanwhile.
func (x *expander) quotient(signed, mod bool, w int, dst Reg) {
	if dst != RAX {
		x.xchgRR(64, RAX, dst)
	}
	if signed {
		x.cdq(w)
		x.idiv(w, scratch)
	} else {
		x.aluRR(32, aluXor, RDX, RDX)
		x.div(w, scratch)
	}
	switch {
	case mod && dst == RAX:
		x.movRR(w, RAX, RDX)
	case mod:
		x.movRR(64, RAX, dst)
		x.movRR(w, dst, RDX)
	case dst != RAX:
		x.xchgRR(64, RAX, dst)
	}
}

func (x *expander) byZero(mod bool, w int, dst Reg) {
	switch {
	case !mod:
		x.aluRR(32, aluXor, dst, dst)
	case w == 32:
		x.movRR(32, dst, dst)
	}
}

func (x *expander) byMinusOne(mod bool, w int, dst Reg) {
	if mod {
		x.aluRR(32, aluXor, dst, dst)
		return
	}
	x.neg(w, dst)
}

// magic is a multiplication that does the work of a division: the quotient of n is hi(n*mul) >> shift, where hi is the upper
// half of the product of 128 bits; if wide, the multiplier has a 65th bit, 1.
type magic struct {
	mul   uint64
	shift uint8
	wide  bool
}

// magic32 is for dividends below 2^32: with the multiplier 2^64/d, rounded up, the product is too large by less than
// n/2^64*d, which is below 1/d and so does not reach the next quotient.
func magic32(d uint32) magic { return magic{mul: ^uint64(0)/uint64(d) + 1} }

// magic64 is for all dividends: T. Granlund, P. L. Montgomery, "Division by invariant integers using multiplication"
// (1994), figure 4.1. d is neither a power of two nor above 2^63.
func magic64(d uint64) magic {
	l := bits.Len64(d) // 2^(l-1) < d < 2^l
	// 2^(64+l)/d rounded up, without its 65th bit.
	m, _ := bits.Div64(uint64(1)<<(l%64)-d, 0, d)
	m++
	// With one bit less it may be exact enough: then it has 64 bits, and its halves' sum needs no 65th.
	if q, r := bits.Div64(uint64(1)<<(l-1), 0, d); d-r <= uint64(1)<<(l-1) {
		return magic{mul: q + 1, shift: uint8(l - 1)}
	}
	return magic{mul: m, shift: uint8(l - 1), wide: true}
}

// multiply divides by a constant other than 0 without a division, if it can. It changes RCX and RDX.
func (x *expander) multiply(mod bool, w int, dst Reg, v int64) bool {
	d := uint64(v)
	if w == 32 {
		d = uint64(uint32(v))
	}
	if d&(d-1) == 0 {
		return x.byPower(mod, w, dst, d)
	}
	if !x.f.BMI2 || d > 1<<62 {
		return false
	}
	m := magic64(d)
	if w == 32 {
		m = magic32(uint32(d))
	}
	x.movRR(w, RDX, dst)
	x.movRI(scratch, int64(m.mul))
	x.mulx(scratch, scratch, scratch)
	if m.wide {
		// (n*2^64 + n*mul) >> 65: the sum has 65 bits.
		x.aluRR(64, aluSub, RDX, scratch)
		x.shiftI(64, shShr, RDX, 1)
		x.aluRR(64, aluAdd, scratch, RDX)
	}
	if m.shift > 0 {
		x.shiftI(64, shShr, scratch, m.shift)
	}
	if !mod {
		x.movRR(w, dst, scratch)
		return true
	}
	x.imulRRI(w, scratch, scratch, int32(v))
	x.aluRR(w, aluSub, dst, scratch)
	return true
}

// byPower divides by a power of two.
func (x *expander) byPower(mod bool, w int, dst Reg, d uint64) bool {
	switch n := bits.TrailingZeros64(d); {
	case mod && d <= 1<<31:
		x.aluRI(32, aluAnd, dst, int32(uint32(d-1)))
	case mod:
		return false
	case n > 0:
		x.shiftI(w, shShr, dst, uint8(n))
	case w == 32:
		x.movRR(32, dst, dst)
	}
	return true
}
