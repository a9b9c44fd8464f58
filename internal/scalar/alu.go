package scalar

import "github.com/gbpf/gbpf/isa"

// ALU returns dst op src as the arithmetic instruction of the given width, 32 or 64,
// leaves it in dst (RFC 9669 section 4.1): wrapping, shift amounts masked to the
// width, division by zero gives 0 and remainder by zero dst, and results of 32 bits
// zero-extended. AluNeg ignores src, AluMov ignores dst. For a 32-bit instruction only
// the low 32 bits of the operands count.
//
// Sign-extending moves and byte swaps have a second width and functions of their own,
// [Movsx] and [End]; of those and of undefined operations the result is unknown.
//
// The operands are taken to be unrelated. For an operation on one register with itself
// that is sound, and imprecise.
func ALU(op isa.AluOp, width uint8, dst, src Scalar) Scalar {
	w := uint(width)
	if w != 32 {
		w = 64
	}
	switch op {
	case isa.AluMov:
		if w == 32 {
			return Mov32(src)
		}
		return src
	case isa.AluNeg:
		dst, src, op = Scalar{}, dst, isa.AluSub
	}
	if dst.Var.low(w).Mask|src.Var.low(w).Mask == 0 {
		k := ones(int(w))
		if v, ok := eval(op, w, dst.Var.Value&k, src.Var.Value&k); ok {
			return Const(v)
		}
	}
	a, b := dst.view(w), src.view(w)
	var r view
	switch op {
	case isa.AluDiv:
		r = udiv(w, &a, &b)
	case isa.AluMod:
		r = umod(w, &a, &b)
	case isa.AluSdiv:
		r = sdiv(w, &a, &b)
	case isa.AluSmod:
		r = smod(w, &a, &b)
	case isa.AluRsh:
		r = rsh(w, &a, amountOf(w, &b))
	case isa.AluArsh:
		r = arsh(w, &a, amountOf(w, &b))
	case isa.AluAdd, isa.AluSub, isa.AluMul, isa.AluAnd, isa.AluOr, isa.AluXor, isa.AluLsh:
		var n amount
		if op == isa.AluLsh {
			n = amountOf(w, &b)
		}
		r = ring(op, w, &a, &b, n)
		if w == 32 || r.umax <= 1<<32-1 && a.umax <= 1<<31-1 && b.umax <= 1<<31-1 {
			// Nothing wraps and the views of the low halves are those of the
			// whole, in either order: the low half would say the same.
			break
		}
		a, b = dst.view32(), src.view32()
		if op == isa.AluLsh && n.min() >= 32 {
			// Only the low half stays, and all there is to know of it is its own.
			o := lsh(64, &a, n)
			r.meetU(o.umin, o.umax)
			r.meetS(o.smin, o.smax)
		}
		a = ring(op, 32, &a, &b, n)
		return r.scalar64(&a)
	default:
		r = fullView(w)
	}
	return r.scalar(w)
}

// ring does one of the operations whose low bits depend on the operands' low bits only,
// so that a 64-bit one can also be done on the low 32 bits alone. What the low bits are
// known to be survives there even if the 64-bit ranges wrap. For a shift n is b as an
// amount.
func ring(op isa.AluOp, w uint, a, b *view, n amount) view {
	switch op {
	case isa.AluAdd:
		return add(w, a, b)
	case isa.AluSub:
		return sub(w, a, b)
	case isa.AluMul:
		return mul(w, a, b)
	case isa.AluAnd:
		return and(w, a, b)
	case isa.AluOr:
		return or(w, a, b)
	case isa.AluXor:
		return xor(w, a, b)
	}
	return lsh(w, a, n)
}

// eval returns the operation on two numbers of w bits, false if it is not defined.
func eval(op isa.AluOp, w uint, x, y uint64) (uint64, bool) {
	sx, sy := signed(w, x), signed(w, y)
	n := y & uint64(w-1)
	var v uint64
	switch op {
	case isa.AluAdd:
		v = x + y
	case isa.AluSub:
		v = x - y
	case isa.AluMul:
		v = x * y
	case isa.AluDiv:
		if y != 0 {
			v = x / y
		}
	case isa.AluMod:
		v = x
		if y != 0 {
			v = x % y
		}
	case isa.AluSdiv:
		if y != 0 {
			v = uint64(sx / sy) // Go defines MIN / -1 as MIN
		}
	case isa.AluSmod:
		v = x
		if y != 0 {
			v = uint64(sx % sy) // and MIN % -1 as 0
		}
	case isa.AluAnd:
		v = x & y
	case isa.AluOr:
		v = x | y
	case isa.AluXor:
		v = x ^ y
	case isa.AluLsh:
		v = x << n
	case isa.AluRsh:
		v = x >> n
	case isa.AluArsh:
		v = uint64(sx >> n)
	default:
		return 0, false
	}
	return v & ones(int(w)), true
}

// add returns the sums. They are consecutive numbers modulo 2^w from the sum of the
// lower ends on, for unsigned and for signed ranges alike, unless there are more of
// them than 2^w.
func add(w uint, a, b *view) view {
	r := fullView(w)
	r.t = a.t.Add(b.t).low(w)
	if n, ok := count(w, a.umax-a.umin, b.umax-b.umin); ok {
		start := a.umin + b.umin
		r.meetArc(w, start, start+n)
	}
	if n, ok := count(w, uint64(a.smax)-uint64(a.smin), uint64(b.smax)-uint64(b.smin)); ok {
		start := uint64(a.smin) + uint64(b.smin)
		r.meetArc(w, start, start+n)
	}
	return r
}

// sub returns the differences, which are consecutive as sums are.
func sub(w uint, a, b *view) view {
	r := fullView(w)
	r.t = a.t.Sub(b.t).low(w)
	if n, ok := count(w, a.umax-a.umin, b.umax-b.umin); ok {
		start := a.umin - b.umax
		r.meetArc(w, start, start+n)
	}
	if n, ok := count(w, uint64(a.smax)-uint64(a.smin), uint64(b.smax)-uint64(b.smin)); ok {
		start := uint64(a.smin) - uint64(b.smax)
		r.meetArc(w, start, start+n)
	}
	return r
}

// count returns m+n, false if it reaches 2^w.
func count(w uint, m, n uint64) (uint64, bool) {
	sum := m + n
	return sum, sum >= m && sum <= ones(int(w))
}
