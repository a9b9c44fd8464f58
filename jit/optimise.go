package jit

import (
	"math/bits"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// optimise runs the passes that the options leave on and that the list has something for. Each leaves a list that does the
// same; what one makes superfluous, dead removes at the end.
func optimise(l *ir.List, cfg *Config) {
	has := kindsOf(l.Ops)
	sums := has.any(ir.Or, ir.Xor, ir.Add)
	if cfg.on(PassRotate) && sums && has.any(ir.Lsh) && has.any(ir.Rsh) {
		rotate(l.Ops)
	}
	if cfg.on(PassExtend) && has.any(ir.Lsh) && has.any(ir.Rsh, ir.Arsh) {
		shifts(l.Ops)
	}
	if cfg.on(PassLea) && has.any(ir.Add, ir.Sub) {
		lea(l.Ops)
	}
	if cfg.on(PassInline) && has.any(ir.ArrayLookup, ir.HashLookup, ir.ArrayUpdate) {
		lookups(l)
	}
	if cfg.on(PassSwap) && has.any(ir.Swap) {
		swapLoads(l.Ops)
	}
	if cfg.on(PassTest) && has.any(ir.And) && has.any(ir.CondJump) {
		tests(l.Ops)
	}
	if cfg.on(PassWide) && sums && has.any(ir.Load) {
		wide(l.Ops)
	}
	if cfg.on(PassDead) {
		extensions(l.Ops)
	}
	if !cfg.on(PassDead) && !cfg.on(PassFold) {
		return
	}
	if at, ok := liveness(l, cfg.memory()); ok {
		sweep(l, at, cfg.on(PassFold), cfg.on(PassDead))
	}
}

// regSet is a set of registers, R0 to R9 and the temporary.
type regSet uint16

func bit(r ir.Reg) regSet { return 1 << (r & 15) }

// first is the lowest register of a set.
func (s regSet) first() ir.Reg { return ir.Reg(bits.TrailingZeros16(uint16(s))) }

const allRegs regSet = 1<<10 - 1

// shifts makes an extension of a shift to the left and one back by as much, and one op of it and the move before. The first
// compilers for BPF had no other extensions.
func shifts(ops []ir.Op) {
	for i := 0; i+1 < len(ops); i++ {
		up, down := &ops[i], &ops[i+1]
		if up.Kind != ir.Lsh || down.Kind != ir.Rsh && down.Kind != ir.Arsh || !up.UseImm || !down.UseImm || up.Imm != down.Imm ||
			up.W != down.W || up.Dst != down.Dst || up.Imm < 1 || up.Imm >= int64(up.W) {
			continue
		}
		d, from := up.Dst, up.W-uint8(up.Imm)
		if from != 8 && from != 16 && from != 32 {
			continue
		}
		var mov *ir.Op
		if i > 0 && ops[i-1].Kind == ir.Mov && !ops[i-1].UseImm && ops[i-1].Dst == d && ops[i-1].W >= up.W {
			mov = &ops[i-1]
		}
		*up = ir.Op{Kind: ir.Nop, PC: up.PC}
		switch {
		case down.Kind == ir.Arsh && mov != nil:
			*mov = ir.Op{Kind: ir.Sext, W: down.W, From: from, Dst: d, Src: mov.Src, PC: mov.PC}
			*down = ir.Op{Kind: ir.Nop, PC: down.PC}
		case down.Kind == ir.Arsh:
			*down = ir.Op{Kind: ir.Sext, W: down.W, From: from, Dst: d, Src: d, PC: down.PC}
		case from == 32 && mov != nil:
			mov.W = 32
			*down = ir.Op{Kind: ir.Nop, PC: down.PC}
		default:
			*down = ir.Op{Kind: ir.Zext, From: from, W: 64, Dst: d, PC: down.PC}
		}
	}
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
	for i := range ops {
		op := &ops[i]
		self := op.Kind == ir.Mov && op.Src == op.Dst && op.W == 32 && !op.UseImm || op.Kind == ir.Zext && op.From == 32
		if self && extended(ops[:i], op.Dst) {
			*op = ir.Op{Kind: ir.Nop, PC: op.PC}
		}
	}
}

// farBack is how far back passes look for what wrote a register or a key, in ops: not without end, so that what there is many
// of stays cheap.
const farBack = 256

// extended reports whether the upper half of a register is known to be zero behind the last of some ops.
func extended(ops []ir.Op, r ir.Reg) bool {
	for i := len(ops) - 1; i >= 0 && i >= len(ops)-farBack; i-- {
		op := &ops[i]
		if !straight(op.Kind) && op.Kind != ir.CondJump {
			return false
		}
		if _, writes := effects(op); writes&bit(r) == 0 {
			continue
		}
		switch op.Kind {
		case ir.Mov, ir.Lea, ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol, ir.Div, ir.Mod, ir.SDiv,
			ir.SMod, ir.Neg, ir.Sext:
			return op.W == 32
		case ir.Load:
			return op.Size <= 4 && !op.Signed
		case ir.Zext:
			return true
		case ir.Swap:
			return op.From <= 32
		}
		return false
	}
	return false
}
