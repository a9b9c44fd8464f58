package verifier

import (
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
)

// widenAfter is how often a loop that closes by comparison is walked before numbers that
// something depends on are widened too.
const widenAfter = 4

// widenFromKept helps a loop that closes by comparison to close: it forgets numbers that
// nothing demands and that differ from when this path was at pc before, since they
// would count on. Numbers that are demanded are widened when that is not enough; if
// the program is refused then, it is walked again without.
func (w *walker) widenFromKept(pc int, back bool) {
	if w.replay != nil {
		w.replay.forget(w, pc)
		return
	}
	prev, turns := w.lastKept(pc, back)
	if prev == nil {
		return
	}
	w.marks.flush()
	st := &w.s
	c := st.chain()
	hard := turns >= widenAfter && !w.o.noWidening
	defer func() {
		if l := w.widenings[st.path]; len(l) > 0 {
			l[len(l)-1].last = true
		}
	}()
	for i, f := range st.frames {
		old := prev.frames[i]
		m := w.marks.of(&c, i, len(st.frames), pc)
		if w.full {
			m = marks{regs: 0x3ff, slots: ^uint64(0)}
		}
		for r := range 10 {
			if f.regs[r].Kind != Scalar || old.regs[r].h == hNotInit || w.handle(f, r) == old.regs[r].h {
				continue
			}
			if v, ok := w.widened(old.regs[r].h, &f.regs[r], m.regs>>r&1 != 0, hard); ok {
				w.record(widening{pc: int32(pc), frame: int8(i), reg: int8(r), v: v})
			}
		}
		for k := range min(len(f.stack), len(old.stack)) {
			s, o := &f.stack[k], &old.stack[k]
			if s.kinds != o.kinds || s.spillSize() == 0 || o.h == s.h || w.tab.at(s.h).Kind != Scalar {
				continue
			}
			if v, ok := w.widened(o.h, w.tab.at(s.h), m.slots>>k&1 != 0, hard); ok {
				w.record(widening{pc: int32(pc), frame: int8(i), reg: -1, slot: int8(k), v: v})
			}
		}
	}
}

// widening is a number that a loop forgot.
type widening struct {
	pc    int32
	frame int8
	reg   int8 // -1 for a stack slot
	slot  int8
	last  bool // of those that were forgotten at once
	v     scalar.Scalar
}

// widen puts the wider number in place.
func (w *walker) widen(e widening) {
	f := w.s.frames[e.frame]
	r := Reg{Kind: Scalar, Var: e.v}
	if e.reg >= 0 {
		f.set(int(e.reg), r, 0)
		f.snap = nil
	} else if int(e.slot) < len(f.stack) {
		f.own(0)
		f.stack[e.slot].h, f.stack[e.slot].id = w.tab.intern(&r), 0
	}
}

// record widens a number and remembers it, so that the path can be walked again.
func (w *walker) record(e widening) {
	w.widen(e)
	if w.widenings == nil {
		w.widenings = map[int32][]widening{}
	}
	w.widenings[w.s.path] = append(w.widenings[w.s.path], e)
}

// widened is the number now, of which there was the one with handle old, widened.
func (w *walker) widened(old uint32, now *Reg, demanded, hard bool) (scalar.Scalar, bool) {
	o := w.tab.at(old)
	if o.Kind != Scalar {
		return scalar.Scalar{}, false
	}
	if !demanded {
		return unknownScalar, true
	}
	if !hard || now.Var.In(o.Var) {
		return scalar.Scalar{}, false
	}
	w.didWiden = true
	return scalar.Widen(o.Var, now.Var, w.thresholds()), true
}

// thresholds are the numbers that the program compares with.
func (w *walker) thresholds() []uint64 {
	if w.consts == nil {
		w.consts = []uint64{}
		seen := map[int64]bool{}
		for pc := range w.p.insns {
			in := &w.p.insns[pc]
			if info := in.Info(); info.Kind == isa.KindCond && info.UsesImm && !seen[in.Imm] && len(w.consts) < 60 {
				seen[in.Imm] = true
				w.consts = append(w.consts, uint64(in.Imm), uint64(in.Imm)-1, uint64(in.Imm)+1)
			}
		}
	}
	return w.consts
}

// lastKept is the state kept at pc when this path last was there before, with the same calls, and how
// often it was. With back the path has just returned to pc; without, it stands there and was kept.
func (w *walker) lastKept(pc int, back bool) (prev *snapshot, turns int) {
	st := &w.s
	first := st.node
	if first >= 0 && int(w.nodes[first].pc) == pc && w.pc == pc && len(w.nodes[first].snap.frames) == len(st.frames) && !back {
		first = w.nodes[first].parent // that is this very visit
	}
next:
	for n := first; n >= 0; n = w.nodes[n].parent {
		nd := &w.nodes[n]
		if int(nd.pc) != pc || len(nd.snap.frames) != len(st.frames) {
			continue
		}
		for i, f := range nd.snap.frames {
			if int(f.sub) != st.frames[i].sub || int(f.site) != st.frames[i].site {
				continue next
			}
		}
		if turns++; prev == nil {
			prev = nd.snap
		}
		if turns == widenAfter {
			break
		}
	}
	return prev, turns
}
