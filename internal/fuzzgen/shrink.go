package fuzzgen

import (
	"slices"

	"github.com/gbpf/gbpf/isa"
)

// maxTries bounds how often Shrink asks.
const maxTries = 20000

// Shrink makes a program smaller as long as keep says that it still shows what it is to
// show, until no single step helps: fewer instructions, smaller numbers, plainer
// instructions, a plainer program type. keep must hold for p and is never given a program that
// it may not change. The result is another program; p stays as it is.
func Shrink(p *Program, keep func(*Program) bool) *Program {
	s := &shrinker{keep: keep, p: p.Clone()}
	if p.Raw != nil {
		s.raw()
		return s.p
	}
	for again := true; again && s.tries < maxTries; {
		again = s.removals()
		again = s.simpler() || again
		again = s.plainer() || again
	}
	s.p.dropMaps()
	return s.p
}

type shrinker struct {
	keep  func(*Program) bool
	p     *Program
	tries int
}

// try takes a candidate if it will do.
func (s *shrinker) try(c *Program) bool {
	if s.tries >= maxTries {
		return false
	}
	s.tries++
	if !s.keep(c.Clone()) {
		return false
	}
	s.p = c
	return true
}

// raw shortens bytes.
func (s *shrinker) raw() {
	for again := true; again; {
		again = false
		for at := 0; at+8 <= len(s.p.Raw) && len(s.p.Raw) > 8; {
			c := s.p.Clone()
			c.Raw = slices.Delete(c.Raw, at, at+8)
			if s.try(c) {
				again = true
			} else {
				at += 8
			}
		}
		for at := range s.p.Raw {
			if s.p.Raw[at] == 0 {
				continue
			}
			c := s.p.Clone()
			c.Raw[at] = 0
			again = s.try(c) || again
		}
	}
}

// removals takes instructions out, many at a time at first.
func (s *shrinker) removals() (any bool) {
	for n := max(len(s.p.Insns)/2, 1); ; n /= 2 {
		for at := len(s.p.Insns) - 1; at >= 0; at-- {
			at = min(at, len(s.p.Insns)-1)
			if at < 0 || s.p.width(at) == 0 {
				continue
			}
			end := min(at+n, len(s.p.Insns))
			if end < len(s.p.Insns) && s.p.width(end) == 0 {
				end++
			}
			c := s.p.Clone()
			if c.remove(at, end-at) && s.try(c) {
				any = true
			}
		}
		if n <= 1 {
			return any
		}
	}
}

// simpler makes instructions and their operands plainer.
func (s *shrinker) simpler() (any bool) {
	for pc := 0; pc < len(s.p.Insns); pc++ {
		if s.p.width(pc) == 0 {
			continue
		}
		for _, in := range plainer(s.p.Insns[pc]) {
			c := s.p.Clone()
			old := c.Insns[pc]
			if in == old {
				continue
			}
			if old.Slots() == 2 && in.Slots() == 1 {
				// The one instruction stands for two slots.
				if !c.remove(pc, 1) {
					continue
				}
			} else if old.Slots() == 2 {
				c.Insns[pc+1].Imm = in.Imm >> 32
			}
			c.Insns[pc] = in
			if s.try(c) {
				any = true
				break
			}
		}
	}
	return any
}

