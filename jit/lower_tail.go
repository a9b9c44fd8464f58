package jit

import (
	"fmt"
	"math"

	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// tailCall goes to the other program in machine code where both are at the depth that the host enters at, and
// leaves for the host in all other cases: it finds out what is to be done.
func (w *lowerer) tailCall() {
	if s, ok := w.cfg.tailSlots(w.pc); ok && w.l.Funcs[w.fn].Root {
		w.emit(ir.Op{Kind: ir.TailCall, Imm: int64(s.Addr), Aux: s.Entries, Stride: s.Class, Off: int32(s.Handle), From: fuel.Helper})
	}
	w.callOut(ir.ExitTailCall)
}

func (c *Config) tailSlots(pc int) (TailSlots, bool) {
	if c.TailSlots == nil || !c.on(PassInline) {
		return TailSlots{}, false
	}
	return c.TailSlots(pc)
}

// tailCall checks a tail call in machine code: the slots are those of the array that the host names, and what is on
// the native stack is what a root function starts with; owner is the function that the op belongs to.
func (c *checker) tailCall(op *ir.Op, cfg *Config, owner int32) error {
	s, ok := cfg.tailSlots(int(op.PC))
	if !ok || s.Addr == 0 || op.Imm != int64(s.Addr) || op.Aux != s.Entries || s.Entries > math.MaxInt32 || op.Stride != s.Class ||
		op.Off < 0 || op.Off != int32(s.Handle) || op.From != fuel.Helper {
		return fmt.Errorf("tail call through slots that are not the host's")
	}
	if owner >= 0 && !c.l.Funcs[owner].Root { // what control does not reach does nothing
		return fmt.Errorf("tail call in machine code from function %d, which has a caller", owner)
	}
	return nil
}
