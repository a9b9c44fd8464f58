package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/verifier"
)

// check refuses a list that is not safe to run whatever the program does: it is the last word
// before machine code, and believes neither the verifier nor the passes.
func check(l *ir.List, proof *verifier.Proof, cfg *Config) error {
	c := checker{l: l, defined: make([]bool, l.Labels)}
	if err := c.shape(); err != nil {
		return err
	}
	for i := range l.Ops {
		if err := c.op(&l.Ops[i]); err != nil {
			return fmt.Errorf("check: op %d (insn %d): %w", i, l.Ops[i].PC, err)
		}
	}
	at := make([]int32, l.Labels) // op of each label
	for i := range l.Ops {
		if l.Ops[i].Kind == ir.Label {
			at[l.Ops[i].Target] = int32(i)
		}
	}
	if err := c.frames(at); err != nil {
		return err
	}
	falls := false
	for i := range l.Ops {
		op := &l.Ops[i]
		c.fn = c.owner[i]
		err := c.helper(op, cfg)
		if err == nil && op.Access == ir.Bare {
			err = c.bare(op, proof, cfg)
		}
		if err == nil && op.NonZero && !mayDivide(proof, cfg, int(op.PC)) {
			err = fmt.Errorf("the divisor is neither tested nor proven")
		}
		if err == nil && op.Kind == ir.Refund {
			err = c.refund(i)
		}
		if err == nil && op.Kind == ir.Func && falls {
			err = fmt.Errorf("control runs into a function")
		}
		if err != nil {
			return fmt.Errorf("check: op %d (insn %d): %w", i, op.PC, err)
		}
		switch op.Kind {
		case ir.Jump, ir.Return, ir.Leave:
			falls = false
		default:
			falls = true
		}
	}
	if falls {
		return fmt.Errorf("check: control runs off the end")
	}
	return c.ends(cfg.Fuel, at)
}

type checker struct {
	l       *ir.List
	defined []bool
	owner   []int32 // the function that an op belongs to, -1 for what control does not reach
	fn      int32   // that of the op that is looked at
}

// shape checks what the ops refer to.
func (c *checker) shape() error {
	if len(c.l.Funcs) == 0 || c.l.Mask == 0 || c.l.Mask&(c.l.Mask+1) != 0 {
		return fmt.Errorf("check: no functions, or the mask is not a power of two less one")
	}
	funcs := make([]bool, len(c.l.Funcs))
	for i := range c.l.Ops {
		op := &c.l.Ops[i]
		var in []bool
		switch op.Kind {
		case ir.Label:
			in = c.defined
		case ir.Func:
			in = funcs
		default:
			continue
		}
		if op.Target < 0 || int(op.Target) >= len(in) || in[op.Target] {
			return fmt.Errorf("check: op %d: label or function %d is not one, or stands twice", i, op.Target)
		}
		in[op.Target] = true
	}
	for i, ok := range funcs {
		if !ok {
			return fmt.Errorf("check: function %d is nowhere", i)
		}
	}
	for i := range c.l.Exits {
		for _, to := range []int32{c.l.Exits[i].Resume, c.l.Exits[i].Alt} {
			if to != -1 && !c.label(to) {
				return fmt.Errorf("check: exit %d resumes at label %d, which is none", i, to)
			}
		}
	}
	return nil
}

func (c *checker) label(i int32) bool { return i >= 0 && int(i) < len(c.defined) && c.defined[i] }

