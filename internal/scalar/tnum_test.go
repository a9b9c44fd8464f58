package scalar

import (
	"math/bits"
	"testing"
)

// members returns the numbers of n bits in t.
func (t Tnum) members(n uint) (m []uint64) {
	for v := range uint64(1) << n {
		if t.Contains(v) {
			m = append(m, v)
		}
	}
	return m
}

func tnumOf(of []uint64) Tnum {
	t := TnumConst(of[0])
	for _, v := range of {
		t = t.Union(TnumConst(v))
	}
	return t
}

// TestTnumExhaustive checks every pair of sets of 5-bit numbers.
func TestTnumExhaustive(t *testing.T) {
	const n = 5
	var all []Tnum
	for m := range uint64(1) << n {
		for v := range uint64(1) << n {
			if v&m == 0 {
				all = append(all, Tnum{v, m})
			}
		}
	}
	ops := []struct {
		name string
		t    func(a, b Tnum) Tnum
		v    func(a, b uint64) uint64
		best bool // the result is the smallest set
	}{
		{"add", Tnum.Add, func(a, b uint64) uint64 { return a + b }, true},
		{"sub", Tnum.Sub, func(a, b uint64) uint64 { return a - b }, true},
		{"and", Tnum.And, func(a, b uint64) uint64 { return a & b }, true},
		{"or", Tnum.Or, func(a, b uint64) uint64 { return a | b }, true},
		{"xor", Tnum.Xor, func(a, b uint64) uint64 { return a ^ b }, true},
		{"mul", Tnum.Mul, func(a, b uint64) uint64 { return a * b }, false},
		{"neg", func(a, _ Tnum) Tnum { return a.Neg() }, func(a, _ uint64) uint64 { return -a }, true},
		{"not", func(a, _ Tnum) Tnum { return a.Not() }, func(a, _ uint64) uint64 { return ^a }, true},
	}
	var got []uint64
	for _, a := range all {
		am := a.members(n)
		for _, b := range all {
			bm := b.members(n)
			for _, op := range ops {
				r := op.t(a, b)
				got = got[:0]
				for _, x := range am {
					for _, y := range bm {
						v := op.v(x, y)
						got = append(got, v)
						if !r.Contains(v) {
							t.Fatalf("%s of %v and %v is %v: lacks %#x", op.name, a, b, r, v)
						}
					}
				}
				if !r.wellFormed() || op.best && r != tnumOf(got) {
					t.Fatalf("%s of %v and %v is %v, best is %v", op.name, a, b, r, tnumOf(got))
				}
			}
			in, u := true, a.Union(b)
			m, ok := a.Intersect(b)
			for v := range uint64(1) << n {
				ca, cb := a.Contains(v), b.Contains(v)
				in = in && (!ca || cb)
				if (ca || cb) && !u.Contains(v) || (ok && m.Contains(v)) != (ca && cb) {
					t.Fatalf("union of %v and %v is %v, intersection %v (%v)", a, b, u, m, ok)
				}
			}
			if a.In(b) != in {
				t.Fatalf("%v in %v: %v", a, b, a.In(b))
			}
		}
		for x := range uint64(1) << n {
			lo, okLo := a.atLeast(x)
			hi, okHi := a.atMost(x)
			wantLo, wantHi := uint64(1<<63), uint64(1<<63)
			for _, v := range am {
				if v >= x {
					wantLo = min(wantLo, v)
				}
				if v <= x {
					wantHi = v
				}
			}
			if okLo != (wantLo < 1<<63) || okLo && lo != wantLo || okHi != (wantHi < 1<<63) || okHi && hi != wantHi {
				t.Fatalf("%v around %d: %d (%v) and %d (%v)", a, x, lo, okLo, hi, okHi)
			}
		}
	}
}

func TestTnumShifts(t *testing.T) {
	for _, p := range places {
		for _, s := range sets(p, 3) {
			for _, v := range s.has {
				for n := range uint(64) {
					if !s.s.Var.Lsh(n).Contains(v<<n) || !s.s.Var.Rsh(n).Contains(v>>n) || !s.s.Var.Arsh(n, 64).Contains(uint64(int64(v)>>n)) {
						t.Fatalf("%v shifted by %d lacks what %#x becomes", s.s.Var, n, v)
					}
					if r := s.s.Var.Arsh(n%32, 32); !r.Contains(uint64(uint32(int32(v)>>(n%32)))) || r.may()>>32 != 0 {
						t.Fatalf("%v shifted by %d in 32 bits lacks what %#x becomes", s.s.Var, n%32, v)
					}
				}
				for _, size := range []uint{1, 2, 4, 8} {
					if !s.s.Var.Cast(size).Contains(v << (64 - 8*size) >> (64 - 8*size)) {
						t.Fatalf("%v cut to %d bytes lacks %#x", s.s.Var, size, v)
					}
				}
				w := TnumConst(0x1234567890abcdef).WithSubreg(s.s.Var)
				if !w.Contains(0x1234567800000000 | v&0xffffffff) {
					t.Fatalf("%v lacks %#x", w, v)
				}
			}
		}
	}
}

func TestTnumWords(t *testing.T) {
	for _, c := range []struct {
		got, want any
	}{
		{TnumRange(0, 255).String(), "(0x0; 0xff)"},
		{TnumRange(0x101, 0x102).String(), "(0x100; 0x3)"},
		{TnumRange(0, 1<<64-1), TnumUnknown()},
		{TnumConst(7).IsConst(), true},
		{TnumRange(0, 1).IsConst(), false},
		{Tnum{16, 8}.IsAligned(8), true},
		{Tnum{16, 8}.IsAligned(16), false},
		{Tnum{16, 8}.IsAligned(0), true},
		{Tnum{1<<40 | 5, 1<<41 | 2}.Subreg(), Tnum{5, 2}},
		{Tnum{1<<40 | 5, 1<<41 | 2}.ClearSubreg(), Tnum{1 << 40, 1 << 41}},
		{Tnum{0x1234, 0xff}.swap(16), Tnum{uint64(bits.ReverseBytes16(0x1234)), 0xff00}},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}

func TestString(t *testing.T) {
	neg, _ := Intersect(SRange(-5, 5), FromTnum(Tnum{1, ^uint64(1)}))
	for _, c := range []struct {
		s    Scalar
		want string
	}{
		{Unknown(), "scalar()"},
		{Const(42), "42"},
		{Const(1<<64 - 1), "-1"},
		{Const(1 << 40), "0x10000000000"},
		{URange(1, 64), "scalar(smin=umin=smin32=umin32=1,smax=umax=smax32=umax32=64,var_off=(0x0; 0x7f))"},
		{neg, "scalar(smin=smin32=-5,smax=smax32=5,umin=umin32=1,var_off=(0x1; 0xfffffffffffffffe))"},
		{SRange(-1<<31, -1<<20), "scalar(smin=umin=0xffffffff80000000,smax=umax=smax32=0xfffffffffff00000,umin32=0x80000000,umax32=0xfff00000,var_off=(0xffffffff80000000; 0x7fffffff))"},
		{FromTnum(Tnum{0, ^uint64(7)}), "scalar(smax=0x7ffffffffffffff8,umax=0xfffffffffffffff8,smax32=0x7ffffff8,umax32=0xfffffff8,var_off=(0x0; 0xfffffffffffffff8))"},
	} {
		if got := c.s.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if Always.String() != "always" || Never.String() != "never" || Undecided.String() != "undecided" {
		t.Error("names of decisions")
	}
}
