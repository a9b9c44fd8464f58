package scalar

import "github.com/gbpf/gbpf/isa"

// Decision is what is known about a branch before it is taken.
type Decision uint8

// The decisions.
const (
	Undecided Decision = iota // it may go either way
	Always                    // the condition holds
	Never                     // it does not
)

// String returns the name in lower case.
func (d Decision) String() string {
	switch d {
	case Always:
		return "always"
	case Never:
		return "never"
	}
	return "undecided"
}

// Branch says whether a op b holds for all, none or some of the numbers that a and b
// may be, comparing the given number of low bits, 32 or 64. The operands are taken to
// be unrelated. Operations that are not comparisons are undecided.
func Branch(op isa.CondOp, width uint8, a, b Scalar) Decision {
	w := uint(width)
	if w != 32 {
		w = 64
	}
	x, y := a.view(w), b.view(w)
	switch op {
	case isa.CondEq:
		return equal(w, x, y)
	case isa.CondNe:
		return equal(w, x, y).not()
	case isa.CondSet:
		return common(w, x, y)
	case isa.CondLt:
		return less(x.umax < y.umin, x.umin >= y.umax)
	case isa.CondGe:
		return less(x.umax < y.umin, x.umin >= y.umax).not()
	case isa.CondGt:
		return less(y.umax < x.umin, y.umin >= x.umax)
	case isa.CondLe:
		return less(y.umax < x.umin, y.umin >= x.umax).not()
	case isa.CondSlt:
		return less(x.smax < y.smin, x.smin >= y.smax)
	case isa.CondSge:
		return less(x.smax < y.smin, x.smin >= y.smax).not()
	case isa.CondSgt:
		return less(y.smax < x.smin, y.smin >= x.smax)
	case isa.CondSle:
		return less(y.smax < x.smin, y.smin >= x.smax).not()
	}
	return Undecided
}

func (d Decision) not() Decision {
	switch d {
	case Always:
		return Never
	case Never:
		return Always
	}
	return Undecided
}

// less turns what the ends of two ranges say into a decision: every number is below
// the other, or none is.
func less(all, no bool) Decision {
	switch {
	case all:
		return Always
	case no:
		return Never
	}
	return Undecided
}

// equal decides x == y.
func equal(w uint, x, y view) Decision {
	m, ok := x.intersect(&y)
	if !ok {
		return Never
	}
	if x.t.Mask|y.t.Mask == 0 {
		return Always
	}
	h := m.halves(w)
	if h.tighten(m.t); h.empty() {
		return Never
	}
	return Undecided
}

// common decides x & y != 0.
func common(w uint, x, y view) Decision {
	t := x.t.And(y.t)
	switch {
	case t.Value != 0:
		return Always
	case t.Mask == 0:
		return Never
	}
	if r := and(w, &x, &y); r.umin > 0 {
		return Always
	}
	return Undecided
}

// intersect returns what both views allow, false if that is seen to be nothing.
func (v *view) intersect(o *view) (view, bool) {
	r := *v
	r.meetU(o.umin, o.umax)
	r.meetS(o.smin, o.smax)
	var ok bool
	r.t, ok = v.t.Intersect(o.t)
	return r, ok && r.umin <= r.umax && r.smin <= r.smax
}
