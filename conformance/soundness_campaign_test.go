package conformance

import (
	"testing"

	"github.com/gbpf/gbpf/verifier"
)

// TestSoundness is a slice of the campaign that gbpf fuzz --what soundness runs, under each policy that proves
// something.
func TestSoundness(t *testing.T) {
	for _, policy := range []verifier.Policy{verifier.PolicyLinux, verifier.PolicyStrict} {
		t.Run(policy.String(), func(t *testing.T) {
			c := SoundnessCampaign{Seed: 4, Programs: 4000, Inputs: 40, Options: verifier.Options{Policy: policy}}
			if testing.Short() {
				c.Programs = 500
			}
			rep, err := c.Run()
			if err != nil {
				t.Skipf("no guest memory: %v", err)
			}
			if len(rep.Classes) > 0 {
				t.Errorf("%v", rep)
			} else {
				t.Logf("%v", rep)
			}
			if rep.Pairs == 0 || rep.Facts == 0 || rep.Registers == 0 {
				t.Error("nothing was run")
			}
		})
	}
}
