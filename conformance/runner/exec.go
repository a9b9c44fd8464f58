// Package runner runs conformance tests: programs that get a stretch of memory and leave a number in R0, in any of
// gbpf's engines. The tests of the instruction set must run even where Linux would refuse to
// load them, so nothing is verified but their structure: the sandbox is what confines them.
package runner

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"time"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// Engine is what runs a test.
type Engine string

// The engines.
const (
	Interp  Engine = "interp"  // the interpreter's fast mode
	Checked Engine = "checked" // the interpreter with every access held against what it may touch
	JIT     Engine = "jit"     // machine code
)

// Engines are all engines.
var Engines = []Engine{Interp, Checked, JIT}

// Bounds on one test: it ends, whatever it is.
const (
	TestFuel = 1 << 28
	TestTime = 10 * time.Second
)

// Machine makes a machine whose programs run in an engine. It takes any program of sound structure.
func Machine(e Engine) (*vm.Machine, error) {
	o := vm.Options{Policy: vm.PolicySandboxed, CPUs: 1, MaxPacket: 1 << 20, Fuel: TestFuel, Helpers: []helpers.Helper{{Proto: &proto.Proto{ID: 5}, Func: five}}}
	switch e {
	case Interp:
		o.Engine = vm.EngineInterp
	case Checked:
		o.Checked = true
	case JIT:
		o.Engine = vm.EngineJIT
	default:
		return nil, fmt.Errorf("engine %q: want interp, checked or jit", e)
	}
	return vm.NewMachine(o)
}

// five is the helper that the public suite calls by number: it gives back its first argument.
func five(c *helpers.Call) uint64 { return c.Args[0] }

// Code runs a program, 8 bytes an instruction, with the memory that R1 points to, and returns R0.
func Code(e Engine, code, mem []byte) (uint64, error) {
	insns, err := isa.Decode(code)
	if err != nil {
		return 0, err
	}
	m, err := Machine(e)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	p, err := m.NewProgram(&vm.ProgramSpec{Name: "test", Type: progtype.ByName("raw"), License: "GPL", Insns: insns})
	if err != nil {
		return 0, err
	}
	return run(p, mem)
}

// Object runs the first program of an ELF object, or what is in its .text section if it has none.
func Object(e Engine, object, mem []byte) (uint64, error) {
	spec, err := loader.LoadSpec(bytes.NewReader(object))
	if err != nil || len(spec.Programs) == 0 {
		if code, ok := text(object); ok {
			return Code(e, code, mem)
		}
		if err == nil {
			err = fmt.Errorf("the object has no program and no .text section")
		}
		return 0, err
	}
	m, err := Machine(e)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	name := ""
	for n, p := range spec.Programs {
		if name == "" || p.SectionName < spec.Programs[name].SectionName || p.SectionName == spec.Programs[name].SectionName && n < name {
			name = n
		}
	}
	coll, err := loader.New(m, spec, &loader.Options{Programs: []string{name}})
	if err != nil {
		return 0, err
	}
	return run(coll.Programs[name], mem)
}

// text is the code of an object in which no relocation is left to be done.
func text(object []byte) ([]byte, bool) {
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return nil, false
	}
	s := f.Section(".text")
	if s == nil || s.Size == 0 || s.Size > uint64(len(object)) || f.Section(".rel.text") != nil || f.Section(".rela.text") != nil {
		return nil, false
	}
	code, err := s.Data()
	return code, err == nil
}

func run(p *vm.Program, mem []byte) (uint64, error) {
	ctx, stop := context.WithTimeout(context.Background(), TestTime)
	defer stop()
	return p.Run(ctx, &vm.RunOptions{Data: mem, NoOutput: true})
}
