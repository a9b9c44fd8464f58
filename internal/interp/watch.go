package interp

import (
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
)

// Observer is called before each instruction of a run: pc of p is about to run with the registers
// r, of which R0 to R10 mean something. It may change registers that the program cannot know,
// such as those that a call clobbers, to see that nothing depends on them. An instruction that
// jumps to itself is shown once.
type Observer func(st *State, p *Program, pc int, r *[16]uint64)

// observed is a copy of p all of whose instructions call show, so that the loop has no
// branch more for runs that nobody observes.
func (st *State) observed(p *Program) *Program {
	if st.watched != nil && st.watched.plain == p {
		return st.watched
	}
	q := *p
	q.plain, q.run = p, make([]insn, len(p.run))
	for i := range q.run {
		q.run[i].op = opWatch
	}
	st.watched = &q
	return &q
}

// show calls the observer, and puts the instruction at pc of what p is a copy of in its
// place, which the loop reads next. The one it put elsewhere before has run by now and goes.
func (st *State) show(p *Program, pc int, r *[16]uint64) {
	st.mode.Watch(st, p.plain, pc, r)
	st.hide()
	st.shown = &p.run[pc]
	*st.shown = p.plain.run[pc]
}

// hide takes back what show put in place.
func (st *State) hide() {
	if st.shown != nil {
		st.shown.op, st.shown = opWatch, nil
	}
}

// Depth is the number of functions that the innermost one is nested in: 0 to 7.
func (st *State) Depth() int { return st.depth }

// Slot is the guest memory of the run.
func (st *State) Slot() *guest.Slot { return st.slot }

// Readable reports whether the n bytes at a lie within one object that the program may
// read.
func (st *State) Readable(a uint64, n uint32) bool {
	code, _ := st.judge(a, n, guest.PermRead)
	return code == trap.None || code == trap.Uninit
}
