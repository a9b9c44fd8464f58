package jit

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
)

// wild runs ops that stand in for helpers with whatever in the registers, as no verified program would.
type wild struct {
	t   *testing.T
	mem *guest.Memory
	st  *State
}

func newWild(t *testing.T) *wild {
	if Arch == "" {
		t.Skip("no machine code is made for this architecture")
	}
	if err := execmem.Probe(); err != nil {
		t.Skipf("no executable memory here: %v", err)
	}
	mem, err := guest.NewMemory(guest.MinLimit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	slot, err := mem.NewSlot(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	base := uint64(uintptr(mem.Base()))
	return &wild{t, mem, &State{Base: base, Limit: uint64(slot.FrameTop(7)), R: [16]uint64{10: uint64(slot.FrameTop(0))}}}
}

// run sets registers, does the op, and returns R0.
func (w *wild) run(regs map[ir.Reg]uint64, op ir.Op) uint64 {
	w.t.Helper()
	l := &ir.List{Mask: w.mem.Mask(), Funcs: []ir.Function{{Root: true}}, Ops: []ir.Op{{Kind: ir.Func}}}
	for r, v := range regs {
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Mov, W: 64, Dst: r, UseImm: true, Imm: int64(v)})
	}
	l.Ops = append(l.Ops, op, ir.Op{Kind: ir.Return})
	n, err := expand(l)
	if err != nil {
		w.t.Fatal(err)
	}
	mem, err := execmem.New(n.Code)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &Code{mem: mem, native: n, funcs: l.Funcs, base: mem.Addr()}
	c.start = c.base + uintptr(n.Start)
	w.st.Fuel = 1000
	c.Start(w.st)
	if w.st.Exit != Done {
		w.t.Fatalf("exit %d", w.st.Exit)
	}
	return w.st.R[0]
}

// TestWildCopy copies between any two addresses, which overlap at times: the same bytes as a model that wraps
// round the window's memory, and no others.
func TestWildCopy(t *testing.T) {
	w := newWild(t)
	limit := w.mem.Limit()
	all, _ := w.mem.Slice(0, limit)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range all[:1<<16] {
		all[i] = byte(rng.Uint32())
		all[len(all)-1-i] = byte(rng.Uint32())
	}
	model := bytes.Clone(all)
	rounds := 2000
	if testing.Short() {
		rounds = 300
	}
	for i := range rounds {
		n := 1 + rng.Uint64N(64)
		if n == 3 {
			continue
		}
		src, dst := rng.Uint64()&^0xffff|rng.Uint64N(200), rng.Uint64()
		switch rng.IntN(4) {
		case 0:
			dst = src + rng.Uint64N(2*n) - n
		case 1:
			dst = limit - rng.Uint64N(100)
		case 2:
			src, dst = -rng.Uint64N(70), 1<<32-rng.Uint64N(70)
		}
		w.run(map[ir.Reg]uint64{1: src, 4: dst}, ir.Op{Kind: ir.Copy, Src: 1, Base: 4, Imm: int64(n)})
		var from [64]byte
		for k := range n {
			from[k] = model[(uint64(uint32(src))+k)%limit]
		}
		for k := range n {
			model[(uint64(uint32(dst))+k)%limit] = from[k]
		}
		if i%100 == 99 && !bytes.Equal(all, model) {
			for k := range all {
				if all[k] != model[k] {
					t.Fatalf("round %d: byte %#x is %#x, want %#x", i, k, all[k], model[k])
				}
			}
		}
	}
}

// TestWildRing reserves sizes and ends records that no program may ask for.
func TestWildRing(t *testing.T) {
	w := newWild(t)
	const size = 4096
	m, err := maps.New(w.mem, &maps.Spec{Name: "r", Type: maps.RingBuf, MaxEntries: size}, 1, maps.NewTable())
	if err != nil {
		t.Fatal(err)
	}
	head, base, mask := m.Ringbuf().Layout()
	op := ir.Op{Kind: ir.RingReserve, Src: 2, Imm: int64(head), Aux: base, Stride: mask}
	commit := op
	commit.Kind = ir.RingCommit
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 3000
	if testing.Short() {
		rounds = 400
	}
	live := map[uint64]bool{}
	var ok, refused int
	reader, err := maps.NewRingbufReader(m)
	if err != nil {
		t.Fatal(err)
	}
	for range rounds {
		n := rng.Uint64() >> rng.IntN(64)
		if rng.IntN(2) == 0 {
			n = rng.Uint64N(300)
		}
		avail := m.Ringbuf().Query(0)
		room := n < size && avail+(n+15)&^7 <= size-1
		r0 := w.run(map[ir.Reg]uint64{2: n}, op)
		if (r0 != 0) != room {
			t.Fatalf("%d bytes with %d in use: %#x", n, avail, r0)
		}
		if r0 != 0 {
			if r0 < uint64(base)+8 || r0 >= uint64(base)+size+8 || live[r0] {
				t.Fatalf("a record at %#x", r0)
			}
			live[r0] = true
		}
		// Ends anything: what is not a record stays as it is, a record ends once.
		for range 4 {
			at := uint64(base) + rng.Uint64N(size+64)
			switch rng.IntN(4) {
			case 0:
				at = rng.Uint64()
			case 1:
				at |= uint64(1+rng.Uint32()) << 32
			case 2:
				for k := range live {
					at = k
					break
				}
			}
			commit.Signed = rng.IntN(2) == 0
			got := w.run(map[ir.Reg]uint64{1: at, 2: rng.Uint64()}, commit)
			if want := live[at]; (got == ir.CommitOK) != want || !want && got != ir.CommitNot {
				t.Fatalf("ending %#x: %d, live %v", at, got, want)
			}
			if live[at] {
				ok++
			} else {
				refused++
			}
			delete(live, at)
		}
		for rng.IntN(3) == 0 && m.Ringbuf().Query(0) > 0 && len(live) == 0 {
			reader.Flush()
			var rec maps.RingbufRecord
			if reader.ReadInto(&rec) != nil {
				break
			}
		}
		if rng.IntN(20) == 0 {
			for at := range live {
				m.Ringbuf().Discard(at, maps.RingNoWakeup)
			}
			clear(live)
		}
	}
	if ok == 0 || refused == 0 {
		t.Errorf("%d records ended, %d refused", ok, refused)
	}
	t.Logf("%d records ended, %d refused", ok, refused)
}
