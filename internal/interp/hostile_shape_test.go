package interp

import (
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/isa"
)

// shape appends one of what the compiler of machine code looks for, whole, broken, or with something in between.
func (h *hostile) shape(deep int) {
	switch h.r.IntN(4) {
	case 0, 1:
		h.counting(deep)
	case 2:
		h.address()
	default:
		h.rotation()
	}
}

func (h *hostile) add(op isa.Op, dst, src isa.Reg, off int16, imm int64) {
	h.insns = append(h.insns, isa.New(op, dst, src, off, imm))
}

// pick is one of some ops.
func (h *hostile) pick(ops ...isa.Op) isa.Op { return ops[h.r.IntN(len(ops))] }

// counting is a loop that counts, or nearly so: entered from above, over its head or in its middle, left early to anywhere, with others
// inside or with the head of another.
func (h *hostile) counting(deep int) {
	begin := len(h.insns)
	over := -1
	if h.r.IntN(4) == 0 { // control comes in behind what it falls through on the way round
		over = begin
		h.add(isa.OpJa, 0, 0, 0, 0)
	}
	r := h.reg()
	step := int64(1 + h.r.IntN(5))
	from, to := h.r.Int64N(20), h.r.Int64N(60)
	if h.r.IntN(4) == 0 {
		step, from, to = -step, to, from
	}
	if h.r.IntN(8) == 0 {
		from = int64(int32(h.value()))
	}
	if h.r.IntN(5) > 0 {
		h.add(h.pick(isa.OpMov64Imm, isa.OpMov64Imm, isa.OpMov32Imm), r, 0, 0, from)
	}
	if over >= 0 && h.r.IntN(2) == 0 {
		h.insns[over].Off = int16(len(h.insns) - over - 1)
		over = -1
	}
	head := len(h.insns)
	var jumps []int
	for range h.r.IntN(7) {
		switch h.r.IntN(8) {
		case 0, 1:
			op := h.pick(isa.OpJeqImm, isa.OpJneImm, isa.OpJltImm, isa.OpJsgt32Imm, isa.OpMayGoto, isa.OpJa, isa.OpJsetImm)
			jumps = append(jumps, len(h.insns))
			if op == isa.OpJa || op == isa.OpMayGoto {
				h.add(op, 0, 0, 0, 0)
			} else {
				h.add(op, h.reg(), 0, 0, h.r.Int64N(30))
			}
		case 2:
			if deep > 0 {
				h.shape(deep - 1)
			}
		case 3:
			h.add(isa.OpStxW, isa.R10, h.reg(), -4*int16(1+h.r.IntN(128)), 0)
		case 4:
			h.add(h.pick(isa.OpLdxB, isa.OpLdxW), h.reg(), r, int16(h.value()), 0)
		default:
			h.add(h.pick(isa.OpAdd64Imm, isa.OpXor64Imm, isa.OpSub32Imm, isa.OpMov64Imm, isa.OpMul32Imm), h.reg(), 0, 0, int64(int32(h.value())))
		}
	}
	if over >= 0 {
		h.insns[over].Off = int16(len(h.insns) - over - 1)
	}
	narrow := h.r.IntN(3) == 0
	if op := isa.OpAdd64Imm; h.r.IntN(10) > 0 {
		if narrow != (h.r.IntN(10) == 0) {
			op = isa.OpAdd32Imm
		}
		h.add(op, r, 0, 0, step)
	}
	op := h.pick(isa.OpJltImm, isa.OpJneImm, isa.OpJleImm, isa.OpJsltImm, isa.OpJgtImm)
	if narrow {
		op = h.pick(isa.OpJlt32Imm, isa.OpJne32Imm, isa.OpJle32Imm, isa.OpJslt32Imm, isa.OpJgt32Imm)
	}
	if (op == isa.OpJneImm || op == isa.OpJne32Imm) && h.r.IntN(5) > 0 {
		to = from + step*h.r.Int64N(30)
	}
	to = int64(int32(to))
	h.add(op, r, 0, int16(head-len(h.insns)-1), to)
	if h.r.IntN(5) == 0 { // another way back, to the same head or a little before
		h.add(h.pick(isa.OpJeqImm, isa.OpJltImm), h.reg(), 0, int16(max(h.first, head-h.r.IntN(3))-len(h.insns)-1), h.r.Int64N(40))
	}
	for _, at := range jumps {
		to := len(h.insns)
		switch h.r.IntN(4) {
		case 0:
			to = max(h.first, begin-h.r.IntN(4))
		case 1:
			to = max(h.first, head-h.r.IntN(3))
		case 2:
			to = head + h.r.IntN(len(h.insns)-head+1)
		}
		h.insns[at].Off = int16(to - at - 1)
	}
}

