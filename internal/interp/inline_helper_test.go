package interp

import (
	"testing"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// TestInlineLoop holds bpf_loop in machine code against the interpreter's.
func TestInlineLoop(t *testing.T) {
	const sum = "r6 = 3; r7 = 4; r8 = 5; r9 = 6; *(u64 *)(r10 -8) = 1; %; r2 = func cb; r3 = r10; r3 += -8; r4 = 0; call loop\n" +
		"r1 = *(u64 *)(r10 -8); r0 *= 1000; r0 += r1; r0 += r6; r0 += r7; r0 += r8; r0 += r9; exit\n"
	const count = "cb: r6 = *(u64 *)(r2 +0); r6 *= 3; r6 += r1; *(u64 *)(r2 +0) = r6; r9 = 77; r0 = 0; exit"
	const nested = `r6 = 6; *(u64 *)(r10 -8) = 1; r1 = 4; r2 = func cb; r3 = r10; r3 += -8; r4 = 0; call loop; r0 = *(u64 *)(r10 -8); r0 += r6; exit
	cb:	r6 = r2; *(u64 *)(r10 -8) = r1; r1 = 5; r2 = func cc; r3 = r10; r3 += -8; r4 = 0; call loop
		r7 = *(u64 *)(r10 -8); r1 = *(u64 *)(r6 +0); r1 *= 5; r1 += r7; r1 += r0; *(u64 *)(r6 +0) = r1; r0 = 0; exit
	cc:	r1 = r2; call f; r0 = 0; exit
	f:	r8 = *(u64 *)(r1 +0); r8 *= 7; r8 ^= 0x55; *(u64 *)(r1 +0) = r8; r0 = 0; exit`
	p := newPair(t, progtype.ByName("raw"))
	text := func(with, cb string) string {
		s := ""
		for _, c := range sum {
			if c == '%' {
				s += with
			} else {
				s += string(c)
			}
		}
		return s + cb
	}
	for _, tt := range []struct {
		name, text string
		limit      uint64
		exits      uint64
	}{
		{"ten", text("r1 = 10", count), 400, 0},
		{"one", text("r1 = 1", count), 60, 0},
		{"none", text("r1 = 0", count), 60, 0},
		{"too many", text("r1 = 0x800001", count), 60, 0},
		{"64 bits", text("r1 = 0x100000001 ll", count), 60, 0},
		{"stops", text("r1 = 20", "cb: r3 = *(u64 *)(r2 +0); r3 += r1; *(u64 *)(r2 +0) = r3; r0 = 0; if r1 < 5 goto out; r0 = 1\nout: exit"), 300, 0},
		{"helper in the callback", text("r1 = 6", "cb: r6 = r2; call ktime_get_ns; *(u64 *)(r6 +0) = r0; r0 = 0; exit"), 200, 6},
		{"nested", nested, 1200, 0},
		{"in a function", "r6 = 1; r7 = 2; call f; r0 += r6; r0 += r7; exit\nf: r6 = 9; *(u64 *)(r10 -16) = 0; r1 = 3; r2 = func cb; r3 = r10; r3 += -16; r4 = 0; call loop; r0 = *(u64 *)(r10 -16); exit\n" + count, 200, 0},
		{"flags", "*(u64 *)(r10 -8) = 0; r1 = 2; r2 = func cb; r3 = r10; r3 += -8; r4 = 1; call loop; exit\n" + count, 60, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := p.load(tt.name, tt.text)
			res := b.sweep(nil, tt.limit, tt.exits)
			t.Logf("r0 = %#x, %d units", res.R0, res.Fuel)
		})
	}
	t.Run("slices", func(t *testing.T) {
		b := p.load("slices", text("r1 = 100000", count))
		for _, fuel := range []uint64{1 << 16, 1<<16 + 5, 300_000, 799_999, 1 << 30} {
			b.run(nil, fuel)
		}
	})
	// Which function it is stands in a branch: one of them is guessed wrongly, and the host does it.
	t.Run("guess", func(t *testing.T) {
		b := p.load("guess", `r8 = r2; *(u64 *)(r10 -8) = 1; r1 = 5; r3 = r10; r3 += -8; r4 = 0; r2 = func ca; if r8 == 1 goto go; r2 = func cb
		go:	call loop; r0 = *(u64 *)(r10 -8); exit
		ca:	r3 = *(u64 *)(r2 +0); r3 += 2; *(u64 *)(r2 +0) = r3; r0 = 0; exit
		cb:	r3 = *(u64 *)(r2 +0); r3 *= 2; *(u64 *)(r2 +0) = r3; r0 = 0; exit`)
		if res, _, exits := b.run([]byte{0}, 1000); res.R0 != 11 || exits != 1 {
			t.Errorf("guessed wrongly: r0 = %d, left %d times", res.R0, exits)
		}
		if res, _, exits := b.run([]byte{1, 2}, 1000); res.R0 != 32 || exits != 0 {
			t.Errorf("guessed: r0 = %d, left %d times", res.R0, exits)
		}
	})
	// As deep as functions nest, the callback has no frame left.
	t.Run("deep", func(t *testing.T) {
		text := "r1 = 0; call f1; exit\n"
		for i := 1; i < 7; i++ {
			next := string(rune('1' + i))
			if i == 6 {
				text += "f6: *(u64 *)(r10 -8) = 0; r1 = 2; r2 = func cb; r3 = r10; r3 += -8; r4 = 0; call loop; r0 = *(u64 *)(r10 -8); exit\n"
			} else {
				text += "f" + string(rune('0'+i)) + ": call f" + next + "; r0 += 1; exit\n"
			}
		}
		p.load("deep", text+count).sweep(nil, 150, 0)
	})
}

