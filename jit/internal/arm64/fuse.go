package arm64

import (
	"math/bits"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// fuse expands the first ops of a list together if one instruction does the work of
// several. It returns how many it took, 0 for none. Ops that follow each other have no
// label between them, and every fusion ends in the register that the last op writes,
// so nothing needs to be known about what comes later.
func (e *expander) fuse(ops []ir.Op) int {
	if len(ops) < 2 {
		return 0
	}
	if n := e.fusePair(&ops[0], &ops[1]); n > 0 {
		return n
	}
	mov := &ops[0]
	if mov.Kind != ir.Mov || mov.Dst >= ir.FP && mov.Dst != ir.Tmp {
		if threeOperand(mov.Kind) {
			if n := e.fuseTwo(&ops[0], &ops[1], e.reg(mov.Dst)); n > 0 {
				return n
			}
			return e.fuseInto(&ops[0], &ops[1], e.reg(mov.Dst), ops[2:])
		}
		return 0
	}
	op := ops[1]
	if !threeOperand(op.Kind) || op.Dst != mov.Dst {
		return 0
	}
	if mov.UseImm {
		return e.fuseConstant(mov, &op)
	}
	if mov.Src == mov.Dst || mov.Src >= ir.FP && mov.Src != ir.Tmp {
		return 0
	}
	if mov.W != 64 && !readsLow(&op) {
		return e.fuseLow(mov, &op)
	}
	// d = s; d = d op b is d = s op b.
	if !op.UseImm && hasSource(op.Kind) && op.Src == op.Dst {
		op.Src = mov.Src
	}
	s := e.reg(mov.Src)
	if len(ops) > 2 {
		if n := e.fuseTwo(&op, &ops[2], s); n > 0 {
			return n + 1
		}
		if n := e.fuseInto(&op, &ops[2], s, ops[3:]); n > 0 {
			return n + 1
		}
	}
	e.alu3(&op, s)
	return 2
}

// fuseLow is for d = low half of s; d = d op b in 64 bits.
func (e *expander) fuseLow(mov, op *ir.Op) int {
	if mov.W != 32 {
		return 0
	}
	s := e.reg(mov.Src)
	if op.Kind == ir.Add && op.W == 64 && !op.UseImm && op.Src != op.Dst {
		r := e.reg(op.Src)
		e.emit(AddExt(X, e.dst(op.Dst), r, s, UXTW, 0))
		return 2
	}
	return e.fuseTwo(&ir.Op{Kind: ir.Zext, From: 32, Dst: mov.Dst}, op, s)
}

// threeOperand is true of the ops that alu3 expands.
func threeOperand(k ir.Kind) bool {
	switch k {
	case ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol,
		ir.Div, ir.Mod, ir.SDiv, ir.SMod, ir.Neg, ir.Zext, ir.Swap:
		return true
	}
	return false
}

// hasSource is true of those that have an operand B.
func hasSource(k ir.Kind) bool { return k != ir.Neg && k != ir.Zext && k != ir.Swap }

// readsLow reports whether an op reads the low half of D only.
func readsLow(op *ir.Op) bool {
	if op.Kind == ir.Zext || op.Kind == ir.Swap {
		return op.From <= 32
	}
	return op.W == 32
}

// fuseConstant makes d = c; d = d op s into d = s op c, where that is the same.
func (e *expander) fuseConstant(mov, op *ir.Op) int {
	switch op.Kind {
	case ir.Add, ir.Mul, ir.Or, ir.And, ir.Xor:
	default:
		return 0
	}
	if op.UseImm || op.Src == op.Dst {
		return 0
	}
	o := *op
	o.UseImm, o.Imm = true, int64(immediate(e.width(mov), mov))
	e.alu3(&o, e.reg(op.Src))
	return 2
}

// lowMask returns n if op keeps the low n bits of D.
func lowMask(op *ir.Op) (uint32, bool) {
	if op.Kind == ir.Zext && (op.From == 8 || op.From == 16 || op.From == 32) {
		return uint32(op.From), true
	}
	if op.Kind != ir.And || !op.UseImm {
		return 0, false
	}
	v := uint64(op.Imm)
	if op.W == 32 {
		v = uint64(uint32(v))
	}
	return uint32(bits.Len64(v)), v != 0 && v&(v+1) == 0
}

// fuseTwo expands a, whose D is in n, with b behind it: 2 if one instruction does both.
func (e *expander) fuseTwo(a, b *ir.Op, n Reg) int {
	if b.Dst != a.Dst {
		return 0
	}
	if k, ok := lowMask(a); ok && b.Kind == ir.Lsh && b.UseImm && b.W == 64 {
		s := uint32(b.Imm) & 63
		e.emit(Ubfm(X, e.dst(a.Dst), n, -s&63, min(k, 64-s)-1))
		return 2
	}
	if a.W != 32 && a.W != 64 || !hasSource(a.Kind) {
		return 0
	}
	w := e.width(a)
	same := b.W == a.W
	if a.Kind == ir.Mul && b.Kind == ir.Add && same && !b.UseImm && b.Src != a.Dst {
		v := uint64(a.Imm)
		if a.UseImm && (v&(v-1) == 0 || immediate(w, a) == 0) {
			return 0
		}
		m := e.operand(w, a)
		if m == ZR {
			return 0
		}
		r := e.reg(b.Src)
		e.emit(Madd(w, e.dst(a.Dst), n, m, r))
		return 2
	}
	if !a.UseImm {
		return 0
	}
	k := uint32(a.Imm) & (w.bits() - 1)
	top := w.bits() - 1
	var shift Shift
	switch a.Kind {
	case ir.Lsh:
		shift = LSL
	case ir.Rsh:
		shift = LSR
	case ir.Arsh:
		shift = ASR
	case ir.Rol:
		shift, k = ROR, -k&top
	default:
		return 0
	}
	switch b.Kind {
	case ir.Add, ir.Or, ir.And, ir.Xor:
		if same && !b.UseImm && b.Src != a.Dst && (shift != ROR || b.Kind != ir.Add) {
			s := e.reg(b.Src)
			e.emit(combine(b.Kind)(w, e.dst(a.Dst), s, n, shift, k))
			return 2
		}
	case ir.Rsh, ir.Arsh:
		if same && b.UseImm && a.Kind == ir.Lsh {
			j := uint32(b.Imm) & top
			enc := Ubfm
			if b.Kind == ir.Arsh {
				enc = Sbfm
			}
			e.emit(enc(w, e.dst(a.Dst), n, (j-k)&top, top-k))
			return 2
		}
	}
	if keep, ok := lowMask(b); ok && a.Kind == ir.Rsh {
		e.emit(Ubfm(w, e.dst(a.Dst), n, k, k+min(keep, w.bits()-k)-1))
		return 2
	}
	return 0
}

// fuseInto expands a product or shift a, whose D is in n, with the op b that puts it into another register, where nobody reads
// it afterwards: 2 if one instruction does both.
func (e *expander) fuseInto(a, b *ir.Op, n Reg, rest []ir.Op) int {
	t := a.Dst
	if b.UseImm || b.Src != t || b.Dst == t || a.W != b.W || a.W != 32 && a.W != 64 || b.Dst > ir.Tmp || !dead(t, rest) {
		return 0
	}
	w := e.width(a)
	switch {
	case a.Kind == ir.Mul && (b.Kind == ir.Add || b.Kind == ir.Sub):
		v := immediate(w, a)
		if a.UseImm && v&(v-1) == 0 {
			return 0
		}
		m, r := e.operand(w, a), e.reg(b.Dst)
		d := e.dst(b.Dst)
		if b.Kind == ir.Add {
			e.emit(Madd(w, d, n, m, r))
		} else {
			e.emit(Msub(w, d, n, m, r))
		}
	case (a.Kind == ir.Lsh || a.Kind == ir.Rsh || a.Kind == ir.Arsh) && a.UseImm:
		var enc func(Width, Reg, Reg, Reg, Shift, uint32) uint32
		switch b.Kind {
		case ir.Add, ir.Or, ir.And, ir.Xor:
			enc = combine(b.Kind)
		case ir.Sub:
			enc = Sub
		default:
			return 0
		}
		shift := [...]Shift{ir.Lsh: LSL, ir.Rsh: LSR, ir.Arsh: ASR}[a.Kind]
		r := e.reg(b.Dst)
		e.emit(enc(w, e.dst(b.Dst), r, n, shift, uint32(a.Imm)&(w.bits()-1)))
	default:
		return 0
	}
	e.forget(t)
	return 2
}

// dead reports whether ops write a register before anything could read it.
func dead(r ir.Reg, ops []ir.Op) bool {
	for i := range ops[:min(len(ops), 12)] {
		op := &ops[i]
		src := !op.UseImm && op.Src == r
		switch op.Kind {
		case ir.Load, ir.Store:
			if op.Access != ir.Fixed && op.Base == r || op.Indexed && op.Index == r || op.Kind == ir.Store && src {
				return false
			}
			if op.Kind == ir.Store {
				continue
			}
		case ir.Mov:
			if src {
				return false
			}
		case ir.Lea, ir.Sext:
			if op.Src == r {
				return false
			}
		case ir.FrameAddr:
		default:
			if !threeOperand(op.Kind) || op.Dst == r || src && hasSource(op.Kind) {
				return false
			}
		}
		if op.Dst == r {
			return true
		}
	}
	return false
}

// combine is the encoder of an op that takes a shifted operand.
func combine(k ir.Kind) func(Width, Reg, Reg, Reg, Shift, uint32) uint32 {
	switch k {
	case ir.Add:
		return Add
	case ir.Or:
		return Orr
	case ir.And:
		return And
	}
	return Eor
}

// fusePair makes two accesses to neighbouring words one: of the frame, or at offsets from one host address.
func (e *expander) fusePair(a, b *ir.Op) int {
	if a.Kind != b.Kind || a.Kind != ir.Load && a.Kind != ir.Store || a.Size != b.Size || a.Size != 8 && a.Size != 4 || a.Access != b.Access ||
		a.Swapped || b.Swapped || a.Indexed || b.Indexed || a.Safe != b.Safe || a.Size == 4 && (a.Signed || b.Signed) {
		return 0
	}
	if a.Access != ir.Fixed && (a.Base != b.Base || a.Kind == ir.Load && a.Dst == a.Base) {
		return 0
	}
	if a.Kind == ir.Store && (a.UseImm && a.Imm != 0 || b.UseImm && b.Imm != 0) || a.Kind == ir.Load && a.Dst == b.Dst {
		return 0
	}
	size := int32(a.Size)
	if b.Off == a.Off-size {
		a, b = b, a
	}
	if b.Off != a.Off+size {
		return 0
	}
	base, at, ok := e.locate(a, false)
	if !ok && a.Safe && a.Base <= ir.Tmp && a.Access != ir.Fixed && e.held.via[a.Base].at == 0 && a.Off >= 0 && fitsPair(a.Size, int64(a.Off)) {
		base, at, ok = e.host(a.Base).host(), int64(a.Off), true
	}
	if !ok || !a.Safe && base != rFrame || !fitsPair(a.Size, at) || base == rFrame && at+2*int64(size) > frameBias {
		return 0
	}
	w := Width(a.Size >> 3)
	if a.Kind == ir.Load {
		e.emit(Ldp(w, e.dst(a.Dst), e.dst(b.Dst), base, int32(at)))
		return 2
	}
	e.emit(Stp(w, e.stored(a), e.stored(b), base, int32(at)))
	return 2
}

// stored is the register of a store whose immediate, if it has one, is 0.
func (e *expander) stored(op *ir.Op) Reg {
	if op.UseImm {
		return ZR
	}
	return e.reg(op.Src)
}
