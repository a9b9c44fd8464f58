package interp

import (
	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
)

// push enters a function of the program that is called from p, to return to ret.
func (st *State) push(p *Program, ret int, r *[16]uint64) bool {
	if st.slice < 0 && !st.yield() {
		st.fail(p, ret-1, st.trap)
		return false
	}
	if st.depth+1 >= guest.MaxFrames {
		st.fail(p, ret-1, &trap.Trap{Code: trap.CallDepth, Detail: "more than 8 nested functions"})
		return false
	}
	st.depth++
	f := &st.frames[st.depth]
	f.prog, f.ret, f.mayGoto = p, ret, st.mode.MayGoto
	copy(f.saved[:], r[6:10])
	r[10] = uint64(st.slot.FrameTop(st.depth))
	st.enter(st.depth)
	return true
}

// mayGoto reports whether the function's budget of may_goto is spent.
func (st *State) mayGoto() bool {
	f := &st.frames[st.depth]
	if f.mayGoto == 0 {
		return true
	}
	f.mayGoto--
	return false
}

// callHelper calls h for the instruction at pc of p. It returns false when the run must
// end.
func (st *State) callHelper(p *Program, pc int, h *helpers.Helper, r *[16]uint64) bool {
	c := &st.Call
	// One by one: a copy in wider pieces would wait for what machine code has just stored.
	c.Args[0], c.Args[1], c.Args[2], c.Args[3], c.Args[4] = r[1], r[2], r[3], r[4], r[5]
	st.pc = pc
	if st.mode.Checked && !st.checkArgs(p, pc, h.Proto) {
		return false
	}
	r[0] = h.Func(c)
	if c.Err != nil && st.trap == nil {
		st.trap = c.Err
	}
	if st.trap != nil {
		st.fail(p, pc, st.trap)
		return false
	}
	return true
}

// helperByID finds the helper that callx names by number.
func (st *State) helperByID(p *Program, pc int, id uint64) *helpers.Helper {
	h := p.src.ByID(id)
	if h == nil || h.Proto.Engine { // what the engine carries out is no function to call
		st.fail(p, pc, &trap.Trap{Code: trap.BadHelper, Addr: id, Detail: "callx of what is neither a function nor a helper"})
		return nil
	}
	return h
}

// Tail is a program as a prog array holds it.
type Tail interface {
	// Interp returns what the interpreter runs.
	Interp() *Program
}

// tailCall does the helper tail_call: it returns the program to go on with, or nil when
// the call fails and the program goes on behind it, with R0 a negative errno.
// An internal fault sets st.trap.
func (st *State) tailCall(p *Program, pc int, r *[16]uint64) *Program {
	m := st.Call.Maps.Map(r[2])
	if m == nil {
		st.fail(p, pc, &trap.Trap{Code: trap.BadHandle, Addr: r[2], Detail: "tail_call: R2 is not a map"})
		return nil
	}
	st.slice -= fuel.Helper
	if st.slice < 0 && !st.yield() {
		st.fail(p, pc, st.trap)
		return nil
	}
	r[0] = errno.EINVAL.R0()
	if st.block.Tails >= maxTailCalls {
		return nil
	}
	t, _ := m.Prog(uint32(r[3])).(Tail)
	if t == nil {
		return nil
	}
	q := t.Interp()
	if q.src.Type != p.src.Type || q.src.Maps != p.src.Maps {
		return nil
	}
	st.block.Tails++
	// What has no proof is checked, and so is all that comes after it.
	st.mode.Checked = st.mode.Checked || !q.proven
	// The new program has the frame to itself.
	st.enter(st.depth)
	st.Call.GPL = q.src.GPL
	if st.mode.Watch != nil {
		q = st.observed(q)
	}
	return q
}
