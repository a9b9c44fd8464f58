package scalar

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

var full = flag.Bool("scalar.full", false, "exhaustive tests with 3-bit sets at all pairs of places and 4-bit sets at each")

// place puts numbers of a few bits where something happens: v becomes v<<shift + base.
type place struct {
	name  string
	shift uint
	base  uint64
}

func (p place) at(v uint64) uint64 { return v<<p.shift + p.base }

var places = []place{
	{"at 0", 0, 0},
	{"across 0", 0, 1<<64 - 5},
	{"at bit 28", 28, 0},
	{"at bit 30", 30, 0},
	{"at bit 31", 31, 0},
	{"at bit 32", 32, 0},
	{"at bit 60", 60, 0},
	{"across 2^31", 0, 1<<31 - 6},
	{"across 2^32", 0, 1<<32 - 6},
	{"across 2^63", 0, 1<<63 - 6},
	{"across -2^31", 0, 1<<64 - 1<<31 - 6},
	{"across 3*2^31", 0, 3<<31 - 6},
	{"across 32", 0, 26},
	{"across 64", 0, 58},
	{"beyond 2^32", 0, 1 << 32},
	{"around 2^63 and 0", 59, 5<<59 + 1},
}

// set is an abstract value and concrete ones that it must hold.
type set struct {
	s   Scalar
	has []uint64
	all bool // there are no others
}

// sets makes all ranges and all tnums of n bits at a place. Values that only the low
// half is known of come along, with some upper halves.
func sets(p place, n uint) []set {
	seen := map[string]bool{}
	var r []set
	add := func(in func(v uint64) bool) {
		var has []uint64
		for v := range uint64(1) << n {
			if in(v) {
				has = append(has, p.at(v))
			}
		}
		if key := fmt.Sprint(has); seen[key] {
			return
		} else {
			seen[key] = true
		}
		s := best(has)
		count := 0
		for v := range uint64(1) << n {
			if s.Contains(p.at(v)) {
				count++
			}
		}
		r = append(r, set{s, has, p.shift == 0 && count == len(has) && s.UMax-s.UMin < 1<<n})
	}
	for lo := range uint64(1) << n {
		for hi := lo; hi < 1<<n; hi++ {
			add(func(v uint64) bool { return lo <= v && v <= hi })
		}
	}
	for m := range uint64(1) << n {
		for v := range uint64(1) << n {
			if v&m == 0 {
				add(func(x uint64) bool { return x&^m == v })
			}
		}
	}
	// The same with unknown upper halves: a 32-bit comparison makes them.
	for _, x := range r[:len(r):len(r)] {
		s := unknown
		low := x.s.view32()
		s.meetView(32, &low)
		s, ok := s.Normalise()
		if !ok {
			panic(fmt.Sprintf("low half of %v is empty", x.s))
		}
		y := set{s: s}
		for i, v := range x.has {
			y.has = append(y.has, v, uint64(uint32(v))|[]uint64{0, 7 << 32, 1 << 63, 0xffffffff << 32}[i%4])
		}
		r = append(r, y)
	}
	return r
}

// tally counts results, and those that no scalar could beat.
type tally struct {
	checked int // concrete results looked up
	results map[string]*[2]int
}

func (c *tally) add(name string, optimal bool) {
	if c.results == nil {
		c.results = map[string]*[2]int{}
	}
	r := c.results[name]
	if r == nil {
		r = new([2]int)
		c.results[name] = r
	}
	r[0]++
	if optimal {
		r[1]++
	}
}

func (c *tally) log(t *testing.T, names []string) {
	t.Helper()
	var b strings.Builder
	n, m := 0, 0
	for i, name := range names {
		r := c.results[name]
		if r == nil {
			continue
		}
		n, m = n+r[0], m+r[1]
		if i%6 == 0 {
			b.WriteString("\n   ")
		}
		fmt.Fprintf(&b, " %s %.1f %%,", name, 100*float64(r[1])/float64(r[0]))
	}
	t.Logf("%d concrete cases; of %d results where the best is known, %.2f %% are it:%s", c.checked, n, 100*float64(m)/float64(max(n, 1)), b.String())
}

