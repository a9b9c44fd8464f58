package interp

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
	"unsafe"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/cpu"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/guest/canary"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
)

var (
	nativePrograms = flag.Int("native.programs", 4000, "hostile programs that TestNativeHostile runs")
	nativeSeed     = flag.Uint64("native.seed", 0, "the first of them")
)

// The maps of hostile programs, by handle from 1 on.
var hostileSpecs = []maps.Spec{
	{Name: "array", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 4},
	{Name: "hash", Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 8, Flags: maps.ZeroSeed},
	{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "ringbuf", Type: maps.RingBuf, MaxEntries: 4096},
	{Name: "lru", Type: maps.LRUHash, KeySize: 4, ValueSize: 24, MaxEntries: 4, Flags: maps.ZeroSeed},
	{Name: "percpu", Type: maps.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 2},
	{Name: "percpu_hash", Type: maps.PerCPUHash, KeySize: 4, ValueSize: 8, MaxEntries: 4, Flags: maps.ZeroSeed},
	{Name: "queue", Type: maps.Queue, ValueSize: 8, MaxEntries: 4},
	{Name: "trie", Type: maps.LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 8, Flags: maps.NoPrealloc},
}

const (
	hostileMaps = 9
	ringHandle  = 4
	hostileFuel = 20_000
)

// wall is a twin of which all is watched that a program must not change.
type wall struct {
	*twin
	canaries []*canary.Canary
	maps     [2][]*maps.Map
	state    *watchedState
	before   jit.State
	progs    []uint64 // the prog array's slots for machine code
}

// watchedState is a State between words that nobody writes.
type watchedState struct {
	below [512]uint64
	state jit.State
	above [512]uint64
}

const stateCanary = 0xdeadbeefcafef00d

// reach is how much address space around a window is watched, in bytes. An emulator has memory for little.
func reach() uint64 {
	if jit.Arch == "amd64" {
		return 1<<32 + 1<<20
	}
	return 64 << 20
}

// newWall makes windows with canaries around them where the system has them.
func newWall(t testing.TB) *wall {
	tw := newTwin(t)
	w := &wall{twin: tw}
	for i := 1; i >= 0; i-- { // the better place for machine code's window
		g := w.side(i)
		if mem, c, err := canary.New(guest.MinLimit, reach()); err != nil {
			t.Logf("no canary: %v", err)
		} else {
			g.mem.Close()
			fresh := rigIn(t, mem)
			*g = *fresh
			t.Cleanup(func() { c.Close() })
			w.canaries = append(w.canaries, c)
		}
		g.table.Retire = func(done func()) { done() }
		for _, s := range hostileSpecs {
			m, err := maps.New(g.mem, &s, 2, g.table)
			if err != nil {
				t.Fatal(err)
			}
			w.maps[i] = append(w.maps[i], m)
			if m.Handle() != uint64(len(w.maps[i])) {
				t.Fatalf("map %s has handle %d", s.Name, m.Handle())
			}
		}
	}
	tw.cfg.Mask, tw.cfg.Base = tw.b.mem.Mask(), uint64(uintptr(tw.b.mem.Base()))
	w.state = &watchedState{state: *tw.b.st.block}
	for i := range w.state.below {
		w.state.below[i], w.state.above[i] = stateCanary, stateCanary
	}
	tw.b.st.block = &w.state.state
	return w
}

func words(b []byte) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
}

// remember takes down what a run must not change.
func (w *wall) remember() {
	w.before = w.state.state
	w.progs = w.progs[:0]
	for _, b := range w.maps[1][2].HostBlocks() {
		w.progs = append(w.progs, words(b)...)
	}
}

