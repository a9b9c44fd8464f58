package jit

import (
	"math/bits"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// optimise runs the passes that the options leave on. Each leaves a list that does the same; what one makes
// superfluous, dead removes at the end.
func optimise(l *ir.List, cfg *Config) {
	if cfg.on(PassRotate) {
		rotate(l.Ops)
	}
	if cfg.on(PassLea) {
		lea(l.Ops)
	}
	if cfg.on(PassInline) {
		lookups(l)
	}
	if cfg.on(PassSwap) {
		swapLoads(l.Ops)
	}
	if cfg.on(PassTest) {
		tests(l.Ops)
	}
	if cfg.on(PassWide) {
		wide(l.Ops)
	}
	if cfg.on(PassDead) {
		extensions(l.Ops)
	}
	if !cfg.on(PassDead) && !cfg.on(PassFold) {
		return
	}
	at, ok := liveness(l)
	if !ok {
		return
	}
	if cfg.on(PassFold) {
		fold(l, at)
	}
	if cfg.on(PassDead) {
		dead(l, at)
	}
}

// regSet is a set of registers, R0 to R9 and the temporary.
type regSet uint16

func bit(r ir.Reg) regSet { return 1 << r }

// first is the lowest register of a set.
func (s regSet) first() ir.Reg { return ir.Reg(bits.TrailingZeros16(uint16(s))) }

const allRegs regSet = 1<<10 - 1

// simple reports whether an op does nothing but compute Dst from its operands, so that it may go
// when nobody reads Dst. Loads count: they cannot fail.
func simple(k ir.Kind) bool {
	switch k {
	case ir.Mov, ir.FrameAddr, ir.Lea, ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol,
		ir.Div, ir.Mod, ir.SDiv, ir.SMod, ir.Neg, ir.Sext, ir.Zext, ir.Swap, ir.Load, ir.LoadState, ir.LoadPacket:
		return true
	}
	return false
}

// effects are the registers that an op within a block reads and writes.
func effects(op *ir.Op) (reads, writes regSet) {
	var src regSet
	if !op.UseImm {
		src = bit(op.Src)
	}
	switch op.Kind {
	case ir.Mov:
		reads |= src
		writes = bit(op.Dst)
	case ir.FrameAddr, ir.LoadState, ir.LoadPacket:
		writes = bit(op.Dst)
	case ir.Lea, ir.Sext:
		reads, writes = bit(op.Src), bit(op.Dst)
	case ir.Neg, ir.Zext, ir.Swap:
		reads, writes = bit(op.Dst), bit(op.Dst)
	case ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol, ir.Div, ir.Mod, ir.SDiv, ir.SMod:
		reads |= src
		reads |= bit(op.Dst)
		writes = bit(op.Dst)
	case ir.Load, ir.LoadAcq:
		writes = bit(op.Dst)
		if op.Access != ir.Fixed {
			reads = bit(op.Base)
		}
		if op.Indexed {
			reads |= bit(op.Index)
		}
	case ir.Store, ir.StoreRel:
		reads |= src
		if op.Access != ir.Fixed {
			reads |= bit(op.Base)
		}
		if op.Indexed {
			reads |= bit(op.Index)
		}
	case ir.Atomic:
		reads = bit(op.Base) | bit(op.Src) | bit(0)
		if op.Fetch {
			writes = bit(op.Src)
		}
		if op.AtomicOp == atomicCmpxchg {
			writes = bit(0)
		}
	case ir.CondJump:
		reads |= src
		reads |= bit(op.Dst)
	case ir.StoreState:
		reads = bit(op.Src)
	case ir.Copy:
		reads = bit(op.Src) | bit(op.Base)
	case ir.ReadClock:
		writes = bit(0)
	case ir.RingReserve:
		reads |= src
		writes = bit(0) | bit(1) | bit(5)
	case ir.RingCommit:
		reads, writes = bit(1)|bit(2), bit(0)|bit(3)
	case ir.ArrayLookup:
		reads, writes = bit(op.Base), bit(0)
	}
	return reads, writes
}

// straight reports whether control only ever goes from the op to the next.
func straight(k ir.Kind) bool {
	switch k {
	case ir.Nop, ir.Load, ir.LoadAcq, ir.Store, ir.StoreRel, ir.Atomic, ir.ArrayLookup, ir.StoreState:
		return true
	}
	return simple(k)
}

// lea makes one op of a move and the addition of a constant behind it.
func lea(ops []ir.Op) {
	for i := 0; i+1 < len(ops); i++ {
		m, add := &ops[i], &ops[i+1]
		if add.Kind != ir.Add && add.Kind != ir.Sub || !add.UseImm || add.Dst != m.Dst || add.W != m.W {
			continue
		}
		imm := int64(int32(add.Imm))
		if add.Kind == ir.Sub {
			imm = -imm
		}
		switch {
		case m.Kind == ir.Mov && !m.UseImm && imm == int64(int32(imm)):
			*m = ir.Op{Kind: ir.Lea, W: m.W, Dst: m.Dst, Src: m.Src, Imm: imm, PC: m.PC}
		case m.Kind == ir.FrameAddr && inFrame(int32(m.Imm+imm), 0) && inFrame(int32(m.Imm), 0) && imm == int64(int16(imm)):
			m.Imm += imm
		default:
			continue
		}
		*add = ir.Op{Kind: ir.Nop, PC: add.PC}
	}
}

// swapLoads makes one op of a load and the byte swap of what it loaded.
func swapLoads(ops []ir.Op) {
	for i := 0; i+1 < len(ops); i++ {
		m, s := &ops[i], &ops[i+1]
		if m.Kind == ir.Load && !m.Signed && !m.Swapped && s.Kind == ir.Swap && s.Dst == m.Dst && s.From == m.Size*8 {
			m.Swapped = true
			*s = ir.Op{Kind: ir.Nop, PC: s.PC}
		}
	}
}

// extensions removes moves of a register to itself whose upper half is zero already.
func extensions(ops []ir.Op) {
	var clean regSet // registers whose upper halves are known to be zero
	for i := range ops {
		op := &ops[i]
		if !straight(op.Kind) && op.Kind != ir.CondJump {
			clean = 0
			continue
		}
		self := op.Kind == ir.Mov && op.W == 32 && !op.UseImm && op.Src == op.Dst || op.Kind == ir.Zext && op.From == 32
		if self && clean&bit(op.Dst) != 0 {
			*op = ir.Op{Kind: ir.Nop, PC: op.PC}
			continue
		}
		_, writes := effects(op)
		clean &^= writes
		zero := false
		switch op.Kind {
		case ir.Mov, ir.Lea, ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol, ir.Div, ir.Mod, ir.SDiv,
			ir.SMod, ir.Neg, ir.Sext:
			zero = op.W == 32
		case ir.Load:
			zero = op.Size <= 4 && !op.Signed
		case ir.Zext:
			zero = true
		case ir.Swap:
			zero = op.From <= 32
		}
		if zero {
			clean |= bit(op.Dst)
		}
	}
}
