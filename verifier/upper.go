package verifier

import "github.com/gbpf/gbpf/isa"

// upperZero finds out which registers hold numbers below 2^32 before each instruction, from what
// the instructions before it are alone: 32-bit arithmetic clears the upper half, and so do loads of up to 4 bytes,
// constants, addresses of guest memory and handles of maps. It holds of every run,
// whatever the values.
func (p *program) upperZero() []uint16 {
	const unseen = 0xffff
	n := len(p.insns)
	in := make([]uint16, n+1)
	for i := range in {
		in[i] = unseen
	}
	var work []int32
	meet := func(pc int, v uint16) {
		if nv := in[pc] & v; nv != in[pc] {
			in[pc] = nv
			work = append(work, int32(pc))
		}
	}
	for i := range p.subs {
		entry := uint16(1 << isa.R10)
		if i == 0 && !p.subs[0].callback && len(p.sites[0]) == 0 && p.spec.Type.Kernel != 0 {
			entry |= 1 << isa.R1 // the context
		}
		meet(p.subs[i].start, entry)
	}
	for len(work) > 0 {
		pc := int(work[len(work)-1])
		work = work[:len(work)-1]
		out := upperAfter(&p.insns[pc], in[pc])
		p.successors(pc, func(t int) { meet(t, out) })
	}
	for pc := range in {
		if in[pc] == unseen {
			in[pc] = 0
		}
	}
	return in[:n]
}

// upperAfter is which registers hold numbers below 2^32 after the instruction.
func upperAfter(i *isa.Insn, in uint16) uint16 {
	info := i.Info()
	out := in &^ uint16(i.WriteRegs())
	dst := uint16(1) << i.Dst
	zero := false
	switch info.Kind {
	case isa.KindMov:
		switch {
		case info.Width == 32:
			zero = true
		case info.UsesImm:
			zero = i.Imm >= 0 && i.Imm <= 1<<32-1
		default:
			zero = in>>i.Src&1 != 0
		}
	case isa.KindMovSX:
		zero = info.Width == 32
	case isa.KindALU:
		zero = info.Width == 32 || upperALU(i, info, in)
	case isa.KindEnd:
		zero = info.Width <= 32
	case isa.KindLoad, isa.KindLoadAcquire:
		zero = info.Size <= 4
	case isa.KindLoadImm64:
		zero = i.Op != isa.OpLddw && i.Op != isa.OpLddwFunc && i.Op != isa.OpLddwBTFID || i.Op == isa.OpLddw && uint64(i.Imm) <= 1<<32-1
	case isa.KindPacketLoad:
		return out | 1
	}
	if zero {
		out |= dst
	}
	return out
}

// upperALU is upperAfter for 64-bit arithmetic: what cannot make a number larger, and what
// shifts the upper half away.
func upperALU(i *isa.Insn, info *isa.Info, in uint16) bool {
	had := in>>i.Dst&1 != 0
	src := in>>i.Src&1 != 0
	if info.UsesImm {
		src = i.Imm >= 0 && i.Imm <= 1<<32-1
	}
	switch info.AluOp {
	case isa.AluAnd:
		return had || src
	case isa.AluOr, isa.AluXor:
		return had && src
	case isa.AluRsh:
		return had || info.UsesImm && i.Imm >= 32 && i.Imm < 64
	case isa.AluDiv:
		return had
	case isa.AluMod:
		return had
	}
	return false
}
