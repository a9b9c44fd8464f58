package verifier

import "github.com/gbpf/gbpf/internal/scalar"

// mergeAbove is how many states an instruction may keep, once paths have multiplied beyond the
// budget, before new ones are joined with them.
const mergeAbove = 8

// mergedStates bounds how often states of one instruction are joined before numbers that keep growing
// go to the next threshold.
const mergedStates = 16

// merge joins the path at pc with a state kept there that was walked to its end, and goes on
// with what both allow: less is known then, but one walk stands for many. cur is what look
// made of the path. It returns what the path is afterwards.
func (w *walker) merge(pc int, cur *snapshot) *snapshot {
	list := w.kept[pc]
	for i := len(list) - 1; i >= 0 && i >= len(list)-4; i-- {
		nd := &w.nodes[list[i]]
		if nd.branches > 0 || !w.complete(list[i]) {
			continue
		}
		m := w.join(pc, nd.snap, cur)
		if m == nil {
			continue
		}
		w.merged++
		w.mergesAt[pc]++
		w.restore(m)
		return w.look(pc)
	}
	return cur
}

// join is a state that covers both, nil if they differ in more than numbers.
func (w *walker) join(pc int, old, cur *snapshot) *snapshot {
	n := len(cur.frames)
	if len(old.frames) != n || len(old.refs) != 0 || len(cur.refs) != 0 || old.sec != cur.sec {
		return nil
	}
	wide := w.mergesAt[pc] > mergedStates
	m := &snapshot{frames: make([]*frameSnap, n), sec: cur.sec, nextID: cur.nextID}
	calls := old.chain()
	for i := range n {
		o, c := old.frames[i], cur.frames[i]
		if o.sub != c.sub || o.site != c.site || o.call != c.call || o.iterations != c.iterations {
			return nil
		}
		mk := w.marks.of(&calls, i, n, pc)
		f := *c
		for r := range 10 {
			e, ok := w.joinEntry(o.regs[r], c.regs[r], mk.regs>>r&1 != 0, wide)
			if !ok {
				return nil
			}
			f.regs[r] = e
		}
		if len(o.stack) != len(c.stack) {
			return nil
		}
		f.stack = make([]slot, len(c.stack))
		for k := range f.stack {
			s, ok := w.joinSlot(&o.stack[k], &c.stack[k], mk, k, wide)
			if !ok {
				return nil
			}
			f.stack[k] = s
		}
		m.frames[i] = &f
	}
	return m
}

func (w *walker) joinEntry(o, c entry, demand, wide bool) (entry, bool) {
	if o.h == c.h && o.id == c.id {
		return c, true
	}
	a, b := *w.tab.at(o.h), *w.tab.at(c.h)
	switch {
	case a.Kind == NotInit || b.Kind == NotInit:
		return entry{}, true
	case a.Kind == Scalar && b.Kind == Scalar:
		r := unknown()
		switch {
		case !demand:
		case wide:
			r.Var = scalar.Widen(a.Var, b.Var, w.thresholds())
		default:
			r.Var = scalar.Join(a.Var, b.Var)
		}
		return entry{w.tab.intern(&r), 0}, true
	}
	// Pointers have to be the same but for identities, which are the path's own.
	if o.h != c.h || o.id != 0 || c.id != 0 {
		return entry{}, false
	}
	return c, true
}

func (w *walker) joinSlot(o, c *slot, m marks, k int, wide bool) (slot, bool) {
	if *o == *c {
		return *c, true
	}
	if oe, ok := w.wholeScalar(o); ok {
		if ce, ok := w.wholeScalar(c); ok {
			e, _ := w.joinEntry(oe, ce, m.slots>>k&1 != 0, wide)
			if e.h == hUnknown {
				return slot{kinds: slotMisc}, true
			}
			return slot{kinds: slotSpill, h: e.h}, true
		}
	}
	if m.live>>k&1 == 0 && !o.special() && !c.special() {
		return slot{}, true
	}
	return slot{}, false
}
