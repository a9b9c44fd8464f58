package jit

import (
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

const atomicCmpxchg = isa.AtomicCmpxchg

// liveness finds the registers that are live at each label. Whatever the host or another function may see counts as
// read: all registers at calls, exits to the host and returns. ok is false where it takes too long.
func liveness(l *ir.List) (at []regSet, ok bool) {
	at = make([]regSet, l.Labels)
	rounds := 0
	for changed := true; changed; {
		// Loops within loops take a few rounds. What takes many is made to: it stays as it is.
		if rounds++; rounds > 16 {
			return nil, false
		}
		changed = false
		scanLive(l, at, func(i int, live regSet) {
			if op := &l.Ops[i]; op.Kind == ir.Label && at[op.Target] != live {
				at[op.Target], changed = live, true
			}
		})
	}
	return at, true
}

// dead removes ops that compute what nobody reads.
func dead(l *ir.List, at []regSet) {
	var live regSet
	for i := len(l.Ops) - 1; i >= 0; i-- {
		op := &l.Ops[i]
		if simple(op.Kind) && live&bit(op.Dst) == 0 {
			*op = ir.Op{Kind: ir.Nop, PC: op.PC}
			continue
		}
		live = before(l, op, at, live)
	}
}

// scanLive goes through the ops from the last to the first and tells what is live before each.
func scanLive(l *ir.List, at []regSet, f func(i int, live regSet)) {
	var live regSet
	for i := len(l.Ops) - 1; i >= 0; i-- {
		live = before(l, &l.Ops[i], at, live)
		f(i, live)
	}
}

// before is what is live before an op, given what is live behind it.
func before(l *ir.List, op *ir.Op, at []regSet, live regSet) regSet {
	switch op.Kind {
	case ir.Nop, ir.Label, ir.Refund:
		return live
	case ir.Jump:
		return at[op.Target]
	case ir.Charge:
		return live | at[l.Exits[op.Exit].Resume]
	case ir.MayGoto:
		return live | at[op.Target]
	case ir.CondJump:
		live |= at[op.Target]
	case ir.Return:
		if l.Funcs[op.Target].Root {
			return bit(0)
		}
		return allRegs
	case ir.Leave:
		switch e := &l.Exits[op.Exit]; e.Kind {
		case ir.ExitBadJump, ir.ExitBadInsn:
			return 0 // nobody sees registers after a trap
		default:
			return allRegs
		}
	case ir.Call, ir.CallIndirect, ir.Func, ir.TailCall, ir.HashLookup, ir.ArrayUpdate:
		return allRegs
	}
	reads, writes := effects(op)
	return live&^writes | reads
}
