package jit

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/gbpf/gbpf/internal/cpu"
	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/guest/canary"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// wildOffsets are what offsets and steps of addresses are: around what backends hold addresses for.
var wildOffsets = []int64{
	0, 1, -1, 4, -4, 8, -8, 12, 16, 255, 256, -255, -256, -257, 0x1f8, 0x200, -0x200, 0xff8, 0xfff, 0x1000, 0x3ff8, 0x3fff, 0x4000, 0x4001, -0x3fff, -0x4000, -0x4001,
	0x7ff8, 0x7fff, -0x7fff, -0x8000,
}

// wildAddresses are where the window begins and ends, and numbers that are far from it.
var wildAddresses = []uint64{
	0, 1, 7, 8, 0xfff, 0x1000, 0x7fff, 0x8000, 0xffff, 0xffff_ffff, 0xffff_fff8, 0xffff_fff9, 0xffff_8000, 0xffff_7fff, 0xffff_0000, 1 << 32, 1<<32 + 5, 1 << 63, ^uint64(0), ^uint64(7),
	guest.MinLimit, guest.MinLimit - 1, guest.MinLimit - 8, 0x8000_0000, 0x7fff_ffff,
}

// wildList is a list of accesses that somebody proved to be safe who was wrong: addresses are any numbers.
func wildList(r *rand.Rand) *ir.List {
	l := &ir.List{Exits: []ir.Exit{{Kind: ir.ExitBadInsn, Resume: -1, Alt: -1}}, Funcs: []ir.Function{{Root: true}}, Mask: 1<<32 - 1}
	l.Ops = append(l.Ops, ir.Op{Kind: ir.Func, Imm: int64(r.IntN(33)) * 16})
	// R2 is never spent: it is stored. R3 to R5 are addresses.
	value := func() ir.Reg { return ir.Reg(r.IntN(3)) }
	address := func() ir.Reg { return ir.Reg(3 + r.IntN(3)) }
	by := func() int64 { return wildOffsets[r.IntN(len(wildOffsets))] }
	open := -1
	for range 2 + r.IntN(24) {
		if open--; open == 0 {
			l.Ops = append(l.Ops, ir.Op{Kind: ir.Label, Target: int32(l.Labels - 1)})
		}
		var op ir.Op
		switch r.IntN(12) {
		case 0:
			op = ir.Op{Kind: ir.Mov, W: 64, Dst: address(), UseImm: true, Imm: int64(wildAddresses[r.IntN(len(wildAddresses))])}
		case 1, 2:
			op = ir.Op{Kind: []ir.Kind{ir.Add, ir.Sub}[r.IntN(2)], W: uint8(32 << r.IntN(2)), Dst: address(), UseImm: true, Imm: by()}
		case 3:
			op = ir.Op{Kind: ir.Lea, W: uint8(32 << r.IntN(2)), Dst: address(), Src: address(), Imm: by()}
		case 4:
			op = ir.Op{Kind: ir.Mov, W: uint8(32 << r.IntN(2)), Dst: address(), Src: address()}
		case 5:
			op = ir.Op{Kind: ir.And, W: 64, Dst: address(), UseImm: true, Imm: -8}
			if r.IntN(3) == 0 {
				op = ir.Op{Kind: ir.FrameAddr, W: 64, Dst: op.Dst, Imm: -int64(r.IntN(513))}
			}
		case 6:
			if open > 0 {
				op = ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Cond(r.IntN(12)), Dst: value(), UseImm: true, Imm: by(), Target: int32(l.Labels - 1)}
				break
			}
			open = 2 + r.IntN(5)
			l.Labels++
			continue
		default:
			op = wildAccess(r, value(), address(), int32(by()))
			if last := &l.Ops[len(l.Ops)-1]; last.Kind == op.Kind && (op.Kind == ir.Load || op.Kind == ir.Store) && r.IntN(2) == 0 {
				op.Size, op.Base, op.Access, op.Safe = last.Size, last.Base, last.Access, last.Safe // a neighbour
				op.Signed = op.Signed && op.Size < 8
				if op.Off = last.Off + int32(op.Size)*int32(1-2*r.IntN(2)); op.Off != int32(int16(op.Off)) {
					op.Off = last.Off
				}
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

// wildAccess is an access at an offset from a register.
func wildAccess(r *rand.Rand, v, base ir.Reg, off int32) ir.Op {
	op := ir.Op{Kind: ir.Load, Size: 1 << r.IntN(4), Base: base, Off: off, Dst: v, Src: v, Safe: r.IntN(8) > 0}
	switch r.IntN(8) {
	case 0, 1:
		op.Signed = r.IntN(3) == 0
	case 2, 3:
		op.Kind = ir.Store
	case 4:
		op.Kind, op.UseImm, op.Imm = ir.Store, true, int64(r.IntN(3)-1)
	case 5:
		op.Kind, op.Size, op.Fetch = ir.Atomic, 4<<r.IntN(2), r.IntN(2) == 0
		op.AtomicOp = []isa.AtomicOp{isa.AtomicAdd, isa.AtomicOr, isa.AtomicAnd, isa.AtomicXor, isa.AtomicXchg, isa.AtomicCmpxchg}[r.IntN(6)]
		op.Fetch = op.Fetch || op.AtomicOp == isa.AtomicXchg || op.AtomicOp == isa.AtomicCmpxchg
	case 6:
		op.Kind = []ir.Kind{ir.LoadAcq, ir.StoreRel}[r.IntN(2)]
	case 7:
		op.Dst = base // an address from memory
	}
	return op
}

// TestWildAccesses runs lists whose accesses are marked as proven and are not, one op after the other and as the backend
// likes: the same bytes change in the window, which wraps, and none around it.
func TestWildAccesses(t *testing.T) {
	newWild(t) // or skip
	reach := uint64(1<<32 + 1<<20)
	if Arch != "amd64" {
		reach = 64 << 20 // an emulator has memory for little
	}
	var mem [2]*guest.Memory
	var window [2][]byte
	var around [2]*canary.Canary
	var top uint32
	for i := range mem {
		var err error
		if mem[i], around[i], err = canary.New(guest.MinLimit, reach); err != nil {
			t.Skip(err)
		}
		defer mem[i].Close()
		defer around[i].Close()
		slot, err := mem[i].NewSlot(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		top = uint32(slot.FrameTop(0))
		window[i], _ = mem[i].Slice(0, mem[i].Limit())
	}
	if !mem[0].Full() || !mem[1].Full() {
		t.Skip("a window of less than 4 GiB does not wrap onto itself")
	}
	lists := 20000
	if testing.Short() {
		lists = 2000
	}
	host := cpu.Host
	defer func() { cpu.Host = host }()
	for seed := range uint64(lists) {
		if cpu.Host = host; seed%2 == 1 {
			cpu.Host = cpu.Features{} // a processor without anything
		}
		r := rand.New(rand.NewPCG(seed, 11))
		l := wildList(r)
		var in [16]uint64
		for i := range in[:10] {
			if in[i] = r.Uint64() >> r.IntN(64); r.IntN(2) == 0 {
				in[i] = wildAddresses[r.IntN(len(wildAddresses))]
			}
		}
		in[10] = uint64(top)
		var got [2]string
		for i := range got {
			l.Plain = i == 0
			n, err := expand(l)
			if err != nil {
				t.Fatalf("list %d: %v", seed, err)
			}
			code, err := execmem.New(n.Code)
			if err != nil {
				t.Fatal(err)
			}
			c := &Code{mem: code, native: n, funcs: l.Funcs, base: code.Addr()}
			c.resume = c.base + uintptr(n.Resume)
			st := &State{Base: uint64(uintptr(mem[i].Base())), Fuel: 1000, Limit: uint64(top) + 1, R: in}
			c.Call(st, 0)
			runtime.KeepAlive(code)
			got[i] = fmt.Sprintf("%x %d %x", st.R[:11], st.Words, window[i][top-512:top])
		}
		if got[0] != got[1] {
			t.Fatalf("list %d: registers or frame differ:\n%.150s\n%.150s\n%s", seed, got[0], got[1], opsText(l.Ops))
		}
		if seed%50 == 49 && !bytes.Equal(window[0], window[1]) {
			t.Fatalf("list %d or one of the 50 before: the windows differ", seed)
		}
		if seed%500 == 499 {
			for _, c := range around {
				if err := c.Check(); err != nil {
					t.Fatalf("list %d or one of the 500 before: %v", seed, err)
				}
			}
		}
	}
}

func opsText(ops []ir.Op) (s string) {
	for i := range ops {
		s += fmt.Sprintf("%3d: %+v\n", i, ops[i])
	}
	return s
}
