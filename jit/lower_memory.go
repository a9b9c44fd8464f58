package jit

import (
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/verifier"
)

func (w *lowerer) memory(in *isa.Insn, info *isa.Info) error {
	op := ir.Op{Size: info.Size}
	base := in.Dst
	switch info.Kind {
	case isa.KindLoad, isa.KindLoadSX:
		op.Kind, op.Dst, op.Signed = ir.Load, ir.Reg(in.Dst), info.Kind == isa.KindLoadSX
		base = in.Src
	case isa.KindLoadAcquire:
		op.Kind, op.Dst = ir.LoadAcq, ir.Reg(in.Dst)
		base = in.Src
	case isa.KindStoreImm:
		op.Kind, op.UseImm, op.Imm = ir.Store, true, in.Imm
	case isa.KindStore:
		op.Kind = ir.Store
	case isa.KindStoreRelease:
		op.Kind = ir.StoreRel
	case isa.KindAtomic:
		op.Kind, op.AtomicOp, op.Fetch = ir.Atomic, info.AtomicOp, info.Fetch
	}
	w.address(&op, base, int32(in.Off))
	switch op.Kind {
	case ir.Store, ir.StoreRel, ir.Atomic:
		if !op.UseImm {
			if op.Base == ir.Tmp && in.Src == isa.R10 {
				op.Src = ir.Tmp // both are R10
			} else {
				op.Src = w.use(in.Src)
			}
		}
	}
	w.emit(op)
	return nil
}

// address chooses how an access is made safe.
func (w *lowerer) address(op *ir.Op, base isa.Reg, off int32) {
	op.Base, op.Off = ir.Reg(base), off
	op.Safe = w.facts && w.proof.Fact(w.pc).Has(verifier.Safe)
	switch {
	case base == isa.R10 && inFrame(off, op.Size):
		op.Access = ir.Frame
	case base == isa.R10:
		op.Base = w.use(base)
	case w.cfg.Confine == ConfineUnproved && w.facts && bare(op.Kind) && w.proof.Fact(w.pc).Has(verifier.Safe):
		op.Access = ir.Bare
	}
}

// bare reports whether a kind of access can do without confinement: atomics form their
// address in any case.
func bare(k ir.Kind) bool { return k == ir.Load || k == ir.Store }

// inFrame reports whether size bytes at off of R10 lie within the frame.
func inFrame(off int32, size uint8) bool { return off >= -guest.StackSize && off+int32(size) <= 0 }
