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
