package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// body is what a helper does, behind the program: one for all calls that do the same. The link register is free in a
// function, which has saved it where it needs it.
type body struct {
	op    ir.Op // the first call
	index int   // of it
	label int32
}

// call calls the body that does an op. Where it is not the op's own it was made of an equal one.
func (e *expander) call(op *ir.Op) {
	same := *op
	same.PC, same.Exit, same.Base, same.Off, same.Access = 0, 0, 0, 0, 0
	if op.Kind != ir.HashLookup { // whose address is made before the call
		same.Base, same.Off, same.Access = op.Base, op.Off, op.Access
	}
	for i := range e.bodies {
		if e.bodies[i].op == same {
			e.branch(Bl(0), reach26, e.bodies[i].label)
			return
		}
	}
	b := body{same, e.op, e.newLabel()}
	e.bodies = append(e.bodies, b)
	e.branch(Bl(0), reach26, b.label)
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