// pairs calls f with pairs of sets: small ones at all pairs of places, larger ones at
// the same place, one more bit each with -scalar.full and one less with -short.
func pairs(t *testing.T, f func(t *testing.T, a, b *set)) {
	each := func(p, q place, as, bs []set) {
		for i := range as {
			for j := range bs {
				if f(t, &as[i], &bs[j]); t.Failed() {
					t.Fatalf("numbers %s and %s", p.name, q.name)
				}
			}
		}
	}
	n := uint(2)
	if *full {
		n = 3
	}
	small := make([][]set, len(places))
	for i, p := range places {
		small[i] = sets(p, n)
	}
	for i, p := range places {
		for j, q := range places {
			if testing.Short() && i != j && j != 0 {
				continue
			}
			each(p, q, small[i], small[j])
		}
	}
	if testing.Short() {
		return
	}
	for _, p := range places {
		as := sets(p, n+1)
		each(p, p, as, slices.DeleteFunc(slices.Clone(as), func(s set) bool { return !s.all }))
	}
	each(places[0], places[0], sets(places[0], 4), sets(places[0], 3))
}

func TestExhaustiveALU(t *testing.T) {
	var c tally
	var names []string
	for _, width := range []uint8{32, 64} {
		for _, op := range aluOps {
			names = append(names, fmt.Sprint(op, width))
		}
	}
	var got []uint64
	pairs(t, func(t *testing.T, a, b *set) {
		i := 0
		for _, width := range []uint8{32, 64} {
			for _, op := range aluOps {
				got = checkALU(t, op, width, a, b, got[:0])
				c.checked += len(got)
				if a.all && b.all {
					r := ALU(op, width, a.s, b.s)
					c.add(names[i], r == best(got))
				}
				i++
			}
		}
	})
	c.log(t, names)
}

// checkALU checks one operation and returns the concrete results.
func checkALU(t *testing.T, op isa.AluOp, width uint8, a, b *set, got []uint64) []uint64 {
	r := ALU(op, width, a.s, b.s)
	for _, x := range a.has {
		for _, y := range b.has {
			v := concreteALU(op, width, x, y)
			got = append(got, v)
			if !r.Contains(v) {
				t.Fatalf("%v%d of %v and %v is %v: lacks %#x, from %#x and %#x", op, width, a.s, b.s, r, v, x, y)
			}
		}
	}
	return got
}

func TestExhaustiveUnary(t *testing.T) {
	var c tally
	var names []string
	for _, u := range unaries {
		names = append(names, u.name)
		for _, p := range append(places, place{"across 2^8", 0, 1<<8 - 6}, place{"across 2^7", 0, 1<<7 - 6}, place{"across 2^15", 0, 1<<15 - 6}, place{"across 2^16", 0, 1<<16 - 6}, place{"at bit 4", 4, 0}, place{"at bit 12", 12, 0}) {
			for _, s := range sets(p, 4) {
				var got []uint64
				got = checkUnary(t, u, &s, got)
				c.checked += len(got)
				if s.all {
					c.add(u.name, u.abstract(s.s) == best(got))
				}
			}
		}
	}
	c.log(t, names)
}

func checkUnary(t *testing.T, u unary, s *set, got []uint64) []uint64 {
	r := u.abstract(s.s)
	for _, x := range s.has {
		v := u.concrete(x)
		got = append(got, v)
		if !r.Contains(v) {
			t.Fatalf("%s of %v is %v: lacks %#x, from %#x", u.name, s.s, r, v, x)
		}
	}
	return got
}

func TestExhaustiveBranch(t *testing.T) {
	var c tally
	var names []string
	for _, width := range []uint8{32, 64} {
		for _, op := range condOps {
			names = append(names, fmt.Sprint(op, width, " decided"), fmt.Sprint(op, width, " refined"))
		}
	}
	var e edges
	pairs(t, func(t *testing.T, a, b *set) {
		i := 0
		for _, width := range []uint8{32, 64} {
			for _, op := range condOps {
				e.check(t, op, width, a, b)
				c.checked += len(e.a[0]) + len(e.a[1])
				if a.all && b.all {
					c.add(names[i], e.decided)
					switch op {
					case isa.CondEq, isa.CondNe, isa.CondSet:
					default:
						// Ends of ranges decide an order.
						if !e.decided {
							t.Fatalf("%v%d of %v and %v is not decided", op, width, a.s, b.s)
						}
					}
					c.add(names[i+1], e.optimal(op, width, a, b))
				}
				i += 2
			}
		}
	})
	c.log(t, names)
}

// edges holds the pairs that go each way, [0] not taken and [1] taken.
type edges struct {
	a, b    [2][]uint64
	decided bool // Branch said as much as there is to say
}

