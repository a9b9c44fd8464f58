package isa

const (
	rfcMemory = "RFC 9669 section 5.1"
	rfcMemSX  = "RFC 9669 section 5.2"
	rfcImm64  = "RFC 9669 section 5.4"
	rfcPacket = "RFC 9669 section 5.5"
)

var memoryRows = []Info{
	load(OpLdxB, 1),
	load(OpLdxH, 2),
	load(OpLdxW, 4),
	load(OpLdxDW, 8),
	loadSX(OpLdxsB, 1),
	loadSX(OpLdxsH, 2),
	loadSX(OpLdxsW, 4),
	storeImm(OpStB, 1),
	storeImm(OpStH, 2),
	storeImm(OpStW, 4),
	storeImm(OpStDW, 8),
	store(OpStxB, 1),
	store(OpStxH, 2),
	store(OpStxW, 4),
	store(OpStxDW, 8),
	lddw(OpLddw, 0),
	lddw(OpLddwMapFD, PseudoMapFD),
	lddw(OpLddwMapValue, PseudoMapValue),
	lddw(OpLddwBTFID, PseudoBTFID),
	lddw(OpLddwFunc, PseudoFunc),
	lddw(OpLddwMapIdx, PseudoMapIdx),
	lddw(OpLddwMapIdxValue, PseudoMapIdxValue),
	lddwHi(),
	packet(OpLdAbsB, modeAbs, 1),
	packet(OpLdAbsH, modeAbs, 2),
	packet(OpLdAbsW, modeAbs, 4),
	packet(OpLdIndB, modeInd, 1),
	packet(OpLdIndH, modeInd, 2),
	packet(OpLdIndW, modeInd, 4),
}

// sizeSuffix returns the mnemonic's size letter.
func sizeSuffix(size uint8) string {
	switch size {
	case 1:
		return "b"
	case 2:
		return "h"
	case 4:
		return "w"
	}
	return "dw"
}

// baseGroup is the group of a plain access.
func baseGroup(size uint8) Group {
	if size == 8 {
		return GroupBase64
	}
	return GroupBase32
}

// load is dst = *(src + off), zero-extended.
func load(op Op, size uint8) Info {
	return Info{
		Op: op, Mnemonic: "ldx" + sizeSuffix(size),
		Opcode: modeMem | sizeBits(size) | uint8(ClassLDX),
		DstUse: UseOperand, SrcUse: UseOperand, OffUse: UseOperand,
		Kind: KindLoad, Size: size,
		Reads: EffSrc | EffMem, Writes: EffDst,
		Group: baseGroup(size), Since: V1, RFC: rfcMemory,
	}
}

// loadSX is dst = *(src + off), sign-extended to 64 bits.
func loadSX(op Op, size uint8) Info {
	r := load(op, size)
	r.Mnemonic = "ldxs" + sizeSuffix(size)
	r.Opcode = modeMemSX | sizeBits(size) | uint8(ClassLDX)
	r.Kind = KindLoadSX
	r.Group, r.Since, r.RFC = GroupBase64, V4, rfcMemSX
	return r
}

// store is *(dst + off) = src.
func store(op Op, size uint8) Info {
	return Info{
		Op: op, Mnemonic: "stx" + sizeSuffix(size),
		Opcode: modeMem | sizeBits(size) | uint8(ClassSTX),
		DstUse: UseOperand, SrcUse: UseOperand, OffUse: UseOperand,
		Kind: KindStore, Size: size,
		Reads: EffDst | EffSrc, Writes: EffMem,
		Group: baseGroup(size), Since: V1, RFC: rfcMemory,
	}
}

// storeImm is *(dst + off) = imm.
func storeImm(op Op, size uint8) Info {
	r := store(op, size)
	r.Mnemonic = "st" + sizeSuffix(size)
	r.Opcode = modeMem | sizeBits(size) | uint8(ClassST)
	r.Kind = KindStoreImm
	r.SrcUse, r.ImmUse, r.UsesImm = UseNone, UseOperand, true
	r.Reads &^= EffSrc
	return r
}

// lddw is the first slot of a 16-byte load; src says what the immediates mean.
func lddw(op Op, pseudo uint8) Info {
	r := Info{
		Op: op, Mnemonic: "lddw", Opcode: modeImm | sizeDW | uint8(ClassLD),
		DstUse: UseOperand, SrcUse: UseSelect, SrcVal: pseudo, ImmUse: UseOperand,
		Kind: KindLoadImm64, UsesImm: pseudo == 0,
		Writes: EffDst,
		Group:  GroupBase64, Since: V1, RFC: rfcImm64,
	}
	return r
}

// lddwHi is the second slot: all zero but for the high immediate.
func lddwHi() Info {
	return Info{
		Op: OpLddwHi, Mnemonic: "lddw_hi", ImmUse: UseOperand,
		Kind:  KindLoadImm64Hi,
		Group: GroupBase64, Since: V1, RFC: rfcImm64,
	}
}

// packet is r0 = big-endian packet bytes at imm, or at src + imm. R6 is the
// context; like a call it loses r1 to r5.
func packet(op Op, mode, size uint8) Info {
	r := Info{
		Op: op, Mnemonic: "ldabs" + sizeSuffix(size),
		Opcode: mode | sizeBits(size) | uint8(ClassLD),
		ImmUse: UseOperand, Kind: KindPacketLoad, Size: size,
		Reads: EffR6 | EffMem, Writes: EffR0 | EffArgs,
		Group: GroupPacket, Since: V1, RFC: rfcPacket,
	}
	if mode == modeInd {
		r.Mnemonic = "ldind" + sizeSuffix(size)
		r.SrcUse = UseOperand
		r.Reads |= EffSrc
	}
	return r
}
