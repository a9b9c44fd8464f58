package fuel

import (
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/isa"
)

// TestRound: without the jumps that take fuel and those that count, control goes round nowhere.
func TestRound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		insns := fuzzgen.Flow(rng, 3+rng.IntN(40))
		table := New(insns)
		state := make([]uint8, len(insns)) // 1 on the way, 2 done
		var visit func(pc int) bool
		visit = func(pc int) bool {
			if pc < 0 || pc >= len(insns) || state[pc] == 2 || table.Arrive(pc) > 0 {
				return true
			}
			if state[pc] == 1 {
				return false
			}
			state[pc] = 1
			in, ok := &insns[pc], true
			n, counts := table.Counted(pc)
			if in.IsJump() && (!counts || n.Falls) && table.Jump(pc, in.Target(pc)) == 0 {
				ok = visit(in.Target(pc))
			}
			if falls(in) && !(counts && n.Falls) {
				ok = ok && visit(pc+1)
			}
			state[pc] = 2
			return ok
		}
		for pc := range insns {
			if table.Arrive(pc) > 0 {
				continue // looked at from where it goes
			}
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
		{"a loop that is entered in the middle", []isa.Insn{jump(1), nop, nop, cond(-3), exit}, nil}, // whoever arrives pays
		{"a loop whose head is entered again by a way out of its middle", []isa.Insn{
			jump(2), nop, jump(0), nop, cond(4), nop, isa.New(isa.OpAdd64Imm, 3, 0, 0, 1), isa.New(isa.OpJltImm, 3, 0, -5, 10), exit, jump(-9),
		}, map[int]uint32{2: 8, 7: 8}}, // two ways round
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
