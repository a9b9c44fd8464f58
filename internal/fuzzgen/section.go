package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// section makes statements between two calls that belong together: an RCU read section, or one
// that is not preempted.
func (g *gen) section() {
	if g.f.lock || g.f.held > 1 || g.f.inLoop > 1 {
		return
	}
	begin, end := "bpf_rcu_read_lock", "bpf_rcu_read_unlock"
	if g.chance(50) {
		begin, end = "bpf_preempt_disable", "bpf_preempt_enable"
	}
	if !g.oops() {
		g.callKfunc(begin, value{})
	}
	leave := g.newLabel()
	old := g.f.bail
	if !g.oops() {
		g.f.bail = leave
	}
	g.f.held++
	g.nested(1 + g.n(2))
	g.f.held--
	g.f.bail = old
	g.place(leave)
	g.forget()
	if !g.oops() {
		g.callKfunc(end, value{})
	}
}

// contextSocket reads the socket that the context points to.
func (g *gen) contextSocket() {
	c, ok := g.ctx()
	if !ok || g.p.family&famSkb == 0 || g.p.typ == progLwtIn || g.p.typ == progLwtXmit || g.p.typ == progSkSkb {
		return
	}
	const sk = 168 // __sk_buff.sk
	d := g.dst(c)
	if d == c {
		return
	}
	g.emit(isa.OpLdxDW, d, c, sk, 0)
	g.set(d, value{kind: sockNull})
	if !g.oops() {
		g.bailOn(isa.OpJeqImm, d, 0, 0)
	}
	full := false
	if g.chance(50) && !g.f.lock {
		// Its full form, or what TCP knows of it.
		if d != isa.R1 {
			g.emit(isa.OpMov64Reg, isa.R1, d, 0, 0)
		}
		id := int64(95) // sk_fullsock
		if g.chance(30) {
			id = 96 // tcp_sock
		}
		g.call(id, value{kind: sockNull})
		if !g.oops() {
			g.bailOn(isa.OpJeqImm, isa.R0, 0, 0)
		}
		d, full = isa.R0, true
	}
	off := int16(4 * g.n(4))
	if full {
		off = int16(4 * g.n(20))
	}
	e := g.dst(d)
	g.emit(isa.OpLdxW, e, d, off, 0)
	g.set(e, between(0, math.MaxUint32))
	if e != d {
		g.set(d, value{})
	}
}

// numberText parses a number out of memory into memory.
func (g *gen) numberText() {
	if g.f.lock || g.p.typ != progCgroupSysctl && g.p.typ != progSyscall && !g.slip() {
		return
	}
	text := g.bytes(16)
	out := g.bytes(8)
	g.pointAt(isa.R1, isa.R10, text)
	g.constantAt(isa.R2, int64(1+g.n(16)))
	g.constantAt(isa.R3, 10)
	if g.oops() {
		out++
	}
	g.pointAt(isa.R4, isa.R10, out)
	g.call(105+int64(g.n(2)), anyNumber())
	for i := range g.f.stack {
		if g.f.slots>>i&1 == 0 {
			g.f.stack[i] = value{}
		}
	}
}

// timer sets a timer in a map's value up and starts it.
func (g *gen) timer() {
	if g.f.lock || g.f.held > 0 || len(g.fns) >= 6 || g.p.family&famNoLock != 0 && g.n(20) != 0 {
		return
	}
	m := pickOne(g.r, timerMaps)
	mp := palette[m]
	g.key(isa.R2, 4, int(mp.MaxEntries))
	g.loadMap(isa.R1, m)
	g.call(1, value{kind: mapNull, m: m, size: mp.ValueSize})
	k, ok := g.kept()
	if !ok {
		return
	}
	if !g.oops() {
		g.bailOn(isa.OpJeqImm, isa.R0, 0, 0)
	}
	g.emit(isa.OpMov64Reg, k, isa.R0, 0, 0)
	g.set(k, value{})
	g.set(isa.R0, value{})
	at := func() {
		g.emit(isa.OpMov64Reg, isa.R1, k, 0, 0)
		if g.slip() {
			g.emit(isa.OpAdd64Imm, isa.R1, 0, 0, 8)
		}
	}
	if g.chance(70) {
		at()
		other := m
		if g.oops() {
			other = pickOne(g.r, lookupMaps)
		}
		g.loadMap(isa.R2, other)
		g.constantAt(isa.R3, 1)
		g.call(169, anyNumber()) // timer_init
	}
	if g.chance(60) {
		g.typed = true
		f := fn{at: g.newLabel(), kind: fnAsync, level: 1, low: 8, loops: 1 + g.f.inLoop}
		f.args[2] = value{kind: memPtr, size: mp.KeySize, rdonly: true}
		at()
		g.jump(isa.OpLddwFunc, isa.R2, 0, 0, f.at)
		g.call(170, anyNumber()) // timer_set_callback
		g.fns = append(g.fns, f)
	}
	if g.chance(50) {
		at()
		g.constantAt(isa.R2, 1000)
		g.constantAt(isa.R3, 0)
		g.call(171, anyNumber()) // timer_start
	}
	if g.chance(20) {
		at()
		g.call(172, anyNumber()) // timer_cancel
	}
	if g.chance(50) {
		// Behind the timer itself.
		size := 4 << g.n(2)
		o := int16(16 + size*g.n(16/size))
		if g.oops() {
			o = int16(4 * g.n(4))
		}
		g.emit(storesImm[size], k, 0, o, 1)
	}
}