func (e *edges) check(t *testing.T, op isa.CondOp, width uint8, a, b *set) {
	for i := range 2 {
		e.a[i], e.b[i] = e.a[i][:0], e.b[i][:0]
	}
	d := Branch(op, width, a.s, b.s)
	a0, b0, ok0 := Refine(op, width, false, a.s, b.s)
	a1, b1, ok1 := Refine(op, width, true, a.s, b.s)
	for _, x := range a.has {
		for _, y := range b.has {
			taken, i := concreteCond(op, width, x, y), 0
			ra, rb, ok := a0, b0, ok0
			if taken {
				i, ra, rb, ok = 1, a1, b1, ok1
			}
			if d == Always && !taken || d == Never && taken {
				t.Fatalf("%v%d of %v and %v is %v decided, but not for %#x and %#x", op, width, a.s, b.s, d, x, y)
			}
			if !ok || !ra.Contains(x) || !rb.Contains(y) {
				t.Fatalf("%v%d of %v and %v, taken %v: %v and %v (%v) lack %#x and %#x", op, width, a.s, b.s, taken, ra, rb, ok, x, y)
			}
			e.a[i], e.b[i] = append(e.a[i], x), append(e.b[i], y)
		}
	}
	want := Undecided
	if len(e.a[0]) == 0 {
		want = Always
	} else if len(e.a[1]) == 0 {
		want = Never
	}
	e.decided = d == want
}

// optimal reports whether both edges are refined as far as can be.
func (e *edges) optimal(op isa.CondOp, width uint8, a, b *set) bool {
	for i := range 2 {
		ra, rb, ok := Refine(op, width, i == 1, a.s, b.s)
		if ok != (len(e.a[i]) > 0) || ok && (ra != best(e.a[i]) || rb != best(e.b[i])) {
			return false
		}
	}
	return true
}

// TestExhaustiveNormalise puts every range together with every tnum, in all views. All
// numbers that they share must stay, and if the result is not the best that there is,
// it is counted.
func TestExhaustiveNormalise(t *testing.T) {
	n, inexact, deepest := 0, 0, 0
	for _, p := range places {
		all := sets(p, 4)
		for i := range all {
			for j := range i {
				s := all[i].s
				o := &all[j].s
				// The views of both, unnormalised.
				s.UMin, s.UMax = max(s.UMin, o.UMin), min(s.UMax, o.UMax)
				s.S32Min, s.S32Max = max(s.S32Min, o.S32Min), min(s.S32Max, o.S32Max)
				s.Var = o.Var
				r := s
				rounds, ok := r.normalise()
				deepest = max(deepest, rounds)
				var has []uint64
				for _, v := range append(all[i].has, all[j].has...) {
					if s.Contains(v) {
						has = append(has, v)
						if !ok || !r.Contains(v) {
							t.Fatalf("%s: %+v becomes %v (%v): lacks %#x", p.name, s, r, ok, v)
						}
					}
				}
				if !ok {
					continue
				}
				if !r.Valid() || !r.In(s) && s.Var.wellFormed() {
					t.Fatalf("%s: %+v becomes %+v, which is not normalised or not in it", p.name, s, r)
				}
				if all[i].all && all[j].all {
					n++
					if len(has) == 0 || r != best(has) {
						inexact++
					}
				}
			}
		}
	}
	t.Logf("%d of %d results are not the best; at most %d rounds", inexact, n, deepest)
}

func TestExhaustiveJoin(t *testing.T) {
	n := 0
	pairs(t, func(t *testing.T, a, b *set) {
		j := Join(a.s, b.s)
		w := Widen(a.s, b.s, []uint64{3, 1 << 31})
		in := a.s.In(b.s)
		if !a.s.In(j) || !b.s.In(j) || !j.Valid() || !a.s.In(w) || !b.s.In(w) || !w.Valid() {
			t.Fatalf("%v and %v join to %v, widen to %v", a.s, b.s, j, w)
		}
		m, ok := Intersect(a.s, b.s)
		if ok && (!m.In(a.s) || !m.In(b.s) || !m.Valid()) {
			t.Fatalf("%v and %v intersect in %v", a.s, b.s, m)
		}
		for _, v := range a.has {
			n++
			other := b.s.Contains(v)
			if in && !other || other && (!ok || !m.Contains(v)) {
				t.Fatalf("%v in %v: %v, intersection %v (%v): %#x", a.s, b.s, in, m, ok, v)
			}
		}
	})
	t.Logf("%d numbers", n)
}
