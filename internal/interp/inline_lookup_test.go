package interp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// lookupText copies a key of the input behind the stack pointer, looks it up and returns 8 bytes of the value, which it
// changes; 1<<40 for none. The key is n bytes at offset 0 of the packet.
func lookupText(n uint32) string {
	var s strings.Builder
	fmt.Fprintf(&s, "r0 = 7; r6 = *(u32 *)(r1 +4); r1 = *(u32 *)(r1 +0); r3 = r1; r3 += %d; if r3 > r6 goto out\n", n)
	room := (n + 7) &^ 7
	off := uint32(0)
	for _, w := range []struct {
		n    uint32
		name string
	}{{8, "u64"}, {4, "u32"}, {2, "u16"}, {1, "u8"}} {
		for ; n-off >= w.n; off += w.n {
			fmt.Fprintf(&s, "r4 = *(%s *)(r1 +%d); *(%s *)(r10 -%d) = r4\n", w.name, off, w.name, room-off)
		}
	}
	fmt.Fprintf(&s, "r2 = r10; r2 += -%d; r1 = map[0]; call map_lookup_elem; r1 = r0; r0 = 1; r0 <<= 40; if r1 == 0 goto out\n", room)
	s.WriteString("r0 = *(u64 *)(r1 +0); r2 = r0; r2 += 1; *(u64 *)(r1 +0) = r2\nout: exit")
	return s.String()
}

// keyPacket is a packet that begins with a key.
func keyPacket(key []byte) []byte { return append(key, make([]byte, 72-len(key))...) }

// inlinedMaps are the kinds of maps that machine code looks up in.
var inlinedMaps = []maps.Type{maps.Array, maps.PerCPUArray, maps.Hash, maps.PerCPUHash, maps.LRUHash, maps.LRUPerCPUHash}

func isArray(t maps.Type) bool { return t == maps.Array || t == maps.PerCPUArray }

// TestInlineLookup holds lookups of each kind of map and many sizes of keys against the interpreter's: hits, misses,
// chains, elements that are used again. Machine code must not be left.
func TestInlineLookup(t *testing.T) {
	sizes := []uint32{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 20, 23, 24, 40, 57, 64}
	if testing.Short() {
		sizes = []uint32{3, 4, 8, 13, 64}
	}
	for _, typ := range inlinedMaps {
		p := newPair(t, progtype.XDP)
		for _, n := range sizes {
			if isArray(typ) {
				if n != 4 {
					continue
				}
			}
			for _, values := range []uint32{8, 16, 24, 40} {
				if testing.Short() && values > 16 {
					continue
				}
				for _, entries := range []uint32{1, 13, 200} {
					inlineLookup(t, p, maps.Spec{Name: "m", Type: typ, KeySize: n, ValueSize: values, MaxEntries: entries})
				}
			}
		}
		t.Logf("%v: %d runs agree", typ, p.ran)
	}
}

func inlineLookup(t *testing.T, p *pair, spec maps.Spec) {
	const cpus = 3
	p.maps = [2][]*maps.Map{}
	for i, g := range []*rig{p.a, p.b} {
		s := spec
		if !isArray(spec.Type) && spec.MaxEntries == 13 {
			s.Flags = maps.ZeroSeed
		}
		m, err := maps.New(g.mem, &s, cpus, g.table)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		p.maps[i] = []*maps.Map{m}
	}
	name := fmt.Sprintf("%v keys of %d, values of %d, %d entries", spec.Type, spec.KeySize, spec.ValueSize, spec.MaxEntries)
	b := p.load(name, lookupText(spec.KeySize))
	r := rand.New(rand.NewPCG(uint64(spec.KeySize), uint64(spec.ValueSize)))
	key := func() []byte {
		k := make([]byte, spec.KeySize)
		v := uint64(r.IntN(int(spec.MaxEntries) * 3 / 2))
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], v)
		copy(k, w[:])
		if len(k) > 8 { // the end counts as well
			copy(k[len(k)-2:], w[:])
		}
		return k
	}
	hits := 0
	turns := 60
	if testing.Short() {
		turns = 20
	}
	for turn := range turns {
		k, v := key(), make([]byte, spec.ValueSize)
		binary.LittleEndian.PutUint32(v, uint32(turn))
		for side := range 2 {
			p.maps[side][0].UpdateElem(turn%cpus, k, v, maps.Any)
		}
		if turn%3 == 0 {
			k := key() // now and then the one just put in
			for side := range 2 {
				p.maps[side][0].DeleteElem(k)
			}
		}
		for _, g := range []*rig{p.a, p.b} {
			g.st.Call.CPU, g.st.block.CPU = turn%cpus, uint32(turn%cpus)
		}
		for i := range 4 {
			if i > 0 {
				k = key()
			}
			res, tr, exits := b.run(keyPacket(k), 1000)
			if tr != nil || exits != 0 {
				t.Fatalf("%s: trap %v, left machine code %d times", name, tr, exits)
			}
			if res.R0 < 1<<40 {
				hits++
			}
		}
	}
	if hits == 0 {
		t.Errorf("%s: no lookup hit", name)
	}
	if spec.MaxEntries > 1 && hits == turns*4 && !isArray(spec.Type) {
		t.Errorf("%s: no lookup missed", name)
	}
	for _, g := range []*rig{p.a, p.b} {
		g.st.Call.CPU, g.st.block.CPU = 0, 0
	}
}

