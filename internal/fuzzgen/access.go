package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// object returns a register that points to memory with room, making one if need be.
func (g *gen) object() (isa.Reg, bool) {
	if r, ok := g.find(func(v *value) bool { return v.pointsToMemory() && v.room() > 0 }); ok && g.chance(75) {
		return r, true
	}
	switch g.n(5) {
	case 0:
		return g.direct(), true
	case 1:
		if g.p.data >= 0 {
			return g.packet()
		}
	}
	if g.f.lock {
		return 0, false
	}
	return g.lookup()
}

// direct loads the address of a value.
func (g *gen) direct() isa.Reg {
	m := pickOne(g.r, directMaps)
	mp := palette[m]
	off := 0
	if g.chance(60) {
		off = g.n(int(mp.ValueSize))
	}
	if g.oops() {
		off = int(mp.ValueSize) - 1 + g.n(3)
	}
	d := g.dst()
	g.lddw(isa.OpLddwMapValue, d, int64(off)<<32|int64(g.mapIndex(m)))
	g.set(d, value{kind: mapVal, m: m, off: int32(off), size: mp.ValueSize, rdonly: mp.Flags&flagRdonlyProg != 0})
	return d
}

// lookup looks an element up and, mostly, tests the result.
func (g *gen) lookup() (isa.Reg, bool) {
	m := pickOne(g.r, lookupMaps)
	if g.p.family&famNoLock == 0 && g.chance(5) {
		m = pickOne(g.r, lockMaps)
	}
	mp := palette[m]
	g.key(isa.R2, int(mp.KeySize), int(mp.MaxEntries))
	g.loadMap(isa.R1, m)
	v := value{kind: mapNull, m: m, size: mp.ValueSize, rdonly: mp.Flags&flagRdonlyProg != 0, wronly: mp.Flags&flagWronlyProg != 0}
	g.call(1, v)
	return g.testNull(isa.R0)
}

// key makes a key in memory and points r at it.
func (g *gen) key(r isa.Reg, size, entries int) {
	if p, ok := g.find(func(v *value) bool { return v.kind == mapVal && v.room() >= size }); ok && g.chance(12) {
		g.pointAt(r, p, 0)
		return
	}
	if size == 4 && g.chance(60) {
		s := g.slot(1)
		off := slotOff(s) + int16(4*g.n(2))
		g.f.stack[s] = value{}
		if n, ok := g.find(func(v *value) bool { return v.kind == scalar }); ok && g.chance(30) {
			g.emit(isa.OpStxW, isa.R10, n, off, 0)
		} else {
			k := int64(g.n(max(entries, 1)))
			if g.chance(10) {
				k = int64(entries) + int64(g.n(3)) - 1
			}
			g.emit(isa.OpStW, isa.R10, 0, off, k)
		}
		if g.oops() {
			off -= 2
		}
		g.pointAt(r, isa.R10, off)
		return
	}
	off := g.bytes(max(size, 1))
	if g.oops() {
		off += 4
	}
	g.pointAt(r, isa.R10, off)
}

// pointAt makes r point off bytes from p.
func (g *gen) pointAt(r, p isa.Reg, off int16) {
	v := g.f.regs[p]
	if r != p {
		g.emit(isa.OpMov64Reg, r, p, 0, 0)
	}
	if off != 0 {
		if off < 0 && g.slip() {
			g.emit(isa.OpSub64Imm, r, 0, 0, -int64(off))
		} else {
			g.emit(isa.OpAdd64Imm, r, 0, 0, int64(off))
		}
	}
	v.off += int32(off)
	g.set(r, v)
}

