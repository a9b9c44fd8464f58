package verifier

import "github.com/gbpf/gbpf/internal/scalar"

// Reg is what is known of one register or spilled register. For a pointer the address is
// the object's start (for the stack: the frame's top) plus Off plus the number Var; of a
// scalar Var is the value.
//
// Which field counts depends on the kind. A Reg is a plain value without pointers; equal
// knowledge compares equal.
type Reg struct {
	Kind  Kind
	Flags Flags
	Frame uint8 // of PtrToStack: the frame it points into
	Off   int32 // the constant part of an offset, in bytes; of a scalar with addConst, the constant added
	Obj   uint32
	// Size is, for PtrToMem the bytes of the object, for packet pointers how many bytes
	// from the packet's start (plus the variable part) are proven to be there.
	Size uint32
	Ref  uint32 // the reference that must be released, or on which the pointer depends; 0 for none
	Var  scalar.Scalar
}

// known is a register that holds a known number.
func known(v uint64) Reg { return Reg{Kind: Scalar, Var: scalar.Const(v)} }

// unknown is a register that holds any number.
func unknown() Reg { return Reg{Kind: Scalar, Var: unknownScalar} }

var unknownScalar = scalar.Unknown()

// pointer is a pointer to the start of an object.
func pointer(k Kind) Reg { return Reg{Kind: k} }

// isPtr reports whether the register holds something other than a number.
func (r *Reg) isPtr() bool { return r.Kind > Scalar }

// constant returns the number that a register is known to hold.
func (r *Reg) constant() (uint64, bool) {
	if r.Kind != Scalar {
		return 0, false
	}
	return r.Var.Const()
}

// isNull reports whether the register is known to be the number 0, which stands for
// NULL.
func (r *Reg) isNull() bool { return r.Kind == Scalar && r.Var.Var.Mask == 0 && r.Var.Var.Value == 0 }

// fixed reports whether a pointer's offset has no variable part.
func (r *Reg) fixed() bool { return r.Var.Var.Mask == 0 }
