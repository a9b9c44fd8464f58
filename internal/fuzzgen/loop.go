package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// loop makes a loop that is bounded in one of the ways that programs bound them.
func (g *gen) loop() {
	if g.f.inLoop >= 2 {
		return
	}
	i, ok := g.kept()
	if !ok {
		return
	}
	n := 1 + g.n(5)
	if g.f.inLoop > 0 {
		n = 1 + g.n(3)
	}
	simple := g.chance(10)
	if simple { // many turns, but nothing that branches inside
		n += g.n(60)
	}
	limit, haveLimit := isa.Reg(0), false
	if g.chance(25) { // the limit is a number that is only bounded
		if l, ok := g.kept(i); ok && l != i {
			s := g.source()
			if !g.isLocked(s) && s != i {
				// Nothing that could fail to bound it: walking such loops takes seconds.
				if g.chance(50) {
					g.emit(aluImm[g.n(2)][isa.AluAnd], s, 0, 0, int64(mask(uint64(n))))
				} else {
					g.bailOn(isa.OpJgtImm, s, 0, int64(n))
				}
				g.set(s, between(0, uint64(n)))
				if s != l {
					g.move(l, s)
				}
				limit, haveLimit = l, true
				g.lock(l)
			}
		}
	}
	down := !haveLimit && g.chance(20)
	acc := g.accumulator(i)
	if down {
		g.constant(i, int64(n))
	} else {
		g.constant(i, 0)
	}
	g.lock(i)
	head, end := g.newLabel(), g.newLabel()
	before := g.snapshot()
	g.forget()
	g.set(i, between(0, uint64(n)))
	g.place(head)
	top := g.chance(50)
	if top {
		g.loopTest(i, n, limit, haveLimit, down, end, false)
	}
	if !down && !g.oops() {
		g.set(i, between(0, uint64(n-1)))
	}
	g.f.inLoop++
	old := g.f.bail
	if g.chance(50) { // a failed check leaves the loop only
		g.f.bail = end
	}
	if simple {
		g.depth += 3
		g.nested(1)
		g.depth -= 3
	} else {
		g.nested(1 + g.n(2))
	}
	if acc != 0 && g.f.regs[acc].kind == scalar {
		g.accumulate(acc)
	}
	g.f.bail = old
	g.f.inLoop--
	if !g.oops() || g.chance(80) {
		step := int64(1)
		if down {
			step = -1
		}
		g.emit(aluImm[1][isa.AluAdd], i, 0, 0, step)
	}
	if top {
		g.jump(isa.OpJa, 0, 0, 0, head)
	} else {
		g.loopTest(i, n, limit, haveLimit, down, head, true)
	}
	g.place(end)
	g.unlock(i)
	if haveLimit {
		g.unlock(limit)
	}
	if acc != 0 {
		g.unlock(acc)
	}
	after := g.f.regs
	g.forget()
	g.f.regs[10] = after[10]
	_ = before
}

// loopTest jumps to a label when the loop is to end, or with again when it is to go on.
func (g *gen) loopTest(i isa.Reg, n int, limit isa.Reg, haveLimit, down bool, to label, again bool) {
	var c isa.CondOp
	k := int64(n)
	if down {
		k = 0
	}
	switch {
	case again && down:
		c = pickOne(g.r, []isa.CondOp{isa.CondNe, isa.CondSgt, isa.CondGt})
	case again:
		c = pickOne(g.r, []isa.CondOp{isa.CondLt, isa.CondLt, isa.CondSlt, isa.CondNe})
	case down:
		c = pickOne(g.r, []isa.CondOp{isa.CondEq, isa.CondSle, isa.CondLe})
	default:
		c = pickOne(g.r, []isa.CondOp{isa.CondGe, isa.CondGe, isa.CondSge, isa.CondGt, isa.CondEq})
	}
	if haveLimit {
		// Not the ones that a limit of 0 makes endless: the kernel walks them to its own limit.
		if c == isa.CondNe {
			c = isa.CondLt
		} else if c == isa.CondEq {
			c = isa.CondGe
		}
		g.jump(condReg[1][c], i, limit, 0, to)
		return
	}
	g.jump(condImm[g.n(2)][c], i, 0, k, to)
}

// accumulator prepares a register that a loop computes with, or 0 for none.
func (g *gen) accumulator(not isa.Reg) isa.Reg {
	if g.chance(60) {
		return 0
	}
	a, ok := g.kept(not)
	if !ok || a == not {
		return 0
	}
	g.constant(a, int64(g.n(3)))
	g.lock(a)
	return a
}

