package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// packet loads the packet's pointers and checks that some bytes are there.
func (g *gen) packet() (isa.Reg, bool) {
	c, ok := g.ctx()
	if !ok || g.p.data < 0 {
		return 0, false
	}
	d := g.dst(c)
	from := g.p.data
	if g.p.meta >= 0 && g.chance(5) {
		from = g.p.meta
	}
	g.emit(isa.OpLdxW, d, c, from, 0)
	g.set(d, value{kind: pktPtr})
	if from != g.p.data {
		g.set(d, value{})
	}
	if !g.recheck(d) {
		return 0, false
	}
	return d, from == g.p.data
}

// recheck compares a packet pointer with the packet's end; a constant number of bytes from it is
// there then.
func (g *gen) recheck(p isa.Reg) bool {
	c, ok := g.ctx()
	if !ok {
		return false
	}
	e, have := g.findKind(pktEnd)
	if !have || e == p {
		if e = g.dst(p, c); e == p || e == c {
			return false
		}
		g.emit(isa.OpLdxW, e, c, g.p.end, 0)
		g.set(e, value{kind: pktEnd})
	}
	n := [...]int{1, 2, 4, 8, 14, 20, 34, 40, 54, 64}[g.n(10)]
	if g.chance(20) {
		n = 1 + g.n(100)
	}
	t := p
	v := g.f.regs[p]
	if g.chance(85) {
		t = g.dst(p, e, c)
		if t == p || t == e || t == c {
			return false
		}
		g.emit(isa.OpMov64Reg, t, p, 0, 0)
		g.emit(isa.OpAdd64Imm, t, 0, 0, int64(n))
		g.set(t, value{})
	} else if !g.isLocked(p) {
		// The pointer itself moves behind what was checked.
		g.emit(isa.OpAdd64Imm, p, 0, 0, int64(n))
		v.off = int32(n)
	} else {
		return false
	}
	if g.oops() {
		t = p
	}
	ok2 := g.newLabel()
	switch g.n(8) {
	case 0, 1:
		g.bailOn(isa.OpJgtReg, t, e, 0)
	case 2:
		g.bailOn(isa.OpJltReg, e, t, 0)
	case 3: // more than needed
		g.bailOn(isa.OpJgeReg, t, e, 0)
		n += g.n(2)
	case 4:
		g.bailOn(isa.OpJleReg, e, t, 0)
	case 5:
		g.jump(isa.OpJleReg, t, e, 0, ok2)
		g.jump(isa.OpJa, 0, 0, 0, g.f.bail)
	case 6:
		g.jump(isa.OpJgeReg, e, t, 0, ok2)
		g.jump(isa.OpJa, 0, 0, 0, g.f.bail)
	case 7:
		if !g.oops() {
			g.jump(isa.OpJltReg, t, e, 0, ok2)
			g.jump(isa.OpJa, 0, 0, 0, g.f.bail)
			break
		}
		op := pickOne(g.r, []isa.Op{isa.OpJltReg, isa.OpJleReg, isa.OpJneReg, isa.OpJeqReg, isa.OpJsgtReg, isa.OpJgt32Reg, isa.OpJgeReg})
		g.bailOn(op, t, e, 0)
	}
	g.place(ok2)
	v.kind, v.size = pktPtr, uint32(n)
	g.set(p, v)
	return true
}

// parse walks headers: a check, loads, an offset from the packet, another check.
func (g *gen) parse() {
	p, ok := g.packet()
	if !ok {
		return
	}
	g.lock(p)
	defer g.unlock(p)
	for range 1 + g.n(3) {
		v := g.f.regs[p]
		if v.kind != pktPtr || v.room() <= 0 {
			return
		}
		g.touch(p)
	}
	if !g.chance(40) || g.f.regs[p].room() <= 0 || g.f.regs[p].kind != pktPtr {
		return
	}
	// A variable header length, as that of IPv4.
	h := g.dst(p)
	if h == p {
		return
	}
	g.emit(isa.OpLdxB, h, p, int16(g.n(g.f.regs[p].room())), 0)
	g.set(h, between(0, 255))
	if g.chance(50) {
		g.emit(aluImm[g.n(2)][isa.AluAnd], h, 0, 0, 15)
		g.emit(aluImm[g.n(2)][isa.AluLsh], h, 0, 0, 2)
		g.set(h, between(0, 60))
	} else if g.oops() {
		g.emit(isa.OpLsh64Imm, h, 0, 0, int64(8+g.n(20)))
	}
	g.emit(isa.OpAdd64Reg, h, p, 0, 0)
	g.set(h, value{kind: pktPtr})
	if g.recheck(h) {
		g.touch(h)
	}
}

