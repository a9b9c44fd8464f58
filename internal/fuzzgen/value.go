package fuzzgen

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// kind is what the generator believes a register holds.
type kind uint8

const (
	none    kind = iota // not to be used
	scalar              // a number
	ctxPtr              // the context
	stackPt             // a frame
	mapPtr              // a map itself
	mapVal              // a map's value
	mapNull             // a map's value or NULL
	pktPtr              // packet data
	pktEnd              // its end
	memPtr              // a ring buffer record or other memory of a known size
	memNull             // the same or NULL
	sockPtr
	sockNull
)

// value is what the generator believes of a register or slot. It is a belief: it makes
// sensible programs, no proof.
type value struct {
	kind   kind
	lo, hi uint64 // of a scalar, unsigned
	m      int    // of map kinds: index into palette, -1 for an inner map's
	off    int32  // of pointers: the constant part
	vmax   uint32 // of pointers: the variable part at most
	size   uint32 // of pointers: bytes of the object, of packets what is proven to be there
	frame  uint8  // of stack pointers: depth of the frame
	ref    uint8  // what must be released, 0 for nothing
	rdonly bool
	wronly bool
}

func known(v int64) value { return value{kind: scalar, lo: uint64(v), hi: uint64(v)} }

func between(lo, hi uint64) value { return value{kind: scalar, lo: lo, hi: hi} }

func anyNumber() value { return value{kind: scalar, hi: math.MaxUint64} }

// room is how many bytes from a pointer's own position may be touched.
func (v *value) room() int { return int(v.size) - int(v.off) - int(v.vmax) }

func (v *value) pointsToMemory() bool {
	return v.kind == mapVal && !v.wronly || v.kind == memPtr || v.kind == pktPtr
}

// join is what holds whichever of two values is there.
func join(a, b value) value {
	if a == b {
		return a
	}
	if a.kind == scalar && b.kind == scalar {
		return between(min(a.lo, b.lo), max(a.hi, b.hi))
	}
	return value{}
}

// after is the range of a number after an operation with another, as interval arithmetic
// has it. It knows little, but nothing wrong: of quotients and remainders nothing, as the kernel.
func after(op isa.AluOp, wide bool, a, b value) value {
	top := uint64(math.MaxUint64)
	bits := uint64(64)
	if !wide {
		top, bits = math.MaxUint32, 32
		a, b = low32(a), low32(b)
	}
	full := between(0, top)
	fixed := b.lo == b.hi
	switch op {
	case isa.AluMov:
		return b
	case isa.AluAdd:
		if a.hi <= top-b.hi {
			return between(a.lo+b.lo, a.hi+b.hi)
		}
	case isa.AluSub:
		if a.lo >= b.hi {
			return between(a.lo-b.hi, a.hi-b.lo)
		}
	case isa.AluMul:
		if a.hi <= math.MaxUint32 && b.hi <= math.MaxUint32 && a.hi*b.hi <= top {
			return between(a.lo*b.lo, a.hi*b.hi)
		}
	case isa.AluAnd:
		return between(0, min(a.hi, b.hi))
	case isa.AluOr, isa.AluXor:
		return between(0, ones(a.hi|b.hi))
	case isa.AluLsh:
		if n := b.lo & (bits - 1); fixed && a.hi <= top>>n {
			return between(a.lo<<n, a.hi<<n)
		}
	case isa.AluRsh:
		if n := b.lo & (bits - 1); fixed {
			return between(a.lo>>n, a.hi>>n)
		}
		return between(0, a.hi)
	case isa.AluArsh:
		if n := b.lo & (bits - 1); fixed && a.hi <= top>>1 {
			return between(a.lo>>n, a.hi>>n)
		}
	}
	return full
}

// low32 is the range of the low half.
func low32(v value) value {
	if v.hi <= math.MaxUint32 {
		return between(v.lo, v.hi)
	}
	if v.lo>>32 == v.hi>>32 {
		return between(v.lo&math.MaxUint32, v.hi&math.MaxUint32)
	}
	return between(0, math.MaxUint32)
}

// ones is the smallest 2^n-1 that is not below v.
func ones(v uint64) uint64 {
	for s := 1; s < 64; s <<= 1 {
		v |= v >> s
	}
	return v
}
