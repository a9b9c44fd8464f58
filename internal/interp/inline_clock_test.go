package interp

import (
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/cpu"
	"github.com/gbpf/gbpf/internal/hostclock"
	"github.com/gbpf/gbpf/progtype"
)

// TestInlineClock reads the clock again and again on two simulated CPUs in turn: it agrees with the host's, never
// goes back, and is mostly told without the host.
func TestInlineClock(t *testing.T) {
	if !cpu.HasTicks() {
		t.Skip("the processor has no counter that all processors agree on")
	}
	p := newPair(t, progtype.ByName("raw"))
	slot, err := p.b.mem.NewSlot(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	env := p.b.st.Call.Env
	env.Clock, env.Rand = nil, nil
	other := &rig{t: t, mem: p.b.mem, table: p.b.table, set: p.b.set, st: NewState(p.b.mem, slot, p.b.table, env)}
	var progs [3]*Program
	for i, h := range []string{"ktime_get_ns", "ktime_get_boot_ns", "ktime_get_coarse_ns"} {
		progs[i] = p.load(h, "call "+h+"; r6 = r0; call "+h+"; r1 = r0; r1 -= r6; r1 >>= 63; r0 |= r1; exit").prog[1]
	}
	// The rate of the counter is measured for a while first. Then a reading needs no exit, if it comes soon enough behind another.
	inside := false
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
		p.enter(p.b, progs[0], Mode{Native: true}, 100, nil)
		p.b.st.exits = 0
		p.enter(p.b, progs[0], Mode{Native: true}, 100, nil)
		if inside = p.b.st.exits == 0; inside {
			break
		}
	}
	if !inside {
		t.Error("each reading leaves machine code")
	}
	var last, lastCoarse uint64
	runs := 30_000
	if testing.Short() {
		runs = 3000
	}
	p.b.st.exits = 0
	for i := range runs {
		g := []*rig{p.b, other}[i&1]
		before := hostclock.Now()
		res, tr := p.enter(g, progs[i%3], Mode{Native: true}, 100, nil)
		after := hostclock.Now()
		if tr != nil {
			t.Fatal(tr)
		}
		if i%3 == 2 {
			if res.R0 < lastCoarse || res.R0%4_000_000 != 0 || res.R0 > after || res.R0+4_000_000 < before {
				t.Fatalf("coarse: %d, %d before, between %d and %d", res.R0, lastCoarse, before, after)
			}
			lastCoarse = res.R0
			continue
		}
		if res.R0 < last {
			t.Fatalf("run %d: %d after %d", i, res.R0, last)
		}
		if res.R0 > after || res.R0 < before {
			t.Fatalf("run %d: %d, between %d and %d", i, res.R0, before, after)
		}
		last = res.R0
	}
	t.Logf("%d exits of one CPU in %d readings of two", p.b.st.exits, 2*runs)
	// A clock of the host's own is what counts at once.
	env.Clock = func() uint64 { return 77 }
	if res, _ := p.enter(p.b, progs[0], Mode{Native: true}, 100, nil); res.R0 != 77 {
		t.Errorf("the host's own clock: %d", res.R0)
	}
}
