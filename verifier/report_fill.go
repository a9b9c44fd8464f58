package verifier

import (
	"strings"

	"github.com/gbpf/gbpf/isa"
)

// fill completes the error: where it is, the instruction, how the path came there, the
// cause and the suggestion. Path and registers are the walk's to give.
func (x *evidence) fill() {
	e := x.err
	if e.Insn < 0 || e.Insn >= len(x.insns) {
		x.explain()
		return
	}
	if f := x.spec.funcOf(e.Insn); f != nil {
		e.Func = f.Name
	}
	e.Line = x.spec.lineText(e.Insn)
	e.Source = x.spec.source(e.Insn)
	e.Disasm = isa.Format(x.insns, e.Insn, x.spec.names())
	if x.rec != nil && len(x.rec.frames) > 1 {
		e.Calls = nil
		for _, f := range x.rec.frames[1:] {
			e.Calls = append(e.Calls, x.spec.lineOrPlace(f.site))
		}
	}
	x.explain()
}

// names resolves what the disassembler prints.
func (s *Spec) names() *isa.Names {
	return &isa.Names{
		Helper: func(id int32) string { return helperWord(id) },
		Kfunc: func(id int32, _ int16) string {
			if id >= 0 && int(id) < len(s.Kfuncs) {
				return s.Kfuncs[id]
			}
			return ""
		},
		Map: func(load isa.Insn) string {
			if i := int(load.ImmLow()); i >= 0 && i < len(s.Maps) && s.Maps[i] != nil {
				return s.Maps[i].Name
			}
			return ""
		},
		Func: func(pc int) string {
			for i := range s.Funcs {
				if s.Funcs[i].Insn == pc {
					return s.Funcs[i].Name
				}
			}
			return ""
		},
	}
}

// involved lists the registers that the instruction at fault reads, those to show in a report:
// of a call the arguments that it takes.
func (x *evidence) involved() []isa.Reg {
	in := x.insn()
	if in == nil {
		return nil
	}
	read := in.ReadRegs()
	args := 5
	if p := x.helper(); p != nil {
		args = p.NumArgs()
	}
	var regs []isa.Reg
	for r := range isa.Reg(isa.NumRegs) {
		if !read.Has(r) || in.IsCall() && (int(r) > args || x.regs[r].Kind == NotInit && int(x.find.reg) != int(r)+1) {
			continue
		}
		regs = append(regs, r)
	}
	return regs
}

// keptBranches is how many branches of a path an error holds.
const keptBranches = 256

// branches are the forks of a path as an error holds them: the last ones, of a loop's turns one.
func (x *evidence) branches(path []pathNode) []Branch {
	var list []Branch
	for i := 0; i < len(path); {
		period, times := turns(path[i:])
		for _, c := range path[i : i+period] {
			pc := int(c.insn)
			list = append(list, Branch{Insn: pc, Taken: c.taken, Times: times, Side: x.side(pc, c.taken), Line: x.spec.lineText(pc)})
		}
		i += period * times
		if len(list) >= 2*keptBranches {
			list = append(list[:0], list[len(list)-keptBranches:]...)
		}
	}
	return list[max(0, len(list)-keptBranches):]
}

// turns finds what a path repeats from its start: how many forks, and how often.
func turns(path []pathNode) (period, times int) {
	same := func(a, b pathNode) bool { return a.insn == b.insn && a.taken == b.taken }
	for p := 1; p <= 4; p++ {
		n := 1
	repeat:
		for (n+1)*p <= len(path) {
			for i := range p {
				if !same(path[i], path[n*p+i]) {
					break repeat
				}
			}
			n++
		}
		if n > 1 {
			return p, n
		}
	}
	return 1, 1
}

// side says what holds on a side of an undecided fork.
func (x *evidence) side(pc int, taken bool) string {
	in := &x.insns[pc]
	switch {
	case in.IsCond():
		cond := isa.Format(x.insns, pc, nil)
		cond = strings.TrimPrefix(cond, "if ")
		if i := strings.LastIndex(cond, " goto "); i >= 0 {
			cond = cond[:i]
		}
		if taken {
			return cond + " holds"
		}
		return cond + " does not hold"
	case in.Op == isa.OpMayGoto && taken:
		return "the budget of may_goto is spent"
	case in.Op == isa.OpMayGoto:
		return "may_goto goes on"
	case in.Op == isa.OpCallKfunc && taken:
		return x.callee(pc) + " has another element"
	case in.Op == isa.OpCallKfunc:
		return x.callee(pc) + " is at the end"
	case in.IsCall() && taken:
		return x.callee(pc) + " calls its function"
	case in.IsCall():
		return x.callee(pc) + " returns"
	}
	return sideOf(taken)
}
