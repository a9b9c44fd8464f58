package jit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/stopwatch"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// shapes are pieces of code of ten instructions or so that are repeated.
var shapes = []struct{ name, piece string }{
	{"straight", "r1 = r2; r1 += 7; r3 ^= r1; r3 <<= 5; w4 = w3; r4 *= 31; r2 += r4; r5 = r2; r5 >>= 3; r2 |= r5\n"},
	{"branchy", "r2 += 3; if r2 > 77 goto L%[1]d; r3 += r2; r3 &= 255\nL%[1]d: if r3 == 5 goto M%[1]d; r4 = r3; r4 |= 1; r5 = 9\nM%[1]d: r2 ^= r4; w5 += w2\n"},
	{"memory", "*(u64 *)(r10 -8) = r2; r3 = *(u32 *)(r10 -8); *(u32 *)(r10 -16) = r3; r4 = *(u16 *)(r10 -16); r2 += r4; *(u8 *)(r10 -24) = r2; r5 = *(u8 *)(r10 -24); r2 ^= r5; r3 = r2; lock *(u64 *)(r10 -32) += r3\n"},
	{"calls", "r1 = 5; call 7; r6 += r0; r1 = r6; r2 = 3; call f; r6 ^= r0; r7 += 1; r8 = r7; r9 = r8\n"},
}

// BenchmarkCompile compiles programs of four shapes and three lengths. ns/insn is to be the same for all lengths.
func BenchmarkCompile(b *testing.B) {
	if Arch == "" {
		b.Skip("no machine code is made for this architecture")
	}
	if err := execmem.Probe(); err != nil {
		b.Skip(err)
	}
	for _, s := range shapes {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				insns := shape(s.piece, n)
				proof, err := verifier.Verify(&verifier.Spec{Name: s.name, Type: progtype.ByName("raw"), GPL: true, Insns: insns}, verifier.Options{Policy: verifier.PolicySandboxed})
				if err != nil {
					b.Fatal(err)
				}
				cfg := Config{Mask: 1<<32 - 1, Fuel: fuel.New(insns), Const: func(pc int) uint64 { return uint64(insns[pc].Imm) }, TailCall: func(int) bool { return false }}
				for b.Loop() {
					if _, err := Compile(proof, cfg); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(stopwatch.Least(min(100, 200_000/n), 1, func(int) { Compile(proof, cfg) })/float64(len(insns)), "least-ns/insn")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(insns)), "ns/insn")
			})
		}
	}
}

// shape repeats a piece until it has n instructions.
func shape(piece string, n int) []isa.Insn {
	var text strings.Builder
	text.WriteString("r2 = 1; r3 = 1; r4 = 1; r5 = 1; r6 = 1; r7 = 1; r8 = 1; r9 = 1; *(u64 *)(r10 -32) = r2\n")
	for i := range n / 10 {
		if strings.Contains(piece, "%") {
			fmt.Fprintf(&text, piece, i)
		} else {
			text.WriteString(piece)
		}
	}
	text.WriteString("r0 = r2; exit\n")
	if strings.Contains(piece, "call f") {
		text.WriteString("f: r0 = r1; r0 += r2; exit\n")
	}
	return asm.Must(text.String())
}
