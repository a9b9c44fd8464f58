package verifier

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
)

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
