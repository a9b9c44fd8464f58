package jit

import "github.com/gbpf/gbpf/jit/internal/ir"

// part is a register that holds a load, shifted left or not.
type part struct {
	load, shift int // ops; shift is -1 for none
	by          int64
}

// wide makes one load of two that are put together: compilers read what may not be aligned in parts. Both must be
// proven to lie in an object, or in the frame, so that nothing is read that was not.
func wide(ops []ir.Op) {
	first, second := -look-1, -look-1 // the last two loads that may be parts
	for i := range ops {
		op := &ops[i]
		if mayBePart(op) && op.Size <= 4 {
			first, second = second, i
			continue
		}
		if i-first > look || op.Kind != ir.Or && op.Kind != ir.Add && op.Kind != ir.Xor || op.UseImm || op.Dst == op.Src || op.Dst > 9 || op.Src > 9 {
			continue
		}
		d, ok := partOf(ops, i, op.Dst, true)
		if !ok {
			continue
		}
		a, ok := partOf(ops, i, op.Src, false)
		if ok {
			combine(ops, i, d, a)
		}
	}
}

// mayBePart reports whether an op is a load that may be read together with its neighbour.
func mayBePart(op *ir.Op) bool {
	return op.Kind == ir.Load && !op.Signed && !op.Swapped && !op.Indexed && (op.Safe || op.Access == ir.Frame)
}

// partOf finds what register r holds at op i. Of one that is to be changed nobody may read it between.
func partOf(ops []ir.Op, i int, r ir.Reg, alone bool) (part, bool) {
	p := part{load: -1, shift: -1}
	for k := i - 1; k >= 0 && k >= i-look; k-- {
		op := &ops[k]
		if !straight(op.Kind) {
			break
		}
		reads, writes := effects(op)
		switch {
		case writes&bit(r) == 0:
			if reads&bit(r) != 0 && alone {
				return p, false
			}
		case op.Kind == ir.Lsh && op.UseImm && op.Dst == r && p.shift < 0 && op.Imm > 0 && op.Imm < int64(op.W):
			p.shift, p.by = k, op.Imm
			if op.W == 32 && ops[i].W != 32 {
				return p, false
			}
		case op.Dst == r && mayBePart(op):
			p.load = k
			return p, true
		default:
			return p, false
		}
	}
	return p, false
}

// combine makes the wide load of D = D put together with A at op i, if the parts are neighbours.
func combine(ops []ir.Op, i int, d, a part) {
	x, y := &ops[d.load], &ops[a.load]
	size := int64(x.Size)
	low, by := x.Off, d.by
	if a.by < by {
		low, by = y.Off, a.by
	}
	high := x.Off + y.Off - low
	gap := d.by - a.by
	if gap < 0 {
		gap = -gap
	}
	if x.Size != y.Size || x.Size > 4 || x.Base != y.Base || x.Access != y.Access || gap != 8*size || high != low+int32(size) ||
		by+16*size > int64(ops[i].W) {
		return
	}
	// Between the loads neither memory nor the base may change; the later one may load over the base.
	first, last := min(d.load, a.load), max(d.load, a.load)
	for k := first; k < last; k++ {
		op := &ops[k]
		_, writes := effects(op)
		if op.Kind != ir.Nop && !simple(op.Kind) || writes&bit(x.Base) != 0 {
			return
		}
	}
	x.Size, x.Off = uint8(2*size), low
	switch {
	case by == 0 && d.shift >= 0:
		ops[d.shift] = ir.Op{Kind: ir.Nop, PC: ops[d.shift].PC}
	case by > 0 && d.shift >= 0:
		ops[d.shift].Imm = by
	case by > 0: // a shift is needed where there was none: D was the low part with none
		return
	}
	ops[i] = ir.Op{Kind: ir.Nop, PC: ops[i].PC}
}
