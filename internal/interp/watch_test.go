package interp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
)

// TestWatch counts what an observer sees of local calls, callbacks and a trap.
func TestWatch(t *testing.T) {
	fn := isa.LoadImm64(isa.OpLddwFunc, 2, 8)
	insns := seq(
		one(isa.OpMov64Imm, 1, 0, 0, 3), // 0
		fn[:],                           // 1
		one(isa.OpMov64Imm, 3, 0, 0, 0), // 3
		one(isa.OpMov64Imm, 4, 0, 0, 0), // 4
		one(isa.OpCallHelper, 0, 0, 0, 181),
		one(isa.OpCallLocal, 0, 0, 0, 3), // 6: 10
		exit,                             // 7
		exit,                             // 8: the callback, which leaves R0 0
		exit,
		one(isa.OpMov64Imm, 0, 0, 0, 7), // 10
		exit,
	)
	insns[1].Imm = 8 - 1 - 1
	insns[6].Imm = 10 - 6 - 1
	g := newRig(t)
	p := g.program(insns)
	var got []string
	watch := func(st *State, q *Program, pc int, r *[16]uint64) {
		if q != p {
			t.Errorf("insn %d: another program", pc)
		}
		if r[10] != uint64(st.Slot().FrameTop(st.Depth())) {
			t.Errorf("insn %d: r10 is %#x at depth %d", pc, r[10], st.Depth())
		}
		got = append(got, fmt.Sprintf("%d@%d", pc, st.Depth()))
	}
	for range 2 {
		got = nil
		if res, tr := g.run(p, Mode{Checked: true, Watch: watch}, 1<<20, nil); tr != nil || res.R0 != 7 || res.Insns != uint64(len(got)) {
			t.Fatalf("r0 = %d, trap %v, %d instructions, %d seen", res.R0, tr, res.Insns, len(got))
		}
		want := "[0@0 1@0 3@0 4@0 5@0 8@1 8@1 8@1 6@0 10@1 11@1 7@0]"
		if s := fmt.Sprint(got); s != want {
			t.Errorf("seen %s\nwant %s", s, want)
		}
	}
	// A trap of the first instruction: the next run shows it all the same.
	p = g.program(seq(one(isa.OpLdxB, 0, 2, 0, 0), exit))
	for range 2 {
		got = nil
		_, tr := g.run(p, Mode{Checked: true, Watch: watch}, 1<<20, nil)
		if tr == nil || tr.Code != trap.BadAccess || len(got) != 1 {
			t.Errorf("trap %v, seen %v", tr, got)
		}
	}
}

// TestWatchChanges checks that an observer may change registers.
func TestWatchChanges(t *testing.T) {
	g := newRig(t)
	p := g.program(exit)
	res, tr := g.run(p, Mode{Watch: func(_ *State, _ *Program, _ int, r *[16]uint64) { r[0] = 9 }}, 10, nil)
	if tr != nil || res.R0 != 9 {
		t.Errorf("r0 = %d, trap %v", res.R0, tr)
	}
}

// TestMayGotoBudget checks how often may_goto goes on.
func TestMayGotoBudget(t *testing.T) {
	g := newRig(t)
	p := g.program(seq(one(isa.OpMov64Imm, 0, 0, 0, 0), one(isa.OpMayGoto, 0, 0, 2, 0), one(isa.OpAdd64Imm, 0, 0, 0, 1), one(isa.OpJa, 0, 0, -3, 0), exit))
	for _, n := range []uint32{1, 7} {
		if res, tr := g.run(p, Mode{MayGoto: n}, 1<<20, nil); tr != nil || res.R0 != uint64(n) {
			t.Errorf("budget %d: r0 = %d, trap %v", n, res.R0, tr)
		}
	}
}

// TestWatchedRuns runs random programs with and without an observer: it sees each instruction and
// changes nothing.
func TestWatchedRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	g := newRig(t)
	runs, insns := 0, uint64(0)
	for range 2000 {
		raw := make([]byte, 8*(4+rng.IntN(30)))
		for i := range raw {
			raw[i] = byte(rng.Uint32())
		}
		code := append(fuzzProgram(raw), exit...)
		self := false
		for pc, in := range code {
			// Such an instruction is shown once however often it runs, and helpers know the time.
			self = self || in.Op == isa.OpCallHelper || in.Op == isa.OpCallReg || in.IsJump() && in.Target(pc) == pc
		}
		if self {
			continue
		}
		p := g.program(code)
		data := raw[:min(len(raw), guest.StackSize)]
		want, wantTrap := g.run(p, Mode{Checked: true}, 500, data)
		seen := uint64(0)
		got, gotTrap := g.run(p, Mode{Checked: true, Watch: func(*State, *Program, int, *[16]uint64) { seen++ }}, 500, data)
		if got != want || fmt.Sprint(gotTrap) != fmt.Sprint(wantTrap) {
			t.Fatalf("observed %+v, %v\nalone    %+v, %v", got, gotTrap, want, wantTrap)
		}
		if wantTrap == nil && seen != want.Insns {
			t.Fatalf("%d instructions, %d seen", want.Insns, seen)
		}
		runs++
		insns += seen
	}
	t.Logf("%d programs, %d instructions seen", runs, insns)
}