// address is a sum of small numbers, of tables' addresses or of R10, by every op, and accesses there.
func (h *hostile) address() {
	a, b := h.reg(), h.reg()
	sum := []isa.Op{
		isa.OpAdd64Reg, isa.OpAdd64Reg, isa.OpAdd32Reg, isa.OpSub64Reg, isa.OpAnd64Reg, isa.OpOr64Reg, isa.OpXor32Reg, isa.OpMul64Reg, isa.OpMod64Reg,
		isa.OpDiv32Reg, isa.OpRsh64Reg, isa.OpLsh32Reg, isa.OpMov64Reg, isa.OpMov32Reg,
	}
	for range 1 + h.r.IntN(2) {
		switch h.r.IntN(5) {
		case 0:
			h.add(h.pick(isa.OpMov64Reg, isa.OpMov32Reg), a, isa.R10, 0, 0)
		case 1:
			h.add(h.pick(isa.OpLdxB, isa.OpLdxH, isa.OpLdxW, isa.OpLdxsB), a, isa.R10, -int16(8+h.r.IntN(500)), 0)
		case 2:
			h.add(h.pick(isa.OpAnd64Imm, isa.OpAnd32Imm, isa.OpMod64Imm, isa.OpMov64Imm), a, 0, 0, int64(int32(h.value())))
		case 3:
			h.add(h.pick(sum...), a, isa.R10, 0, 0)
		default:
			h.add(h.pick(isa.OpJltImm, isa.OpJleImm, isa.OpJgtImm, isa.OpJlt32Imm), a, 0, int16(h.r.IntN(3)), int64(int32(h.value())))
		}
	}
	for range 2 + h.r.IntN(12) {
		switch h.r.IntN(12) {
		case 0, 1:
			h.add(h.pick(isa.OpLsh64Imm, isa.OpLsh64Imm, isa.OpLsh32Imm), a, 0, 0, h.r.Int64N(4))
		case 2:
			h.add(h.pick(isa.OpAdd64Imm, isa.OpSub64Imm, isa.OpAdd32Imm), a, 0, 0, []int64{8, -8, -512, 600, int64(guest.NullZone), 1<<31 - 1, -1 << 31, int64(int16(h.value()))}[h.r.IntN(8)])
		case 3:
			h.add(h.pick(sum...), a, b, 0, 0)
		case 4: // a sum in another register
			h.add(h.pick(isa.OpMov64Reg, isa.OpMov64Reg, isa.OpMov32Reg), b, a, 0, 0)
			h.add(h.pick(isa.OpAdd64Imm, isa.OpAdd64Imm, isa.OpSub64Imm, isa.OpAdd32Imm), b, 0, 0, 8*h.r.Int64N(9)-32)
		case 5:
			h.add(h.pick(sum...), b, a, 0, 0)
		case 6:
			h.add(h.pick(isa.OpStxB, isa.OpStxDW), isa.R10, b, -int16(8+h.r.IntN(500)), 0)
		default:
			d, at := h.reg(), a
			if h.r.IntN(2) == 0 {
				d = a
			}
			if h.r.IntN(2) == 0 {
				at = b
			}
			h.reach(d, at)
		}
	}
}

// reach is an access at a register.
func (h *hostile) reach(d, at isa.Reg) {
	off := []int16{0, 0, 8, -8, 4, 32767, -32768, 100, -512}[h.r.IntN(9)]
	switch op := h.pick(isa.OpLdxB, isa.OpLdxH, isa.OpLdxW, isa.OpLdxDW, isa.OpLdxsB, isa.OpLdxsW, isa.OpStxB, isa.OpStxW, isa.OpStxDW, isa.OpStDW, isa.OpAtomicFetchAdd64); op {
	case isa.OpStxB, isa.OpStxW, isa.OpStxDW:
		h.add(op, at, d, off, 0)
	case isa.OpStDW:
		h.add(op, at, 0, off, int64(int32(h.value())))
	case isa.OpAtomicFetchAdd64:
		h.add(op, at, d, off, int64(op.Info().ImmVal))
	default:
		h.add(op, d, at, off, 0)
		if h.r.IntN(3) == 0 {
			swap := h.pick(isa.OpBe16, isa.OpBe32, isa.OpBe64, isa.OpBswap32)
			h.add(swap, d, 0, 0, int64(swap.Info().ImmVal))
		}
	}
}

// rotation is shifts of copies of a value by parts of the width, in any order, put together.
func (h *hostile) rotation() {
	w := int64(64)
	mov, lsh, rsh := isa.OpMov64Reg, isa.OpLsh64Imm, isa.OpRsh64Imm
	joins := []isa.Op{isa.OpOr64Reg, isa.OpXor64Reg, isa.OpAdd64Reg}
	if h.r.IntN(2) == 0 {
		w, mov, lsh, rsh = 32, isa.OpMov32Reg, isa.OpLsh32Imm, isa.OpRsh32Imm
		joins = []isa.Op{isa.OpOr32Reg, isa.OpXor32Reg, isa.OpAdd32Reg}
	}
	n := 1 + h.r.Int64N(w-1)
	regs := []isa.Reg{h.reg(), h.reg(), h.reg()}
	any := func() isa.Reg { return regs[h.r.IntN(len(regs))] }
	for range 3 + h.r.IntN(9) {
		switch h.r.IntN(10) {
		case 0, 1:
			h.add(h.pick(mov, mov, isa.OpMov64Reg, isa.OpMov32Reg), any(), any(), 0, 0)
		case 2, 3:
			h.add(lsh, any(), 0, 0, n)
		case 4, 5:
			h.add(rsh, any(), 0, 0, w-n)
		case 6, 7:
			h.add(h.pick(joins...), any(), any(), 0, 0)
		case 8:
			h.add(isa.OpStxDW, isa.R10, any(), -8*int16(1+h.r.IntN(64)), 0)
		default:
			h.add(h.pick(isa.OpJeqImm, isa.OpAdd64Imm, isa.OpAnd32Imm), any(), 0, 0, h.r.Int64N(3))
		}
	}
	if h.r.IntN(2) == 0 {
		a, b := any(), any()
		x, y := isa.New(lsh, a, 0, 0, n), isa.New(rsh, b, 0, 0, w-n)
		if h.r.IntN(2) == 0 {
			x.Dst, y.Dst = b, a
		}
		if h.r.IntN(2) == 0 {
			x, y = y, x
		}
		h.insns = append(h.insns, isa.New(mov, a, b, 0, 0), x, y)
		h.add(h.pick(joins...), a, b, 0, 0)
	}
}
