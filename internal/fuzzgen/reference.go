package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// record reserves a ring buffer record, fills it, and submits or discards it.
func (g *gen) record() {
	if g.f.lock || g.f.held > 1 {
		return
	}
	k, ok := g.kept()
	if !ok {
		return
	}
	size := 8 * (1 + g.n(6))
	if g.chance(20) {
		size = 1 + g.n(60)
	}
	g.loadMap(isa.R1, ringbufMap)
	g.constant(isa.R2, int64(size))
	g.constant(isa.R3, 0)
	if g.oops() {
		g.source()
		g.emit(isa.OpMov64Reg, isa.R2, isa.R0, 0, 0)
	}
	rec := value{kind: memNull, size: uint32(size)}
	g.call(131, rec)
	before := g.chance(50)
	if before {
		g.move(k, isa.R0)
	}
	if !g.oops() {
		g.bailOn(isa.OpJeqImm, isa.R0, 0, 0)
	}
	if !before {
		g.emit(isa.OpMov64Reg, k, isa.R0, 0, 0)
	}
	rec.kind = memPtr
	g.set(k, rec)
	g.set(isa.R0, value{})
	if g.chance(30) {
		g.set(isa.R0, rec)
	}
	g.held(k, func() {
		for range 1 + g.n(2) {
			g.touch(k)
		}
		if g.chance(50) {
			g.nested(1)
		}
	})
	if g.oops() {
		return
	}
	g.emit(isa.OpMov64Reg, isa.R1, k, 0, 0)
	if g.oops() {
		g.emit(isa.OpAdd64Imm, isa.R1, 0, 0, 8)
	}
	g.constantAt(isa.R2, int64(g.n(3)))
	g.call(132+int64(g.n(2)), value{})
	if g.oops() {
		g.set(k, rec)
		g.touch(k)
	}
	g.set(k, value{})
}

// held makes statements while something is held that must be given back: checks that fail in
// them go to the place where that happens, which is behind.
func (g *gen) held(k isa.Reg, inside func()) {
	release := g.newLabel()
	old := g.f.bail
	if !g.oops() {
		g.f.bail = release
	}
	g.lock(k)
	g.f.held++
	inside()
	g.f.held--
	g.f.bail = old
	g.place(release)
	g.forget()
	g.unlock(k)
}

// socket looks a socket up, reads it and releases it.
func (g *gen) socket() {
	c, ok := g.ctx()
	if !ok || g.p.family&famSock == 0 || g.f.lock || g.f.held > 0 {
		return
	}
	if c, ok = g.spare(c); !ok {
		return
	}
	k, ok := g.kept(c)
	if !ok || k == c {
		return
	}
	off := g.bytes(12)
	if c != isa.R1 {
		g.move(isa.R1, c)
	}
	g.pointAt(isa.R2, isa.R10, off)
	g.constantAt(isa.R3, 12)
	g.constantAt(isa.R4, int64(-g.n(2)))
	g.constantAt(isa.R5, 0)
	id := [...]int64{84, 85, 99}[g.n(3)]
	g.call(id, value{kind: sockNull})
	if !g.oops() {
		g.bailOn(isa.OpJeqImm, isa.R0, 0, 0)
	}
	g.emit(isa.OpMov64Reg, k, isa.R0, 0, 0)
	g.set(isa.R0, value{})
	g.set(k, value{kind: sockPtr})
	g.held(k, func() {
		d := g.dst(k)
		o := int16(4 * g.n(20))
		g.emit(loads[4], d, k, o, 0)
		g.set(d, between(0, math.MaxUint32))
		if g.oops() {
			g.emit(isa.OpStxW, k, d, o, 0)
		}
		g.nested(1)
	})
	if g.oops() {
		return
	}
	g.emit(isa.OpMov64Reg, isa.R1, k, 0, 0)
	g.call(86, anyNumber())
	if g.oops() {
		g.emit(isa.OpLdxW, isa.R1, k, 4, 0)
	}
	g.set(k, value{})
}

// critical changes a map's value under its spin lock.
func (g *gen) critical() {
	if g.f.lock || g.p.family&famNoLock != 0 && g.n(40) != 0 || g.f.held > 0 {
		return
	}
	m := pickOne(g.r, lockMaps)
	mp := palette[m]
	g.key(isa.R2, 4, int(mp.MaxEntries))
	g.loadMap(isa.R1, m)
	g.call(1, value{kind: mapNull, m: m, size: mp.ValueSize})
	k, ok := g.kept()
	if !ok {
		return
	}
	g.bailOn(isa.OpJeqImm, isa.R0, 0, 0)
	g.emit(isa.OpMov64Reg, k, isa.R0, 0, 0)
	g.emit(isa.OpMov64Reg, isa.R1, k, 0, 0)
	if g.oops() {
		g.emit(isa.OpAdd64Imm, isa.R1, 0, 0, 4)
	}
	g.call(93, value{})
	// Behind the lock itself.
	g.set(k, value{kind: mapVal, m: m, size: mp.ValueSize})
	g.f.lock = true
	g.held(k, func() {
		v := g.f.regs[k]
		size := 1 << g.n(3)
		o := 4 + size*g.n(12/size)
		if g.oops() {
			o = g.n(4)
		}
		g.touchAt(k, size, int16(o))
		g.set(k, v)
		if g.oops() {
			g.emit(isa.OpCallHelper, 0, 0, 0, 5)
			g.clobber()
		}
	})
	g.f.lock = false
	if g.oops() {
		return
	}
	g.emit(isa.OpMov64Reg, isa.R1, k, 0, 0)
	g.call(94, value{})
	g.set(k, value{})
}

