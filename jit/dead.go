package jit

import (
	"math"

	"github.com/gbpf/gbpf/internal/scratch"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

const atomicCmpxchg = isa.AtomicCmpxchg

// stretch is what some ops that control runs through do to what is live: before them reads and what is live behind them,
// less writes. Before those comes op mark, at which control goes elsewhere, too, or comes from there.
type stretch struct {
	reads, writes regSet
	mark          int32
}

// liveness finds the registers that are live at each label. Whatever the host or another function may see counts as
// read: all registers at calls, exits to the host and returns. ok is false where it takes too long.
func liveness(l *ir.List, mem *workspace) (at []regSet, ok bool) {
	at = scratch.Take(&mem.live, l.Labels)
	if l.Labels == 0 {
		return at, true
	}
	all := mem.stretches[:0]
	s := stretch{}
	for i := len(l.Ops) - 1; i >= 0; i-- {
		op := &l.Ops[i]
		if t := traits[op.Kind]; t&isStraight != 0 {
			reads, writes := effects(op)
			s.reads = s.reads&^writes | reads
			s.writes |= writes
			continue
		}
		s.mark = int32(i)
		all = append(all, s)
		s = stretch{}
	}
	mem.stretches = all
	// Loops within loops take a few rounds. What takes many is made to: it stays as it is.
	for range 16 {
		changed := false
		live := regSet(0)
		for i := range all {
			s := &all[i]
			live = live&^s.writes | s.reads
			op := &l.Ops[s.mark]
			live = before(l, op, at, live)
			if op.Kind == ir.Label && at[op.Target] != live {
				at[op.Target], changed = live, true
			}
		}
		if !changed {
			return at, true
		}
	}
	return nil, false
}

// sweep goes through the ops from the last to the first, with what is live behind each. It folds what addresses were made of into
// accesses, and removes ops that compute what nobody reads.
func sweep(l *ir.List, at []regSet, folds, removes bool) {
	full := l.Mask == math.MaxUint32
	var live regSet
	for i := len(l.Ops) - 1; i >= 0; i-- {
		op := &l.Ops[i]
		t := traits[op.Kind]
		if t&isSimple != 0 && live&bit(op.Dst) == 0 && removes {
			*op = ir.Op{Kind: ir.Nop, PC: op.PC}
			continue
		}
		if t&isStraight == 0 {
			live = before(l, op, at, live)
			continue
		}
		if folds && t&readsAddress != 0 && (op.Kind == ir.Load || op.Kind == ir.Store) && op.Access == ir.Confined {
			fold(l.Ops, i, live, full)
		}
		reads, writes := effects(op)
		live = live&^writes | reads
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
