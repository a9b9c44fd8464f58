package jit

import "github.com/gbpf/gbpf/jit/internal/ir"

// rotator numbers the values of a block, so that it is known which registers hold the same.
type rotator struct {
	low, full [10]int32   // numbers of the low 32 bits and of all 64
	shift     [10]shifted // what a shift by a constant left in a register
	last      int32
}

// shifted is a register since a shift by a constant.
type shifted struct {
	op    int32 // -1 for none
	count uint8
	from  int32 // number of what was shifted
	read  bool  // somebody has read it since
}

// rotate finds two shifts of one value, one way and the other by the rest of the width, put together by or, xor or add. The shift
// in the register that becomes the result becomes a rotation, where nobody reads it between. The other is dead as a rule.
func rotate(ops []ir.Op) {
	var r rotator
	r.forget()
	for i := range ops {
		op := &ops[i]
		if op.Kind == ir.Nop {
			continue
		}
		if !straight(op.Kind) {
			r.forget()
			continue
		}
		if (op.Kind == ir.Or || op.Kind == ir.Xor || op.Kind == ir.Add) && !op.UseImm && op.Dst != op.Src && op.Dst < ir.FP && op.Src < ir.FP {
			if d := r.shift[op.Dst].op; r.join(ops, op) {
				*op = ir.Op{Kind: ir.Nop, PC: op.PC}
				r.write(ops[d].Dst)
				continue
			}
		}
		r.step(ops, int32(i))
	}
}

// forget starts a block.
func (r *rotator) forget() {
	for reg := range r.shift {
		r.write(ir.Reg(reg))
	}
}

// write gives a register a value that no other has.
func (r *rotator) write(reg ir.Reg) {
	r.last++
	r.low[reg], r.full[reg], r.shift[reg].op = r.last, r.last, -1
}

// step is what an op does to the values.
func (r *rotator) step(ops []ir.Op, i int32) {
	op := &ops[i]
	reads, writes := effects(op)
	for s := reads & allRegs; s != 0; s &= s - 1 {
		r.shift[s.first()].read = true
	}
	if op.Dst >= ir.FP || writes&bit(op.Dst) == 0 {
		for s := writes & allRegs; s != 0; s &= s - 1 {
			r.write(s.first())
		}
		return
	}
	d := op.Dst
	switch {
	case op.Kind == ir.Mov && !op.UseImm && op.Src < ir.FP:
		low, full := r.low[op.Src], r.full[op.Src]
		if r.write(d); op.W == 64 {
			r.full[d] = full
		}
		r.low[d] = low
	case (op.Kind == ir.Lsh || op.Kind == ir.Rsh) && op.UseImm:
		from := r.full[d]
		if op.W == 32 {
			from = r.low[d]
		}
		r.write(d)
		r.shift[d] = shifted{op: i, count: uint8(op.Imm) & (op.W - 1), from: from}
	default:
		for s := writes & allRegs; s != 0; s &= s - 1 {
			r.write(s.first())
		}
	}
}

// join makes the rotation of what the op puts together, if it is one.
func (r *rotator) join(ops []ir.Op, op *ir.Op) bool {
	d, s := &r.shift[op.Dst], &r.shift[op.Src]
	if d.op < 0 || s.op < 0 || d.read || d.from != s.from {
		return false
	}
	x, y := &ops[d.op], &ops[s.op]
	w := x.W
	if y.W != w || op.W != w || x.Kind == y.Kind || d.count == 0 || d.count+s.count != w {
		return false
	}
	left := d.count
	if x.Kind == ir.Rsh {
		left = s.count
	}
	*x = ir.Op{Kind: ir.Rol, W: w, Dst: x.Dst, UseImm: true, Imm: int64(left), PC: x.PC}
	return true
}
