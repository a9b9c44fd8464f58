package scalar

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"testing"
)

var randomPairs = flag.Int("scalar.random", 40_000, "pairs of random values that every operation is done on")

// randomSet makes some numbers, the best scalar for them, and then forgets a part of
// what that says in several views.
func randomSet(rng *rand.Rand) set {
	x := set{has: []uint64{interesting(rng)}}
	for range rng.IntN(4) {
		v := x.has[0]
		switch rng.IntN(4) {
		case 0:
			v = interesting(rng)
		case 1:
			v += uint64(rng.IntN(40)) - 20
		case 2:
			v ^= 1 << rng.UintN(64) & uint64(rng.Uint32())
		case 3:
			v = v&(1<<32-1) | rng.Uint64()<<32
		}
		x.has = append(x.has, v)
	}
	x.s = best(x.has)
	s := &x.s
	for range rng.IntN(6) {
		n := rng.Uint64() >> rng.UintN(64)
		switch rng.IntN(9) {
		case 0:
			m := s.Var.Mask | rng.Uint64()&rng.Uint64()
			s.Var = Tnum{s.Var.Value &^ m, m}
		case 1:
			s.Var = unknown.Var
		case 2:
			s.UMin -= min(n, s.UMin)
			s.UMax += min(n, ^s.UMax)
		case 3:
			s.SMin, s.SMax = unknown.SMin, unknown.SMax
		case 4:
			s.UMin, s.UMax = 0, unknown.UMax
		case 5:
			s.U32Min, s.U32Max = 0, unknown.U32Max
		case 6:
			s.S32Min, s.S32Max = unknown.S32Min, unknown.S32Max
		case 7:
			s.U32Max += min(uint32(n), ^s.U32Max)
		case 8:
			s.S32Min = min(s.S32Min, s.S32Min-int32(n&0xffff))
		}
	}
	var ok bool
	if x.s, ok = x.s.Normalise(); !ok {
		panic("a value that holds numbers is empty")
	}
	return x
}

// checkAll does everything on two values.
func checkAll(t *testing.T, a, b *set) (cases int) {
	for _, x := range []*set{a, b} {
		if !x.s.Valid() {
			t.Fatalf("%+v is not normalised", x.s)
		}
		for _, v := range x.has {
			if !x.s.Contains(v) {
				t.Fatalf("%v lacks %#x", x.s, v)
			}
		}
		for _, u := range unaries {
			cases += len(checkUnary(t, u, x, nil))
		}
	}
	var e edges
	var got []uint64
	for _, width := range []uint8{32, 64} {
		for _, op := range aluOps {
			got = checkALU(t, op, width, a, b, got[:0])
			cases += len(got)
		}
		for _, op := range condOps {
			e.check(t, op, width, a, b)
			cases += len(e.a[0]) + len(e.a[1])
		}
	}
	j, w := Join(a.s, b.s), Widen(a.s, b.s, []uint64{b.has[0]})
	if !a.s.In(j) || !b.s.In(j) || !j.Valid() || !j.In(w) || !w.Valid() {
		t.Fatalf("%+v and\n%+v join to\n%+v, widen to\n%+v", a.s, b.s, j, w)
	}
	in := a.s.In(b.s)
	m, ok := Intersect(a.s, b.s)
	for _, v := range a.has {
		other := b.s.Contains(v)
		if in && !other || other && (!ok || !m.Contains(v)) {
			t.Fatalf("%v in %v: %v, intersection %v (%v): %#x", a.s, b.s, in, m, ok, v)
		}
	}
	return cases
}

func TestRandom(t *testing.T) {
	n := *randomPairs
	if testing.Short() {
		n /= 10
	}
	rng := rand.New(rand.NewPCG(20, 26))
	cases := 0
	for range n {
		a, b := randomSet(rng), randomSet(rng)
		cases += checkAll(t, &a, &b)
		// Results are operands too.
		width, op := uint8(32<<rng.IntN(2)), aluOps[rng.IntN(len(aluOps))]
		c := set{s: ALU(op, width, a.s, b.s), has: []uint64{concreteALU(op, width, a.has[0], b.has[0])}}
		cases += checkAll(t, &c, &a)
	}
	t.Logf("%d concrete cases on %d pairs", cases, 2*n)
}

// TestWidenEnds drives the widening with steps that only just leave what was there.
func TestWidenEnds(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	longest := 0
	for range 3000 {
		var thresholds []uint64
		for range rng.IntN(5) {
			thresholds = append(thresholds, interesting(rng))
		}
		s := randomSet(rng).s
		steps := 0
		for miss := 0; miss < 100; {
			n := Const(interesting(rng))
			if rng.IntN(2) == 0 { // close to an end
				n = Const([]uint64{s.UMin, s.UMax, uint64(s.SMin), uint64(s.SMax)}[rng.IntN(4)] + uint64(rng.IntN(9)) - 4)
			}
			w := Widen(s, n, thresholds)
			if !s.In(w) || !n.In(w) {
				t.Fatalf("%v and %v widen to %v", s, n, w)
			}
			if w == s {
				miss++
				continue
			}
			s = w
			steps++
		}
		longest = max(longest, steps)
	}
	if longest > 120 {
		t.Errorf("%d steps until nothing changed", longest)
	}
	t.Logf("at most %d steps until nothing changed", longest)
}

// FuzzScalar reads seven numbers for each of two values: three that they hold, and four
// that say what to forget.
func FuzzScalar(f *testing.F) {
	f.Add([]byte{})
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<63))
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		next := func() uint64 {
			var b [8]byte
			n := copy(b[:], data)
			data = data[n:]
			return binary.LittleEndian.Uint64(b[:])
		}
		value := func() *set {
			x := &set{has: []uint64{next(), next(), next()}}
			x.s = best(x.has)
			s := &x.s
			m := s.Var.Mask | next()
			s.Var = Tnum{s.Var.Value &^ m, m}
			n := next()
			s.UMax += min(n, ^s.UMax)
			s.SMin = min(s.SMin, s.SMin-int64(n>>1))
			n = next()
			s.U32Max += min(uint32(n), ^s.U32Max)
			s.S32Min = min(s.S32Min, s.S32Min-int32(n>>33))
			if next()&1 != 0 {
				s.UMin, s.UMax = 0, unknown.UMax
			}
			var ok bool
			if x.s, ok = s.Normalise(); !ok {
				t.Fatalf("%v is empty and holds %#x", x.s, x.has)
			}
			return x
		}
		checkAll(t, value(), value())
	})
}
