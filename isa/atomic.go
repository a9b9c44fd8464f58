package isa

const rfcAtomic = "RFC 9669 section 5.3"

// Values of an atomic instruction's imm (RFC 9669 section 5.3): the
// arithmetic codes, a fetch bit, and the exchanges. The ordered accesses are
// Linux's (linux/bpf.h: BPF_LOAD_ACQ, BPF_STORE_REL).
const (
	atomicFetch = 0x01

	immLoadAcq  = 0x100
	immStoreRel = 0x110
)

var atomicCodes = [...]int32{
	AtomicAdd: 0x00, AtomicOr: 0x40, AtomicAnd: 0x50, AtomicXor: 0xa0,
	AtomicXchg: 0xe0, AtomicCmpxchg: 0xf0,
}

const (
	noFetch = false
	fetch   = true
)

var atomicRows = []Info{
	atomic(OpAtomicAdd32, AtomicAdd, 32, noFetch),
	atomic(OpAtomicOr32, AtomicOr, 32, noFetch),
	atomic(OpAtomicAnd32, AtomicAnd, 32, noFetch),
	atomic(OpAtomicXor32, AtomicXor, 32, noFetch),
	atomic(OpAtomicFetchAdd32, AtomicAdd, 32, fetch),
	atomic(OpAtomicFetchOr32, AtomicOr, 32, fetch),
	atomic(OpAtomicFetchAnd32, AtomicAnd, 32, fetch),
	atomic(OpAtomicFetchXor32, AtomicXor, 32, fetch),
	atomic(OpAtomicXchg32, AtomicXchg, 32, fetch),
	atomic(OpAtomicCmpxchg32, AtomicCmpxchg, 32, fetch),
	atomic(OpAtomicAdd64, AtomicAdd, 64, noFetch),
	atomic(OpAtomicOr64, AtomicOr, 64, noFetch),
	atomic(OpAtomicAnd64, AtomicAnd, 64, noFetch),
	atomic(OpAtomicXor64, AtomicXor, 64, noFetch),
	atomic(OpAtomicFetchAdd64, AtomicAdd, 64, fetch),
	atomic(OpAtomicFetchOr64, AtomicOr, 64, fetch),
	atomic(OpAtomicFetchAnd64, AtomicAnd, 64, fetch),
	atomic(OpAtomicFetchXor64, AtomicXor, 64, fetch),
	atomic(OpAtomicXchg64, AtomicXchg, 64, fetch),
	atomic(OpAtomicCmpxchg64, AtomicCmpxchg, 64, fetch),
	loadAcq(OpLoadAcqB, 1),
	loadAcq(OpLoadAcqH, 2),
	loadAcq(OpLoadAcqW, 4),
	loadAcq(OpLoadAcqDW, 8),
	storeRel(OpStoreRelB, 1),
	storeRel(OpStoreRelH, 2),
	storeRel(OpStoreRelW, 4),
	storeRel(OpStoreRelDW, 8),
}

// atomic is *(dst + off) = *(dst + off) op src in one step; with fetch the old
// value goes to src (r0 for cmpxchg), zero-extended.
func atomic(op Op, a AtomicOp, width uint8, fetch bool) Info {
	size := width / 8
	r := Info{
		Op: op, Mnemonic: "lock " + a.String() + suffix32(width),
		Opcode: modeAtomic | sizeBits(size) | uint8(ClassSTX),
		DstUse: UseOperand, SrcUse: UseOperand, OffUse: UseOperand,
		ImmUse: UseSelect, ImmVal: atomicCodes[a],
		Kind: KindAtomic, AtomicOp: a, Fetch: fetch, Width: width, Size: size,
		Reads: EffDst | EffSrc | EffMem, Writes: EffMem,
		Group: GroupAtomic64, Since: V3, RFC: rfcAtomic,
	}
	if width == 32 {
		r.Group = GroupAtomic32
	}
	if fetch {
		r.ImmVal |= atomicFetch
		r.Writes |= EffSrc
	}
	switch {
	case a == AtomicCmpxchg:
		r.Reads |= EffR0
		r.Writes = EffMem | EffR0
	case a == AtomicXchg:
	case fetch:
		r.Mnemonic = "lock fetch " + a.String() + suffix32(width)
	case a == AtomicAdd:
		r.Since = V1
	}
	return r
}

// loadAcq is dst = *(src + off), ordered before all later accesses.
func loadAcq(op Op, size uint8) Info {
	return Info{
		Op: op, Mnemonic: "load_acquire" + sizeSuffix(size),
		Opcode: modeAtomic | sizeBits(size) | uint8(ClassSTX),
		DstUse: UseOperand, SrcUse: UseOperand, OffUse: UseOperand,
		ImmUse: UseSelect, ImmVal: immLoadAcq,
		Kind: KindLoadAcquire, Size: size,
		Reads: EffSrc | EffMem, Writes: EffDst,
		Group: GroupLinux, Since: V4, RFC: linuxABI,
	}
}

// storeRel is *(dst + off) = src, ordered after all earlier accesses.
func storeRel(op Op, size uint8) Info {
	return Info{
		Op: op, Mnemonic: "store_release" + sizeSuffix(size),
		Opcode: modeAtomic | sizeBits(size) | uint8(ClassSTX),
		DstUse: UseOperand, SrcUse: UseOperand, OffUse: UseOperand,
		ImmUse: UseSelect, ImmVal: immStoreRel,
		Kind: KindStoreRelease, Size: size,
		Reads: EffDst | EffSrc, Writes: EffMem,
		Group: GroupLinux, Since: V4, RFC: linuxABI,
	}
}
