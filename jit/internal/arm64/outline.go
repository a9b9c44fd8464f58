package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// body is what a helper does, behind the program: one for all calls that do the same. The link register is free in a
// function, which has saved it where it needs it.
type body struct {
	op    ir.Op // the first call
	index int   // of it
	label int32
}

// call calls the body that does an op, made of an equal one if there is one. Bodies work with the temporary, too.
func (e *expander) call(op *ir.Op) {
	e.forget(ir.Tmp)
	for i := range e.bodies {
		if b := &e.bodies[i]; e.same(b.op, *op) {
			e.branch(Bl(0), reach26, b.label)
			return
		}
	}
	b := body{*op, e.op, e.newLabel()}
	e.bodies = append(e.bodies, b)
	e.branch(Bl(0), reach26, b.label)
}

// same reports whether two ops do the same, wherever they stand. Each lookup has a map of its own in the list, which may be one map.
func (e *expander) same(a, b ir.Op) bool {
	a.PC = b.PC
	maps := e.list.Maps
	if a.Kind == b.Kind && (a.Kind == ir.HashLookup || a.Kind == ir.ArrayUpdate) && int(a.Aux) < len(maps) && int(b.Aux) < len(maps) && maps[a.Aux] == maps[b.Aux] {
		a.Aux = b.Aux
	}
	return a == b
}

// outline places the bodies.
func (e *expander) outline() {
	for i := range e.bodies {
		b := &e.bodies[i]
		e.op = b.index
		e.place(b.label)
		switch op := &b.op; op.Kind {
		case ir.HashLookup:
			e.hashWalk(op)
		case ir.ArrayUpdate:
			e.arrayCopy(op)
		case ir.RingReserve:
			e.ringReserve(op)
		case ir.RingCommit:
			e.ringCommit(op)
		case ir.ReadClock:
			e.clock()
		case ir.TailCall:
			e.tailCall(op)
		}
		e.emit(Ret(LR))
	}
}
