package interp

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/trap"
)

// TestHostileFound runs what the hostile campaign found, made small.
func TestHostileFound(t *testing.T) {
	w := newWall(t)
	w.remember()
	for _, tt := range []struct{ name, text string }{
		// It panicked: the trie's keys are longer than what the helper looks up.
		{"redirect_map on a trie", "r1 = 9 ll; r2 = 0; r3 = 0; call redirect_map; exit"},
		{"redirect_map on a trie with a prefix in it",
			"r1 = 9 ll; r2 = r10; r2 += -16; *(u64 *)(r10 -16) = 32; r3 = r10; r3 += -16; r4 = 0; call map_update_elem; r1 = 9 ll; r2 = 32; r3 = 0; call redirect_map; exit"},
		{"redirect_map on a queue", "r1 = 8 ll; r2 = 0; r3 = 0; call redirect_map; exit"},
		{"redirect_map on a hash", "r1 = 2 ll; r2 = 0; r3 = 0; call redirect_map; exit"},
		// It was not compiled: the step's register is what an exchange stores, which changes R0 only.
		{"a loop around a compare and exchange", "r0 = 0; w8 = 3\ntop: w8 += 5545; r0 = atomic64_cmpxchg((u64 *)(r10 -16), r0, r8); if w8 < 144521 goto top\nexit"},
		// It was not compiled: nobody reads the start of a loop whose end is not reached.
		{"a loop that counts, but whose end is not reached", "r0 = 0; w4 = 2790877\ntop: w9 = 1; goto out; w4 -= 201922; if w4 s> 19079914 goto top\nout: exit"},
		// It was not compiled: what sets the register stands before a jump, behind which the loop begins.
		{"a loop that counts behind a jump", "r0 = 0; w1 = -12; if r2 > 6 goto out\ntop: r0 += 1; r1 += 3; if r1 <= 59 goto top\nout: exit"},
		{"a loop that counts behind two jumps", "r0 = 0; w1 = 12; if r2 > 600 goto out; if r2 > 700 goto out\ntop: r0 += 1; r1 += 3; if r1 <= 59 goto top\nout: exit"},
	} {
		if !w.compare(tt.name, asm.Must(tt.text), nil, hostileFuel) {
			t.Errorf("%s: the structure is refused", tt.name)
		}
		if tr := w.a.st.trap; tr != nil {
			t.Errorf("%s: %v", tt.name, tr)
		}
		if err := w.hold(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestInsnsOutOfFuel: what a run that fuel ended has executed is counted to the instruction. The jump that could not pay counted as a turn
// more than there were.
func TestInsnsOutOfFuel(t *testing.T) {
	for _, tt := range []struct {
		text string
		want uint64 // for 10 units
	}{
		{"r0 = 0\ntop: r0 += 1; goto top", 13},
		{"r0 = 0; goto low\ntop: r0 += 1; goto top\nlow: goto top", 15},
	} {
		g := newRig(t)
		p := g.program(asm.Must(tt.text))
		if res, tr := g.run(p, Mode{Checked: true}, 10, nil); tr == nil || tr.Code != trap.Fuel || res.Insns != tt.want || res.Fuel != 10 {
			t.Errorf("%s: %d instructions, %d units, %v; want %d", tt.text, res.Insns, res.Fuel, tr, tt.want)
		}
	}
}
