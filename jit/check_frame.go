package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// frames finds out which function each op belongs to, by where control comes from, and refuses lists in which the native stack
// would not be what a function takes it for: an op that two functions reach, a return of another function, a call
// whose depth nobody counts, a prologue that zeroes more than the frame. It leaves the functions in c.owner, -1 for what control
// does not reach.
func (c *checker) frames(at []int32) error {
	ops := c.l.Ops
	c.owner = make([]int32, len(ops))
	var work []int32
	for i := range ops {
		c.owner[i] = -1
		if ops[i].Kind == ir.Func {
			c.owner[i] = ops[i].Target
			work = append(work, int32(i))
		}
	}
	for len(work) > 0 {
		i := work[len(work)-1]
		work = work[:len(work)-1]
		f := c.owner[i]
		for int(i)+1 < len(ops) && onlyFalls(ops[i].Kind) && ops[i+1].Kind != ir.Func && c.owner[i+1] < 0 {
			i++ // as below, for the many that need no list
			c.owner[i] = f
		}
		bad := int32(-1)
		c.next(int(i), at, func(to int32) {
			switch {
			case ops[to].Kind == ir.Func || c.owner[to] >= 0 && c.owner[to] != f:
				bad = to
			case c.owner[to] < 0:
				c.owner[to] = f
				work = append(work, to)
			}
		})
		if bad >= 0 {
			return fmt.Errorf("check: op %d (insn %d): control goes from function %d into another at op %d", i, ops[i].PC, f, bad)
		}
	}
	for i := range ops {
		op := &ops[i]
		if c.owner[i] < 0 {
			continue
		}
		if err := c.frame(i, op, at); err != nil {
			return fmt.Errorf("check: op %d (insn %d): %w", i, op.PC, err)
		}
	}
	return nil
}

// onlyFalls reports whether next has nothing to tell of an op but the one behind it.
func onlyFalls(k ir.Kind) bool {
	switch k {
	case ir.Charge, ir.Call, ir.Leave, ir.HashLookup, ir.Jump, ir.CondJump, ir.MayGoto, ir.Return:
		return false
	}
	return true
}

// frame checks what an op does to the stack.
func (c *checker) frame(i int, op *ir.Op, at []int32) error {
	switch op.Kind {
	case ir.Func:
		if op.Imm < 0 || op.Imm > guest.StackSize || op.Imm%16 != 0 {
			return fmt.Errorf("a prologue that zeroes %d bytes of a frame of %d", op.Imm, guest.StackSize)
		}
	case ir.Return:
		if op.Target != c.owner[i] {
			return fmt.Errorf("function %d ends as function %d", c.owner[i], op.Target)
		}
	case ir.Call:
		// An inner function that called another would be deeper than anybody counts.
		if inner := c.l.Funcs[op.Target].Inner; inner && (op.Off != 0 || c.l.Funcs[c.owner[i]].Inner) || !inner && op.Off != guest.FrameStride {
			return fmt.Errorf("a call that moves R10 by %d bytes", op.Off)
		}
	case ir.CallIndirect:
		if op.Off != guest.FrameStride {
			return fmt.Errorf("a call that moves R10 by %d bytes", op.Off)
		}
		return c.onlyHost(i, at)
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
		if e.Resume < 0 || e.Reg > 9 || int(at[e.Resume])+1 >= len(c.l.Ops) || c.l.Ops[at[e.Resume]+1].Kind != ir.CallIndirect {
			return fmt.Errorf("exit %d does not go on at an indirect call", op.Exit)
		}
	}
	return nil
}

// onlyHost checks that nothing but what the host resumes leads to the indirect call at op i: it calls what the host said last.
func (c *checker) onlyHost(i int, at []int32) error {
	ops := c.l.Ops
	if i < 2 || ops[i-1].Kind != ir.Label || ops[i-2].Kind != ir.Leave {
		return fmt.Errorf("control runs into an indirect call")
	}
	for k := range ops {
		if c.owner[k] < 0 {
			continue
		}
		op := &ops[k]
		byExit := false
		switch op.Kind {
		case ir.Leave:
			e := &c.l.Exits[op.Exit]
			byExit = e.Kind == ir.ExitCallReg && e.Alt != ops[i-1].Target
		}
		bad := false
		c.next(k, at, func(to int32) { bad = bad || int(to) == i-1 && !byExit })
		if bad {
			return fmt.Errorf("control goes from op %d to an indirect call", k)
		}
	}
	return nil
}

// next calls f for each op that control goes to from op i, be it by way of the host.
func (c *checker) next(i int, at []int32, f func(to int32)) {
	op := &c.l.Ops[i]
	label := func(l int32) {
		if l >= 0 {
			f(at[l])
		}
	}
	switch op.Kind {
	case ir.Charge, ir.Call, ir.Leave, ir.HashLookup, ir.ArrayUpdate:
		label(c.l.Exits[op.Exit].Resume)
		label(c.l.Exits[op.Exit].Alt)
	}
	switch op.Kind {
	case ir.Jump, ir.CondJump, ir.MayGoto:
		label(op.Target)
	}
	switch op.Kind {
	case ir.Jump, ir.Return, ir.Leave:
	default:
		if i+1 < len(c.l.Ops) {
			f(int32(i + 1))
		}
	}
}
