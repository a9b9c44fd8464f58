package verifier

import (
	"crypto/sha256"
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
	w := newWalker(p, o)
	err = w.all()
	if err != nil && w.didWiden {
		// It may have been refused for what a loop forgot.
		o.noWidening = true
		v := newWalker(p, o)
		if again := v.all(); again == nil || again.Code != CodeLimit {
			w, err = v, again
		}
	}
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
	proof.stats = w.stats()
	proof.ctxMax = int32(w.ctxMax)
	for i := range p.subs {
		proof.starts = append(proof.starts, p.subs[i].start)
		proof.depth = append(proof.depth, int(w.depth[i]))
	}
	return proof, nil
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
	round := func(i int) int { return (max(int(w.depth[i]), 1) + 15) &^ 15 }
	for i := range p.subs {
		if w.depth[i] > stackSize {
			return fault(CodeLimit, p.subs[i].start, "%s uses %d bytes of stack: the limit is %d", p.subName(i), w.depth[i], stackSize).as(topicStackTotal)
		}
	}
	// The graph of calls has no cycle, so the deepest way from each function is found by going
	// through the callees first.
	deepest := make([]int, len(p.subs))
	frames := make([]int, len(p.subs))
	var visit func(i int) *Error
	visit = func(i int) *Error {
		if deepest[i] != 0 {
			return nil
		}
		down, levels := 0, 0
		for _, c := range calls[i] {
			if err := visit(c.to); err != nil {
				return err
			}
			down, levels = max(down, deepest[c.to]), max(levels, frames[c.to])
		}
		deepest[i], frames[i] = round(i)+down, levels+1
		if deepest[i] > stackSize {
			return fault(CodeLimit, p.subs[i].start, "%s and what it calls use %d bytes of stack: the limit is %d", p.subName(i), deepest[i], stackSize).as(topicStackTotal)
		}
		if frames[i] > maxFrames {
			return fault(CodeLimit, p.subs[i].start, "%s and what it calls nest %d functions: the limit is %d", p.subName(i), frames[i], maxFrames).as(topicFrames)
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
