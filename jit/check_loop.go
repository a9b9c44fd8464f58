package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// ends refuses a list in which control can go round without fuel being taken, unless the loop counts as package fuel
// says: nothing else stops a runaway in machine code. Calls need no look, their depth is bounded and they
// return; what the host resumes is followed as if it came from the exit. What control does not reach, as [checker.frames] found, may
// go round as it likes: what a loop needs may have been removed there.
func (c *checker) ends(table *fuel.Table) error {
	w := &circles{checker: c}
	if w.index(); !w.back() {
		return nil
	}
	counted := take(&c.cfg.memory().counted, len(c.marks))
	for m, i := range c.marks {
		op := &c.l.Ops[i]
		if op.Kind != ir.CondJump || int(c.place[op.Target]) > m || table == nil || c.owner[m] < 0 {
			continue
		}
		if n, ok := table.Counted(int(op.PC)); ok {
			if err := w.counts(c.where(op.Target), int(i), &n); err != nil {
				return c.at(int(i), fmt.Errorf("a loop that counts does not: %w", err))
			}
			counted[m] = true
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
	from [][2]int32 // lowest and highest op from which control comes to each label; {-1, -1} for none
}

func (w *circles) index() {
	w.from = take(&w.cfg.memory().from, w.l.Labels)
	for i := range w.from {
		w.from[i] = [2]int32{-1, -1}
	}
	add := func(label, i int32) {
		if label < 0 {
			return
		}
		if w.from[label][0] < 0 {
			w.from[label][0] = i
		}
		w.from[label][1] = i
	}
	for _, i := range w.marks {
		op := &w.l.Ops[i]
		switch op.Kind {
		case ir.Jump, ir.CondJump, ir.MayGoto:
			add(op.Target, i)
		}
		if e := w.exit(op); e != nil {
			add(e.Resume, i)
			add(e.Alt, i)
		}
	}
}

// back reports whether control comes to a label from an op behind it: without that it goes round nowhere.
func (w *circles) back() bool {
	for l, f := range w.from {
		if w.place[l] >= 0 && f[1] > w.marks[w.place[l]] {
			return true
		}
	}
	return false
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

// search goes depth first: a way to a mark on the path closes a circle.
func (w *circles) search(counted []bool) error {
	const path, done = 1, 2
	mem := w.cfg.memory()
	seen := take(&mem.seen, len(w.marks))
	stack := mem.work[:0]
	var room [3]int32
	for root := range w.marks {
		if seen[root] != 0 || w.owner[root] < 0 {
			continue
		}
		stack = append(stack[:0], int32(root))
		for len(stack) > 0 {
			m := stack[len(stack)-1]
			if seen[m] != 0 { // all its ways were followed
				seen[m] = done
				stack = stack[:len(stack)-1]
				continue
			}
			seen[m] = path
			for _, to := range w.ways(m, counted, room[:0]) {
				switch seen[to] {
				case 0:
					stack = append(stack, to)
				case path:
					return w.at(int(w.marks[m]), fmt.Errorf("control goes round here without fuel"))
				}
			}
		}
	}
	mem.work = stack
	return nil
}

// ways appends the marks that control goes to from mark m without fuel having been taken or turns having been counted.
func (c *checker) ways(m int32, counted []bool, to []int32) []int32 {
	op := &c.l.Ops[c.marks[m]]
	on := m + 1
	switch op.Kind {
	case ir.Return, ir.Charge:
		return to
	case ir.Refund:
		on = m + 3 // the Charge takes what this gives
	case ir.Leave:
		e := &c.l.Exits[op.Exit]
		return c.lead(c.lead(to, e.Resume), e.Alt)
	case ir.Jump:
		return c.lead(to, op.Target)
	case ir.CondJump, ir.MayGoto:
		if counted == nil || !counted[m] {
			to = c.lead(to, op.Target)
		}
	}
	if int(on) < len(c.marks) {
		to = append(to, on)
	}
	return to
}
