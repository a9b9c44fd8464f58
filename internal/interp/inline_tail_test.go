package interp

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// tailTwin is a twin with a prog array of four slots, whose handle is 1, in both windows.
type tailTwin struct {
	*twin
	progs [2]*maps.Map
}

func newTailTwin(t *testing.T) *tailTwin {
	tt := &tailTwin{twin: newTwin(t)}
	for i, g := range []*rig{tt.a, tt.b} {
		m, err := maps.New(g.mem, &maps.Spec{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 4}, 1, g.table)
		if err != nil {
			t.Fatal(err)
		}
		if m.Handle() != 1 {
			t.Fatalf("the map's handle is %d", m.Handle())
		}
		tt.progs[i] = m
	}
	return tt
}

// put puts the program of text in a slot of both windows.
func (tt *tailTwin) put(i uint32, text string, native bool) {
	tt.t.Helper()
	for k, g := range []*rig{tt.a, tt.b} {
		p, err := g.proved(asm.Must(text))
		if err == nil && k == 1 && native {
			err = p.Compile(tt.cfg)
		}
		if err == nil {
			err = tt.progs[k].Put(i, tail{p})
		}
		if err != nil {
			tt.t.Fatal(err)
		}
	}
}

// TestInlineTail holds tail calls in machine code against the interpreter, and how often they needed
// the host. Tail calls of functions that have callers always do.
func TestInlineTail(t *testing.T) {
	const entry = "r6 = 6; r7 = 7; r3 = 0; r2 = 1 ll; call tail_call; r0 += 100; exit"
	const next = "r0 += r6; r0 += r7; r3 = 1; r2 = 1 ll; call tail_call; r0 += 1000; exit"
	const last = "r1 = *(u64 *)(r10 -8); r0 += r1; r0 += r7; exit"
	for _, tt := range []struct {
		name   string
		slots  []string
		text   string
		exits  uint64 // of a run with fuel enough
		trap   trap.Code
		slices bool // it leaves to have its fuel filled up, too
	}{
		{name: "one", slots: []string{last}, text: entry},
		{name: "two", slots: []string{next, last}, text: entry},
		{name: "zeroed frame", slots: []string{last}, text: "*(u64 *)(r10 -8) = 77; r6 = 1; r7 = 2; r3 = 0; r2 = 1 ll; call tail_call; exit"},
		{name: "33 of itself", slots: []string{"r7 += 1; *(u64 *)(r10 -16) = 3; r3 = 0; r2 = 1 ll; call tail_call; r0 = r7; exit"}, text: entry, exits: 1},
		{name: "empty slot", text: entry, exits: 1},
		{name: "index beyond", slots: []string{last}, text: "r3 = 4; r2 = 1 ll; call tail_call; exit", exits: 1},
		{name: "low half of the index counts", slots: []string{last}, text: "r3 = 0x500000000 ll; r6 = 5; r2 = 1 ll; call tail_call; exit"},
		{name: "not the map that it seems", slots: []string{last}, text: "r3 = 0; r2 = 1 ll; r2 += 1; call tail_call; exit", exits: 1, trap: trap.BadHandle},
		{name: "map with garbage above", slots: []string{last}, text: "r3 = 0; r2 = 1 ll; r4 = 0x100000000 ll; r2 += r4; call tail_call; exit", exits: 1, trap: trap.BadHandle},
		{name: "helper in the target", slots: []string{"call get_prandom_u32; r0 += r6; r3 = 1; r2 = 1 ll; call tail_call; exit", last}, text: entry, exits: 1},
		{name: "trap in the target", slots: []string{"r1 = 0; call map_lookup_elem; exit"}, text: entry, exits: 1, trap: trap.BadHandle},
		{name: "function in the target", slots: []string{"r1 = 3; call f; r0 += r7; exit\nf: r6 = r1; r7 = 0; r3 = 1; r2 = 1 ll; call tail_call; r0 = r6; exit", last}, text: entry, exits: 1},
		{name: "may_goto goes on counting", slices: true, slots: []string{"top: r6 += 1; may_goto out; goto top\nout: r0 = r6; exit"},
			text: "r6 = 0; r7 = 0\ntop: r7 += 1; may_goto out; if r7 < 100 goto top\nout: r3 = 0; r2 = 1 ll; call tail_call; exit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tw := newTailTwin(t)
			for i, s := range tt.slots {
				tw.put(uint32(i), s, true)
			}
			insns := asm.Must(tt.text)
			for fuel := range uint64(60) {
				if !tw.compare(tt.name, insns, nil, fuel) {
					t.Fatal("the structure is refused")
				}
			}
			tw.b.st.exits = 0
			tw.compare(tt.name, insns, nil, 1<<40)
			if tr := tw.b.st.trap; (tr == nil) != (tt.trap == trap.None) || tr != nil && tr.Code != tt.trap {
				t.Errorf("trap %v, want %v", tr, tt.trap)
			}
			if n := tw.b.st.exits; n != tt.exits && !tt.slices {
				t.Errorf("the run left machine code %d times, want %d", n, tt.exits)
			}
		})
	}
}

// TestInlineTailChanges changes the array between runs of one program.
func TestInlineTailChanges(t *testing.T) {
	tw := newTailTwin(t)
	insns := asm.Must("r6 = 1; r3 = 0; r2 = 1 ll; call tail_call; r0 += r6; exit")
	step := func(what string, exits uint64) {
		t.Helper()
		tw.b.st.exits = 0
		tw.compare(what, insns, nil, 1000)
		if n := tw.b.st.exits; n != exits {
			t.Errorf("%s: the run left machine code %d times, want %d", what, n, exits)
		}
	}
	step("empty", 1)
	tw.put(0, "r0 = 5; exit", true)
	step("first", 0)
	tw.put(0, "r0 = 6; r3 = 1; r2 = 1 ll; call tail_call; r0 = 0; exit", true)
	step("replaced", 1)
	tw.put(1, "r0 = 7; exit", true)
	step("second", 0)
	tw.put(0, "r0 = 8; exit", false)
	step("interpreted", 1)
	tw.put(0, "r0 = 9; exit", true)
	step("back", 0)
	for _, m := range tw.progs {
		if err := m.Delete(uint32(0)); err != nil {
			t.Fatal(err)
		}
	}
	step("deleted", 1)
	tw.put(0, "r0 = 9; exit", true)
	for _, m := range tw.progs {
		m.Close()
	}
	step("closed", 1)
	if tr := tw.b.st.trap; tr == nil || tr.Code != trap.BadHandle {
		t.Errorf("closed: trap %v", tr)
	}
	// A program of another machine is none that may be gone on to.
	tw = newTailTwin(t)
	var other []isa.Insn = asm.Must("r0 = 3; exit")
	for i, g := range []*rig{tw.b, tw.a} {
		p, err := g.proved(other)
		if err != nil {
			t.Fatal(err)
		}
		if g == tw.b {
			if err := p.Compile(tw.cfg); err != nil {
				t.Fatal(err)
			}
		}
		if err := tw.progs[i].Put(uint32(0), tail{p}); err != nil {
			t.Fatal(err)
		}
	}
	step("foreign", 1)
}
