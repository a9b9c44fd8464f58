package jit

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/arm64"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
)

// The registers of random lists that hold addresses in the window, and what they are near to.
const (
	pointer = 3 // and the next
	object  = 0x20000
)

// randomList is a random list of ops that are likely to fuse, with jumps forwards.
func randomList(r *rand.Rand) *ir.List {
	l := &ir.List{Exits: []ir.Exit{{Kind: ir.ExitBadInsn, Resume: -1, Alt: -1}}, Funcs: []ir.Function{{Root: true}}, Mask: 1<<32 - 1}
	if r.IntN(4) == 0 {
		l.Mask = guest.MinLimit - 1
	}
	l.Ops = append(l.Ops, ir.Op{Kind: ir.Func, Imm: 512})
	kinds := []ir.Kind{ir.Mov, ir.Mov, ir.Mov, ir.Mov, ir.Mov, ir.Mov, ir.Mov, ir.Mov, ir.Lsh, ir.Rsh, ir.And, ir.And, ir.Mul, ir.Add, ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Lsh, ir.Rsh, ir.Rsh, ir.Arsh, ir.Rol,
		ir.Div, ir.Mod, ir.SDiv, ir.SMod, ir.Neg, ir.Zext, ir.Swap, ir.Sext, ir.Lea, ir.FrameAddr, ir.Store, ir.Load, ir.Store, ir.Load, ir.CondJump, ir.CondJump, ir.CondJump, ir.Jump, ir.Atomic, ir.Load, ir.Store}
	imms := []int64{0, 1, -1, 2, 3, 7, 8, 0xff, 0xffff, 0x7fffffff, -0x80000000, 12345678, 31, 32, 33, 63, 5, 0xfff, 0x1000, 0x1001, -4096, -4097}
	reg := func() ir.Reg { return ir.Reg(r.IntN(3)) } // few, so that they meet
	n := 1 + r.IntN(24)
	open := -1 // ops until the label that jumps go to, if there is one
	pointers := r.IntN(2) == 0
	for range n {
		if open--; open == 0 {
			l.Ops = append(l.Ops, ir.Op{Kind: ir.Label, Target: int32(l.Labels - 1)})
		}
		if pointers && r.IntN(2) == 0 {
			switch r.IntN(3) {
			case 0:
				l.Ops = append(l.Ops, step(r))
			case 1:
				op := ir.Op{Kind: ir.Load, Src: reg(), Dst: reg()}
				if r.IntN(2) == 0 {
					op.Kind = ir.Store
				}
				guestAccess(r, &op)
				l.Ops = append(l.Ops, op)
			default:
				op := ir.Op{Kind: ir.Atomic, Src: reg(), AtomicOp: isa.AtomicAdd}
				guestAccess(r, &op)
				op.Size = 4 << r.IntN(2)
				l.Ops = append(l.Ops, op)
			}
			continue
		}
		if open > 1 && r.IntN(3) == 0 {
			op := ir.Op{Kind: ir.CondJump, W: 64, Dst: reg(), UseImm: true, Imm: int64(r.IntN(4)), Cond: ir.Cond(r.IntN(12)), Target: int32(l.Labels - 1)}
			if r.IntN(3) == 0 { // over a jump
				op.Target = int32(l.Labels)
				l.Labels += 2
				l.Ops = append(l.Ops, op, ir.Op{Kind: ir.Jump, Target: op.Target + 1}, ir.Op{Kind: ir.Label, Target: op.Target},
					ir.Op{Kind: ir.Label, Target: op.Target - 1}, ir.Op{Kind: ir.Neg, W: 64})
				open = 2
			} else {
				l.Ops = append(l.Ops, op)
			}
			continue
		}
		switch d, s := reg(), reg(); r.IntN(16) {
		case 0: // a product or shift that one sum reads, and perhaps somebody else
			kind := []ir.Kind{ir.Mul, ir.Lsh, ir.Rsh, ir.Arsh}[r.IntN(4)]
			l.Ops = append(l.Ops, ir.Op{Kind: kind, W: 64, Dst: s, UseImm: true, Imm: 3}, ir.Op{Kind: ir.Add, W: 64, Dst: d, Src: s})
			switch r.IntN(5) {
			case 0:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Xor, W: 64, Dst: reg(), Src: s})
			case 1:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Store, Size: 8, Access: ir.Frame, Base: ir.FP, Off: -8, Src: s})
			case 2:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Lea, W: 64, Dst: reg(), Src: s, Imm: 8})
			}
			l.Ops = append(l.Ops, ir.Op{Kind: ir.Mov, W: 64, Dst: s, Src: reg()})
			continue
		case 1: // neighbours, of which the first may be where the other's address was
			l.Ops = append(l.Ops, ir.Op{Kind: ir.FrameAddr, W: 64, Dst: s, Imm: -64},
				ir.Op{Kind: ir.Load, Size: 8, Dst: reg(), Base: s}, ir.Op{Kind: ir.Load, Size: 8, Dst: reg(), Base: s, Off: 8})
			continue
		}
		k := kinds[r.IntN(len(kinds))]
		op := ir.Op{Kind: k, W: uint8(32 << r.IntN(2)), Dst: reg(), Src: reg(), UseImm: r.IntN(2) == 0, Imm: imms[r.IntN(len(imms))]}
		if last := l.Ops[len(l.Ops)-1]; last.Kind != ir.Func && last.Kind != ir.Store && last.Dst < pointer && r.IntN(3) > 0 {
			op.Dst = last.Dst // op after op on one register
		}
		switch k {
		case ir.Swap, ir.Zext, ir.Sext:
			op.From = []uint8{8, 16, 32}[r.IntN(3)]
			if k == ir.Swap {
				op.From *= 2
			}
			op.W = max(op.W, op.From)
		case ir.Mov:
			if op.UseImm && r.IntN(2) == 0 {
				op.Imm = int64(r.Uint64())
			}
		case ir.FrameAddr:
			op.W = 64
		case ir.CondJump, ir.Jump:
			if open <= 0 {
				open = 1 + r.IntN(4)
				l.Labels++
			}
			op.Target, op.Cond = int32(l.Labels-1), ir.Cond(r.IntN(12))
		case ir.Atomic:
			guestAccess(r, &op)
			op.Size, op.Fetch = 4<<r.IntN(2), r.IntN(2) == 0
			op.AtomicOp = []isa.AtomicOp{isa.AtomicAdd, isa.AtomicXor, isa.AtomicXchg}[r.IntN(3)]
			op.UseImm = false
		case ir.Load, ir.Store:
			if r.IntN(2) == 0 {
				guestAccess(r, &op)
				op.Swapped = r.IntN(4) == 0 && (k == ir.Load || !op.UseImm)
				break
			}
			op.Size, op.Access, op.Base = 1<<r.IntN(4), ir.Frame, ir.FP
			if r.IntN(2) == 0 {
				op.Size = 8
			}
			op.Off = -int32(op.Size) * (1 + int32(r.IntN(int(512/int(op.Size)))))
			op.Signed = k == ir.Load && r.IntN(4) == 0
			op.Swapped = !op.Signed && r.IntN(4) == 0 && (k == ir.Load || !op.UseImm)
			if last := &l.Ops[len(l.Ops)-1]; last.Kind == k && last.Off > -500 && last.Off < -16 && r.IntN(4) > 0 {
				// A neighbour.
				op.Size, op.Signed, op.Swapped = last.Size, false, false
				op.Off = last.Off + int32(op.Size)*int32(1-2*r.IntN(2))
			}
		}
		l.Ops = append(l.Ops, op)
	}
	if open > 0 {
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Label, Target: int32(l.Labels - 1)})
	}
	l.Ops = append(l.Ops, ir.Op{Kind: ir.Leave})
	return l
}

