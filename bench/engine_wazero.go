package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// wazeroEngine runs WebAssembly as machine code: each placement is a compilation of its own.
type wazeroEngine struct{ runtimes []wazero.Runtime }

func newWazero() (e engine, err error) {
	defer func() {
		// Where it cannot make machine code, that configuration panics.
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	r := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigCompiler())
	return &wazeroEngine{}, r.Close(context.Background())
}

func (e *wazeroEngine) name() string { return EngineWazero }

func (e *wazeroEngine) prepare(n int) error {
	for range n {
		e.runtimes = append(e.runtimes, wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigCompiler()))
	}
	return nil
}

func (e *wazeroEngine) load(p *Program, placement int) (runner, error) {
	if !p.Portable() {
		return nil, absent("WebAssembly has no maps and helpers")
	}
	return e.module(p.Wasm, p.Input, placement)
}

func (e *wazeroEngine) module(code, input []byte, placement int) (runner, error) {
	ctx := context.Background()
	m, err := e.runtimes[placement].InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, err
	}
	at, err := m.ExportedFunction("input").Call(ctx)
	if err != nil {
		return nil, err
	}
	return &wazeroRunner{run1: m.ExportedFunction("run"), memory: m.Memory(), input: input, at: uint32(at[0])}, nil
}

func (e *wazeroEngine) close() {
	for _, r := range e.runtimes {
		r.Close(context.Background())
	}
}

type wazeroRunner struct {
	run1   api.Function
	memory api.Memory
	input  []byte
	at     uint32
	stack  [2]uint64
}

func (r *wazeroRunner) call() error {
	r.stack = [2]uint64{uint64(r.at), uint64(r.at) + uint64(len(r.input))}
	return r.run1.CallWithStack(context.Background(), r.stack[:])
}

func (r *wazeroRunner) first() (uint32, []byte, error) {
	if !r.memory.Write(r.at, r.input) {
		return 0, nil, fmt.Errorf("bench: the input does not fit the module's memory")
	}
	if err := r.call(); err != nil {
		return 0, nil, err
	}
	ret := uint32(r.stack[0])
	out, _ := r.memory.Read(r.at, uint32(len(r.input)))
	return ret, append([]byte(nil), out...), nil
}

func (r *wazeroRunner) run(n int) (time.Duration, error) {
	begin := threadTime()
	for range n {
		if err := r.call(); err != nil {
			return 0, err
		}
	}
	return threadTime() - begin, nil
}
