package jit

import (
	"strings"
	"testing"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// TestCheckCounts changes what makes a loop count by more than the comparison sees: of a comparison of 32 bits, the upper half counts where
// registers are bounded by it.
func TestCheckCounts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wrong func(op *ir.Op) bool // the op to be changed, which it changes
		what  string
	}{
		{"as it is", nil, ""},
		{"a start beyond 32 bits", func(op *ir.Op) bool {
			is := op.Kind == ir.Mov && op.UseImm && op.Dst == 3
			if is {
				op.Imm += 1 << 32
			}
			return is
		}, "register 3 is not set before"},
		{"a step beyond 32 bits", func(op *ir.Op) bool {
			is := op.Kind == ir.Add && op.Dst == 3
			if is {
				op.Imm += 1 << 32
			}
			return is
		}, "R3 is changed"},
	} {
		c := checkCaseOf(t, tt.name, "r0 = 0; r3 = 0\ntop: r0 += r3; r3 += 1; if w3 != 100 goto top\nexit")
		l := c.build(t)
		changed := tt.wrong == nil
		for i := range l.Ops {
			changed = changed || tt.wrong(&l.Ops[i])
		}
		if !changed {
			t.Fatalf("%s: nothing to change", tt.name)
		}
		err := check(l, c.proof, c.cfg)
		if (err == nil) != (tt.what == "") || err != nil && !strings.Contains(err.Error(), tt.what) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
