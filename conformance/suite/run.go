package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// Engine is a way to run a case.
type Engine string

// The engines. A case that no verifier takes runs in the last two only.
const (
	Interp  Engine = "interp"  // the interpreter's fast mode, for programs with a proof
	JIT     Engine = "jit"     // machine code made with what was proved
	Checked Engine = "checked" // the interpreter that checks every access
	Sandbox Engine = "sandbox" // machine code of a program of which nothing is proved
)

// Engines are all engines.
var Engines = []Engine{Interp, JIT, Checked, Sandbox}

// Proves reports whether an engine runs what a verifier has proved only.
func (e Engine) Proves() bool { return e == Interp || e == JIT }

// Outcome is what came of a run.
type Outcome struct {
	R0   uint64
	Fuel uint64
	Trap *vm.Trap
	Out  []byte
	// Strict says that the engine checks accesses where others only confine them, and that this makes a difference to the case.
	Strict bool
}

// Session runs cases in one engine.
type Session struct {
	engine Engine
	m      *vm.Machine
	used   int
}

// NewSession makes the machine of an engine. The error says why it cannot run here.
func NewSession(e Engine) (*Session, error) {
	s := &Session{engine: e}
	return s, s.renew()
}

// renew makes a new machine: what earlier cases left in memory is gone.
func (s *Session) renew() error {
	s.Close()
	o := vm.Options{CPUs: 1, MemoryLimit: 16 << 20, MaxPacket: 4096}
	switch s.engine {
	case Interp:
		o.Engine = vm.EngineInterp
	case JIT:
		o.Engine = vm.EngineJIT
	case Checked:
		o.Policy, o.Engine = vm.PolicySandboxed, vm.EngineInterp
	case Sandbox:
		o.Policy, o.Engine = vm.PolicySandboxed, vm.EngineJIT
	default:
		return fmt.Errorf("engine %q: there are %v", s.engine, Engines)
	}
	m, err := vm.NewMachine(o)
	s.m, s.used = m, 0
	return err
}

// Close gives the machine's memory back.
func (s *Session) Close() {
	if s.m != nil {
		s.m.Close()
		s.m = nil
	}
}

// ErrNotHere is of cases that an engine does not run.
var ErrNotHere = errors.New("the engine runs proved programs only")

// caseTime bounds a case, whatever its fuel.
const caseTime = 20 * time.Second

// casesPerMachine bounds how much memory the maps of earlier cases keep.
const casesPerMachine = 5000

// Run runs a case. The error is of what should not happen: a program that is refused, a map that cannot be made.
func (s *Session) Run(c *Case) (*Outcome, error) {
	if c.Unproved && s.engine.Proves() {
		return nil, ErrNotHere
	}
	if s.used++; s.used > casesPerMachine {
		if err := s.renew(); err != nil {
			return nil, err
		}
	}
	all := make([]*maps.Map, len(c.Maps))
	for i := range c.Maps {
		m, err := s.m.NewMap(&c.Maps[i])
		if err != nil {
			return nil, err
		}
		defer m.Close()
		all[i] = m
	}
	load := func(insns []isa.Insn) (*vm.Program, error) {
		return s.m.NewProgram(&vm.ProgramSpec{Name: "case", Type: progtype.ByName(c.Type), License: "GPL", Insns: insns, Maps: all})
	}
	p, err := load(c.Insns)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	for i, n := range c.Inner {
		if err := all[0].Put(uint32(i), all[n]); err != nil {
			return nil, err
		}
	}
	for i, t := range c.Targets {
		if t == nil {
			continue
		}
		q, err := load(t)
		if err != nil {
			return nil, err
		}
		defer q.Close()
		if err := all[0].Put(uint32(i), q); err != nil {
			return nil, err
		}
	}
	if c.Self {
		if err := all[0].Put(uint32(0), p); err != nil {
			return nil, err
		}
	}
	ctx, stop := context.WithTimeout(context.Background(), caseTime)
	defer stop()
	o := vm.RunOptions{Data: c.Data, Fuel: c.Fuel}
	out := &Outcome{Strict: c.Checked != trap.None && s.engine == Checked}
	out.R0, err = p.Run(ctx, &o)
	out.Fuel, out.Out = o.FuelUsed, o.DataOut
	if err != nil && !errors.As(err, &out.Trap) {
		return nil, err
	}
	return out, nil
}

// Check says what is wrong with an outcome, nil if nothing is.
func (c *Case) Check(o *Outcome) error {
	if o.Strict {
		if o.Trap == nil || o.Trap.Code != c.Checked || o.Trap.Insn != c.TrapInsn {
			return fmt.Errorf("r0 is %#x, trap %v, want it stopped at insn %d: %s", o.R0, o.Trap, c.TrapInsn, c.Checked)
		}
		return nil
	}
	switch {
	case c.Trap == 0 && o.Trap != nil:
		return fmt.Errorf("stopped: %w", o.Trap)
	case c.Trap != 0 && o.Trap == nil:
		return fmt.Errorf("r0 is %#x, want it stopped: %s", o.R0, c.Trap)
	case c.Trap != 0 && (o.Trap.Code != c.Trap || c.TrapInsn >= 0 && o.Trap.Insn != c.TrapInsn):
		return fmt.Errorf("stopped at insn %d: %w, want insn %d: %s", o.Trap.Insn, o.Trap, c.TrapInsn, c.Trap)
	case c.Trap == 0 && o.R0 != c.Want:
		return fmt.Errorf("r0 is %#x, want %#x", o.R0, c.Want)
	case c.Out != nil && string(c.Out) != string(o.Out):
		return fmt.Errorf("memory %s", difference(o.Out, c.Out))
	case c.Trap == trap.Fuel && o.Fuel != c.Fuel:
		return fmt.Errorf("stopped with %d units of fuel taken, want all %d", o.Fuel, c.Fuel)
	case c.Costs && o.Fuel != c.Cost:
		return fmt.Errorf("takes %d units of fuel, want %d", o.Fuel, c.Cost)
	}
	return nil
}

// difference shows the first bytes in which got and want differ.
func difference(got, want []byte) string {
	if len(got) != len(want) {
		return fmt.Sprintf("has %d bytes, want %d", len(got), len(want))
	}
	i := 0
	for got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("from byte %d on is % x, want % x", i, got[i:min(i+8, len(got))], want[i:min(i+8, len(want))])
}

// Same says how two engines' outcomes differ, nil if they do not.
func Same(a, b *Outcome) error {
	switch {
	case a.Strict != b.Strict:
		return nil
	case (a.Trap == nil) != (b.Trap == nil) || a.Trap != nil && (a.Trap.Code != b.Trap.Code || a.Trap.Insn != b.Trap.Insn):
		return fmt.Errorf("trap %v, and %v", a.Trap, b.Trap)
	case a.Trap == nil && a.R0 != b.R0:
		return fmt.Errorf("r0 %#x, and %#x", a.R0, b.R0)
	case a.Fuel != b.Fuel:
		return fmt.Errorf("fuel %d, and %d", a.Fuel, b.Fuel)
	case string(a.Out) != string(b.Out):
		return fmt.Errorf("memory % x, and % x", a.Out, b.Out)
	}
	return nil
}
