package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// ends refuses a list in which control can go round without fuel being taken, unless the loop counts as package fuel
// says: nothing else stops a runaway in machine code. Calls need no look, their depth is bounded and they
// return; what the host resumes is followed as if it came from the exit.
func (c *checker) ends(table *fuel.Table, at []int32) error {
	ops := c.l.Ops
	back := false
	for i := range ops {
		c.ways(i, at, nil, func(to int32) { back = back || int(to) <= i })
	}
	if !back {
		return nil
	}
	w := &circles{checker: c, at: at}
	w.index()
	counted := make([]bool, len(ops))
	for i := range ops {
		op := &ops[i]
		if op.Kind != ir.CondJump || int(at[op.Target]) > i || table == nil {
			continue
		}
		if n, ok := table.Counted(int(op.PC)); ok {
			if err := w.counts(int(at[op.Target]), i, &n); err != nil {
				return fmt.Errorf("check: op %d (insn %d): a loop that counts does not: %w", i, op.PC, err)
			}
			counted[i] = true
		}
	}
	return w.search(counted)
}

// refund checks that fuel is given back only right before as much is taken.
func (c *checker) refund(i int) error {
	ops := c.l.Ops[i:]
	if len(ops) < 4 || ops[1].Kind != ir.Label || ops[2].Kind != ir.Charge || ops[2].Imm != ops[0].Imm {
		return fmt.Errorf("fuel is given back that is not taken")
	}
	return nil
}

// circles looks for ways round.
type circles struct {
	*checker
	at   []int32
	from [][2]int32 // lowest and highest op from which control comes to each label; {-1, -1} for none
}

func (w *circles) index() {
	w.from = make([][2]int32, w.l.Labels)
	for i := range w.from {
		w.from[i] = [2]int32{-1, -1}
	}
	add := func(label int32, i int) {
		if label < 0 {
			return
		}
		if w.from[label][0] < 0 {
			w.from[label][0] = int32(i)
		}
		w.from[label][1] = int32(i)
	}
	for i := range w.l.Ops {
		op := &w.l.Ops[i]
		switch op.Kind {
		case ir.Jump, ir.CondJump, ir.MayGoto:
			add(op.Target, i)
		}
		switch op.Kind {
		case ir.Charge, ir.Call, ir.Leave, ir.HashLookup, ir.ArrayUpdate:
			e := &w.l.Exits[op.Exit]
			add(e.Resume, i)
			add(e.Alt, i)
		}
	}
}

// counts holds the loop of ops head to last against what package fuel says of it.
func (w *circles) counts(head, last int, n *fuel.Count) error {
	ops := w.l.Ops
	reg, same := ir.Reg(n.Reg), func(a, b int64) bool { return a == b || n.W == 32 && int32(a) == int32(b) }
	jump := &ops[last]
	if jump.Dst != reg || jump.W != n.W || !jump.UseImm || !same(jump.Imm, n.Imm) || jump.Cond != conds[n.Cond] {
		return fmt.Errorf("it compares something else")
	}
	writer := -1
	for i := head; i <= last; i++ {
		op := &ops[i]
		if op.Kind == ir.Label {
			if f := w.from[op.Target]; i > head && f[0] >= 0 && (int(f[0]) < head || int(f[1]) > last) {
				return fmt.Errorf("op %d: there is another way in", i)
			}
			if writer >= 0 {
				return fmt.Errorf("op %d: a way round the step", i)
			}
		}
		if writer >= 0 && i < last && control(op.Kind) {
			return fmt.Errorf("op %d: control leaves behind the step", i)
		}
		if !changes(op, reg) {
			continue
		}
		step := op.Imm
		if op.Kind == ir.Sub {
			step = -step
		}
		if writer >= 0 || op.W != n.W || !same(step, n.Step) ||
			!(op.Kind == ir.Lea && op.Src == reg || (op.Kind == ir.Add || op.Kind == ir.Sub) && op.UseImm) {
			return fmt.Errorf("op %d: R%d is changed", i, reg)
		}
		writer = i
	}
	if writer < 0 {
		return fmt.Errorf("register %d is not stepped", reg)
	}
	if !n.Known {
		return nil
	}
	if f := w.from[ops[head].Target]; int(f[0]) < head || int(f[1]) > last {
		return fmt.Errorf("it is entered with another start")
	}
	for i := head - 1; i >= 0; i-- {
		op := &ops[i]
		if op.Kind == ir.Label || control(op.Kind) {
			break
		}
		if changes(op, reg) {
			if op.Kind != ir.Mov || !op.UseImm || !same(op.Imm, int64(n.Start)) && !(op.W == 32 && uint64(uint32(op.Imm)) == n.Start) {
				break
			}
			return nil
		}
	}
	return fmt.Errorf("register %d is not set before", reg)
}