// TestInlineEach holds for_each_map_elem on arrays against the interpreter's.
func TestInlineEach(t *testing.T) {
	array := maps.Spec{Name: "a", Type: maps.Array, KeySize: 4, ValueSize: 12, MaxEntries: 5}
	inner := maps.Spec{Name: "b", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 3}
	hash := maps.Spec{Name: "h", Type: maps.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 3}
	p := newPair(t, progtype.ByName("raw"), array, inner, hash)
	for i := range p.maps {
		for k := range uint32(1) { // more would come in another order on each side
			if err := p.maps[i][2].Put(k, uint64(k)); err != nil {
				t.Fatal(err)
			}
		}
	}
	const walk = "r6 = 6; *(u64 *)(r10 -8) = 0; r1 = map[%]; r2 = func cb; r3 = r10; r3 += -8; r4 = 0; call for_each_map_elem; r1 = *(u64 *)(r10 -8); r0 *= 1000; r0 += r1; r0 += r6; exit\n"
	const count = "cb: r5 = *(u32 *)(r2 +0); r6 = *(u64 *)(r4 +0); r6 *= 7; r6 += r5; r5 = *(u32 *)(r3 +0); r5 += r6; *(u32 *)(r3 +0) = r5; *(u64 *)(r4 +0) = r6; r0 = 0; exit"
	const stop = "cb: r5 = *(u32 *)(r2 +0); r0 = 0; if r5 < 2 goto out; r0 = 1\nout: exit"
	const nest = `cb: r6 = r2; r7 = r4; *(u64 *)(r10 -8) = 1; r1 = map[1]; r2 = func cc; r3 = r10; r3 += -8; r4 = 0; call for_each_map_elem
		r1 = *(u32 *)(r6 +0); r2 = *(u64 *)(r10 -8); r3 = *(u64 *)(r7 +0); r3 *= 3; r3 += r1; r3 += r2; *(u64 *)(r7 +0) = r3; r0 = 0; exit
	cc:	r5 = *(u32 *)(r2 +0); r6 = *(u64 *)(r4 +0); r6 += r5; r5 = *(u64 *)(r3 +0); r5 += r6; *(u64 *)(r3 +0) = r5; *(u64 *)(r4 +0) = r6; r0 = 0; exit`
	at := func(i string) string {
		s := ""
		for _, c := range walk {
			if c == '%' {
				s += i
			} else {
				s += string(c)
			}
		}
		return s
	}
	for _, tt := range []struct {
		name, text string
		limit      uint64
		exits      uint64
	}{
		{"array", at("0") + count, 200, 0},
		{"stops", at("0") + stop, 100, 0},
		{"nested", at("0") + nest, 800, 0},
		{"hash", at("2") + "cb: r5 = *(u32 *)(r2 +0); r6 = *(u64 *)(r4 +0); r6 += r5; *(u64 *)(r4 +0) = r6; r0 = 0; exit", 60, 1},
		{"array within hash", at("2") + nest, 600, 1},
		{"hash within array", "*(u64 *)(r10 -8) = 0; r1 = map[0]; r2 = func cb; r3 = r10; r3 += -8; r4 = 0; call for_each_map_elem; r0 = *(u64 *)(r10 -8); exit\n" +
			`cb: r6 = r2; r7 = r4; *(u64 *)(r10 -8) = 1; r1 = map[2]; r2 = func cc; r3 = r10; r3 += -8; r4 = 0; call for_each_map_elem
		r1 = *(u32 *)(r6 +0); r2 = *(u64 *)(r10 -8); r3 = *(u64 *)(r7 +0); r3 *= 3; r3 += r1; r3 += r2; *(u64 *)(r7 +0) = r3; r0 = 0; exit
	cc:	r5 = *(u32 *)(r2 +0); r6 = *(u64 *)(r4 +0); r6 += r5; *(u64 *)(r4 +0) = r6; r0 = 0; exit`, 600, 5},
		{"flags", "*(u64 *)(r10 -8) = 0; r1 = map[0]; r2 = func cb; r3 = r10; r3 += -8; r4 = 1; call for_each_map_elem; exit\n" + count, 60, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := p.load(tt.name, tt.text).sweep(nil, tt.limit, tt.exits)
			t.Logf("r0 = %#x, %d units", res.R0, res.Fuel)
		})
	}
}

