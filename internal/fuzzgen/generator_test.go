package fuzzgen

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbpf/gbpf/isa"
)

// TestSameSeedSamePrograms checks that a program depends on the seed and its number alone.
func TestSameSeedSamePrograms(t *testing.T) {
	a, b := &Generator{Seed: 7}, &Generator{Seed: 7}
	want := map[uint64]string{}
	for n := range uint64(300) {
		want[n] = a.Program(n).String()
	}
	differ := 0
	other := &Generator{Seed: 8}
	for n := uint64(300); n > 0; n-- { // in another order
		if got := b.Program(n - 1).String(); got != want[n-1] {
			t.Fatalf("program %d is\n%s\nand was\n%s", n-1, got, want[n-1])
		}
		if other.Program(n-1).String() != want[n-1] {
			differ++
		}
	}
	if differ < 290 {
		t.Errorf("only %d of 300 programs of another seed are others", differ)
	}
}

// shape is a program without its numbers.
func shape(p *Program) string {
	var b strings.Builder
	for _, in := range p.Insns {
		fmt.Fprintf(&b, "%d,%d,%d;", in.Op, in.Dst, in.Src)
	}
	return b.String()
}

// TestSpread checks that programs are of thousands of shapes and use what there is.
func TestSpread(t *testing.T) {
	g := &Generator{Seed: 1}
	const n = 20000
	shapes, ops, types, usedMaps, helpers, kfuncs := map[string]bool{}, map[isa.Op]int{}, map[uint32]int{}, map[string]int{}, map[int64]int{}, map[string]int{}
	slots, loops, funcs, typed, globals := 0, 0, 0, 0, 0
	levels := map[Level]int{}
	start := time.Now()
	for i := range uint64(n) {
		p, l := g.Make(i)
		levels[l]++
		if l != Structured {
			continue
		}
		shapes[shape(p)] = true
		types[p.Type]++
		for _, m := range p.Maps {
			usedMaps[m.Name]++
		}
		for _, k := range p.Kfuncs {
			kfuncs[k]++
		}
		slots += len(p.Insns)
		back := false
		for pc, in := range p.Insns {
			ops[in.Op]++
			back = back || in.IsJump() && in.Target(pc) <= pc
			if in.Op == isa.OpCallHelper {
				helpers[in.Imm]++
			}
		}
		if back {
			loops++
		}
		if len(p.Starts()) > 1 {
			funcs++
		}
		if p.Typed {
			typed++
		}
		if len(p.Funcs) > 0 {
			globals++
		}
	}
	made := levels[Structured]
	t.Logf("%d programs in %v: %v; of the structured ones %d shapes, %d instructions each, %d with loops, %d with functions, %d with types, %d with global functions, %d helpers",
		n, time.Since(start).Round(time.Millisecond), levels, len(shapes), slots/made, loops, funcs, typed, globals, len(helpers))
	if len(shapes) < made*9/10 {
		t.Errorf("%d shapes of %d programs", len(shapes), made)
	}
	for _, tt := range []struct {
		what    string
		n, of   int
		percent int
	}{{"loops", loops, made, 10}, {"functions", funcs, made, 15}, {"types", typed, made, 10}, {"global functions", globals, made, 1}, {"structured programs", made, n, 80}} {
		if 100*tt.n < tt.percent*tt.of {
			t.Errorf("%s: %d of %d, want %d %%", tt.what, tt.n, tt.of, tt.percent)
		}
	}
	// These are left out: references by number of a list of descriptors, BTF IDs, arenas, calls through registers.
	without := []isa.Op{isa.OpLddwMapIdx, isa.OpLddwMapIdxValue, isa.OpLddwBTFID, isa.OpAddrSpaceCast, isa.OpCallReg}
	for op := range isa.Ops() {
		if ops[op] == 0 && !slices.Contains(without, op) {
			t.Errorf("%s is in no program", op)
		}
	}
	for i := range profiles {
		if types[profiles[i].typ] == 0 {
			t.Errorf("no program of type %d", profiles[i].typ)
		}
	}
	for _, m := range palette {
		if usedMaps[m.Name] == 0 && m.Type != mapDevMap && m.Type != mapCPUMap {
			t.Errorf("no program uses map %s", m.Name)
		}
	}
	for _, k := range []string{"bpf_iter_num_new", "bpf_iter_num_next", "bpf_iter_num_destroy", "bpf_rcu_read_lock", "bpf_preempt_enable"} {
		if kfuncs[k] == 0 {
			t.Errorf("no program calls %s", k)
		}
	}
	for _, id := range []int64{1, 2, 3, 12, 25, 26, 28, 44, 84, 86, 87, 93, 94, 113, 130, 131, 132, 133, 164, 181, 197, 198, 201, 202, 203} {
		if helpers[id] == 0 {
			t.Errorf("no program calls helper %d", id)
		}
	}
}