// TestInlineLookupConstant holds lookups with keys that are known beforehand against the interpreter's.
func TestInlineLookupConstant(t *testing.T) {
	for _, typ := range inlinedMaps {
		p := newPair(t, progtype.XDP, maps.Spec{Name: "m", Type: typ, KeySize: 4, ValueSize: 24, MaxEntries: 4})
		for side := range p.maps {
			for k := range uint32(3) {
				v := make([]byte, 24)
				v[0] = byte(k) + 1
				p.maps[side][0].UpdateElem(0, binary.LittleEndian.AppendUint32(nil, k), v, maps.Any)
			}
		}
		const tail = "; r1 = map[0]; call map_lookup_elem; if r0 == 0 goto out; r1 = *(u64 *)(r0 +0); r2 = r1; r2 += 1; *(u64 *)(r0 +0) = r2; r0 = r1\nout: r6 += r0; r0 = r6; exit"
		for _, head := range []string{
			"*(u32 *)(r10 -4) = %d; r2 = r10; r2 += -4",
			"r1 = %d; *(u32 *)(r10 -4) = r1; r2 = r10; r2 += -4",
			"r1 = %d; r2 = r10; r2 += -4; *(u32 *)(r2 +0) = r1",
			"r1 = %d; *(u64 *)(r10 -8) = r1; *(u8 *)(r10 -8) = 1; r2 = r10; r2 += -8",
			"r1 = %d; *(u64 *)(r10 -8) = r1; *(u8 *)(r10 -4) = 1; r2 = r10; r2 += -8",
			"r1 = %d; *(u32 *)(r10 -4) = r1; r2 = r10; r2 += -4; *(u32 *)(r2 +0) = 2",
			"r1 = %d; *(u64 *)(r10 -8) = r1; r2 = 1; lock *(u64 *)(r10 -8) += r2; r2 = r10; r2 += -8",
			"r7 = r10; r7 += -16; *(u32 *)(r10 -16) = %d; *(u32 *)(r10 -12) = 9; r2 = r7",
			"r1 = %d; *(u32 *)(r10 -512) = r1; r2 = r10; r2 += -512",
			"r1 = %d; *(u64 *)(r10 -8) = r1; *(u8 *)(r10 -7) = 1; r2 = r10; r2 += -8",
			"*(u32 *)(r10 -4) = %d; *(u64 *)(r10 -8) = 0; r2 = r10; r2 += -4",
			"*(u32 *)(r10 -8) = %d; if r1 == 5 goto out; r2 = r10; r2 += -8",
			"r4 = *(u32 *)(r1 +4); r2 = *(u32 *)(r1 +0); r3 = r2; r3 += 64; if r3 > r4 goto out; r3 = %d; *(u32 *)(r2 +20) = r3; r2 += 20",
		} {
			for _, key := range []int{0, 1, 3, 4, -1} {
				text := "r0 = 0; r6 = 100; " + fmt.Sprintf(head, key) + tail
				for range 2 {
					if _, tr, exits := p.load(fmt.Sprintf("%v: %s", typ, text), text).run(keyPacket(nil), 1000); tr != nil || exits != 0 {
						t.Fatalf("%v: %s: trap %v, left machine code %d times", typ, text, tr, exits)
					}
				}
			}
		}
		t.Logf("%v: %d runs agree", typ, p.ran)
	}
}

