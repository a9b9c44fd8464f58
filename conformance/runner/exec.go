// Package runner runs conformance tests in every engine and reports what came of them: gbpf's own suite, folders of
// tests in the public format (package data), here, on another architecture, in another project's plugin, and in the live
// Linux kernel.
package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbpf/gbpf/conformance/suite"
	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// Bounds on one test: it ends, whatever it is.
const (
	TestFuel = 1 << 24
	TestTime = 10 * time.Second
)

// maxMemory is how much memory R1 of a test may point to, in bytes.
const maxMemory = 1 << 20

// attempt is a way to run a program in an engine.
type attempt struct {
	policy vm.Policy
	engine vm.Engine
}

// attempts are the ways in which an engine's programs are tried. The tests of the instruction set must run even where
// Linux would refuse to load them, so one that is not proved runs with nothing
// verified but its structure: the sandbox is what confines it. What machine code cannot be made of, a program
// that writes R10, goes to the interpreter.
var attempts = map[suite.Engine][]attempt{
	suite.Interp:  {{vm.PolicyLinux, vm.EngineInterp}, {vm.PolicySandboxed, vm.EngineInterp}},
	suite.Checked: {{vm.PolicySandboxed, vm.EngineInterp}},
	suite.JIT:     {{vm.PolicyLinux, vm.EngineJIT}, {vm.PolicySandboxed, vm.EngineJIT}, {vm.PolicySandboxed, vm.EngineInterp}},
	suite.Sandbox: {{vm.PolicySandboxed, vm.EngineJIT}, {vm.PolicySandboxed, vm.EngineInterp}},
}

// Native says why there is no machine code here, nil if there is.
func Native() error {
	if jit.Arch == "" {
		return errors.New("no machine code is made for this architecture")
	}
	return execmem.Probe()
}

// Machines run programs of the public format in one engine: what they get is memory, its address in R1 and its length
// in R2.
type Machines struct {
	engine suite.Engine
	made   map[attempt]*vm.Machine
}

// NewMachines makes ready for an engine. The error says why it cannot run here.
func NewMachines(e suite.Engine) (*Machines, error) {
	if attempts[e] == nil {
		return nil, fmt.Errorf("engine %q: want one of %v", e, suite.Engines)
	}
	if e == suite.JIT || e == suite.Sandbox {
		if err := Native(); err != nil {
			return nil, err
		}
	}
	return &Machines{e, map[attempt]*vm.Machine{}}, nil
}

// Close gives the machines' memory back.
func (s *Machines) Close() {
	for _, m := range s.made {
		m.Close()
	}
}

func (s *Machines) machine(a attempt) (*vm.Machine, error) {
	if m := s.made[a]; m != nil {
		return m, nil
	}
	m, err := vm.NewMachine(vm.Options{
		Policy: a.policy, Engine: a.engine, CPUs: 1, MemoryLimit: 64 << 20, MaxPacket: maxMemory, Fuel: TestFuel,
		Helpers: []helpers.Helper{{Proto: &proto.Proto{ID: 5}, Func: five}},
	})
	if err == nil {
		s.made[a] = m
	}
	return m, err
}

// five is the helper that the public suite calls by number. What it is for is to be there; it gives back its first argument.
func five(c *helpers.Call) uint64 { return c.Args[0] }

// Code runs a program, 8 bytes an instruction, with the memory that R1 points to, and returns R0.
func (s *Machines) Code(code, mem []byte) (uint64, error) {
	insns, err := isa.Decode(code)
	if err != nil {
		return 0, err
	}
	return s.try(mem, func(m *vm.Machine) (*vm.Program, func(), error) {
		p, err := m.NewProgram(&vm.ProgramSpec{Name: "test", Type: progtype.ByName("raw"), License: "GPL", Insns: insns})
		return p, func() { p.Close() }, err
	})
}

// Object runs the first program of an ELF object, or what is in its .text section if it has none.
func (s *Machines) Object(object, mem []byte) (uint64, error) {
	spec, name, code, err := openObject(object)
	if err != nil {
		return 0, err
	}
	if code != nil {
		return s.Code(code, mem)
	}
	return s.try(mem, func(m *vm.Machine) (*vm.Program, func(), error) {
		c, err := loader.New(m, spec, &loader.Options{Programs: []string{name}})
		if err != nil {
			return nil, nil, err
		}
		return c.Programs[name], c.Close, nil
	})
}

// try loads a program in one way after the other and runs it in the first that takes it.
func (s *Machines) try(mem []byte, load func(*vm.Machine) (*vm.Program, func(), error)) (uint64, error) {
	if len(mem) > maxMemory {
		return 0, fmt.Errorf("memory of %d bytes, more than %d", len(mem), maxMemory)
	}
	var refused error
	for _, a := range attempts[s.engine] {
		m, err := s.machine(a)
		if err != nil {
			return 0, err
		}
		p, done, err := load(m)
		if err != nil {
			refused = err
			continue
		}
		defer done()
		ctx, stop := context.WithTimeout(context.Background(), TestTime)
		defer stop()
		return p.Run(ctx, &vm.RunOptions{Data: mem, NoOutput: true})
	}
	return 0, refused
}
