// Package hostclock is a monotonic clock that machine code can read by itself: the processor's counter, held
// against the system's clock every 100 us. All that tell the time by it, on whatever processor, agree: no reading is
// before one that was finished earlier.
package hostclock

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/gbpf/gbpf/internal/cpu"
)

// Line says how the counter and the clock go together for a while: the time is Start + (ticks-Ticks) * Rate / 2^32. A Line does not change.
type Line struct {
	Ticks uint64 // the counter at its start
	Start uint64 // ns then
	Rate  uint64 // ns a tick, times 2^32
	Valid uint64 // ticks that it may be used for, 0 for none
}

const (
	valid = 100 * time.Microsecond
	// slack is how much slower than it has been lately the counter is taken for, in units of 2^-20, so that
	// the next line need not start below the end of this one.
	slack = 32
	// The rate is measured over more than least, and over no more than about most.
	least = 100 * time.Millisecond
	most  = time.Second
	// look is how long looking at the clock and the counter may take. What was interrupted does not count.
	look = time.Microsecond
)

var (
	began = time.Now().Add(-time.Second) // so that it starts above 0

	line atomic.Pointer[Line]

	mu    sync.Mutex
	told  uint64 // no reading so far is beyond it, but for those that line gives
	since sample // when the measurement of the rate began
	half  sample // when the next one will have begun, zero before half of the time
)

// sample is the counter and the clock at one moment.
type sample struct{ ticks, ns uint64 }

// never is the line of a clock that machine code does not read.
var never = new(Line)

func init() {
	line.Store(never)
	none.Store(never)
	for range 10 {
		if s, ok := sampled(); ok {
			since = s
			return
		}
	}
}

func system() uint64 { return uint64(time.Since(began)) }

func sampled() (s sample, ok bool) {
	if !cpu.HasTicks() {
		return s, false
	}
	s.ns = system()
	s.ticks = cpu.Ticks()
	return s, system()-s.ns < uint64(look)
}

// at is the time by a line, and whether it may be told so.
func (l *Line) at(ticks uint64) (uint64, bool) {
	d := ticks - l.Ticks
	if d >= l.Valid {
		return 0, false
	}
	return l.Start + d*l.Rate>>32, true
}

// Now is the time in ns, from a second before the process began.
func Now() uint64 {
	if !cpu.HasTicks() {
		return system()
	}
	ticks := cpu.Ticks() // before the line is looked at: a newer line than the counter is not used
	if ns, ok := line.Load().at(ticks); ok {
		return ns
	}
	return renew()
}

// renew looks at the system's clock and makes the next line, if that can be.
func renew() uint64 {
	mu.Lock()
	defer mu.Unlock()
	old := line.Load()
	if ns, ok := old.at(cpu.Ticks()); ok {
		return ns // another one has renewed it
	}
	// What the old line can have told at most.
	told = max(told, old.Start+old.Valid*old.Rate>>32)
	s, ok := sampled()
	told = max(told, s.ns)
	next := never
	if ok {
		if since.ticks == 0 {
			since = s
		}
		next = s.line()
	}
	line.Store(next)
	return told
}

// line makes a line that starts at a sample and is not below what was told, or one that says nothing when the rate is
// not known.
func (s sample) line() *Line {
	age, ticks := s.ns-since.ns, s.ticks-since.ticks
	hi, lo := bits.Mul64(age, 1<<32)
	if age < uint64(least) || hi >= ticks {
		return never
	}
	rate, _ := bits.Div64(hi, lo, ticks)
	rate -= rate * slack >> 20
	if rate == 0 || rate > 1<<40 {
		return never
	}
	switch {
	case age > uint64(most) && half.ticks != 0:
		since, half = half, sample{}
	case age > uint64(most)/2 && half.ticks == 0:
		half = s
	}
	return &Line{Ticks: s.ticks, Start: told, Rate: rate, Valid: uint64(valid) << 32 / rate}
}

// Word is the host address of a word that holds the address of the current [Line], for machine code: it reads the counter
// first, behind all loads that stand before it, and asks the host when the line is no longer valid. A line
// stays as long as machine code that has found it does not return to the host, since the garbage collector waits for that.
func Word() uint64 { return uint64(uintptr(unsafe.Pointer(&line))) }

// NeverWord is the same of a clock that always has the host asked.
func NeverWord() uint64 { return uint64(uintptr(unsafe.Pointer(&none))) }

var none atomic.Pointer[Line] // never
