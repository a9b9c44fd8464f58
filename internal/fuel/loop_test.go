package fuel

import (
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

// randomFlow is a program of n instructions with jumps at random, and some loops that count R3.
func randomFlow(rng *rand.Rand, n int) []isa.Insn {
	insns := make([]isa.Insn, n)
	to := func(pc int) int16 { return int16(rng.IntN(n) - pc - 1) }
	for pc := range insns {
		insns[pc] = isa.New(isa.OpMov64Imm, 0, 0, 0, 1)
		switch rng.IntN(12) {
		case 0, 1:
			insns[pc] = isa.New(isa.OpJa, 0, 0, to(pc), 0)
		case 2, 3, 4:
			insns[pc] = isa.New(isa.OpJeqImm, 0, 0, to(pc), 7)
		case 5:
			if rng.IntN(3) == 0 {
				insns[pc] = isa.New(isa.OpExit, 0, 0, 0, 0)
			}
		}
	}
	for range rng.IntN(3) {
		if pc := rng.IntN(n); pc+6 < n {
			insns[pc] = isa.New(isa.OpMov64Imm, 3, 0, 0, 0)
			insns[pc+4] = isa.New(isa.OpAdd64Imm, 3, 0, 0, 1)
			insns[pc+5] = isa.New(isa.OpJneImm, 3, 0, -5, int64(2+rng.IntN(9)))
		}
	}
	return insns
}

// TestBound runs random programs whose comparisons come out at random, those of R3 apart: at each step, what was executed weighs no more
// than the program and what was charged.
func TestBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var turns, counted, falling int
	for range 20000 {
		insns := randomFlow(rng, 3+rng.IntN(30))
		table := New(insns)
		counted += len(table.count)
		if f := search(insns, new(memory)); f != nil {
			for _, is := range f.falls {
				if is {
					falling++
				}
			}
		}
		for range 3 {
			budget, spent := uint64(table.weight[len(insns)]), uint64(0)
			r3 := int64(99)
			for pc, steps := 0, 0; pc >= 0 && pc < len(insns) && steps < 500; steps++ {
				in := &insns[pc]
				if spent++; spent > budget {
					t.Fatalf("at insn %d %d units were executed, %d charged: %v", pc, spent, budget, insns)
				}
				taken := in.IsJump()
				switch {
				case in.Op == isa.OpMov64Imm && in.Dst == 3:
					r3 = 0
				case in.Op == isa.OpAdd64Imm:
					r3++
				case in.Op == isa.OpJneImm:
					taken = r3 != in.Imm
				case in.Op == isa.OpJeqImm:
					taken = rng.IntN(2) == 0
				}
				if in.Op == isa.OpExit {
					break
				}
				if !taken {
					pc++
					continue
				}
				if n := table.Jump(pc, in.Target(pc)); n > 0 {
					budget += uint64(n)
					turns++
				}
				pc = in.Target(pc)
			}
		}
	}
	t.Logf("%d turns were charged, %d loops counted, %d nests are turned without a jump", turns, counted, falling)
	if turns < 10000 || counted < 100 || falling < 100 {
		t.Error("too few of one kind")
	}
}

// TestRound: without the jumps that take fuel and those that count, control goes round nowhere.
func TestRound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		insns := randomFlow(rng, 2+rng.IntN(30))
		table := New(insns)
		state := make([]uint8, len(insns)) // 1 on the way, 2 done
		var visit func(pc int) bool
		visit = func(pc int) bool {
			if pc < 0 || pc >= len(insns) || state[pc] == 2 {
				return true
			}
			if state[pc] == 1 {
				return false
			}
			state[pc] = 1
			in, ok := &insns[pc], true
			_, counts := table.Counted(pc)
			if in.IsJump() && !counts && table.Jump(pc, in.Target(pc)) == 0 {
				ok = visit(in.Target(pc))
			}
			if falls(in) {
				ok = ok && visit(pc+1)
			}
			state[pc] = 2
			return ok
		}
		for pc := range insns {
			if !visit(pc) {
				t.Fatalf("control goes round without fuel: %v", insns)
			}
		}
	}
}

// TestJump: what jumps cost in loops as compilers lay them out.
func TestJump(t *testing.T) {
	nop, exit := isa.New(isa.OpMov64Imm, 0, 0, 0, 1), isa.New(isa.OpExit, 0, 0, 0, 0)
	jump := func(off int16) isa.Insn { return isa.New(isa.OpJa, 0, 0, off, 0) }
	cond := func(off int16) isa.Insn { return isa.New(isa.OpJeqReg, 0, 1, off, 0) }
	for _, tt := range []struct {
		name  string
		insns []isa.Insn
		want  map[int]uint32 // by the jump
	}{
		{"one way back", []isa.Insn{nop, nop, nop, cond(-3), exit}, map[int]uint32{3: 3}},
		{"two ways back cost the same", []isa.Insn{nop, nop, cond(-2), nop, cond(-4), exit}, map[int]uint32{2: 4, 4: 4}},
		{"a shared end", []isa.Insn{jump(2), nop, exit, cond(-3), jump(-4)}, nil},
		{"a part of the body behind the loop", []isa.Insn{nop, cond(3), nop, cond(-3), exit, nop, nop, jump(-6)}, map[int]uint32{3: 6}},
		{"a loop that is entered in the middle", []isa.Insn{jump(1), nop, nop, cond(-3), exit}, map[int]uint32{3: 3}},
		{"a loop that counts, whose head is entered again by a way out of its middle", []isa.Insn{
			jump(2), nop, jump(0), nop, cond(4), nop, isa.New(isa.OpAdd64Imm, 3, 0, 0, 1), isa.New(isa.OpJltImm, 3, 0, -5, 10), exit, jump(-9),
		}, map[int]uint32{2: 3 + 5*11}},
		{"a nest", []isa.Insn{nop, nop, cond(-2), nop, cond(-5), exit}, map[int]uint32{2: 2, 4: 5}},
	} {
		table := New(tt.insns)
		for pc := range tt.insns {
			if !tt.insns[pc].IsJump() {
				continue
			}
			if got := table.Jump(pc, tt.insns[pc].Target(pc)); got != tt.want[pc] {
				t.Errorf("%s: the jump at %d takes %d, want %d", tt.name, pc, got, tt.want[pc])
			}
		}
	}
}
