package jit

import (
	"strings"
	"testing"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// TestCheckHelpers changes the ops that stand in for helpers, one field at a time, and sees the list refused: an op is taken
// for what the host says of the call, not for what the lowering made of it.
func TestCheckHelpers(t *testing.T) {
	const text = `
		r6 = r1; call get_prandom_u32
		r1 = r6; r2 = 14; r3 = r10; r3 += -16; r4 = 8; call xdp_load_bytes
		r1 = map[0]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit
		r1 = map[0]; r2 = r10; r2 += -8; *(u64 *)(r10 -8) = 0; r3 = 8; r4 = 0; call ringbuf_output
		r1 = r6; r2 = map[1]; r3 = 1; call tail_call
	out: r0 = 2; exit`
	insns := asm.Must(text)
	proof, err := verifier.Verify(&verifier.Spec{Name: "test", Type: progtype.XDP, GPL: true, Insns: insns, Maps: []*verifier.Map{
		{Name: "ring", Type: maps.RingBuf, MaxEntries: 4096}, {Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 2},
	}}, verifier.Options{})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	ring := Ring{Head: 0x7f0000001000, Base: 0x20000, Mask: 4095}
	named := func(pc int) string {
		if insns[pc].Op != isa.OpCallHelper {
			return ""
		}
		return proto.ByID(int32(insns[pc].Imm)).Name
	}
	cfg := &Config{
		Mask: 1<<32 - 1, Fuel: fuel.New(insns), Const: func(pc int) uint64 { return uint64(insns[pc].Imm) },
		TailCall:  func(pc int) bool { return named(pc) == "tail_call" },
		TailSlots: func(int) (TailSlots, bool) { return TailSlots{Addr: 0x7f0000002000, Entries: 2, Class: 6}, true },
		Helper: func(pc int) Helper {
			kinds := map[string]HelperKind{"get_prandom_u32": HelperRandom, "xdp_load_bytes": HelperLoadXDP, "ringbuf_reserve": HelperReserve,
				"ringbuf_submit": HelperSubmit, "ringbuf_output": HelperOutput}
			return Helper{Kind: kinds[named(pc)], Ring: ring, Size: 8, Handle: 1}
		},
	}
	fresh := func() *ir.List {
		l, err := build(proof, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	other := cfg.Helper
	for _, tt := range []struct {
		kind ir.Kind
		what string
		edit func(op *ir.Op)
	}{
		{ir.TailCall, "other slots", func(op *ir.Op) { op.Imm += 8 }},
		{ir.TailCall, "more slots", func(op *ir.Op) { op.Aux++ }},
		{ir.TailCall, "another class", func(op *ir.Op) { op.Stride++ }},
		{ir.TailCall, "less fuel", func(op *ir.Op) { op.From = 0 }},
		{ir.TailCall, "a handle", func(op *ir.Op) { op.Off = 3 }},
		{ir.TailCall, "another instruction's", func(op *ir.Op) {
			op.PC = 0
			cfg.TailSlots = func(pc int) (TailSlots, bool) { return TailSlots{}, false }
		}},
		{ir.RingReserve, "another head", func(op *ir.Op) { op.Imm += 64 }},
		{ir.RingReserve, "another base", func(op *ir.Op) { op.Aux += 4096 }},
		{ir.RingReserve, "a larger ring", func(op *ir.Op) { op.Stride = 8191 }},
		{ir.RingReserve, "size in another register", func(op *ir.Op) { op.Src = 3 }},
		{ir.RingReserve, "a negative size", func(op *ir.Op) { op.UseImm, op.Off = true, -8 }},
		{ir.RingReserve, "another instruction's", func(op *ir.Op) { op.PC = 1 }},
		{ir.RingCommit, "another head", func(op *ir.Op) { op.Imm = 0 }},
		{ir.RingCommit, "another base", func(op *ir.Op) { op.Aux-- }},
		{ir.RingCommit, "a larger ring", func(op *ir.Op) { op.Stride = 1<<31 - 1 }},
		{ir.RingCommit, "no ring there", func(op *ir.Op) { cfg.Helper = func(int) Helper { return Helper{} } }},
		{ir.Copy, "too many bytes", func(op *ir.Op) { op.Imm = 65 }},
		{ir.Copy, "no bytes", func(op *ir.Op) { op.Imm = 0 }},
		{ir.Copy, "three bytes", func(op *ir.Op) { op.Imm = 3 }},
		{ir.Copy, "from R10", func(op *ir.Op) { op.Src = ir.FP }},
		{ir.Copy, "to R10", func(op *ir.Op) { op.Base = ir.FP }},
		{ir.Copy, "to the temporary", func(op *ir.Op) { op.Base = ir.Tmp }},
		{ir.LoadPacket, "into R10", func(op *ir.Op) { op.Dst = ir.FP }},
		{ir.LoadPacket, "into the temporary", func(op *ir.Op) { op.Dst = ir.Tmp }},
		{ir.LoadState, "the window's address", func(op *ir.Op) { op.Off = int32(ir.OffBase) }},
		{ir.LoadState, "the native stack", func(op *ir.Op) { op.Off = int32(ir.OffStack) }},
		{ir.LoadState, "a bit aside", func(op *ir.Op) { op.Off++ }},
		{ir.StoreState, "the window's address", func(op *ir.Op) { op.Off = int32(ir.OffBase) }},
		{ir.StoreState, "the fuel", func(op *ir.Op) { op.Off = int32(ir.OffFuel) }},
		{ir.StoreState, "the number of tail calls", func(op *ir.Op) { op.Off, op.Size = int32(ir.OffTails), 4 }},
		{ir.StoreState, "the environment", func(op *ir.Op) { op.Off = int32(ir.OffEnv) }},
		{ir.LoadState, "the clock", func(op *ir.Op) { op.Off = int32(ir.OffClock) }},
		{ir.StoreState, "the clock", func(op *ir.Op) { op.Off = int32(ir.OffClock) }},
		{ir.StoreState, "R10", func(op *ir.Op) { op.Src = ir.FP }},
	} {
		slots := cfg.TailSlots
		l := fresh()
		if err := check(l, proof, cfg); err != nil {
			t.Fatal(err)
		}
		found := false
		for i := range l.Ops {
			if op := &l.Ops[i]; op.Kind == tt.kind && !found && !(tt.kind == ir.RingReserve && op.UseImm) {
				tt.edit(op)
				found = true
			}
		}
		err := check(l, proof, cfg)
		cfg.Helper, cfg.TailSlots = other, slots
		if !found || err == nil || !strings.HasPrefix(err.Error(), "check: op") {
			t.Errorf("op %d with %s: found %v, %v", tt.kind, tt.what, found, err)
		}
	}
	// A tail call in machine code leaves a function's frame behind.
	l := fresh()
	l.Funcs[0].Root = false
	if err := check(l, proof, cfg); err == nil || !strings.Contains(err.Error(), "which has a caller") {
		t.Errorf("tail call from a function: %v", err)
	}
}