// step moves a register that holds an address a little.
func step(r *rand.Rand) ir.Op {
	op := ir.Op{Kind: ir.Lea, W: 64, Dst: pointer, Src: pointer, Imm: int64(r.IntN(65) - 32)}
	if r.IntN(2) == 0 {
		op.Dst++
	}
	switch r.IntN(7) {
	case 0:
		op.Kind, op.UseImm = ir.Add, true
	case 1:
		op.Kind, op.UseImm, op.W = ir.Sub, true, 32
	case 2:
		op.Kind = ir.Mov
	case 3:
		op.Kind, op.UseImm, op.Imm = ir.Mov, true, object+int64(r.IntN(4096))
	case 4:
		op.Kind, op.Imm = ir.FrameAddr, int64(r.IntN(512)-512)
	case 5:
		op.Kind, op.UseImm, op.Imm = ir.And, true, int64(-8)<<r.IntN(2)
	}
	return op
}

// guestAccess makes an access through a register: one that holds an address, or any number.
func guestAccess(r *rand.Rand, op *ir.Op) {
	op.Size, op.Access, op.Base, op.Off = 1<<r.IntN(4), ir.Confined, pointer, int32(r.IntN(64)-16)
	switch r.IntN(8) {
	case 0:
		op.Off = int32(r.IntN(1 << 15))
	case 3, 4:
		op.Off = int32(r.IntN(3)) * 12
	case 1:
		op.Access, op.Base, op.Off = ir.Fixed, 0, object+int32(r.IntN(8192))
		if op.Kind == ir.Atomic {
			op.Access = ir.Confined
		}
	case 2:
		op.Base, op.Off = ir.Reg(r.IntN(3)), op.Off-int32(r.IntN(1<<14))
	}
	if op.Base == pointer {
		op.Safe = r.IntN(4) > 0
		op.Base += ir.Reg(r.IntN(2))
	}
	op.Signed = op.Kind == ir.Load && r.IntN(4) == 0
}

