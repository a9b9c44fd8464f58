package fuzzgen

import (
	"slices"

	"github.com/gbpf/gbpf/isa"
)

// refers reports whether an instruction names another one of the program.
func refers(in isa.Insn) bool {
	return in.IsJump() || in.Op == isa.OpCallLocal || in.Op == isa.OpLddwFunc
}

// remove deletes n slots from at on. What referred to them refers to what follows. It
// reports false, and does nothing, where that cannot be.
func (p *Program) remove(at, n int) bool {
	if p.Raw != nil || at < 0 || n <= 0 || at+n > len(p.Insns) || n == len(p.Insns) {
		return false
	}
	move := func(pc int) int {
		switch {
		case pc >= at+n:
			return pc - n
		case pc > at:
			return at
		}
		return pc
	}
	return p.splice(at, n, nil, move)
}

// Insert puts instructions in front of that at at, with jumps and descriptions
// adjusted. What jumped there goes to the new ones if land is set, else behind them. It
// reports false, and does nothing, where a jump would get too long.
func (p *Program) Insert(at int, insns []isa.Insn, land bool) bool { return p.insert(at, insns, land) }

// insert puts instructions in front of that at at, which is what jumps to it reach
// first if land is set.
func (p *Program) insert(at int, insns []isa.Insn, land bool) bool {
	if p.Raw != nil || at < 0 || at > len(p.Insns) {
		return false
	}
	move := func(pc int) int {
		if pc > at || pc == at && !land {
			return pc + len(insns)
		}
		return pc
	}
	return p.splice(at, 0, insns, move)
}

// splice replaces n slots with others; targets go where move says.
func (p *Program) splice(at, n int, insns []isa.Insn, move func(int) int) bool {
	old := p.Insns
	out := make([]isa.Insn, 0, len(old)-n+len(insns))
	out = append(append(append(out, old[:at]...), insns...), old[at+n:]...)
	grow := len(insns) - n
	for pc, in := range old {
		if !refers(in) || pc >= at && pc < at+n {
			continue
		}
		to := in.Target(pc)
		here := pc
		if pc >= at+n {
			here += grow
		}
		if to < 0 || to > len(old) {
			continue
		}
		if d := move(to) - here - 1; in.Op != isa.OpJa32 && in.Op != isa.OpCallLocal && in.Op != isa.OpLddwFunc && int(int16(d)) != d {
			return false
		}
		setTarget(out, here, move(to))
	}
	p.Insns = out
	p.Funcs = slices.Clone(p.Funcs)
	for i := range p.Funcs {
		p.Funcs[i].Insn = move(p.Funcs[i].Insn)
	}
	return true
}

// width is how many slots the instruction at pc takes; 0 for a second half.
func (p *Program) width(pc int) int {
	if p.Insns[pc].Op == isa.OpLddwHi {
		return 0
	}
	return min(p.Insns[pc].Slots(), len(p.Insns)-pc)
}