func (c *checker) op(op *ir.Op) error {
	if op.Kind >= ir.NumKinds {
		return fmt.Errorf("kind %d is unknown", op.Kind)
	}
	if op.Dst > ir.Tmp || op.Src > ir.Tmp || op.Base > ir.Tmp {
		return fmt.Errorf("an operand is no register")
	}
	switch op.Kind {
	case ir.Jump, ir.CondJump, ir.MayGoto:
		if !c.label(op.Target) {
			return fmt.Errorf("jump to label %d, which is none", op.Target)
		}
	case ir.Charge, ir.Refund:
		if op.Imm <= 0 || op.Imm > 1<<30 {
			return fmt.Errorf("%d units of fuel", op.Imm)
		}
	case ir.Call, ir.Return:
		if op.Target < 0 || int(op.Target) >= len(c.l.Funcs) || op.Kind == ir.Call && c.l.Funcs[op.Target].Root {
			return fmt.Errorf("call of function %d, which cannot be called", op.Target)
		}
	}
	switch op.Kind {
	case ir.Charge, ir.Call, ir.Leave, ir.HashLookup, ir.ArrayUpdate:
		if op.Exit < 0 || int(op.Exit) >= len(c.l.Exits) {
			return fmt.Errorf("exit %d is none", op.Exit)
		}
	}
	if writes(op) && op.Dst == ir.FP {
		return fmt.Errorf("R10 is written")
	}
	switch op.Kind {
	case ir.Load, ir.Store, ir.Atomic, ir.LoadAcq, ir.StoreRel, ir.ArrayLookup, ir.HashLookup, ir.ArrayUpdate:
		return c.access(op)
	}
	if op.Dst == ir.FP || op.Src == ir.FP {
		return fmt.Errorf("R10 is an operand: it holds no guest value")
	}
	return nil
}

// access checks the address of an access.
func (c *checker) access(op *ir.Op) error {
	size := op.Size
	if op.Kind == ir.ArrayLookup || op.Kind == ir.HashLookup || op.Kind == ir.ArrayUpdate {
		if int64(op.Aux) >= int64(len(c.l.Maps)) {
			return fmt.Errorf("map %d is none", op.Aux)
		}
		size = uint8(min(c.l.Maps[op.Aux].KeySize, 255))
	} else if size != 1 && size != 2 && size != 4 && size != 8 {
		return fmt.Errorf("access of %d bytes", op.Size)
	}
	if op.Kind == ir.Atomic && (op.Size < 4 || op.Fetch && op.Src == ir.Tmp && op.AtomicOp != isa.AtomicCmpxchg) {
		return fmt.Errorf("atomic of %d bytes", op.Size)
	}
	if op.Src == ir.FP {
		return fmt.Errorf("R10 is an operand: it holds no guest value")
	}
	if op.Off != int32(int16(op.Off)) && op.Access != ir.Confined && op.Access != ir.Fixed {
		return fmt.Errorf("offset %d", op.Off)
	}
	if op.Indexed {
		if op.Kind != ir.Load && op.Kind != ir.Store || op.Access != ir.Confined || op.Index > 9 || op.Scale > 3 {
			return fmt.Errorf("an indexed access that is not confined")
		}
		return nil // whatever Base and Index hold, FP included, the sum is confined
	}
	switch op.Access {
	case ir.Fixed:
		if op.Kind != ir.Load && op.Kind != ir.Store || op.Off < 0 || uint32(op.Off) > c.l.Mask {
			return fmt.Errorf("an address that is no place of the window")
		}
	case ir.Frame:
		if op.Base != ir.FP || !inFrame(op.Off, size) {
			return fmt.Errorf("%d bytes at offset %d of register %d are not in the frame", size, op.Off, op.Base)
		}
	case ir.Confined, ir.Bare:
		if op.Base == ir.FP {
			return fmt.Errorf("R10 is the base of an access outside the frame")
		}
	default:
		return fmt.Errorf("access of kind %d is not confined", op.Access)
	}
	return nil
}

// bare checks an access without confinement: only the options and the proof together permit it.
func (c *checker) bare(op *ir.Op, proof *verifier.Proof, cfg *Config) error {
	if cfg.Confine != ConfineUnproved || proof.Policy() == verifier.PolicySandboxed || !bare(op.Kind) ||
		!proof.Fact(int(op.PC)).Has(verifier.Safe) {
		return fmt.Errorf("the access is neither confined nor proven")
	}
	return nil
}

// writes reports whether an op changes Dst.
func writes(op *ir.Op) bool {
	switch op.Kind {
	case ir.Mov, ir.FrameAddr, ir.Lea, ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol,
		ir.Div, ir.Mod, ir.SDiv, ir.SMod, ir.Neg, ir.Sext, ir.Zext, ir.Swap, ir.Load, ir.LoadAcq, ir.LoadState, ir.LoadPacket, ir.ArrayLookup, ir.HashLookup, ir.ArrayUpdate:
		return true
	}
	return false
}
