package isa

import "strconv"

const (
	rfcALU   = "RFC 9669 section 4.1"
	rfcEnd   = "RFC 9669 section 4.2"
	linuxABI = "linux/bpf.h"
)

// aluCodes are the opcode's high four bits (RFC 9669 section 4.1). Signed
// division shares the code of the unsigned one and is told apart by off.
var aluCodes = [...]uint8{
	AluAdd: 0x00, AluSub: 0x10, AluMul: 0x20, AluDiv: 0x30,
	AluOr: 0x40, AluAnd: 0x50, AluLsh: 0x60, AluRsh: 0x70,
	AluNeg: 0x80, AluMod: 0x90, AluXor: 0xa0, AluMov: 0xb0,
	AluArsh: 0xc0, AluSdiv: 0x30, AluSmod: 0x90, AluMovsx: 0xb0,
	AluLe: 0xd0, AluBe: 0xd0, AluBswap: 0xd0,
}

var aluRows = []Info{
	alu(OpAdd64Imm, AluAdd, 64, srcImm),
	alu(OpAdd64Reg, AluAdd, 64, srcReg),
	alu(OpSub64Imm, AluSub, 64, srcImm),
	alu(OpSub64Reg, AluSub, 64, srcReg),
	alu(OpMul64Imm, AluMul, 64, srcImm),
	alu(OpMul64Reg, AluMul, 64, srcReg),
	alu(OpDiv64Imm, AluDiv, 64, srcImm),
	alu(OpDiv64Reg, AluDiv, 64, srcReg),
	alu(OpOr64Imm, AluOr, 64, srcImm),
	alu(OpOr64Reg, AluOr, 64, srcReg),
	alu(OpAnd64Imm, AluAnd, 64, srcImm),
	alu(OpAnd64Reg, AluAnd, 64, srcReg),
	alu(OpLsh64Imm, AluLsh, 64, srcImm),
	alu(OpLsh64Reg, AluLsh, 64, srcReg),
	alu(OpRsh64Imm, AluRsh, 64, srcImm),
	alu(OpRsh64Reg, AluRsh, 64, srcReg),
	alu(OpMod64Imm, AluMod, 64, srcImm),
	alu(OpMod64Reg, AluMod, 64, srcReg),
	alu(OpXor64Imm, AluXor, 64, srcImm),
	alu(OpXor64Reg, AluXor, 64, srcReg),
	alu(OpMov64Imm, AluMov, 64, srcImm),
	alu(OpMov64Reg, AluMov, 64, srcReg),
	alu(OpArsh64Imm, AluArsh, 64, srcImm),
	alu(OpArsh64Reg, AluArsh, 64, srcReg),
	alu(OpSdiv64Imm, AluSdiv, 64, srcImm),
	alu(OpSdiv64Reg, AluSdiv, 64, srcReg),
	alu(OpSmod64Imm, AluSmod, 64, srcImm),
	alu(OpSmod64Reg, AluSmod, 64, srcReg),
	neg(OpNeg64, 64),
	alu(OpAdd32Imm, AluAdd, 32, srcImm),
	alu(OpAdd32Reg, AluAdd, 32, srcReg),
	alu(OpSub32Imm, AluSub, 32, srcImm),
	alu(OpSub32Reg, AluSub, 32, srcReg),
	alu(OpMul32Imm, AluMul, 32, srcImm),
	alu(OpMul32Reg, AluMul, 32, srcReg),
	alu(OpDiv32Imm, AluDiv, 32, srcImm),
	alu(OpDiv32Reg, AluDiv, 32, srcReg),
	alu(OpOr32Imm, AluOr, 32, srcImm),
	alu(OpOr32Reg, AluOr, 32, srcReg),
	alu(OpAnd32Imm, AluAnd, 32, srcImm),
	alu(OpAnd32Reg, AluAnd, 32, srcReg),
	alu(OpLsh32Imm, AluLsh, 32, srcImm),
	alu(OpLsh32Reg, AluLsh, 32, srcReg),
	alu(OpRsh32Imm, AluRsh, 32, srcImm),
	alu(OpRsh32Reg, AluRsh, 32, srcReg),
	alu(OpMod32Imm, AluMod, 32, srcImm),
	alu(OpMod32Reg, AluMod, 32, srcReg),
	alu(OpXor32Imm, AluXor, 32, srcImm),
	alu(OpXor32Reg, AluXor, 32, srcReg),
	alu(OpMov32Imm, AluMov, 32, srcImm),
	alu(OpMov32Reg, AluMov, 32, srcReg),
	alu(OpArsh32Imm, AluArsh, 32, srcImm),
	alu(OpArsh32Reg, AluArsh, 32, srcReg),
	alu(OpSdiv32Imm, AluSdiv, 32, srcImm),
	alu(OpSdiv32Reg, AluSdiv, 32, srcReg),
	alu(OpSmod32Imm, AluSmod, 32, srcImm),
	alu(OpSmod32Reg, AluSmod, 32, srcReg),
	neg(OpNeg32, 32),
	movsx(OpMovsx8To64, 8, 64),
	movsx(OpMovsx16To64, 16, 64),
	movsx(OpMovsx32To64, 32, 64),
	movsx(OpMovsx8To32, 8, 32),
	movsx(OpMovsx16To32, 16, 32),
	addrSpaceCast(),
	end(OpLe16, AluLe, 16),
	end(OpLe32, AluLe, 32),
	end(OpLe64, AluLe, 64),
	end(OpBe16, AluBe, 16),
	end(OpBe32, AluBe, 32),
	end(OpBe64, AluBe, 64),
	end(OpBswap16, AluBswap, 16),
	end(OpBswap32, AluBswap, 32),
	end(OpBswap64, AluBswap, 64),
}

