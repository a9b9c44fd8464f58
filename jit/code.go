package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// State is the memory that generated code and the host share during a run.
type State = ir.State

// Exit is a place where generated code leaves.
type Exit struct {
	ir.Exit
	resume, alt uint64 // native addresses of the labels
}

// ExitKind is why.
type ExitKind = ir.ExitKind

// The reasons, see package ir.
const (
	ExitHelper   = ir.ExitHelper
	ExitTailCall = ir.ExitTailCall
	ExitCallReg  = ir.ExitCallReg
	ExitFuel     = ir.ExitFuel
	ExitPacket   = ir.ExitPacket
	ExitDepth    = ir.ExitDepth
	ExitBadJump  = ir.ExitBadJump
	ExitBadInsn  = ir.ExitBadInsn
	ExitWake     = ir.ExitWake

	// Done in [State.Exit] says that the function that the host entered has returned.
	Done = ir.Done
	// MaxTailCalls is how many tail calls a run can make: MAX_TAIL_CALL_CNT.
	MaxTailCalls = ir.MaxTailCalls
	// MaxGoto is the budget of may_goto of a function: BPF_MAX_LOOPS.
	MaxGoto = 1 << 23
)

// Words of a native frame in [State.Stack], from its lowest.
const (
	FrameBase   = ir.FrameBase
	FrameBudget = 1
	FrameR9     = ir.FrameR9
	FrameR6     = ir.FrameR6
	FrameRet    = ir.FrameRet
	FrameWords  = ir.FrameRet + 1
)

// Code is a program in executable memory. It is immutable, and may run on several goroutines
// at once, each with a State of its own.
type Code struct {
	mem    *execmem.Code
	native *ir.Native // where the host enters
	size   int
	exits  []Exit
	funcs  []ir.Function
	maps   []maps.Layout // whose indexes the code reads: they live as long as it does
	base   uintptr
	start  uintptr // where the host enters
	resume uintptr
}

// Compile makes machine code of a verified program. The error says why it cannot: the program is fine
// then, and another engine runs it.
func Compile(proof *verifier.Proof, cfg Config) (*Code, error) {
	cfg.work = workspaces.Get().(*workspace)
	defer cfg.work.release()
	l, err := build(proof, &cfg)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	l.Unlisted = true
	n, err := expand(l)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	mem, err := execmem.New(n.Code)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	c := &Code{mem: mem, native: n, exits: make([]Exit, len(l.Exits)), funcs: l.Funcs, maps: l.Maps, base: mem.Addr()}
	c.start, c.resume = c.base+uintptr(n.Start), c.base+uintptr(n.Resume)
	at := func(label int32) uint64 {
		if label < 0 {
			return 0
		}
		return uint64(c.base) + uint64(n.Labels[label])
	}
	c.size = len(n.Code)
	for i, e := range l.Exits {
		c.exits[i] = Exit{Exit: e, resume: at(e.Resume), alt: at(e.Alt)}
	}
	n.Code, n.Labels = nil, nil // the one is in mem, the others in exits
	return c, nil
}

// build is compilation up to the machine.
func build(proof *verifier.Proof, cfg *Config) (*ir.List, error) {
	if cfg.Base%guest.Align != 0 {
		return nil, fmt.Errorf("the window is at %#x: machine code needs one at a multiple of %#x", cfg.Base, uint64(guest.Align))
	}
	l, err := lower(proof, cfg)
	if err != nil {
		return nil, err
	}
	optimise(l, cfg)
	l.Plain = !cfg.on(PassNative)
	if err := check(l, proof, cfg); err != nil {
		return nil, err
	}
	if cfg.on(PassNear) {
		near(l, cfg.Fuel, cfg.memory())
	}
	return l, nil
}

// Size is the length of the machine code, in bytes.
func (c *Code) Size() int { return c.size }

// Addr is the host address of the machine code.
func (c *Code) Addr() uintptr { return c.base }

// Exit describes the exit that st.Exit names, nil when it names none.
func (c *Code) Exit(st *State) *Exit {
	if int64(st.Exit) >= int64(len(c.exits)) {
		return nil
	}
	return &c.exits[st.Exit]
}

// Start runs the program from its first instruction with R1 and R2 of the state, all other
// registers but R10 zero.
func (c *Code) Start(st *State) { enter(c.start, st) }

// Call runs function i with all registers of the state.
func (c *Code) Call(st *State, i int) {
	if i == 0 && c.funcs[i].Root {
		// It has no prologue: it starts where its base frame is in place.
		st.Stack[0], st.Stack[FrameBudget], st.Words = st.Address(), uint64(st.Budget), FrameBase
		c.resumeAt(st, uint64(c.base)+uint64(c.native.Root))
		return
	}
	st.Target = uint64(c.base) + uint64(c.native.Funcs[i])
	enter(c.base+uintptr(c.native.Callee), st)
}

// SetTarget makes function i what an ExitCallReg calls when it is resumed.
func (c *Code) SetTarget(st *State, i int) bool {
	if c.funcs[i].Root || c.funcs[i].Inner {
		return false
	}
	st.Target = uint64(c.base) + uint64(c.native.Funcs[i])
	return true
}

// Resume goes on after exit e.
func (c *Code) Resume(st *State, e *Exit) {
	st.Resume = e.resume
	enter(c.resume, st)
}

// ResumeAlt goes on in the other way that e has.
func (c *Code) ResumeAlt(st *State, e *Exit) {
	c.resumeAt(st, e.alt)
}

// Return goes on in the caller of the innermost function, which ended on the host's side with R0 as
// its result: it undoes the frame in st.Stack. The words must hold a caller.
func (c *Code) Return(st *State) {
	f := st.Stack[:]
	ret := f[FrameRet]
	st.R[9], st.R[8], st.R[7], st.R[6] = f[FrameR9], f[FrameR9+1], f[FrameR9+2], f[FrameR6]
	copy(st.Stack[:], st.Stack[FrameWords:st.Words])
	st.Words -= FrameWords
	st.R[10] -= uint64(c.native.Lift)
	c.resumeAt(st, ret)
}

func (c *Code) resumeAt(st *State, at uint64) {
	st.Resume = at
	enter(c.resume, st)
}

// TailEntry is the host address that a tail call jumps to, 0 when only the host can start the program.
func (c *Code) TailEntry() uint64 {
	if !c.funcs[0].Root {
		return 0
	}
	return uint64(c.base) + uint64(c.native.Root)
}
