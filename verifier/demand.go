package verifier

import (
	"math/bits"

	"github.com/gbpf/gbpf/isa"
)

// marks say what of a function's state matters at an instruction, because of what is
// done further on: registers and stack slots whose number something depends on (an
// address, a size, the way a jump went), and slots that are read at all.
//
// They are found while walking, spread backwards over all edges at once, and never
// taken back. A number that is not demanded can be any other: neither the checks nor the way of
// the walk from there would change. So a state walked to its end covers those that
// differ from it in such numbers only.
type marks struct {
	regs  uint16 // demanded numbers
	slots uint64 // demanded numbers in stack slots
	live  uint64 // slots that are read
	// The same of the caller's slots, which a function reaches through pointers.
	upSlots, upLive uint64
}

func (m marks) without(o marks) marks {
	return marks{m.regs &^ o.regs, m.slots &^ o.slots, m.live &^ o.live, m.upSlots &^ o.upSlots, m.upLive &^ o.upLive}
}

func (m marks) or(o marks) marks {
	return marks{m.regs | o.regs, m.slots | o.slots, m.live | o.live, m.upSlots | o.upSlots, m.upLive | o.upLive}
}

func (m marks) empty() bool { return m.regs == 0 && m.slots|m.live|m.upSlots|m.upLive == 0 }

// touched is what instructions did with the stack when the walk came by.
type touched struct {
	reads  uint64 // slots of its own frame that were read
	writes uint64 // slots that were written, in part perhaps
	kills  uint64 // slots that were overwritten whole each time
	seen   bool
	linked marks // registers and slots that a jump's refinement reached through copies

	upReads, upWrites uint64 // of the caller's frame

	// callbacks are the functions that a helper called from here calls.
	callbacks []int32
}

// demand holds the marks. Those that are new are carried over when somebody asks, all at once: a long
// stretch of code is gone through once for what a hundred instructions behind it do.
type demand struct {
	w      *walker
	in     []marks // by instruction, before it
	touch  []touched
	during map[int32]marks   // by call instruction: slots that functions further in than the callee read
	sites  map[int32][]int32 // by function: the calls of helpers that call it

	dirty []uint64 // instructions whose marks are to be carried over, a bit each
	count int      // how many
	high  int      // the highest word that has one
}

func (d *demand) init(w *walker, n int) {
	*d = demand{w: w, in: make([]marks, n), touch: make([]touched, n), during: map[int32]marks{}, sites: map[int32][]int32{}, dirty: make([]uint64, n/64+1)}
}

// calledBack notes that the helper called at pc calls function sub.
func (d *demand) calledBack(pc, sub int) {
	t := &d.touch[pc]
	for _, s := range t.callbacks {
		if int(s) == sub {
			return
		}
	}
	t.callbacks = append(t.callbacks, int32(sub))
	d.sites[int32(sub)] = append(d.sites[int32(sub)], int32(pc))
	d.again(pc)
	d.queue(pc)
	d.queue(d.w.p.subs[sub].start)
}

// chain is the calls that a path is in: by frame but the first, where it was called and
// how.
type chain [maxFrames]struct {
	site int32
	call callKind
}

// of is what counts of frame i of n when the innermost frame is at pc.
func (d *demand) of(c *chain, i, n, pc int) marks {
	if i == n-1 {
		return d.in[pc]
	}
	m := d.outer(c, i+1)
	callee := d.in[pc]
	if i+1 < n-1 {
		callee = d.outer(c, i+2)
	}
	m.slots |= callee.upSlots
	m.live |= callee.upLive
	return m
}

// outer is what counts of the frame that called frame k, for itself.
func (d *demand) outer(c *chain, k int) marks {
	site := c[k].site
	m := d.in[site+1].or(d.during[site])
	if c[k].call == callCallback {
		m = m.or(d.in[site])
	}
	return m
}

func (s *snapshot) chain() (c chain) {
	for i, f := range s.frames {
		c[i].site, c[i].call = f.site, f.call
	}
	return c
}

