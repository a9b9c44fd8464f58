package conformance

import (
	"errors"
	"math"
	"math/bits"
	"strings"

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
	// runs says that runs must bear out what gbpf recorded, where the proof rests on more than single
	// operations.
	runs bool
}

var explanations = []explanation{
	{"gbpf knows what a register has in common with itself: how it compares, that its difference is 0", foldSelf, false},
	{"gbpf knows ranges of quotients, remainders, shifts by a register, swaps, sign changes and extensions, of which the kernel knows less", hintResults, false},
	{"gbpf decides tests of bits by the range as well, the kernel by known bits only", decideBits, false},
	{"several of the above", func(p *fuzzgen.Program) { decideBits(p); hintResults(p); foldSelf(p) }, false},
	{"what the kernel carries over a link between two numbers is lost or misplaced", cutLinks, false},
	{"what the kernel carries over a link between two numbers is lost or misplaced", cutCopies, false},
	{"gbpf reads a constant key out of a wider store", narrowStores, false},
	{"gbpf knows more about a number elsewhere; spelled out the kernel agrees, and runs bear it out", hintNumbers, true},
	{"gbpf decides a comparison by known bits and range together; runs bear it out", decideNumbers, true},
	{"several of the above; runs bear it out", func(p *fuzzgen.Program) {
		decideNumbers(p)
		hintResults(p)
		hintNumbers(p)
		decideBits(p)
		foldSelf(p)
		narrowStores(p)
	}, true},
}

// soundRuns is how many runs a recorded number must survive to count as an explanation.
const soundRuns = 2000

// explain returns why gbpf accepts a program that the kernel refuses, "" when none of
// the known reasons is it. cannotRun says that one might be, but the program cannot be run here.
func explain(k *kernelJudge, sound *Soundness, p *fuzzgen.Program) (why string, cannotRun bool) {
	if p.Raw != nil {
		return "", false
	}
	for _, e := range explanations {
		q := p.Clone()
		e.rewrite(q)
		if q.Len() == p.Len() && same(q.Insns, p.Insns) {
			continue
		}
		v, err := k.judge(q, 4)
		if err != nil {
			continue
		}
		runs := e.runs
		if !v.Accepted {
			// It must not have got stuck on the way to what it complained of.
			if !kernelLimit.MatchString(v.Log) {
				continue
			}
			runs = true
		}
		if !runs {
			return e.why, false
		}
		why, skipped := bornOut(sound, p, e.why)
		if !skipped {
			return why, false
		}
		cannotRun = true
	}
	why, skipped := explainBlind(k, sound, p)
	return why, why == "" && (skipped || cannotRun)
}

// bornOut returns why when runs of the program hold to what gbpf recorded of it, "" when one does not. skipped
// says that it cannot be run here.
func bornOut(sound *Soundness, p *fuzzgen.Program, why string) (_ string, skipped bool) {
	for _, q := range []*fuzzgen.Program{p, runnable(p)} {
		s, err := VerifierSpec(q)
		if err != nil {
			return "", false
		}
		check, err := sound.Check(s, p.Number, soundRuns)
		var skip *ErrSoundSkip
		switch {
		case errors.As(err, &skip):
		case err != nil || !check.Accepted || check.Violation != nil:
			return "", false
		default:
			return why, false
		}
	}
	return "", true
}

