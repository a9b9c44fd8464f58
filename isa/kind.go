package isa

// Kind groups rows that consumers treat alike.
type Kind uint8

const (
	KindInvalid       Kind = iota
	KindALU                // dst = dst AluOp (src or imm); dst = -dst for AluNeg
	KindMov                // dst = src or imm
	KindMovSX              // dst = sign-extended low FromWidth bits of src
	KindEnd                // dst = low Width bits of dst in another byte order
	KindAddrSpaceCast      // dst = src in another address space
	KindLoad               // dst = *(src + off), zero-extended
	KindLoadSX             // dst = *(src + off), sign-extended to 64 bits
	KindStore              // *(dst + off) = src
	KindStoreImm           // *(dst + off) = imm
	KindAtomic             // *(dst + off) = *(dst + off) AtomicOp src
	KindLoadAcquire        // dst = *(src + off), ordered before what follows
	KindStoreRelease       // *(dst + off) = src, ordered after what precedes
	KindLoadImm64          // dst = imm64, or what the pseudo form names; two slots
	KindLoadImm64Hi        // second slot of KindLoadImm64: never executed
	KindPacketLoad         // r0 = big-endian packet bytes at imm (+ src)
	KindJump               // goto target
	KindMayGoto            // goto target once the loop budget is spent
	KindCond               // if dst CondOp (src or imm) goto target
	KindCall               // call; OpCall* says whom
	KindExit               // return r0
)

// AluOp is the operation of an arithmetic instruction.
type AluOp uint8

const (
	AluNone  AluOp = iota
	AluAdd         // wraps
	AluSub         // wraps
	AluMul         // low half
	AluDiv         // unsigned; by zero gives 0
	AluOr          //
	AluAnd         //
	AluLsh         // by the operand masked to the width
	AluRsh         // logical, masked
	AluMod         // unsigned; by zero leaves dst
	AluXor         //
	AluMov         //
	AluArsh        // arithmetic, masked
	AluSdiv        // signed, truncates; by zero gives 0, MIN / -1 gives MIN
	AluSmod        // signed, truncates; by zero leaves dst, MIN % -1 gives 0
	AluNeg         // wraps
	AluMovsx       // sign-extending move
	AluLe          // to or from little-endian: truncates on little-endian machines
	AluBe          // to or from big-endian
	AluBswap       // swaps whatever the machine
)

var aluNames = [...]string{"", "add", "sub", "mul", "div", "or", "and", "lsh", "rsh", "mod", "xor", "mov", "arsh", "sdiv", "smod", "neg", "movsx", "le", "be", "swap"}
var aluSymbols = [...]string{"", "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "%=", "^=", "=", "s>>=", "s/=", "s%=", "-", "=", "le", "be", "bswap"}

// String returns the assembler name, such as "arsh".
func (o AluOp) String() string { return name(aluNames[:], uint8(o)) }

// Symbol returns the disassembler's operator, such as "s>>=".
func (o AluOp) Symbol() string { return name(aluSymbols[:], uint8(o)) }

// CondOp is the comparison of a conditional jump.
type CondOp uint8

const (
	CondNone CondOp = iota
	CondEq          // dst == src
	CondGt          // dst > src, unsigned
	CondGe          // dst >= src, unsigned
	CondSet         // dst & src != 0
	CondNe          // dst != src
	CondSgt         // dst > src, signed
	CondSge         // dst >= src, signed
	CondLt          // dst < src, unsigned
	CondLe          // dst <= src, unsigned
	CondSlt         // dst < src, signed
	CondSle         // dst <= src, signed
)

var condNames = [...]string{"", "jeq", "jgt", "jge", "jset", "jne", "jsgt", "jsge", "jlt", "jle", "jslt", "jsle"}
var condSymbols = [...]string{"", "==", ">", ">=", "&", "!=", "s>", "s>=", "<", "<=", "s<", "s<="}

// String returns the assembler name, such as "jsgt".
func (o CondOp) String() string { return name(condNames[:], uint8(o)) }

// Symbol returns the disassembler's operator, such as "s>".
func (o CondOp) Symbol() string { return name(condSymbols[:], uint8(o)) }

// AtomicOp is the operation of an atomic read-modify-write.
type AtomicOp uint8

const (
	AtomicNone AtomicOp = iota
	AtomicAdd
	AtomicOr
	AtomicAnd
	AtomicXor
	AtomicXchg    // always fetches into src
	AtomicCmpxchg // stores src if memory equals r0; always fetches into r0
)

var atomicNames = [...]string{"", "add", "or", "and", "xor", "xchg", "cmpxchg"}

// String returns the name, such as "cmpxchg".
func (o AtomicOp) String() string { return name(atomicNames[:], uint8(o)) }

// alu returns the arithmetic operation an AtomicOp does, AluNone for the
// exchanges.
func (o AtomicOp) alu() AluOp {
	switch o {
	case AtomicAdd:
		return AluAdd
	case AtomicOr:
		return AluOr
	case AtomicAnd:
		return AluAnd
	case AtomicXor:
		return AluXor
	}
	return AluNone
}

// Group is a conformance group (RFC 9669 section 2.4). The 64-bit groups
// include their 32-bit counterparts there; a row names the smallest one.
type Group uint8

const (
	GroupLinux Group = iota // outside the RFC: defined by Linux
	GroupBase32
	GroupBase64
	GroupDivmul32
	GroupDivmul64
	GroupAtomic32
	GroupAtomic64
	GroupPacket
	GroupCallx // outside the RFC: the public conformance suite's call by register
)

var groupNames = [...]string{"linux", "base32", "base64", "divmul32", "divmul64", "atomic32", "atomic64", "packet", "callx"}

// String returns the RFC's name, such as "divmul32".
func (g Group) String() string { return name(groupNames[:], uint8(g)) }

// CPU is a clang -mcpu level, 1 to 4. Loaders accept all of them; the level
// says what a compiler had to be allowed to emit the instruction.
type CPU uint8

const (
	V1 CPU = 1
	V2 CPU = 2 // unsigned and signed "less than" jumps
	V3 CPU = 3 // 32-bit arithmetic and jumps, fetching atomics
	V4 CPU = 4 // sign extension, signed division, bswap, gotol, ordered accesses
)

var cpuNames = [...]string{"", "v1", "v2", "v3", "v4"}

// String returns the level as clang spells it, such as "v3".
func (c CPU) String() string { return name(cpuNames[:], uint8(c)) }

// name returns names[i], or "?" beyond it.
func name(names []string, i uint8) string {
	if int(i) >= len(names) {
		return "?"
	}
	return names[i]
}