// hold returns what a run has changed that it must not.
func (w *wall) hold() error {
	s, b := &w.state.state, &w.before
	if s.Base != b.Base || s.Limit != b.Limit || s.CPU != b.CPU || s.Words > uint32(len(s.Stack)) {
		return fmt.Errorf("state: base %#x, was %#x; limit %#x, was %#x; cpu %d, was %d; %d words", s.Base, b.Base, s.Limit, b.Limit, s.CPU, b.CPU, s.Words)
	}
	if s.R[10]>>32 != 0 {
		return fmt.Errorf("state: R10 is %#x, which is no guest address", s.R[10])
	}
	for i := range w.state.below {
		if w.state.below[i] != stateCanary || w.state.above[i] != stateCanary {
			return fmt.Errorf("state: the words around it changed: %#x, %#x", w.state.below[i], w.state.above[i])
		}
	}
	for _, block := range w.maps[1][2].HostBlocks() {
		for i, x := range words(block) {
			// A helper may empty a slot.
			if i < len(w.progs) && x != w.progs[i] && (x != 0 || w.maps[1][2].Prog(uint32(i)) != nil) {
				return fmt.Errorf("slot %d of the prog array is %#x, was %#x", i, x, w.progs[i])
			}
		}
	}
	// What the host does for helpers it does alike for both engines.
	for i, m := range w.maps[0] {
		if m.Type() == maps.ProgArray {
			continue
		}
		x, y := m.HostBlocks(), w.maps[1][i].HostBlocks()
		for k := range x {
			if !bytes.Equal(x[k], y[k]) {
				return fmt.Errorf("the host's index of map %s differs", m.Name())
			}
		}
	}
	return nil
}

// outside returns what was written around the windows.
func (w *wall) outside() error {
	for _, c := range w.canaries {
		if err := c.Check(); err != nil {
			return err
		}
	}
	return nil
}

// resident is the memory of the process that is not swapped out, in bytes: its own, and that of shared objects as often as it is
// mapped, which for a window is as often as a program reaches it at another address. 0 where that is not known.
func resident() (own, mapped uint64) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, 0
	}
	var total, pages, shared uint64
	fmt.Sscan(string(b), &total, &pages, &shared)
	page := uint64(os.Getpagesize())
	return (pages - min(shared, pages)) * page, shared * page
}

// TestNativeHostile runs programs that no verifier has seen in both engines: wild pointers, misaligned atomics, loops
// and recursion without end, helpers with any arguments and with results that they do not give. Both must agree on everything,
// end, and leave everything outside the window alone.
func TestNativeHostile(t *testing.T) {
	t.Run("full", func(t *testing.T) { nativeHostile(t, newWall(t), *nativeSeed) })
	t.Run("masked", func(t *testing.T) {
		// The window of a host that does not give 4 GiB, and a processor without anything.
		w := newWall(t)
		w.cfg.Mask = uint32(w.a.mem.Limit() - 1)
		w.a.st.mask = uint64(w.cfg.Mask)
		withFeatures(t, cpu.Features{}, func(t *testing.T) { nativeHostile(t, w, *nativeSeed+1<<32) })
	})
}

func nativeHostile(t *testing.T, w *wall, seed uint64) {
	w.t = t
	h := hostile{helpers: w.a.helperIDs()}
	traps := map[trap.Code]int{}
	n, made, kept := *nativePrograms, 0, 0
	if testing.Short() {
		n = min(n, 1000)
	}
	before, _ := resident()
	w.after = func(pa, pb *Program) {
		if err := w.hold(); err != nil {
			t.Fatal(err)
		}
		if w.ran%16 == 0 { // a program to go on to
			for k, p := range []*Program{pa, pb} {
				if err := w.maps[k][2].Put(uint32(w.ran/16%4), tail{p}); err != nil {
					t.Fatal(err)
				}
			}
			kept++
		}
		w.remember()
	}
	w.remember()
	data := make([]byte, 200)
	for i := range n {
		for k := range data {
			data[k] = byte(k * i)
		}
		w.a.lie, w.b.lie = i%4 == 3, i%4 == 3
		name := fmt.Sprintf("program %d", seed+uint64(i))
		insns := h.program(seed + uint64(i))
		if w.compare(name, insns, data[:i%200], hostileFuel) {
			made++
			if tr := w.a.st.trap; tr != nil {
				traps[tr.Code]++
			}
		}
		if tr := w.a.st.trap; tr != nil && tr.Code == trap.Internal {
			t.Fatalf("%s: %v\n%s", name, tr, listing(insns))
		}
		if i%200 == 0 {
			w.stir()
		}
		if i%1000 == 0 {
			if err := w.outside(); err != nil {
				t.Fatalf("%s or one of the 1000 before it: %v", name, err)
			}
		}
	}
	if err := w.outside(); err != nil {
		t.Fatal(err)
	}
	w.wholeWindow("all")
	after, mapped := resident()
	t.Logf("%d of %d programs from seed %d had a structure and ran in both engines, %d of them were kept to be gone on to; traps: %v", made, n, seed, kept, traps)
	for _, c := range w.canaries {
		t.Logf("%d MiB around a window were watched", c.Reach()>>20)
	}
	t.Logf("resident memory: %d MiB before, %d MiB after; shared objects at all their addresses %d MiB", before>>20, after>>20, mapped>>20)
	if made < n/10 {
		t.Errorf("only %d of %d programs ran", made, n)
	}
	// Windows are objects of MinLimit bytes each, whatever programs touch of them; the rest is the host's.
	bound := before + 96<<20
	if jit.Arch != "amd64" {
		bound += 416 << 20 // what an emulator keeps of the code that it has translated
	}
	if after > bound {
		t.Errorf("%d MiB are resident, more than %d", after>>20, bound>>20)
	}
}

