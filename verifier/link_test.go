package verifier_test

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// TestLinkedConstants verifies programs in which a comparison of a copy, from which the original
// differs by a constant, bounds the original.
func TestLinkedConstants(t *testing.T) {
	tests := []struct {
		name, change string
		accept       bool
	}{
		{"less", "r1 += -3; if r1 > 9 goto out", true},
		{"subtracted", "r1 -= 3; if r1 > 9 goto out", true},
		{"more", "r1 += 3; if r1 > 9 goto out", false}, // -3 to 6
		{"more, both bounds", "r1 += 3; if r1 > 9 goto out; if r1 < 3 goto out", true},
		{"in a register", "r2 = 3; r1 -= r2; if r1 > 9 goto out", true},
		{"twice", "r1 -= 3; r1 -= 1; if r1 > 9 goto out", false}, // not followed, as in the kernel
		{"beyond", "r1 -= 3; if r1 > 13 goto out", false},        // 3 to 16
		{"least", "r1 += -2147483648; if r1 > 9 goto out", false},
		{"least, subtracted", "r1 -= -2147483648; if r1 > 9 goto out", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := verifier.Verify(&verifier.Spec{
				Name: "link", Type: progtype.XDP, GPL: true,
				Maps: []*verifier.Map{{Name: "m", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 1}},
				Insns: asm.Must(`
					call ktime_get_ns
					r1 = r0
					` + tt.change + `
					r3 = map_value[0]+0
					r3 += r0
					r0 = *(u8 *)(r3 +0)
				out:
					r0 = 2
					exit`),
			}, verifier.Options{})
			if (err == nil) != tt.accept {
				t.Errorf("accepted: %v, want %v: %v", err == nil, tt.accept, err)
			}
		})
	}
}
