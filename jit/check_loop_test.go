package jit

import (
	"slices"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// TestCheckEnds holds lists whose control goes round, with and without fuel, against the check.
func TestCheckEnds(t *testing.T) {
	label := func(l int32) ir.Op { return ir.Op{Kind: ir.Label, Target: l} }
	jump := func(l int32) ir.Op { return ir.Op{Kind: ir.Jump, Target: l} }
	cond := func(l int32) ir.Op { return ir.Op{Kind: ir.CondJump, W: 64, Target: l} }
	charge := ir.Op{Kind: ir.Charge, Imm: 1}
	refund := ir.Op{Kind: ir.Refund, Imm: 1}
	may := func(l int32) ir.Op { return ir.Op{Kind: ir.MayGoto, Target: l} }
	leave := ir.Op{Kind: ir.Leave, Exit: 1}
	ret := ir.Op{Kind: ir.Return}
	for _, tt := range []struct {
		name string
		ops  []ir.Op
		ok   bool
	}{
		{"straight", []ir.Op{label(0), cond(1), label(1), ret}, true},
		{"itself", []ir.Op{label(0), jump(0)}, false},
		{"loop", []ir.Op{label(0), cond(0), ret}, false},
		{"fuelled loop", []ir.Op{label(0), charge, cond(0), ret}, true},
		{"fuelled loop entered for nothing", []ir.Op{refund, label(0), charge, label(1), cond(0), ret}, true},
		{"fuel given back in the loop", []ir.Op{label(2), refund, label(0), charge, label(1), cond(2), ret}, false},
		{"way back behind the fuel", []ir.Op{refund, label(0), charge, label(1), cond(1), ret}, false},
		{"two ways back, one without", []ir.Op{label(0), charge, label(1), cond(0), cond(1), ret}, false},
		{"shared end", []ir.Op{jump(1), label(0), ret, label(1), cond(0), jump(0)}, true},
		{"forth and back", []ir.Op{jump(1), label(0), cond(2), ret, label(1), jump(0), label(2), jump(1)}, false},
		{"may_goto", []ir.Op{label(0), may(0), ret}, false},
		{"by way of the host", []ir.Op{label(2), leave}, false},
		{"by way of the host that looks a key up", []ir.Op{label(2), {Kind: ir.HashLookup, Exit: 1}, ret}, false},
		{"by way of the host that updates", []ir.Op{label(2), {Kind: ir.ArrayUpdate, Exit: 1}, ret}, false},
		{"by way of the host that calls", []ir.Op{label(2), {Kind: ir.Call, Exit: 1}, ret}, false},
		{"nest", []ir.Op{label(0), charge, label(1), charge, cond(1), cond(0), ret}, true},
		{"inner without", []ir.Op{label(0), charge, label(1), cond(1), cond(0), ret}, false},
	} {
		l := &ir.List{Ops: tt.ops, Labels: 4, Exits: []ir.Exit{{Resume: -1, Alt: -1}, {Resume: 2, Alt: -1}}}
		l.Mask, l.Funcs = 1, []ir.Function{{}}
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Func})
		for i := int32(0); i < 4; i++ {
			if !slices.ContainsFunc(l.Ops, func(op ir.Op) bool { return op.Kind == ir.Label && op.Target == i }) {
				l.Ops = append(l.Ops, label(i))
			}
		}
		c := &checker{l: l, cfg: &Config{}}
		if err := c.shape(); err != nil {
			t.Fatal(err)
		}
		c.owner = make([]int32, len(c.marks)) // all of one function
		err := c.ends(nil)
		if (err == nil) != tt.ok || err != nil && !strings.Contains(err.Error(), "without fuel") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