// accumulate changes a register from one turn of a loop to the next.
func (g *gen) accumulate(a isa.Reg) {
	s, ok := g.find(func(v *value) bool { return v.kind == scalar })
	switch g.n(4) {
	case 0:
		g.emit(isa.OpAdd64Imm, a, 0, 0, int64(1+g.n(8)))
	case 1:
		if ok {
			g.emit(aluReg[g.n(2)][isa.AluAdd], a, s, 0, 0)
		}
	case 2:
		if ok {
			g.emit(aluReg[1][isa.AluXor], a, s, 0, 0)
		}
	case 3:
		g.emit(isa.OpLsh64Imm, a, 0, 0, 1)
		g.emit(isa.OpAnd64Imm, a, 0, 0, 255)
	}
	g.set(a, anyNumber())
}

// mayGoto makes a loop that the kernel's budget bounds.
func (g *gen) mayGoto() {
	if g.f.inLoop >= 1 || g.f.lock || g.f.held > 0 && g.chance(80) {
		return
	}
	head, end := g.newLabel(), g.newLabel()
	acc := isa.Reg(0)
	if g.chance(20) {
		acc = g.accumulator(0)
	}
	g.forget()
	if acc != 0 {
		g.set(acc, anyNumber())
	}
	g.place(head)
	if !g.oops() || g.chance(80) {
		g.jump(isa.OpMayGoto, 0, 0, 0, end)
	}
	g.f.inLoop += 2
	old := g.f.bail
	g.f.bail = end
	g.nested(1 + g.n(2))
	if acc != 0 && g.chance(50) {
		g.accumulate(acc)
	}
	if g.chance(40) {
		r := g.number()
		g.bailOn(condImm[g.n(2)][pickOne(g.r, condOps)], r, 0, g.imm())
	}
	g.f.bail = old
	g.f.inLoop -= 2
	g.jump(isa.OpJa, 0, 0, 0, head)
	g.place(end)
	if acc != 0 {
		g.unlock(acc)
	}
	g.forget()
}

// linked makes copies of a number, tests one and uses another.
func (g *gen) linked() {
	a := g.writable()
	b := g.dst(a)
	if b == a {
		return
	}
	w := 1
	if g.chance(25) {
		w = 0
	}
	g.emit(aluReg[w][isa.AluMov], b, a, 0, 0)
	v := g.f.regs[a]
	if w == 0 {
		v = low32(v)
	}
	g.set(b, v)
	d := int64(0)
	if g.chance(50) {
		d = int64(g.n(16)) - 4
		g.emit(aluImm[g.n(2)][isa.AluAdd], b, 0, 0, d)
		g.set(b, anyNumber())
	}
	k := uint64(8 + g.n(56))
	g.lock(b)
	g.above(1, a, int64(k))
	g.set(a, between(0, k))
	g.unlock(b)
	if d >= 0 && !g.oops() {
		g.set(b, between(uint64(d), k+uint64(d)))
		if w == 0 || v.hi > math.MaxUint32 {
			g.set(b, anyNumber())
		}
	}
	if g.chance(60) {
		if p, ok := g.object(); ok && g.f.regs[b].kind == scalar && g.f.regs[b].hi < uint64(max(g.f.regs[p].room(), 0)) && p != b {
			pv := g.f.regs[p]
			q := g.dst(b, p)
			if q == b || q == p || pv.kind == pktPtr {
				return
			}
			g.emit(isa.OpMov64Reg, q, p, 0, 0)
			g.emit(isa.OpAdd64Reg, q, b, 0, 0)
			pv.vmax += uint32(g.f.regs[b].hi)
			g.set(q, pv)
			g.touchAt(q, 1, int16(g.n(max(pv.room(), 1))))
		}
	}
}

// dead makes code that no path reaches, as conditional compilation leaves it.
func (g *gen) dead() {
	r := g.dst()
	k := int64(g.n(8))
	g.constant(r, k)
	over := g.newLabel()
	c := isa.CondEq
	if g.chance(50) {
		c, k = isa.CondLt, k+1
	}
	if g.oops() {
		k++
	}
	g.jump(condImm[g.n(2)][c], r, 0, k, over)
	switch g.n(3) {
	case 0:
		g.emit(isa.OpStxDW, isa.R9, isa.R8, 4096, 0)
	case 1:
		g.emit(isa.OpLdxDW, isa.R0, r, 0, 0)
	case 2:
		g.emit(isa.OpCallHelper, 0, 0, 0, 1)
	}
	g.place(over)
	if g.f.regs[isa.R0].kind != none && g.oops() {
		g.set(isa.R0, value{})
	}
}