// lengthen returns the list with n instructions before its last label, which some branches do not reach then: tests reach 32 KiB,
// others 1 MiB.
func lengthen(l *ir.List, n int) *ir.List {
	far := *l
	for i := len(l.Ops) - 1; i >= 0; i-- {
		if l.Ops[i].Kind == ir.Label {
			far.Ops = slices.Insert(slices.Clone(l.Ops), i, slices.Repeat([]ir.Op{{Kind: ir.Add, W: 64, Dst: 9, UseImm: true, Imm: 1}}, n)...)
			break
		}
	}
	return &far
}

// TestFusions runs random lists with and without the fusions of the arm64 backend, and some of those with branches that have
// far to go: registers and the frame must be the same.
func TestFusions(t *testing.T) {
	if err := execmem.Probe(); err != nil {
		t.Skipf("no executable memory here: %v", err)
	}
	const top = 0x11000
	var window [2][]byte
	var mem [2]*guest.Memory
	for i := range mem {
		var err error
		if mem[i], err = guest.NewMemory(guest.MinLimit); err != nil {
			t.Fatal(err)
		}
		defer mem[i].Close()
		window[i], _ = mem[i].Slice(0, mem[i].Limit())
	}
	values := []uint64{0, 1, 2, 3, ^uint64(0), 1 << 63, 0x80000000, 0xdeadbeefcafebabe, 0xffffffff, 12345, 1 << 32}
	lists, sizes := 10000, [2]int{}
	if testing.Short() {
		lists = 1000
	}
	for seed := range uint64(lists) {
		r := rand.New(rand.NewPCG(seed, 7))
		l := randomList(r)
		in := [5]uint64{pointer: object + 64, pointer + 1: object + 128}
		for i := range pointer {
			if in[i] = values[r.IntN(len(values))]; r.IntN(2) == 0 {
				in[i] = r.Uint64()
			}
		}
		var got [2]string
		for i := range got {
			l := l
			l.Plain = i == 0
			switch {
			case l.Plain:
			case seed%8 == 7:
				l = lengthen(l, 1<<15/4)
			case seed%250 == 249:
				l = lengthen(l, 1<<20/4)
			}
			n, err := arm64.Expand(l, arm64.Features{})
			if err != nil {
				t.Fatalf("list %d: %v", seed, err)
			}
			code, err := execmem.New(n.Code)
			if err != nil {
				t.Fatal(err)
			}
			st := &State{Base: uint64(uintptr(mem[i].Base())), Fuel: 1000, Limit: uint64(uintptr(mem[i].Base())) + top}
			copy(st.R[:], in[:])
			st.R[10] = top
			st.Stack[0], st.Words, st.Resume = uint64(uintptr(unsafe.Pointer(st))), ir.FrameBase, uint64(code.Addr())+uint64(n.Root)
			enter(code.Addr()+uintptr(n.Resume), st)
			runtime.KeepAlive(code)
			got[i] = fmt.Sprintf("%x %x %x %d", st.R[:5], st.R[10], window[i][top-512:top], st.Words)
			if seed%8 != 7 && seed%250 != 249 {
				sizes[i] += len(n.Code)
			}
		}
		near := func(w []byte) []byte { return w[object-4096 : object+1<<16] }
		same := bytes.Equal(near(window[0]), near(window[1]))
		if seed%500 == 499 {
			same = bytes.Equal(window[0], window[1]) // where wild addresses lead
		}
		if !same {
			t.Fatalf("list %d: fused, the windows differ\n%+v", seed, l.Ops)
		}
		if got[0] != got[1] {
			t.Fatalf("list %d: fused, registers and frame differ:\n%.150s\n%.150s\n%+v", seed, got[0], got[1], l.Ops)
		}
	}
	t.Logf("%d lists; %d bytes plain, %d fused", lists, sizes[0], sizes[1])
	if sizes[1] >= sizes[0] {
		t.Error("nothing was fused")
	}
}

