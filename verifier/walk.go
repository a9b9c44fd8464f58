package verifier

import (
	"fmt"
	"io"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// walker walks the paths of a program, depth first.
type walker struct {
	p      *program
	spec   *Spec
	o      Options
	layout *progtype.Layout
	maps   []*Map // Spec.Maps, and the inner maps that lookups lead to
	inner  map[*Map]uint32
	types  []kernelType // what pointers to kernel structures point to, by number
	typeNo map[string]uint32
	// argRefs are the references that the program owns when it starts, by the argument that holds them.
	argRefs []uint32
	// locals are those of the types that are the program's own, localNos their numbers by BTF ID.
	locals   map[uint32]*LocalType
	localNos map[uint32]uint32

	tab *regTable
	s   state
	pc  int

	free   []*frame
	todo   []pending
	nodes  []node
	kept   [][]int32 // by instruction: kept states, as numbers of nodes
	paths  []pathNode
	marks  demand
	facts  []Fact
	depth  []int32  // by function: how far down its stack is used, in bytes
	async  []bool   // by function: a timer or work queue calls it, later
	walked []uint32 // by instruction: how often it was walked
	base   []Kind   // by instruction: the kind of pointer that it accesses memory through

	global     int // the function whose walk this is: 0, or a global one
	steps      int
	jumps      int
	keptSteps  int // what they were when a state was last kept
	keptJumps  int
	keptStates int
	pruned     int
	merged     int
	work       int         // comparisons of registers and slots, a measure of time beside steps
	longest    int         // instructions of the longest run
	unbounded  bool        // there is none
	mergesAt   map[int]int // by instruction
	memory     int         // bytes of snapshots
	peak       int
	ctxMax     int
	full       bool // compare all live parts, demanded or not
	uninit     bool // stack bytes that nothing wrote may be read
	leaks      bool // addresses may leave the program

	idmap  []idPair
	links  []link
	imm    Reg
	memo   *memo
	consts []uint64 // see thresholds
	// widenings are what loops forgot, by the fork before it on the path.
	widenings map[int32][]widening
	// didWiden: numbers that were demanded have been widened, so that a refusal may be for want of precision.
	didWiden bool

	pool         pool
	scratch      snapshot // what look returns
	scratchFrame frameSnap

	replay      *replay
	wantsGlobal []bool
}

// pending is a path to walk later: the other side of a fork, with the state before
// it.
type pending struct {
	since int // see state
	snap  *snapshot
	pc    int
	node  int32
	path  int32
}

// node is a kept state, or the start of the walk.
type node struct {
	snap     *snapshot
	pc       int32
	parent   int32
	branches int32 // paths under way that go on from it
	// waits is the kept state, further up this path, in which a path below ended although it was not
	// walked to its end: what is demanded below is known only when that one is.
	waits  int32
	misses int32
	hits   int32
	// dist is how many instructions it is from the state before, longest how many there may be to the end.
	dist, longest int
	// counted: a helper's calls of a function came to their number further on, so states with more calls before
	// them go on in other ways.
	counted bool
}

// pathNode is one undecided branch of the way that led somewhere.
type pathNode struct {
	parent int32
	insn   int32
	taken  bool
	at     int32 // its number, in the list of a path
}

// maxPending is how many paths may wait (BPF_COMPLEXITY_LIMIT_JMP_SEQ).
const maxPending = 8192

func newWalker(p *program, o Options) *walker {
	n := len(p.insns)
	w := &walker{
		p: p, spec: p.spec, o: o, tab: newRegTable(), layout: p.spec.Type.Layout(p.spec.Attach),
		inner: map[*Map]uint32{}, mergesAt: map[int]int{}, typeNo: map[string]uint32{}, locals: map[uint32]*LocalType{}, localNos: map[uint32]uint32{},
		kept: make([][]int32, n+1), facts: make([]Fact, n), walked: make([]uint32, n), base: make([]Kind, n),
		depth: make([]int32, len(p.subs)), async: make([]bool, len(p.subs)), wantsGlobal: make([]bool, len(p.subs)),
	}
	w.full = o.Trace != nil
	w.memo = memos.Get().(*memo)
	w.uninit, w.leaks = o.Policy == PolicyLinux, o.Policy == PolicyLinux
	w.maps = append(w.maps, p.spec.Maps...)
	w.marks.init(w, n+1)
	return w
}

// f is the innermost frame.
func (w *walker) f() *frame { return w.s.frames[len(w.s.frames)-1] }

// reg is register r of the innermost frame.
func (w *walker) reg(r isa.Reg) *Reg { return &w.f().regs[r] }

// fail is an error at the instruction being walked.
func (w *walker) fail(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Insn: w.pc, Reason: fmt.Sprintf(format, args...)}
}

