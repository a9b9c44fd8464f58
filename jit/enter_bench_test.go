package jit

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/stopwatch"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// plain is what entries are compared with: a Go call that is not inlined.
//
//go:noinline
func plain(code uintptr, st *State) { st.Exit = uint32(code) }

// BenchmarkEnter is the way into a program that does nothing and back, beside a plain Go call.
func BenchmarkEnter(b *testing.B) {
	if Arch == "" {
		b.Skip("no machine code is made for this architecture")
	}
	if err := execmem.Probe(); err != nil {
		b.Skip(err)
	}
	insns := asm.Must("r0 = 2; exit")
	proof, err := verifier.Verify(&verifier.Spec{Name: "empty", Type: progtype.XDP, GPL: true, Insns: insns}, verifier.Options{})
	if err != nil {
		b.Fatal(err)
	}
	code, err := Compile(proof, Config{Mask: 1<<32 - 1, Fuel: fuel.New(insns), Const: func(int) uint64 { return 0 }, TailCall: func(int) bool { return false }})
	if err != nil {
		b.Fatal(err)
	}
	st := &State{Fuel: 1 << 20}
	b.Run("call", func(b *testing.B) {
		for b.Loop() {
			plain(1, st)
		}
		b.ReportMetric(stopwatch.Least(2000, 2000, func(n int) {
			for range n {
				plain(1, st)
			}
		}), "least-ns")
	})
	b.Run("enter", func(b *testing.B) {
		for b.Loop() {
			code.Start(st)
		}
		b.ReportMetric(stopwatch.Least(2000, 2000, func(n int) {
			for range n {
				code.Start(st)
			}
		}), "least-ns")
	})
	if st.R[0] != 2 || st.Exit != Done {
		b.Errorf("r0 %d, exit %d", st.R[0], st.Exit)
	}
}
