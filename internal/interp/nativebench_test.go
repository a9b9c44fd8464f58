package interp

import (
	"context"
	"testing"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/stopwatch"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

func benchNative(b *testing.B, text string) {
	tw := newTwin(b)
	g := tw.b
	if err := g.set.Add(helpers.Helper{Proto: &proto.Proto{ID: 9000, Name: "nothing"}, Func: func(*helpers.Call) uint64 { return 0 }}); err != nil {
		b.Fatal(err)
	}
	p, err := g.proved(asm.Must(text))
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Compile(tw.cfg); err != nil {
		b.Fatal(err)
	}
	g.st.Bctx.Reset(p.Type())
	if err := p.Type().Setup(&g.st.Bctx, &progtype.Input{}); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, t := g.st.Run(ctx, p, Mode{Native: true}, 1<<20, 0, 0); t != nil {
			b.Fatal(t)
		}
	}
	b.ReportMetric(stopwatch.Least(2000, 500, func(n int) {
		for range n {
			g.st.RunNative(ctx, p, 1<<20, 0, 0)
		}
	}), "least-ns")
}

// BenchmarkNativeEmpty is entry and exit.
func BenchmarkNativeEmpty(b *testing.B) { benchNative(b, "r0 = 2; exit") }

// BenchmarkNativeHelper is entry, exit, and ten calls of a helper that does next to nothing.
func BenchmarkNativeHelper(b *testing.B) {
	text := ""
	for range 10 {
		text += "call 9000;"
	}
	benchNative(b, text+"r0 = 2; exit")
}

// BenchmarkCompile compiles 1,000 instructions a round.
func BenchmarkCompile(b *testing.B) {
	tw := newTwin(b)
	var insns []isa.Insn
	for i := range 997 {
		insns = append(insns, []isa.Insn{
			isa.New(isa.OpAdd64Imm, isa.Reg(i%10), 0, 0, int64(i)), isa.New(isa.OpStxDW, isa.R10, isa.Reg(i%10), -8, 0),
			isa.New(isa.OpLdxW, 3, isa.Reg(i%10), 4, 0), isa.New(isa.OpJeqImm, 3, 0, 1, 7), isa.New(isa.OpXor32Reg, 4, 3, 0, 0),
		}[i%5])
	}
	insns = append(insns, seq(one(isa.OpMov64Imm, 0, 0, 0, 1), one(isa.OpMov64Imm, 0, 0, 0, 2), exit)...)
	p, err := tw.b.proved(insns)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := p.Compile(tw.cfg); err != nil {
			b.Fatal(err)
		}
	}
}
