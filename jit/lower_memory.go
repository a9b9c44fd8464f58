package jit

import (
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/verifier"
)

func (w *lowerer) memory(in *isa.Insn, info *isa.Info) error {
	load := info.Kind == isa.KindLoad || info.Kind == isa.KindLoadSX || info.Kind == isa.KindLoadAcquire
	base, src := in.Dst, ir.Reg(0)
	if load {
		base = in.Src
	}
	frame := base == isa.R10 && inFrame(int32(in.Off), info.Size)
	at := ir.FP
	if !frame {
		at = w.use(base)
	}
	if !load && info.Kind != isa.KindStoreImm {
		if src = ir.Tmp; at != ir.Tmp || in.Src != isa.R10 { // else both are R10
			src = w.use(in.Src)
		}
	}
	op := w.next(ir.Load)
	op.Size, op.Base, op.Off, op.Src = info.Size, at, int32(in.Off), src
	switch info.Kind {
	case isa.KindLoad, isa.KindLoadSX:
		op.Dst, op.Signed = ir.Reg(in.Dst), info.Kind == isa.KindLoadSX
	case isa.KindLoadAcquire:
		op.Kind, op.Dst = ir.LoadAcq, ir.Reg(in.Dst)
	case isa.KindStoreImm:
		op.Kind, op.UseImm, op.Imm = ir.Store, true, in.Imm
	case isa.KindStore:
		op.Kind = ir.Store
	case isa.KindStoreRelease:
		op.Kind = ir.StoreRel
	case isa.KindAtomic:
		op.Kind, op.AtomicOp, op.Fetch = ir.Atomic, info.AtomicOp, info.Fetch
	}
	op.Safe = w.facts && w.proof.Fact(w.pc).Has(verifier.Safe)
	switch {
	case frame:
		op.Access = ir.Frame
	case base != isa.R10 && op.Safe && w.cfg.Confine == ConfineUnproved && bare(op.Kind):
		op.Access = ir.Bare
	}
	return nil
}

// bare reports whether a kind of access can do without confinement: atomics form their
// address in any case.
func bare(k ir.Kind) bool { return k == ir.Load || k == ir.Store }

// inFrame reports whether size bytes at off of R10 lie within the frame.
func inFrame(off int32, size uint8) bool { return off >= -guest.StackSize && off+int32(size) <= 0 }
