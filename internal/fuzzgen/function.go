package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// callFunction calls a function of the program, an old one or a new one.
func (g *gen) callFunction() {
	if g.f.lock && g.chance(80) {
		return
	}
	for i := range g.fns {
		if f := &g.fns[i]; f.kind != fnCallback && f.kind != fnAsync && f.level > g.f.level && g.chance(20) && g.argumentsFit(f) {
			g.callAt(f)
			return
		}
	}
	if g.f.level >= 3 && !g.oops() || len(g.fns) >= 6 {
		return
	}
	f := fn{at: g.newLabel(), kind: fnStatic, level: g.f.level + 1, low: 8, loops: g.f.inLoop}
	if g.chance(12) {
		f.kind = fnGlobal
	}
	n := g.n(4)
	if f.kind == fnGlobal {
		g.globalArguments(&f, n)
	} else {
		g.arguments(&f, n)
	}
	g.fns = append(g.fns, f)
	g.callAt(&g.fns[len(g.fns)-1])
}

// arguments puts values of any kind into r1 to rn.
func (g *gen) arguments(f *fn, n int) {
	for i := 1; i <= n; i++ {
		r := isa.Reg(i)
		switch g.n(5) {
		case 0, 1: // a pointer to the caller's stack
			s := g.slot(2)
			if g.chance(70) {
				g.emit(isa.OpStDW, isa.R10, 0, slotOff(s), int64(g.n(4)))
				g.emit(isa.OpStDW, isa.R10, 0, slotOff(s-1), int64(g.n(4)))
			}
			g.f.stack[s], g.f.stack[s-1] = value{}, value{}
			g.emit(isa.OpMov64Reg, r, isa.R10, 0, 0)
			g.emit(isa.OpAdd64Imm, r, 0, 0, int64(slotOff(s)))
			g.set(r, value{kind: memPtr, size: 16})
		default:
			p, ok := g.find(func(v *value) bool { return v.kind != stackPt && v.kind != mapPtr && v.ref == 0 })
			if !ok {
				g.constant(r, g.imm())
			} else if p != r {
				g.move(r, p)
			}
		}
		f.args[i] = g.f.regs[r]
	}
	// What was moved into a register later on counts.
	for i := 1; i <= n; i++ {
		f.args[i] = g.f.regs[i]
	}
}

// globalArguments chooses the types of a global function and puts values of them into r1 to rn.
func (g *gen) globalArguments(f *fn, n int) {
	g.typed = true
	if n > 0 && g.f.regs[isa.R1].kind == ctxPtr && g.chance(50) {
		f.types = append(f.types, Arg{Kind: ArgCtx})
		f.args[1] = value{kind: ctxPtr}
	}
	for i := len(f.types) + 1; i <= n; i++ {
		r := isa.Reg(i)
		if g.chance(40) {
			size := 8 << g.n(2)
			off := g.bytes(size)
			if g.oops() {
				off += 8
			}
			g.pointAt(r, isa.R10, off)
			g.set(r, value{kind: memNull, size: uint32(size)})
			f.types = append(f.types, Arg{ArgMem, uint32(size)})
		} else {
			if s, ok := g.findKind(scalar); ok && s != r {
				g.move(r, s)
			} else if !ok {
				g.constant(r, g.imm())
			}
			g.set(r, anyNumber())
			f.types = append(f.types, Arg{Kind: ArgInt})
		}
		f.args[i] = g.f.regs[r]
	}
	g.funcs = append(g.funcs, pendingFunc{f.at, f.types})
}

// argumentsFit reports whether a function may be called with what r1 to r5 hold.
func (g *gen) argumentsFit(f *fn) bool {
	for i := 1; i <= 5; i++ {
		if f.args[i].kind == scalar && g.f.regs[i].kind == scalar {
			continue
		}
		if f.args[i].kind != none && f.args[i] != g.f.regs[i] {
			return false
		}
	}
	return true
}

func (g *gen) callAt(f *fn) {
	g.jump(isa.OpCallLocal, 0, 0, 0, f.at)
	g.clobber()
	g.set(isa.R0, anyNumber())
	for i := range g.f.stack {
		if g.f.slots>>i&1 == 0 && g.f.stack[i].kind == scalar {
			g.f.stack[i] = anyNumber()
		}
	}
}

// callback calls a helper that calls a function of the program.
func (g *gen) callback() {
	if g.f.lock || g.f.kind == fnCallback && g.chance(70) || len(g.fns) >= 6 || g.f.level >= 3 {
		return
	}
	g.typed = true
	s := g.slot(2)
	g.emit(isa.OpStDW, isa.R10, 0, slotOff(s), int64(g.n(4)))
	g.emit(isa.OpStDW, isa.R10, 0, slotOff(s-1), int64(g.n(4)))
	g.f.stack[s], g.f.stack[s-1] = value{}, value{}
	f := fn{at: g.newLabel(), kind: fnCallback, level: g.f.level + 1, low: 8, loops: 1 + g.f.inLoop}
	shared := value{kind: memPtr, size: 16}
	if g.chance(60) {
		n := int64(1 + g.n(8))
		if r, ok := g.findKind(scalar); ok && g.chance(30) {
			if r != isa.R1 {
				g.move(isa.R1, r)
			}
		} else {
			g.constant(isa.R1, n)
		}
		f.args[1] = between(0, math.MaxUint32)
		f.args[2] = shared
		g.jump(isa.OpLddwFunc, isa.R2, 0, 0, f.at)
		g.contextArg(isa.R3, s, &f.args[2])
		g.constantAt(isa.R4, 0)
		if g.oops() {
			g.constantAt(isa.R4, 1)
		}
		g.call(181, anyNumber()) // bpf_loop
	} else {
		m := pickOne(g.r, iterMaps)
		mp := palette[m]
		g.loadMap(isa.R1, m)
		f.args[2] = value{kind: memPtr, size: mp.KeySize, rdonly: true}
		f.args[3] = value{kind: mapVal, m: m, size: mp.ValueSize}
		f.args[4] = shared
		g.jump(isa.OpLddwFunc, isa.R2, 0, 0, f.at)
		g.contextArg(isa.R3, s, &f.args[4])
		g.constantAt(isa.R4, 0)
		g.call(164, anyNumber()) // bpf_for_each_map_elem
	}
	for i := range g.f.stack {
		if g.f.stack[i].kind == scalar {
			g.f.stack[i] = anyNumber()
		}
	}
	g.fns = append(g.fns, f)
}

// contextArg passes a callback its own argument: a pointer to the stack, or nothing.
func (g *gen) contextArg(r isa.Reg, s int, arg *value) {
	if g.chance(20) {
		g.constant(r, 0)
		*arg = value{}
		return
	}
	g.pointAt(r, isa.R10, slotOff(s))
}
