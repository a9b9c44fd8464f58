package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/scratch"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// ends refuses a list in which control can go round without fuel being taken, unless the loop counts as package fuel
// says: nothing else stops a runaway in machine code. Calls need no look, their depth is bounded and they
// return; what the host resumes is followed as if it came from the exit. What control does not reach, as [checker.frames] found, may
// go round as it likes: what a loop needs may have been removed there.
func (c *checker) ends(table *fuel.Table) error {
	w := &circles{checker: c}
	if !w.back() {
		return nil
	}
	w.counted = scratch.Take(&c.cfg.memory().rounds, len(c.marks))
	for m, i := range c.marks {
		op := &c.l.Ops[i]
		if op.Kind != ir.CondJump || table == nil || c.owner[m] < 0 {
			continue
		}
		if n, ok := table.Counted(int(op.PC)); ok {
			if err := w.counts(int32(m), &n); err != nil {
				return c.at(int(i), fmt.Errorf("a loop that counts does not: %w", err))
			}
			if w.counted[m] = roundByJump; n.Falls {
				w.counted[m] = roundByFall
			}
		}
	}
	return w.search()
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
	counted []uint8 // which way from a mark is bounded by counting
	from    []int32 // the marks from which control comes to each mark, one after the other: those to m begin at first[m]
	first   []int32
	body    []int32
	seen    []int32 // the last end of a turn that a mark was seen for, plus 1
}

// The ways of circles.counted.
const (
	roundByJump = 1 + iota
	roundByFall
)

// back reports whether control comes to a mark from one behind it: without that it goes round nowhere.
func (w *circles) back() bool {
	var room [5]int32
	for m := range w.marks {
		for _, to := range w.next(int32(m), room[:0]) {
			if int(to) <= m {
				return true
			}
		}
	}
	return false
}

// index sorts the ways by where they go. What is not reached leads nowhere.
func (w *circles) index() {
	mem := w.cfg.memory()
	n := len(w.marks)
	w.first = scratch.Take(&mem.first, n+1)
	var room [5]int32
	each := func(f func(from, to int32)) {
		for m := range int32(n) {
			if w.owner[m] >= 0 {
				for _, to := range w.next(m, room[:0]) {
					f(m, to)
				}
			}
		}
	}
	each(func(_, to int32) { w.first[to+1]++ })
	for i := range n {
		w.first[i+1] += w.first[i]
	}
	w.from = scratch.Take(&mem.from, int(w.first[n]))
	at := append(mem.work[:0], w.first[:n]...)
	each(func(from, to int32) {
		w.from[at[to]] = from
		at[to]++
	})
	mem.work = at
}

// run are the ops from mark m to the next that control comes to from it.
func (w *circles) run(m int32) (lo, hi int) {
	if lo = int(w.marks[m]); ends(w.l.Ops[lo].Kind) {
		return lo, lo + 1
	}
	if hi = len(w.l.Ops); int(m)+1 < len(w.marks) {
		hi = int(w.marks[m+1])
	}
	return lo, hi
}

// counts holds the loop whose turns end with the conditional jump at mark m against what package fuel says of it.
func (w *circles) counts(m int32, n *fuel.Count) error {
	ops := w.l.Ops
	reg, same := ir.Reg(n.Reg), func(a, b int64, w uint8) bool { return a == b || w == 32 && int32(a) == int32(b) }
	jump := &ops[w.marks[m]]
	head, out, cond := w.place[jump.Target], m+1, jump.Cond
	if n.Falls {
		head, out, cond = out, head, cond.Not()
	}
	if jump.Dst != ir.Reg(n.Cmp) || jump.W != n.W || !jump.UseImm || !same(jump.Imm, n.Imm, n.W) || cond != conds[n.Cond] || m == 0 {
		return fmt.Errorf("it compares something else")
	}
	if int(max(head, out)) >= len(w.marks) || ops[w.marks[head]].Kind != ir.Label {
		return fmt.Errorf("its turns begin nowhere")
	}
	// The step stands in the straight run before the jump, which each turn passes once.
	first, last := w.run(m - 1)
	writer, copied := -1, -1
	for i := first; i < last; i++ {
		if op := &ops[i]; i > first && changes(op, reg) {
			step := op.Imm
			if op.Kind == ir.Sub {
				step = -step
			}
			if writer >= 0 || op.W != n.W && op.W != 64 || !same(step, n.Step, op.W) ||
				!(op.Kind == ir.Lea && op.Src == reg || (op.Kind == ir.Add || op.Kind == ir.Sub) && op.UseImm) {
				return fmt.Errorf("op %d: R%d is changed", i, reg)
			}
			writer = i
		} else if n.Cmp != n.Reg && changes(op, ir.Reg(n.Cmp)) {
			copied = -1
			if op.Kind == ir.Mov && !op.UseImm && op.Src == reg && (op.W == 64 || n.W == 32) && i > first {
				copied = i
			}
		}
	}
	if writer < 0 || ends(ops[first].Kind) {
		return fmt.Errorf("register %d is not stepped", reg)
	}
	if n.Cmp != n.Reg && (copied < 0 || copied < writer != n.Before) {
		return fmt.Errorf("register %d is not compared", reg)
	}
	if err := w.alone(m, head, out, n, writer); err != nil || !n.Known {
		return err
	}
	// Registers are bounded by the start, too: what 32 bits of it are compared must not hide what the others are.
	return w.set(m, head, reg, func(op *ir.Op) bool {
		v, start := op.Imm, int64(n.Start)
		if op.W == 32 {
			v = int64(uint32(v))
		}
		return op.Kind == ir.Mov && op.UseImm && (v == start || n.W == 32 && v == int64(int32(start)))
	})
}

