package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// compare sets the flags for a jump and returns the condition under which it is taken.
func (e *expander) compare(op *ir.Op) Cond {
	if int(op.Cond) >= len(conds) {
		e.fail("condition %d", op.Cond)
		return EQ
	}
	w, d, c := e.width(op), e.reg(op.Dst), conds[op.Cond]
	v := immediate(w, op)
	if op.Cond == ir.Set || op.Cond == ir.Clear {
		if f, ok := bitmask(w, v); ok && op.UseImm {
			e.emit(AndsImm(w, ZR, d, f))
		} else {
			e.emit(Ands(w, ZR, d, e.operand(w, op), LSL, 0))
		}
		return c
	}
	if op.UseImm {
		e.compareImm(w, d, v)
	} else {
		e.emit(Subs(w, ZR, d, e.reg(op.Src), LSL, 0))
	}
	return c
}

// choose expands the first ops of a list together if they choose one of two values, or of two ways by two comparisons: a jump over a move
// becomes a conditional selection, with the move of a constant before it. It returns how many ops it took, 0 for none.
func (e *expander) choose(ops []ir.Op) int {
	if len(ops) > 1 && ops[0].Kind == ir.CondJump && ops[1].Kind == ir.CondJump {
		return e.both(&ops[0], &ops[1])
	}
	var before *ir.Op
	if ops[0].Kind == ir.Mov {
		before, ops = &ops[0], ops[1:]
	}
	if len(ops) < 3 || ops[0].Kind != ir.CondJump || ops[1].Kind != ir.Mov || !follows(ops[2:], ops[0].Target) ||
		ops[0].Dst > ir.Tmp || ops[0].Src > ir.Tmp || ops[1].Dst > ir.Tmp || ops[1].Src > ir.Tmp {
		return 0
	}
	jump, mov := &ops[0], &ops[1]
	if before == nil && !compares(jump) {
		return 0 // the branch alone is no longer
	}
	if !mov.UseImm {
		s := mov.Src
		if before != nil || s == mov.Dst || mov.W == 32 && !e.held.num[s].low {
			return 0
		}
		c, n := e.compare(jump), e.reg(s)
		d := e.dst(mov.Dst)
		e.emit(Csel(X, d, d, n, c))
		return 2
	}
	v := immediate(e.width(mov), mov)
	if before != nil {
		if !before.UseImm || before.Dst != mov.Dst || jump.Dst == mov.Dst || !jump.UseImm && jump.Src == mov.Dst {
			return 0
		}
		return e.chooseConstant(jump, mov.Dst, immediate(e.width(before), before), v)
	}
	if v > 1 && v != ^uint64(0) {
		return 0
	}
	c := e.compare(jump)
	was := e.held.num[mov.Dst]
	d := e.dst(mov.Dst)
	e.held.num[mov.Dst] = was.meet(constant(v))
	switch v {
	case 0:
		e.emit(Csel(X, d, d, ZR, c))
	case 1:
		e.emit(Csinc(X, d, d, ZR, c))
	default:
		e.emit(Csinv(X, d, d, ZR, c))
	}
	return 2
}

// chooseConstant makes r a if a jump is taken, else b.
func (e *expander) chooseConstant(jump *ir.Op, r ir.Reg, a, b uint64) int {
	const ones = ^uint64(0)
	switch {
	case a == b:
		return 0
	case a <= 1 && b <= 1, a == ones && b == 0, a == 0 && b == ones:
		c := e.compare(jump)
		if a == 0 {
			c = c.Not()
		}
		if a > 1 || b > 1 {
			e.emit(Csinv(X, e.dst(r), ZR, ZR, c.Not()))
		} else {
			e.emit(Cset(X, e.dst(r), c))
		}
	case !compares(jump):
		return 0
	case a == 0:
		c := e.compare(jump)
		d := e.dst(r)
		e.constant(d, b)
		e.emit(Csel(X, d, ZR, d, c))
	case b == 0, b == 1, b == ones, b == a+1, b == ^a, b == -a:
		c := e.compare(jump)
		d := e.dst(r)
		e.constant(d, a)
		switch b {
		case 0:
			e.emit(Csel(X, d, d, ZR, c))
		case a + 1:
			e.emit(Csinc(X, d, d, d, c))
		case 1:
			e.emit(Csinc(X, d, d, ZR, c))
		case ones:
			e.emit(Csinv(X, d, d, ZR, c))
		case ^a:
			e.emit(Csinv(X, d, d, d, c))
		default:
			e.emit(Csneg(X, d, d, d, c))
		}
	default:
		return 0
	}
	e.held.num[r] = constant(a).meet(constant(b))
	return 3
}

// both makes one jump of two to the same place that follow each other: the second comparison is made where the first
// condition does not hold.
func (e *expander) both(a, b *ir.Op) int {
	if a.Target != b.Target || !compares(a) || !compares(b) || b.Cond == ir.Set || b.Cond == ir.Clear {
		return 0
	}
	w := e.width(b)
	v := immediate(w, b)
	if b.UseImm && v > 31 {
		return 0
	}
	to := e.label(b.Target)
	c := e.compare(a)
	second := conds[b.Cond]
	if d := e.reg(b.Dst); b.UseImm {
		e.emit(CcmpImm(w, d, uint32(v), holds[second], c.Not()))
	} else {
		e.emit(Ccmp(w, d, e.reg(b.Src), holds[second], c.Not()))
	}
	e.branchIf(second, to)
	return 2
}

// compares reports whether a jump takes a comparison beside the branch.
func compares(op *ir.Op) bool {
	if int(op.Cond) >= len(conds) || op.Dst > ir.Tmp || op.Src > ir.Tmp {
		return false
	}
	v := uint64(op.Imm)
	if op.W == 32 {
		v = uint64(uint32(v))
	}
	if !op.UseImm {
		return true
	}
	switch op.Cond {
	case ir.Set, ir.Clear:
		return v == 0 || v&(v-1) != 0
	case ir.Eq, ir.Ne, ir.Gt, ir.Le, ir.SLt, ir.SGe:
		return v != 0
	}
	return true
}

// holds are flags under which a condition holds: N, Z, C, V from bit 3 down.
var holds = [...]uint32{EQ: 4, NE: 0, HS: 2, LO: 0, MI: 8, PL: 0, VS: 1, VC: 0, HI: 2, LS: 0, GE: 0, LT: 8, GT: 0, LE: 8}