// testNull compares a pointer with NULL and returns where it is to be used.
func (g *gen) testNull(r isa.Reg) (isa.Reg, bool) {
	v := g.f.regs[r]
	use := r
	if g.chance(25) { // first moved elsewhere
		d := g.dst(r)
		if d != r {
			g.move(d, r)
			if g.chance(50) {
				use = d
			}
		}
	}
	if g.oops() { // not at all
		v.kind = notNull(v.kind)
		g.set(use, v)
		return use, true
	}
	test := r
	w := 1
	if g.oops() {
		switch g.n(3) {
		case 0:
			w = 0
		case 1:
			test = g.dst(r)
			g.emit(isa.OpMov64Reg, test, r, 0, 0)
			g.emit(isa.OpAdd64Imm, test, 0, 0, int64(4*g.n(2)))
		case 2:
			test = isa.R10
		}
	}
	c := g.n(4)
	if g.oops() {
		c = 4
	}
	switch c {
	case 0, 1, 2:
		g.bailOn(condImm[w][isa.CondEq], test, 0, 0)
	case 3:
		ok := g.newLabel()
		g.jump(condImm[w][isa.CondNe], test, 0, 0, ok)
		if g.f.held == 0 && g.chance(50) && g.f.kind == fnMain {
			g.emit(isa.OpMov64Imm, isa.R0, 0, 0, g.p.retLo)
			g.emit(isa.OpExit, 0, 0, 0, 0)
		} else {
			g.jump(isa.OpJa, 0, 0, 0, g.f.bail)
		}
		g.place(ok)
	case 4: // with a register that is 0, which the kernel does not take for a test
		z := g.dst(r, use, test)
		if z == r || z == use || z == test {
			g.bailOn(condImm[w][isa.CondEq], test, 0, 0)
			break
		}
		g.constant(z, 0)
		g.bailOn(condReg[1][isa.CondEq], test, z, 0)
	}
	v.kind = notNull(v.kind)
	for i := range g.f.regs {
		if o := g.f.regs[i]; o.kind != none && o.kind != scalar && notNull(o.kind) == v.kind && o.m == v.m && o.size == v.size && (isa.Reg(i) == r || isa.Reg(i) == use) {
			g.f.regs[i].kind = v.kind
		}
	}
	return use, true
}

func notNull(k kind) kind {
	switch k {
	case mapNull:
		return mapVal
	case memNull:
		return memPtr
	case sockNull:
		return sockPtr
	}
	return k
}

// access touches memory through a pointer.
func (g *gen) access() {
	p, ok := g.object()
	if !ok {
		return
	}
	g.touch(p)
}

// touch loads, stores or computes atomically within what p points to.
func (g *gen) touch(p isa.Reg) {
	v := g.f.regs[p]
	if v.room() <= 0 || !v.pointsToMemory() && !v.wronly {
		return
	}
	if g.chance(35) {
		if q, ok := g.indexed(p); ok {
			p, v = q, g.f.regs[q]
			if v.room() <= 0 {
				return
			}
		}
	}
	size := g.fit(v.room())
	off := g.n(v.room() - size + 1)
	if g.chance(25) {
		off = v.room() - size
	}
	if v.kind != pktPtr && g.chance(10) && v.vmax == 0 {
		off = -int(v.off)
	}
	if g.oops() {
		switch g.n(3) {
		case 0, 1:
			off = v.room() - size + 1
		case 2:
			off = -int(v.off) - 1
		}
	}
	g.touchAt(p, size, int16(off))
}

func (g *gen) touchAt(p isa.Reg, size int, off int16) {
	v := g.f.regs[p]
	ro := v.rdonly || v.kind == pktPtr && !g.p.pktWrite
	c := g.n(20)
	if v.wronly && !g.oops() {
		c = 9
	}
	switch {
	case c < 9 || ro && !g.oops():
		d := g.dst()
		if d == p && g.chance(70) {
			d = g.dst(p)
		}
		op, hi := loads[size], uint64(math.MaxUint64)>>(64-8*size)
		switch {
		case size < 8 && g.chance(15):
			op, hi = loadsSX[size], math.MaxUint64
		case g.chance(6):
			op = loadsAcq[size]
		}
		g.emit(op, d, p, off, 0)
		g.set(d, between(0, hi))
	case c < 15:
		g.storeAt(p, off, size, g.chance(50))
	case c < 16:
		if s, ok := g.find(func(v *value) bool { return v.kind == scalar }); ok {
			g.emit(storeRel[size], p, s, off, 0)
		}
	case c < 17 && v.kind == mapVal:
		if s, ok := g.find(func(v *value) bool { return v.kind != none }); ok && s != p {
			g.emit(stores[size], p, s, off, 0)
		}
	default:
		g.atomicAt(p, size, off)
	}
}

