package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// state checks an access to the state block: of what lies there, the guest may know what tells nothing
// of the host, and change what the host does not rely on.
func (c *checker) state(op *ir.Op) error {
	words := int32(ir.OffEnv)
	switch {
	case op.Off == int32(ir.OffScratch) && op.Size == 4, op.Off == int32(ir.OffSeed) && op.Size == 8:
	case op.Kind == ir.LoadState && op.Off == int32(ir.OffCPU) && op.Size == 4:
	case op.Kind == ir.LoadState && op.Off >= words && op.Off < words+8*ir.NumEnv && (op.Off-words)%8 == 0 && op.Size == 8:
	default:
		return fmt.Errorf("%d bytes at offset %d of the state block are the host's", op.Size, op.Off)
	}
	if op.Kind == ir.StoreState && op.Src > 9 {
		return fmt.Errorf("register %d goes into the state block", op.Src)
	}
	return nil
}

// helper checks an op that stands in for a helper against what the host says of the call.
func (c *checker) helper(op *ir.Op, cfg *Config) error {
	switch op.Kind {
	case ir.LoadState, ir.StoreState:
		return c.state(op)
	case ir.ArrayLookup, ir.HashLookup, ir.ArrayUpdate:
		return c.lookup(op, cfg)
	case ir.ReadClock:
		if k := cfg.helper(int(op.PC)).Kind; k != HelperClock && k != HelperCoarse {
			return fmt.Errorf("a clock that the call is not about") // State.Clock may lead nowhere
		}
	case ir.LoadPacket:
		if op.Dst > 9 {
			return fmt.Errorf("register %d gets the packet's ends", op.Dst)
		}
	case ir.Copy:
		if op.Imm < 1 || op.Imm > ir.CopyMax || op.Imm == 3 || op.Src > 9 || op.Base > 9 {
			return fmt.Errorf("copy of %d bytes from register %d to %d", op.Imm, op.Src, op.Base)
		}
	case ir.RingReserve, ir.RingCommit:
		h := cfg.helper(int(op.PC))
		ring := Ring{Head: uint64(op.Imm), Base: op.Aux, Mask: op.Stride}
		switch h.Kind {
		case HelperReserve, HelperSubmit, HelperDiscard, HelperOutput:
		default:
			return fmt.Errorf("a ring buffer that the call is not about")
		}
		if ring != h.Ring || ring.Head == 0 || ring.Mask&(ring.Mask+1) != 0 || ring.Mask >= 1<<30 || ring.Mask < 7 {
			return fmt.Errorf("a ring buffer that is not the host's")
		}
		if op.Kind == ir.RingReserve && (!op.UseImm && op.Src != 2 || op.UseImm && (op.Off < 1 || op.Off > ir.CopyMax)) {
			return fmt.Errorf("a record of which the size is not right")
		}
	}
	return nil
}
