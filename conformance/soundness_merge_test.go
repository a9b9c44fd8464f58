package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// diamonds is a program in which as many bits of an unknown number as it has branches decide what is added
// to an index, in a register or on the stack: paths double with each.
func diamonds(rng *rand.Rand) string {
	var b strings.Builder
	b.WriteString(`
		*(u32 *)(r10 -4) = 0
		r1 = map[0]; r2 = r10; r2 += -4
		call map_lookup_elem
		if r0 == 0 goto out
		r7 = r0
		r6 = *(u64 *)(r7 +0)
		r8 = 0; *(u64 *)(r10 -16) = 0; *(u64 *)(r10 -24) = 0; r9 = 0
		`)
	// Ones alone never add up to too much.
	most := 1 + rng.IntN(2)
	for k := range 9 + rng.IntN(5) {
		fmt.Fprintf(&b, "r1 = r6; r1 >>= %d; r1 &= 1; if r1 == 0 goto l%d\n", k, k)
		c := 1 + rng.IntN(most)
		switch rng.IntN(6) {
		case 0:
			fmt.Fprintf(&b, "r1 = *(u64 *)(r10 -16); r1 += %d; *(u64 *)(r10 -16) = r1\n", c)
		case 1:
			fmt.Fprintf(&b, "r8 |= %d\n", c)
		case 2:
			fmt.Fprintf(&b, "r9 = %d\n", c)
		case 3:
			fmt.Fprintf(&b, "*(u64 *)(r10 -24) = %d\n", c)
		default:
			fmt.Fprintf(&b, "r8 += %d\n", c)
		}
		fmt.Fprintf(&b, "l%d: %s", k, strings.Repeat("r5 = 0\n", rng.IntN(9)))
	}
	b.WriteString("r1 = *(u64 *)(r10 -16); r8 += r1; r1 = *(u64 *)(r10 -24); r8 += r1; r8 += r9\n")
	if most > 1 && rng.IntN(4) != 0 {
		fmt.Fprintf(&b, "if r8 > %d goto out\n", 14+rng.IntN(3))
	}
	b.WriteString("r7 += r8; r0 = *(u8 *)(r7 +0); out: r0 = 0; exit")
	return b.String()
}

// TestMergedWalks verifies programs whose paths multiply beyond the budget, so that states are joined, and
// holds runs against what is said of those that are accepted.
func TestMergedWalks(t *testing.T) {
	s, err := NewSoundness()
	if err != nil {
		t.Skipf("no guest memory: %v", err)
	}
	defer s.Close()
	n := 400
	if testing.Short() {
		n = 60
	}
	rng := rand.New(rand.NewPCG(1, 2))
	merged, refused := 0, 0
	for i := range n {
		spec := &verifier.Spec{Name: fmt.Sprintf("diamonds %d", i), Type: progtype.XDP, GPL: true, Insns: asm.Must(diamonds(rng)), Maps: []*verifier.Map{
			{Name: "array", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 4},
		}}
		s.Options.Steps = 4000 + rng.IntN(4000)
		v, err := s.Check(spec, uint64(i), 60)
		if err != nil {
			t.Fatal(err)
		}
		if v.Violation != nil {
			t.Fatalf("%s", v.Violation.Report())
		}
		if !v.Accepted {
			refused++
			continue
		}
		if proof, err := verifier.Verify(spec, s.Options); err == nil && proof.Stats().Merged > 0 {
			merged++
		}
	}
	if merged < n/20 || refused < n/20 {
		t.Errorf("of %d programs, %d are accepted with joined states and %d refused: too few to say anything", n, merged, refused)
	}
	t.Logf("%d programs: %d accepted with joined states, %d refused; %d runs, %d facts tested", n, merged, refused, s.Stats.Pairs, s.Stats.Facts)
}
