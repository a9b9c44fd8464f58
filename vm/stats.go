package vm

import (
	"sync/atomic"

	"github.com/gbpf/gbpf/internal/interp"
)

// Stats is what a program has done so far.
type Stats struct {
	Runs   uint64 // runs that were started, trapped ones included
	Traps  uint64 // runs that were stopped
	Insns  uint64 // instructions executed, of runs in the interpreter
	Fuel   uint64 // fuel used, in units
	Engine string // what runs it: "jit", "interp", or "checked" for the interpreter's checked mode
	Reason string // why this engine and not a faster one
}

type counters struct {
	runs, traps, insns, fuel atomic.Uint64
}

func (c *counters) add(r *interp.Result, t *Trap) {
	c.runs.Add(1)
	if t != nil {
		c.traps.Add(1)
	}
	c.insns.Add(r.Insns)
	c.fuel.Add(r.Fuel)
}

// Stats returns a snapshot. Its figures may be of slightly different moments while the
// program runs.
func (p *Program) Stats() Stats {
	s := Stats{
		Runs: p.stats.runs.Load(), Traps: p.stats.traps.Load(),
		Insns: p.stats.insns.Load(), Fuel: p.stats.fuel.Load(),
		Engine: "jit", Reason: "machine code is the fastest engine",
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
