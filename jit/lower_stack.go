package jit

import (
	"math/bits"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/scratch"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// stackBytes are bytes of a stack frame, a bit each, that at the lowest address first.
type stackBytes [guest.StackSize / 64]uint64

// add puts in the bytes from lo to hi, exclusive, offsets from R10 within the frame.
func (b *stackBytes) add(lo, hi int) {
	for off := lo; off < hi; off++ {
		i := uint(off + guest.StackSize)
		b[i/64] |= 1 << (i % 64)
	}
}

// meet keeps what is in both, and reports whether that is less.
func (b *stackBytes) meet(o *stackBytes) (less bool) {
	for i := range b {
		less = less || b[i]&^o[i] != 0
		b[i] &= o[i]
	}
	return less
}

// missing is how far below R10 the lowest byte from lo to hi, exclusive, is that is not in b, 0 for none.
func (b *stackBytes) missing(lo, hi int) int {
	lo, hi = max(lo, -guest.StackSize), min(hi, 0)
	for off := lo; off < hi; {
		i := uint(off + guest.StackSize)
		if rest := ^b[i/64] >> (i % 64); rest != 0 {
			if off += bits.TrailingZeros64(rest); off < hi {
				return -off
			}
			return 0
		}
		off += 64 - int(i%64)
	}
	return 0
}

// maxStackRounds bounds the search for what is read before it is written. Loops within loops take a few rounds.
const maxStackRounds = 8

// stack is how many bytes below R10 the function at pc may read before it wrote them, a multiple of 16: they read as zero. What the
// verifier knows of an access says whether it goes to the stack; where it is wrong, what others left there is read, which
// is memory of the guest like all else.
func (w *lowerer) stack(pc int) int64 {
	if !w.facts {
		return guest.StackSize
	}
	depth := w.proof.StackUse(pc)
	if depth == 0 || !w.cfg.on(PassStack) {
		return int64(depth+15) &^ 15
	}
	if w.came == nil { // once for all functions: they share no labels
		w.slots, w.came = scratch.Take(&w.cfg.memory().slots, w.l.Labels), scratch.Take(&w.cfg.memory().came, w.l.Labels)
	}
	s := &stackReads{lowerer: w, depth: depth, end: len(w.insns)}
	if int(w.fn)+1 < len(w.cfg.Fuel.Starts()) {
		s.end = int(w.cfg.Fuel.Starts()[w.fn+1])
	}
	for round := 0; round == 0 || s.changed; round++ {
		if round == maxStackRounds {
			s.most = depth
			break
		}
		s.changed = false
		s.walk(pc)
	}
	return int64(s.most+15) &^ 15
}

// stackReads looks for what a function reads of its stack before it wrote there.
type stackReads struct {
	*lowerer
	depth, end int
	most       int // what was found to be read, in bytes below R10
	written    stackBytes
	changed    bool
}

// walk goes through the function once.
func (s *stackReads) walk(pc int) {
	s.written = stackBytes{}
	alive := true
	for ; pc < s.end; pc++ {
		if l := s.place(pc); l >= 0 {
			if alive {
				s.lead(l)
			}
			s.written, alive = s.slots[l], s.came[l]
		}
		if !alive {
			continue
		}
		in := &s.insns[pc]
		alive = s.step(pc, in, in.Info())
	}
}

// place is a label for instruction pc, -1 if nothing jumps there.
func (s *stackReads) place(pc int) int32 {
	if l := max(s.label[pc], s.head[pc]); int(l) < len(s.slots) {
		return l
	}
	return -1
}

func (s *stackReads) lead(l int32) {
	if !s.came[l] {
		s.slots[l], s.came[l], s.changed = s.written, true, true
	} else if s.slots[l].meet(&s.written) {
		s.changed = true
	}
}

// step is what an instruction does. It reports whether control may go on behind it.
func (s *stackReads) step(pc int, in *isa.Insn, info *isa.Info) bool {
	lo := int(in.Off)
	hi := lo + int(info.Size)
	switch info.Kind {
	case isa.KindStore, isa.KindStoreImm, isa.KindStoreRelease:
		if in.Dst == isa.R10 && inFrame(int32(lo), info.Size) {
			s.written.add(lo, hi)
		}
	case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcquire:
		s.read(pc, in.Src, lo, hi)
	case isa.KindAtomic:
		s.read(pc, in.Dst, lo, hi)
	case isa.KindCall, isa.KindPacketLoad:
		s.reads(-s.depth, 0)
	case isa.KindJump, isa.KindCond, isa.KindMayGoto:
		if t := in.Target(pc); t >= 0 && t < len(s.insns) && s.reached(pc) {
			if l := s.place(t); l >= 0 {
				s.lead(l)
			}
		}
		return info.Kind != isa.KindJump
	case isa.KindExit:
		return false
	}
	return true
}

// read is of an access from lo to hi, exclusive, of base.
func (s *stackReads) read(pc int, base isa.Reg, lo, hi int) {
	f := s.proof.Fact(pc)
	switch {
	case base == isa.R10:
	case !f.Has(verifier.Safe) || f.Base == verifier.PtrToMem:
		lo, hi = -s.depth, 0 // it may be a buffer on the stack
	case f.Base != verifier.PtrToStack:
		return
	default:
		lo, hi = int(f.Min), int(f.Max)+hi-lo
	}
	s.reads(lo, hi)
}

func (s *stackReads) reads(lo, hi int) { s.most = max(s.most, s.written.missing(lo, hi)) }
