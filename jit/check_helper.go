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
