package jit

import "github.com/gbpf/gbpf/jit/internal/ir"

// helper does a call of a helper in machine code, where that is possible.
func (w *lowerer) helper() bool {
	if !w.facts {
		return false
	}
	switch h := w.cfg.helper(w.pc); h.Kind {
	case HelperLoop, HelperEach:
		return w.callback(&h)
	case HelperRandom:
		w.random()
	case HelperEnv:
		w.emit(ir.Op{Kind: ir.LoadState, Dst: 0, Size: 8, Off: int32(ir.OffEnv) + 8*int32(h.Word)})
	case HelperClock, HelperCoarse:
		w.clock(&h)
	case HelperReserve:
		w.reserve(&h)
	case HelperSubmit, HelperDiscard:
		w.commit(&h)
	case HelperOutput:
		w.output(&h)
	case HelperLoadSkb, HelperLoadXDP, HelperStoreXDP:
		w.packetBytes(&h)
	default:
		return false
	}
	return true
}

// slowly makes the exit that asks the host for the helper after all, and says where it goes on.
func (w *lowerer) slowly() (exit, next int32) {
	next = w.newLabel()
	return w.exit(ir.Exit{Kind: ir.ExitHelper, Resume: next, Alt: -1}), next
}

// only goes on behind if a comparison holds, and leaves by an exit otherwise. The way out stands here and not behind the
// program, so that a loop around it is seen to have no other way in.
func (w *lowerer) only(cond ir.Op, exit int32) {
	in := w.newLabel()
	cond.Kind, cond.Target = ir.CondJump, in
	w.emit(cond)
	w.emit(ir.Op{Kind: ir.Leave, Exit: exit})
	w.here(in)
}

// The generator of get_prandom_u32: PCG-XSH-RR 64/32 of M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient
// Statistically Good Algorithms for Random Number Generation" (2014).
const (
	pcgMul = 6364136223846793005
	pcgInc = 1442695040888963407
)

// random steps the generator of the simulated CPU. R1 to R5 are anybody's behind a call.
func (w *lowerer) random() {
	exit, next := w.slowly()
	imm := func(k ir.Kind, width uint8, d ir.Reg, v int64) {
		w.emit(ir.Op{Kind: k, W: width, Dst: d, UseImm: true, Imm: v})
	}
	reg := func(k ir.Kind, width uint8, d, s ir.Reg) { w.emit(ir.Op{Kind: k, W: width, Dst: d, Src: s}) }
	w.emit(ir.Op{Kind: ir.LoadState, Dst: 0, Size: 8, Off: int32(ir.OffSeed)})
	w.only(ir.Op{W: 64, Cond: ir.Ne, Dst: 0, UseImm: true}, exit)
	imm(ir.Mov, 64, 1, pcgMul)
	reg(ir.Mul, 64, 1, 0)
	imm(ir.Mov, 64, 2, pcgInc)
	reg(ir.Add, 64, 1, 2)
	w.emit(ir.Op{Kind: ir.StoreState, Src: 1, Size: 8, Off: int32(ir.OffSeed)})
	reg(ir.Mov, 64, 1, 0)
	imm(ir.Rsh, 64, 1, 18)
	reg(ir.Xor, 64, 1, 0)
	imm(ir.Rsh, 64, 1, 27)
	imm(ir.Rsh, 64, 0, 59)
	w.emit(ir.Op{Kind: ir.Neg, W: 32, Dst: 0})
	reg(ir.Rol, 32, 1, 0) // to the right by the upper bits
	reg(ir.Mov, 32, 0, 1)
	w.here(next)
}

// clock tells the time by the processor's counter as long as the host has looked at its clock not long ago.
func (w *lowerer) clock(h *Helper) {
	exit, next := w.slowly()
	w.emit(ir.Op{Kind: ir.ReadClock})
	w.only(ir.Op{W: 64, Cond: ir.Ne, Dst: 0, UseImm: true}, exit)
	if h.Kind == HelperCoarse {
		w.emit(ir.Op{Kind: ir.Div, W: 64, Dst: 0, UseImm: true, Imm: int64(h.Size)})
		w.emit(ir.Op{Kind: ir.Mul, W: 64, Dst: 0, UseImm: true, Imm: int64(h.Size)})
	}
	w.here(next)
}
