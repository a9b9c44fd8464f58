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
}

func (m marks) without(o marks) marks {
	return marks{m.regs &^ o.regs, m.slots &^ o.slots, m.live &^ o.live}
}

func (m marks) or(o marks) marks { return marks{m.regs | o.regs, m.slots | o.slots, m.live | o.live} }

func (m marks) empty() bool { return m.regs == 0 && m.slots|m.live == 0 }

// touched is what instructions did with the stack when the walk came by.
type touched struct {
	reads  uint64 // slots of its own frame that were read
	writes uint64 // slots that were written, in part perhaps
	kills  uint64 // slots that were overwritten whole each time
	seen   bool
	linked marks // registers and slots that a jump's refinement reached through copies
}

// demand holds the marks. Those that are new are carried over when somebody asks, all at once: a long
// stretch of code is gone through once for what a hundred instructions behind it do.
type demand struct {
	w      *walker
	in     []marks // by instruction, before it
	touch  []touched
	during map[int32]marks // by call instruction: slots of the caller that callees read

	dirty []uint64 // instructions whose marks are to be carried over, a bit each
	count int      // how many
	high  int      // the highest word that has one
}

func (d *demand) init(w *walker, n int) {
	*d = demand{w: w, in: make([]marks, n), touch: make([]touched, n), during: map[int32]marks{}, dirty: make([]uint64, n/64+1)}
}

// marksOf is what counts of frame i of a kept state of instruction pc.
func (w *walker) marksOf(s *snapshot, i, pc int) marks {
	if i == len(s.frames)-1 {
		return w.marks.in[pc]
	}
	callee := s.frames[i+1]
	m := w.marks.in[callee.site+1].or(w.marks.during[callee.site])
	if callee.call == callCallback {
		m = m.or(w.marks.in[callee.site])
	}
	return m
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
	if sub := int(p.subOf[pc]); p.subs[sub].start == pc && m.regs&0x3e != 0 {
		for _, site := range p.sites[sub] {
			d.add(int(site), marks{regs: m.regs & 0x3e})
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
		}
	case isa.KindLoadImm64:
		m.regs &^= dst
	case isa.KindStore, isa.KindStoreImm, isa.KindStoreRelease:
		if m.slots&t.writes != 0 {
			m.regs |= src
		}
		m.slots &^= t.kills
		m.live &^= t.kills
	case isa.KindAtomic:
		if info.Fetch {
			to := uint16(in.WriteRegs())
			if m.regs&to != 0 {
				m.slots |= t.reads
			}
			m.regs &^= to
		}
		if m.slots&t.writes != 0 {
			m.regs |= src
		}
	case isa.KindPacketLoad:
		m.regs &^= 0x3f
	case isa.KindCond:
		if m.regs&(dst|src) != 0 || m.regs&t.linked.regs != 0 || m.slots&t.linked.slots != 0 {
			m.regs |= dst | src
		}
	case isa.KindCall:
		if in.Op == isa.OpCallLocal && m.regs&1 != 0 {
			for _, e := range d.w.p.subs[d.w.p.subAt(in.Target(pc))].exits {
				d.add(int(e), marks{regs: 1})
			}
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
	if fr == len(w.s.frames)-1 {
		t := &w.marks.touch[w.pc]
		more := mask &^ t.reads
		t.reads |= mask
		w.marks.add(w.pc, m)
		if more != 0 {
			w.marks.again(w.pc)
		}
		return
	}
	// A caller's slot: where in the callee its number goes is not followed.
	m.slots = mask
	w.outerMarks(fr, m)
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
	own := fr == len(w.s.frames)-1
	if !own {
		whole = 0
		if src >= 0 {
			w.demandReg(isa.Reg(src))
		}
		mask = 0
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
