package verifier_test

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// TestLoopsConverge verifies loops that end by comparison of states, not by being walked round by
// round: at iterators, may_goto and callbacks.
func TestLoopsConverge(t *testing.T) {
	tests := []struct {
		name, text string
		most       int // instructions to be processed
	}{
		// A second iterator is made and drained in each round of the first; a sum of
		// unknown numbers goes through.
		{"nested iterators", `
			r1 = r10; r1 += -8; w2 = 0; w3 = 1000000
			call kfunc[0]
			r7 = 0
		outer:
			r1 = r10; r1 += -8
			call kfunc[1]
			if r0 == 0 goto out
			r1 = r10; r1 += -16; w2 = 0; w3 = 64
			call kfunc[0]
		inner:
			r1 = r10; r1 += -16
			call kfunc[1]
			if r0 == 0 goto drained
			r1 = *(u32 *)(r0 +0)
			r7 += r1
			goto inner
		drained:
			r1 = r10; r1 += -16
			call kfunc[2]
			goto outer
		out:
			r1 = r10; r1 += -8
			call kfunc[2]
			r0 = 2
			exit`, 400},
		// A counter that nothing depends on.
		{"iterator and counter", `
			r1 = r10; r1 += -8; w2 = 0; w3 = 1000000
			call kfunc[0]
			r7 = 0
			*(u64 *)(r10 -24) = r7
		next:
			r1 = r10; r1 += -8
			call kfunc[1]
			if r0 == 0 goto out
			r7 += 1
			r1 = *(u64 *)(r10 -24)
			r1 += 3
			*(u64 *)(r10 -24) = r1
			goto next
		out:
			r1 = r10; r1 += -8
			call kfunc[2]
			r0 = r7
			r1 = *(u64 *)(r10 -24)
			r0 += r1
			exit`, 200},
		{"may_goto and counter", `
			r7 = 0
		next:
			may_goto out
			r7 += 1
			goto next
		out:
			r0 = r7
			exit`, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := verifier.Verify(&verifier.Spec{
				Name: "loop", Type: progtype.SchedCLS, GPL: true, Insns: asm.Must(tt.text),
				Maps:   []*verifier.Map{{Name: "m", Type: maps.Array, KeySize: 4, ValueSize: 64, MaxEntries: 4}},
				Kfuncs: []string{"bpf_iter_num_new", "bpf_iter_num_next", "bpf_iter_num_destroy"},
			}, verifier.Options{})
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if n := p.Stats().Processed; n > tt.most {
				t.Errorf("%d instructions processed, want at most %d", n, tt.most)
			}
		})
	}
}
