package arm64

import (
	"math/bits"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// number is what is known of the number in a register. The zero value is nothing.
type number struct {
	known bool   // it is value
	low   bool   // its upper half is 0
	zeros uint8  // how many of its low bits are 0 at least
	value uint64 // 0 if it is not known
}

func constant(v uint64) number {
	return number{known: true, low: v>>32 == 0, zeros: uint8(bits.TrailingZeros64(v)), value: v}
}

// meet is what both say.
func (n number) meet(o number) number {
	if n == o {
		return n
	}
	return number{low: n.low && o.low, zeros: min(n.zeros, o.zeros)}
}

// half is a number whose upper half is cleared.
func (n number) half() number {
	if n.known {
		return constant(uint64(uint32(n.value)))
	}
	n.low = true
	return n
}

// result is what an op leaves in Dst: a is known of its first operand, Src of moves and Dst else, and b of the second.
func result(op *ir.Op, a, b number) number {
	var n number
	switch op.Kind {
	case ir.Mov:
		n = a
		if op.UseImm {
			n = constant(uint64(op.Imm))
		}
	case ir.Lea, ir.Add, ir.Sub:
		imm := op.UseImm || op.Kind == ir.Lea
		v := uint64(op.Imm)
		if imm {
			b = constant(v)
		}
		if op.Kind == ir.Sub {
			v = -v
		}
		if n.zeros = min(a.zeros, b.zeros); a.known && imm {
			n = constant(a.value + v)
		}
	case ir.And:
		if n.zeros = a.zeros; op.UseImm {
			n.zeros = max(n.zeros, constant(uint64(op.Imm)).zeros)
			n.low = a.low || uint64(op.Imm)>>32 == 0
		}
	case ir.Load:
		n.low = op.Size < 8 && !op.Signed
		return n
	case ir.LoadAcq:
		n.low = op.Size < 8
		return n
	case ir.Zext:
		return number{low: true}
	case ir.Swap:
		return number{low: op.From <= 32}
	case ir.FrameAddr:
		return number{low: true}
	case ir.LoadState:
		return number{low: op.Size == 4}
	}
	if op.W == 32 {
		n = n.half()
	}
	return n
}

// learned is what is known of a register behind an op.
type learned struct {
	reg ir.Reg // None for nothing
	num number
	via via
}

func (l learned) to(h *held) {
	if l.reg <= ir.Tmp {
		h.num[l.reg], h.via[l.reg] = l.num, l.via
	}
}

// learn says what an op that is to be expanded will make known of its Dst.
func (e *expander) learn(op *ir.Op) learned {
	if e.list.Plain || op.Dst > ir.Tmp || op.Src > ir.Tmp {
		return learned{reg: ir.None}
	}
	h, l := &e.held, learned{reg: op.Dst}
	switch op.Kind {
	case ir.Mov, ir.Lea:
		l.num = result(op, h.num[op.Src], number{})
		if !op.UseImm || op.Kind == ir.Lea {
			l.via = h.via[op.Src]
		}
		if op.Kind == ir.Lea {
			l.via = l.via.move(op.Imm)
		}
	case ir.Add, ir.Sub:
		l.num = result(op, h.num[op.Dst], h.num[op.Src])
		if op.UseImm {
			by := op.Imm
			if op.Kind == ir.Sub {
				by = -by
			}
			l.via = h.via[op.Dst].move(by)
		}
	case ir.FrameAddr:
		l.num = result(op, number{}, number{})
		l.via = via{at: viaFrame, off: frameBias}.move(op.Imm)
	case ir.Load, ir.LoadAcq, ir.LoadState, ir.Sext:
		l.num = result(op, number{}, number{})
	case ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol, ir.Div, ir.Mod, ir.SDiv, ir.SMod, ir.Neg, ir.Zext, ir.Swap:
		l.num = result(op, h.num[op.Dst], h.num[op.Src])
	case ir.ArrayLookup:
		if m := int(op.Aux); m < len(e.list.Maps) {
			a := &e.list.Maps[m]
			l.reg, l.num.low = 0, true
			l.num.zeros = uint8(bits.TrailingZeros32(a.Addr | a.Stride | a.CPUStride))
		}
	default:
		return learned{reg: ir.None}
	}
	return l
}

// learnFused is for ops that were expanded together, when it is known what the last of them makes of any number.
func (e *expander) learnFused(ops []ir.Op) {
	for i := range ops {
		if op := &ops[i]; op.Kind != ir.Store && op.Kind != ir.Mov && op.Dst <= ir.Tmp {
			e.held.num[op.Dst] = result(op, number{}, number{})
		}
	}
}
