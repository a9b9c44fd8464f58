package verifier

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/gbpf/gbpf/isa"
)

// defaultMemory bounds what a walk keeps when nobody says otherwise, in bytes.
const defaultMemory = 256 << 20

// Verify holds a program against the policy. The error is an *[Error] when the program is
// refused.
func Verify(spec *Spec, o Options) (*Proof, error) {
	insns := slices.Clone(spec.Insns)
	if o.Steps <= 0 {
		o.Steps = DefaultSteps
	}
	if o.MemoryLimit <= 0 {
		o.MemoryLimit = defaultMemory
	}
	p, err := newProgram(spec, insns, o.Policy == PolicySandboxed)
	if err != nil {
		return nil, complete(spec, insns, err)
	}
	proof := &Proof{insns: insns, facts: make([]Fact, len(insns)), policy: o.Policy, hash: hashInsns(insns)}
	proof.stats.Insns = len(insns)
	if o.Policy == PolicySandboxed {
		return proof, nil
	}
	w, err := walk(p, o)
	defer memos.Put(w.memo)
	if err != nil {
		w.explain(err)
		err.Stats = w.stats()
		return nil, complete(spec, insns, err)
	}
	if err := w.stackDepth(); err != nil {
		err.Stats = w.stats()
		return nil, complete(spec, insns, err)
	}
	proof.facts = w.facts
	for pc, n := range w.walked {
		if n > 0 {
			proof.facts[pc].Flags |= Reached
		}
	}
	for pc, u := range p.upperZero() {
		proof.facts[pc].Upper = u
	}
	proof.stats = w.stats()
	if !w.unbounded && w.global == 0 {
		proof.longest = w.longest
	}
	proof.ctxMax = int32(w.ctxMax)
	for i := range p.subs {
		proof.starts = append(proof.starts, p.subs[i].start)
		proof.depth = append(proof.depth, int(w.depth[i]))
	}
	return proof, nil
}

// walk walks the program. When that fails for want of precision or because paths multiply, it is tried once
// more in another way, so that the time is bounded by twice the budget.
func walk(p *program, o Options) (*walker, *Error) {
	w := newWalker(p, o)
	err := w.all()
	switch {
	case err == nil:
		return w, nil
	case w.didWiden:
		// It may have been refused for what a loop forgot.
		o.noWidening = true
	case err.find.topic == topicSteps:
		o.merging = true
	default:
		return w, err
	}
	again := newWalker(p, o)
	switch e := again.all(); {
	case e == nil:
		return again, nil
	case o.merging || e.Code == CodeLimit:
		// What a walk with joined states, or one that has no end, complains of is not the point.
		return w, err
	default:
		return again, e
	}
}

func hashInsns(insns []isa.Insn) [32]byte {
	b := make([]byte, 0, 8*len(insns))
	for i := range insns {
		b = insns[i].AppendTo(b)
	}
	return sha256.Sum256(b)
}

// all walks the program, then the global functions that it calls, each by its own type.
func (w *walker) all() *Error {
	w.startMain()
	if err := w.mapReferences(); err != nil {
		return err
	}
	if err := w.run(); err != nil {
		return err
	}
	done := make([]bool, len(w.p.subs))
	for again := true; again; {
		again = false
		for i := range w.p.subs {
			if !w.wantsGlobal[i] || done[i] {
				continue
			}
			done[i], again = true, true
			if err := w.startGlobal(i); err != nil {
				return err
			}
			if err := w.run(); err != nil {
				return err
			}
		}
	}
	return nil
}

// startMain sets up what a program gets.
func (w *walker) startMain() {
	f := w.start(0)
	f.set(1, pointer(PtrToCtx), 0)
	w.ownArgs()
	if w.spec.Type.Kernel == 0 {
		w.rawArgs(f)
	}
}

func (w *walker) stats() Stats {
	return Stats{Insns: len(w.p.insns), Processed: w.steps, States: w.keptStates, Pruned: w.pruned, PeakBytes: w.peak + w.tab.bytes(), Merged: w.merged}
}

// complete adds what every error says.
func complete(spec *Spec, insns []isa.Insn, e *Error) *Error {
	e.Program = spec.Name
	if e.Stats.Insns == 0 {
		e.Stats.Insns = len(insns)
	}
	if e.Disasm == "" {
		x := &evidence{spec: spec, insns: insns, err: e, find: e.find}
		x.fill()
	}
	return e
}

