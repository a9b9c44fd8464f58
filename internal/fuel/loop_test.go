package fuel

import (
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

// TestBack compares what backward jumps cost with a search for a way back, in random programs.
func TestBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	free, charged := 0, 0
	for range 2000 {
		n := 2 + rng.IntN(30)
		insns := make([]isa.Insn, n)
		for pc := range insns {
			insns[pc] = isa.New(isa.OpMov64Imm, 0, 0, 0, 1)
			switch rng.IntN(6) {
			case 0:
				insns[pc] = isa.New(isa.OpJa, 0, 0, int16(rng.IntN(n)-pc-1), 0)
			case 1, 2:
				insns[pc] = isa.New(isa.OpJeqImm, 0, 0, int16(rng.IntN(n)-pc-1), 7)
			case 3:
				if rng.IntN(3) == 0 {
					insns[pc] = isa.New(isa.OpExit, 0, 0, 0, 0)
				}
			}
		}
		table := New(insns)
		for pc := range insns {
			if !insns[pc].IsJump() || insns[pc].Target(pc) > pc {
				continue
			}
			target := insns[pc].Target(pc)
			got, want := table.Back(pc, target), uint32(0)
			if reaches(insns, target, pc) {
				for last := pc; last < n; last++ { // the last that jumps back to the same place
					if insns[last].IsJump() && insns[last].Target(last) == target && reaches(insns, target, last) {
						want = uint32(last + 1 - target)
					}
				}
				charged++
			} else {
				free++
			}
			if got != want {
				t.Fatalf("jump from %d back to %d costs %d, want %d: %v", pc, target, got, want, insns)
			}
		}
	}
	t.Logf("%d jumps backwards in loops, %d that are none", charged, free)
	if charged < 1000 || free < 1000 {
		t.Error("too few of one kind")
	}
}

// reaches follows all ways from one instruction.
func reaches(insns []isa.Insn, from, to int) bool {
	seen := make([]bool, len(insns))
	todo := []int{from}
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if pc == to {
			return true
		}
		if pc < 0 || pc >= len(insns) || seen[pc] {
			continue
		}
		seen[pc] = true
		in := insns[pc]
		if in.IsJump() {
			todo = append(todo, in.Target(pc))
		}
		if in.Op != isa.OpExit && in.Op != isa.OpJa {
			todo = append(todo, pc+1)
		}
	}
	return false
}
