// Package arm64 is the A64 backend of the JIT: pure encoders of instructions (a file for
// each class of the Arm Architecture Reference Manual, section C4.1), an assembler that
// resolves labels, and the expansion of macro ops. It builds on every host.
//
// Encoders take what an instruction's fields can hold: immediates are in the range
// that the field's doc names. The expansion asks the predicates (fitsAddSub, bitmask,
// ...) before it picks a form.
package arm64

// Reg is a general register, 0 to 31. Number 31 is the zero register, or SP where an
// instruction says so.
type Reg uint8

// ZR is the zero register.
const ZR Reg = 31

// LR is the link register.
const LR Reg = 30

// Width is the size of an operation: the sf bit.
type Width uint32

// The two sizes of an operation.
const (
	W Width = 0
	X Width = 1
)

// bits is the number of bits in a register of that size.
func (w Width) bits() uint32 { return 32 << w }

// Cond is a condition code (Arm ARM C1.2.4).
type Cond uint32

// The conditions by their codes.
const (
	EQ Cond = iota
	NE
	HS // unsigned >=, carry set
	LO // unsigned <
	MI
	PL
	VS
	VC
	HI // unsigned >
	LS // unsigned <=
	GE
	LT
	GT
	LE
)

// Not is the opposite condition.
func (c Cond) Not() Cond { return c ^ 1 }

func rd(r Reg) uint32 { return uint32(r) }
func rn(r Reg) uint32 { return uint32(r) << 5 }
func ra(r Reg) uint32 { return uint32(r) << 10 }
func rm(r Reg) uint32 { return uint32(r) << 16 }

// sf puts the size bit of data processing instructions.
func sf(w Width) uint32 { return uint32(w) << 31 }
