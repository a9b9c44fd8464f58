package fuel

import (
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/isa"
)

func pick[T any](rng *rand.Rand, s []T) T { return s[rng.IntN(len(s))] }

// walker runs what the flow of a program depends on.
type walker struct {
	r3, r4                 uint64
	rng                    *rand.Rand
	likely                 func(pc int) int // in how many of 64 cases a comparison of R0 comes out true
	turns, arrivals, steps int              // that were charged, and executed
}

// run holds at each step what was executed against what was charged.
func (w *walker) run(t *testing.T, table *Table, insns []isa.Insn) {
	budget, spent := uint64(table.weight[len(insns)]), uint64(0)
	w.r3, w.r4 = pick(w.rng, []uint64{0, 5, 1<<32 - 1, 1 << 32, 1<<64 - 2, 1 << 63}), 3
	for pc := 0; pc >= 0 && pc < len(insns) && spent < 3000; {
		in := &insns[pc]
		if n := table.Arrive(pc); n > 0 {
			budget += uint64(n)
			w.arrivals++
		}
		if spent++; spent > budget {
			t.Fatalf("at insn %d %d units were executed, %d charged: %v", pc, spent, budget, insns)
		}
		w.steps++
		if in.Op == isa.OpExit {
			return
		}
		if !w.step(pc, in) {
			pc++
			continue
		}
		if n := table.Jump(pc, in.Target(pc)); n > 0 {
			budget += uint64(n)
			w.turns++
		}
		pc = in.Target(pc)
	}
}

// step runs an instruction and reports whether it jumps.
func (w *walker) step(pc int, in *isa.Insn) bool {
	info := in.Info()
	switch {
	case info.Kind == isa.KindMov && in.Dst == 3:
		w.r3 = uint64(in.Imm)
		if info.Width == 32 {
			w.r3 = uint64(uint32(in.Imm))
		}
	case info.Kind == isa.KindMov && in.Dst == 4:
		w.r4 = w.r3
		if info.Width == 32 {
			w.r4 = uint64(uint32(w.r3))
		}
	case info.Kind == isa.KindALU:
		d := uint64(in.Imm)
		if info.AluOp == isa.AluSub {
			d = -d
		}
		if w.r3 += d; info.Width == 32 {
			w.r3 = uint64(uint32(w.r3))
		}
	case info.Kind == isa.KindJump:
		return true
	case info.Kind == isa.KindCond && in.Dst == 0:
		return w.rng.IntN(64) < w.likely(pc)
	case info.Kind == isa.KindCond:
		a, b := w.r3, uint64(in.Imm)
		if in.Dst == 4 {
			a = w.r4
		}
		if info.Width == 32 {
			a, b = uint64(int64(int32(a))), uint64(int64(int32(b)))
			if info.CondOp == isa.CondLt || info.CondOp == isa.CondLe || info.CondOp == isa.CondGt || info.CondOp == isa.CondGe {
				a, b = uint64(uint32(a)), uint64(uint32(b))
			}
		}
		switch info.CondOp {
		case isa.CondEq:
			return a == b
		case isa.CondNe:
			return a != b
		case isa.CondLt:
			return a < b
		case isa.CondLe:
			return a <= b
		case isa.CondGt:
			return a > b
		case isa.CondGe:
			return a >= b
		case isa.CondSlt:
			return int64(a) < int64(b)
		case isa.CondSle:
			return int64(a) <= int64(b)
		case isa.CondSgt:
			return int64(a) > int64(b)
		default:
			return int64(a) >= int64(b)
		}
	}
	return false
}

// TestBound runs random programs: at each step, what was executed weighs no more than the program and what was charged.
func TestBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var turns, arrivals, steps int
	kinds := map[string]int{}
	for range 40000 {
		insns := fuzzgen.Flow(rng, 3+rng.IntN(40))
		table := New(insns)
		for _, c := range table.count {
			kind := "jump round"
			if c.Falls {
				kind = "fall round"
			}
			if c.Cmp != c.Reg {
				kind += ", copy"
				if c.Before {
					kind += " before"
				}
			}
			if c.Known {
				kind += ", known start"
			}
			kinds[kind]++
		}
		for range 4 {
			w := &walker{rng: rng, likely: func(int) int { return 32 }}
			w.run(t, table, insns)
			turns, arrivals, steps = turns+w.turns, arrivals+w.arrivals, steps+w.steps
		}
	}
	t.Logf("%d steps, %d turns and %d arrivals were charged, loops that count: %v", steps, turns, arrivals, kinds)
	if turns < 10000 || arrivals < 1000 || len(kinds) < 12 {
		t.Error("too few of one kind")
	}
	for kind, n := range kinds {
		if n < 4 {
			t.Errorf("%d loops of kind %s", n, kind)
		}
	}
}

// TestBoundCounted is TestBound of programs with large loops that count, one in the other and left early, amid jumps that are seldom or mostly
// taken.
func TestBoundCounted(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var turns, counted, left int
	for range 20000 {
		n := 20 + rng.IntN(40)
		insns := fuzzgen.Flow(rng, n)
		for pc := range insns { // most go on
			if insns[pc].IsJump() && rng.IntN(3) > 0 {
				insns[pc] = isa.New(isa.OpMov64Imm, 0, 0, 0, 1)
			}
		}
		for range 2 {
			if head, size := 1+rng.IntN(n/2), 6+rng.IntN(n/2); head+size < n {
				insns[head-1] = isa.New(isa.OpMov64Imm, 3, 0, 0, 0)
				insns[head+size-2] = isa.New(isa.OpAdd64Imm, 3, 0, 0, 1)
				insns[head+size-1] = isa.New(isa.OpJneImm, 3, 0, int16(-size), int64(2+rng.IntN(30)))
			}
		}
		table := New(insns)
		counted += len(table.count)
		for i := range table.count {
			last := int(table.count[i].pc)
			for pc := insns[last].Target(last); pc < last; pc++ {
				if in := &insns[pc]; in.IsJump() && in.Target(pc) < insns[last].Target(last) {
					left++
				}
			}
		}
		var likely []int
		for range insns {
			likely = append(likely, []int{1, 4, 32, 60, 63}[rng.IntN(5)])
		}
		for range 3 {
			w := &walker{rng: rng, likely: func(pc int) int { return likely[pc] }}
			w.run(t, table, insns)
			turns += w.turns
		}
	}
	t.Logf("%d turns were charged, %d loops counted, %d jumps lead from one to what lies before it", turns, counted, left)
	if turns < 10000 || counted < 1000 || left < 50 {
		t.Error("too few of one kind")
	}
}
