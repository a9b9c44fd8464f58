package conformance

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/fuzzgen"
)

func TestCampaignX(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("N"))
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	if n == 0 {
		n = 3000
	}
	c := VerdictCampaign{Seed: uint64(seed), Programs: n, Time: 9 * time.Minute}
	c.Alarm = func(p *fuzzgen.Program) { fmt.Println("SLOW", p.Seed, p.Number, p) }
	c.Progress = func(c *VerdictClass) {
		if c.Listed == "" {
			fmt.Println(c)
		}
	}
	r, err := c.Run()
	if err != nil {
		t.Skip(err)
	}
	fmt.Print(r.Summary())
	for _, c := range r.Classes {
		fmt.Println(c)
	}
}
