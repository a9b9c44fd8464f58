// Package stopwatch measures short work on a machine that is busy with other things.
package stopwatch

import "time"

// Least returns the least time that f took a turn, in nanoseconds: f runs n turns of the work a call and is called
// rounds times. A call of some 20 us is rarely interrupted, so that the least of many is what the work takes.
func Least(rounds, n int, f func(n int)) float64 {
	best := time.Duration(1<<63 - 1)
	for range rounds {
		begin := time.Now()
		f(n)
		best = min(best, time.Since(begin))
	}
	return float64(best.Nanoseconds()) / float64(n)
}
