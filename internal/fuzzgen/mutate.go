package fuzzgen

import (
	"math"
	"math/rand/v2"

	"github.com/gbpf/gbpf/isa"
)

// Mutate makes one small change to a program: a near miss of it.
func Mutate(r *rand.Rand, p *Program) { mutate(r, p) }

func mutate(r *rand.Rand, p *Program) {
	if p.Raw != nil {
		p.Raw[r.IntN(len(p.Raw))] ^= 1 << r.IntN(8)
		return
	}
	for range 16 {
		pc := r.IntN(len(p.Insns))
		if p.width(pc) == 0 {
			continue
		}
		if mutateAt(r, p, pc) {
			return
		}
	}
}

func mutateAt(r *rand.Rand, p *Program, pc int) bool {
	in := p.Insns[pc]
	info := in.Info()
	switch r.IntN(14) {
	case 0, 1: // a neighbouring number
		if !info.UsesImm || in.Slots() == 2 {
			return false
		}
		d := int64(1)
		switch r.IntN(6) {
		case 0, 1:
			d = -1
		case 2:
			d = int64(1) << r.IntN(16)
		case 3:
			d = -in.Imm
		case 4:
			d = edges[r.IntN(len(edges))] - in.Imm
		}
		if v := in.Imm + d; v >= math.MinInt32 && v <= math.MaxInt32 {
			p.Insns[pc].Imm = v
			return d != 0
		}
		return false
	case 2: // a neighbouring offset
		if info.Size == 0 || info.OffUse != isa.UseOperand {
			return false
		}
		p.Insns[pc].Off += [...]int16{1, -1, 2, -2, 4, -4, 8, -8}[r.IntN(8)]
	case 3: // another width or size of the same operation
		op, ok := sibling(r, in.Op)
		if !ok {
			return false
		}
		p.Insns[pc] = isa.New(op, in.Dst, in.Src, in.Off, in.Imm)
	case 4: // another comparison
		if info.Kind != isa.KindCond {
			return false
		}
		w := 0
		if info.Width == 64 {
			w = 1
		}
		c := condOps[r.IntN(len(condOps))]
		op := condImm[w][c]
		if info.SrcUse == isa.UseOperand {
			op = condReg[w][c]
		}
		p.Insns[pc] = isa.New(op, in.Dst, in.Src, in.Off, in.Imm)
	case 5: // another operation
		if info.Kind != isa.KindALU || info.AluOp == isa.AluNeg {
			return false
		}
		w := 0
		if info.Width == 64 {
			w = 1
		}
		a := aluOps[r.IntN(len(aluOps))]
		op := aluImm[w][a]
		if info.SrcUse == isa.UseOperand {
			op = aluReg[w][a]
		}
		p.Insns[pc] = isa.New(op, in.Dst, in.Src, 0, in.Imm)
	case 6: // another destination
		if info.DstUse != isa.UseOperand {
			return false
		}
		p.Insns[pc].Dst = isa.Reg(r.IntN(10))
	case 7: // another source
		if info.SrcUse != isa.UseOperand {
			return false
		}
		p.Insns[pc].Src = isa.Reg(r.IntN(11))
	case 8, 9: // one less
		return p.remove(pc, p.width(pc))
	case 10: // one twice
		return p.insert(pc, append([]isa.Insn(nil), p.Insns[pc:pc+p.width(pc)]...), false) && fixCopy(p, pc)
	case 11: // a jump elsewhere
		if !in.IsJump() {
			return false
		}
		to := in.Target(pc) + [...]int{1, -1, 2, -2}[r.IntN(4)]
		if r.IntN(4) == 0 {
			to = r.IntN(len(p.Insns))
		}
		if to < 0 || to >= len(p.Insns) {
			return false
		}
		setTarget(p.Insns, pc, to)
	case 12: // two exchanged
		n, next := p.width(pc), pc+p.width(pc)
		if n != 1 || next >= len(p.Insns) || p.width(next) != 1 || refers(in) || refers(p.Insns[next]) {
			return false
		}
		p.Insns[pc], p.Insns[next] = p.Insns[next], p.Insns[pc]
	case 13: // one more
		extra := randomInsn(r)
		if refers(extra[0]) || len(extra) > 1 && extra[0].Op != isa.OpLddw {
			return false
		}
		return p.insert(pc, extra, r.IntN(2) == 0)
	}
	return true
}

// fixCopy makes the copy of an instruction refer to what the original does.
func fixCopy(p *Program, pc int) bool {
	n := p.width(pc)
	if refers(p.Insns[pc]) {
		if to := p.Insns[pc+n].Target(pc + n); to >= 0 && to < len(p.Insns) {
			setTarget(p.Insns, pc, to)
		}
	}
	return true
}

// sibling is the same operation of another width or size.
func sibling(r *rand.Rand, op isa.Op) (isa.Op, bool) {
	info := op.Info()
	var list [8]isa.Op
	n := 0
	for _, o := range allOps {
		i := o.Info()
		if o == op || i.Kind != info.Kind || i.AluOp != info.AluOp || i.CondOp != info.CondOp || i.AtomicOp != info.AtomicOp ||
			i.SrcUse != info.SrcUse || i.ImmUse != info.ImmUse {
			continue
		}
		if n < len(list) {
			list[n] = o
			n++
		}
	}
	if n == 0 || info.Kind == isa.KindCall || info.Kind == isa.KindLoadImm64 {
		return 0, false
	}
	return list[r.IntN(n)], true
}
