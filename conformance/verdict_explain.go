package conformance

import (
	"math"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// explanation is a reason for which gbpf accepts more than the kernel, and the proof of it: a
// program that does the same and spells out what the kernel's verifier does not work out by
// itself. Where the kernel accepts that, the difference is explained.
type explanation struct {
	why     string
	rewrite func(p *fuzzgen.Program) // on a copy
}

var explanations = []explanation{
	{"gbpf knows what a register has in common with itself: how it compares, that its difference is 0", foldSelf},
	{"gbpf knows ranges of quotients and remainders, the kernel takes them for unknown", hintDivisions},
	{"gbpf decides a test of all bits by the range", allBits},
	{"several of the above", func(p *fuzzgen.Program) { hintDivisions(p); foldSelf(p); allBits(p) }},
}

// explain returns why gbpf accepts a program that the kernel refuses, "" when none of
// the known reasons is it.
func explain(k *kernelJudge, p *fuzzgen.Program) string {
	if p.Raw != nil {
		return ""
	}
	for _, e := range explanations {
		q := p.Clone()
		e.rewrite(q)
		if q.Len() == p.Len() && same(q.Insns, p.Insns) {
			continue
		}
		if v, err := k.judge(q, 0); err == nil && v.Accepted {
			return e.why
		}
	}
	return ""
}

func same(a, b []isa.Insn) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// foldSelf replaces comparisons of a register with itself by tests that the kernel decides as well, without
// making either side unreachable, and what leaves 0 by 0.
func foldSelf(p *fuzzgen.Program) {
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		in := &p.Insns[pc]
		info := in.Info()
		if info.SrcUse != isa.UseOperand || in.Dst != in.Src {
			continue
		}
		switch info.AluOp {
		case isa.AluSub, isa.AluXor:
			*in = isa.New(isa.OpMov64Imm, in.Dst, 0, 0, 0)
			continue
		}
		if !in.IsCond() {
			continue
		}
		// No number has a bit in common with 0.
		never := isa.New(isa.OpJsetImm, in.Dst, 0, in.Off, 0)
		switch info.CondOp {
		case isa.CondEq, isa.CondGe, isa.CondLe, isa.CondSge, isa.CondSle:
			*in = isa.New(isa.OpJa, 0, 0, in.Off, 0)
			never.Off = 1
			p.Insert(pc, []isa.Insn{never}, true)
		case isa.CondNe, isa.CondGt, isa.CondLt, isa.CondSgt, isa.CondSlt:
			*in = never
		}
	}
}

// allBits replaces tests of all bits by comparisons with 0.
func allBits(p *fuzzgen.Program) {
	for pc := range p.Insns {
		in := &p.Insns[pc]
		if in.Imm != -1 {
			continue
		}
		switch in.Op {
		case isa.OpJsetImm:
			*in = isa.New(isa.OpJneImm, in.Dst, 0, in.Off, 0)
		case isa.OpJset32Imm:
			*in = isa.New(isa.OpJne32Imm, in.Dst, 0, in.Off, 0)
		}
	}
}

// hintDivisions puts comparisons behind divisions that are always true, by what gbpf's
// verifier recorded: internal/scalar tests quotients and remainders exhaustively.
func hintDivisions(p *fuzzgen.Program) {
	s, err := VerifierSpec(p)
	if err != nil {
		return
	}
	trace := &verifier.Trace{}
	if _, err := verifier.Verify(s, verifier.Options{Trace: trace, Steps: shrinkSteps}); err != nil {
		return
	}
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		in := p.Insns[pc]
		switch in.Info().AluOp {
		case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod:
		default:
			continue
		}
		files, complete := trace.At(pc + 1)
		if !complete || len(files) == 0 {
			continue
		}
		lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
		for i := range files {
			r := &files[i][in.Dst]
			if r.Kind != verifier.Scalar {
				lo, hi = math.MinInt64, math.MaxInt64
				break
			}
			lo, hi = min(lo, r.Var.SMin), max(hi, r.Var.SMax)
		}
		p.Insert(pc+1, clamp(in.Dst, lo, hi), false)
	}
}

// clamp is code that keeps a number within bounds, as far as immediates can name them.
func clamp(r isa.Reg, lo, hi int64) (code []isa.Insn) {
	fits := func(v int64) bool { return v >= math.MinInt32 && v <= math.MaxInt32 }
	if fits(lo) {
		code = append(code, isa.New(isa.OpJsgeImm, r, 0, 1, lo), isa.New(isa.OpMov64Imm, r, 0, 0, lo))
	}
	if fits(hi) {
		code = append(code, isa.New(isa.OpJsleImm, r, 0, 1, hi), isa.New(isa.OpMov64Imm, r, 0, 0, hi))
	}
	return code
}