// start puts a fresh frame of function sub on the path.
func (w *walker) start(sub int) *frame {
	for len(w.s.frames) > 0 {
		w.dropFrame()
	}
	w.s = state{frames: w.s.frames, node: -1, path: -1, sec: sections{sleepable: w.spec.Sleepable}}
	w.global = sub
	w.pc = w.p.subs[sub].start
	for pc := range w.kept {
		w.kept[pc] = w.kept[pc][:0]
	}
	return w.pushFrame(sub, -1, callNone)
}

// run walks until no path is left.
func (w *walker) run() *Error {
	for {
		ended, err := w.path()
		if err != nil {
			return err
		}
		if !ended {
			return nil
		}
		w.endPath()
		if found, err := w.next(); err != nil || !found {
			return err
		}
	}
}

// next goes back to the last path put off.
func (w *walker) next() (found bool, err *Error) {
	for len(w.todo) > 0 {
		t := w.todo[len(w.todo)-1]
		w.todo[len(w.todo)-1] = pending{}
		w.todo = w.todo[:len(w.todo)-1]
		w.memory -= t.snap.bytes()
		w.restore(t.snap)
		w.s.node, w.s.path, w.s.since = t.node, t.path, t.since
		w.pc = t.pc
		live, err := w.otherSide()
		if err != nil {
			return false, err
		}
		if live {
			return true, nil
		}
		w.endPath()
	}
	return false, nil
}

// otherSide goes on at the fork at pc with the side that was put off. It reports false if
// the side turns out to be dead.
func (w *walker) otherSide() (live bool, err *Error) {
	in := &w.p.insns[w.pc]
	w.note(w.pc, true)
	switch in.Info().Kind {
	case isa.KindCond:
		return w.condSide(in, in.Info(), true), nil
	case isa.KindMayGoto:
		w.mayGotoSide(in, false)
		return true, nil
	}
	return true, w.callSide(in, true)
}

// fork puts the other side of what instruction pc may do off, with the state before it. It
// reports whether the path is to take that side itself, which is so only when a known
// path is walked again.
func (w *walker) fork() (other bool, err *Error) { return w.forkTo(false) }

// forkTo is fork. With apart the other side is no part of this path: nothing that it does
// counts for the states that led here.
func (w *walker) forkTo(apart bool) (other bool, err *Error) {
	if w.replay != nil {
		other = w.replay.choose(w.pc)
		w.note(w.pc, other)
		return other, nil
	}
	if len(w.todo) >= maxPending {
		return false, w.fail(CodeLimit, "more than %d paths wait to be walked", maxPending).as(topicSteps)
	}
	p := pending{snap: w.keep(w.look(w.pc)), pc: w.pc, node: w.s.node, path: w.s.path, since: w.s.since}
	w.memory += p.snap.bytes()
	w.peak = max(w.peak, w.memory)
	if apart {
		p.node = -1
	}
	w.todo = append(w.todo, p)
	if p.node >= 0 {
		w.nodes[p.node].branches++
	}
	w.note(w.pc, false)
	return false, nil
}

// endPath counts a path as walked.
func (w *walker) endPath() {
	for n := w.s.node; n >= 0; n = w.nodes[n].parent {
		w.nodes[n].branches--
		if w.nodes[n].branches > 0 {
			return
		}
		w.longer(n)
	}
}

// note records an undecided branch.
func (w *walker) note(insn int, taken bool) {
	w.paths = append(w.paths, pathNode{parent: w.s.path, insn: int32(insn), taken: taken})
	w.s.path = int32(len(w.paths) - 1)
}