// TestInlineEnv asks for what the host's environment says, which may change between runs.
func TestInlineEnv(t *testing.T) {
	p := newPair(t, progtype.ByName("raw"))
	b := p.load("env", `call get_current_pid_tgid; r6 = r0; call get_current_uid_gid; r6 *= 31; r6 += r0
		call get_numa_node_id; r6 *= 31; r6 += r0; call get_current_cgroup_id; r6 *= 31; r6 += r0; call get_smp_processor_id; r0 += r6; exit`)
	first := b.sweep(nil, 10, 0)
	for _, g := range []*rig{p.a, p.b} {
		g.st.Call.Env.Task = helpers.Task{PID: 7, TGID: 9, UID: 1000, GID: 2000, CgroupID: 77}
		g.st.Call.Env.NUMANode = 3
	}
	if b.sweep(nil, 10, 0) == first {
		t.Error("the environment has changed, the results have not")
	}
}

// TestInlineRandom draws from the host's source where it is given, and from the simulated CPU's where not.
func TestInlineRandom(t *testing.T) {
	p := newPair(t, progtype.ByName("raw"))
	b := p.load("random", "call get_prandom_u32; r6 = r0; call get_prandom_u32; r6 <<= 32; r0 |= r6; exit")
	b.sweep(nil, 20, 2)
	p.b.st.Call.Env.Rand = nil
	seen := map[uint64]bool{}
	var ones [64]int
	const draws = 4000
	for range draws {
		p.b.st.exits = 0
		res, tr := p.enter(p.b, b.prog[1], Mode{Native: true}, 100, nil)
		if tr != nil || p.b.st.exits != 0 {
			t.Fatalf("%v, left machine code %d times", tr, p.b.st.exits)
		}
		seen[res.R0] = true
		for i := range ones {
			ones[i] += int(res.R0 >> i & 1)
		}
	}
	if len(seen) != draws {
		t.Errorf("%d different numbers in %d draws of 64 bits", len(seen), draws)
	}
	for i, n := range ones {
		if n < draws*42/100 || n > draws*58/100 { // ten standard deviations
			t.Errorf("bit %d is set in %d of %d draws", i, n, draws)
		}
	}
}

// TestInlineRandomSequence holds the generator against its reference, step by step.
func TestInlineRandomSequence(t *testing.T) {
	p := newPair(t, progtype.ByName("raw"))
	b := p.load("random", "call get_prandom_u32; exit")
	p.b.st.Call.Env.Rand = nil
	p.b.st.block.Seed = 42
	s := uint64(42)
	for range 100 {
		x := uint32((s>>18 ^ s) >> 27)
		rot := s >> 59
		want := x>>rot | x<<(-rot&31)
		s = s*6364136223846793005 + 1442695040888963407
		if res, _ := p.enter(p.b, b.prog[1], Mode{Native: true}, 100, nil); res.R0 != uint64(want) {
			t.Fatalf("r0 = %#x, want %#x", res.R0, want)
		}
	}
}