// rawArgs sets up the registers of gbpf's own type raw: memory and its length.
func (w *walker) rawArgs(f *frame) {
	f.set(1, pointer(PtrToPacket), 0)
	f.set(2, unknown(), 0)
}

// endless is a loop that comes back to where it was.
func (w *walker) endless(pc int) *Error {
	return w.fail(CodeLoop, "the loop does not end: the walk came back to this instruction with nothing changed")
}

// minPrivateStack is how many bytes of stack make a function worth one of its own (BPF_PRIV_STACK_MIN_SIZE).
const minPrivateStack = 64

// privateStack reports whether the kernel lets large functions of the program have stacks of their own: in
// tracing programs that cannot interrupt themselves, unless they call others by tail call.
func (p *program) privateStack() bool {
	switch p.spec.Type.Kernel {
	case typeKprobe, typeTracepoint, typePerfEvent, typeRawTP:
	default:
		return false
	}
	for i := range p.subs {
		if p.subs[i].tailCalls {
			return false
		}
	}
	return true
}

// stackDepth checks that nested calls have stack enough.
func (w *walker) stackDepth() *Error {
	p := w.p
	type call struct{ to, at int }
	calls := make([][]call, len(p.subs))
	for t := range p.sites {
		for _, pc := range p.sites[t] {
			calls[p.subOf[pc]] = append(calls[p.subOf[pc]], call{t, int(pc)})
		}
	}
	// Whoever takes a function's address has it called, on top of its own stack, unless it is called some
	// other time.
	for pc := range p.insns {
		if p.insns[pc].Op == isa.OpLddwFunc {
			if t := p.subAt(p.insns[pc].Target(pc)); !w.async[t] {
				calls[p.subOf[pc]] = append(calls[p.subOf[pc]], call{t, pc})
			}
		}
	}
	// As the kernel counts where programs are compiled: rounded, nothing for a function without stack of its own,
	// nor for one that gets a private stack.
	private := p.privateStack()
	round := func(i int) int {
		n := (int(w.depth[i]) + 15) &^ 15
		if private && n >= minPrivateStack && !w.async[i] {
			return 0
		}
		return n
	}
	for i := range p.subs {
		if w.depth[i] > stackSize {
			return fault(CodeLimit, p.subs[i].start, "%s uses %d bytes of stack: the limit is %d", p.subName(i), w.depth[i], stackSize).as(topicStackTotal)
		}
	}
	var deepest, frames []int
	// chain names the functions on the deepest way down from one, with what each takes.
	chain := func(i int) string {
		s := ""
		for {
			s += fmt.Sprintf("%s takes %d bytes", p.subName(i), round(i))
			rest, next := deepest[i]-round(i), -1
			for _, c := range calls[i] {
				if deepest[c.to] == rest {
					next = c.to
				}
			}
			if next < 0 || rest == 0 {
				return s
			}
			s += ", "
			i = next
		}
	}
	// The deepest way from each function is found by going through the callees first. Only callbacks can make a
	// cycle, of which there is no deepest way.
	const open = -1
	deepest, frames = make([]int, len(p.subs)), make([]int, len(p.subs))
	var visit func(i int) *Error
	visit = func(i int) *Error {
		switch {
		case frames[i] == open:
			return fault(CodeLimit, p.subs[i].start, "%s is called back from what it calls: more than %d functions would nest", p.subName(i), maxFrames).as(topicFrames)
		case frames[i] != 0:
			return nil
		}
		frames[i] = open
		down, levels, at := 0, 0, p.subs[i].start
		for _, c := range calls[i] {
			if err := visit(c.to); err != nil {
				return err
			}
			if deepest[c.to] > down {
				down, at = deepest[c.to], c.at
			}
			levels = max(levels, frames[c.to])
		}
		deepest[i], frames[i] = round(i)+down, levels+1
		if deepest[i] > stackSize {
			e := fault(CodeLimit, at, "%s and what it calls use %d bytes of stack: the limit is %d", p.subName(i), deepest[i], stackSize).as(topicStackTotal)
			e.Cause = chain(i) + ", rounded up to 16"
			return e
		}
		if frames[i] > maxFrames {
			return fault(CodeLimit, at, "%s and what it calls nest %d functions: the limit is %d", p.subName(i), frames[i], maxFrames).as(topicFrames)
		}
		return nil
	}
	for i := range p.subs {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}