func aluClass(width uint8) Class {
	if width == 32 {
		return ClassALU
	}
	return ClassALU64
}

// suffix32 marks the 32-bit forms in mnemonics.
func suffix32(width uint8) string {
	if width == 32 {
		return "32"
	}
	return ""
}

// alu is dst = dst op (src or imm), or the plain move.
func alu(op Op, a AluOp, width, source uint8) Info {
	r := Info{
		Op: op, Mnemonic: a.String() + suffix32(width),
		Opcode: aluCodes[a] | source | uint8(aluClass(width)),
		DstUse: UseOperand,
		Kind:   KindALU, AluOp: a, Width: width,
		Reads: EffDst, Writes: EffDst,
		Group: GroupBase64, Since: V1, RFC: rfcALU,
	}
	if source == srcReg {
		r.SrcUse = UseOperand
		r.Reads |= EffSrc
	} else {
		r.ImmUse, r.UsesImm = UseOperand, true
	}
	if width == 32 {
		r.Group, r.Since = GroupBase32, V3
	}
	switch a {
	case AluMov:
		r.Kind = KindMov
		r.Reads &^= EffDst
		if source == srcReg {
			r.OffUse = UseSelect // off 8, 16, 32: OpMovsx...
		}
	case AluDiv, AluMod:
		r.OffUse = UseSelect
	case AluSdiv, AluSmod:
		r.OffUse, r.OffVal = UseSelect, 1
		r.Since = V4
	}
	switch a {
	case AluMul, AluDiv, AluMod, AluSdiv, AluSmod:
		r.Group = GroupDivmul64
		if width == 32 {
			r.Group = GroupDivmul32
		}
	}
	return r
}

// neg is dst = -dst.
func neg(op Op, width uint8) Info {
	r := alu(op, AluNeg, width, srcImm)
	r.ImmUse, r.UsesImm = UseNone, false
	return r
}

// movsx is the sign-extending move; off holds the width it extends.
func movsx(op Op, from, width uint8) Info {
	r := alu(op, AluMov, width, srcReg)
	r.Mnemonic = "movsx" + strconv.Itoa(int(from)) + strconv.Itoa(int(width))
	r.Kind, r.AluOp, r.FromWidth = KindMovSX, AluMovsx, from
	r.OffVal = int16(from)
	r.Since = V4
	return r
}

// addrSpaceCast is a move with off 1; imm holds the two address spaces.
func addrSpaceCast() Info {
	r := alu(OpAddrSpaceCast, AluMov, 64, srcReg)
	r.Mnemonic = "addr_space_cast"
	r.Kind, r.AluOp = KindAddrSpaceCast, AluNone
	r.OffVal = 1
	r.ImmUse = UseOperand // CastToKernel or CastToUser
	r.Group, r.RFC = GroupLinux, linuxABI
	r.Since = V3
	return r
}

// end is a byte swap; imm holds the width. The source bit tells le from be in
// class ALU; class ALU64 has the unconditional swap only.
func end(op Op, a AluOp, width uint8) Info {
	r := Info{
		Op: op, Mnemonic: a.String() + strconv.Itoa(int(width)),
		Opcode: aluCodes[a] | uint8(ClassALU),
		DstUse: UseOperand, ImmUse: UseSelect, ImmVal: int32(width),
		Kind: KindEnd, AluOp: a, Width: width,
		Reads: EffDst, Writes: EffDst,
		Group: GroupBase32, Since: V1, RFC: rfcEnd,
	}
	switch a {
	case AluBe:
		r.Opcode |= srcReg
	case AluBswap:
		r.Opcode |= uint8(ClassALU64)
		r.Since = V4
	}
	if width == 64 {
		r.Group = GroupBase64
	}
	return r
}
