package verifier

// workPerStep is how many registers and slots may be compared for each step of the budget, so
// that programs made to be slow to compare take no more time than others.
const workPerStep = 1000

// visit compares the path at pc with the states kept there. It reports whether one of
// them covers the path, which then ends, and keeps the state when that is likely to
// pay.
//
// A kept state that was walked to its end covers a path whose live parts it includes,
// numbers that nothing demands left aside. One that was not, which is a state
// that this very path came through, covers it only if it includes all live parts; and only where
// the loop that is closed so is known to end: at the calls of iterators and of helpers that
// call back, and at may_goto. Elsewhere a repeated state is a loop without end.
func (w *walker) visit(pc int) (known bool, err *Error) {
	force := w.p.flags[pc]&forcePoint != 0
	add := force || w.jumps-w.keptJumps >= 2 && w.steps-w.keptSteps >= 8
	list := w.kept[pc]
	if len(list) > 0 {
		w.marks.flush()
	}
	var cur *snapshot
	evicted := false
	// The newest first: a loop comes back to what it just left.
	for i := len(list) - 1; i >= 0; i-- {
		n := list[i]
		nd := &w.nodes[n]
		if !w.sameCalls(nd.snap) {
			continue // no judgement of that state's use
		}
		if cur == nil {
			cur = w.look(pc)
		}
		hit := false
		if nd.branches > 0 {
			switch {
			case force && w.converges(pc, nd, cur):
				if nd.snap.callsLeft(cur) && w.covers(nd.snap, cur, pc, within) {
					w.waitFor(n)
					hit = true
				}
			case w.covers(nd.snap, cur, pc, exact):
				return false, w.endless(pc)
			}
			if !force && !hit && w.jumps-w.keptJumps < 20 && w.steps-w.keptSteps < 100 {
				add = false
			}
		} else if top := w.unfinished(n); top >= 0 {
			// What n waits for may be walked to its end, and wait in turn: only the last one is on
			// this path, and above it.
			if hit = nd.snap.callsLeft(cur) && w.covers(nd.snap, cur, pc, within); hit {
				w.waitFor(top)
			}
		} else {
			counted := w.counted(n)
			if hit = (!counted || nd.snap.callsLeft(cur)) && w.covers(nd.snap, cur, pc, demanded); hit && counted {
				w.countCalls() // nor does this path cover those with more calls before them
			}
		}
		if hit {
			nd.hits++
			known = true
			w.unbounded = w.unbounded || !w.complete(n)
			w.ended(nd.longest)
			break
		}
		if add {
			nd.misses++
		}
		limit := int32(3)
		if force && nd.branches > 0 {
			limit = 64
		}
		if nd.misses > nd.hits*limit+limit && !(w.o.merging && len(list) <= mergeAbove) {
			list[i] = -1 // unlikely to be of use
			evicted = true
		}
	}
	if evicted {
		keep := list[:0]
		for _, n := range list {
			if n >= 0 {
				keep = append(keep, n)
			}
		}
		w.kept[pc] = keep
	}
	if known {
		return true, nil
	}
	if w.work > workPerStep*w.o.Steps {
		return false, w.tooLong()
	}
	if !add && w.s.node >= 0 {
		return false, nil
	}
	if cur == nil {
		cur = w.look(pc)
	}
	if w.o.merging && len(w.kept[pc]) > mergeAbove {
		cur = w.merge(pc, cur)
	}
	w.addNode(pc, cur)
	if w.memory+w.tab.bytes() > w.o.MemoryLimit {
		return false, w.tooMuch()
	}
	return false, nil
}

// sameCalls reports whether a kept state was reached through the calls that the path is in.
func (w *walker) sameCalls(s *snapshot) bool {
	if len(s.frames) != len(w.s.frames) {
		return false
	}
	for i := len(s.frames) - 1; i > 0; i-- {
		if o, c := s.frames[i], w.s.frames[i]; int(o.site) != c.site || o.call != c.call {
			return false
		}
	}
	return true
}

// addNode keeps the state of the path.
func (w *walker) addNode(pc int, s *snapshot) {
	s = w.keep(s)
	w.nodes = append(w.nodes, node{snap: s, pc: int32(pc), parent: w.s.node, branches: 1, waits: -1, dist: w.s.since})
	w.s.since = 0
	n := int32(len(w.nodes) - 1)
	w.s.node = n
	w.kept[pc] = append(w.kept[pc], n)
	w.keptStates++
	w.memory += s.bytes() + 40
	w.peak = max(w.peak, w.memory)
	w.keptJumps, w.keptSteps = w.jumps, w.steps
}

// converges reports whether a loop that closes at pc in the kept state nd is known to
// end.
func (w *walker) converges(pc int, nd *node, cur *snapshot) bool {
	switch {
	case w.isMayGoto(pc):
		return nd.snap.sec.goto_ != cur.sec.goto_
	case w.isIterNext(pc):
		return w.iterActive()
	}
	// A helper that calls back: it must be the helper that goes round, not a loop around it, which the kernel does
	// not tell apart.
	last := len(cur.frames) - 1
	return nd.snap.frames[last].iterations != cur.frames[last].iterations
}

// waitFor notes that the path ends in node a, which is not walked to its end: states between
// them are complete only when a is.
func (w *walker) waitFor(a int32) {
	for n := w.s.node; n >= 0 && n != a; n = w.nodes[n].parent {
		if v := w.nodes[n].waits; v < 0 || w.above(a, v) {
			w.nodes[n].waits = a
		}
	}
}

// above reports whether node a stands further up than b, both being on one path: nodes are numbered as the walk comes
// to them.
func (w *walker) above(a, b int32) bool { return a < b }

// complete reports whether everything that goes on from node n has been walked, so that what
// is demanded there is known.
func (w *walker) complete(n int32) bool { return w.unfinished(n) < 0 }

// unfinished returns the node that n waits for in the end, which is on this path and not walked to
// its end; n itself if it is that one, and -1 if n waits for none. Nodes wait for
// nodes further up only, so the way there has an end.
func (w *walker) unfinished(n int32) int32 {
	for {
		nd := &w.nodes[n]
		switch {
		case nd.branches > 0:
			return n
		case nd.waits < 0 || nd.waits >= n:
			return -1
		}
		n = nd.waits
	}
}

// callsLeft reports whether helpers that call back have as many calls before them in s as in cur, or more.
func (s *snapshot) callsLeft(cur *snapshot) bool {
	for i, f := range s.frames {
		if f.iterations > cur.frames[i].iterations {
			return false
		}
	}
	return true
}

// countCalls notes of all states of the path that what follows them was walked for so many calls of a function by
// a helper, and no more.
func (w *walker) countCalls() {
	for n := w.s.node; n >= 0 && !w.nodes[n].counted; n = w.nodes[n].parent {
		w.nodes[n].counted = true
	}
}

// counted reports whether what follows node n was walked for a number of calls only. It has been walked to
// its end, as have those that it waited for.
func (w *walker) counted(n int32) bool {
	for {
		nd := &w.nodes[n]
		switch {
		case nd.counted:
			return true
		case nd.waits < 0 || nd.waits >= n:
			return false
		}
		n = nd.waits
	}
}
