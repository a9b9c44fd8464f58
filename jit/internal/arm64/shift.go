package arm64

// Shifts, bit fields, multiplication and division: Arm ARM C4.1.93 "Bitfield" and
// "Extract", C4.1.95 "Data-processing (1 source)", "(2 source)" and "(3 source)".

// Sbfm is sbfm d, n, #r, #s.
func Sbfm(w Width, d, n Reg, r, s uint32) uint32 {
	return sf(w) | 0x13000000 | uint32(w)<<22 | r<<16 | s<<10 | rn(n) | rd(d)
}

// Bfm is bfm d, n, #r, #s.
func Bfm(w Width, d, n Reg, r, s uint32) uint32 { return Sbfm(w, d, n, r, s) | 1<<29 }

// Ubfm is ubfm d, n, #r, #s.
func Ubfm(w Width, d, n Reg, r, s uint32) uint32 { return Sbfm(w, d, n, r, s) | 2<<29 }

// LslImm is lsl d, n, #k with k below the width.
func LslImm(w Width, d, n Reg, k uint32) uint32 {
	b := w.bits() - 1
	return Ubfm(w, d, n, -k&b, b-k)
}

// LsrImm is lsr d, n, #k.
func LsrImm(w Width, d, n Reg, k uint32) uint32 { return Ubfm(w, d, n, k, w.bits()-1) }

// AsrImm is asr d, n, #k.
func AsrImm(w Width, d, n Reg, k uint32) uint32 { return Sbfm(w, d, n, k, w.bits()-1) }

// Sxt is sxtb, sxth and sxtw: the low bits of n (8, 16, 32), sign-extended.
func Sxt(w Width, d, n Reg, bits uint32) uint32 { return Sbfm(w, d, n, 0, bits-1) }

// Uxt is uxtb and uxth: the low bits of n (8, 16), zero-extended.
func Uxt(d, n Reg, bits uint32) uint32 { return Ubfm(W, d, n, 0, bits-1) }

// Extr is extr d, n, m, #k: bits k and up of n:m. ror d, n, #k if m is n.
func Extr(w Width, d, n, m Reg, k uint32) uint32 {
	return sf(w) | 0x13800000 | uint32(w)<<22 | rm(m) | k<<10 | rn(n) | rd(d)
}

// two encodes the instructions with two source registers.
func two(w Width, op uint32, d, n, m Reg) uint32 {
	return sf(w) | 0x1ac00000 | rm(m) | op<<10 | rn(n) | rd(d)
}

// Udiv is udiv d, n, m; by zero gives 0.
func Udiv(w Width, d, n, m Reg) uint32 { return two(w, 2, d, n, m) }

// Sdiv is sdiv d, n, m; by zero gives 0, MIN / -1 gives MIN.
func Sdiv(w Width, d, n, m Reg) uint32 { return two(w, 3, d, n, m) }

// Lslv is lsl d, n, m; the count is m modulo the width.
func Lslv(w Width, d, n, m Reg) uint32 { return two(w, 8, d, n, m) }

// Lsrv is lsr d, n, m.
func Lsrv(w Width, d, n, m Reg) uint32 { return two(w, 9, d, n, m) }

// Asrv is asr d, n, m.
func Asrv(w Width, d, n, m Reg) uint32 { return two(w, 10, d, n, m) }

// Rorv is ror d, n, m.
func Rorv(w Width, d, n, m Reg) uint32 { return two(w, 11, d, n, m) }

// Madd is madd d, n, m, a: a + n*m; mul if a is ZR.
func Madd(w Width, d, n, m, a Reg) uint32 {
	return sf(w) | 0x1b000000 | rm(m) | ra(a) | rn(n) | rd(d)
}

// Msub is msub d, n, m, a: a - n*m.
func Msub(w Width, d, n, m, a Reg) uint32 { return Madd(w, d, n, m, a) | 1<<15 }

// Umulh is umulh d, n, m: the high half of the 128-bit product.
func Umulh(d, n, m Reg) uint32 { return 0x9bc07c00 | rm(m) | rn(n) | rd(d) }

// Umull is umull d, n, m: the 64-bit product of two 32-bit registers.
func Umull(d, n, m Reg) uint32 { return 0x9ba07c00 | rm(m) | rn(n) | rd(d) }

// Rev16 is rev16 d, n: the bytes of each half word reversed.
func Rev16(w Width, d, n Reg) uint32 { return sf(w) | 0x5ac00400 | rn(n) | rd(d) }

// Rev32 is rev32 d, n: the bytes of each word of a 64-bit register reversed.
func Rev32(d, n Reg) uint32 { return 0xdac00800 | rn(n) | rd(d) }

// Rev is rev d, n: all bytes reversed.
func Rev(w Width, d, n Reg) uint32 { return sf(w) | 0x5ac00800 | uint32(w)<<10 | rn(n) | rd(d) }
