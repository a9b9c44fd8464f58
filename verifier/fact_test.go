package verifier_test

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// TestCallFacts asks for the map of a lookup wherever its key lies: what the helper reads must not stand in
// the way of the fact.
func TestCallFacts(t *testing.T) {
	const packet = "r3 = *(u32 *)(r1 +4); r2 = *(u32 *)(r1 +0); r4 = r2; r4 += 64; r0 = 2; if r4 > r3 goto out; "
	const lookup = "; call map_lookup_elem; if r0 == 0 goto out; r0 = *(u32 *)(r0 +0)\nout: exit"
	for _, tt := range []struct {
		name, text string
		key        bool
	}{
		{"stack", "*(u32 *)(r10 -8) = 3; r2 = r10; r2 += -8; r1 = map[0]" + lookup, true},
		{"packet", packet + "r1 = map[0]" + lookup, false},
		{"map value", "*(u32 *)(r10 -4) = 3; r2 = r10; r2 += -4; r1 = map[0]; call map_lookup_elem; if r0 == 0 goto out; r2 = r0; r1 = map[0]" + lookup, false},
	} {
		insns := asm.Must(tt.text)
		proof, err := verifier.Verify(&verifier.Spec{Name: "test", Type: progtype.XDP, GPL: true, Insns: insns,
			Maps: []*verifier.Map{{Name: "m", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 4}}}, verifier.Options{})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		last := -1
		for pc, in := range insns {
			if in.Op == isa.OpCallHelper {
				last = pc
			}
		}
		f := proof.Fact(last)
		if !f.Has(verifier.ConstMap) || f.Map != 0 || f.Has(verifier.ConstKey) != tt.key {
			t.Errorf("%s: facts %#x, map %d", tt.name, f.Flags, f.Map)
		}
	}
}
