package verifier

import "fmt"

// replay walks one known path again, to the instruction that failed, and shows each step
// to whoever writes the report.
type replay struct {
	choices []pathNode // the forks of the path, in order
	next    int
	steps   int
	watch   func(pc, depth int, regs *[11]Reg)
}

// choose takes the side that the path took at the fork at pc.
func (r *replay) choose(pc int) bool {
	if r.next < len(r.choices) && int(r.choices[r.next].insn) == pc {
		r.next++
		return r.choices[r.next-1].taken
	}
	return false
}

// step is called before each instruction; it reports false when the walk has gone on too
// long.
func (r *replay) step(w *walker, pc int) bool {
	if r.steps++; r.steps > w.o.Steps {
		return false
	}
	if r.watch != nil {
		r.watch(pc, len(w.s.frames)-1, &w.f().regs)
	}
	return true
}

// choices are the forks of the path being walked, from the start.
func (w *walker) choices() []pathNode {
	n := 0
	for i := w.s.path; i >= 0; i = w.paths[i].parent {
		n++
	}
	list := make([]pathNode, n)
	for i := w.s.path; i >= 0; i = w.paths[i].parent {
		n--
		list[n] = w.paths[i]
	}
	return list
}

// explain walks the path to the error again and adds what is known there, and how the path came
// there, to e. watch sees each instruction of the path before it is walked.
func (w *walker) explain(e *Error, watch func(pc, depth int, regs *[11]Reg)) {
	o := w.o
	o.Log, o.Trace = nil, nil
	again := newWalker(w.p, o)
	again.full = w.full
	again.replay = &replay{choices: w.choices(), watch: watch}
	for _, c := range again.replay.choices {
		e.Path = append(e.Path, Branch{Insn: int(c.insn), Taken: c.taken})
	}
	if w.global != 0 {
		if err := again.startGlobal(w.global); err != nil {
			return
		}
	} else {
		again.startMain()
	}
	if _, err := again.path(); err == nil || err.Insn != e.Insn || err.Reason != e.Reason {
		return // the walk joined states on its way: no single path leads there
	}
	f := again.f()
	for r := range f.regs {
		if f.regs[r].Kind != NotInit {
			e.Regs = append(e.Regs, RegState{Name: fmt.Sprintf("R%d", r), Value: again.regString(&f.regs[r], f.ids[r])})
		}
	}
}