// runnable is a program without what need not be there for it to do what it does: calls that mark sections, and
// calls that gbpf found no path to.
func runnable(p *fuzzgen.Program) *fuzzgen.Program {
	q := p.Clone()
	s, err := VerifierSpec(p)
	if err != nil {
		return q
	}
	proof, err := verifier.Verify(s, verifier.Options{Steps: shrinkSteps})
	if err != nil {
		return q
	}
	for pc, in := range q.Insns {
		section := in.Op == isa.OpCallKfunc && in.Imm >= 0 && in.Imm < int64(len(p.Kfuncs)) &&
			(strings.HasPrefix(p.Kfuncs[in.Imm], "bpf_rcu_") || strings.HasPrefix(p.Kfuncs[in.Imm], "bpf_preempt_"))
		if section || in.IsCall() && in.Op != isa.OpCallLocal && !proof.Fact(pc).Has(verifier.Reached) {
			q.Insns[pc] = isa.New(isa.OpMov64Imm, isa.R0, 0, 0, 0)
		}
	}
	return q
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
		case isa.AluSub, isa.AluXor, isa.AluMod, isa.AluSmod: // 0 % 0 is 0
			p.Insns[pc] = isa.New(isa.OpMov64Imm, in.Dst, 0, 0, 0)
			continue
		case isa.AluDiv, isa.AluSdiv: // 0 / 0 is 0
			if info.Width == 32 {
				p.Insns[pc] = isa.New(isa.OpMov32Reg, in.Dst, in.Dst, 0, 0)
			} else {
				p.Insns[pc] = isa.New(isa.OpOr64Imm, in.Dst, 0, 0, 0)
			}
			p.Insert(pc+1, []isa.Insn{isa.New(isa.OpJeqImm, in.Dst, 0, 1, 0), isa.New(isa.OpMov64Imm, in.Dst, 0, 0, 1)}, false)
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

// decideNumbers replaces comparisons with a constant that the recorded number decides by itself, where known low bits
// are part of what is known: the kernel does not bring both together.
func decideNumbers(p *fuzzgen.Program) {
	trace := record(p)
	if trace == nil {
		return
	}
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		in := p.Insns[pc]
		if !in.IsCond() || !in.Info().UsesImm {
			continue
		}
		know, ok := known(trace, pc, in.Dst)
		if !ok || know.Var.Mask&1 != 0 {
			continue
		}
		switch scalar.Branch(in.Info().CondOp, in.Info().Width, know, scalar.Const(uint64(in.Imm))) {
		case scalar.Always:
			decided(p, pc, true)
		case scalar.Never:
			decided(p, pc, false)
		}
	}
}

// hintResults puts comparisons behind operations that are always true, by what gbpf's
// verifier recorded: internal/scalar tests the operations exhaustively.
func hintResults(p *fuzzgen.Program) {
	subtractions(p)
	for pc := range p.Insns {
		in := &p.Insns[pc]
		if n := in.Imm; n > 0 && n&(n-1) == 0 {
			switch in.Op {
			case isa.OpMod64Imm:
				*in = isa.New(isa.OpAnd64Imm, in.Dst, 0, 0, n-1)
			case isa.OpMod32Imm:
				*in = isa.New(isa.OpAnd32Imm, in.Dst, 0, 0, n-1)
			case isa.OpDiv64Imm:
				*in = isa.New(isa.OpRsh64Imm, in.Dst, 0, 0, int64(bits.TrailingZeros64(uint64(n))))
			case isa.OpDiv32Imm:
				*in = isa.New(isa.OpRsh32Imm, in.Dst, 0, 0, int64(bits.TrailingZeros64(uint64(n))))
			}
		}
	}
	if record(p) == nil {
		// Loops may be too long to record: what holds whatever is divided must do.
		boundResults(p)
		return
	}
	hint(p, func(in isa.Insn) bool {
		switch in.Info().AluOp {
		case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod, isa.AluMovsx, isa.AluLe, isa.AluBe, isa.AluBswap, isa.AluNeg:
			return true
		case isa.AluLsh, isa.AluRsh, isa.AluArsh:
			return !in.Info().UsesImm
		}
		return false
	}, false)
}

// boundResults puts comparisons behind unsigned divisions by constants.
func boundResults(p *fuzzgen.Program) {
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		in := p.Insns[pc]
		if in.Imm <= 1 {
			continue
		}
		most := uint64(math.MaxUint64)
		switch in.Op {
		case isa.OpMod64Imm, isa.OpMod32Imm:
			most = uint64(in.Imm) - 1
		case isa.OpDiv32Imm:
			most = math.MaxUint32 / uint64(in.Imm)
		case isa.OpDiv64Imm:
			most = math.MaxUint64 / uint64(in.Imm)
		}
		if most <= math.MaxInt32 {
			r := scalar.URange(0, most)
			p.Insert(pc+1, clamp(in.Dst, &r), false)
		}
	}
}