// TestInlineLookupChains looks up at the end of long chains: beyond a length the host does it.
func TestInlineLookupChains(t *testing.T) {
	p := newPair(t, progtype.XDP)
	const n = 100
	keys := collide(n)
	p.maps = [2][]*maps.Map{}
	for i, g := range []*rig{p.a, p.b} {
		m, err := maps.New(g.mem, &maps.Spec{Name: "m", Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 128, Flags: maps.ZeroSeed}, 1, g.table)
		if err != nil {
			t.Fatal(err)
		}
		for v, k := range keys[:n-1] {
			if e := m.UpdateElem(0, k, binary.LittleEndian.AppendUint64(nil, uint64(v)), maps.Any); e != 0 {
				t.Fatal(e)
			}
		}
		p.maps[i] = []*maps.Map{m}
	}
	b := p.load("chain", lookupText(8))
	left := 0
	for i := n - 1; i >= 0; i-- {
		res, tr, exits := b.run(keyPacket(keys[i]), 1000)
		if tr != nil || (res.R0 == 1<<40) != (i == n-1) {
			t.Fatalf("key %d: r0 = %d, %v", i, res.R0, tr)
		}
		if near := i != n-1 && i > n-10; near && exits != 0 {
			t.Errorf("key %d, near the start: left machine code %d times", i, exits)
		}
		left += int(exits)
	}
	if left == 0 || left == n {
		t.Errorf("of %d lookups, %d were the host's", n, left)
	}
	t.Logf("of %d lookups in one chain, %d were the host's", n, left)
}

// collide makes n keys of 8 bytes that share bucket 0 of 128 with seed 0.
func collide(n int) (keys [][]byte) {
	for v := uint64(1); len(keys) < n; v++ {
		x := v * maps.HashMix
		x ^= x >> maps.HashShift
		if x&127 == 0 {
			keys = append(keys, binary.LittleEndian.AppendUint64(nil, v))
		}
	}
	return keys
}

// TestInlineLookupClosed runs on hash maps that were closed: the host says so.
func TestInlineLookupClosed(t *testing.T) {
	for _, typ := range []maps.Type{maps.Hash, maps.LRUPerCPUHash} {
		p := newPair(t, progtype.XDP, maps.Spec{Name: "m", Type: typ, KeySize: 8, ValueSize: 8, MaxEntries: 4})
		b := p.load("closed", lookupText(8))
		for side := range p.maps {
			p.maps[side][0].Close()
		}
		if _, tr, exits := b.run(keyPacket(nil), 1000); tr == nil || exits != 1 {
			t.Errorf("%v: trap %v, left machine code %d times", typ, tr, exits)
		}
	}
}

// TestInlineLookupConcurrent looks up in machine code while others change the map. Each value holds its key, so that a value of
// another key is noticed; an entry that is never changed must be found each time. One that is replaced may be missed, as in the kernel: a
// reader who was on the way before the new element stood at the chain's head comes to where the old one was.
func TestInlineLookupConcurrent(t *testing.T) {
	for _, n := range []uint32{8, 24} {
		for _, typ := range []maps.Type{maps.Hash, maps.PerCPUHash, maps.LRUHash} {
			p := newPair(t, progtype.XDP, maps.Spec{Name: "m", Type: typ, KeySize: n, ValueSize: 8, MaxEntries: 64})
			m := p.maps[1][0]
			key := func(i uint64) []byte {
				k := make([]byte, n)
				binary.LittleEndian.PutUint64(k, i)
				copy(k[n-4:], k[:4])
				return k
			}
			put := func(i uint64) { m.UpdateElem(0, key(i), binary.LittleEndian.AppendUint64(nil, i), maps.Any) }
			var s strings.Builder
			for off := uint32(0); off < n; off += 8 {
				fmt.Fprintf(&s, "r4 = *(u64 *)(r1 +%d); *(u64 *)(r10 -%d) = r4\n", off, n-off)
			}
			q := p.program(1, asm.Must(fmt.Sprintf(`r0 = 0; r6 = *(u32 *)(r1 +4); r1 = *(u32 *)(r1 +0); r3 = r1; r3 += %d; if r3 > r6 goto out
				%s r2 = r10; r2 += -%d; r1 = map[0]; call map_lookup_elem; if r0 == 0 goto out
				r0 = *(u64 *)(r0 +0); r0 += 1
				out: exit`, n, s.String(), n)))
			const kept, still = 20, 10
			for i := range uint64(kept) {
				put(i)
			}
			var stop atomic.Bool
			var wg sync.WaitGroup
			for w := range 2 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					r := rand.New(rand.NewPCG(uint64(w), uint64(n)))
					for !stop.Load() {
						i := kept + uint64(r.IntN(40))
						put(i)
						if r.IntN(2) == 0 {
							m.DeleteElem(key(i))
						}
						put(still + uint64(r.IntN(kept-still))) // moves it to another element
					}
				}()
			}
			turns := 30_000
			if testing.Short() {
				turns = 2_000
			}
			r := rand.New(rand.NewPCG(9, uint64(n)))
			found, gone := 0, 0
			p.b.st.exits = 0
			for range turns {
				i := uint64(r.IntN(kept + 40))
				res, tr := p.enter(p.b, q, Mode{Native: true}, 1000, keyPacket(key(i)))
				if tr != nil {
					t.Fatal(tr)
				}
				switch {
				case res.R0 == 0 && i < still && typ != maps.LRUHash:
					t.Fatalf("%v: key %d is not found", typ, i)
				case res.R0 == 0:
					gone++
				default:
					found++
				}
				runtime.Gosched()
			}
			stop.Store(true)
			wg.Wait()
			if found == 0 || gone == 0 {
				t.Errorf("%v: %d found, %d not", typ, found, gone)
			}
			if p.b.st.exits > uint64(turns)/10 {
				t.Errorf("%v: %d of %d lookups were the host's", typ, p.b.st.exits, turns)
			}
			t.Logf("%v, keys of %d bytes: %d found, %d not, %d by the host", typ, n, found, gone, p.b.st.exits)
		}
	}
}

