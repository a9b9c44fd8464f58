package conformance

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestCampaignX(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("N"))
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	if n == 0 {
		n = 3000
	}
	c := VerdictCampaign{Seed: uint64(seed), Programs: n, Time: 9 * time.Minute}
	r, err := c.Run()
	if err != nil {
		t.Skip(err)
	}
	fmt.Print(r.Summary())
	for _, c := range r.Classes {
		fmt.Println(c)
	}
}
