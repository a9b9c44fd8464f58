package interp

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// lastNumber is the number that was last moved into register r before pc, whichever way control took: a guess.
// 64-bit loads count, other writes do not.
func (p *Program) lastNumber(pc int, r isa.Reg) (int64, bool) {
	for at := pc - 1; at >= max(0, pc-lookBack); at-- {
		in := &p.src.Insns[at]
		if in.Dst != r {
			continue
		}
		switch in.Op {
		case isa.OpMov64Imm, isa.OpMov32Imm, isa.OpLddw:
			return in.Imm, true
		}
	}
	return 0, false
}

// copied guesses how many bytes register r says, 0 when machine code does not copy so many.
func (p *Program) copied(pc int, r isa.Reg) int {
	n, ok := p.lastNumber(pc, r)
	if !ok || n < 1 || n > jit.CopyMax || n == 3 {
		return 0
	}
	return int(n)
}

func bytesOf(kind jit.HelperKind) func(*Program, int) jit.Helper {
	return func(p *Program, pc int) (h jit.Helper) {
		if n := p.copied(pc, isa.R4); n != 0 {
			h.Kind, h.Size = kind, n
		}
		return h
	}
}

// ring is the ring buffer that the call at pc is given as its map, nil if that is not known.
func (p *Program) ring(pc int) *maps.Map {
	f := p.src.Proof.Fact(pc)
	if p.src.Map == nil || !f.Has(verifier.ConstMap) {
		return nil
	}
	if m := p.src.Map(f.Map); m.Ringbuf() != nil {
		return m
	}
	return nil
}

// onRing describes work on a ring buffer, none for nil.
func onRing(kind jit.HelperKind, m *maps.Map) (h jit.Helper) {
	if m == nil {
		return h
	}
	head, base, mask := m.Ringbuf().Layout()
	return jit.Helper{Kind: kind, Handle: uint32(m.Handle()), Ring: jit.Ring{Head: uint64(head), Base: base, Mask: mask}}
}

func (p *Program) inlineReserve(pc int) jit.Helper {
	return onRing(jit.HelperReserve, p.ring(pc))
}

func (p *Program) inlineOutput(pc int) (h jit.Helper) {
	if n := p.copied(pc, isa.R3); n != 0 {
		h = onRing(jit.HelperOutput, p.ring(pc))
		h.Size = n
	}
	return h
}

func (p *Program) inlineSubmit(pc int) jit.Helper {
	return onRing(jit.HelperSubmit, p.reserved(pc))
}

func (p *Program) inlineDiscard(pc int) jit.Helper {
	return onRing(jit.HelperDiscard, p.reserved(pc))
}

// reserved guesses the ring buffer of the record that is ended at pc: where one was reserved last.
func (p *Program) reserved(pc int) *maps.Map {
	for at := pc - 1; at >= max(0, pc-lookBack); at-- {
		if in := &p.code[at]; in.op == isa.OpCallHelper && p.helpers[in.imm].Proto.ID == ringReserve {
			return p.ring(at)
		}
	}
	return nil
}

// wakes notes whom an [jit.ExitWake] at pc is about.
func (p *Program) wakes(pc int, m *maps.Map) {
	if p.rings == nil {
		p.rings = map[int]*maps.Ringbuf{}
	}
	p.rings[pc] = m.Ringbuf()
}

// ringReserve is the number of ringbuf_reserve.
var ringReserve = proto.ByName("ringbuf_reserve").ID