// TestInlineLookupHostile lets machine code look up with wild pointers to keys, as a wrong verifier would: the host
// and the maps' index stay whole, and what is found is a value.
func TestInlineLookupHostile(t *testing.T) {
	for _, typ := range inlinedMaps {
		tw := newTwin(t)
		for _, mask := range []uint32{tw.b.mem.Mask(), uint32(tw.b.mem.Limit() - 1)} {
			for _, n := range []uint32{4, 7, 64} {
				if isArray(typ) && n != 4 {
					continue
				}
				m, err := maps.New(tw.b.mem, &maps.Spec{Name: "m", Type: typ, KeySize: n, ValueSize: 24, MaxEntries: 64}, 1, tw.b.table)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				zero := make([]byte, n)
				m.UpdateElem(0, zero, make([]byte, 24), maps.Any)
				hostileLookups(t, tw, m, mask)
			}
		}
		t.Logf("%v: %d programs", typ, tw.ran)
	}
}

func hostileLookups(t *testing.T, tw *twin, m *maps.Map, mask uint32) {
	r := rand.New(rand.NewPCG(uint64(m.KeySize()), uint64(mask)))
	h := hostile{r: r}
	l := m.Layout()
	turns := 60
	if testing.Short() {
		turns = 10
	}
	for range turns {
		prog := append(setAll([10]uint64{1: h.value(), 2: h.value(), 6: 66}), asm.Must("call map_lookup_elem; exit")...)
		q, err := tw.b.proved(prog)
		if err != nil {
			t.Fatal(err)
		}
		cfg := tw.cfg
		cfg.Mask = mask
		q.configure(&cfg)
		cfg.Inline = func(int) jit.Inline { return jit.Inline{Kind: jit.InlineLookup, Map: l, Handle: uint32(m.Handle())} }
		if q.native, err = jit.Compile(q.src.Proof, cfg); err != nil {
			t.Fatal(err)
		}
		tw.b.st.exits = 0
		res, tr := tw.enter(tw.b, q, Mode{Native: true}, 1000, nil)
		if tr != nil || tw.b.st.exits != 0 {
			t.Fatalf("trap %v, left machine code %d times", tr, tw.b.st.exits)
		}
		at := res.R0 - uint64(l.Addr)
		if res.R0 != 0 && (at%24 != 0 || at >= 24*128) {
			t.Fatalf("found a value at %#x: the map's are at %#x", res.R0, l.Addr)
		}
		tw.ran++
	}
}

