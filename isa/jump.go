package isa

const (
	rfcJump = "RFC 9669 section 4.3"
	rfcCall = "RFC 9669 section 4.3.1"
)

// Codes of jump opcodes, the high four bits (RFC 9669 section 4.3).
const (
	jumpJa    uint8 = 0x00
	jumpCall  uint8 = 0x80
	jumpExit  uint8 = 0x90
	jumpJcond uint8 = 0xe0 // linux/bpf.h
)

var condCodes = [...]uint8{
	CondEq: 0x10, CondGt: 0x20, CondGe: 0x30, CondSet: 0x40,
	CondNe: 0x50, CondSgt: 0x60, CondSge: 0x70,
	CondLt: 0xa0, CondLe: 0xb0, CondSlt: 0xc0, CondSle: 0xd0,
}

var jumpRows = []Info{
	{
		Op: OpJa, Mnemonic: "ja", Opcode: jumpJa | uint8(ClassJMP),
		OffUse: UseOperand, Kind: KindJump,
		Group: GroupBase32, Since: V1, RFC: rfcJump,
	},
	{
		Op: OpJa32, Mnemonic: "ja32", Opcode: jumpJa | uint8(ClassJMP32),
		ImmUse: UseOperand, Kind: KindJump,
		Group: GroupBase32, Since: V4, RFC: rfcJump,
	},
	{
		Op: OpMayGoto, Mnemonic: "may_goto", Opcode: jumpJcond | uint8(ClassJMP),
		SrcUse: UseSelect, OffUse: UseOperand, Kind: KindMayGoto,
		Group: GroupLinux, Since: V4, RFC: linuxABI,
	},
	cond(OpJeqImm, CondEq, 64, srcImm),
	cond(OpJeqReg, CondEq, 64, srcReg),
	cond(OpJgtImm, CondGt, 64, srcImm),
	cond(OpJgtReg, CondGt, 64, srcReg),
	cond(OpJgeImm, CondGe, 64, srcImm),
	cond(OpJgeReg, CondGe, 64, srcReg),
	cond(OpJsetImm, CondSet, 64, srcImm),
	cond(OpJsetReg, CondSet, 64, srcReg),
	cond(OpJneImm, CondNe, 64, srcImm),
	cond(OpJneReg, CondNe, 64, srcReg),
	cond(OpJsgtImm, CondSgt, 64, srcImm),
	cond(OpJsgtReg, CondSgt, 64, srcReg),
	cond(OpJsgeImm, CondSge, 64, srcImm),
	cond(OpJsgeReg, CondSge, 64, srcReg),
	cond(OpJltImm, CondLt, 64, srcImm),
	cond(OpJltReg, CondLt, 64, srcReg),
	cond(OpJleImm, CondLe, 64, srcImm),
	cond(OpJleReg, CondLe, 64, srcReg),
	cond(OpJsltImm, CondSlt, 64, srcImm),
	cond(OpJsltReg, CondSlt, 64, srcReg),
	cond(OpJsleImm, CondSle, 64, srcImm),
	cond(OpJsleReg, CondSle, 64, srcReg),
	cond(OpJeq32Imm, CondEq, 32, srcImm),
	cond(OpJeq32Reg, CondEq, 32, srcReg),
	cond(OpJgt32Imm, CondGt, 32, srcImm),
	cond(OpJgt32Reg, CondGt, 32, srcReg),
	cond(OpJge32Imm, CondGe, 32, srcImm),
	cond(OpJge32Reg, CondGe, 32, srcReg),
	cond(OpJset32Imm, CondSet, 32, srcImm),
	cond(OpJset32Reg, CondSet, 32, srcReg),
	cond(OpJne32Imm, CondNe, 32, srcImm),
	cond(OpJne32Reg, CondNe, 32, srcReg),
	cond(OpJsgt32Imm, CondSgt, 32, srcImm),
	cond(OpJsgt32Reg, CondSgt, 32, srcReg),
	cond(OpJsge32Imm, CondSge, 32, srcImm),
	cond(OpJsge32Reg, CondSge, 32, srcReg),
	cond(OpJlt32Imm, CondLt, 32, srcImm),
	cond(OpJlt32Reg, CondLt, 32, srcReg),
	cond(OpJle32Imm, CondLe, 32, srcImm),
	cond(OpJle32Reg, CondLe, 32, srcReg),
	cond(OpJslt32Imm, CondSlt, 32, srcImm),
	cond(OpJslt32Reg, CondSlt, 32, srcReg),
	cond(OpJsle32Imm, CondSle, 32, srcImm),
	cond(OpJsle32Reg, CondSle, 32, srcReg),
	call(OpCallHelper, PseudoHelper),
	call(OpCallLocal, PseudoCall),
	call(OpCallKfunc, PseudoKfuncCall),
	{
		// The register's number stands in dst, or, as clang before 19
		// has it, in imm; Decode puts it into Dst.
		Op: OpCallReg, Mnemonic: "callx", Opcode: jumpCall | srcReg | uint8(ClassJMP),
		DstUse: UseOperand, ImmUse: UseOperand, Kind: KindCall,
		Reads: EffDst | EffArgs | EffMem, Writes: EffR0 | EffArgs | EffMem,
		Group: GroupCallx, Since: V1, RFC: "public conformance suite, callx",
	},
	{
		Op: OpExit, Mnemonic: "exit", Opcode: jumpExit | uint8(ClassJMP),
		Kind: KindExit, Reads: EffR0,
		Group: GroupBase32, Since: V1, RFC: rfcJump,
	},
}

// cond is if dst op (src or imm) goto pc+1+off.
func cond(op Op, c CondOp, width, source uint8) Info {
	class := ClassJMP
	if width == 32 {
		class = ClassJMP32
	}
	r := Info{
		Op: op, Mnemonic: c.String() + suffix32(width),
		Opcode: condCodes[c] | source | uint8(class),
		DstUse: UseOperand, OffUse: UseOperand,
		Kind: KindCond, CondOp: c, Width: width,
		Reads: EffDst,
		Group: GroupBase64, Since: V1, RFC: rfcJump,
	}
	if source == srcReg {
		r.SrcUse = UseOperand
		r.Reads |= EffSrc
	} else {
		r.ImmUse, r.UsesImm = UseOperand, true
	}
	switch c {
	case CondLt, CondLe, CondSlt, CondSle:
		r.Since = V2
	}
	if width == 32 {
		r.Group, r.Since = GroupBase32, V3
	}
	return r
}

// call is a call whose src field says what imm means.
func call(op Op, pseudo uint8) Info {
	r := Info{
		Op: op, Mnemonic: "call", Opcode: jumpCall | uint8(ClassJMP),
		SrcUse: UseSelect, SrcVal: pseudo, ImmUse: UseOperand,
		Kind: KindCall, Reads: EffArgs | EffMem, Writes: EffR0 | EffArgs | EffMem,
		Group: GroupBase32, Since: V1, RFC: rfcCall,
	}
	if pseudo == PseudoKfuncCall {
		r.OffUse = UseOperand // index into the fd array; 0 is the kernel itself
	}
	return r
}
