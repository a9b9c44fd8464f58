package scalar

import (
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

var aluOps = []isa.AluOp{
	isa.AluAdd, isa.AluSub, isa.AluMul, isa.AluDiv, isa.AluOr, isa.AluAnd, isa.AluLsh, isa.AluRsh, isa.AluMod,
	isa.AluXor, isa.AluMov, isa.AluArsh, isa.AluSdiv, isa.AluSmod, isa.AluNeg,
}

var condOps = []isa.CondOp{
	isa.CondEq, isa.CondGt, isa.CondGe, isa.CondSet, isa.CondNe, isa.CondSgt, isa.CondSge, isa.CondLt, isa.CondLe, isa.CondSlt, isa.CondSle,
}

// placement puts small numbers at a place of the number line where something happens.
type placement struct {
	name  string
	shift uint
	base  uint64
}

var placements = []placement{
	{"at zero", 0, 0}, {"across 2^31", 0, 1<<31 - 3}, {"across 2^32", 0, 1<<32 - 3}, {"across 2^63", 0, 1<<63 - 3},
	{"across -1", 0, ^uint64(2)}, {"bit 30", 30, 0}, {"bit 31", 31, 0}, {"bit 61", 61, 0}, {"across -2^31", 0, ^uint64(1<<31 + 2)},
	{"shift amounts", 0, 29}, {"large shift amounts", 0, 61},
}

// set is an abstract value and the concrete ones it stands for.
type set struct {
	s        Scalar
	concrete []uint64
}

// sets makes every range and every Tnum of n-bit numbers at a placement.
func sets(p placement, n uint) []set {
	var all []set
	at := func(v uint64) uint64 { return v<<p.shift + p.base }
	add := func(s Scalar, in func(v uint64) bool) {
		x := set{s: s}
		for v := range uint64(1) << n {
			if in(v) {
				x.concrete = append(x.concrete, at(v))
			}
		}
		all = append(all, x)
	}
	for lo := range uint64(1) << n {
		for hi := lo; hi < 1<<n; hi++ {
			in := func(v uint64) bool { return v >= lo && v <= hi }
			if a, b := at(lo), at(hi); a <= b {
				add(URange(a, b), in)
			}
			if a, b := int64(at(lo)), int64(at(hi)); a <= b {
				add(SRange(a, b), in)
			}
			// Only the low half is known.
			s := Unknown()
			if a, b := uint32(at(lo)), uint32(at(hi)); a <= b {
				s.U32Min, s.U32Max = a, b
				s, _ = s.Normalise()
				add(s, func(v uint64) bool { c := uint32(at(v)); return in(v) && c >= a && c <= b })
			}
		}
	}
	if p.base == 0 {
		for m := range uint64(1) << n {
			for v := range uint64(1) << n {
				if v&m == 0 {
					add(FromTnum(Tnum{v << p.shift, m << p.shift}), func(c uint64) bool { return c&^m == v })
				}
			}
		}
	}
	return all
}

// TestExhaustive holds every operation and every refinement on all small abstract values at all placements
// against all the concrete numbers they stand for.
func TestExhaustive(t *testing.T) {
	n := uint(2)
	if !testing.Short() {
		n = 3
	}
	checked := 0
	for _, pa := range placements {
		as := sets(pa, n)
		for _, s := range as {
			for _, c := range s.concrete {
				if !s.s.Contains(c) {
					t.Fatalf("%s: %v does not contain %#x", pa.name, s.s, c)
				}
			}
			unary(t, s)
		}
		for _, pb := range []placement{placements[0], pa, placements[9], placements[4]} {
			bs := sets(pb, 2)
			for _, a := range as {
				for _, b := range bs {
					checked += pair(t, a, b)
					if t.Failed() {
						t.Fatalf("%s and %s", pa.name, pb.name)
					}
				}
			}
		}
	}
	t.Logf("%d concrete results checked", checked)
}

func unary(t *testing.T, s set) {
	t.Helper()
	for _, size := range []uint8{1, 2, 4, 8} {
		tr := s.s.Truncate(size)
		for _, c := range s.concrete {
			if v := c << (64 - 8*uint(size)) >> (64 - 8*uint(size)); !tr.Contains(v) {
				t.Fatalf("truncate %v to %d bytes: %v lacks %#x", s.s, size, tr, v)
			}
		}
	}
	for _, from := range []uint8{8, 16, 32} {
		for _, to := range []uint8{32, 64} {
			if from == to {
				continue
			}
			r := Movsx(from, to, s.s)
			for _, c := range s.concrete {
				v := uint64(int64(c<<(64-from)) >> (64 - from))
				if to == 32 {
					v = uint64(uint32(v))
				}
				if !r.Contains(v) {
					t.Fatalf("movsx %d to %d of %v: %v lacks %#x", from, to, s.s, r, v)
				}
			}
		}
	}
	for _, w := range []uint8{16, 32, 64} {
		le, be := End(isa.AluLe, w, s.s), End(isa.AluBe, w, s.s)
		for _, c := range s.concrete {
			low := c << (64 - w) >> (64 - w)
			if !le.Contains(low) || !be.Contains(bits.ReverseBytes64(low)>>(64-w)) {
				t.Fatalf("byte order, %d bits of %v: %v, %v", w, s.s, le, be)
			}
		}
	}
}

// pair checks all two-operand operations on a pair.
func pair(t *testing.T, a, b set) int {
	t.Helper()
	n := 0
	for _, width := range []uint8{32, 64} {
		for _, op := range aluOps {
			r := ALU(op, width, a.s, b.s)
			for _, x := range a.concrete {
				for _, y := range b.concrete {
					n++
					if v := exact(op, width, x, y); !r.Contains(v) {
						t.Fatalf("%s%d of %v and %v: %v lacks %#x from %#x and %#x", op, width, a.s, b.s, r, v, x, y)
					}
				}
			}
		}
		for _, op := range condOps {
			n += cond(t, op, width, a, b)
		}
	}
	j := Join(a.s, b.s)
	for _, c := range append(append([]uint64{}, a.concrete...), b.concrete...) {
		if !j.Contains(c) {
			t.Fatalf("join of %v and %v: %v lacks %#x", a.s, b.s, j, c)
		}
	}
	if a.s.In(&b.s) {
		for _, c := range a.concrete {
			if !b.s.Contains(c) {
				t.Fatalf("%v is in %v, but %#x is not", a.s, b.s, c)
			}
		}
	}
	return n
}

func cond(t *testing.T, op isa.CondOp, width uint8, a, b set) int {
	t.Helper()
	decided := Branch(op, width, a.s, b.s)
	ta, tb, tok := Refine(op, width, true, a.s, b.s)
	fa, fb, fok := Refine(op, width, false, a.s, b.s)
	for _, x := range a.concrete {
		for _, y := range b.concrete {
			taken := compare(op, width, x, y)
			if decided == Always && !taken || decided == Never && taken {
				t.Fatalf("%s%d of %v and %v: decided %d, but %#x and %#x differ", op, width, a.s, b.s, decided, x, y)
			}
			ra, rb, ok := fa, fb, fok
			if taken {
				ra, rb, ok = ta, tb, tok
			}
			if !ok || !ra.Contains(x) || !rb.Contains(y) {
				t.Fatalf("%s%d of %v and %v, taken %v: %v and %v (%v) lack %#x and %#x", op, width, a.s, b.s, taken, ra, rb, ok, x, y)
			}
		}
	}
	return len(a.concrete) * len(b.concrete)
}

func compare(op isa.CondOp, width uint8, x, y uint64) bool {
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

// randomSet makes an abstract value round two random numbers by a random history of operations.
func randomSet(rng *rand.Rand) set {
	number := func() uint64 {
		v := rng.Uint64() >> rng.UintN(64)
		switch rng.IntN(4) {
		case 0:
			v = -v
		case 1:
			v = uint64(1)<<rng.UintN(64) + uint64(rng.IntN(5)) - 2
		}
		return v
	}
	x := set{s: Unknown(), concrete: []uint64{number(), number(), number()}}
	for range rng.IntN(4) {
		c := Const(number())
		op, width := condOps[rng.IntN(len(condOps))], uint8(32<<rng.IntN(2))
		taken := compare(op, width, x.concrete[0], c.UMin)
		if s, _, ok := Refine(op, width, taken, x.s, c); ok {
			x.s = s
		}
		var keep []uint64
		for _, v := range x.concrete {
			if compare(op, width, v, c.UMin) == taken {
				keep = append(keep, v)
			}
		}
		x.concrete = keep
		if rng.IntN(2) == 0 {
			op, width := aluOps[rng.IntN(len(aluOps))], uint8(32<<rng.IntN(2))
			x.s = ALU(op, width, x.s, c)
			for i := range x.concrete {
				x.concrete[i] = exact(op, width, x.concrete[i], c.UMin)
			}
		}
	}
	return x
}

// TestRandom does the same as TestExhaustive on random 64-bit values.
func TestRandom(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 30_000
	}
	rng := rand.New(rand.NewPCG(12, 13))
	for range n {
		a, b := randomSet(rng), randomSet(rng)
		for _, s := range []set{a, b} {
			for _, c := range s.concrete {
				if !s.s.Contains(c) {
					t.Fatalf("%v lacks %#x after its history", s.s, c)
				}
			}
		}
		pair(t, a, b)
		unary(t, a)
	}
}

// TestPrecision pins what programs rely on.
func TestPrecision(t *testing.T) {
	u := Unknown()
	masked := ALU(isa.AluAnd, 64, u, Const(63))
	if masked.UMax != 63 || masked.SMin != 0 {
		t.Errorf("and 63: %v", masked)
	}
	if s := ALU(isa.AluRsh, 32, u, Const(26)); s.UMax != 63 {
		t.Errorf("w >> 26: %v", s)
	}
	if s := ALU(isa.AluMod, 64, u, Const(64)); s.UMax != 63 {
		t.Errorf("%% 64: %v", s)
	}
	if s := ALU(isa.AluLsh, 64, masked, Const(2)); s.UMax != 252 || s.Var.Mask != 252 {
		t.Errorf("masked << 2: %v", s)
	}
	// (int)i < 0 || i >= 64
	s, _, _ := Refine(isa.CondSlt, 32, false, u.Low(), Const(0))
	s, _, _ = Refine(isa.CondSge, 32, false, s, Const(64))
	if s.UMax != 63 {
		t.Errorf("signed 32-bit checks: %v", s)
	}
	// A stride survives the end of a loop: [0, 256] in steps of 4 without 256 is at most 252.
	loop := Scalar{Var: Tnum{0, 0x1fc}, UMax: 256, SMax: 256, U32Max: 256, S32Max: 256}
	loop, _ = loop.Normalise()
	loop, _, _ = Refine(isa.CondNe, 64, true, loop, Const(256))
	if loop.UMax > 255 {
		t.Errorf("after != 256: %v", loop)
	}
}

func FuzzScalar(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		rng := rand.New(rand.NewPCG(a, b))
		for range 20 {
			pair(t, randomSet(rng), randomSet(rng))
		}
	})
}

func BenchmarkOps(b *testing.B) {
	x, y := URange(3, 700), URange(0, 1<<40)
	b.Run("add", func(b *testing.B) {
		for b.Loop() {
			ALU(isa.AluAdd, 64, x, y)
		}
	})
	b.Run("and", func(b *testing.B) {
		for b.Loop() {
			ALU(isa.AluAnd, 64, y, Const(63))
		}
	})
	b.Run("refine", func(b *testing.B) {
		for b.Loop() {
			Refine(isa.CondLt, 64, true, y, x)
		}
	})
}
