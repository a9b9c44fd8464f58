package verifier

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gbpf/gbpf/isa"
)

// replay walks one known path again, to the instruction that failed, while a recorder
// notes where each register got its value.
type replay struct {
	choices []pathNode // undecided forks, in order
	next    int
	steps   int
	stop    int // the instruction to stop at once all choices are made, -1 for none
	rec     *recorder

	widened map[int32][]widening // what the path forgot on its way, by the fork before
	done    int                  // of those behind the last fork
}

// choose takes the side that the path took at the fork at pc.
func (r *replay) choose(pc int) bool {
	if r.next < len(r.choices) && int(r.choices[r.next].insn) == pc {
		r.next++
		r.done = 0
		return r.choices[r.next-1].taken
	}
	return false
}

// forget does what the path did at pc to the numbers of a loop.
func (r *replay) forget(w *walker, pc int) {
	at := int32(-1)
	if r.next > 0 {
		at = r.choices[r.next-1].at
	}
	for _, e := range r.widened[at][r.done:] {
		if int(e.pc) != pc || int(e.frame) >= len(w.s.frames) {
			return
		}
		r.done++
		w.widen(e)
		if e.last {
			return
		}
	}
}

// step is called before each instruction; it reports false when the walk has gone far enough.
func (r *replay) step(w *walker, pc int) bool {
	r.rec.step(pc, len(w.s.frames)-1, &w.f().regs)
	r.steps++
	return r.steps <= w.o.Steps && (pc != r.stop || r.next < len(r.choices))
}

// explain adds to an error of the walk how the path came there, and what follows from that.
func (w *walker) explain(e *Error) {
	choices := w.choices()
	x := &evidence{spec: w.spec, insns: w.p.insns, err: e, find: e.find}
	if e.find.topic == topicSteps {
		x.hot = w.hottest()
		if len(x.hot) > 0 {
			e.Insn = x.hot[0].insn
			for _, c := range choices {
				if int(c.insn) == e.Insn {
					x.hot[0].open++
				}
			}
		}
	} else {
		f := w.f()
		x.regs = f.regs
		ids := f.ids
		if x.rec = w.again(e, choices); e.Code == CodeLoop && x.rec != nil && x.rec.came >= 0 && w.p.insns[x.rec.came].IsJump() {
			e.Insn = x.rec.came // the jump that closes the loop
		}
		for _, r := range x.involved() {
			e.Regs = append(e.Regs, RegState{Name: "R" + r.String()[1:], Value: w.regString(&x.regs[r], ids[r])})
		}
		renumber(e.Regs)
	}
	e.Path = x.branches(choices)
	x.fill()
}

var identity = regexp.MustCompile(`\b(id|ref_obj_id)=(\d+)`)

// renumber counts the identities of the registers from 1: what they were numbered on the way tells a
// reader nothing.
func renumber(regs []RegState) {
	no := map[string]int{}
	for i := range regs {
		regs[i].Value = identity.ReplaceAllStringFunc(regs[i].Value, func(s string) string {
			name, old, _ := strings.Cut(s, "=")
			if no[old] == 0 {
				no[old] = len(no) + 1
			}
			return fmt.Sprintf("%s=%d", name, no[old])
		})
	}
}

// choices are the undecided forks of the path, in order.
func (w *walker) choices() []pathNode {
	var list []pathNode
	for i := w.s.path; i >= 0; i = w.paths[i].parent {
		n := w.paths[i]
		n.at = i
		list = append(list, n)
	}
	slices.Reverse(list)
	return list
}

// again walks the path once more and returns what was recorded, nil if it did not come to
// the same place.
func (w *walker) again(e *Error, choices []pathNode) *recorder {
	o := w.o
	o.Log, o.Trace = nil, nil
	v := newWalker(w.p, o)
	v.full = w.full
	v.replay = &replay{choices: choices, stop: -1, rec: newRecorder(w.p.insns, w.p.helper), widened: w.widenings}
	if e.Code == CodeLoop {
		v.replay.stop = e.Insn
	}
	var err *Error
	if w.global != 0 {
		err = v.startGlobal(w.global)
	} else {
		v.startMain()
	}
	if err == nil {
		_, err = v.path()
	}
	if err == nil && v.replay.stop < 0 || err != nil && (err.Insn != e.Insn || err.Code != e.Code) {
		return nil // the walk joined states on its way: no single path leads there
	}
	return v.replay.rec
}

// hottest are the conditional jumps that were walked most often, those that jump back
// first: the loops.
func (w *walker) hottest() []hotspot {
	var back, other []hotspot
	for pc, n := range w.walked {
		in := &w.p.insns[pc]
		if n < 2 || !in.IsJump() {
			continue
		}
		h := hotspot{insn: pc, times: int(n)}
		switch {
		case in.Target(pc) <= pc:
			back = append(back, h)
		case in.IsCond():
			other = append(other, h)
		}
	}
	for _, l := range [][]hotspot{back, other} {
		slices.SortStableFunc(l, func(a, b hotspot) int { return b.times - a.times })
	}
	if len(back) > 0 && (len(other) == 0 || back[0].times >= other[0].times/2) {
		return back[:1]
	}
	return other[:min(len(other), 1)]
}

// about names the register at fault, unless a check further in has done so.
func (e *Error) about(r isa.Reg) *Error {
	if e != nil && e.find.reg == 0 {
		e.find.reg = int8(r) + 1
	}
	return e
}

// since names another instruction that counts: where something was acquired.
func (e *Error) since(insn int32) *Error {
	e.find.insn = insn + 1
	return e
}

// as says what kind of mistake it is, unless a check further in has done so.
func (e *Error) as(t topic) *Error {
	if e != nil && e.find.topic == topicNone {
		e.find.topic = t
	}
	return e
}