// subtractions replaces remainders of numbers that are not much larger than the divisor, so that the kernel knows
// them on each path.
func subtractions(p *fuzzgen.Program) {
	trace := record(p)
	if trace == nil {
		return
	}
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		in := p.Insns[pc]
		if in.Op != isa.OpMod64Imm || in.Imm <= 0 || in.Imm&(in.Imm-1) == 0 {
			continue
		}
		know, ok := known(trace, pc, in.Dst)
		if !ok || know.UMax/uint64(in.Imm) > 4 {
			continue
		}
		var code []isa.Insn
		for range know.UMax / uint64(in.Imm) {
			code = append(code, isa.New(isa.OpJltImm, in.Dst, 0, 1, in.Imm), isa.New(isa.OpSub64Imm, in.Dst, 0, 0, in.Imm))
		}
		p.Insns[pc] = isa.New(isa.OpOr64Imm, in.Dst, 0, 0, 0)
		p.Insert(pc, code, true)
	}
}

// hintNumbers does so behind everything that yields a number, and on both sides of comparisons.
func hintNumbers(p *fuzzgen.Program) {
	hint(p, func(in isa.Insn) bool {
		switch in.Info().Kind {
		case isa.KindALU, isa.KindMovSX, isa.KindEnd, isa.KindLoad, isa.KindLoadSX:
			return true
		}
		return false
	}, true)
}

// cutLinks makes the kernel forget that a number is another one plus a constant.
func cutLinks(p *fuzzgen.Program) {
	trace := record(p)
	if trace == nil {
		return
	}
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		switch in := p.Insns[pc]; in.Op {
		case isa.OpAdd64Imm, isa.OpAdd32Imm, isa.OpSub64Imm, isa.OpSub32Imm, isa.OpAdd64Reg, isa.OpSub64Reg:
			if _, number := known(trace, pc+1, in.Dst); number {
				p.Insert(pc+1, []isa.Insn{isa.New(isa.OpOr64Imm, in.Dst, 0, 0, 0)}, false)
			}
		}
	}
}

// cutCopies makes the kernel forget as well that numbers are copies of others.
func cutCopies(p *fuzzgen.Program) {
	trace := record(p)
	if trace == nil {
		return
	}
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		switch in := p.Insns[pc]; in.Op {
		case isa.OpAdd64Imm, isa.OpAdd32Imm, isa.OpSub64Imm, isa.OpSub32Imm, isa.OpAdd64Reg, isa.OpSub64Reg, isa.OpMov64Reg, isa.OpMov32Reg, isa.OpLdxDW:
			if know, number := known(trace, pc+1, in.Dst); number {
				p.Insert(pc+1, append([]isa.Insn{isa.New(isa.OpOr64Imm, in.Dst, 0, 0, 0)}, clamp(in.Dst, &know)...), false)
			}
		}
	}
}

// narrowStores makes stores of constants to the stack such that the kernel sees keys in them: of 4 bytes
// each, the upper ones first, as immediates.
func narrowStores(p *fuzzgen.Program) {
	trace := record(p)
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		in := p.Insns[pc]
		v := in.Imm
		switch in.Op {
		case isa.OpStDW:
		case isa.OpStxW, isa.OpStxDW:
			if trace == nil {
				continue
			}
			know, ok := known(trace, pc, in.Src)
			unknown := know.Var.Mask
			if in.Op == isa.OpStxW {
				unknown &= math.MaxUint32
			}
			if !ok || unknown != 0 {
				continue
			}
			v = int64(know.Var.Value)
		default:
			continue
		}
		if in.Dst != isa.R10 {
			continue
		}
		p.Insns[pc] = isa.New(isa.OpStW, isa.R10, 0, in.Off, int64(int32(v)))
		if in.Op != isa.OpStxW {
			p.Insert(pc, []isa.Insn{isa.New(isa.OpStW, isa.R10, 0, in.Off+4, int64(int32(v>>32)))}, true)
		}
	}
}