// plainer lists what may stand in for an instruction, plainest first.
func plainer(in isa.Insn) (list []isa.Insn) {
	info := in.Info()
	with := func(f func(*isa.Insn)) {
		c := in
		f(&c)
		list = append(list, c)
	}
	switch info.Kind {
	case isa.KindExit, isa.KindLoadImm64Hi:
		return nil
	case isa.KindCond:
		list = append(list, isa.New(isa.OpJa, 0, 0, in.Off, 0))
		if info.SrcUse == isa.UseOperand {
			list = append(list, isa.New(condImm[width64(info)][info.CondOp], in.Dst, 0, in.Off, 0))
		} else {
			if info.Width == 32 {
				list = append(list, isa.New(condImm[1][info.CondOp], in.Dst, 0, in.Off, in.Imm))
			}
			for _, c := range []isa.CondOp{isa.CondEq, isa.CondNe, isa.CondGt} {
				if c < info.CondOp {
					list = append(list, isa.New(condImm[width64(info)][c], in.Dst, 0, in.Off, in.Imm))
				}
			}
		}
	case isa.KindALU, isa.KindMovSX, isa.KindEnd, isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcquire, isa.KindLoadImm64, isa.KindMov:
		if in.Dst != isa.R10 && !(in.Op == isa.OpMov64Imm && in.Imm == 0) {
			list = append(list, isa.New(isa.OpMov64Imm, in.Dst, 0, 0, 0))
			if !(in.Op == isa.OpMov64Imm && in.Imm == 1) {
				list = append(list, isa.New(isa.OpMov64Imm, in.Dst, 0, 0, 1))
			}
		}
		switch {
		case info.Kind == isa.KindALU && info.Width == 32 && info.AluOp != isa.AluNeg:
			if info.SrcUse == isa.UseOperand {
				list = append(list, isa.New(aluReg[1][info.AluOp], in.Dst, in.Src, 0, 0))
			} else {
				list = append(list, isa.New(aluImm[1][info.AluOp], in.Dst, 0, 0, in.Imm))
			}
		case info.Kind == isa.KindMov && info.Width == 32:
			if info.SrcUse == isa.UseOperand {
				list = append(list, isa.New(isa.OpMov64Reg, in.Dst, in.Src, 0, 0))
			} else {
				list = append(list, isa.New(isa.OpMov64Imm, in.Dst, 0, 0, in.Imm))
			}
		case info.Kind == isa.KindLoadSX, info.Kind == isa.KindLoadAcquire:
			list = append(list, isa.New(loads[int(info.Size)], in.Dst, in.Src, in.Off, 0))
		case info.Kind == isa.KindLoad && info.Size < 8:
			list = append(list, isa.New(isa.OpLdxDW, in.Dst, in.Src, in.Off, 0))
		}
		if info.SrcUse == isa.UseOperand && info.Kind == isa.KindALU && info.AluOp != isa.AluNeg {
			list = append(list, isa.New(aluImm[width64(info)][info.AluOp], in.Dst, 0, 0, 1))
		}
	case isa.KindStore, isa.KindStoreRelease, isa.KindAtomic:
		list = append(list, isa.New(storesImm[int(info.Size)], in.Dst, 0, in.Off, 0))
		if info.Kind != isa.KindStore {
			list = append(list, isa.New(stores[int(info.Size)], in.Dst, in.Src, in.Off, 0))
		}
	case isa.KindCall:
		list = append(list, isa.New(isa.OpMov64Imm, isa.R0, 0, 0, 0), isa.New(isa.OpCallHelper, 0, 0, 0, 7))
		if in.Op == isa.OpCallHelper && in.Imm == 7 {
			list = list[:1]
		}
		return list
	}
	if info.UsesImm && in.Slots() == 1 {
		for _, v := range []int64{0, 1, in.Imm / 2, in.Imm - 1} {
			if v >= 0 && v < in.Imm || in.Imm < 0 && v > in.Imm && v <= 0 || in.Imm < 0 && v == 1 {
				with(func(c *isa.Insn) { c.Imm = v })
			}
		}
	}
	if info.Size != 0 && info.OffUse == isa.UseOperand && in.Off != 0 {
		with(func(c *isa.Insn) { c.Off = 0 })
		if in.Off < -8 {
			with(func(c *isa.Insn) { c.Off = -8 })
		}
	}
	return list
}

func width64(i *isa.Info) int {
	if i.Width == 64 {
		return 1
	}
	return 0
}

// plainer makes what stands around the instructions plainer.
func (s *shrinker) plainer() (any bool) {
	for _, f := range []func(*Program){
		func(c *Program) { c.Typed, c.Funcs = false, nil },
		func(c *Program) { c.Funcs = nil },
		func(c *Program) { c.Flags = 0 },
		func(c *Program) { c.Type, c.Attach, c.Flags = progXDP, 0, 0 },
		func(c *Program) { c.Type, c.Attach, c.Flags = progSchedCLS, 0, 0 },
	} {
		c := s.p.Clone()
		f(c)
		if s.p.Typed && !c.Typed && c.refersToFunctions() {
			continue // such need types in the kernel, and without would show only that
		}
		if c.Type == s.p.Type && c.Attach == s.p.Attach && c.Flags == s.p.Flags && c.Typed == s.p.Typed && len(c.Funcs) == len(s.p.Funcs) {
			continue
		}
		if c.Type != s.p.Type && s.p.Type == progXDP {
			continue
		}
		any = s.try(c) || any
	}
	return any
}

// refersToFunctions reports whether the program takes the address of a function.
func (p *Program) refersToFunctions() bool {
	return slices.ContainsFunc(p.Insns, func(in isa.Insn) bool { return in.Op == isa.OpLddwFunc })
}

// dropMaps forgets the maps that no instruction names.
func (p *Program) dropMaps() {
	used := map[int]int{}
	var list []*Map
	for pc := range p.Insns {
		in := &p.Insns[pc]
		if in.Op != isa.OpLddwMapFD && in.Op != isa.OpLddwMapValue {
			continue
		}
		i := int(in.ImmLow())
		if i < 0 || i >= len(p.Maps) {
			return // the program names a map that is not there: numbers matter
		}
		if _, ok := used[i]; !ok {
			used[i] = len(list)
			list = append(list, p.Maps[i])
		}
		in.Imm = in.Imm&^0xffffffff | int64(used[i])
	}
	p.Maps = list
}
