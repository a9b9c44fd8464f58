package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// memoryHelper calls a helper on size bytes at r1, which the stack holds.
func (g *gen) memoryHelper(p isa.Reg, size int) {
	c, have := g.ctx()
	switch {
	case g.p.family&famTrace != 0 && g.chance(50):
		g.emit(isa.OpMov64Reg, isa.R1, p, 0, 0)
		g.constantAt(isa.R2, int64(size))
		g.constantAt(isa.R3, 0)
		g.call(113, anyNumber()) // probe_read_kernel
	case g.p.family&famSkb != 0 && have && c >= isa.R6 && g.chance(50):
		g.emit(isa.OpMov64Reg, isa.R3, p, 0, 0)
		g.move(isa.R1, c)
		g.constantAt(isa.R2, 0)
		g.constantAt(isa.R4, int64(size))
		g.call(26, anyNumber()) // skb_load_bytes
	default:
		g.emit(isa.OpMov64Reg, isa.R2, p, 0, 0)
		g.loadMap(isa.R1, ringbufMap)
		g.constantAt(isa.R3, int64(size))
		g.constantAt(isa.R4, 0)
		g.call(130, anyNumber()) // ringbuf_output
	}
}

// sizedHelper passes a helper memory and a size that is a constant, bounded, or neither.
func (g *gen) sizedHelper() {
	if g.f.lock {
		return
	}
	n := 1 + g.n(6)
	var room int
	var base isa.Reg
	var off int16
	size := isa.R5
	if p, ok := g.find(func(v *value) bool { return v.pointsToMemory() && v.room() > 0 }); ok && g.chance(40) {
		base, room = p, g.f.regs[p].room()
		if g.f.regs[p].rdonly && !g.oops() {
			return
		}
	} else {
		base, room = isa.R10, 8*n
		off = g.bytes(8 * n)
	}
	if base < isa.R6 {
		k, ok := g.spare(base)
		if !ok {
			return
		}
		base = k
	}
	// The size, in a register that outlives what follows.
	zero := g.chance(50)
	if g.chance(50) {
		k := int64(1 + g.n(room))
		if g.chance(40) {
			k = int64(room)
		}
		if g.oops() {
			k = int64(room + 1)
		}
		g.constant(size, k)
	} else {
		s := g.source()
		if g.isLocked(s) || s == base || g.f.regs[s].kind != scalar {
			return
		}
		if !g.oops() {
			if room > 1 && !zero {
				w := g.n(2)
				g.emit(aluImm[1][isa.AluAnd], s, 0, 0, int64(mask(uint64(room-1))))
				g.emit(aluImm[w][isa.AluAdd], s, 0, 0, 1)
			} else {
				g.bound(s, uint64(room))
			}
		}
		if s != size {
			g.emit(aluReg[1][isa.AluMov], size, s, 0, 0)
		}
	}
	g.set(size, anyNumber())
	c, have := g.ctx()
	arg := func(r isa.Reg) {
		g.emit(isa.OpMov64Reg, r, base, 0, 0)
		if off != 0 {
			g.emit(isa.OpAdd64Imm, r, 0, 0, int64(off))
		}
	}
	switch k := g.n(6); {
	case k == 0 && g.p.family&famTrace != 0:
		g.emit(isa.OpMov64Reg, isa.R2, size, 0, 0)
		arg(isa.R1)
		g.constantAt(isa.R3, 0)
		g.call([...]int64{113, 115, 112, 114}[g.n(4)], anyNumber())
	case k <= 2 && g.p.family&famSkb != 0 && have && c != size:
		if c < isa.R6 {
			return
		}
		g.emit(isa.OpMov64Reg, isa.R4, size, 0, 0)
		arg(isa.R3)
		g.constantAt(isa.R2, int64(g.n(20)))
		g.move(isa.R1, c)
		g.call(26, anyNumber())
	case k == 3 && g.p.family&famPerf != 0 && have && c != size && c >= isa.R6:
		arg(isa.R4)
		g.move(isa.R1, c)
		g.loadMap(isa.R2, perfMap)
		g.emit(isa.OpMov32Imm, isa.R3, 0, 0, -1)
		g.call(25, anyNumber())
	case k == 4 && g.p.family&famCsum != 0:
		g.emit(isa.OpMov64Reg, isa.R2, size, 0, 0)
		g.emit(isa.OpAnd64Imm, isa.R2, 0, 0, -4)
		arg(isa.R1)
		g.constantAt(isa.R3, 0)
		g.constantAt(isa.R4, 0)
		g.constantAt(isa.R5, 0)
		g.call(28, anyNumber()) // csum_diff
	default:
		g.emit(isa.OpMov64Reg, isa.R3, size, 0, 0)
		arg(isa.R2)
		g.loadMap(isa.R1, ringbufMap)
		g.constantAt(isa.R4, 0)
		g.call(130, anyNumber())
	}
	if base == isa.R10 {
		for i := range g.f.stack {
			if g.f.slots>>i&1 == 0 {
				g.f.stack[i] = value{}
			}
		}
	}
}

