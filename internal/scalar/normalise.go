package scalar

// maxRounds bounds Normalise. Each round but the last two learns a bit, moves an end
// across a gap or empties a half; tests see at most a handful of rounds.
const maxRounds = 16

const high = 1<<64 - 1<<32 // the upper half

// Normalise makes each view as narrow as the others allow, and returns false if it
// finds that no number satisfies all of them. A number that does stays in: every step
// drops only numbers that another view excludes.
//
// The result is the same for all ways of stating the same facts that the steps can
// tell, so that equal knowledge compares equal, and normalising again changes nothing.
func (s Scalar) Normalise() (Scalar, bool) {
	_, ok := s.normalise()
	return s, ok
}

// normalise does it in place. What is left where ok is false means nothing.
func (s *Scalar) normalise() (rounds int, ok bool) {
	t := s.Var
	if t.Mask == 0 {
		ok = s.Contains(t.Value)
		s.setConst(t.Value)
		return 0, ok
	}
	if s.UMin > s.UMax || s.SMin > s.SMax || s.U32Min > s.U32Max || s.S32Min > s.S32Max || !t.wellFormed() {
		return 0, false
	}
	if s.UMax <= 1<<32-1 || t.may()&high == 0 {
		return s.normaliseLow()
	}
	full := split(64, s.UMin, s.UMax, s.SMin, s.SMax)
	low := split(32, uint64(s.U32Min), uint64(s.U32Max), int64(s.S32Min), int64(s.S32Max))
	if full.empty() || low.empty() {
		return 0, false
	}
	for rounds = 1; rounds < maxRounds; rounds++ {
		t0, full0, low0 := t, full, low

		// Ends that are not members of the tnum cannot occur.
		low.tighten(t.Subreg())
		if low.empty() {
			return rounds, false
		}
		full.tighten(t)
		// The same for ends whose low word cannot occur.
		if !full.pos.empty() {
			full.pos = full.pos.tightenLow(&low)
		}
		if !full.neg.empty() {
			full.neg = full.neg.tightenLow(&low)
		}
		if full.empty() {
			return rounds, false
		}
		// A low word that no 64-bit number in range has cannot occur.
		low = full.low(32, low)
		if low.empty() {
			return rounds, false
		}
		// Bits that all numbers in range share are known.
		if t, ok = t.Intersect(full.tnum()); !ok {
			return rounds, false
		}
		l := low.tnum()
		if t, ok = t.Intersect(Tnum{l.Value, l.Mask | high}); !ok {
			return rounds, false
		}
		if t == t0 && full == full0 && low == low0 {
			break
		}
	}
	if t.Mask == 0 {
		ok = s.Contains(t.Value)
		s.setConst(t.Value)
		return rounds, ok
	}
	s.Var = t
	s.UMin, s.UMax = full.unsigned()
	lo, hi := full.signed()
	s.SMin, s.SMax = int64(lo), int64(hi)
	s.setLow(&low)
	return rounds, true
}

// normaliseLow is for numbers whose upper half is 0: all views are those of the low
// half, of which the 64-bit ones only see the unsigned order.
func (s *Scalar) normaliseLow() (rounds int, ok bool) {
	t, lo, hi := s.Var, max(s.UMin, uint64(max(s.SMin, 0))), min(s.UMax, 1<<32-1)
	if s.SMax < 0 || t.Value&high != 0 {
		return 0, false
	}
	t.Mask &^= high
	hi = min(hi, uint64(s.SMax))
	low := split(32, max(uint64(s.U32Min), lo), min(uint64(s.U32Max), hi), int64(s.S32Min), int64(s.S32Max))
	for rounds = 1; rounds < maxRounds; rounds++ {
		t0, low0 := t, low
		low.tighten(t)
		if low.empty() {
			return rounds, false
		}
		if t, ok = t.Intersect(low.tnum()); !ok {
			return rounds, false
		}
		if t == t0 && low == low0 {
			break
		}
	}
	if t.Mask == 0 {
		ok = s.Contains(t.Value)
		s.setConst(t.Value)
		return rounds, ok
	}
	s.Var = t
	s.UMin, s.UMax = low.unsigned()
	s.SMin, s.SMax = int64(s.UMin), int64(s.UMax)
	s.setLow(&low)
	return rounds, true
}

// setLow sets the ranges of the low half.
func (s *Scalar) setLow(low *halves) {
	lo, hi := low.unsigned()
	s.U32Min, s.U32Max = uint32(lo), uint32(hi)
	lo, hi = low.signed()
	s.S32Min, s.S32Max = int32(uint32(lo)), int32(uint32(hi))
}
