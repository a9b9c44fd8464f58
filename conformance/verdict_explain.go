package conformance

import (
	"math"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/scalar"
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
	{"gbpf knows ranges of quotients, remainders, shifts by a register, swaps and sign extensions, of which the kernel knows less", hintResults},
	{"gbpf decides tests of bits by the range as well, the kernel by known bits only", decideBits},
	{"several of the above", func(p *fuzzgen.Program) { decideBits(p); hintResults(p); foldSelf(p) }},
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

// foldSelf replaces comparisons of a register with itself by tests that the kernel decides as well, and
// what leaves 0 by 0.
func foldSelf(p *fuzzgen.Program) {
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		in := p.Insns[pc]
		info := in.Info()
		if info.SrcUse != isa.UseOperand || in.Dst != in.Src {
			continue
		}
		switch info.AluOp {
		case isa.AluSub, isa.AluXor:
			p.Insns[pc] = isa.New(isa.OpMov64Imm, in.Dst, 0, 0, 0)
			continue
		}
		switch info.CondOp {
		case isa.CondEq, isa.CondGe, isa.CondLe, isa.CondSge, isa.CondSle:
			decided(p, pc, true)
		case isa.CondNe, isa.CondGt, isa.CondLt, isa.CondSgt, isa.CondSlt:
			decided(p, pc, false)
		}
	}
}

// decided replaces a conditional jump by one that the kernel decides, without making either side
// unreachable: no number has a bit in common with 0.
func decided(p *fuzzgen.Program, pc int, taken bool) {
	in := p.Insns[pc]
	never := isa.New(isa.OpJsetImm, in.Dst, 0, in.Off, 0)
	if !taken {
		p.Insns[pc] = never
		return
	}
	p.Insns[pc] = isa.New(isa.OpJa, 0, 0, in.Off, 0)
	never.Off = 1
	p.Insert(pc, []isa.Insn{never}, true)
}

// decideBits replaces tests of bits that gbpf decides: internal/scalar tests these decisions
// exhaustively.
func decideBits(p *fuzzgen.Program) {
	s, err := VerifierSpec(p)
	if err != nil {
		return
	}
	proof, err := verifier.Verify(s, verifier.Options{Steps: shrinkSteps})
	if err != nil {
		return
	}
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		if p.Insns[pc].Info().CondOp != isa.CondSet {
			continue
		}
		switch f := proof.Fact(pc); {
		case f.Has(verifier.Taken):
			decided(p, pc, true)
		case f.Has(verifier.NotTaken):
			decided(p, pc, false)
		}
	}
}

// hintResults puts comparisons behind operations that are always true, by what gbpf's
// verifier recorded: internal/scalar tests the operations exhaustively.
func hintResults(p *fuzzgen.Program) {
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
		case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod, isa.AluMovsx, isa.AluLe, isa.AluBe, isa.AluBswap:
		case isa.AluLsh, isa.AluRsh, isa.AluArsh:
			if in.Info().UsesImm {
				continue
			}
		default:
			continue
		}
		files, complete := trace.At(pc + 1)
		if !complete || len(files) == 0 {
			continue
		}
		know, ok := scalar.Scalar{}, false
		for i := range files {
			r := &files[i][in.Dst]
			switch {
			case r.Kind != verifier.Scalar:
				ok = false
			case i == 0:
				know, ok = r.Var, true
			default:
				know = scalar.Join(know, r.Var)
				continue
			}
			if !ok {
				break
			}
		}
		if ok {
			p.Insert(pc+1, clamp(in.Dst, &know), false)
		}
	}
}

// clamp is code that keeps a number within the bounds of s, as far as immediates can name them.
func clamp(r isa.Reg, s *scalar.Scalar) (code []isa.Insn) {
	fits := func(v int64) bool { return v >= math.MinInt32 && v <= math.MaxInt32 }
	bound := func(op, mov isa.Op, v int64) {
		code = append(code, isa.New(op, r, 0, 1, v), isa.New(mov, r, 0, 0, v))
	}
	if fits(s.SMin) {
		bound(isa.OpJsgeImm, isa.OpMov64Imm, s.SMin)
	}
	if fits(s.SMax) {
		bound(isa.OpJsleImm, isa.OpMov64Imm, s.SMax)
	}
	if s.UMin > 0 && s.UMin <= math.MaxInt32 {
		bound(isa.OpJgeImm, isa.OpMov64Imm, int64(s.UMin))
	}
	if s.UMax <= math.MaxUint32 {
		bound(isa.OpJsge32Imm, isa.OpMov32Imm, int64(s.S32Min))
		bound(isa.OpJsle32Imm, isa.OpMov32Imm, int64(s.S32Max))
	}
	return code
}
