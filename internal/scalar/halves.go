package scalar

// span is an interval of numbers that share their sign bit, so that signed and
// unsigned order are the same in it. Numbers narrower than 64 bits are kept
// zero-extended. It is empty if lo is above hi.
type span struct{ lo, hi uint64 }

var none = span{1, 0}

func (p span) empty() bool { return p.lo > p.hi }

// join returns the smallest span that holds both, which are of the same sign.
func (p span) join(q span) span {
	switch {
	case p.empty():
		return q
	case q.empty():
		return p
	}
	return span{min(p.lo, q.lo), max(p.hi, q.hi)}
}

// meet returns the numbers in both.
func (p span) meet(q span) span { return span{max(p.lo, q.lo), min(p.hi, q.hi)} }

// meetArc returns the smallest span of the members of p that lie on the way from a up
// to b, which passes through the largest number to 0 if a is above b.
func (p span) meetArc(a, b uint64) span {
	if a <= b {
		return p.meet(span{a, b})
	}
	// What is left out is the gap strictly between b and a: ends inside it move to
	// its borders.
	if p.lo > b && p.lo < a {
		p.lo = a
	}
	if p.hi < a && p.hi > b {
		p.hi = b
	}
	return p
}

// tighten moves both ends inwards to members of t.
func (p span) tighten(t Tnum) span {
	if ((p.lo^t.Value)|(p.hi^t.Value))&^t.Mask == 0 {
		return p // both are members already
	}
	lo, ok := t.atLeast(p.lo)
	if !ok {
		return none
	}
	hi, ok := t.atMost(p.hi)
	if !ok {
		return none
	}
	return span{lo, hi}
}

// halves is a set of numbers of one width as two spans: those with a clear sign bit
// and those with a set one. It is worth as much as an unsigned and a signed range
// together, see the package comment.
type halves struct{ pos, neg span }

// split returns the numbers of width w that are in both ranges. The signed range is
// sign-extended to 64 bits.
func split(w uint, umin, umax uint64, smin, smax int64) halves {
	h := halves{none, none}
	if smax >= 0 {
		h.pos = span{max(umin, uint64(max(smin, 0))), min(umax, uint64(smax))}
	}
	if smin < 0 {
		keep := ones(int(w))
		h.neg = span{max(umin, uint64(smin)&keep), umax}
		if smax < 0 {
			h.neg.hi = min(umax, uint64(smax)&keep)
		}
	}
	return h
}

func (h *halves) empty() bool { return h.pos.empty() && h.neg.empty() }

// unsigned returns the smallest unsigned range. The halves are not both empty.
func (h *halves) unsigned() (lo, hi uint64) {
	switch {
	case h.neg.empty():
		return h.pos.lo, h.pos.hi
	case h.pos.empty():
		return h.neg.lo, h.neg.hi
	}
	return h.pos.lo, h.neg.hi
}

// signed returns the ends of the smallest signed range, as numbers of the width. The
// halves are not both empty.
func (h *halves) signed() (lo, hi uint64) {
	switch {
	case h.neg.empty():
		return h.pos.lo, h.pos.hi
	case h.pos.empty():
		return h.neg.lo, h.neg.hi
	}
	return h.neg.lo, h.pos.hi
}

// join returns the smallest halves that hold both.
func (h halves) join(o halves) halves { return halves{h.pos.join(o.pos), h.neg.join(o.neg)} }

// tighten moves the ends to members of t.
func (h *halves) tighten(t Tnum) {
	if !h.pos.empty() {
		h.pos = h.pos.tighten(t)
	}
	if !h.neg.empty() {
		h.neg = h.neg.tighten(t)
	}
}

// meetArc returns the smallest halves of the members on the way from a up to b.
func (h halves) meetArc(a, b uint64) halves {
	if !h.pos.empty() {
		h.pos = h.pos.meetArc(a, b)
	}
	if !h.neg.empty() {
		h.neg = h.neg.meetArc(a, b)
	}
	return h
}

// tnum returns the bits that all members share. The halves are not both empty.
func (h *halves) tnum() Tnum {
	switch {
	case h.neg.empty():
		return TnumRange(h.pos.lo, h.pos.hi)
	case h.pos.empty():
		return TnumRange(h.neg.lo, h.neg.hi)
	}
	return TnumRange(h.pos.lo, h.pos.hi).Union(TnumRange(h.neg.lo, h.neg.hi))
}

// low returns what the low n bits of the members can be, n being below the width of h.
// The result is the part of within, halves of width n, that can occur.
func (h *halves) low(n uint, within halves) halves {
	keep := ones(int(n))
	if h.pos.hi-h.pos.lo >= keep && !h.pos.empty() || h.neg.hi-h.neg.lo >= keep && !h.neg.empty() {
		return within // every value of the low bits occurs
	}
	// A span shorter than 2^n runs over the low bits at most once around.
	r := halves{none, none}
	if !h.pos.empty() {
		r = within.meetArc(h.pos.lo&keep, h.pos.hi&keep)
	}
	if !h.neg.empty() {
		r = r.join(within.meetArc(h.neg.lo&keep, h.neg.hi&keep))
	}
	return r
}

// tightenLow moves the ends of a span of 64-bit numbers inwards to numbers whose low
// 32 bits are in h, which is not empty.
func (p span) tightenLow(h *halves) span {
	const word = 1<<32 - 1
	first, last := h.unsigned()
	// Going up from lo: within the same upper word to the next member, else to the
	// first member under the next upper word.
	l := p.lo & word
	switch {
	case l <= h.pos.hi && !h.pos.empty():
		p.lo = p.lo&^word | max(l, h.pos.lo)
	case l <= h.neg.hi && !h.neg.empty():
		p.lo = p.lo&^word | max(l, h.neg.lo)
	default:
		next := p.lo | word
		if next == 1<<64-1 {
			return none
		}
		p.lo = next + 1 + first
	}
	// Going down from hi, likewise.
	l = p.hi & word
	switch {
	case l >= h.neg.lo && !h.neg.empty():
		p.hi = p.hi&^word | min(l, h.neg.hi)
	case l >= h.pos.lo && !h.pos.empty():
		p.hi = p.hi&^word | min(l, h.pos.hi)
	default:
		if p.hi <= word {
			return none
		}
		p.hi = p.hi&^word - 1 - word + last
	}
	return p
}
