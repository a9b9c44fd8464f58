package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/scratch"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/verifier"
)

// check refuses a list that is not safe to run whatever the program does: it is the last word
// before machine code, and believes neither the verifier nor the passes.
func check(l *ir.List, proof *verifier.Proof, cfg *Config) error {
	c := checker{l: l, proof: proof, cfg: cfg}
	if err := c.shape(); err != nil {
		return err
	}
	for _, i := range c.marks {
		if err := c.op(&l.Ops[i]); err != nil {
			return c.at(int(i), err)
		}
	}
	if err := c.frames(); err != nil {
		return err
	}
	for m, i := range c.marks {
		op := &l.Ops[i]
		err := c.proven(op)
		switch {
		case err != nil:
		case op.Kind == ir.TailCall:
			err = c.tailCall(op, cfg, c.owner[m])
		case op.Kind == ir.Refund:
			err = c.refund(int(i))
		case op.Kind == ir.Func && i > 0 && !ends(l.Ops[i-1].Kind):
			err = fmt.Errorf("control runs into a function")
		}
		if err != nil {
			return c.at(int(i), err)
		}
	}
	if !ends(l.Ops[len(l.Ops)-1].Kind) {
		return fmt.Errorf("check: control runs off the end")
	}
	return c.ends(cfg.Fuel)
}

type checker struct {
	l     *ir.List
	proof *verifier.Proof
	cfg   *Config
	// marks are the ops, by their number, from which control may go elsewhere than to the next, or at which it may come from elsewhere.
	marks []int32
	place []int32 // mark of each label, -1 for none
	owner []int32 // the function that a mark belongs to, -1 for what control does not reach
}

// at says where an error is.
func (c *checker) at(i int, err error) error {
	return fmt.Errorf("check: op %d (insn %d): %w", i, c.l.Ops[i].PC, err)
}

// shape finds the marks, checks each of the other ops, and what labels, functions and exits refer to.
func (c *checker) shape() error {
	mem := c.cfg.memory()
	if len(c.l.Funcs) == 0 || c.l.Mask == 0 || c.l.Mask&(c.l.Mask+1) != 0 {
		return fmt.Errorf("check: no functions, or the mask is not a power of two less one")
	}
	c.place = scratch.Take(&mem.place, c.l.Labels)
	for i := range c.place {
		c.place[i] = -1
	}
	funcs := make([]bool, len(c.l.Funcs))
	c.marks = mem.marks[:0]
	ops := c.l.Ops
	for i := range ops {
		op := &ops[i]
		if onlyFalls[op.Kind] {
			if c.computes(op) {
				continue
			}
			err := c.op(op)
			if err == nil {
				err = c.proven(op)
			}
			if err != nil {
				return c.at(i, err)
			}
			continue
		}
		ok := true
		switch t := op.Target; op.Kind {
		case ir.Label:
			if ok = uint32(t) < uint32(len(c.place)) && c.place[t] < 0; ok {
				c.place[t] = int32(len(c.marks))
			}
		case ir.Func:
			if ok = uint32(t) < uint32(len(funcs)) && !funcs[t]; ok {
				funcs[t] = true
			}
		}
		if !ok {
			return c.at(i, fmt.Errorf("label or function %d is not one, or stands twice", op.Target))
		}
		c.marks = append(c.marks, int32(i))
	}
	mem.marks = c.marks
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

func (c *checker) label(i int32) bool { return uint32(i) < uint32(len(c.place)) && c.place[i] >= 0 }

// where is the op of a label.
func (c *checker) where(label int32) int { return int(c.marks[c.place[label]]) }

// onlyFalls says of a kind that control only ever goes from the op to the next, and comes from the one before.
var onlyFalls = [256]bool{
	ir.Nop: true, ir.Mov: true, ir.FrameAddr: true, ir.Lea: true, ir.Add: true, ir.Sub: true, ir.Mul: true, ir.Or: true, ir.And: true,
	ir.Xor: true, ir.Lsh: true, ir.Rsh: true, ir.Arsh: true, ir.Rol: true, ir.Div: true, ir.Mod: true, ir.SDiv: true, ir.SMod: true,
	ir.Neg: true, ir.Sext: true, ir.Zext: true, ir.Swap: true, ir.Load: true, ir.Store: true, ir.Atomic: true, ir.LoadAcq: true,
	ir.StoreRel: true, ir.LoadState: true, ir.StoreState: true, ir.ArrayLookup: true, ir.LoadPacket: true, ir.ReadClock: true,
	ir.Copy: true, ir.RingReserve: true, ir.RingCommit: true,
}

// computes reports whether an op does nothing but compute, with guest registers and in a way that needs no proof: what most ops
// are, and op and proven would find nothing wrong with.
func (c *checker) computes(op *ir.Op) bool {
	const registers = allRegs | 1<<ir.Tmp
	return op.Kind >= ir.Mov && op.Kind <= ir.Swap && op.Kind != ir.FrameAddr && registers>>op.Dst&1 != 0 && registers>>op.Src&1 != 0 && op.Base == 0 &&
		op.Access != ir.Bare && !op.NonZero
}

// ends reports whether control does not go on behind an op of a kind.
func ends(k ir.Kind) bool { return k == ir.Jump || k == ir.Return || k == ir.Leave }

// proven checks what an op says that somebody else has to vouch for.
func (c *checker) proven(op *ir.Op) error {
	switch {
	case op.Access == ir.Bare && !c.bare(op):
		return fmt.Errorf("the access is neither confined nor proven")
	case op.NonZero && !mayDivide(c.proof, c.cfg, int(op.PC)):
		return fmt.Errorf("the divisor is neither tested nor proven")
	}
	return c.helper(op, c.cfg)
}

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
	// A backend may add the halves of a host address apart: within the frame no sum reaches below guest address 0.
	if op.Kind == ir.FrameAddr && (op.Imm > 0 || op.Imm < -guest.StackSize) {
		return fmt.Errorf("an address at offset %d of R10, which is not in the frame", op.Imm)
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

// bare reports whether an access may be without confinement: only the options and the proof together permit it.
func (c *checker) bare(op *ir.Op) bool {
	return c.cfg.Confine == ConfineUnproved && c.proof.Policy() != verifier.PolicySandboxed && bare(op.Kind) && c.proof.Fact(int(op.PC)).Has(verifier.Safe)
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
