package jit

import "github.com/gbpf/gbpf/jit/internal/ir"

// trait is what holds of all ops of a kind.
type trait uint16

const (
	isSimple   trait = 1 << iota // see simple
	isStraight                   // see straight
	readsDst
	readsSrc
	readsB       // Src unless UseImm
	readsAddress // Base unless Fixed, and Index if Indexed
	writesDst
	isOther // see otherEffects
)

const (
	onlySet  = isSimple | isStraight | writesDst
	onlyMove = onlySet | readsSrc
	onlySelf = onlySet | readsDst
	onlyALU  = onlySelf | readsB
)

// traits of the kinds; 0 for those that end a block and for what is no kind.
var traits = [256]trait{
	ir.Nop: isStraight,
	ir.Mov: onlySet | readsB, ir.FrameAddr: onlySet, ir.LoadState: onlySet, ir.LoadPacket: onlySet,
	ir.Lea: onlyMove, ir.Sext: onlyMove, ir.Neg: onlySelf, ir.Zext: onlySelf, ir.Swap: onlySelf,
	ir.Add: onlyALU, ir.Sub: onlyALU, ir.Mul: onlyALU, ir.Or: onlyALU, ir.And: onlyALU, ir.Xor: onlyALU, ir.Lsh: onlyALU, ir.Rsh: onlyALU,
	ir.Arsh: onlyALU, ir.Rol: onlyALU, ir.Div: onlyALU, ir.Mod: onlyALU, ir.SDiv: onlyALU, ir.SMod: onlyALU,
	ir.Load: onlySet | readsAddress, ir.LoadAcq: isStraight | writesDst | readsAddress,
	ir.Store: isStraight | readsB | readsAddress, ir.StoreRel: isStraight | readsB | readsAddress,
	ir.Atomic: isStraight | isOther, ir.ArrayLookup: isStraight | isOther, ir.StoreState: isStraight | readsSrc,
	ir.CondJump: readsDst | readsB, ir.Copy: isOther, ir.ReadClock: isOther, ir.RingReserve: isOther, ir.RingCommit: isOther,
}

// simple reports whether an op does nothing but compute Dst from its operands, so that it may go
// when nobody reads Dst. Loads count: they cannot fail.
func simple(k ir.Kind) bool { return traits[k]&isSimple != 0 }

// straight reports whether control only ever goes from the op to the next.
func straight(k ir.Kind) bool { return traits[k]&isStraight != 0 }

// effects are the registers that an op within a block reads and writes.
func effects(op *ir.Op) (reads, writes regSet) {
	t := traits[op.Kind]
	if t&isOther != 0 {
		return otherEffects(op)
	}
	if t&writesDst != 0 {
		writes = bit(op.Dst)
	}
	if t&readsDst != 0 {
		reads = bit(op.Dst)
	}
	if t&readsSrc != 0 || t&readsB != 0 && !op.UseImm {
		reads |= bit(op.Src)
	}
	if t&readsAddress != 0 {
		if op.Access != ir.Fixed {
			reads |= bit(op.Base)
		}
		if op.Indexed {
			reads |= bit(op.Index)
		}
	}
	return reads, writes
}

// otherEffects are those of ops that are about registers of their own.
func otherEffects(op *ir.Op) (reads, writes regSet) {
	switch op.Kind {
	case ir.Atomic:
		reads = bit(op.Base) | bit(op.Src) | bit(0)
		if op.Fetch {
			writes = bit(op.Src)
		}
		if op.AtomicOp == atomicCmpxchg {
			writes = bit(0)
		}
	case ir.Copy:
		reads = bit(op.Src) | bit(op.Base)
	case ir.ReadClock:
		writes = bit(0)
	case ir.RingReserve:
		if !op.UseImm {
			reads = bit(op.Src)
		}
		writes = bit(0) | bit(1) | bit(5)
	case ir.RingCommit:
		reads, writes = bit(1)|bit(2), bit(0)|bit(3)
	case ir.ArrayLookup:
		reads, writes = bit(op.Base), bit(0)
	}
	return reads, writes
}

// kindSet is a set of kinds.
type kindSet uint64

func kindsOf(ops []ir.Op) (s kindSet) {
	for i := range ops {
		s |= 1 << (ops[i].Kind & 63)
	}
	return s
}

// any reports whether one of some kinds is in the set.
func (s kindSet) any(kinds ...ir.Kind) bool {
	for _, k := range kinds {
		if s>>(k&63)&1 != 0 {
			return true
		}
	}
	return false
}

const _ = uint(64 - ir.NumKinds) // all kinds fit a kindSet
