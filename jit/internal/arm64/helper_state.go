package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

func (e *expander) storeState(op *ir.Op) {
	off := int64(op.Off)
	if op.Size != 4 && op.Size != 8 || !fitsScaled(op.Size, off) || off >= int64(ir.OffStack) {
		e.fail("%d bytes at %d of the state block", op.Size, op.Off)
		return
	}
	e.emit(Access(STR, op.Size, e.reg(op.Src), rState, uint32(off)))
}