func (s *state) chain() (c chain) {
	for i, f := range s.frames {
		c[i].site, c[i].call = int32(f.site), f.call
	}
	return c
}

// add marks what counts before instruction pc.
func (d *demand) add(pc int, m marks) {
	m = m.without(d.in[pc])
	if m.empty() {
		return
	}
	d.in[pc] = d.in[pc].or(m)
	d.queue(pc)
}

// queue says that the marks of pc are to be carried over.
func (d *demand) queue(pc int) {
	word, bit := pc/64, uint64(1)<<(pc%64)
	if d.dirty[word]&bit != 0 {
		return
	}
	d.dirty[word] |= bit
	d.count++
	d.high = max(d.high, word)
}

// flush carries all marks over to where they come from, the last instructions first.
func (d *demand) flush() {
	for word := d.high; d.count > 0; word-- {
		if word < 0 {
			word = d.high
		}
		for d.dirty[word] != 0 {
			bit := 63 - bits.LeadingZeros64(d.dirty[word])
			d.dirty[word] &^= 1 << bit
			d.count--
			d.spread(word*64 + bit)
		}
	}
	d.high = 0
}

// spread carries the marks of pc over to the instructions before it.
func (d *demand) spread(pc int) {
	p, m := d.w.p, d.in[pc]
	for _, q := range p.preds.of(pc) {
		d.add(int(q), d.before(int(q), m))
	}
	if t := &d.touch[pc]; t.callbacks != nil {
		d.returns(pc, t, m)
	}
	sub := int(p.subOf[pc])
	if p.subs[sub].start != pc {
		return
	}
	up := marks{regs: m.regs & 0x3e, slots: m.upSlots, live: m.upLive}
	for _, site := range p.sites[sub] {
		d.add(int(site), up)
	}
	up.regs = 0 // what callbacks are given is demanded where it is handed on
	for _, site := range d.sites[int32(sub)] {
		d.add(int(site), up)
	}
}

// returns carries what counts of a function's slots behind a call over to the callees' ends.
func (d *demand) returns(pc int, t *touched, m marks) {
	up := marks{upSlots: m.slots, upLive: m.live}
	for _, s := range t.callbacks {
		for _, e := range d.w.p.subs[s].exits {
			d.add(int(e), up)
		}
	}
}

// again carries over what instruction pc did not pass on before.
func (d *demand) again(pc int) { d.w.p.successors(pc, d.queue) }

// before is what counts before instruction pc if m does behind it.
func (d *demand) before(pc int, m marks) marks {
	in := &d.w.p.insns[pc]
	info := in.Info()
	dst, src := uint16(1)<<in.Dst, uint16(0)
	if info.SrcUse == isa.UseOperand {
		src = 1 << in.Src
	}
	t := &d.touch[pc]
	had := m.regs&dst != 0
	switch info.Kind {
	case isa.KindALU:
		if had {
			m.regs |= src
		}
	case isa.KindEnd:
	case isa.KindMov, isa.KindMovSX, isa.KindAddrSpaceCast:
		m.regs &^= dst
		if had {
			m.regs |= src
		}
	case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcquire:
		m.regs &^= dst
		if had {
			m.slots |= t.reads
			m.upSlots |= t.upReads
		}
	case isa.KindLoadImm64:
		m.regs &^= dst
	case isa.KindStore, isa.KindStoreImm, isa.KindStoreRelease:
		if m.slots&t.writes != 0 || m.upSlots&t.upWrites != 0 {
			m.regs |= src
		}
		m.slots &^= t.kills
		m.live &^= t.kills
	case isa.KindAtomic:
		if info.Fetch {
			to := uint16(in.WriteRegs())
			if m.regs&to != 0 {
				m.slots |= t.reads
				m.upSlots |= t.upReads
			}
			m.regs &^= to
		}
		if m.slots&t.writes != 0 || m.upSlots&t.upWrites != 0 {
			m.regs |= src
		}
	case isa.KindPacketLoad:
		m.regs &^= 0x3f
	case isa.KindCond:
		if m.regs&(dst|src) != 0 || m.regs&t.linked.regs != 0 || m.slots&t.linked.slots != 0 {
			m.regs |= dst | src
		}
	case isa.KindCall:
		if in.Op == isa.OpCallLocal {
			for _, e := range d.w.p.subs[d.w.p.subAt(in.Target(pc))].exits {
				d.add(int(e), marks{regs: m.regs & 1, upSlots: m.slots, upLive: m.live})
			}
		}
		if t.callbacks != nil {
			d.returns(pc, t, m)
		}
		m.regs &^= 0x3f
		m.slots &^= t.kills
		m.live &^= t.kills
	}
	m.regs &= 0x3ff
	return m
}