// TestInlineUpdate holds updates of arrays against the interpreter's: sizes of values, flags, where key and value lie. What is not
// simple is the host's, and must have the arguments as they were.
func TestInlineUpdate(t *testing.T) {
	sizes := []uint32{1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 24, 33, 63, 64, 65, 200}
	keys, flagSets := []int{0, 2, 3, -1}, []string{"r4 = 0", "r4 = 1", "r4 = 2", "r4 = 4", "r4 = 1; r4 <<= 32"}
	if testing.Short() {
		sizes, keys, flagSets = []uint32{8, 63, 65}, keys[1:3], flagSets[:2]
	}
	for _, typ := range []maps.Type{maps.Array, maps.PerCPUArray} {
		for _, n := range sizes {
			p := newPair(t, progtype.XDP, maps.Spec{Name: "m", Type: typ, KeySize: 4, ValueSize: n, MaxEntries: 3},
				maps.Spec{Name: "n", Type: maps.Array, KeySize: 4, ValueSize: 256, MaxEntries: 1})
			for side := range p.maps {
				v := make([]byte, 256)
				for i := range v {
					v[i] = byte(i) + 1
				}
				p.maps[side][1].UpdateElem(0, make([]byte, 4), v, maps.Any)
			}
			var fill strings.Builder
			for off := 8; off <= 208; off += 8 {
				fmt.Fprintf(&fill, "r4 = %d; r4 <<= 30; r4 += %d; *(u64 *)(r10 -%d) = r4\n", off, off*77, off+8)
			}
			frame := fmt.Sprintf("r3 = r10; r3 += -%d", (n+7)&^7+8)
			for _, value := range []string{frame, "r3 = r7", frame + "; r9 = r3; r3 = r9"} {
				for _, key := range []string{"*(u32 *)(r10 -8) = %d; r2 = r10; r2 += -8", "r4 = %d; *(u32 *)(r6 +0) = r4; r2 = r6"} {
					for _, i := range keys {
						for _, flags := range flagSets {
							text := fmt.Sprintf(`r0 = 7; r7 = *(u32 *)(r1 +4); r6 = *(u32 *)(r1 +0); r3 = r6; r3 += 64; if r3 > r7 goto out
								%s *(u32 *)(r10 -8) = 0; r2 = r10; r2 += -8; r1 = map[1]; call map_lookup_elem; if r0 == 0 goto out; r7 = r0; r8 = 8
								%s; `+key+`; %s; r1 = map[0]; call map_update_elem; r8 += r0
								%s; `+key+`; %s; r1 = map[0]; call map_update_elem; r8 *= 3; r0 += r8
							out: exit`, fill.String(), value, i, flags, value, i, flags)
							b := p.load(text, text)
							want := uint64(2)
							if i >= 0 && i < 3 && flags == "r4 = 0" && n <= jit.MaxUpdate {
								want = 0
							}
							if _, tr, exits := b.run(keyPacket(nil), 1000); tr != nil || exits != want {
								t.Fatalf("%v of %d: %s: trap %v, left machine code %d times, want %d", typ, n, text, tr, exits, want)
							}
							x, _ := p.maps[0][0].LookupBytes(uint32(max(0, min(i, 2))))
							y, _ := p.maps[1][0].LookupBytes(uint32(max(0, min(i, 2))))
							if string(x) != string(y) || want == 0 && string(x) == string(make([]byte, len(x))) {
								t.Fatalf("%v of %d: %s: %x in the interpreter, %x in machine code", typ, n, text, x, y)
							}
						}
					}
				}
			}
			if n == 8 || n == 63 {
				t.Logf("%v of %d: %d runs agree", typ, n, p.ran)
			}
		}
	}
}

// TestInlineUpdateHostile updates with wild pointers, as a wrong verifier would let a program: only values of the map change.
func TestInlineUpdateHostile(t *testing.T) {
	tw := newTwin(t)
	m, err := maps.New(tw.b.mem, &maps.Spec{Name: "m", Type: maps.Array, KeySize: 4, ValueSize: 63, MaxEntries: 1 << 10}, 1, tw.b.table)
	if err != nil {
		t.Fatal(err)
	}
	h := hostile{r: rand.New(rand.NewPCG(8, 8))}
	l := m.Layout()
	own := func(b []byte) {
		clear(b[l.Addr : l.Addr+l.Stride*l.Entries])
		clear(b[tw.b.st.slot.Region.Addr:][:tw.b.st.slot.Region.Size])
	}
	all := func() []byte {
		b, _ := tw.b.mem.Slice(0, tw.b.mem.Limit())
		b = append([]byte(nil), b...)
		own(b)
		return b
	}
	before := all()
	turns := 200
	if testing.Short() {
		turns = 20
	}
	for _, mask := range []uint32{tw.b.mem.Mask(), uint32(tw.b.mem.Limit() - 1)} {
		for range turns {
			q, err := tw.b.proved(append(setAll([10]uint64{1: h.value(), 2: h.value(), 3: h.value()}), asm.Must("call map_update_elem; exit")...))
			if err != nil {
				t.Fatal(err)
			}
			cfg := tw.cfg
			cfg.Mask = mask
			q.configure(&cfg)
			cfg.Inline = func(int) jit.Inline { return jit.Inline{Kind: jit.InlineUpdate, Map: l} }
			if q.native, err = jit.Compile(q.src.Proof, cfg); err != nil {
				t.Fatal(err)
			}
			tw.enter(tw.b, q, Mode{Native: true}, 1000, nil)
		}
	}
	if string(all()) != string(before) {
		t.Error("memory outside of the map has changed")
	}
}
