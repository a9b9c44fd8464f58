package conformance

import (
	"math"
	"math/bits"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// record verifies a program and returns what was known of its numbers, nil if it is refused.
func record(p *fuzzgen.Program) *verifier.Trace {
	s, err := VerifierSpec(p)
	if err != nil {
		return nil
	}
	trace := &verifier.Trace{}
	if _, err := verifier.Verify(s, verifier.Options{Trace: trace, Steps: shrinkSteps}); err != nil {
		return nil
	}
	return trace
}

// hint spells out what gbpf's verifier recorded of numbers.
func hint(p *fuzzgen.Program, results func(isa.Insn) bool, sides bool) {
	trace := record(p)
	if trace == nil {
		return
	}
	// What holds at an instruction is put in front of it: of all who come there if land is set, else
	// of who falls through.
	put := func(pc int, land bool, regs ...isa.Reg) {
		for _, r := range regs {
			if know, ok := known(trace, pc, r); ok && r < isa.R10 {
				p.Insert(pc, clamp(r, &know), land)
			}
		}
	}
	targets := map[int]bool{}
	for pc, in := range p.Insns {
		if sides && in.IsCond() {
			targets[in.Target(pc)] = true
		}
	}
	// A comparison may tell of copies of what it compares, so all numbers are spelled out.
	for pc := len(p.Insns) - 1; pc >= 0; pc-- {
		in := p.Insns[pc]
		if results(in) {
			put(pc+1, false, in.Dst)
		}
		if sides && in.IsCond() {
			put(pc+1, false, numberRegs...)
		}
		if targets[pc] {
			put(pc, true, numberRegs...)
		}
	}
}

var numberRegs = []isa.Reg{isa.R0, isa.R1, isa.R2, isa.R3, isa.R4, isa.R5, isa.R6, isa.R7, isa.R8, isa.R9}

// known is what all register files recorded at an instruction say of a number.
func known(trace *verifier.Trace, pc int, reg isa.Reg) (know scalar.Scalar, ok bool) {
	files, complete := trace.At(pc)
	if !complete {
		return know, false
	}
	for i := range files {
		r := &files[i][reg]
		if r.Kind != verifier.Scalar {
			return know, false
		}
		if i == 0 {
			know = r.Var
		} else {
			know = scalar.Join(know, r.Var)
		}
	}
	return know, len(files) > 0
}

// clamp is code that keeps a number within the bounds of s, as far as immediates can name them.
func clamp(r isa.Reg, s *scalar.Scalar) (code []isa.Insn) {
	fits := func(v int64) bool { return v >= math.MinInt32 && v <= math.MaxInt32 }
	bound := func(op, mov isa.Op, v int64) {
		code = append(code, isa.New(op, r, 0, 1, v), isa.New(mov, r, 0, 0, v))
	}
	if v, ok := s.Const(); ok {
		if fits(int64(v)) {
			return []isa.Insn{isa.New(isa.OpMov64Imm, r, 0, 0, int64(v))}
		}
		two := isa.LoadImm64(isa.OpLddw, r, int64(v))
		return two[:]
	}
	if n := bits.TrailingZeros64(s.Var.Value | s.Var.Mask); n > 0 {
		code = append(code, isa.New(isa.OpRsh64Imm, r, 0, 0, int64(n)))
		if lo := s.UMin >> n; lo > 0 && lo <= math.MaxInt32 {
			bound(isa.OpJgeImm, isa.OpMov64Imm, int64(lo))
		}
		if hi := s.UMax >> n; hi <= math.MaxInt32 {
			bound(isa.OpJleImm, isa.OpMov64Imm, int64(hi))
		}
		code = append(code, isa.New(isa.OpLsh64Imm, r, 0, 0, int64(n)))
	}
	if s.UMax > math.MaxInt32 && s.UMax <= math.MaxUint32 {
		code = append(code, isa.New(isa.OpMov32Reg, r, r, 0, 0))
	}
	if v := s.Var.Value; v != 0 && v <= math.MaxInt32 && s.Var.Mask != 0 {
		code = append(code, isa.New(isa.OpOr64Imm, r, 0, 0, int64(v)))
	}
	if m := s.Var.Value | s.Var.Mask; m <= math.MaxInt32 && m&(m+1) != 0 {
		code = append(code, isa.New(isa.OpAnd64Imm, r, 0, 0, int64(m)))
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
	if s.S32Min > math.MinInt32 {
		bound(isa.OpJsge32Imm, isa.OpMov32Imm, int64(s.S32Min))
	}
	if s.S32Max < math.MaxInt32 {
		bound(isa.OpJsle32Imm, isa.OpMov32Imm, int64(s.S32Max))
	}
	if s.U32Min > 0 && s.U32Min <= math.MaxInt32 {
		bound(isa.OpJge32Imm, isa.OpMov32Imm, int64(s.U32Min))
	}
	return code
}