// demandReg says that something depends on the number in register r.
func (w *walker) demandReg(r isa.Reg) {
	if w.f().regs[r].Kind == Scalar && w.replay == nil {
		w.marks.add(w.pc, marks{regs: 1 << r})
	}
}

// slotMask is the slots that bytes lo to hi, exclusive, of a frame lie in; both count from
// the top and are negative or 0.
func slotMask(lo, hi int) uint64 {
	first, last := (-hi)/8, (-lo-1)/8 // hi-1 is the highest byte: (-(hi-1)-1)/8
	if last < first {
		return 0
	}
	return (1<<(last+1) - 1) &^ (1<<first - 1)
}

// readSlots says that slots of frame fr are read. With demand, something depends on the
// numbers in them.
func (w *walker) readSlots(fr int, mask uint64, demand bool) {
	m := marks{live: mask}
	if demand {
		m.slots = mask
	}
	t := &w.marks.touch[w.pc]
	reads := &t.reads
	switch fr {
	case len(w.s.frames) - 1:
	case len(w.s.frames) - 2:
		m = marks{upSlots: m.slots, upLive: m.live}
		reads = &t.upReads
	default:
		// Further out: where the number goes is not followed.
		m.slots = mask
		w.outerMarks(fr, m)
		return
	}
	more := mask &^ *reads
	*reads |= mask
	w.marks.add(w.pc, m)
	if more != 0 {
		w.marks.again(w.pc)
	}
}

// outerMarks marks slots of a frame that is not the innermost.
func (w *walker) outerMarks(fr int, m marks) {
	site := int32(w.s.frames[fr+1].site)
	old := w.marks.during[site]
	if m = m.without(old); m.empty() {
		return
	}
	w.marks.during[site] = old.or(m)
	w.marks.add(int(site), m)
}

// writeSlots says that slots of frame fr are written, those in whole with all their bytes.
// src is the register that the number comes from, or -1.
func (w *walker) writeSlots(fr int, mask, whole uint64, src int) {
	t := &w.marks.touch[w.pc]
	switch fr {
	case len(w.s.frames) - 1:
	case len(w.s.frames) - 2:
		if mask&^t.upWrites != 0 {
			t.upWrites |= mask
			w.marks.again(w.pc)
		}
		mask, whole = 0, 0
	default:
		mask, whole = 0, 0
		if src >= 0 {
			w.demandReg(isa.Reg(src))
		}
	}
	kills, writes := whole, t.writes|mask
	if t.seen {
		kills &= t.kills
	}
	if t.seen && kills == t.kills && writes == t.writes {
		return
	}
	t.seen, t.kills, t.writes = true, kills, writes
	w.marks.again(w.pc)
}

// linkReached says that the refinement at the jump being walked reached copies.
func (w *walker) linkReached(regs uint16, slots uint64) {
	t := &w.marks.touch[w.pc]
	if regs&^t.linked.regs == 0 && slots&^t.linked.slots == 0 {
		return
	}
	t.linked.regs |= regs
	t.linked.slots |= slots
	w.marks.again(w.pc)
}