// stir empties the ring buffers, which programs fill up for good, in both windows alike.
func (w *wall) stir() {
	for k := range w.maps {
		m := w.maps[k][ringHandle-1]
		r, err := maps.NewRingbufReader(m)
		if err != nil {
			w.t.Fatal(err)
		}
		base := uint64(0)
		if a := m.Ringbuf().Reserve(0, 0); a != 0 {
			base = a
			m.Ringbuf().Discard(a, 0)
		}
		if region := w.side(k).mem.Find(guest.Addr(base)); region != nil {
			for off := uint32(0); off <= region.Size/2; off += 8 {
				m.Ringbuf().Discard(uint64(region.Addr+off), maps.RingNoWakeup)
			}
		}
		r.Flush()
		var rec maps.RingbufRecord
		for r.ReadInto(&rec) == nil {
		}
		r.Close()
	}
}

func (w *wall) side(k int) *rig { return [...]*rig{w.a, w.b}[k] }

// helperIDs are the numbers of the helpers that have bodies.
func (g *rig) helperIDs() (ids []int64) {
	for id := int64(1); id < 250; id++ {
		if h := g.set.ByID(int32(id)); h != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// lying is a helper that now and then returns what it does not.
func (g *rig) lying(h *helpers.Helper) *helpers.Helper {
	if h == nil || !g.lie || h.Proto.Engine {
		return h
	}
	wrong := *h
	wrong.Func = func(c *helpers.Call) uint64 {
		r := h.Func(c)
		g.lies++
		x := g.lies * 0x9e3779b97f4a7c15
		switch x >> 61 {
		case 0:
			return x
		case 1:
			return r + x>>40
		case 2:
			return uint64(uint32(x))
		}
		return r
	}
	return &wrong
}

// TestHostileNotices holds that the wall sees what it is to see.
func TestHostileNotices(t *testing.T) {
	w := newWall(t)
	w.remember()
	if err := w.hold(); err != nil {
		t.Fatal(err)
	}
	change := func(what string, p *uint64) {
		*p++
		if w.hold() == nil {
			t.Errorf("%s changed and nothing is said", what)
		}
		*p--
		if err := w.hold(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	change("State.Base", &w.state.state.Base)
	change("State.Limit", &w.state.state.Limit)
	change("a word below the state", &w.state.below[len(w.state.below)-1])
	change("a word above the state", &w.state.above[0])
	for i, m := range w.maps[1] {
		for _, b := range m.HostBlocks() {
			change("the index of map "+hostileSpecs[i].Name, (*uint64)(unsafe.Pointer(&b[len(b)/2&^7])))
		}
	}
	for _, c := range w.canaries {
		c.Touch(-1<<16 - 1) // below the pad
		if w.outside() == nil {
			t.Error("a byte below the window changed and nothing is said")
		}
		c.Touch(-1<<16 - 1) // below the pad
	}
}
