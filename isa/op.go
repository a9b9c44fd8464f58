package isa

//go:generate go run golang.org/x/tools/cmd/stringer@v0.38.0 -type=Op -output op_string.go
//go:generate go run golang.org/x/tools/cmd/stringer@v0.38.0 -type=Kind -trimprefix Kind -output kind_string.go

// Op is a dense row number in the opcode table: one value per distinct
// instruction, however the instruction is told apart (opcode byte, src, off or
// imm). Values are stable within one build only; never store them.
type Op uint8

// The rows. Names follow RFC 9669; the width in bits stands before the source
// (Imm or Reg). The table in [Op.Info] says how each one is encoded.
const (
	OpInvalid Op = iota // not an instruction; the zero Insn

	// ALU and ALU64 (RFC 9669 section 4.1).
	OpAdd64Imm
	OpAdd64Reg
	OpSub64Imm
	OpSub64Reg
	OpMul64Imm
	OpMul64Reg
	OpDiv64Imm
	OpDiv64Reg
	OpOr64Imm
	OpOr64Reg
	OpAnd64Imm
	OpAnd64Reg
	OpLsh64Imm
	OpLsh64Reg
	OpRsh64Imm
	OpRsh64Reg
	OpMod64Imm
	OpMod64Reg
	OpXor64Imm
	OpXor64Reg
	OpMov64Imm
	OpMov64Reg
	OpArsh64Imm
	OpArsh64Reg
	OpSdiv64Imm
	OpSdiv64Reg
	OpSmod64Imm
	OpSmod64Reg
	OpNeg64
	OpAdd32Imm
	OpAdd32Reg
	OpSub32Imm
	OpSub32Reg
	OpMul32Imm
	OpMul32Reg
	OpDiv32Imm
	OpDiv32Reg
	OpOr32Imm
	OpOr32Reg
	OpAnd32Imm
	OpAnd32Reg
	OpLsh32Imm
	OpLsh32Reg
	OpRsh32Imm
	OpRsh32Reg
	OpMod32Imm
	OpMod32Reg
	OpXor32Imm
	OpXor32Reg
	OpMov32Imm
	OpMov32Reg
	OpArsh32Imm
	OpArsh32Reg
	OpSdiv32Imm
	OpSdiv32Reg
	OpSmod32Imm
	OpSmod32Reg
	OpNeg32
	OpMovsx8To64
	OpMovsx16To64
	OpMovsx32To64
	OpMovsx8To32
	OpMovsx16To32
	OpAddrSpaceCast // Linux: dst = src moved between arena address spaces

	// Byte swaps (RFC 9669 section 4.2).
	OpLe16
	OpLe32
	OpLe64
	OpBe16
	OpBe32
	OpBe64
	OpBswap16
	OpBswap32
	OpBswap64

	// JMP and JMP32 (RFC 9669 section 4.3).
	OpJa      // offset in Off
	OpJa32    // offset in Imm
	OpMayGoto // Linux: bounded-loop jump, JCOND with src 0
	OpJeqImm
	OpJeqReg
	OpJgtImm
	OpJgtReg
	OpJgeImm
	OpJgeReg
	OpJsetImm
	OpJsetReg
	OpJneImm
	OpJneReg
	OpJsgtImm
	OpJsgtReg
	OpJsgeImm
	OpJsgeReg
	OpJltImm
	OpJltReg
	OpJleImm
	OpJleReg
	OpJsltImm
	OpJsltReg
	OpJsleImm
	OpJsleReg
	OpJeq32Imm
	OpJeq32Reg
	OpJgt32Imm
	OpJgt32Reg
	OpJge32Imm
	OpJge32Reg
	OpJset32Imm
	OpJset32Reg
	OpJne32Imm
	OpJne32Reg
	OpJsgt32Imm
	OpJsgt32Reg
	OpJsge32Imm
	OpJsge32Reg
	OpJlt32Imm
	OpJlt32Reg
	OpJle32Imm
	OpJle32Reg
	OpJslt32Imm
	OpJslt32Reg
	OpJsle32Imm
	OpJsle32Reg
	OpCallHelper // Imm is the helper's number
	OpCallLocal  // Imm is the relative instruction
	OpCallKfunc  // Imm is a BTF ID, Off an fd array index
	OpCallReg    // callx: the address is in Dst
	OpExit

	// Loads and stores (RFC 9669 sections 5.1 and 5.2).
	OpLdxB
	OpLdxH
	OpLdxW
	OpLdxDW
	OpLdxsB
	OpLdxsH
	OpLdxsW
	OpStB
	OpStH
	OpStW
	OpStDW
	OpStxB
	OpStxH
	OpStxW
	OpStxDW

	// 64-bit immediates, two slots each (RFC 9669 section 5.4).
	OpLddw
	OpLddwMapFD
	OpLddwMapValue
	OpLddwBTFID
	OpLddwFunc
	OpLddwMapIdx
	OpLddwMapIdxValue
	OpLddwHi // the second slot of any of them

	// Legacy packet access (RFC 9669 section 5.5).
	OpLdAbsB
	OpLdAbsH
	OpLdAbsW
	OpLdIndB
	OpLdIndH
	OpLdIndW

	// Atomics (RFC 9669 section 5.3).
	OpAtomicAdd32
	OpAtomicOr32
	OpAtomicAnd32
	OpAtomicXor32
	OpAtomicFetchAdd32
	OpAtomicFetchOr32
	OpAtomicFetchAnd32
	OpAtomicFetchXor32
	OpAtomicXchg32
	OpAtomicCmpxchg32
	OpAtomicAdd64
	OpAtomicOr64
	OpAtomicAnd64
	OpAtomicXor64
	OpAtomicFetchAdd64
	OpAtomicFetchOr64
	OpAtomicFetchAnd64
	OpAtomicFetchXor64
	OpAtomicXchg64
	OpAtomicCmpxchg64

	// Ordered loads and stores (Linux, atomic mode).
	OpLoadAcqB
	OpLoadAcqH
	OpLoadAcqW
	OpLoadAcqDW
	OpStoreRelB
	OpStoreRelH
	OpStoreRelW
	OpStoreRelDW

	numOps
)

// NumOps is the number of table rows, OpInvalid included.
const NumOps = int(numOps)
