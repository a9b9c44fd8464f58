package jit

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// turning is a random list that goes round a few times, and leaves for the host in each turn: for fuel, and as if for helpers.
func turning(r *rand.Rand) *ir.List {
	l := randomList(r)
	body := l.Ops[1 : len(l.Ops)-1]
	head, in := int32(l.Labels), int32(l.Labels+1)
	l.Labels += 2
	l.Exits = []ir.Exit{{Kind: ir.ExitBadInsn, Resume: -1, Alt: -1}, {Kind: ir.ExitFuel, Resume: in, Alt: -1}}
	ops := []ir.Op{l.Ops[0], {Kind: ir.Label, Target: head, Imm: 1}, {Kind: ir.Charge, Imm: 1, Exit: 1}, {Kind: ir.Label, Target: in}}
	label := func() int32 { l.Labels++; return int32(l.Labels - 1) }
	next, until := int32(0), 0 // where the host goes on, and how many ops there are before
	for i := range body {
		ops = append(ops, body[i])
		if until--; until == 0 {
			ops = append(ops, ir.Op{Kind: ir.Label, Target: next})
		}
		if until > 0 || r.IntN(6) > 0 {
			continue
		}
		// In one turn the host does what follows, as it does for helpers that machine code cannot do.
		on := label()
		next, until = label(), 1+r.IntN(4)
		ops = append(ops, ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Ne, Dst: 8, UseImm: true, Imm: 2, Target: on},
			ir.Op{Kind: ir.Leave, Exit: int32(len(l.Exits))}, ir.Op{Kind: ir.Label, Target: on})
		l.Exits = append(l.Exits, ir.Exit{Kind: ir.ExitHelper, Resume: next, Alt: -1})
	}
	if until > 0 {
		ops = append(ops, ir.Op{Kind: ir.Label, Target: next})
	}
	l.Ops = append(ops, ir.Op{Kind: ir.Sub, W: 64, Dst: 8, UseImm: true, Imm: 1},
		ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Ne, Dst: 8, UseImm: true, Target: head}, ir.Op{Kind: ir.Leave})
	return l
}

// runnable makes Code of a list.
func runnable(t *testing.T, l *ir.List) *Code {
	t.Helper()
	n, err := expand(l)
	if err != nil {
		t.Fatal(err)
	}
	mem, err := execmem.New(n.Code)
	if err != nil {
		t.Fatal(err)
	}
	c := &Code{mem: mem, native: n, funcs: l.Funcs, base: mem.Addr()}
	c.resume = c.base + uintptr(n.Resume)
	for _, e := range l.Exits {
		x := Exit{Exit: e}
		if e.Resume >= 0 {
			x.resume = uint64(c.base) + uint64(n.Labels[e.Resume])
		}
		c.exits = append(c.exits, x)
	}
	return c
}

// TestResume goes on in machine code with other numbers in R0 to R5, and in all registers that hold addresses meanwhile: code made
// op by op, and code that holds addresses, must do the same with all fuel at once as with a unit at a time.
func TestResume(t *testing.T) {
	newWild(t) // or skip
	const top = 0x11000
	var mem [3]*guest.Memory
	var window [3][]byte
	for i := range mem {
		var err error
		if mem[i], err = guest.NewMemory(guest.MinLimit); err != nil {
			t.Fatal(err)
		}
		defer mem[i].Close()
		window[i], _ = mem[i].Slice(0, mem[i].Limit())
	}
	// A list that puts something else in all registers for addresses.
	other := &ir.List{Exits: []ir.Exit{{Kind: ir.ExitBadInsn, Resume: -1, Alt: -1}}, Funcs: []ir.Function{{Root: true}}, Mask: 1<<32 - 1, Ops: []ir.Op{{Kind: ir.Func}}}
	for r := range ir.Reg(8) {
		other.Ops = append(other.Ops, ir.Op{Kind: ir.Load, Size: 8, Dst: 9, Base: r, Off: 8, Safe: true})
	}
	other.Ops = append(other.Ops, ir.Op{Kind: ir.Leave})
	spoil := runnable(t, other)
	lists, left := 6000, 0
	if testing.Short() {
		lists = 600
	}
	for seed := range uint64(lists) {
		r := rand.New(rand.NewPCG(seed, 13))
		l := turning(r)
		in := [16]uint64{0: r.Uint64(), 1: r.Uint64() >> 40, 2: r.Uint64(), pointer: object + 64, pointer + 1: object + 128, 8: 2 + r.Uint64N(2), 10: top}
		var got [3]string
		for i := range got {
			l.Plain = i == 0
			c := runnable(t, l)
			st := &State{Base: uint64(uintptr(mem[i].Base())), Limit: top + 1, R: in, Fuel: 100}
			if i == 2 {
				st.Fuel = 0
			}
			host := rand.New(rand.NewPCG(seed, 17))
			c.Call(st, 0)
			for st.Exit != 0 {
				e := c.Exit(st)
				if e == nil {
					t.Fatalf("list %d: exit %d", seed, st.Exit)
				}
				other := &State{Base: st.Base, Limit: top + 1}
				for k := range other.R[:9] {
					other.R[k] = host.Uint64()
				}
				if other.R[10] = top; e.Kind == ExitFuel {
					st.Fuel = 0 // for what was taken, and no more
				} else {
					left++
					numbers := rand.New(rand.NewPCG(seed, uint64(st.Exit)))
					st.R[0], st.R[1], st.R[2] = numbers.Uint64(), numbers.Uint64(), numbers.Uint64()
					st.R[pointer], st.R[pointer+1] = object+numbers.Uint64N(512), object+numbers.Uint64N(512)
				}
				spoil.Call(other, 0)
				c.Resume(st, e)
			}
			runtime.KeepAlive(c)
			got[i] = fmt.Sprintf("%x %x %x %d", st.R[:5], st.R[8:11], window[i][top-512:top], st.Words)
		}
		near := func(w []byte) []byte { return w[object-4096 : object+1<<16] }
		for i := 1; i < 3; i++ {
			if got[i] != got[0] || !bytes.Equal(near(window[i]), near(window[0])) {
				t.Fatalf("list %d: way %d is another: the same window %v\n%.150s\n%.150s\n%+v", seed, i, bytes.Equal(near(window[i]), near(window[0])), got[0], got[i], l.Ops)
			}
		}
	}
	if left < lists/2 {
		t.Errorf("the host was asked %d times by %d lists", left, lists)
	}
	t.Logf("the host was asked %d times by %d lists", left, lists)
}