// TestFarBranches jumps over more code than a conditional branch reaches.
func TestFarBranches(t *testing.T) {
	if err := execmem.Probe(); err != nil {
		t.Skipf("no executable memory here: %v", err)
	}
	mem, err := guest.NewMemory(guest.MinLimit)
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	for _, c := range []struct {
		name string
		jump ir.Op
		want uint64
	}{
		{"b.cond", ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Lt, UseImm: true, Imm: 5}, 0},
		{"b.cond not taken", ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Gt, UseImm: true, Imm: 5}, 300_000},
		{"cbz", ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Eq, UseImm: true}, 0},
		{"tbz", ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Clear, UseImm: true, Imm: 4}, 0},
		{"tbz not taken", ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Set, UseImm: true, Imm: 4}, 300_000},
		{"charge", ir.Op{Kind: ir.Charge, Imm: 3}, 300_000},
		{"charge without fuel", ir.Op{Kind: ir.Charge, Imm: 30_000}, 0},
	} {
		l := &ir.List{Exits: make([]ir.Exit, 1), Funcs: []ir.Function{{Root: true}}, Mask: 1<<32 - 1, Labels: 1}
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Func}, c.jump)
		for range 300_000 {
			l.Ops = append(l.Ops, ir.Op{Kind: ir.Add, W: 64, UseImm: true, Imm: 1})
		}
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Label}, ir.Op{Kind: ir.Return})
		n, err := arm64.Expand(l, arm64.Features{})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		code, err := execmem.New(n.Code)
		if err != nil {
			t.Fatal(err)
		}
		st := &State{Base: uint64(uintptr(mem.Base())), Fuel: 1000, Limit: uint64(uintptr(mem.Base())) + 0x11000}
		st.R[10] = 0x11000
		enter(code.Addr()+uintptr(n.Start), st)
		runtime.KeepAlive(code)
		if st.R[0] != c.want {
			t.Errorf("%s: r0 = %d, want %d", c.name, st.R[0], c.want)
		}
	}
}

// TestFarExits has lookups whose bodies and ways out are further away than a conditional branch reaches: they find what
// they find nearby.
func TestFarExits(t *testing.T) {
	w := newWild(t)
	hash, err := maps.New(w.mem, &maps.Spec{Name: "hash", Type: maps.Hash, KeySize: 12, ValueSize: 8, MaxEntries: 4}, 1, maps.NewTable())
	if err != nil {
		t.Fatal(err)
	}
	array, err := maps.New(w.mem, &maps.Spec{Name: "array", Type: maps.Array, KeySize: 4, ValueSize: 12, MaxEntries: 4}, 1, maps.NewTable())
	if err != nil {
		t.Fatal(err)
	}
	key := bytes.Repeat([]byte{3, 0, 0, 0}, 3)
	if err := hash.Put(key, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	at, _ := w.mem.Slice(object, 64)
	copy(at, key)
	copy(at[32:], "twelve bytes")
	for _, c := range []struct {
		name       string
		op         ir.Op
		r2, r4     uint64
		zero, host bool // R0, and that the host is asked
	}{
		{"a key that is there", ir.Op{Kind: ir.HashLookup}, object, 0, false, false},
		{"a key that is not there", ir.Op{Kind: ir.HashLookup}, object + 8, 0, true, false},
		{"an update", ir.Op{Kind: ir.ArrayUpdate, Src: 3, Aux: 1}, object, 0, true, false},
		{"an update with flags", ir.Op{Kind: ir.ArrayUpdate, Src: 3, Aux: 1}, object, 1, false, true},
	} {
		for _, n := range []int{0, 1 << 20 / 4} {
			l := &ir.List{Exits: []ir.Exit{{Kind: ir.ExitHelper, Resume: 0, Alt: -1}}, Funcs: []ir.Function{{Root: true}}, Mask: w.mem.Mask(), Labels: 1,
				Maps: []maps.Layout{hash.Layout(), array.Layout()}}
			c.op.Base = 2
			l.Ops = append(l.Ops, ir.Op{Kind: ir.Func}, c.op, ir.Op{Kind: ir.Label})
			l.Ops = append(l.Ops, slices.Repeat([]ir.Op{{Kind: ir.Add, W: 64, Dst: 9, UseImm: true, Imm: 1}}, n)...)
			l.Ops = append(l.Ops, ir.Op{Kind: ir.Return})
			if err := array.Put(uint32(3), make([]byte, 12)); err != nil {
				t.Fatal(err)
			}
			st := *w.st
			st.R[0], st.R[2], st.R[3], st.R[4] = 7, c.r2, object+32, c.r4
			code := runnable(t, l)
			code.Call(&st, 0)
			value, err := array.LookupBytes(uint32(3))
			if err != nil {
				t.Fatal(err)
			}
			written := string(value) == "twelve bytes"
			if host := st.Exit == 0; host != c.host || !host && (st.Exit != Done || (st.R[0] == 0) != c.zero) || written != (c.op.Kind == ir.ArrayUpdate && !c.host) {
				t.Errorf("%s, %d instructions away: exit %d, R0 %#x, element %q", c.name, n, st.Exit, st.R[0], value)
			}
			runtime.KeepAlive(code)
		}
	}
}
