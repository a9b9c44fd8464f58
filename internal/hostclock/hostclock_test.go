package hostclock

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/cpu"
)

// TestNow reads the clock on several threads: no reading is before one that was finished, and all stand by the system's clock.
func TestNow(t *testing.T) {
	rounds := 200_000
	if testing.Short() {
		rounds = 20_000
	}
	var last atomic.Uint64
	var wg sync.WaitGroup
	var lines atomic.Uint64
	for range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var mine uint64
			for range rounds {
				before, earlier := system(), last.Load()
				now := Now()
				after := system()
				if now < earlier || now < mine {
					t.Errorf("%d after %d", now, max(earlier, mine))
					return
				}
				// It may be behind by the time it takes to look.
				if now+uint64(2*time.Microsecond) < before || now > after+uint64(50*time.Microsecond) {
					t.Errorf("%d, between %d and %d", now, before, after)
					return
				}
				mine = now
				for at := earlier; now > at && !last.CompareAndSwap(at, now); at = last.Load() {
				}
				if line.Load() != never {
					lines.Add(1)
				}
			}
		}()
	}
	wg.Wait()
	t.Logf("counter usable: %v; %d of %d readings with a line", cpu.HasTicks(), lines.Load(), 3*rounds)
}
