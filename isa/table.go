package isa

import "iter"

// Info is one row of the opcode table: how an instruction is encoded, what it
// does, which state it touches. Rows are shared; do not write to them.
type Info struct {
	Op       Op
	Name     string // name of the Op constant, such as "OpAdd64Imm"
	Mnemonic string // assembler name in the public conformance suite's style: "add32", "ldxw"; forms share it

	Opcode uint8 // the opcode byte
	Class  Class

	// How the other fields are used, and the value each one must have unless
	// its use is UseOperand: zero for UseNone, the selector for UseSelect.
	DstUse, SrcUse, OffUse, ImmUse Use
	SrcVal                         uint8
	OffVal                         int16
	ImmVal                         int32

	Kind     Kind
	AluOp    AluOp    // for KindALU, KindMov, KindMovSX, KindEnd
	CondOp   CondOp   // for KindCond
	AtomicOp AtomicOp // for KindAtomic
	Fetch    bool     // for KindAtomic: the old value comes back (in src, or r0 for cmpxchg)

	// Width is the number of bits an arithmetic instruction or comparison
	// works on, 32 or 64; for KindEnd the width swapped, 16, 32 or 64. A
	// 32-bit result is zero-extended. Zero for all others.
	Width uint8
	// FromWidth is the number of bits that KindMovSX sign-extends: 8, 16, 32.
	FromWidth uint8
	// Size is the number of bytes a memory access moves: 1, 2, 4 or 8.
	Size uint8
	// UsesImm reports that Imm is an operand the instruction computes with,
	// stores or compares: the Imm form of arithmetic, stores and conditions,
	// and the 16-byte load of a plain number.
	UsesImm bool

	Reads  Effects
	Writes Effects

	Group Group  // conformance group
	Since CPU    // the clang -mcpu level from which compilers emit it
	RFC   string // "RFC 9669 section 4.1", or where else it is defined
}

// Use says what an instruction does with a field of its encoding.
type Use uint8

const (
	UseNone    Use = iota // reserved: must be zero
	UseOperand            // an operand
	UseSelect             // part of the opcode: has the row's value
)

// Effects is a set of the things an instruction reads or writes. Dst and Src
// stand for the registers the instruction names; [Insn.ReadRegs] and
// [Insn.WriteRegs] resolve them.
type Effects uint16

const (
	EffDst  Effects = 1 << iota // the register in the dst field
	EffSrc                      // the register in the src field
	EffR0                       // r0: return value, cmpxchg, packet loads
	EffArgs                     // r1 to r5: read by calls (at most), lost by calls and packet loads
	EffR6                       // r6: the context of a packet load
	EffMem                      // memory
)

// RegSet is a set of registers, bit n for register n.
type RegSet uint16

// argRegs is r1 to r5.
const argRegs RegSet = 0x3e

// Has reports whether r is in the set.
func (s RegSet) Has(r Reg) bool { return s>>r&1 != 0 }

func (e Effects) regs(i Insn) RegSet {
	var s RegSet
	if e&EffDst != 0 {
		s |= 1 << (i.Dst & 15)
	}
	if e&EffSrc != 0 {
		s |= 1 << (i.Src & 15)
	}
	if e&EffR0 != 0 {
		s |= 1 << R0
	}
	if e&EffArgs != 0 {
		s |= argRegs
	}
	if e&EffR6 != 0 {
		s |= 1 << R6
	}
	return s
}

// ReadRegs returns the registers the instruction reads. For calls it is an
// upper bound, all of R1 to R5: the callee's prototype says how many.
func (i Insn) ReadRegs() RegSet { return i.Op.Info().Reads.regs(i) }

// WriteRegs returns the registers the instruction writes or loses.
func (i Insn) WriteRegs() RegSet { return i.Op.Info().Writes.regs(i) }

// table is indexed by Op.
var table = func() (t [NumOps]Info) {
	t[OpInvalid] = Info{Mnemonic: "invalid"}
	for _, rows := range [][]Info{aluRows, jumpRows, memoryRows, atomicRows} {
		for _, r := range rows {
			t[r.Op] = r
		}
	}
	for op := range t {
		t[op].Op = Op(op)
		t[op].Name = Op(op).String()
		t[op].Class = Class(t[op].Opcode & 7)
	}
	return t
}()

// byOpcode lists the rows of each opcode byte; selectors tell them apart.
// OpLddwHi is not in it: it has no opcode.
var byOpcode = func() (t [256][]Op) {
	for i := range table {
		if k := table[i].Kind; k != KindInvalid && k != KindLoadImm64Hi {
			t[table[i].Opcode] = append(t[table[i].Opcode], Op(i))
		}
	}
	return t
}()

// Info returns the table row of op. It is the row of OpInvalid, with
// [KindInvalid], for a value out of range.
func (op Op) Info() *Info {
	if int(op) >= NumOps {
		op = OpInvalid
	}
	return &table[op]
}

// Ops returns all rows but OpInvalid, in order.
func Ops() iter.Seq[Op] {
	return func(yield func(Op) bool) {
		for op := OpInvalid + 1; op < numOps; op++ {
			if !yield(op) {
				return
			}
		}
	}
}