// control reports whether a kind of op may go elsewhere than to the next, or come back with other registers.
func control(k ir.Kind) bool {
	switch k {
	case ir.Jump, ir.Charge, ir.CondJump, ir.MayGoto, ir.Func, ir.Return, ir.Call, ir.CallIndirect, ir.Leave, ir.TailCall, ir.HashLookup, ir.ArrayUpdate:
		return true
	}
	return false
}

// changes reports whether an op may change a register, the host's part included.
func changes(op *ir.Op, r ir.Reg) bool {
	switch op.Kind {
	case ir.Call, ir.CallIndirect, ir.Leave, ir.Func, ir.ArrayLookup, ir.HashLookup, ir.ArrayUpdate, ir.TailCall, ir.RingReserve, ir.RingCommit, ir.ReadClock:
		return r <= ir.Reg(isa.R5)
	case ir.Atomic:
		if op.AtomicOp == isa.AtomicCmpxchg {
			return r == 0 // what it stores stays in Src
		}
		return op.Fetch && op.Src == r
	}
	return writes(op) && op.Dst == r
}

// search goes depth first: a way to an op on the path closes a circle.
func (w *circles) search(counted []bool) error {
	const path, done = 1, 2
	ops := w.l.Ops
	mark := make([]uint8, len(ops))
	var stack []int32
	for root := range ops {
		if mark[root] != 0 {
			continue
		}
		stack = append(stack[:0], int32(root))
		for len(stack) > 0 {
			i := stack[len(stack)-1]
			if mark[i] != 0 { // all its ways were followed
				mark[i] = done
				stack = stack[:len(stack)-1]
				continue
			}
			mark[i] = path
			closed := false
			w.ways(int(i), w.at, counted, func(to int32) {
				switch mark[to] {
				case 0:
					stack = append(stack, to)
				case path:
					closed = true
				}
			})
			if closed {
				return fmt.Errorf("check: op %d (insn %d): control goes round here without fuel", i, ops[i].PC)
			}
		}
	}
	return nil
}

// ways calls f for each op that control goes to from op i without fuel having been taken or turns having been counted.
func (c *checker) ways(i int, at []int32, counted []bool, f func(to int32)) {
	op := &c.l.Ops[i]
	label := func(l int32) {
		if l >= 0 {
			f(at[l])
		}
	}
	switch op.Kind {
	case ir.Return, ir.Charge:
		return
	case ir.Refund:
		if i+3 < len(c.l.Ops) {
			f(int32(i + 3)) // the Charge takes what this gives
		}
		return
	case ir.Leave:
		e := &c.l.Exits[op.Exit]
		label(e.Resume)
		label(e.Alt)
		return
	case ir.Jump:
		label(op.Target)
		return
	case ir.CondJump, ir.MayGoto:
		if counted == nil || !counted[i] {
			label(op.Target)
		}
	}
	if i+1 < len(c.l.Ops) {
		f(int32(i + 1))
	}
}
