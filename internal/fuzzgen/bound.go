package fuzzgen

import (
	"math"
	"math/bits"

	"github.com/gbpf/gbpf/isa"
)

// bound emits code after which the number in r is at most limit, in one of the many
// ways that programs do it; on a path where it is not, the program has gone elsewhere.
func (g *gen) bound(r isa.Reg, limit uint64) {
	if limit > math.MaxInt32-1 {
		limit = math.MaxInt32 - 1
	}
	v := g.f.regs[r]
	if v.kind == scalar && v.hi <= limit && g.chance(70) {
		return
	}
	slack := limit
	if limit > 0 && g.chance(30) {
		slack = limit - uint64(g.n(int(min(limit, 8))+1))
	}
	if g.oops() {
		slack = limit + 1 + uint64(g.n(2))
	}
	k := int64(slack)
	way := g.n(19)
	if g.oops() {
		way = 19
	}
	switch way {
	case 0, 1, 2: // mask
		g.emit(aluImm[g.n(2)][isa.AluAnd], r, 0, 0, int64(mask(slack)))
		g.set(r, between(0, mask(slack)))
		return
	case 19: // remainder, of which the kernel knows nothing
		w := g.n(2)
		g.emit(aluImm[w][isa.AluMod], r, 0, 0, k+1)
	case 4: // shift down
		w := g.n(2)
		n := 32 + 32*w - bits.Len64(mask(slack))
		g.emit(aluImm[w][isa.AluRsh], r, 0, 0, int64(min(n, 31+32*w)))
		if n == 32+32*w {
			g.emit(aluImm[1][isa.AluAnd], r, 0, 0, 0)
		}
		g.set(r, between(0, mask(slack)))
		return
	case 5: // shift up and down
		n := int64(64 - bits.Len64(mask(slack)))
		if n < 64 {
			g.emit(isa.OpLsh64Imm, r, 0, 0, n)
			g.emit(isa.OpRsh64Imm, r, 0, 0, n)
			if g.oops() {
				g.insns[len(g.insns)-1] = isa.New(isa.OpArsh64Imm, r, 0, 0, n)
			}
		} else {
			g.emit(isa.OpAnd64Imm, r, 0, 0, 0)
		}
		g.set(r, between(0, mask(slack)))
		return
	case 6, 7: // one unsigned comparison
		g.above(1, r, k)
	case 8: // of the low half, zero-extended before
		g.emit(isa.OpMov32Reg, r, r, 0, 0)
		if g.oops() {
			g.insns = g.insns[:len(g.insns)-1]
		}
		g.above(0, r, k)
	case 9: // of the low half, zero-extended behind
		g.above(0, r, k)
		if !g.oops() {
			g.emit(isa.OpMov32Reg, r, r, 0, 0)
		}
	case 10, 11: // two signed comparisons
		w := g.n(2)
		if w == 0 {
			g.emit(isa.OpMov32Reg, r, r, 0, 0)
		}
		high := !g.oops()
		if !g.oops() {
			if g.chance(50) {
				g.bailOn(condImm[w][isa.CondSlt], r, 0, 0)
			} else {
				g.bailOn(condImm[w][isa.CondSle], r, 0, -1)
			}
		}
		if high {
			if g.chance(50) {
				g.bailOn(condImm[w][isa.CondSgt], r, 0, k)
			} else {
				g.bailOn(condImm[w][isa.CondSge], r, 0, k+1)
			}
		}
	case 12: // against a register
		t := g.temp(r)
		if t == r {
			g.above(1, r, k)
			break
		}
		g.constant(t, k)
		g.compareReg(r, t)
	case 13: // through a copy
		t := g.temp(r)
		if t == r {
			g.above(1, r, k)
			break
		}
		g.move(t, r)
		if g.chance(30) {
			d := int64(1 + g.n(8))
			g.emit(isa.OpAdd64Imm, t, 0, 0, d)
			g.above(1, r, max(k-d, 0))
			g.set(t, between(0, slack+uint64(d)))
		} else {
			g.above(1, t, k)
		}
		g.set(t, value{kind: scalar, hi: math.MaxUint64})
	case 14: // of a copy in memory
		s := g.slot(1)
		g.emit(isa.OpStxDW, isa.R10, r, slotOff(s), 0)
		g.f.stack[s] = value{kind: scalar, hi: math.MaxUint64}
		g.above(1, r, k)
		g.emit(isa.OpLdxDW, r, isa.R10, slotOff(s), 0)
	case 15: // bits that must not be there
		if m := mask(slack); m < math.MaxInt32 {
			g.bailOn(condImm[1][isa.CondSet], r, 0, int64(^m))
			g.set(r, between(0, m))
			return
		}
		g.above(1, r, k)
	case 16: // the smaller of two
		over := g.newLabel()
		w := g.n(2)
		if w == 0 {
			g.emit(isa.OpMov32Reg, r, r, 0, 0)
		}
		g.jump(condImm[w][isa.CondLe], r, 0, k, over)
		g.constantAt(r, k)
		g.place(over)
	case 17: // one of few values
		done := g.newLabel()
		for i := range 1 + g.n(3) {
			g.jump(condImm[1][isa.CondEq], r, 0, max(k-int64(i), 0), done)
		}
		g.emit(isa.OpMov64Imm, r, 0, 0, 0)
		g.place(done)
	case 18: // a byte
		if slack >= 255 {
			s := g.slot(1)
			g.emit(isa.OpStxB, isa.R10, r, slotOff(s)+int16(g.n(8)), 0)
			g.emit(isa.OpLdxB, r, isa.R10, g.insns[len(g.insns)-1].Off, 0)
			g.f.stack[s] = value{}
			g.set(r, between(0, 255))
			return
		}
		g.above(1, r, k)
	case 3: // a range that does not start at 0
		lo := int64(g.n(int(min(slack, 16)) + 1))
		if g.chance(50) {
			g.bailOn(condImm[1][isa.CondLt], r, 0, lo)
			g.above(1, r, k)
		} else {
			g.above(1, r, k)
			g.bailOn(condImm[1][isa.CondLt], r, 0, lo)
		}
		g.set(r, between(uint64(lo), slack))
		return
	}
	g.set(r, between(0, slack))
}

