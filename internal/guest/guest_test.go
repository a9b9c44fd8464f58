package guest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"
)

func newMemory(t testing.TB, limit uint64) *Memory {
	t.Helper()
	m, err := NewMemory(limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestLimits(t *testing.T) {
	for _, c := range []struct{ ask, got uint64 }{
		{0, DefaultLimit}, {1, MinLimit}, {MinLimit, MinLimit}, {MinLimit + 1, 2 * MinLimit}, {100 << 20, 128 << 20},
	} {
		if m := newMemory(t, c.ask); m.Limit() != c.got {
			t.Errorf("limit %d: got %d, want %d", c.ask, m.Limit(), c.got)
		}
	}
	if _, err := NewMemory(MaxLimit + 1); err == nil {
		t.Error("more than 4 GiB was accepted")
	}
}

// TestAlign makes many windows at a time: each lies where machine code needs it.
func TestAlign(t *testing.T) {
	n := 24
	if testing.Short() {
		n = 4
	}
	for i := range n {
		m := newMemory(t, MinLimit)
		if at := uint64(uintptr(m.Base())); at%Align != 0 {
			t.Fatalf("window %d is at %#x, full %v", i, at, m.Full())
		}
	}
}

// TestEveryAddress touches addresses all over the 32-bit range as generated code
// does: none may fault, and a full window wraps onto its own memory.
func TestEveryAddress(t *testing.T) {
	m := newMemory(t, MinLimit)
	at := func(a uint32) *uint64 { return (*uint64)(unsafe.Add(m.Base(), uintptr(a&m.Mask()))) }
	for a := uint64(0); a < 1<<32; a += 1<<20 - 8 {
		*at(uint32(a)) = a
	}
	*at(1<<32 - 1) = ^uint64(0)
	*at(0x10000) = 1
	*at(0x10000 + MinLimit) = 2
	if got := *at(0x10000); got != 2 {
		t.Errorf("address 64 KiB reads %d after a store one limit further: the window is not one object", got)
	}
	t.Logf("full window: %v", m.Full())
}

func TestSlice(t *testing.T) {
	m := newMemory(t, MinLimit)
	for _, c := range []struct {
		addr, n uint64
		ok      bool
	}{
		{0, 0, true}, {0, MinLimit, true}, {0, MinLimit + 1, false}, {MinLimit - 1, 1, true}, {MinLimit - 1, 2, false},
		{MinLimit, 0, false}, {1 << 32, 1, false}, {1<<64 - 1, 1, false}, {8, 1<<64 - 8, false}, {8, 1<<64 - 1, false},
	} {
		if b, ok := m.Slice(c.addr, c.n); ok != c.ok || ok && uint64(len(b)) != c.n {
			t.Errorf("Slice(%#x, %#x) = %d bytes, %v; want ok %v", c.addr, c.n, len(b), ok, c.ok)
		}
	}
	m.Close()
	if _, ok := m.Slice(PageSize, 1); ok {
		t.Error("a slice of closed memory")
	}
}

func TestCheck(t *testing.T) {
	m := newMemory(t, MinLimit)
	plain := &Region{Kind: KindHost, Perm: PermRead, Size: 100}
	array := &Region{Kind: KindMapValue, Perm: PermRW, Size: 3 * 16, Stride: 16, Elem: 12}
	for _, r := range []*Region{plain, array} {
		if err := m.Alloc(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		addr uint64
		n    uint32
		perm Perm
		want *Region
	}{
		{"all", uint64(plain.Addr), 100, PermRead, plain},
		{"one more", uint64(plain.Addr), 101, PermRead, nil},
		{"last byte", uint64(plain.Addr) + 99, 1, PermRead, plain},
		{"behind", uint64(plain.Addr) + 100, 1, PermRead, nil},
		{"in front", uint64(plain.Addr) - 1, 1, PermRead, nil},
		{"write", uint64(plain.Addr), 1, PermWrite, nil},
		{"element", uint64(array.Addr) + 16, 12, PermRW, array},
		{"padding", uint64(array.Addr) + 28, 1, PermRW, nil},
		{"over an element's end", uint64(array.Addr) + 8, 8, PermRW, nil},
		{"into the next element", uint64(array.Addr), 32, PermRW, nil},
		{"null", 0, 1, PermRead, nil},
		{"no address", 1<<32 + uint64(plain.Addr), 1, PermRead, nil},
	} {
		if got := m.Check(c.addr, c.n, c.perm); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	plain.Free()
	if m.Check(uint64(plain.Addr), 1, PermRead) != nil {
		t.Error("a freed region is still found")
	}
}

// TestAllocModel allocates and frees at random and holds the registry against a
// simple model: no overlap, a gap behind each object, zeroed memory, exact accounting.
func TestAllocModel(t *testing.T) {
	m := newMemory(t, MinLimit)
	rng := rand.New(rand.NewPCG(1, 2))
	var live []*Region
	var used uint64
	for step := 0; step < 4000; step++ {
		if len(live) > 0 && (rng.IntN(3) == 0 || len(live) > 60) {
			i := rng.IntN(len(live))
			r := live[i]
			for k, b := range r.Bytes() {
				if b != byte(r.idx) {
					t.Fatalf("step %d: byte %d of region %d was overwritten", step, k, r.idx)
				}
			}
			used -= uint64(r.Size+PageSize-1) / PageSize * PageSize
			r.Free()
			live = append(live[:i], live[i+1:]...)
			continue
		}
		r := &Region{Kind: KindHost, Perm: PermRW, Size: 1 + uint32(rng.IntN(5*PageSize))}
		if rng.IntN(20) == 0 {
			r.Size += 1 << 18
		}
		if err := m.Alloc(r); err != nil {
			if !errors.Is(err, ErrLimit) {
				t.Fatal(err)
			}
			continue
		}
		used += uint64(r.Size+PageSize-1) / PageSize * PageSize
		if r.Addr < NullZone || r.Addr%PageSize != 0 {
			t.Fatalf("region at %#x", r.Addr)
		}
		if !bytes.Equal(r.Bytes(), make([]byte, r.Size)) {
			t.Fatalf("step %d: fresh memory is not zero", step)
		}
		for k := range r.Bytes() {
			r.Bytes()[k] = byte(r.idx)
		}
		live = append(live, r)
		if m.Used() != used {
			t.Fatalf("step %d: %d bytes in use, want %d", step, m.Used(), used)
		}
	}
	for _, r := range live {
		if m.Find(r.Addr) != r || m.Find(r.Addr+r.Size-1) != r {
			t.Errorf("region at %#x is not found", r.Addr)
		}
		if last := r.Addr + (r.Size+PageSize-1)/PageSize*PageSize; m.Find(last) != nil {
			t.Errorf("no gap behind the region at %#x", r.Addr)
		}
		r.Free()
	}
	if m.Used() != 0 || len(m.free) != 1 {
		t.Errorf("%d bytes in use and %d free stretches after all is freed", m.Used(), len(m.free))
	}
}

func TestFull(t *testing.T) {
	m := newMemory(t, MinLimit)
	err := m.Alloc(&Region{Kind: KindMapValue, Name: "big", Size: MinLimit})
	if !errors.Is(err, ErrLimit) {
		t.Fatalf("got %v", err)
	}
	want := `guest memory: map_value "big" needs 16777216 bytes, 0 of 16777216 are in use: guest memory limit reached`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func TestConcurrentLookup(t *testing.T) {
	m := newMemory(t, MinLimit)
	keep := &Region{Kind: KindHost, Perm: PermRW, Size: 64}
	if err := m.Alloc(keep); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				r := &Region{Kind: KindHost, Perm: PermRW, Size: 64}
				if err := m.Alloc(r); err != nil {
					t.Error(err)
					return
				}
				if m.Find(r.Addr) != r || m.Find(keep.Addr) != keep {
					t.Error("a live region is not found")
					return
				}
				r.Free()
			}
		})
	}
	wg.Wait()
}

func TestSlot(t *testing.T) {
	m := newMemory(t, 0)
	s, err := m.NewSlot(3, 0)
	if err != nil {
		t.Fatal(err)
	}
	type part struct {
		name string
		at   Addr
		n    uint32
	}
	parts := []part{{"ctx", s.Ctx, CtxSize}, {"scratch", s.Scratch, ScratchSize}, {"packet", s.Packet, s.PacketSize}}
	for i := range MaxFrames {
		parts = append(parts, part{"frame", s.FrameTop(i) - StackSize, StackSize})
	}
	for i, a := range parts {
		if !s.Region.Contains(a.at, a.n) {
			t.Errorf("%s lies outside the slot", a.name)
		}
		for _, b := range parts[i+1:] {
			if a.at < b.at+b.n && b.at < a.at+a.n {
				t.Errorf("%s at %#x and %s at %#x overlap", a.name, a.at, b.name, b.at)
			}
		}
	}
	if s.PacketSize-Headroom-Tailroom < 1<<16 {
		t.Errorf("packets of at most %d bytes", s.PacketSize-Headroom-Tailroom)
	}
}

func BenchmarkNewMemory(b *testing.B) {
	for b.Loop() {
		m, err := NewMemory(0)
		if err != nil {
			b.Fatal(err)
		}
		m.Close()
	}
}
