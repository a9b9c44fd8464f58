package interp

import (
	"context"
	"unsafe"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// Limits of a run that the kernel has too.
const (
	maxTailCalls = jit.MaxTailCalls
	maxMayGoto   = 1 << 23 // BPF_MAX_LOOPS
)

// Mode says what the loop checks.
type Mode struct {
	// Checked holds every access against the object map. Programs without a proof run so
	// in any case.
	Checked bool
	// Uninit makes a read of stack bytes that the function has not written a trap; it
	// needs Checked. Without it they read as zero.
	Uninit bool
	// MayGoto is how often a function's may_goto goes on, 0 for as often as in the kernel.
	MayGoto uint32
	// Watch observes a run, see [Observer]; nil for none, which costs nothing.
	Watch Observer
	// Native runs programs that have been compiled as machine code, where nothing above asks for
	// more. Programs without a proof have their helpers' arguments checked then, and their
	// accesses confined.
	Native bool
}

// frame is one nested function: where to go on in the caller.
type frame struct {
	prog    *Program
	ret     int
	saved   [4]uint64 // R6 to R9 of the caller
	mayGoto uint32    // what is left of this function's own budget
}

// State is what one run needs beside the program. A slot has one and reuses it.
type State struct {
	Bctx progtype.Bctx
	Call helpers.Call

	mode  Mode
	base  unsafe.Pointer
	mask  uint64
	slot  *guest.Slot
	fuel  int64 // beyond the current slice
	slice int64 // left of the current slice
	ctx   context.Context
	done  <-chan struct{}

	depth   int
	frames  [guest.MaxFrames]frame
	regs    [guest.MaxFrames][16]uint64                   // of the loops, by the frame that each began in
	written [guest.MaxFrames][guest.StackSize / 64]uint64 // stack bytes written, a bit each
	insns   uint64
	cur     *Program // the program of the innermost frame, for reports
	pc      int      // the instruction that called out
	trap    *trap.Trap
	watched *Program // the program last made ready for an observer
	shown   *insn    // the one of its instructions that is the program's own
	native  bool     // the innermost function runs as machine code
	block   *jit.State
	exits   uint64 // how often machine code has left for the host: tests ask whether helpers are done without
}

// Machine code loads both ends of the packet at once: it is an error here if one does not follow the other.
var _ [0]struct{} = [unsafe.Offsetof(progtype.Bctx{}.DataEnd) - unsafe.Offsetof(progtype.Bctx{}.Data) - 4]struct{}{}

// NewState makes the state of runs in a slot.
func NewState(mem *guest.Memory, slot *guest.Slot, table *maps.Table, env *helpers.Env) *State {
	st := &State{base: mem.Base(), mask: uint64(mem.Mask()), slot: slot}
	st.Bctx.Mem, st.Bctx.Slot = mem, slot
	st.block = &jit.State{
		Base: uint64(uintptr(st.base)), Limit: uint64(slot.FrameTop(guest.MaxFrames - 1)), CPU: uint32(slot.CPU),
	}
	st.block.Packet = uint64(uintptr(unsafe.Pointer(&st.Bctx.Data)))
	st.Call = helpers.Call{Mem: mem, Bctx: &st.Bctx, Env: env, Maps: table, CPU: slot.CPU, Engine: st}
	return st
}

// Result is what a run left.
type Result struct {
	R0    uint64
	Insns uint64 // instructions executed
	Fuel  uint64 // fuel used, in units
}

// Run executes p from its first instruction on the context that the caller has
// laid out in st.Bctx, with R1 and R2 as given. A program without a proof runs in checked mode
// whatever mode says.
func (st *State) Run(ctx context.Context, p *Program, mode Mode, fuel uint64, r1, r2 uint64) (Result, *trap.Trap) {
	if mode.Native && p.native != nil && !mode.Checked && !mode.Uninit && mode.Watch == nil && mode.MayGoto == 0 {
		return st.RunNative(ctx, p, fuel, r1, r2)
	}
	st.begin(ctx)
	total := int64(min(fuel, 1<<62))
	st.fuel, st.slice = total, 0
	st.depth, st.insns = 0, 0
	st.Call.GPL = p.src.GPL
	if mode.MayGoto == 0 {
		mode.MayGoto = maxMayGoto
	}
	st.mode = mode
	st.mode.Checked = mode.Checked || !p.proven
	st.frames[0].mayGoto = mode.MayGoto
	st.native, st.Call.ScratchUsed = false, 0
	st.enter(0)
	if !st.yield() { // a context that has ended runs nothing
		st.fail(p, 0, st.trap)
		return Result{}, st.trap
	}
	r := st.registers()
	r[1], r[2], r[10] = r1, r2, uint64(st.slot.FrameTop(0))
	if mode.Watch != nil {
		p = st.observed(p)
		st.hide()
	}
	ok := st.loop(p, 0, r)
	return st.result(total, r[0], ok)
}

// begin forgets the run before.
func (st *State) begin(ctx context.Context) {
	// Most runs need not write pointers.
	if done := ctx.Done(); done != nil || st.done != nil {
		st.ctx, st.done = ctx, done
	}
	if st.trap != nil || st.Call.Err != nil {
		st.trap, st.Call.Err = nil, nil
	}
	st.block.Tails = 0
}

// result is what a run with total units of fuel left.
func (st *State) result(total int64, r0 uint64, ok bool) (Result, *trap.Trap) {
	used := uint64(total - st.fuel - st.slice)
	if !ok {
		if st.trap.Code == trap.Fuel {
			used = uint64(total)
		}
		return Result{Insns: st.insns, Fuel: used}, st.trap
	}
	return Result{R0: r0, Insns: st.insns, Fuel: used}, nil
}

// registers are those of a loop that begins in the innermost frame, all zero: variables of the caller would be allocated.
func (st *State) registers() *[16]uint64 {
	r := &st.regs[st.depth]
	*r = [16]uint64{}
	return r
}

// enter prepares the stack of frame i: fresh memory reads as zero, as the
// kernel's JIT does not promise but programs that pad structures get away with.
func (st *State) enter(i int) {
	top := uintptr(st.slot.FrameTop(i)) - guest.StackSize
	clear(unsafe.Slice((*byte)(unsafe.Add(st.base, top)), guest.StackSize))
	if st.mode.Uninit {
		clear(st.written[i][:])
	}
}

// yield is called when the slice is used up. It refills it, or says why the run must
// end. What it decides does not depend on how the fuel is sliced.
func (st *State) yield() bool {
	left := st.fuel + st.slice
	if left < 0 {
		st.fuel, st.slice = 0, 0
		st.trap = &trap.Trap{Code: trap.Fuel}
		return false
	}
	if st.done != nil {
		select {
		case <-st.done:
			st.fuel, st.slice = left, 0
			st.trap = &trap.Trap{Code: trap.Cancelled, Cause: context.Cause(st.ctx)}
			return false
		default:
		}
	}
	st.slice = min(left, fuel.Slice)
	st.fuel = left - st.slice
	return true
}

// Charge implements [helpers.Engine].
func (st *State) Charge(n uint64) bool {
	st.slice -= int64(min(n, 1<<40))
	return st.slice >= 0 || st.yield()
}

// Callback implements [helpers.Engine].
func (st *State) Callback(fn uint64, args [5]uint64) (uint64, bool) {
	p, pc := st.cur, fn&(1<<32-1)
	if fn>>32 != 1 || !p.isFunc(pc) {
		st.trap = &trap.Trap{Code: trap.BadHandle, Addr: fn, Detail: "callback is not a function of the program"}
		return 0, false
	}
	if st.native {
		st.depth = st.nativeDepth()
	}
	if st.depth+1 >= guest.MaxFrames {
		st.trap = &trap.Trap{Code: trap.CallDepth}
		return 0, false
	}
	if !st.Charge(uint64(p.cost.Func(int(pc)))) {
		return 0, false
	}
	at, call := st.pc, st.Call
	if st.native {
		r0, ok := st.callbackNative(p, pc, args)
		st.cur, st.pc, st.Call, st.native = p, at, call, true
		return r0, ok
	}
	st.depth++
	st.frames[st.depth] = frame{prog: nil, mayGoto: st.mode.MayGoto}
	st.enter(st.depth)
	r := st.registers()
	copy(r[1:6], args[:])
	r[10] = uint64(st.slot.FrameTop(st.depth))
	st.hide()
	ok := st.loop(p, int(pc), r)
	st.depth--
	st.cur, st.pc, st.Call = p, at, call
	return r[0], ok
}

// fail completes t as the trap of the instruction at pc of p and keeps it.
func (st *State) fail(p *Program, pc int, t *trap.Trap) {
	if t.Func == "" && t.Line == "" && t.Insn == 0 {
		t.Insn = pc
		if p.src.Where != nil {
			t.Func, t.Line = p.src.Where(pc)
		}
		if t.Func == "" {
			t.Func = p.src.Name
		}
	}
	st.trap = t
}
