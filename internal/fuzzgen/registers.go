package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

func (g *gen) lock(r isa.Reg)          { g.f.locked |= 1 << r }
func (g *gen) unlock(r isa.Reg)        { g.f.locked &^= 1 << r }
func (g *gen) isLocked(r isa.Reg) bool { return g.f.locked>>r&1 != 0 }

func (g *gen) set(r isa.Reg, v value) { g.f.regs[r] = v }

// find returns a random register whose value fits.
func (g *gen) find(fit func(*value) bool) (isa.Reg, bool) {
	var list [10]isa.Reg
	n := 0
	for r := isa.R0; r < isa.R10; r++ {
		if g.f.regs[r].kind != none && fit(&g.f.regs[r]) {
			list[n] = r
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return list[g.n(n)], true
}

func (g *gen) findKind(k kind) (isa.Reg, bool) {
	return g.find(func(v *value) bool { return v.kind == k })
}

// temp returns a register to write to that a call may lose, other than those given.
func (g *gen) temp(not ...isa.Reg) isa.Reg { return g.room(isa.R0, isa.R5, not) }

// kept returns a register to write to that outlives calls, or false when all of
// them are in use for good.
func (g *gen) kept(not ...isa.Reg) (isa.Reg, bool) {
	for r := isa.R6; r <= isa.R9; r++ {
		if !g.isLocked(r) && !has(not, r) {
			return g.room(isa.R6, isa.R9, not), true
		}
	}
	return 0, false
}

// dst returns any register to write to.
func (g *gen) dst(not ...isa.Reg) isa.Reg {
	if g.chance(35) {
		if r, ok := g.kept(not...); ok {
			return r
		}
	}
	return g.temp(not...)
}

func has(list []isa.Reg, r isa.Reg) bool {
	for _, x := range list {
		if x == r {
			return true
		}
	}
	return false
}

// room picks a register between two that is not locked, empty ones first.
func (g *gen) room(from, to isa.Reg, not []isa.Reg) isa.Reg {
	var empty, all [11]isa.Reg
	e, n := 0, 0
	for r := from; r <= to; r++ {
		if g.isLocked(r) || has(not, r) {
			continue
		}
		all[n] = r
		n++
		if g.f.regs[r].kind == none {
			empty[e] = r
			e++
		}
	}
	switch {
	case e > 0 && g.chance(70):
		return empty[g.n(e)]
	case n > 0:
		return all[g.n(n)]
	}
	return from
}

// move copies a register.
func (g *gen) move(to, from isa.Reg) {
	g.emit(isa.OpMov64Reg, to, from, 0, 0)
	g.set(to, g.f.regs[from])
}

// clobber forgets what a call loses.
func (g *gen) clobber() {
	for r := isa.R0; r <= isa.R5; r++ {
		g.f.regs[r] = value{}
	}
}

// call emits a helper call.
func (g *gen) call(id int64, ret value) {
	g.emit(isa.OpCallHelper, 0, 0, 0, id)
	g.clobber()
	g.set(isa.R0, ret)
}

// spare makes sure that a pointer is not in a register that the next call loses: it
// returns where it is now, or false.
func (g *gen) spare(r isa.Reg) (isa.Reg, bool) {
	if r >= isa.R6 {
		return r, true
	}
	k, ok := g.kept()
	if !ok {
		return 0, false
	}
	g.move(k, r)
	return k, true
}

// mapIndex is the number of a palette map in this program.
func (g *gen) mapIndex(m int) int {
	mp := palette[m]
	at, ok := g.mapAt[mp]
	if !ok {
		at = len(g.maps)
		g.maps = append(g.maps, mp)
		g.mapAt[mp] = at
	}
	return at
}

// loadMap loads a reference to a map.
func (g *gen) loadMap(r isa.Reg, m int) {
	g.lddw(isa.OpLddwMapFD, r, int64(g.mapIndex(m)))
	g.set(r, value{kind: mapPtr, m: m})
}

// constant loads a number.
func (g *gen) constant(r isa.Reg, v int64) {
	switch {
	case v < math.MinInt32 || v > math.MaxInt32 || g.chance(4):
		g.lddw(isa.OpLddw, r, v)
	case v >= 0 && g.chance(30):
		g.emit(isa.OpMov32Imm, r, 0, 0, v)
	default:
		g.emit(isa.OpMov64Imm, r, 0, 0, v)
	}
	g.set(r, known(v))
}

var edges = []int64{0, 1, -1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000,
	0x7ffffffe, 0x7fffffff, -0x80000000, -2, -7, -8, -128, -32768, 0x55555555, 0x0f0f0f0f, 0x12345678, 1000, 4095, 4096}

// imm is a number worth trying.
func (g *gen) imm() int64 {
	switch g.n(8) {
	case 0, 1, 2:
		return pickOne(g.r, edges)
	case 3:
		return int64(1) << g.n(31)
	case 4:
		return int64(1)<<g.n(31) - 1
	case 5:
		return int64(int32(g.r.Uint32()))
	}
	return int64(g.n(64))
}

// bailOn emits a conditional jump to the place of failed checks.
func (g *gen) bailOn(op isa.Op, dst, src isa.Reg, imm int64) { g.jump(op, dst, src, imm, g.f.bail) }

// ctx returns a register that holds the context.
func (g *gen) ctx() (isa.Reg, bool) {
	return g.find(func(v *value) bool { return v.kind == ctxPtr && v.off == 0 })
}

// number returns a register that holds some number, making one if need be.
func (g *gen) number() isa.Reg {
	if g.chance(75) {
		if r, ok := g.find(func(v *value) bool { return v.kind == scalar }); ok {
			return r
		}
	}
	return g.source()
}

// writable returns a register that holds a number and may be changed.
func (g *gen) writable() isa.Reg {
	r := g.number()
	if !g.isLocked(r) {
		return r
	}
	d := g.dst(r)
	g.move(d, r)
	return d
}
