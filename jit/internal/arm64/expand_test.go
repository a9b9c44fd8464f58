package arm64

import (
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
)

// TestExpandAnything gives lists that make no sense: code or an error, nothing else.
func TestExpandAnything(t *testing.T) {
	good, bad := 0, 0
	for seed := range uint64(20000) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := &ir.List{Labels: 3, Exits: make([]ir.Exit, 2), Funcs: make([]ir.Function, 2), Mask: 1<<32 - 1}
		if r.IntN(4) == 0 {
			l.Mask = r.Uint32()
		}
		l.Maps = []maps.Layout{
			{Kind: maps.ArrayLayout, KeySize: 4, ValueSize: r.Uint32N(70), Stride: 8 << r.IntN(4), CPUStride: r.Uint32N(2) * 64, Entries: r.Uint32() >> r.IntN(32), Addr: r.Uint32()},
			{Kind: maps.HashLayout, KeySize: 1 + r.Uint32N(70), KeyStride: 8 + r.Uint32N(9)*8, Mask: 1<<r.IntN(20) - 1, Stride: r.Uint32N(100), Marks: uintptr(r.Uint32N(2))},
		}
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Func}, ir.Op{Kind: ir.Label}, ir.Op{Kind: ir.Func, Target: 1})
		for range 1 + r.IntN(3) {
			op := ir.Op{
				Kind: ir.Kind(r.IntN(int(ir.NumKinds) + 1)), W: uint8(32 << r.IntN(2)), Size: 1 << r.IntN(4), From: 8 << r.IntN(4),
				Dst: ir.Reg(r.IntN(13)), Src: ir.Reg(r.IntN(13)), Base: ir.Reg(r.IntN(13)), Cond: ir.Cond(r.IntN(13)),
				Access: ir.Access(r.IntN(4)), AtomicOp: isa.AtomicOp(r.IntN(8)), UseImm: r.IntN(2) == 0, Signed: r.IntN(2) == 0,
				Swapped: r.IntN(2) == 0, Fetch: r.IntN(2) == 0, Safe: r.IntN(2) == 0, Off: int32(r.Uint32()) >> r.IntN(32),
				Target: int32(r.IntN(5)) - 1, Exit: int32(r.IntN(4)) - 1, Stride: r.Uint32(), Aux: r.Uint32(), Imm: int64(r.Uint64()) >> r.IntN(64),
			}
			if r.IntN(4) > 0 {
				op.Aux %= 2
			}
			if r.IntN(8) == 0 {
				op.W, op.Size, op.From = uint8(r.Uint32()), uint8(r.Uint32()), uint8(r.Uint32())
			}
			l.Ops = append(l.Ops, op)
		}
		lse := r.IntN(2) == 0
		l.Plain = r.IntN(4) == 0
		n, err := Expand(l, Features{LSE: lse})
		switch {
		case err == nil && (len(n.Code)%4 != 0 || n.Resume >= uint32(len(n.Code))):
			t.Fatalf("list %d: %d bytes, resume at %d", seed, len(n.Code), n.Resume)
		case err == nil:
			if good++; good%16 == 0 {
				untouched(t, n.Code)
			}
		case !strings.HasPrefix(err.Error(), "arm64: "):
			t.Fatalf("list %d: %v", seed, err)
		default:
			bad++
		}
	}
	if good < 1000 || bad < 1000 {
		t.Errorf("%d lists made code, %d errors", good, bad)
	}
}

var theirs = regexp.MustCompile(`\b([xw](18|28|29)|w?sp)\b`)

// untouched holds that no instruction names a register that is the platform's or Go's, nor the stack pointer.
func untouched(t *testing.T, code []byte) {
	t.Helper()
	for at := 0; at < len(code); at += 4 {
		in, err := arm64asm.Decode(code[at:])
		if err != nil {
			continue // udf, and FEAT_LSE
		}
		if text := arm64asm.GNUSyntax(in); theirs.MatchString(text) {
			t.Fatalf("at %#x: %s", at, text)
		}
	}
}

// TestManyLabels branches to very many labels ahead: what is kept for each until it is placed must not be what hundreds of thousands of them
// cannot have.
func TestManyLabels(t *testing.T) {
	const labels = 50_000
	l := &ir.List{Labels: labels, Exits: make([]ir.Exit, 1), Funcs: []ir.Function{{Root: true}}, Mask: 1<<32 - 1}
	l.Ops = append(l.Ops, ir.Op{Kind: ir.Func})
	for i := range int32(labels) {
		l.Ops = append(l.Ops, ir.Op{Kind: ir.CondJump, W: 64, Dst: 1, UseImm: true, Imm: int64(i&0xfff) + 1, Target: i})
	}
	for i := range int32(labels) {
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Label, Target: i}, ir.Op{Kind: ir.Add, W: 64, UseImm: true, Imm: 1})
	}
	l.Ops = append(l.Ops, ir.Op{Kind: ir.Return})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Expand(l, Features{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / uint64(len(l.Ops)); n > 400 {
		t.Errorf("%d bytes were allocated for each op", n)
	} else {
		t.Logf("%d bytes for each op", n)
	}
}
