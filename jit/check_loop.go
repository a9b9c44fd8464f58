package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// ends refuses a list in which control can go round without fuel being taken: nothing else stops a
// runaway in machine code. Calls need no look, their depth is bounded and they return; what the host
// resumes is followed as if it came from the exit.
func (c *checker) ends() error {
	ops := c.l.Ops
	at := make([]int32, c.l.Labels) // op of each label
	for i := range ops {
		if ops[i].Kind == ir.Label {
			at[ops[i].Target] = int32(i)
		}
	}
	back := false
	for i := range ops {
		c.ways(i, at, func(to int32) { back = back || int(to) <= i })
	}
	if !back {
		return nil
	}
	// Depth first: a way to an op on the path closes a circle.
	const path, done = 1, 2
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
			c.ways(int(i), at, func(to int32) {
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

// ways calls f for each op that control goes to from op i without fuel having been taken.
func (c *checker) ways(i int, at []int32, f func(to int32)) {
	op := &c.l.Ops[i]
	label := func(l int32) {
		if l >= 0 {
			f(at[l])
		}
	}
	switch op.Kind {
	case ir.BackJump, ir.Return:
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
		label(op.Target)
	}
	if i+1 < len(c.l.Ops) {
		f(int32(i + 1))
	}
}
