package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// slotOff is the offset from the frame's top of stack slot s, which counts downwards
// from 0.
func slotOff(s int) int16 { return int16(-8 * (s + 1)) }

// slot returns the lowest of n neighbouring slots that may be overwritten.
func (g *gen) slot(n int) int {
	top := g.f.low
	if g.chance(80) {
		top = min(top, 16)
	}
	for range 8 {
		s := n - 1 + g.n(max(top-n+1, 1))
		free := true
		for i := range n {
			free = free && g.f.slots>>(s-i)&1 == 0
		}
		if free {
			return s
		}
	}
	for s := 63; s >= n-1; s-- {
		free := true
		for i := range n {
			free = free && g.f.slots>>(s-i)&1 == 0
		}
		if free {
			return s
		}
	}
	return n - 1
}

// bytes makes size initialised bytes on the stack and returns their offset.
func (g *gen) bytes(size int) int16 {
	n := max((size+7)/8, 1)
	s := g.slot(n)
	off := slotOff(s)
	if g.chance(30) && size%8 == 4 {
		off += 4
	}
	skip := -1
	if g.oops() {
		skip = g.n(n)
	}
	for i := range n {
		g.f.stack[s-i] = value{kind: scalar, hi: math.MaxUint64}
	}
	for at := 0; at < size; {
		left := size - at
		w := 8
		for w > left || int(off)+at&(w-1) != 0 && (int(off)+at)%w != 0 {
			w /= 2
		}
		if at/8 != skip {
			g.storeAt(isa.R10, off+int16(at), w, g.chance(70))
		}
		at += w
	}
	if off != slotOff(s) || size%8 != 0 {
		g.f.stack[s] = value{}
		g.f.stack[s-n+1] = value{}
	}
	return off
}

// storeAt stores some number.
func (g *gen) storeAt(base isa.Reg, off int16, size int, constant bool) {
	if !constant {
		if r, ok := g.find(func(v *value) bool { return v.kind == scalar }); ok && r != base {
			g.emit(stores[size], base, r, off, 0)
			return
		}
	}
	k := int64(g.n(5))
	if g.chance(20) {
		k = g.imm()
	}
	g.emit(storesImm[size], base, 0, off, k)
}

// spill stores a register on the stack and takes it back, perhaps in part, perhaps with
// something overwritten between.
func (g *gen) spill() {
	r, ok := g.find(func(*value) bool { return true })
	if !ok || g.chance(40) {
		r = g.number()
	}
	v := g.f.regs[r]
	s := g.slot(1)
	off := slotOff(s)
	base := isa.R10
	if g.chance(20) {
		b := g.dst(r)
		if b != r {
			d := int16(8 * g.n(8))
			g.emit(isa.OpMov64Reg, b, isa.R10, 0, 0)
			g.emit(isa.OpAdd64Imm, b, 0, 0, int64(-d))
			g.set(b, value{kind: stackPt, off: int32(-d), frame: g.f.level})
			base, off = b, off+d
		}
	}
	size := 8
	if v.kind == scalar {
		size = [...]int{8, 8, 8, 4, 4, 2, 1}[g.n(7)]
	} else if g.oops() {
		size = 4
	}
	o := int16(0)
	if size < 8 && g.chance(50) {
		o = int16(size * g.n(8/size))
	}
	g.emit(stores[size], base, r, off+o, 0)
	if size == 8 {
		g.f.stack[s] = v
	} else {
		g.f.stack[s] = value{}
	}
	if g.chance(30) {
		g.f.slots |= 1 << s
		g.nested(1)
		g.f.slots &^= 1 << s
		base, off = isa.R10, slotOff(s)
	}
	if g.chance(12) || g.oops() { // overwritten in part
		w := 1 << g.n(3)
		g.emit(storesImm[w], isa.R10, 0, slotOff(s)+int16(w*g.n(8/w)), int64(g.n(256)))
		g.f.stack[s] = value{}
		if v.kind != scalar && !g.oops() {
			return
		}
	}
	d := g.dst()
	from, fo := size, o
	if v.kind == scalar && g.chance(25) {
		from = 1 << g.n(4)
		fo = int16(from * g.n(8/from))
	}
	op := loads[from]
	if v.kind == scalar && from < 8 && g.chance(15) {
		op = loadsSX[from]
	}
	g.emit(op, d, base, off+fo, 0)
	switch {
	case v.kind != scalar && size == 8 && g.f.stack[s].kind != none:
		g.set(d, v)
	case v.kind != scalar:
		g.set(d, value{})
	case op == loads[from] && fo == o && from == size && (size == 8 || v.hi < 1<<(8*size)):
		g.set(d, v)
	case op != loads[from] || from == 8:
		g.set(d, anyNumber())
	default:
		g.set(d, between(0, 1<<(8*from)-1))
	}
}

