package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// source loads a number from somewhere into a register and returns it.
func (g *gen) source() isa.Reg {
	for range 3 {
		switch g.n(6) {
		case 0, 1:
			if c, ok := g.ctx(); ok && len(g.p.fields) > 0 {
				f := pickOne(g.r, g.p.fields)
				d := g.dst(c)
				g.emit(loads[int(f.size)], d, c, f.off, 0)
				g.set(d, between(0, math.MaxUint64>>(64-8*f.size)))
				return d
			}
		case 2:
			if g.f.lock {
				continue
			}
			id := [...]int64{7, 5}[g.n(2)]
			v := anyNumber()
			if id != 5 {
				v.hi = math.MaxUint32
			}
			g.call(id, v)
			return isa.R0
		case 3:
			if r, ok := g.find(func(v *value) bool { return v.pointsToMemory() && v.room() > 0 }); ok {
				return g.loadFrom(r)
			}
		case 4:
			s := -1
			for i := range g.f.stack {
				if g.f.stack[i].kind == scalar && (s < 0 || g.chance(50)) {
					s = i
				}
			}
			if s >= 0 {
				d := g.dst()
				g.emit(isa.OpLdxDW, d, isa.R10, slotOff(s), 0)
				g.set(d, g.f.stack[s])
				return d
			}
		case 5:
			d := g.dst()
			g.constant(d, g.imm())
			return d
		}
	}
	if g.f.lock {
		d := g.dst()
		g.constant(d, g.imm())
		return d
	}
	g.call(7, between(0, math.MaxUint32))
	return isa.R0
}

// loadFrom loads a number through a pointer that has room.
func (g *gen) loadFrom(p isa.Reg) isa.Reg {
	v := g.f.regs[p]
	size := g.fit(v.room())
	d := g.dst(p)
	op := loads[size]
	hi := uint64(math.MaxUint64) >> (64 - 8*size)
	if size < 8 && g.chance(25) {
		op, hi = loadsSX[size], math.MaxUint64
	}
	g.emit(op, d, p, int16(g.n(v.room()-size+1)), 0)
	g.set(d, between(0, hi))
	return d
}

// fit picks an access size of at most room bytes.
func (g *gen) fit(room int) int {
	for {
		if s := 1 << g.n(4); s <= room || s == 1 {
			return s
		}
	}
}

// arithmetic changes numbers.
func (g *gen) arithmetic() {
	r := g.writable()
	for range 1 + g.n(4) {
		g.alu(r)
	}
}

// alu emits one operation on a number.
func (g *gen) alu(r isa.Reg) {
	w := g.n(2)
	v := g.f.regs[r]
	wide := func(size int) value { return between(0, math.MaxUint64>>(64-size)) }
	switch g.n(14) {
	case 0:
		op := pickOne(g.r, swaps)
		g.emit(op, r, 0, 0, 0)
		g.set(r, wide(int(op.Info().Width)))
		return
	case 1:
		op := pickOne(g.r, movsx[w])
		s := r
		if g.chance(40) {
			s = g.number()
		}
		if g.isLocked(r) {
			return
		}
		g.emit(op, r, s, 0, 0)
		g.set(r, wide(32+32*w))
		return
	case 2:
		g.emit(aluImm[w][isa.AluNeg], r, 0, 0, 0)
		g.set(r, wide(32+32*w))
		return
	case 3:
		s := g.number()
		if s != r || g.chance(20) {
			g.emit(aluReg[w][isa.AluMov], r, s, 0, 0)
			v = g.f.regs[s]
			if w == 0 {
				v = low32(v)
			}
			g.set(r, v)
		}
		return
	}
	op := pickOne(g.r, aluOps)
	if g.chance(30) {
		if s, ok := g.find(func(v *value) bool { return v.kind == scalar }); ok {
			g.emit(aluReg[w][op], r, s, 0, 0)
			g.set(r, after(op, w == 1, v, g.f.regs[s]))
			return
		}
	}
	k := g.imm()
	switch op {
	case isa.AluLsh, isa.AluRsh, isa.AluArsh:
		if k = int64(g.n(32 + 32*w)); g.oops() {
			k = int64(32+32*w) + int64(g.n(2))
		}
	case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod:
		if k == 0 && !g.oops() {
			k = 3
		}
	case isa.AluMul:
		if g.chance(70) {
			k = int64(g.n(20))
		}
	}
	g.emit(aluImm[w][op], r, 0, 0, k)
	b := known(k)
	g.set(r, after(op, w == 1, v, b))
}

// assert jumps to code that must not be reached when a number is beyond what
// interval arithmetic knows of it: a verifier that knows less refuses.
func (g *gen) assert() {
	r, ok := g.find(func(v *value) bool { return v.kind == scalar && (v.hi < math.MaxInt32 || v.lo > 0) })
	if !ok {
		r = g.writable()
		g.bound(r, uint64(1+g.n(300)))
		for range 1 + g.n(3) {
			g.alu(r)
		}
	}
	v := g.f.regs[r]
	switch {
	case v.hi <= math.MaxInt32 && (v.lo == 0 || g.chance(60)):
		k := int64(v.hi)
		if g.oops() && k > 0 {
			k -= 1 + int64(g.n(2))
		}
		c := pickOne(g.r, []isa.CondOp{isa.CondGt, isa.CondGt, isa.CondSgt, isa.CondGe, isa.CondSge, isa.CondEq})
		if c == isa.CondGe || c == isa.CondSge || c == isa.CondEq {
			k++
		}
		if k <= math.MaxInt32 {
			g.jump(condImm[g.n(2)][c], r, 0, k, g.f.bad)
		}
	case v.lo > 0 && v.lo <= math.MaxInt32:
		k := int64(v.lo)
		if g.oops() {
			k++
		}
		w := 1
		if v.hi <= math.MaxUint32 {
			w = g.n(2)
		}
		c := pickOne(g.r, []isa.CondOp{isa.CondLt, isa.CondLt, isa.CondLe, isa.CondEq})
		if c != isa.CondLt {
			k--
		}
		g.jump(condImm[w][c], r, 0, k, g.f.bad)
	default:
		k := g.imm()
		g.jump(condImm[g.n(2)][pickOne(g.r, condOps)], r, 0, k, g.f.bail)
	}
}
