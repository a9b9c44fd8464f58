package arm64

import "math/bits"

// Logical operations and moves: Arm ARM C4.1.93 "Logical (immediate)" and "Move wide
// (immediate)", C4.1.95 "Logical (shifted register)".

// And is and d, n, m, s #k with k below the width.
func And(w Width, d, n, m Reg, s Shift, k uint32) uint32 {
	return sf(w) | 0x0a000000 | uint32(s)<<22 | rm(m) | k<<10 | rn(n) | rd(d)
}

// Bic is bic d, n, m, s #k: n and not m.
func Bic(w Width, d, n, m Reg, s Shift, k uint32) uint32 { return And(w, d, n, m, s, k) | 1<<21 }

// Orr is orr d, n, m, s #k.
func Orr(w Width, d, n, m Reg, s Shift, k uint32) uint32 { return And(w, d, n, m, s, k) | 1<<29 }

// Orn is orn d, n, m, s #k: n or not m; mvn if n is ZR.
func Orn(w Width, d, n, m Reg, s Shift, k uint32) uint32 { return Orr(w, d, n, m, s, k) | 1<<21 }

// Eor is eor d, n, m, s #k.
func Eor(w Width, d, n, m Reg, s Shift, k uint32) uint32 { return And(w, d, n, m, s, k) | 2<<29 }

// Ands is ands d, n, m, s #k: tst if d is ZR.
func Ands(w Width, d, n, m Reg, s Shift, k uint32) uint32 { return And(w, d, n, m, s, k) | 3<<29 }

// Mov is mov d, m between registers.
func Mov(w Width, d, m Reg) uint32 { return Orr(w, d, ZR, m, LSL, 0) }

// Mvn is mvn d, m.
func Mvn(w Width, d, m Reg) uint32 { return Orn(w, d, ZR, m, LSL, 0) }

// bitmask encodes v as the immediate of a logical instruction: the fields N, immr and
// imms in their places. A value has a code if it repeats an element of 2, 4, ... 64
// bits that is a rotated run of ones (Arm ARM J1.1.3, DecodeBitMasks).
func bitmask(w Width, v uint64) (uint32, bool) {
	if w == W {
		v = v&0xffffffff | v<<32
	}
	if v == 0 || v == ^uint64(0) {
		return 0, false
	}
	size := uint32(64)
	for size > 2 {
		half := size / 2
		if v&(1<<half-1) != v>>half&(1<<half-1) {
			break
		}
		size = half
	}
	mask := ^uint64(0) >> (64 - size)
	e := v & mask
	// Rotate right until the run of ones starts at bit 0.
	var rot uint32
	if e&1 != 0 && e>>(size-1) != 0 {
		rot = size - uint32(bits.LeadingZeros64(^(e << (64 - size))))
	} else {
		rot = uint32(bits.TrailingZeros64(e))
	}
	run := (e>>rot | e<<(size-rot)) & mask
	ones := uint32(bits.OnesCount64(run))
	if run != 1<<ones-1 {
		return 0, false
	}
	n := uint32(0)
	if size == 64 {
		n = 1
	}
	imms := ^(size*2 - 1) & 0x3f
	imms |= ones - 1
	immr := (size - rot) & (size - 1)
	return n<<22 | immr<<16 | imms<<10, true
}

// AndImm is and d, n, #v; d of 31 is SP. f is a result of bitmask for the same width.
func AndImm(w Width, d, n Reg, f uint32) uint32 { return sf(w) | 0x12000000 | f | rn(n) | rd(d) }

// OrrImm is orr d, n, #v: mov if n is ZR.
func OrrImm(w Width, d, n Reg, f uint32) uint32 { return AndImm(w, d, n, f) | 1<<29 }

// EorImm is eor d, n, #v.
func EorImm(w Width, d, n Reg, f uint32) uint32 { return AndImm(w, d, n, f) | 2<<29 }

// AndsImm is ands d, n, #v: tst if d is ZR.
func AndsImm(w Width, d, n Reg, f uint32) uint32 { return AndImm(w, d, n, f) | 3<<29 }

// Movn is movn d, #v, lsl #(16*hw): the complement of the shifted 16 bits.
func Movn(w Width, d Reg, v uint16, hw uint32) uint32 {
	return sf(w) | 0x12800000 | hw<<21 | uint32(v)<<5 | rd(d)
}

// Movz is movz d, #v, lsl #(16*hw).
func Movz(w Width, d Reg, v uint16, hw uint32) uint32 { return Movn(w, d, v, hw) | 2<<29 }

// Movk is movk d, #v, lsl #(16*hw): the other bits stay.
func Movk(w Width, d Reg, v uint16, hw uint32) uint32 { return Movn(w, d, v, hw) | 3<<29 }

// MovConst returns the shortest sequence, one to four instructions, that puts v in d.
func MovConst(seq []uint32, d Reg, v uint64) []uint32 {
	w, parts := X, uint32(4)
	if v <= 0xffffffff {
		// Writing the low half clears the rest.
		w, parts = W, 2
	}
	part := func(i uint32) uint16 { return uint16(v >> (16 * i)) }
	var zeros, ones uint32
	for i := range parts {
		switch part(i) {
		case 0:
			zeros++
		case 0xffff:
			ones++
		}
	}
	if max(zeros, ones)+1 < parts {
		// Neither movz nor movn does it alone.
		if f, ok := bitmask(w, v); ok {
			return append(seq, OrrImm(w, d, ZR, f))
		}
		if w == W {
			// A negative 32-bit number may be a 64-bit pattern.
			if f, ok := bitmask(X, v); ok {
				return append(seq, OrrImm(X, d, ZR, f))
			}
		} else if s, ok := orrMovk(d, v); ok && parts-max(zeros, ones) > 2 {
			return append(seq, s[:]...)
		}
	}
	skip, first := uint16(0), Movz
	if ones > zeros {
		skip, first = 0xffff, Movn
	}
	done := false
	for i := range parts {
		p := part(i)
		switch {
		case p == skip:
		case done:
			seq = append(seq, Movk(w, d, p, i))
		default:
			done = true
			if skip != 0 {
				p = ^p
			}
			seq = append(seq, first(w, d, p, i))
		}
	}
	if !done {
		seq = append(seq, first(w, d, 0, 0))
	}
	return seq
}

// orrMovk finds a pattern that differs from v in one 16-bit part only.
func orrMovk(d Reg, v uint64) (s [2]uint32, ok bool) {
	for i := range uint32(4) {
		for j := range uint32(4) {
			p := v>>(16*j)&0xffff ^ v>>(16*i)&0xffff
			if f, ok := bitmask(X, v^p<<(16*i)); ok {
				return [2]uint32{OrrImm(X, d, ZR, f), Movk(X, d, uint16(v>>(16*i)), i)}, true
			}
		}
	}
	return s, false
}
