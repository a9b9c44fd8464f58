package vm

import (
	"sync/atomic"

	"github.com/gbpf/gbpf/internal/interp"
)

// Stats is what a program has done so far.
type Stats struct {
	Runs   uint64 // runs that were started, trapped ones included
	Traps  uint64 // runs that were stopped
	Insns  uint64 // instructions that the interpreter executed: machine code does not count
	Fuel   uint64 // fuel used, in units
	Engine string // what runs it: "jit", "interp", or "checked" for the interpreter's checked mode
	Reason string // why this engine and not a faster one
}

// counters are what a program has done on one simulated CPU: CPUs do not wait for each other to count.
type counters struct {
	runs, traps, insns, fuel atomic.Uint64
	_                        [4]uint64 // a cache line of 64 bytes each
}

// add counts so many runs, of which r is the sum and t what stopped the last.
func (c *counters) add(runs uint64, r *interp.Result, t *Trap) {
	c.runs.Add(runs)
	c.fuel.Add(r.Fuel)
	if t != nil {
		c.traps.Add(1)
	}
	if r.Insns != 0 {
		c.insns.Add(r.Insns)
	}
}

// Stats returns a snapshot. Its figures may be of slightly different moments while the
// program runs.
func (p *Program) Stats() Stats {
	s := Stats{Engine: "jit", Reason: "machine code is the fastest engine"}
	for i := range p.stats {
		c := &p.stats[i]
		s.Runs += c.runs.Load()
		s.Traps += c.traps.Load()
		s.Insns += c.insns.Load()
		s.Fuel += c.fuel.Load()
	}
	if p.slow != nil {
		s.Engine, s.Reason = "interp", p.slow.Error()
		if p.checked() {
			s.Engine = "checked"
		}
	}
	return s
}

// checked reports whether the program runs in checked mode.
func (p *Program) checked() bool { return p.m.opts.Checked || !p.code.Proven() }
