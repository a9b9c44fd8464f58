package jit

import (
	"testing"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// TestWideBetween puts ops between the two loads of what could be one: only those that change neither memory nor the base may stand there.
func TestWideBetween(t *testing.T) {
	base := ir.Reg(1)
	for kind := ir.Kind(0); kind < ir.NumKinds; kind++ {
		ops := []ir.Op{
			{Kind: ir.Load, Size: 1, Dst: 2, Base: base, Off: 0, Safe: true},
			{Kind: kind, W: 64, Size: 8, Dst: 5, Src: 6, Base: 7},
			{Kind: ir.Load, Size: 1, Dst: 3, Base: base, Off: 1, Safe: true},
			{Kind: ir.Lsh, W: 64, Dst: 3, UseImm: true, Imm: 8},
			{Kind: ir.Or, W: 64, Dst: 3, Src: 2},
		}
		wide(ops)
		joined := ops[4].Kind == ir.Nop
		if want := kind == ir.Nop || simple(kind); joined != want {
			t.Errorf("op %d between the loads: joined: %v", kind, joined)
		}
		if joined && (ops[2].Kind != ir.Load || ops[2].Size != 2 || ops[2].Off != 0 || ops[3].Kind != ir.Nop) {
			t.Errorf("op %d: %+v", kind, ops)
		}
	}
	// The base changes, or the parts are no neighbours.
	for _, between := range []ir.Op{{Kind: ir.Add, W: 64, Dst: base, UseImm: true, Imm: 1}, {Kind: ir.Load, Size: 8, Dst: base, Base: 7}} {
		ops := []ir.Op{
			{Kind: ir.Load, Size: 1, Dst: 2, Base: base, Safe: true}, between, {Kind: ir.Load, Size: 1, Dst: 3, Base: base, Off: 1, Safe: true},
			{Kind: ir.Lsh, W: 64, Dst: 3, UseImm: true, Imm: 8}, {Kind: ir.Or, W: 64, Dst: 3, Src: 2},
		}
		if wide(ops); ops[4].Kind == ir.Nop {
			t.Errorf("joined over %+v", between)
		}
	}
}
