// Package isa holds the facts about eBPF bytecode: the instruction, one opcode
// table, decoding, encoding and disassembly.
//
// The table is the single source. Decode, Encode and the disassembler are
// driven by it, and the verifier, the interpreter and the JIT switch over its
// rows ([Op]), so that a new instruction is one row and whoever lacks a case
// for it fails a test.
//
// Sources are RFC 9669 (BPF Instruction Set Architecture) and, for what it
// leaves out (may_goto, address space casts, load-acquire, store-release), the
// Linux UAPI header linux/bpf.h.
package isa

// Reg is a register number, R0 to R10.
type Reg uint8

// The registers (RFC 9669 section 3): R0 is the return value, R1 to R5 are
// arguments and lost over a call, R6 to R9 are kept, R10 is the read-only
// frame pointer.
const (
	R0 Reg = iota
	R1
	R2
	R3
	R4
	R5
	R6
	R7
	R8
	R9
	R10

	// NumRegs is the number of registers.
	NumRegs = 11
)

var regNames = [16]string{"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// String returns the 64-bit name, such as "r1".
func (r Reg) String() string { return regNames[r&15] }

// Name32 returns the name of the low half, such as "w1".
func (r Reg) Name32() string { return "w" + regNames[r&15][1:] }

// Insn is one decoded 8-byte slot of a program. It is 16 bytes long and holds
// no pointers.
//
// A program is an []Insn with one entry per slot, so that the index is the
// instruction number the kernel uses: the second slot of a 16-byte load is an
// entry of its own, with Op [OpLddwHi].
//
// The zero Insn is not an instruction (OpInvalid). Make instructions with
// [Decode], [New] or [LoadImm64].
type Insn struct {
	// Op is the row of the opcode table.
	Op Op
	// Dst and Src are registers. In pseudo forms (16-byte loads, calls) Src
	// keeps the raw Pseudo value. Dst of OpCallReg is the register that holds
	// the address, in either encoding.
	Dst, Src Reg
	// Opcode is the raw opcode byte.
	Opcode uint8
	// Off is the raw offset: slots for jumps, bytes for memory.
	Off int16
	_   uint16
	// Imm is the sign-extended immediate. In the first slot of a 16-byte load
	// it is the whole 64 bits, low word and high word; there, use ImmLow and
	// ImmHigh for the pseudo forms, which give each word its own meaning.
	Imm int64
}

// ImmLow returns the immediate of the instruction's own slot: the map's file
// descriptor or index, the BTF ID, or the relative instruction of the pseudo
// forms of a 16-byte load.
func (i Insn) ImmLow() int32 { return int32(i.Imm) }

// ImmHigh returns the immediate of the second slot of a 16-byte load: the
// offset into the map's value, or the file descriptor of a module's BTF.
func (i Insn) ImmHigh() int32 { return int32(i.Imm >> 32) }

// Info returns the instruction's table row. It is shared: do not write to it.
func (i Insn) Info() *Info { return i.Op.Info() }

// Slots returns how many 8-byte slots the instruction takes: 2 for 16-byte
// loads, else 1. It is 1 for OpLddwHi, which is itself a slot.
func (i Insn) Slots() int {
	if i.Op.Info().Kind == KindLoadImm64 {
		return 2
	}
	return 1
}

// IsCond reports whether the instruction is a conditional jump: it compares,
// then goes to Target or falls through. OpMayGoto is not one, it compares
// nothing.
func (i Insn) IsCond() bool { return i.Op.Info().Kind == KindCond }

// IsJump reports whether the instruction may go to Target within its function:
// conditional, unconditional, or may_goto.
func (i Insn) IsJump() bool {
	switch i.Op.Info().Kind {
	case KindJump, KindCond, KindMayGoto:
		return true
	}
	return false
}

// IsCall reports whether the instruction is a call of any kind.
func (i Insn) IsCall() bool { return i.Op.Info().Kind == KindCall }

// IsExit reports whether the instruction ends its function.
func (i Insn) IsExit() bool { return i.Op.Info().Kind == KindExit }

// Target returns the instruction number that i, standing at pc, refers to: the
// destination of a jump, the first instruction of the function that
// OpCallLocal calls or OpLddwFunc takes the address of. It is -1 for all
// others. The result is not checked against the program's bounds.
//
// Offsets count slots from the following one (RFC 9669 section 4.3).
func (i Insn) Target(pc int) int {
	switch i.Op.Info().Kind {
	case KindJump, KindCond, KindMayGoto:
		if i.Op == OpJa32 {
			return pc + 1 + int(i.Imm)
		}
		return pc + 1 + int(i.Off)
	}
	switch i.Op {
	case OpCallLocal, OpLddwFunc:
		return pc + 1 + int(i.ImmLow())
	}
	return -1
}
