package verifier

// replay walks one known path again, to the instruction that failed, and notes on the
// way where each register got its value.
type replay struct {
	choices []pathNode // undecided forks, in order
	next    int
	steps   int // instructions to walk
	defs    [maxFrames][11]int32
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
	r.steps++
	if r.steps > w.o.Steps {
		return false
	}
	in := &w.p.insns[pc]
	regs := in.WriteRegs()
	fr := len(w.s.frames) - 1
	for k := range 11 {
		if regs>>k&1 != 0 {
			r.defs[fr][k] = int32(pc)
		}
	}
	return true
}