// TestProgramsDecode checks that structured and random programs are instructions, and that references are to
// what is there. Mutations may set what must not be set, so only most must decode.
func TestProgramsDecode(t *testing.T) {
	g := &Generator{Seed: 3}
	bad := 0
	for i := range uint64(5000) {
		p, l := g.Make(i)
		if l == Dumb {
			if len(p.Raw)%8 != 0 || p.Len() != len(p.Raw)/8 {
				t.Fatalf("program %d: %d bytes, %d slots", i, len(p.Raw), p.Len())
			}
			continue
		}
		insns, err := isa.Decode(p.Bytes())
		if err != nil {
			bad++
			continue
		}
		if len(insns) != p.Len() {
			t.Fatalf("program %d: %d instructions came back, were %d", i, len(insns), p.Len())
		}
		for pc, in := range insns {
			switch in.Op {
			case isa.OpLddwMapFD, isa.OpLddwMapValue:
				if n := int(in.ImmLow()); n < 0 || n >= len(p.Maps) {
					t.Fatalf("program %d: insn %d: map %d of %d", i, pc, n, len(p.Maps))
				}
			case isa.OpCallKfunc:
				if l == Structured && (in.Imm < -1<<20 || in.Imm >= int64(len(p.Kfuncs))+1<<20) {
					t.Fatalf("program %d: insn %d: kfunc %d", i, pc, in.Imm)
				}
			}
		}
		for _, f := range p.Funcs {
			if f.Insn <= 0 || f.Insn > len(p.Insns) {
				t.Fatalf("program %d: a function at %d of %d", i, f.Insn, len(p.Insns))
			}
		}
	}
	if bad > 100 {
		t.Errorf("%d of 5000 programs do not decode", bad)
	}
}

// TestHelperCalls checks that described helpers get called with what they take.
func TestHelperCalls(t *testing.T) {
	g := &Generator{Seed: 4, Helpers: []Helper{
		{ID: 7001, Args: []HelperArg{CtxArg, MapArg, KeyArg, MemArg, SizeArg}, Types: []uint32{progXDP, progSchedCLS}},
		{ID: 7002, Args: []HelperArg{OtherArg}, Types: []uint32{progXDP}},
	}}
	called := map[int64]int{}
	for i := range uint64(4000) {
		for _, in := range g.Program(i).Insns {
			if in.Op == isa.OpCallHelper && in.Imm > 7000 {
				called[in.Imm]++
			}
		}
	}
	if called[7001] < 50 {
		t.Errorf("a helper of known arguments is called %d times in 4000 programs", called[7001])
	}
	if called[7002] > called[7001]/4 {
		t.Errorf("a helper whose arguments nothing makes is called %d times", called[7002])
	}
}

func BenchmarkProgram(b *testing.B) {
	g := &Generator{Seed: 1}
	for i := range b.N {
		g.Program(uint64(i))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "programs/s")
}
