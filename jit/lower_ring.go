package jit

import "github.com/gbpf/gbpf/jit/internal/ir"

func ringOp(k ir.Kind, h *Helper) ir.Op {
	return ir.Op{Kind: k, Imm: int64(h.Ring.Head), Aux: h.Ring.Base, Stride: h.Ring.Mask, Signed: h.Kind == HelperDiscard}
}

// reserve is ringbuf_reserve: R2 bytes, and flags in R3 that have to be 0.
func (w *lowerer) reserve(h *Helper) {
	exit, next := w.slowly()
	w.only(ir.Op{W: 64, Cond: ir.Eq, Dst: 3, UseImm: true}, exit)
	op := ringOp(ir.RingReserve, h)
	op.Src = 2
	w.emit(op)
	w.here(next)
}

// commit ends the record at R1, with flags in R2: submit and discard. A record of another ring than the guessed one is the
// host's.
func (w *lowerer) commit(h *Helper) {
	exit, next := w.slowly()
	w.emit(ringOp(ir.RingCommit, h))
	w.only(ir.Op{W: 64, Cond: ir.Ne, Dst: 0, UseImm: true, Imm: ir.CommitNot}, exit)
	w.woken()
	w.here(next)
}

// woken lets the host wake a reader if one waits, and sets R0 to 0.
func (w *lowerer) woken() {
	next := w.newLabel()
	wake := w.exit(ir.Exit{Kind: ir.ExitWake, Resume: next, Alt: -1})
	w.only(ir.Op{W: 64, Cond: ir.Eq, Dst: 0, UseImm: true, Imm: ir.CommitOK}, wake)
	w.here(next)
	w.set(0, 0)
}

// output is ringbuf_output: a record of R3 bytes, which are guessed, at R2, with flags in R4.
func (w *lowerer) output(h *Helper) {
	const flags = 3 // BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP
	exit, next := w.slowly()
	w.only(ir.Op{W: 64, Cond: ir.Eq, Dst: 3, UseImm: true, Imm: int64(h.Size)}, exit)
	w.only(ir.Op{W: 64, Cond: ir.Clear, Dst: 4, UseImm: true, Imm: ^flags}, exit)
	reserve := ringOp(ir.RingReserve, h)
	reserve.UseImm, reserve.Off = true, int32(h.Size)
	w.emit(reserve)
	w.set(1, int64(h.Handle)) // where the host finds it
	w.only(ir.Op{W: 64, Cond: ir.Ne, Dst: 0, UseImm: true}, exit)
	w.emit(ir.Op{Kind: ir.Copy, Base: 0, Src: 2, Imm: int64(h.Size)})
	w.move(1, 0)
	w.move(2, 4)
	w.emit(ringOp(ir.RingCommit, h))
	w.woken()
	w.here(next)
}
