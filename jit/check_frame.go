package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/scratch"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// frames finds out which function each mark belongs to, by where control comes from, and refuses lists in which the native stack
// would not be what a function takes it for: an op that two functions reach, a return of another function, a call
// whose depth nobody counts, a prologue that zeroes more than the frame. It leaves the functions in c.owner.
func (c *checker) frames() error {
	mem := c.cfg.memory()
	ops := c.l.Ops
	c.owner = scratch.Take(&mem.owner, len(c.marks))
	work := mem.work[:0]
	for m, i := range c.marks {
		c.owner[m] = -1
		if ops[i].Kind == ir.Func {
			c.owner[m] = ops[i].Target
			work = append(work, int32(m))
		}
	}
	var room [5]int32
	for len(work) > 0 {
		m := work[len(work)-1]
		work = work[:len(work)-1]
		f := c.owner[m]
		for _, to := range c.next(m, room[:0]) {
			switch {
			case ops[c.marks[to]].Kind == ir.Func || c.owner[to] >= 0 && c.owner[to] != f:
				return c.at(int(c.marks[m]), fmt.Errorf("control goes from function %d into another at op %d", f, c.marks[to]))
			case c.owner[to] < 0:
				c.owner[to] = f
				work = append(work, to)
			}
		}
	}
	mem.work = work
	indirect := false
	for m, i := range c.marks {
		if c.owner[m] < 0 {
			continue
		}
		if err := c.frame(m, &ops[i]); err != nil {
			return c.at(int(i), err)
		}
		indirect = indirect || ops[i].Kind == ir.CallIndirect
	}
	if indirect {
		return c.onlyHost()
	}
	return nil
}

// frame checks what an op does to the stack.
func (c *checker) frame(m int, op *ir.Op) error {
	switch op.Kind {
	case ir.Func:
		if op.Imm < 0 || op.Imm > guest.StackSize || op.Imm%16 != 0 {
			return fmt.Errorf("a prologue that zeroes %d bytes of a frame of %d", op.Imm, guest.StackSize)
		}
	case ir.Return:
		if op.Target != c.owner[m] {
			return fmt.Errorf("function %d ends as function %d", c.owner[m], op.Target)
		}
	case ir.Call:
		// An inner function that called another would be deeper than anybody counts.
		if inner := c.l.Funcs[op.Target].Inner; inner && (op.Off != 0 || c.l.Funcs[c.owner[m]].Inner) || !inner && op.Off != guest.FrameStride {
			return fmt.Errorf("a call that moves R10 by %d bytes", op.Off)
		}
	case ir.CallIndirect:
		if op.Off != guest.FrameStride {
			return fmt.Errorf("a call that moves R10 by %d bytes", op.Off)
		}
	}
	switch op.Kind {
	case ir.Charge, ir.Call, ir.Leave, ir.HashLookup, ir.ArrayUpdate:
	default:
		return nil
	}
	e := &c.l.Exits[op.Exit]
	ok := false
	switch op.Kind {
	case ir.Charge:
		ok = e.Kind == ir.ExitFuel
	case ir.Call:
		ok = e.Kind == ir.ExitDepth || e.Kind == ir.ExitHelper && op.Off == 0
	case ir.HashLookup, ir.ArrayUpdate:
		ok = e.Kind == ir.ExitHelper
	case ir.Leave:
		ok = e.Kind != ir.ExitFuel && e.Kind != ir.ExitDepth
	}
	if !ok || e.PC != op.PC {
		return fmt.Errorf("exit %d of kind %d, of insn %d, is not for this", op.Exit, e.Kind, e.PC)
	}
	if e.Kind == ir.ExitCallReg {
		if e.Resume < 0 || e.Reg > 9 || c.where(e.Resume)+1 >= len(c.l.Ops) || c.l.Ops[c.where(e.Resume)+1].Kind != ir.CallIndirect {
			return fmt.Errorf("exit %d does not go on at an indirect call", op.Exit)
		}
	}
	return nil
}

// onlyHost checks that nothing but what the host resumes leads to indirect calls: they call what the host said last.
func (c *checker) onlyHost() error {
	ops := c.l.Ops
	led := make([]int32, c.l.Labels) // an op from which control comes to each label otherwise, plus 1; 0 for none
	lead := func(label int32, i int32) {
		if label >= 0 {
			led[label] = i + 1
		}
	}
	for m, i := range c.marks {
		if c.owner[m] < 0 {
			continue
		}
		op := &ops[i]
		if e := c.exit(op); e != nil {
			if op.Kind != ir.Leave || e.Kind != ir.ExitCallReg {
				lead(e.Resume, i)
			}
			lead(e.Alt, i)
		}
		switch op.Kind {
		case ir.Jump, ir.CondJump, ir.MayGoto:
			lead(op.Target, i)
		}
	}
	for m, i := range c.marks {
		if ops[i].Kind != ir.CallIndirect || c.owner[m] < 0 {
			continue
		}
		if i < 2 || ops[i-1].Kind != ir.Label || ops[i-2].Kind != ir.Leave {
			return c.at(int(i), fmt.Errorf("control runs into an indirect call"))
		}
		if from := led[ops[i-1].Target]; from > 0 {
			return c.at(int(i), fmt.Errorf("control goes from op %d to an indirect call", from-1))
		}
	}
	return nil
}

// exit is the exit that an op may leave by, nil for none.
func (c *checker) exit(op *ir.Op) *ir.Exit {
	switch op.Kind {
	case ir.Charge, ir.Call, ir.Leave, ir.HashLookup, ir.ArrayUpdate:
		return &c.l.Exits[op.Exit]
	}
	return nil
}

// next appends the marks that control goes to from mark m, be it by way of the host.
func (c *checker) next(m int32, to []int32) []int32 {
	op := &c.l.Ops[c.marks[m]]
	if e := c.exit(op); e != nil {
		to = c.lead(to, e.Resume)
		to = c.lead(to, e.Alt)
	}
	switch op.Kind {
	case ir.Jump, ir.CondJump, ir.MayGoto:
		to = c.lead(to, op.Target)
	}
	if !ends(op.Kind) && int(m)+1 < len(c.marks) {
		to = append(to, m+1)
	}
	return to
}

// lead appends the mark of a label, if it is one.
func (c *checker) lead(to []int32, label int32) []int32 {
	if label < 0 {
		return to
	}
	return append(to, c.place[label])
}
