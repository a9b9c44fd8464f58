package jit

import (
	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// maxLoops is BPF_MAX_LOOPS.
const maxLoops = 1 << 23

// callback does a helper that calls a function of the program again and again. The loop is a function of
// its own that stands in the caller's BPF frame: R6 to R9 are its own then, the prologue keeps the caller's, and whatever
// the callback does to its registers is undone by the callback's. Where the guess of the function is wrong, or the callback
// would be nested too deep, the host does it all.
func (w *lowerer) callback(h *Helper) bool {
	fn, ok := w.cfg.Fuel.FuncAt(uint64(h.Func))
	cost := int64(w.cfg.Fuel.Func(h.Func)) + 1 // the turn's own unit
	if !ok || w.l.Funcs[fn].Root || cost > 1<<30 {
		return false
	}
	exit, next := w.slowly()
	w.emit(ir.Op{Kind: ir.Mov, W: 64, Dst: ir.Tmp, UseImm: true, Imm: int64(fuel.Ref(h.Func))})
	w.only(ir.Op{W: 64, Cond: ir.Eq, Dst: 2, Src: ir.Tmp}, exit)
	driver := int32(len(w.l.Funcs))
	w.l.Funcs = append(w.l.Funcs, ir.Function{PC: int32(w.pc), Inner: true})
	w.emit(ir.Op{Kind: ir.Call, Target: driver, Exit: exit})
	w.here(next)

	main := w.l.Ops
	w.l.Ops = w.after
	w.emit(ir.Op{Kind: ir.Func, Target: driver})
	if h.Kind == HelperLoop {
		w.loop(int32(fn), driver, cost)
	} else {
		w.each(h, int32(fn), driver, cost)
	}
	w.after, w.l.Ops = w.l.Ops, main
	return true
}

// loop is bpf_loop: R1 turns of a function that is given the turn's number and R3.
func (w *lowerer) loop(fn, driver int32, cost int64) {
	einval, e2big, out := w.newLabel(), w.newLabel(), w.newLabel()
	w.unless(4, ir.Ne, 64, 0, einval)
	w.unless(1, ir.Gt, 64, maxLoops, e2big)
	w.set(6, 0)
	w.unless(1, ir.Eq, 64, 0, out)
	w.move(7, 1)
	w.move(8, 3)
	head := w.newLabel()
	w.turn(cost, head, w.newLabel(), false)
	w.move(1, 6)
	w.move(2, 8)
	w.callBack(fn)
	w.emit(ir.Op{Kind: ir.Add, W: 64, Dst: 6, UseImm: true, Imm: 1})
	w.unless(0, ir.Ne, 64, 0, out)
	w.emit(ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Ge, Dst: 6, Src: 7, Target: out})
	w.emit(ir.Op{Kind: ir.Jump, Target: head})
	w.here(out)
	w.move(0, 6)
	w.emit(ir.Op{Kind: ir.Return, Target: driver})
	w.fails(einval, driver, int64(errno.EINVAL.R0()))
	w.fails(e2big, driver, int64(uint32(errno.E2BIG.R0()))) // see the helper
}

// each is for_each_map_elem on an array: a function is given the map, the address of a key in the run's scratch area, that
// of the value, and R3.
func (w *lowerer) each(h *Helper, fn, driver int32, cost int64) {
	einval, out := w.newLabel(), w.newLabel()
	w.unless(4, ir.Ne, 64, 0, einval)
	w.set(6, 0)
	w.set(7, int64(h.Array.Addr))
	w.move(8, 3)
	w.emit(ir.Op{Kind: ir.LoadState, Dst: 9, Size: 4, Off: int32(ir.OffScratch)})
	w.emit(ir.Op{Kind: ir.Lea, W: 64, Dst: 1, Src: 9, Imm: 8})
	w.emit(ir.Op{Kind: ir.StoreState, Src: 1, Size: 4, Off: int32(ir.OffScratch)})
	head := w.newLabel()
	w.turn(1, head, w.newLabel(), false)
	w.emit(ir.Op{Kind: ir.Store, Size: 4, Base: 9, Src: 6})
	w.turn(cost-1, w.newLabel(), w.newLabel(), false) // the key is there by then
	w.set(1, int64(h.Handle))
	w.move(2, 9)
	w.move(3, 7)
	w.move(4, 8)
	w.callBack(fn)
	w.emit(ir.Op{Kind: ir.Add, W: 64, Dst: 6, UseImm: true, Imm: 1})
	w.unless(0, ir.Ne, 64, 0, out)
	w.unless(6, ir.Ge, 32, int64(int32(h.Array.Entries)), out)
	w.emit(ir.Op{Kind: ir.Add, W: 32, Dst: 7, UseImm: true, Imm: int64(int32(h.Array.Stride))})
	w.emit(ir.Op{Kind: ir.Jump, Target: head})
	w.here(out)
	w.emit(ir.Op{Kind: ir.StoreState, Src: 9, Size: 4, Off: int32(ir.OffScratch)})
	w.move(0, 6)
	w.emit(ir.Op{Kind: ir.Return, Target: driver})
	w.fails(einval, driver, int64(errno.EINVAL.R0()))
}

// callBack calls a function back.
func (w *lowerer) callBack(fn int32) {
	w.emit(ir.Op{Kind: ir.Call, Target: fn, Off: guest.FrameStride, Exit: w.exit(ir.Exit{Kind: ir.ExitDepth, Resume: -1, Alt: -1})})
}

// fails is the end of a loop that is refused.
func (w *lowerer) fails(label, driver int32, r0 int64) {
	w.here(label)
	w.set(0, r0)
	w.emit(ir.Op{Kind: ir.Return, Target: driver})
}

func (w *lowerer) set(d ir.Reg, v int64) {
	w.emit(ir.Op{Kind: ir.Mov, W: 64, Dst: d, UseImm: true, Imm: v})
}
func (w *lowerer) move(d, s ir.Reg) { w.emit(ir.Op{Kind: ir.Mov, W: 64, Dst: d, Src: s}) }

// unless goes to a label if r compares so with a number.
func (w *lowerer) unless(r ir.Reg, c ir.Cond, width uint8, v int64, label int32) {
	w.emit(ir.Op{Kind: ir.CondJump, W: width, Cond: c, Dst: r, UseImm: true, Imm: v, Target: label})
}