// pointers computes with pointers in ways that are allowed, and in ways that are not.
func (g *gen) pointers() {
	careful := !g.oops()
	fit := func(v *value) bool {
		return v.kind != scalar && (!careful || v.kind == notNull(v.kind) && v.kind != ctxPtr && v.kind != mapPtr && v.kind != pktEnd)
	}
	p, ok := g.find(fit)
	if !ok {
		p = isa.R10
	}
	q, ok := g.find(fit)
	if !ok {
		q = p
	}
	d := g.dst(p, q)
	if d == p || d == q {
		return
	}
	g.emit(isa.OpMov64Reg, d, p, 0, 0)
	g.set(d, value{})
	switch g.n(8) {
	case 0: // a difference
		if p == isa.R10 && careful {
			q = isa.R10
		}
		g.emit(isa.OpSub64Reg, d, q, 0, 0)
	case 1: // a comparison
		over := g.newLabel()
		g.jump(pickOne(g.r, []isa.Op{isa.OpJeqReg, isa.OpJneReg, isa.OpJgtReg}), p, q, 0, over)
		g.emit(isa.OpMov64Imm, d, 0, 0, 1)
		g.place(over)
	case 2: // a constant there and back
		k := g.imm() & 0xfff
		g.emit(isa.OpAdd64Imm, d, 0, 0, k)
		g.emit(isa.OpSub64Imm, d, 0, 0, k)
		g.set(d, g.f.regs[p])
	case 3: // a large constant
		if careful {
			break
		}
		g.emit(isa.OpAdd64Imm, d, 0, 0, g.imm())
	case 4: // a number that is not bounded
		if careful {
			break
		}
		if r, ok := g.findKind(scalar); ok {
			g.emit(isa.OpAdd64Reg, d, r, 0, 0)
		}
	case 5: // something else
		if g.oops() {
			g.emit(pickOne(g.r, []isa.Op{isa.OpAnd64Imm, isa.OpMul64Imm, isa.OpAdd32Imm, isa.OpRsh64Imm, isa.OpMov32Reg, isa.OpNeg64}), d, 0, 0, 4)
		}
	case 6: // a bounded number taken off
		r := g.writable()
		if g.f.regs[p].kind == none || r == p || r == d || p == isa.R10 && careful {
			return
		}
		g.bound(r, uint64(1+g.n(16)))
		if g.chance(50) || p == isa.R10 {
			g.emit(isa.OpNeg64, r, 0, 0, 0)
			g.emit(isa.OpAdd64Reg, d, r, 0, 0)
		} else {
			g.emit(isa.OpSub64Reg, d, r, 0, 0)
		}
		g.set(r, value{kind: scalar, hi: math.MaxUint64})
		if v := g.f.regs[p]; v.pointsToMemory() && v.kind != pktPtr && v.room() > 0 {
			e := g.dst(d)
			o := 16 - v.off
			if o+1 <= int32(v.size) {
				g.emit(isa.OpLdxB, e, d, int16(o), 0)
				g.set(e, between(0, 255))
			}
		}
	case 7: // into memory, and back
		s := g.slot(1)
		g.emit(isa.OpStxDW, isa.R10, d, slotOff(s), 0)
		g.emit(isa.OpLdxDW, d, isa.R10, slotOff(s), 0)
		g.f.stack[s] = g.f.regs[p]
		g.set(d, g.f.regs[p])
	}
}

// kfunc is the number of a kernel function in this program.
func (g *gen) kfunc(name string) int64 {
	for i, k := range g.kfuncs {
		if k == name {
			return int64(i)
		}
	}
	g.kfuncs = append(g.kfuncs, name)
	return int64(len(g.kfuncs) - 1)
}

func (g *gen) callKfunc(name string, ret value) {
	g.emit(isa.OpCallKfunc, 0, 0, 0, g.kfunc(name))
	g.clobber()
	g.set(isa.R0, ret)
}

