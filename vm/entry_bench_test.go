package vm_test

import (
	"context"
	"testing"

	"github.com/gbpf/gbpf/internal/stopwatch"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// TestNoAllocation runs an XDP program on the caller's buffer.
func TestNoAllocation(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 1})
	p := load(t, m, "xdp", nil, seq(one(isa.OpMov64Imm, 0, 0, 0, 2), exit)...)
	o := vm.RunOptions{Data: make([]byte, 64), DataOut: make([]byte, 0, 64)}
	if n := testing.AllocsPerRun(100, func() {
		if r, err := p.Run(context.Background(), &o); r != 2 || err != nil {
			t.Fatal(r, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a run in engine %s", n, p.Stats().Engine)
	}
}

// BenchmarkEngine is the whole way of a run through vm of a program that does nothing, by engine.
func BenchmarkEngine(b *testing.B) {
	for _, tt := range []struct {
		name   string
		engine vm.Engine
	}{{"jit", vm.EngineAuto}, {"interp", vm.EngineInterp}} {
		b.Run(tt.name, func(b *testing.B) {
			m, err := vm.NewMachine(vm.Options{CPUs: 1, Engine: tt.engine})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			p, err := m.NewProgram(&vm.ProgramSpec{Name: "empty", Type: progtype.XDP, Insns: seq(one(isa.OpMov64Imm, 0, 0, 0, 2), exit)})
			if err != nil {
				b.Fatal(err)
			}
			o := vm.RunOptions{Data: make([]byte, 64), NoOutput: true}
			b.ReportAllocs()
			for b.Loop() {
				if r, err := p.Run(context.Background(), &o); r != 2 || err != nil {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(stopwatch.Least(2000, 200, func(n int) {
				for range n {
					p.Run(context.Background(), &o)
				}
			}), "least-ns")
		})
	}
}