// indexed makes a pointer into what p points to with a bounded number added.
func (g *gen) indexed(p isa.Reg) (isa.Reg, bool) {
	v := g.f.regs[p]
	if !g.isLocked(p) && g.chance(50) {
		g.lock(p)
		defer g.unlock(p)
	}
	r := g.writable()
	if r == p || g.f.regs[p] != v {
		return 0, false
	}
	size := g.fit(v.room())
	limit := v.room() - size
	shift := g.n(4)
	if g.chance(50) {
		shift = 0
	}
	g.bound(r, uint64(limit>>shift))
	if g.f.regs[p] != v {
		return 0, false
	}
	x := g.f.regs[r]
	switch {
	case shift > 0 && g.chance(70):
		w := g.n(2)
		g.emit(aluImm[w][isa.AluLsh], r, 0, 0, int64(shift))
		x = between(x.lo<<shift, x.hi<<shift)
	case shift > 0:
		g.emit(isa.OpMul64Imm, r, 0, 0, 1<<shift)
		x = between(x.lo<<shift, x.hi<<shift)
	}
	g.set(r, x)
	if g.oops() {
		x.hi = uint64(max(int(x.hi)-1, 0))
	}
	if x.hi > uint64(v.room()) {
		return 0, false
	}
	d := g.dst(r)
	switch {
	case d == r:
		return 0, false
	case d == p:
		g.emit(isa.OpAdd64Reg, p, r, 0, 0)
	case g.chance(20) && !g.isLocked(r): // number + pointer
		g.emit(isa.OpAdd64Reg, r, p, 0, 0)
		d = r
	default:
		g.emit(isa.OpMov64Reg, d, p, 0, 0)
		g.emit(isa.OpAdd64Reg, d, r, 0, 0)
	}
	v.vmax += uint32(x.hi)
	if v.kind == pktPtr {
		v.size, v.off, v.vmax = 0, 0, 0
		g.set(d, v)
		return d, g.recheck(d)
	}
	g.set(d, v)
	return d, true
}

// atomicAt emits an atomic operation.
func (g *gen) atomicAt(p isa.Reg, size int, off int16) {
	size = max(size, 4)
	off &^= int16(size - 1)
	switch k := g.f.regs[p].kind; {
	case k == pktPtr && !g.oops():
		return
	case k == mapVal && g.f.regs[p].vmax == 0 && !g.oops():
		off -= int16(g.f.regs[p].off) & int16(size-1)
	}
	if int(off)+size > g.f.regs[p].room() && !g.oops() {
		return
	}
	s := g.number()
	if g.f.regs[p].kind == none {
		return
	}
	op := pickOne(g.r, atomics[size])
	info := op.Info()
	if s == p || info.Fetch && g.isLocked(s) {
		return
	}
	if info.AtomicOp == isa.AtomicCmpxchg {
		if g.f.regs[isa.R0].kind != scalar && !g.oops() {
			if p == isa.R0 {
				return
			}
			g.constant(isa.R0, g.imm())
		}
		g.emit(op, p, s, off, 0)
		g.set(isa.R0, between(0, math.MaxUint64>>(64-8*size)))
		return
	}
	g.emit(op, p, s, off, 0)
	if info.Fetch {
		g.set(s, between(0, math.MaxUint64>>(64-8*size)))
	}
}

// stackAtomic works atomically on the stack.
func (g *gen) stackAtomic() {
	s := g.slot(1)
	g.emit(isa.OpStDW, isa.R10, 0, slotOff(s), g.imm())
	r := g.writable()
	size := 4 << g.n(2)
	op := pickOne(g.r, atomics[size])
	info := op.Info()
	if info.AtomicOp == isa.AtomicCmpxchg && g.f.regs[isa.R0].kind != scalar {
		g.constant(isa.R0, g.imm())
	}
	off := slotOff(s) + int16(g.n(8/size)*size)
	if g.oops() {
		off += int16(1 + g.n(4))
	}
	if g.f.slots>>s&1 != 0 {
		return
	}
	g.f.stack[s] = value{}
	g.emit(op, isa.R10, r, off, 0)
	switch {
	case info.AtomicOp == isa.AtomicCmpxchg:
		g.set(isa.R0, anyNumber())
	case info.Fetch:
		g.set(r, anyNumber())
	}
	if g.chance(40) {
		d := g.dst()
		g.emit(loads[size], d, isa.R10, off, 0)
		g.set(d, between(0, math.MaxUint64>>(64-8*size)))
	}
}