// alone looks at the marks from which a way leads to mark m, the end of a turn, without passing head: only by way of head may control
// come in, only by way of head to m again, and nothing but the writer may change the register.
func (w *circles) alone(m, head, out int32, n *fuel.Count, writer int) error {
	reg := ir.Reg(n.Reg)
	if w.from == nil {
		w.index()
		w.seen = scratch.Take(&w.cfg.memory().inBody, len(w.marks))
	}
	mark := m + 1
	w.body = append(w.body[:0], head)
	w.seen[head] = mark
	see := func(i int32) {
		if w.seen[i] != mark {
			w.seen[i] = mark
			w.body = append(w.body, i)
		}
	}
	see(m)
	for k := 0; k < len(w.body); k++ {
		i := w.body[k]
		if i == head {
			continue
		}
		if w.l.Ops[w.marks[i]].Kind == ir.Func {
			return fmt.Errorf("there is another way in")
		}
		for _, from := range w.from[w.first[i]:w.first[i+1]] {
			see(from)
		}
	}
	if w.seen[out] == mark {
		return fmt.Errorf("its turns end more than once")
	}
	for _, i := range w.body {
		first, last := w.run(i)
		if int(i)+1 < len(w.marks) && w.seen[i+1] != mark {
			last = first + 1 // control goes on there out of the loop
		}
		for at := first; at < last; at++ {
			if at != writer && changes(&w.l.Ops[at], reg) {
				return fmt.Errorf("op %d: R%d is changed", at, reg)
			}
		}
	}
	return nil
}

// set checks that the loop at head, whose turns end at mark m, has one way in, and that an op before that sets the register.
func (w *circles) set(m, head int32, reg ir.Reg, is func(op *ir.Op) bool) error {
	entry := int32(-1)
	for _, from := range w.from[w.first[head]:w.first[head+1]] {
		switch {
		case from == m:
		case entry >= 0:
			return fmt.Errorf("it is entered with another start")
		default:
			entry = from
		}
	}
	if entry < 0 {
		return nil // nobody comes
	}
	set := func(op *ir.Op) error {
		if op == nil || !is(op) {
			return fmt.Errorf("register %d is not set before", reg)
		}
		return nil
	}
	ops := w.l.Ops
	first, last := w.run(entry)
	switch k := ops[first].Kind; k {
	case ir.Jump, ir.CondJump, ir.MayGoto: // it changes nothing: what stands before it counts, unless control goes on and something follows it
		if falls := k != ir.Jump && w.place[ops[first].Target] != head; falls {
			if i := w.changed(first, last, reg); i >= 0 {
				return set(&ops[i])
			}
		}
		if entry == 0 {
			return set(nil)
		}
		if first, last = w.run(entry - 1); ends(ops[first].Kind) {
			return set(nil)
		}
	}
	if i := w.changed(first, last, reg); i >= 0 {
		return set(&ops[i])
	}
	return set(nil)
}

// changed is the last op behind first and before last that may change a register, -1 for none.
func (w *circles) changed(first, last int, reg ir.Reg) int {
	for i := last - 1; i > first; i-- {
		if changes(&w.l.Ops[i], reg) {
			return i
		}
	}
	return -1
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
func (w *circles) search() error {
	const path, done = 1, 2
	mem := w.cfg.memory()
	seen := scratch.Take(&mem.seen, len(w.marks))
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
			for _, to := range w.ways(m, room[:0]) {
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
func (w *circles) ways(m int32, to []int32) []int32 {
	op := &w.l.Ops[w.marks[m]]
	on := m + 1
	switch op.Kind {
	case ir.Return, ir.Charge:
		return to
	case ir.Refund:
		on = m + 3 // the Charge takes what this gives
	case ir.Leave:
		e := &w.l.Exits[op.Exit]
		return w.lead(w.lead(to, e.Resume), e.Alt)
	case ir.Jump:
		return w.lead(to, op.Target)
	case ir.Call, ir.HashLookup, ir.ArrayUpdate: // the host may do it instead
		e := &w.l.Exits[op.Exit]
		to = w.lead(w.lead(to, e.Resume), e.Alt)
	case ir.CondJump, ir.MayGoto:
		if w.counted[m] != roundByJump {
			to = w.lead(to, op.Target)
		}
	}
	if w.counted[m] != roundByFall && int(on) < len(w.marks) {
		to = append(to, on)
	}
	return to
}
