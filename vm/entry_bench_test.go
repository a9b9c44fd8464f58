package vm_test

import (
	"context"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/stopwatch"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// TestNoAllocation runs programs on the caller's buffer in every engine, with contexts that can end and without: one that
// returns at once, and one that calls helpers and functions and is called back.
func TestNoAllocation(t *testing.T) {
	ending, cancel := context.WithCancel(context.Background())
	defer cancel()
	const calls = `
		r6 = r1; call get_smp_processor_id; r1 = 20; r2 = func cb; r3 = 0; r4 = 0; call loop
		r1 = 3; call f; r0 = 2; exit
	f:	r0 = r1; *(u64 *)(r10 -8) = r1; exit
	cb:	r0 = 0; exit`
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			e.opts.CPUs = 1
			m := machine(t, e.opts)
			for name, p := range map[string]*vm.Program{
				"empty": load(t, m, "xdp", nil, seq(one(isa.OpMov64Imm, 0, 0, 0, 2), exit)...),
				"calls": load(t, m, "xdp", nil, asm.Must(calls)...),
			} {
				for _, ctx := range []context.Context{context.Background(), ending} {
					o := vm.RunOptions{Data: make([]byte, 64), DataOut: make([]byte, 0, 64)}
					if n := testing.AllocsPerRun(100, func() {
						if r, err := p.Run(ctx, &o); r != 2 || err != nil {
							t.Fatal(r, err)
						}
					}); n != 0 {
						t.Errorf("%s: %v allocations a run in engine %s", name, n, p.Stats().Engine)
					}
				}
			}
		})
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
			buf, err := m.NewBuffer(64)
			if err != nil {
				b.Fatal(err)
			}
			defer buf.Close()
			batch, r0 := make([]vm.RunOptions, 200), make([]uint64, 200)
			for i := range batch {
				batch[i] = vm.RunOptions{Data: buf.Bytes(), Buffer: buf, NoOutput: true}
			}
			b.ReportMetric(stopwatch.Least(2000, 200, func(n int) {
				for range n {
					p.Run(context.Background(), &batch[0])
				}
			}), "least-ns-buffer")
			b.ReportMetric(stopwatch.Least(2000, 200, func(n int) { p.RunBatch(context.Background(), batch[:n], r0) }), "least-ns-batch")
		})
	}
}