// iterator loops over numbers with an open-coded iterator.
func (g *gen) iterator() {
	if g.f.lock || g.f.inLoop > 0 || g.f.held > 0 {
		return
	}
	s := g.slot(1)
	g.f.slots |= 1 << s
	g.f.stack[s] = value{}
	at := func(r isa.Reg) { g.pointAt(r, isa.R10, slotOff(s)) }
	lo, hi := int64(g.n(4)), int64(4+g.n(60))
	if r, ok := g.findKind(scalar); ok && g.chance(30) && r != isa.R1 && r != isa.R2 {
		g.emit(isa.OpMov64Reg, isa.R3, r, 0, 0)
	} else {
		g.constant(isa.R3, hi)
	}
	g.constant(isa.R2, lo)
	at(isa.R1)
	g.callKfunc("bpf_iter_num_new", value{})
	head, end := g.newLabel(), g.newLabel()
	old := g.f.bail
	acc := g.accumulator(0)
	g.forget()
	if acc != 0 {
		g.set(acc, anyNumber())
	}
	g.place(head)
	at(isa.R1)
	g.callKfunc("bpf_iter_num_next", value{kind: memNull, size: 4, rdonly: true})
	if !g.oops() {
		g.jump(isa.OpJeqImm, isa.R0, 0, 0, end)
	}
	g.set(isa.R0, value{kind: memPtr, size: 4, rdonly: true})
	d := g.dst(isa.R0)
	g.emit(isa.OpLdxW, d, isa.R0, 0, 0)
	g.set(d, between(0, math.MaxUint32))
	if !g.oops() {
		g.f.bail = end
	}
	g.f.inLoop += 2
	g.f.held++
	g.nested(1 + g.n(2))
	if acc != 0 && g.chance(40) {
		g.accumulate(acc)
	}
	g.f.held--
	g.f.inLoop -= 2
	g.f.bail = old
	g.jump(isa.OpJa, 0, 0, 0, head)
	g.place(end)
	if acc != 0 {
		g.unlock(acc)
	}
	g.forget()
	if g.oops() {
		return
	}
	at(isa.R1)
	g.callKfunc("bpf_iter_num_destroy", value{})
	g.f.slots &^= 1 << s
}

// dynptr makes a dynptr of memory and reads, writes or slices it.
func (g *gen) dynptr() {
	if g.f.lock || g.f.held > 0 || g.f.inLoop > 0 {
		return
	}
	s := g.slot(2)
	g.f.slots |= 3 << (s - 1)
	defer func() { g.f.slots &^= 3 << (s - 1) }()
	g.f.stack[s], g.f.stack[s-1] = value{}, value{}
	dyn := func(r isa.Reg) { g.pointAt(r, isa.R10, slotOff(s)) }
	ring := g.chance(40)
	size := 8 << g.n(3)
	if ring {
		g.loadMap(isa.R1, ringbufMap)
		g.constant(isa.R2, int64(size))
		g.constant(isa.R3, 0)
		dyn(isa.R4)
		g.call(198, anyNumber()) // ringbuf_reserve_dynptr
	} else {
		p := g.direct()
		room := g.f.regs[p].room()
		if g.f.regs[p].rdonly && !g.oops() || room < 1 {
			return
		}
		if p != isa.R1 {
			g.move(isa.R1, p)
		}
		size = 1 + g.n(room)
		if g.oops() {
			size = room + 1
		}
		g.constant(isa.R2, int64(size))
		g.constant(isa.R3, 0)
		dyn(isa.R4)
		g.call(197, anyNumber()) // dynptr_from_mem
	}
	for range 1 + g.n(2) {
		n := 1 + g.n(16)
		switch g.n(3) {
		case 0: // read
			off := g.bytes(16)
			g.pointAt(isa.R1, isa.R10, off)
			g.constant(isa.R2, int64(n))
			dyn(isa.R3)
			g.constant(isa.R4, int64(g.n(8)))
			g.constant(isa.R5, 0)
			g.call(201, anyNumber())
		case 1: // write
			off := g.bytes(16)
			dyn(isa.R1)
			g.constant(isa.R2, int64(g.n(8)))
			g.pointAt(isa.R3, isa.R10, off)
			g.constant(isa.R4, int64(n))
			g.constant(isa.R5, 0)
			g.call(202, anyNumber())
		case 2: // slice
			dyn(isa.R1)
			g.constant(isa.R2, int64(g.n(8)))
			g.constant(isa.R3, int64(n))
			g.call(203, value{kind: memNull, size: uint32(n)})
			over := g.newLabel()
			if !g.oops() {
				g.jump(isa.OpJeqImm, isa.R0, 0, 0, over)
			}
			m := g.fit(n)
			o := int16(g.n(n - m + 1))
			if g.oops() {
				o++
			}
			g.emit(storesImm[m], isa.R0, 0, o, 1)
			g.place(over)
			g.set(isa.R0, value{})
		}
	}
	if g.oops() { // overwritten
		g.emit(isa.OpStDW, isa.R10, 0, slotOff(s-g.n(2)), 0)
	}
	if ring && !g.oops() {
		dyn(isa.R1)
		g.constant(isa.R2, 0)
		g.call(199+int64(g.n(2)), value{})
	}
}
