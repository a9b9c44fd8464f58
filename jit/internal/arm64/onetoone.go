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
	mayGotoInsns  = 5 // load, compare, branch, decrement, store
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
	case isa.KindMovSX, isa.KindAddrSpaceCast:
		return 1
	case isa.KindMayGoto:
		return mayGotoInsns
	case isa.KindEnd:
		switch {
		case info.AluOp == isa.AluLe && info.Width == 64:
			return 0
		case info.AluOp != isa.AluLe && info.Width == 16:
			return 2 // the upper bits are cleared
		}
		return 1
	case isa.KindLoad, isa.KindLoadSX:
		return 1 + offsetInsns(in.Src, in.Off, info.Size)
	case isa.KindStore:
		return 1 + offsetInsns(in.Dst, in.Off, info.Size)
	case isa.KindStoreImm:
		return constant(in.Imm) + 1 + offsetInsns(in.Dst, in.Off, info.Size)
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
		if info.CondOp == isa.CondSet {
			v := uint64(in.Imm)
			if w == W {
				v = uint64(uint32(in.Imm))
			}
			if _, ok := bitmask(w, v); ok {
				return 2
			}
		} else if addsOrSubs(in.Imm) {
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
		if info.UsesImm && !addsOrSubs(in.Imm) {
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
	if off := int64(in.Off); off != 0 {
		n++
		if !addsOrSubs(off) {
			n += len(MovConst(nil, 0, uint64(off)))
		}
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

// addsOrSubs reports whether an addition of v, or a subtraction of -v, has an immediate form. Immediates of BPF are signed.
func addsOrSubs(v int64) bool { return fitsAddSub(uint64(v)) || fitsAddSub(uint64(-v)) }

// offsetInsns is what an access takes whose offset has no immediate form: Arm ARM C6.2, LDR (immediate) and LDUR. The frame is
// reached from its lower end.
func offsetInsns(base isa.Reg, off int16, size uint8) int {
	if base == isa.R10 && off < 0 {
		off += frameBias
	}
	if off >= 0 && int(off)%int(size) == 0 && int(off)/int(size) < 1<<12 || off >= -256 && off < 256 {
		return 0
	}
	return len(MovConst(nil, 0, uint64(int64(off))))
}