// movePacket calls a helper that may move the packet: what was known of it is gone.
func (g *gen) movePacket() {
	c, ok := g.ctx()
	if !ok || g.f.lock || g.p.family&(famXDP|famPull) == 0 {
		return
	}
	keep := g.oops()
	if c, ok = g.spare(c); !ok {
		return
	}
	if c != isa.R1 {
		g.move(isa.R1, c)
	}
	id := int64(39) // skb_pull_data
	switch {
	case g.p.family&famXDP != 0:
		id = [...]int64{44, 54, 65}[g.n(3)]
	case g.p.family&famCls != 0 && g.chance(50):
		id = [...]int64{38, 19, 39}[g.n(3)]
	}
	g.constantAt(isa.R2, int64(g.n(3)))
	if id == 38 {
		g.constantAt(isa.R3, 0)
	}
	g.call(id, anyNumber())
	if keep {
		return
	}
	for i := range g.f.regs {
		if k := g.f.regs[i].kind; k == pktPtr || k == pktEnd {
			g.f.regs[i] = value{}
			g.unlock(isa.Reg(i))
		}
	}
	for i := range g.f.stack {
		if k := g.f.stack[i].kind; k == pktPtr || k == pktEnd {
			g.f.stack[i] = value{}
		}
	}
}

// legacy loads from the packet as classic BPF did.
func (g *gen) legacy() {
	if g.p.family&famLdAbs == 0 || g.f.kind != fnMain && !g.oops() || g.f.held > 0 && !g.oops() || g.f.lock {
		return
	}
	c, ok := g.ctx()
	if !ok {
		return
	}
	if c != isa.R6 {
		if g.isLocked(isa.R6) {
			return
		}
		g.move(isa.R6, c)
	}
	ops := []isa.Op{isa.OpLdAbsB, isa.OpLdAbsH, isa.OpLdAbsW, isa.OpLdIndB, isa.OpLdIndH, isa.OpLdIndW}
	op := pickOne(g.r, ops)
	src := isa.R0
	if op.Info().SrcUse == isa.UseOperand {
		src = g.number()
		if src == isa.R6 {
			return
		}
	}
	g.emit(op, 0, src, 0, int64(g.n(64)))
	g.clobber()
	g.set(isa.R0, between(0, math.MaxUint64>>(64-8*op.Info().Size)))
}

// context reads or writes the context.
func (g *gen) context() {
	c, ok := g.ctx()
	if !ok {
		return
	}
	f := pickOne(g.r, g.p.fields)
	size, off := int(f.size), f.off
	if g.chance(15) { // part of a field
		size = 1 << g.n(3)
		if size < int(f.size) {
			off += int16(size * g.n(int(f.size)/size))
		}
	}
	switch {
	case g.oops():
		off = int16(g.n(int(g.p.ctxSize) + 8))
		size = 1 << g.n(4)
	case g.chance(10):
		off = int16(4 * g.n(int(g.p.ctxSize)/4))
		if g.chance(80) {
			size = 4
		}
	}
	if g.chance(30) && f.write || g.oops() {
		if r, ok := g.find(func(v *value) bool { return v.kind == scalar }); ok && g.chance(80) {
			g.emit(stores[size], c, r, off, 0)
		} else {
			g.emit(storesImm[size], c, 0, off, int64(g.n(3)))
		}
		return
	}
	d := g.dst(c)
	if d == c {
		return
	}
	op := loads[size]
	if size < 8 && g.oops() {
		op = loadsSX[size]
	}
	g.emit(op, d, c, off, 0)
	if off == f.off {
		g.set(d, between(0, math.MaxUint64>>(64-8*size)))
	} else {
		g.set(d, value{})
	}
}

// contextPointer uses the context through a copy that was moved.
func (g *gen) contextPointer() {
	c, ok := g.ctx()
	if !ok {
		return
	}
	d := g.dst(c)
	if d == c {
		return
	}
	f := pickOne(g.r, g.p.fields)
	g.emit(isa.OpMov64Reg, d, c, 0, 0)
	k := int16(0)
	if g.oops() || g.p.typ == progSyscall {
		k = int16(4*g.n(8)) - 8
	}
	g.emit(isa.OpAdd64Imm, d, 0, 0, int64(k))
	g.set(d, value{kind: ctxPtr, off: int32(k)})
	e := g.dst(d, c)
	if e == d || e == c {
		return
	}
	g.emit(loads[int(f.size)], e, d, f.off-k, 0)
	g.set(e, between(0, math.MaxUint64>>(64-8*f.size)))
}
