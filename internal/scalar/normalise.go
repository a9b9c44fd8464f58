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
	r, _, ok := s.normalise()
	return r, ok
}

func (s Scalar) normalise() (r Scalar, rounds int, ok bool) {
	if s.Var.Mask == 0 {
		return Const(s.Var.Value), 0, s.Contains(s.Var.Value)
	}
	if s.UMin > s.UMax || s.SMin > s.SMax || s.U32Min > s.U32Max || s.S32Min > s.S32Max || !s.Var.wellFormed() {
		return Scalar{}, 0, false
	}
	t := s.Var
	full := split(64, s.UMin, s.UMax, s.SMin, s.SMax)
	low := split(32, uint64(s.U32Min), uint64(s.U32Max), int64(s.S32Min), int64(s.S32Max))
	if full.empty() || low.empty() {
		return Scalar{}, 0, false
	}
	for rounds = 1; rounds < maxRounds; rounds++ {
		t0, full0, low0 := t, full, low

		// Ends that are not members of the tnum cannot occur.
		low = low.tighten(t.Subreg())
		if low.empty() {
			return Scalar{}, rounds, false
		}
		full = full.tighten(t)
		// The same for ends whose low word cannot occur.
		if !full.pos.empty() {
			full.pos = full.pos.tightenLow(low)
		}
		if !full.neg.empty() {
			full.neg = full.neg.tightenLow(low)
		}
		if full.empty() {
			return Scalar{}, rounds, false
		}
		// A low word that no 64-bit number in range has cannot occur.
		low = full.low(32, low)
		if low.empty() {
			return Scalar{}, rounds, false
		}
		// Bits that all numbers in range share are known.
		if t, ok = t.Intersect(full.tnum()); !ok {
			return Scalar{}, rounds, false
		}
		l := low.tnum()
		if t, ok = t.Intersect(Tnum{l.Value, l.Mask | high}); !ok {
			return Scalar{}, rounds, false
		}
		if t == t0 && full == full0 && low == low0 {
			break
		}
	}
	if t.Mask == 0 {
		return Const(t.Value), rounds, s.Contains(t.Value)
	}
	r.Var = t
	r.UMin, r.UMax = full.unsigned()
	lo, hi := full.signed()
	r.SMin, r.SMax = int64(lo), int64(hi)
	lo, hi = low.unsigned()
	r.U32Min, r.U32Max = uint32(lo), uint32(hi)
	lo, hi = low.signed()
	r.S32Min, r.S32Max = int32(uint32(lo)), int32(uint32(hi))
	return r, rounds, true
}
