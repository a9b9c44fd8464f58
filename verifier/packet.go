package verifier

import (
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
)

func isPacket(r *Reg) bool { return r.Kind == PtrToPacket || r.Kind == PtrToPacketMeta }

// atStart reports whether a packet pointer still is where the context has it.
func (r *Reg) atStart(k Kind) bool {
	return r.Kind == k && r.Off == 0 && r.Var.Var == scalar.Tnum{}
}

// isPacketCompare reports whether a comparison tells how much packet there is.
func isPacketCompare(d, s *Reg) bool {
	switch {
	case d.Kind == PtrToPacket && s.Kind == PtrToPacketEnd, d.Kind == PtrToPacketEnd && s.Kind == PtrToPacket:
		return true
	case d.Kind == PtrToPacketMeta && s.atStart(PtrToPacket), d.atStart(PtrToPacket) && s.Kind == PtrToPacketMeta:
		return true
	}
	return false
}

// packetDecided decides a comparison of a packet pointer with the packet's end after an
// earlier one.
func packetDecided(op isa.CondOp, rng uint32) scalar.Decision {
	yes := func(b bool) scalar.Decision {
		if b {
			return scalar.Always
		}
		return scalar.Never
	}
	switch op {
	case isa.CondLe, isa.CondGt:
		if rng == beyondPacketEnd {
			return yes(op == isa.CondGt)
		}
	case isa.CondLt, isa.CondGe:
		if rng == beyondPacketEnd || rng == atPacketEnd {
			return yes(op == isa.CondGe)
		}
	}
	return scalar.Undecided
}

// packetSide takes what one side of a comparison of two packet pointers tells.
func (w *walker) packetSide(in *isa.Insn, info *isa.Info, d, s *Reg, taken bool) {
	op := info.CondOp
	r := int(in.Dst)
	if d.Kind == PtrToPacketEnd || d.atStart(PtrToPacket) && s.Kind == PtrToPacketMeta {
		op, r = mirrored(op), int(in.Src)
	}
	if !taken {
		switch op {
		case isa.CondGt:
			op = isa.CondLe
		case isa.CondGe:
			op = isa.CondLt
		case isa.CondLt:
			op = isa.CondGe
		case isa.CondLe:
			op = isa.CondGt
		default:
			return
		}
	}
	f := w.f()
	switch op {
	case isa.CondLe:
		w.goodPacket(r, false)
	case isa.CondLt:
		w.goodPacket(r, true)
	case isa.CondGt, isa.CondGe:
		if f.regs[r].Kind == PtrToPacket {
			f.regs[r].Size = beyondPacketEnd
			if op == isa.CondGe {
				f.regs[r].Size = atPacketEnd
			}
			f.touch(r)
		}
	}
}

// goodPacket notes for all pointers that come from the same place as register r that
// the packet reaches up to it, or with one more byte beyond it.
func (w *walker) goodPacket(r int, more bool) {
	f := w.f()
	p, id := f.regs[r], f.ids[r]
	if p.Off < 0 || p.Off == 0 && more {
		return // says nothing about bytes that may be read
	}
	if p.Var.UMax > maxPacket || p.Var.UMax+uint64(p.Off) > maxPacket {
		return
	}
	size := uint32(p.Off)
	if more {
		size++
	}
	w.eachReg(func(v *Reg, vid uint32) bool {
		if v.Kind != p.Kind || vid != id {
			return false
		}
		if v.Size > maxPacket {
			v.Size = 0
		}
		if v.Size >= size {
			return false
		}
		v.Size = size
		return true
	})
}

// forgetPacket makes all packet pointers numbers: the packet may have moved.
func (w *walker) forgetPacket() {
	w.eachID(func(v *Reg, id *uint32) bool {
		if !isPacket(v) && v.Kind != PtrToPacketEnd && v.Flags&packetSlice == 0 {
			return false
		}
		*v, *id = unknown(), 0
		if !w.leaks {
			*v = Reg{}
		}
		return true
	})
}

// eachReg calls change for each register and spilled register of the path, and keeps what it
// says it changed.
func (w *walker) eachReg(change func(r *Reg, id uint32) bool) {
	w.eachID(func(r *Reg, id *uint32) bool { return change(r, *id) })
}

func (w *walker) eachID(change func(r *Reg, id *uint32) bool) {
	for _, f := range w.s.frames {
		for k := range 10 {
			if f.regs[k].Kind == NotInit {
				continue
			}
			if change(&f.regs[k], &f.ids[k]) {
				f.touch(k)
				f.snap = nil
			}
		}
		for k := range f.stack {
			s := &f.stack[k]
			if s.kind(0) != byteSpill && s.kind(0) < byteDynptr {
				continue
			}
			v, id := *w.tab.at(s.h), s.id
			if !change(&v, &id) {
				continue
			}
			f.own(0)
			s = &f.stack[k]
			if v.Kind == NotInit {
				*s = slot{kinds: slotMisc}
				continue
			}
			s.h, s.id = w.tab.intern(&v), id
		}
	}
}