// variableStack accesses the stack at an offset that is known only within bounds.
func (g *gen) variableStack() {
	n := 1 + g.n(6)
	s := g.slot(n)
	off := slotOff(s)
	if g.chance(80) {
		for i := range n {
			g.emit(isa.OpStDW, isa.R10, 0, slotOff(s-i), int64(g.n(3)))
		}
	}
	size := g.fit(8)
	r := g.writable()
	limit := 8*n - size
	shift := 0
	if !g.oops() { // the kernel wants stack accesses aligned
		for 1<<shift < size {
			shift++
		}
	}
	g.bound(r, uint64(limit>>shift))
	if shift > 0 {
		g.emit(isa.OpLsh64Imm, r, 0, 0, int64(shift))
		g.set(r, between(g.f.regs[r].lo<<shift, g.f.regs[r].hi<<shift))
	}
	p := g.dst(r)
	if p == r {
		return
	}
	g.emit(isa.OpMov64Reg, p, isa.R10, 0, 0)
	if g.chance(50) {
		g.emit(isa.OpAdd64Imm, p, 0, 0, int64(off))
		g.emit(isa.OpAdd64Reg, p, r, 0, 0)
		off = 0
	} else {
		g.emit(isa.OpAdd64Reg, p, r, 0, 0)
	}
	if g.oops() {
		off -= int16(size * g.n(16))
	}
	g.set(p, value{})
	for i := range n {
		g.f.stack[s-i] = value{}
	}
	switch g.n(4) {
	case 0, 1:
		d := g.dst(p)
		g.emit(loads[size], d, p, off, 0)
		g.set(d, between(0, math.MaxUint64>>(64-8*size)))
	case 2:
		g.storeAt(p, off, size, g.chance(50))
	case 3: // a helper reads or writes there
		if g.f.lock {
			return
		}
		if p != isa.R1 {
			g.emit(isa.OpMov64Reg, isa.R1, p, 0, 0)
			g.set(isa.R1, value{})
		}
		g.emit(isa.OpAdd64Imm, isa.R1, 0, 0, int64(off))
		g.memoryHelper(isa.R1, size)
	}
}

// frameCopies writes and reads the stack through copies of the frame pointer.
func (g *gen) frameCopies() {
	p := g.dst()
	s := g.slot(2)
	g.emit(isa.OpMov64Reg, p, isa.R10, 0, 0)
	d := int64(slotOff(s))
	switch {
	case g.slip(): // the kernel refuses to subtract from the frame pointer
		g.emit(isa.OpSub64Imm, p, 0, 0, -d)
	case g.chance(60):
		g.emit(isa.OpAdd64Imm, p, 0, 0, d)
	default:
		t := g.dst(p)
		if t == p {
			g.emit(isa.OpAdd64Imm, p, 0, 0, d)
			break
		}
		g.constant(t, d)
		g.emit(isa.OpAdd64Reg, p, t, 0, 0)
	}
	g.set(p, value{kind: stackPt, off: int32(d), frame: g.f.level})
	size := g.fit(8)
	o := int16(size * g.n(16/size))
	if g.oops() {
		o += 8
	}
	g.f.stack[s], g.f.stack[s-1] = value{}, value{}
	g.storeAt(p, o, size, g.chance(50))
	r := g.dst()
	if r == p && g.chance(80) {
		return
	}
	base, off := p, o
	if g.chance(50) {
		base, off = isa.R10, int16(d)+o
	}
	g.emit(loads[size], r, base, off, 0)
	g.set(r, between(0, math.MaxUint64>>(64-8*size)))
}
