package arm64

import "math/bits"

// Loads and stores: Arm ARM C4.1.94 "Loads and Stores". Register 31 as a base is SP.

// Mem is what a load or store does with a register.
type Mem uint32

// The operations: the opc field of a load or store.
const (
	STR   Mem = iota // low bytes of the register
	LDR              // zero-extended
	LDRSX            // sign-extended to 64 bits: sizes 1, 2, 4
	LDRSW            // sign-extended to 32 bits: sizes 1, 2
)

// sizeField is the size field of an access of 1, 2, 4 or 8 bytes.
func sizeField(size uint8) uint32 { return uint32(bits.TrailingZeros8(size)) << 30 }

// fitsScaled reports whether off can be the offset of Access: a multiple of the size from
// 0 to 4095 times the size.
func fitsScaled(size uint8, off int64) bool {
	return off >= 0 && off < int64(size)<<12 && off&int64(size-1) == 0
}

// fitsUnscaled reports whether off can be the offset of AccessUnscaled.
func fitsUnscaled(off int64) bool { return off >= -256 && off < 256 }

// Access is a load or store of t at [n, #off]; see fitsScaled.
func Access(m Mem, size uint8, t, n Reg, off uint32) uint32 {
	return sizeField(size) | 0x39000000 | uint32(m)<<22 | off/uint32(size)&0xfff<<10 | rn(n) | rd(t)
}

// AccessUnscaled is ldur, stur: any offset from -256 to 255.
func AccessUnscaled(m Mem, size uint8, t, n Reg, off int32) uint32 {
	return sizeField(size) | 0x38000000 | uint32(m)<<22 | uint32(off)&0x1ff<<12 | rn(n) | rd(t)
}

// AccessPost is a load or store at [n], #off: n moves afterwards; -256 to 255.
func AccessPost(m Mem, size uint8, t, n Reg, off int32) uint32 {
	return AccessUnscaled(m, size, t, n, off) | 1<<10
}

// AccessPre is a load or store at [n, #off]!: n moves before.
func AccessPre(m Mem, size uint8, t, n Reg, off int32) uint32 {
	return AccessUnscaled(m, size, t, n, off) | 3<<10
}

// AccessReg is a load or store at [n, i, e #k]: e is UXTW, UXTX (lsl), SXTW or SXTX; scale
// shifts the index by the size.
func AccessReg(m Mem, size uint8, t, n, i Reg, e Extend, scale bool) uint32 {
	w := sizeField(size) | 0x38200800 | uint32(m)<<22 | rm(i) | uint32(e)<<13 | rn(n) | rd(t)
	if scale {
		w |= 1 << 12
	}
	return w
}

// fitsPair reports whether off can be the offset of a pair of registers of size 4, 8 or 16.
func fitsPair(size uint8, off int64) bool {
	return off&int64(size-1) == 0 && off >= -64*int64(size) && off < 64*int64(size)
}

func pair(base uint32, w Width, t, u, n Reg, off int32) uint32 {
	return base | uint32(w)<<31 | uint32(off/(4<<w))&0x7f<<15 | ra(u) | rn(n) | rd(t)
}

// Stp is stp t, u, [n, #off]; see fitsPair.
func Stp(w Width, t, u, n Reg, off int32) uint32 { return pair(0x29000000, w, t, u, n, off) }

// Ldp is ldp t, u, [n, #off]; t and u differ.
func Ldp(w Width, t, u, n Reg, off int32) uint32 { return pair(0x29400000, w, t, u, n, off) }

// StpPre is stp t, u, [n, #off]!.
func StpPre(w Width, t, u, n Reg, off int32) uint32 { return pair(0x29800000, w, t, u, n, off) }

// LdpPost is ldp t, u, [n], #off.
func LdpPost(w Width, t, u, n Reg, off int32) uint32 { return pair(0x28c00000, w, t, u, n, off) }

// StpQ is stp qt, qu, [n, #off] of two 16-byte vector registers, off a multiple of 16
// from -1024 to 1008.
func StpQ(t, u, n Reg, off int32) uint32 {
	return 0xad000000 | uint32(off/16)&0x7f<<15 | ra(u) | rn(n) | rd(t)
}

// ZeroQ is movi vd.2d, #0 (Arm ARM C4.1.96, "Advanced SIMD modified immediate").
func ZeroQ(d Reg) uint32 { return 0x6f00e400 | rd(d) }