// path walks until the path ends: at an exit, or in a state that is known.
func (w *walker) path() (ended bool, err *Error) {
	p := w.p
	for {
		pc := w.pc
		if p.flags[pc]&prunePoint != 0 && w.replay == nil {
			known, err := w.visit(pc)
			if err != nil {
				return false, err
			}
			if known {
				w.pruned++
				return true, nil
			}
		}
		w.s.since++
		if w.steps++; w.steps > w.o.Steps {
			return false, w.tooLong()
		}
		w.walked[pc]++
		if w.o.Trace != nil {
			w.trace(pc)
		}
		if w.o.Log != nil {
			w.logInsn(w.o.Log, pc)
		}
		if w.replay != nil && !w.replay.step(w, pc) {
			return true, nil
		}
		if f := p.flags[pc]; f&(poisoned|badOperand) != 0 {
			if f&badOperand != 0 {
				return false, p.operandFault(pc)
			}
			return false, w.fail(CodeUnsupported, "the call cannot be made: %s", w.spec.Poison[pc])
		}
		done, err := w.step(&p.insns[pc])
		if err != nil {
			return false, err
		}
		if done {
			w.ended(0)
			return true, nil
		}
	}
}

// step walks one instruction and sets pc. It reports whether the path ends here.
func (w *walker) step(in *isa.Insn) (done bool, err *Error) {
	switch info := in.Info(); info.Kind {
	case isa.KindALU:
		err = w.alu(in, info)
	case isa.KindMov:
		err = w.mov(in, info)
	case isa.KindMovSX:
		err = w.movsx(in, info)
	case isa.KindEnd:
		err = w.end(in, info)
	case isa.KindAddrSpaceCast:
		err = w.addrSpaceCast(in)
	case isa.KindLoad, isa.KindLoadSX:
		err = w.load(in, info)
	case isa.KindStore:
		err = w.store(in, info)
	case isa.KindStoreImm:
		err = w.storeImm(in, info)
	case isa.KindAtomic:
		err = w.atomic(in, info)
	case isa.KindLoadAcquire:
		if err = w.atomicTarget(in.Src); err == nil {
			err = w.load(in, info)
		}
	case isa.KindStoreRelease:
		if err = w.atomicTarget(in.Dst); err == nil {
			err = w.store(in, info)
		}
	case isa.KindLoadImm64:
		err = w.loadImm64(in)
		w.pc++
	case isa.KindPacketLoad:
		err = w.packetLoad(in, info)
	case isa.KindJump:
		w.jumps++
		w.pc = in.Target(w.pc)
		return false, nil
	case isa.KindMayGoto:
		w.jumps++
		other, err := w.fork()
		if err == nil {
			w.mayGotoSide(in, !other)
		}
		return false, err
	case isa.KindCond:
		w.jumps++
		return w.cond(in, info)
	case isa.KindCall:
		w.jumps++
		return w.call(in)
	case isa.KindExit:
		return w.exit()
	default:
		err = w.fail(CodeUnsupported, "%s cannot be verified", in.Op)
	}
	w.pc++
	return false, err
}

// tooMuch is an error for a walk that keeps more than it may.
func (w *walker) tooMuch() *Error {
	return w.fail(CodeLimit, "the states kept take more than %d bytes", w.o.MemoryLimit).as(topicSteps)
}

func (w *walker) tooLong() *Error {
	return w.fail(CodeLimit, "more than %d instructions were walked over all paths", w.o.Steps).as(topicSteps)
}

// trace records the registers that are read later.
func (w *walker) trace(pc int) {
	f := w.f()
	var regs [11]Reg
	for r := range 11 {
		if w.p.live[pc]>>r&1 != 0 || r == 10 {
			regs[r] = f.regs[r]
		}
	}
	w.o.Trace.record(pc, &regs)
}

func (w *walker) logInsn(out io.Writer, pc int) {
	f := w.f()
	for r := range 11 {
		if f.regs[r].Kind != NotInit {
			fmt.Fprintf(out, " R%d=%s", r, w.regString(&f.regs[r], f.ids[r]))
		}
	}
	for i := range f.stack {
		if s := &f.stack[i]; s.kinds != 0 {
			fmt.Fprintf(out, " fp%d=%s", -8*(i+1), w.slotString(s))
		}
	}
	names := &isa.Names{Helper: proto.Name}
	fmt.Fprintf(out, "\n%d: %s\n", pc, isa.Format(w.p.insns, pc, names))
}
