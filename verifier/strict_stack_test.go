package verifier_test

import (
	"errors"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// TestStrictSpilledPointers holds that nothing makes a number of a pointer on the stack under the policy strict:
// the kernel's verifier says so of programs without privileges.
func TestStrictSpilledPointers(t *testing.T) {
	for _, tt := range []struct{ name, bad, good string }{
		{"a byte", "*(u64 *)(r10 -16) = r1; r2 = 1; *(u8 *)(r10 -15) = r2; r0 = 0; exit",
			"*(u64 *)(r10 -16) = r1; r2 = 1; *(u8 *)(r10 -17) = r2; r0 = 0; exit"},
		{"the lower half", "*(u64 *)(r10 -16) = r1; *(u32 *)(r10 -16) = 1; r0 = *(u32 *)(r10 -12); exit",
			"*(u64 *)(r10 -16) = r1; *(u64 *)(r10 -16) = 1; r0 = *(u32 *)(r10 -12); exit"},
		{"a narrow number at its start", "*(u64 *)(r10 -16) = r1; r2 = 1; *(u16 *)(r10 -16) = r2; r0 = 0; exit",
			"*(u64 *)(r10 -16) = r1; r2 = 1; *(u64 *)(r10 -16) = r2; r0 = 0; exit"},
		{"an addition to it", "*(u64 *)(r10 -16) = r1; r2 = 1; lock *(u64 *)(r10 -16) += r2; r0 = 0; exit",
			"*(u64 *)(r10 -16) = 0; r2 = 1; lock *(u64 *)(r10 -16) += r2; r0 = 0; exit"},
		{"a helper's bytes", "r6 = r1; *(u64 *)(r10 -16) = r6; r2 = 0; r3 = r10; r3 += -12; r4 = 8; *(u64 *)(r10 -8) = 0; call skb_load_bytes; r0 = 0; exit",
			"r6 = r1; *(u64 *)(r10 -16) = r6; r2 = 0; r3 = r10; r3 += -16; r4 = 8; *(u64 *)(r10 -8) = 0; call skb_load_bytes; r0 = 0; exit"},
	} {
		for what, text := range map[string]string{"bad": tt.bad, "good": tt.good} {
			insns, err := asm.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			spec := &verifier.Spec{Name: "strict", Type: progtype.SchedCLS, GPL: true, Insns: insns,
				Maps: []*verifier.Map{{Name: "array", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 4}}}
			if _, err := verifier.Verify(spec, verifier.Options{}); err != nil {
				t.Errorf("%s, %s: linux: %v", tt.name, what, err)
			}
			_, err = verifier.Verify(spec, verifier.Options{Policy: verifier.PolicyStrict})
			var ve *verifier.Error
			switch {
			case what == "good" && err != nil:
				t.Errorf("%s, %s: strict: %v", tt.name, what, err)
			case what == "bad" && (!errors.As(err, &ve) || ve.Code != verifier.CodeLeak):
				t.Errorf("%s, %s: strict: %v, want a leak", tt.name, what, err)
			}
		}
	}
}