// constantAt loads a small number in one instruction.
func (g *gen) constantAt(r isa.Reg, v int64) {
	g.emit(aluImm[g.n(2)][isa.AluMov], r, 0, 0, v)
}

// above leaves for the bail label when the number in r is above k.
func (g *gen) above(w int, r isa.Reg, k int64) {
	if g.oops() {
		k++
	}
	switch g.n(4) {
	case 0:
		g.bailOn(condImm[w][isa.CondGt], r, 0, k)
	case 1:
		g.bailOn(condImm[w][isa.CondGe], r, 0, k+1)
	case 2:
		ok := g.newLabel()
		g.jump(condImm[w][isa.CondLe], r, 0, k, ok)
		g.jump(isa.OpJa, 0, 0, 0, g.f.bail)
		g.place(ok)
	case 3:
		ok := g.newLabel()
		g.jump(condImm[w][isa.CondLt], r, 0, k+1, ok)
		g.jump(isa.OpJa, 0, 0, 0, g.f.bail)
		g.place(ok)
	}
}

// compareReg leaves for the bail label when r is above t.
func (g *gen) compareReg(r, t isa.Reg) {
	a, b := r, t
	if g.oops() {
		a, b = b, a
	}
	switch g.n(3) {
	case 0:
		g.bailOn(condReg[1][isa.CondGt], a, b, 0)
	case 1:
		g.bailOn(condReg[1][isa.CondLt], b, a, 0)
	case 2:
		ok := g.newLabel()
		g.jump(condReg[1][isa.CondLe], a, b, 0, ok)
		g.jump(isa.OpJa, 0, 0, 0, g.f.bail)
		g.place(ok)
	}
}

// mask is the largest 2^n-1 that is at most v.
func mask(v uint64) uint64 { return ones(v+1) >> 1 }

// branch emits a comparison of a number, with statements on either side.
func (g *gen) branch() {
	r := g.number()
	w := g.n(2)
	c := pickOne(g.r, condOps)
	other, end := g.newLabel(), g.newLabel()
	if s, ok := g.find(func(v *value) bool { return v.kind == scalar }); ok && g.chance(25) {
		g.jump(condReg[w][c], r, s, 0, other)
	} else {
		k := g.imm()
		if v := g.f.regs[r]; v.hi < math.MaxInt32 && g.chance(60) {
			k = int64(v.lo) + int64(g.n(int(v.hi-v.lo)+1))
		}
		g.jump(condImm[w][c], r, 0, k, other)
	}
	before := g.snapshot()
	g.nested(1 + g.n(2))
	both := g.chance(50)
	if both {
		g.jump(isa.OpJa, 0, 0, 0, end)
	}
	one := g.snapshot()
	g.restore(before)
	g.place(other)
	if both {
		g.nested(1 + g.n(2))
	}
	g.merge(one)
	g.place(end)
}

// model is what is believed at one place.
type model struct {
	regs  [11]value
	stack [64]value
}

func (g *gen) snapshot() model { return model{g.f.regs, g.f.stack} }

func (g *gen) restore(m model) { g.f.regs, g.f.stack = m.regs, m.stack }

// merge keeps what holds on this path and on another.
func (g *gen) merge(m model) {
	for i := range g.f.regs {
		g.f.regs[i] = join(g.f.regs[i], m.regs[i])
	}
	for i := range g.f.stack {
		g.f.stack[i] = join(g.f.stack[i], m.stack[i])
	}
}

// forget leaves only what nothing changes: locked registers.
func (g *gen) forget() {
	for r := isa.R0; r < isa.R10; r++ {
		if !g.isLocked(r) {
			g.f.regs[r] = value{}
		}
	}
	for i := range g.f.stack {
		if g.f.slots>>i&1 == 0 {
			g.f.stack[i] = value{}
		}
	}
}

// nested makes a few statements inside another.
func (g *gen) nested(n int) {
	g.depth++
	for range n {
		g.statement()
	}
	g.depth--
}
