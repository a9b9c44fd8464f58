package isa

// Class is the instruction class, the low three bits of the opcode.
//
//	msb      lsb
//	+-----+---+
//	|?????|cls|
//	+-----+---+
type Class uint8

// Classes (RFC 9669 section 3.3).
const (
	ClassLD    Class = 0x00 // 64-bit immediates, legacy packet loads
	ClassLDX   Class = 0x01 // loads into a register
	ClassST    Class = 0x02 // stores of an immediate
	ClassSTX   Class = 0x03 // stores of a register, atomics
	ClassALU   Class = 0x04 // 32-bit arithmetic
	ClassJMP   Class = 0x05 // jumps that compare 64 bits, calls, exit
	ClassJMP32 Class = 0x06 // jumps that compare 32 bits
	ClassALU64 Class = 0x07 // 64-bit arithmetic
)

var classNames = [8]string{"LD", "LDX", "ST", "STX", "ALU", "JMP", "JMP32", "ALU64"}

// String returns the RFC's name, such as "ALU64".
func (c Class) String() string { return classNames[c&7] }

// The source bit of arithmetic and jump opcodes (RFC 9669 section 4).
//
//	msb      lsb
//	+----+-+---+
//	|code|S|cls|
//	+----+-+---+
const (
	srcImm uint8 = 0x00
	srcReg uint8 = 0x08
)

// Sizes and modes of load and store opcodes (RFC 9669 section 5).
//
//	msb      lsb
//	+---+--+---+
//	|mde|sz|cls|
//	+---+--+---+
const (
	sizeW  uint8 = 0x00
	sizeH  uint8 = 0x08
	sizeB  uint8 = 0x10
	sizeDW uint8 = 0x18

	modeImm    uint8 = 0x00
	modeAbs    uint8 = 0x20
	modeInd    uint8 = 0x40
	modeMem    uint8 = 0x60
	modeMemSX  uint8 = 0x80
	modeAtomic uint8 = 0xc0
)

// sizeBits returns the opcode's size bits for an access of size bytes.
func sizeBits(size uint8) uint8 {
	switch size {
	case 1:
		return sizeB
	case 2:
		return sizeH
	case 4:
		return sizeW
	}
	return sizeDW
}

// Values of the src field of a 16-byte load (RFC 9669 section 5.4; linux/bpf.h
// calls them BPF_PSEUDO_*). They say what the two immediates mean.
const (
	PseudoMapFD       = 1 // low: a map's file descriptor
	PseudoMapValue    = 2 // low: a map's file descriptor, high: offset into its value
	PseudoBTFID       = 3 // low: BTF ID of a kernel variable, high: BTF file descriptor or 0
	PseudoFunc        = 4 // low: relative instruction of a function
	PseudoMapIdx      = 5 // low: index of a map
	PseudoMapIdxValue = 6 // low: index of a map, high: offset into its value
)

// Values of the src field of a call (RFC 9669 section 4.3.1).
const (
	PseudoHelper    = 0 // imm: helper number
	PseudoCall      = 1 // imm: relative instruction of a function in the program
	PseudoKfuncCall = 2 // imm: BTF ID of a kernel function, off: index of its module
)

// Immediates of OpAddrSpaceCast: destination address space in the high half,
// source in the low half. Address space 1 is the arena's (linux/bpf.h).
const (
	CastToKernel = 1       // as(0) <- as(1)
	CastToUser   = 1 << 16 // as(1) <- as(0)
)
