package bench

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// effort is how much is measured.
type effort struct {
	placements, rounds int
	slice              time.Duration // that one measurement takes
	quick              bool
	until              time.Time // after which no more than two rounds are done
}

// contestant is a runner that takes part in a comparison, and what it took.
type contestant struct {
	runner
	placement int
	samples   *Samples
	n         int // runs in a slice
	err       error
}

// slow is a runner of which every call takes long: it says itself how many runs a slice holds.
type slow interface {
	runs(slice time.Duration) (int, error)
}

// calibrate finds how many runs a slice holds, which also warms everything up.
func (c *contestant) calibrate(slice time.Duration) (err error) {
	if k, ok := c.runner.(slow); ok {
		c.n, err = k.runs(slice)
		return err
	}
	for c.n = 8; ; {
		d, err := c.run(c.n)
		if err != nil {
			return err
		}
		if d >= slice/4 || c.n >= 1<<24 {
			c.n = max(1, int(float64(c.n)*float64(slice)/float64(max(d, 1))))
			return nil
		}
		c.n *= 4
	}
}

// likeAnother takes over how many runs a slice holds from the same program at another place, where finding out takes long.
func (c *contestant) likeAnother(cs []*contestant) bool {
	if _, ok := c.runner.(slow); !ok {
		return false
	}
	for _, other := range cs {
		if other.samples == c.samples && other.n > 0 {
			c.n = other.n
			return true
		}
	}
	return false
}

// compete lets contestants run in turns, in another random order each round.
func compete(cs []*contestant, e effort, r *rand.Rand) {
	for round := range e.rounds {
		if round > 1 && time.Now().After(e.until) {
			return // the machine is busy with something else
		}
		for _, i := range r.Perm(len(cs)) {
			c := cs[i]
			if c.err != nil {
				continue
			}
			if round == 0 && !c.likeAnother(cs) {
				if c.err = c.calibrate(e.slice); c.err != nil {
					continue
				}
			}
			d, err := c.run(c.n)
			if err != nil {
				c.err = err
				continue
			}
			(*c.samples)[c.placement] = append((*c.samples)[c.placement], float64(d)/float64(c.n))
		}
	}
}

// firstError is what went wrong with a contestant, nil for nothing.
func firstError(cs []*contestant) error {
	for _, c := range cs {
		if c.err != nil {
			return fmt.Errorf("bench: %w", c.err)
		}
	}
	return nil
}

// timed is a function as a runner.
type timed func(n int) (time.Duration, error)

func (f timed) first() (uint32, []byte, error)   { return 0, nil, nil }
func (f timed) run(n int) (time.Duration, error) { return f(n) }

// loop is a runner that calls f again and again.
func loop(f func() error) timed {
	return func(n int) (time.Duration, error) {
		begin := threadTime()
		for range n {
			if err := f(); err != nil {
				return 0, err
			}
		}
		return threadTime() - begin, nil
	}
}
