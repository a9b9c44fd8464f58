package arm64

import "github.com/gbpf/gbpf/isa"

// OneToOne is how many native instructions a translation instruction by instruction takes, as the
// kernel's JIT does it: no instruction knows of its neighbours, an operand without an immediate form is
// built in a scratch register, memory is reached without confinement, a helper is called by its
// absolute address. A called function saves and restores what the callee must keep; what surrounds the whole program is left out. It is the measure that the
// backend's own count is held against.
func OneToOne(insns []isa.Insn) int {
	n := 0
	called := map[int]bool{}
	for pc := range insns {
		n += oneToOne(&insns[pc], pc == len(insns)-1)
		if in := &insns[pc]; in.Op == isa.OpCallLocal || in.Op == isa.OpLddwFunc {
			called[in.Target(pc)] = true
		}
	}
	return n + funcInsns*len(called)
}

// Three instructions build an address of 48 bits. A call takes these, the branch, and the move
// of the result. A function saves the link and frame registers, R6 to R9, R10 and the tail call
// counter in pairs, sets its frame up, and undoes all of it: ten and eight. A tail call reads, tests
// and counts before it branches: see RFC 9669 section 5.3.
const (
	addressInsns  = 3
	callInsns     = 5
	funcInsns     = 18
	tailCallInsns = 14
	tailCallID    = 12
)

func oneToOne(in *isa.Insn, last bool) int {
	info := in.Info()
	w := W
	if info.Width == 64 {
		w = X
	}
	constant := func(v int64) int {
		if info.Width == 32 || info.Kind == isa.KindStoreImm && info.Size < 8 {
			v = int64(uint32(v))
		}
		return len(MovConst(nil, 0, uint64(v)))
	}
	switch info.Kind {
	case isa.KindALU:
		return oneToOneALU(in, info, w, constant)
	case isa.KindMov:
		if info.UsesImm {
			return constant(in.Imm)
		}
		return 1
	case isa.KindMovSX, isa.KindAddrSpaceCast, isa.KindMayGoto:
		return 1
	case isa.KindEnd:
		switch {
		case info.AluOp == isa.AluLe && info.Width == 64:
			return 0
		case info.AluOp != isa.AluLe && info.Width < 64:
			return 2
		}
		return 1
	case isa.KindLoad, isa.KindLoadSX, isa.KindStore:
		return 1 + offsetInsns(in.Off, info.Size)
	case isa.KindStoreImm:
		return constant(in.Imm) + 1 + offsetInsns(in.Off, info.Size)
	case isa.KindAtomic, isa.KindLoadAcquire, isa.KindStoreRelease:
		return oneToOneAtomic(in, info)
	case isa.KindLoadImm64:
		if in.Op != isa.OpLddw {
			return addressInsns
		}
		return constant(in.Imm)
	case isa.KindJump:
		return 1
	case isa.KindCond:
		if !info.UsesImm {
			return 2
		}
		v := uint64(in.Imm)
		if w == W {
			v = uint64(uint32(in.Imm))
		}
		if info.CondOp == isa.CondSet {
			if _, ok := bitmask(w, v); ok {
				return 2
			}
		} else if fitsAddSub(v) || fitsAddSub(-v) {
			return 2
		}
		return 2 + constant(in.Imm)
	case isa.KindCall:
		if in.Op == isa.OpCallHelper && in.Imm == tailCallID {
			return tailCallInsns
		}
		return callInsns
	case isa.KindExit:
		if last {
			return 0
		}
		return 1
	case isa.KindPacketLoad:
		return callInsns
	}
	return 0
}

func oneToOneALU(in *isa.Insn, info *isa.Info, w Width, constant func(int64) int) int {
	n := 1
	v := uint64(in.Imm)
	if w == W {
		v = uint64(uint32(in.Imm))
	}
	switch info.AluOp {
	case isa.AluMod, isa.AluSmod:
		n = 2 // quotient, then multiply and subtract
		if info.UsesImm {
			n += constant(in.Imm)
		}
	case isa.AluMul, isa.AluDiv, isa.AluSdiv:
		if info.UsesImm {
			n += constant(in.Imm)
		}
	case isa.AluAdd, isa.AluSub:
		if info.UsesImm && !fitsAddSub(v) && !fitsAddSub(-v) {
			n += constant(in.Imm)
		}
	case isa.AluAnd, isa.AluOr, isa.AluXor:
		if info.UsesImm {
			if _, ok := bitmask(w, v); !ok {
				n += constant(in.Imm)
			}
		}
	}
	return n
}

// oneToOneAtomic counts with LSE atomics, which take no offset.
func oneToOneAtomic(in *isa.Insn, info *isa.Info) int {
	n := 1
	if in.Off != 0 {
		n += 2
	}
	if info.Kind != isa.KindAtomic {
		return n
	}
	switch info.AtomicOp {
	case isa.AtomicAnd:
		n++ // there is bit clear, not and: the operand is inverted
	case isa.AtomicCmpxchg:
		n += 2
	}
	return n
}

// offsetInsns is what an access takes whose offset has no immediate form: Arm ARM C6.2, LDR (immediate) and LDUR.
func offsetInsns(off int16, size uint8) int {
	if off >= 0 && int(off)%int(size) == 0 && int(off)/int(size) < 1<<12 || off >= -256 && off < 256 {
		return 0
	}
	return len(MovConst(nil, 0, uint64(int64(off))))
}
