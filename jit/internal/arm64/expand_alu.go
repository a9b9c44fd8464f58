package arm64

import (
	"math/bits"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// alu expands an op on registers.
func (e *expander) alu(op *ir.Op) {
	switch op.Kind {
	case ir.Mov:
		w := e.width(op)
		if op.UseImm {
			e.constant(e.dst(op.Dst), immediate(w, op))
			return
		}
		s := e.reg(op.Src)
		e.emit(Mov(w, e.dst(op.Dst), s))
	case ir.FrameAddr:
		e.addImm(X, e.dst(op.Dst), rGuest, uint64(int64(int32(op.Imm))))
	case ir.Lea:
		s := e.reg(op.Src)
		e.addImm(e.width(op), e.dst(op.Dst), s, uint64(int64(int32(op.Imm))))
	case ir.Sext:
		s := e.reg(op.Src)
		w := e.width(op)
		d := e.dst(op.Dst)
		switch {
		case op.From != 8 && op.From != 16 && op.From != 32:
			e.fail("sign extension of %d bits", op.From)
		case uint32(op.From) == w.bits():
			e.emit(Mov(w, d, s))
		default:
			e.emit(Sxt(w, d, s, uint32(op.From)))
		}
	default:
		e.alu3(op, e.reg(op.Dst))
	}
}

// alu3 expands an op whose result depends on D, with n in place of D's old value. It
// reads n and B before it writes D, but for a B that is D itself: then n must be D.
func (e *expander) alu3(op *ir.Op, n Reg) {
	d := e.dst(op.Dst)
	switch op.Kind {
	case ir.Zext:
		switch op.From {
		case 8, 16:
			e.emit(Uxt(d, n, uint32(op.From)))
		case 32:
			e.emit(Mov(W, d, n))
		default:
			e.fail("zero extension of %d bits", op.From)
		}
		return
	case ir.Swap:
		e.swap(op.From, d, n)
		return
	}
	w := e.width(op)
	switch op.Kind {
	case ir.Neg:
		e.emit(Sub(w, d, ZR, n, LSL, 0))
		return
	case ir.Add, ir.Sub:
		if op.UseImm {
			v := uint64(op.Imm)
			if op.Kind == ir.Sub {
				v = -v
			}
			e.addImm(w, d, n, v)
			return
		}
		if op.Kind == ir.Add {
			e.emit(Add(w, d, n, e.reg(op.Src), LSL, 0))
		} else {
			e.emit(Sub(w, d, n, e.reg(op.Src), LSL, 0))
		}
	case ir.And, ir.Or, ir.Xor:
		e.logic(op, w, d, n)
	case ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol:
		e.shift(op, w, d, n)
	case ir.Mul:
		e.mul(op, w, d, n)
	case ir.Div, ir.SDiv, ir.Mod, ir.SMod:
		e.divide(op, w, d, n)
	default:
		e.fail("kind %d is no operation on registers", op.Kind)
	}
}

// addImm emits d = n + v.
func (e *expander) addImm(w Width, d, n Reg, v uint64) {
	neg := -v
	if w == W {
		v, neg = uint64(uint32(v)), uint64(uint32(neg))
	}
	switch {
	case v == 0 && d == n && w == X:
	case v == 0:
		e.emit(Mov(w, d, n))
	case fitsAddSub(v):
		e.emit(AddImm(w, d, n, v))
	case fitsAddSub(neg):
		e.emit(SubImm(w, d, n, neg))
	case v < 1<<24:
		e.emit(AddImm(w, d, n, v&^0xfff), AddImm(w, d, d, v&0xfff))
	case neg < 1<<24:
		e.emit(SubImm(w, d, n, neg&^0xfff), SubImm(w, d, d, neg&0xfff))
	default:
		e.constant(rImm, v)
		e.emit(Add(w, d, n, rImm, LSL, 0))
	}
}

func (e *expander) logic(op *ir.Op, w Width, d, n Reg) {
	var (
		imm func(Width, Reg, Reg, uint32) uint32
		reg func(Width, Reg, Reg, Reg, Shift, uint32) uint32
	)
	switch op.Kind {
	case ir.And:
		imm, reg = AndImm, And
	case ir.Or:
		imm, reg = OrrImm, Orr
	default:
		imm, reg = EorImm, Eor
	}
	if op.UseImm {
		v := immediate(w, op)
		if f, ok := bitmask(w, v); ok {
			e.emit(imm(w, d, n, f))
			return
		}
		if f, ok := bitmask(W, v); ok && op.Kind == ir.And && v <= 0xffffffff {
			e.emit(imm(W, d, n, f))
			return
		}
		if all := uint64(1)<<(w.bits()-1)<<1 - 1; v == all {
			switch op.Kind {
			case ir.And:
				e.emit(Mov(w, d, n))
			case ir.Or:
				e.emit(Movn(w, d, 0, 0))
			default:
				e.emit(Mvn(w, d, n))
			}
			return
		}
	}
	e.emit(reg(w, d, n, e.operand(w, op), LSL, 0))
}

func (e *expander) shift(op *ir.Op, w Width, d, n Reg) {
	if op.UseImm {
		k := uint32(op.Imm) & (w.bits() - 1)
		switch op.Kind {
		case ir.Lsh:
			e.emit(LslImm(w, d, n, k))
		case ir.Rsh:
			e.emit(LsrImm(w, d, n, k))
		case ir.Arsh:
			e.emit(AsrImm(w, d, n, k))
		default:
			e.emit(Extr(w, d, n, n, -k&(w.bits()-1)))
		}
		return
	}
	s := e.reg(op.Src)
	switch op.Kind {
	case ir.Lsh:
		e.emit(Lslv(w, d, n, s))
	case ir.Rsh:
		e.emit(Lsrv(w, d, n, s))
	case ir.Arsh:
		e.emit(Asrv(w, d, n, s))
	default:
		e.emit(Sub(W, rT0, ZR, s, LSL, 0), Rorv(w, d, n, rT0))
	}
}

func (e *expander) mul(op *ir.Op, w Width, d, n Reg) {
	if op.UseImm {
		v := immediate(w, op)
		switch {
		case v == 0:
			e.emit(Movz(W, d, 0, 0))
			return
		case v&(v-1) == 0:
			e.emit(LslImm(w, d, n, uint32(bits.TrailingZeros64(v))))
			return
		case (v-1)&(v-2) == 0: // 2^k + 1
			e.emit(Add(w, d, n, n, LSL, uint32(bits.TrailingZeros64(v-1))))
			return
		}
	}
	e.emit(Madd(w, d, n, e.operand(w, op), ZR))
}

// divide expands division and remainder. The instructions give what BPF wants: x / 0 is 0,
// so that x - (x/0)*0 is x, and MIN / -1 is MIN.
func (e *expander) divide(op *ir.Op, w Width, d, n Reg) {
	rest := op.Kind == ir.Mod || op.Kind == ir.SMod
	signed := op.Kind == ir.SDiv || op.Kind == ir.SMod
	if op.UseImm {
		v := immediate(w, op)
		switch {
		case v == 0 && rest:
			e.emit(Mov(w, d, n))
			return
		case v == 0:
			e.emit(Movz(W, d, 0, 0))
			return
		case v == 1 && rest:
			e.emit(Movz(W, d, 0, 0))
			return
		case !signed && v&(v-1) == 0 && !rest:
			e.emit(LsrImm(w, d, n, uint32(bits.TrailingZeros64(v))))
			return
		case !signed && v&(v-1) == 0:
			f, _ := bitmask(w, v-1) // 1 is above
			e.emit(AndImm(w, d, n, f))
			return
		}
	}
	s := e.operand(w, op)
	div := Udiv
	if signed {
		div = Sdiv
	}
	if !rest {
		e.emit(div(w, d, n, s))
		return
	}
	e.emit(div(w, rT0, n, s), Msub(w, d, rT0, s, n))
}

func (e *expander) swap(from uint8, d, n Reg) {
	switch from {
	case 16:
		e.emit(Rev16(W, d, n), Uxt(d, d, 16))
	case 32:
		e.emit(Rev(W, d, n))
	case 64:
		e.emit(Rev(X, d, n))
	default:
		e.fail("byte swap of %d bits", from)
	}
}
