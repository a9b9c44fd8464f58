package conformance

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// explainBlind is the explanation from the other side, for what cannot be spelled out to the kernel: gbpf is
// made to know as little as the kernel of the results that it knows more of, and has to refuse the
// program then, at the same instruction as the kernel. Runs have to bear the acceptance out.
func explainBlind(k *kernelJudge, sound *Soundness, p *fuzzgen.Program) (why string, cannotRun bool) {
	q, at := blind(p)
	if at == nil {
		return "", false
	}
	e := verifyGenerated(q, verifier.Options{})
	if e == nil || e.Code == verifier.CodeLimit || e.Insn < 0 || e.Insn >= len(at) {
		return "", false
	}
	v, err := k.judge(p, 1)
	if err != nil || v.Accepted {
		return "", false
	}
	loops := e.Code == verifier.CodeLoop && strings.Contains(kernelReason(v.Log), "infinite loop")
	if at[e.Insn] != lastWalked(v.Log) && !loops {
		return "", false
	}
	return bornOut(sound, p, "gbpf knows more of the result of an operation: without, it refuses the same instruction")
}

// blind replaces the operations of whose results gbpf knows more than the kernel by others that say nothing, and
// the comparisons that it decides and the kernel does not. at tells for each instruction of the result which one it
// was; it is nil if there is nothing to replace.
func blind(p *fuzzgen.Program) (q *fuzzgen.Program, at []int) {
	q = p.Clone()
	for pc := range q.Insns {
		at = append(at, pc)
	}
	found := false
	for pc := len(q.Insns) - 1; pc >= 0; pc-- {
		in := q.Insns[pc]
		info := in.Info()
		self := info.SrcUse == isa.UseOperand && in.Dst == in.Src
		if in.IsCond() {
			if self || info.CondOp == isa.CondSet {
				// Nothing is known of whether a stack lies at address 0.
				q.Insns[pc] = isa.New(isa.OpJeqImm, isa.R10, 0, in.Off, 0)
				found = true
			}
			continue
		}
		switch info.AluOp {
		case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod, isa.AluMovsx, isa.AluLe, isa.AluBe, isa.AluBswap:
		case isa.AluLsh, isa.AluRsh, isa.AluArsh, isa.AluNeg:
		case isa.AluSub, isa.AluXor:
			if !self {
				continue
			}
		default:
			continue
		}
		found = true
		// Of 32-bit results the kernel does not even know that the upper half is 0.
		q.Insns[pc] = isa.New(isa.OpMov64Reg, in.Dst, isa.R10, 0, 0)
		q.Insert(pc+1, []isa.Insn{isa.New(isa.OpNeg64, in.Dst, 0, 0, 0)}, false)
		at = append(at[:pc+1], append([]int{pc}, at[pc+1:]...)...)
	}
	if !found {
		return nil, nil
	}
	return q, at
}

// walked is a line of a log of level 1 or 2: the number of an instruction, its opcode, itself.
var walked = regexp.MustCompile(`(?m)^(\d+): \([0-9a-f]{2}\) `)

// lastWalked is the number of the last instruction in a log, -1 for none.
func lastWalked(log string) int {
	all := walked.FindAllStringSubmatchIndex(log, -1)
	if len(all) == 0 {
		return -1
	}
	m := all[len(all)-1]
	n, err := strconv.Atoi(log[m[2]:m[3]])
	if err != nil {
		return -1
	}
	return n
}
