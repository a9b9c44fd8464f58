package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/vm"
)

// variant is how gbpf runs programs.
type variant struct {
	interp  bool
	confine jit.Confine
	off     jit.Pass
}

// gbpf is an engine of gbpf's: each placement is a machine of its own, into which programs are compiled anew.
type gbpf struct {
	label    string
	v        variant
	machines []*vm.Machine
	micro    bool // they hold micro.c
}

// nothing is a helper that does nothing: what a way out of machine code and back costs.
var nothing = helpers.Helper{
	Proto: &proto.Proto{ID: 60000, Name: "nothing", Ret: proto.Ret{Kind: proto.RetInteger}},
	Func:  func(*helpers.Call) uint64 { return 0 },
}

func newGbpf(label string, v variant) (engine, error) { return &gbpf{label: label, v: v}, nil }

func (e *gbpf) name() string { return e.label }

func (e *gbpf) options() vm.Options {
	o := vm.Options{MemoryLimit: 16 << 20, CPUs: 1, Confine: e.v.confine, NoPasses: e.v.off, Helpers: []helpers.Helper{nothing}}
	if e.micro {
		o.MemoryLimit = 64 << 20
	}
	if e.v.interp {
		o.Engine = vm.EngineInterp
	}
	return o
}

func (e *gbpf) prepare(n int) error {
	for range n {
		m, err := vm.NewMachine(e.options())
		if err != nil {
			return err
		}
		e.machines = append(e.machines, m)
	}
	return nil
}

func (e *gbpf) load(p *Program, placement int) (runner, error) {
	spec, err := p.Spec()
	if err != nil {
		return nil, err
	}
	coll, err := loader.New(e.machines[placement], spec, nil)
	if err != nil {
		return nil, err
	}
	return e.runner(coll.Programs[p.Name], p.Input)
}

func (e *gbpf) runner(p *vm.Program, input []byte) (runner, error) {
	if s := p.Stats(); s.Engine == "interp" && !e.v.interp {
		return nil, absent("%s", s.Reason)
	}
	return &gbpfRunner{prog: p, o: vm.RunOptions{Data: input, NoOutput: true}}, nil
}

func (e *gbpf) close() {
	for _, m := range e.machines {
		m.Close()
	}
}

type gbpfRunner struct {
	prog *vm.Program
	o    vm.RunOptions
}

func (r *gbpfRunner) first() (uint32, []byte, error) { return r.prog.Test(r.o.Data) }

func (r *gbpfRunner) run(n int) (time.Duration, error) {
	r.o.Repeat = n
	begin := threadTime()
	_, err := r.prog.Run(context.Background(), &r.o)
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	return threadTime() - begin, nil
}