// updateMap writes, reads or deletes an element by helper.
func (g *gen) updateMap() {
	if g.f.lock {
		return
	}
	m := pickOne(g.r, lookupMaps)
	mp := palette[m]
	if mp.Flags&flagRdonlyProg != 0 && !g.oops() {
		return
	}
	if g.chance(25) && mp.Type != mapArray && mp.Type != mapPercpuArray || g.oops() {
		g.key(isa.R2, int(mp.KeySize), int(mp.MaxEntries))
		g.loadMap(isa.R1, m)
		g.call(3, anyNumber())
		return
	}
	size := int(mp.ValueSize)
	if p, ok := g.find(func(v *value) bool { return v.pointsToMemory() && v.room() >= size }); ok && p >= isa.R6 && g.chance(50) {
		g.key(isa.R2, int(mp.KeySize), int(mp.MaxEntries))
		o := int16(g.n(g.f.regs[p].room() - size + 1))
		if g.oops() {
			o = int16(g.f.regs[p].room() - size + 1)
		}
		g.pointAt(isa.R3, p, o)
	} else {
		off := g.bytes(min(size, 120))
		if g.oops() {
			off = -int16(size) + 4
		}
		s := g.f.slots
		for i := range 16 {
			if at := int(-off)/8 - 1 - i; at >= 0 && i*8 < size {
				g.f.slots |= 1 << at
			}
		}
		g.key(isa.R2, int(mp.KeySize), int(mp.MaxEntries))
		g.f.slots = s
		g.pointAt(isa.R3, isa.R10, off)
	}
	g.loadMap(isa.R1, m)
	if !g.oops() {
		g.constantAt(isa.R4, int64(g.n(3)))
	}
	g.call(2, anyNumber())
}

// mapInMap looks a map up in another and an element up in that.
func (g *gen) mapInMap() {
	if g.f.lock {
		return
	}
	m := pickOne(g.r, outerMaps)
	mp := palette[m]
	g.key(isa.R2, int(mp.KeySize), int(mp.MaxEntries))
	g.loadMap(isa.R1, m)
	g.call(1, value{kind: none})
	if !g.oops() {
		g.bailOn(condImm[1][isa.CondEq], isa.R0, 0, 0)
	}
	in, ok := g.kept()
	if !ok {
		return
	}
	g.emit(isa.OpMov64Reg, in, isa.R0, 0, 0)
	g.set(in, value{})
	g.key(isa.R2, int(mp.Inner.KeySize), int(mp.Inner.MaxEntries))
	g.emit(isa.OpMov64Reg, isa.R1, in, 0, 0)
	g.call(1, value{kind: mapNull, m: -1 - m, size: mp.Inner.ValueSize})
	if p, ok := g.testNull(isa.R0); ok {
		g.touch(p)
	}
}

// queue pushes, pops or peeks.
func (g *gen) queue() {
	if g.f.lock {
		return
	}
	m := pickOne(g.r, queueMaps)
	off := g.bytes(int(palette[m].ValueSize))
	if g.oops() {
		off = -4
	}
	id := [...]int64{87, 88, 89}[g.n(3)]
	g.pointAt(isa.R2, isa.R10, off)
	g.loadMap(isa.R1, m)
	if id == 87 {
		g.constantAt(isa.R3, int64(2*g.n(2)))
	}
	g.call(id, anyNumber())
}

// tailCall calls another program.
func (g *gen) tailCall() {
	c, ok := g.ctx()
	if !ok || g.f.lock || g.f.held > 0 && !g.oops() {
		return
	}
	if g.f.kind != fnMain && !g.oops() {
		return
	}
	if c, ok = g.spare(c); !ok {
		return
	}
	if r, have := g.findKind(scalar); have && g.chance(40) {
		if r != isa.R3 {
			g.move(isa.R3, r)
		}
	} else {
		g.constant(isa.R3, int64(g.n(6)))
	}
	if c != isa.R1 {
		g.move(isa.R1, c)
	}
	m := progArrayMap
	if g.oops() {
		m = pickOne(g.r, lookupMaps)
	}
	g.loadMap(isa.R2, m)
	g.call(12, value{})
	for i := range g.f.regs {
		if k := g.f.regs[i].kind; k == pktPtr || k == pktEnd {
			g.f.regs[i] = value{}
		}
	}
	for i := range g.f.stack {
		if k := g.f.stack[i].kind; k == pktPtr || k == pktEnd {
			g.f.stack[i] = value{}
		}
	}
}

// frozen loads from read-only data and decides by it.
func (g *gen) frozen() {
	mp := palette[rodataMap]
	d := g.dst()
	size := g.fit(8)
	off := size * g.n(int(mp.ValueSize)/size)
	g.lddw(isa.OpLddwMapValue, d, int64(off)<<32|int64(g.mapIndex(rodataMap)))
	e := g.dst(d)
	op := loads[size]
	if size < 8 && g.chance(20) {
		op = loadsSX[size]
	}
	g.emit(op, e, d, 0, 0)
	v := uint64(0)
	for i := size - 1; i >= 0; i-- {
		v = v<<8 | uint64(mp.Contents[off+i])
	}
	if op != loads[size] {
		shift := 64 - 8*size
		v = uint64(int64(v<<shift) >> shift)
	}
	g.set(e, between(v, v))
	if e != d {
		g.set(d, value{kind: mapVal, m: rodataMap, off: int32(off), size: mp.ValueSize, rdonly: true})
	}
	if v > math.MaxInt32 || !g.chance(60) {
		return
	}
	k := int64(v)
	c := isa.CondNe
	switch g.n(3) {
	case 0:
		c = isa.CondGt
	case 1:
		c = isa.CondLt
	}
	if g.oops() {
		c = isa.CondEq
	}
	g.jump(condImm[g.n(2)][c], e, 0, k, g.f.bad)
}
