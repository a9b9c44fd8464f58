package interp

import (
	"testing"

	"github.com/gbpf/gbpf/isa"
)

// BenchmarkLoop measures straight loops. ns/insn is what one BPF instruction takes.
func BenchmarkLoop(b *testing.B) {
	const rounds = 100_000
	bodies := map[string][]isa.Insn{
		"alu": seq(one(isa.OpAdd64Imm, 1, 0, 0, 3), one(isa.OpXor64Reg, 1, 2, 0, 0), one(isa.OpLsh64Imm, 3, 0, 0, 1),
			one(isa.OpAdd64Reg, 3, 1, 0, 0), one(isa.OpMov64Reg, 4, 3, 0, 0), one(isa.OpRsh64Imm, 4, 0, 0, 7), one(isa.OpSub64Reg, 2, 4, 0, 0)),
		"alu32": seq(one(isa.OpAdd32Imm, 1, 0, 0, 3), one(isa.OpXor32Reg, 1, 2, 0, 0), one(isa.OpLsh32Imm, 3, 0, 0, 1),
			one(isa.OpAdd32Reg, 3, 1, 0, 0), one(isa.OpMov32Reg, 4, 3, 0, 0), one(isa.OpRsh32Imm, 4, 0, 0, 7), one(isa.OpSub32Reg, 2, 4, 0, 0)),
		"memory": seq(one(isa.OpStxDW, 10, 1, -8, 0), one(isa.OpLdxW, 2, 10, -8, 0), one(isa.OpAdd64Reg, 1, 2, 0, 0),
			one(isa.OpStxH, 10, 1, -16, 0), one(isa.OpLdxB, 3, 10, -15, 0)),
		"branch": seq(one(isa.OpAdd64Imm, 1, 0, 0, 7), one(isa.OpJsetImm, 1, 0, 1, 4), one(isa.OpAdd64Imm, 2, 0, 0, 1),
			one(isa.OpJgtReg, 2, 1, 1, 0), one(isa.OpAdd64Imm, 3, 0, 0, 1)),
	}
	for name, body := range bodies {
		for mode, m := range map[string]Mode{"fast": {}, "checked": {Checked: true}} {
			b.Run(name+"/"+mode, func(b *testing.B) {
				g := newRig(b)
				p := g.program(seq(
					one(isa.OpMov64Imm, 0, 0, 0, 0), one(isa.OpMov64Imm, 1, 0, 0, 1), one(isa.OpMov64Imm, 2, 0, 0, 2),
					one(isa.OpMov64Imm, 3, 0, 0, 3), one(isa.OpMov64Imm, 4, 0, 0, 4),
					body,
					one(isa.OpAdd64Imm, 0, 0, 0, 1), one(isa.OpJneImm, 0, 0, int16(-len(body)-2), rounds),
					exit))
				var insns uint64
				if res, tr := g.run(p, Mode{Checked: true}, 1<<40, nil); tr != nil {
					b.Fatal(tr)
				} else {
					insns = res.Insns
				}
				b.ResetTimer()
				for b.Loop() {
					if _, tr := g.run(p, m, 1<<40, nil); tr != nil {
						b.Fatal(tr)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(insns), "ns/insn")
			})
		}
	}
}
