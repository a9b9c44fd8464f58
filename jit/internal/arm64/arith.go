package arm64

// Arithmetic: Arm ARM C4.1.93 "Data Processing -- Immediate" (Add/subtract), C4.1.95
// "Data Processing -- Register" (Add/subtract shifted and extended register,
// Conditional compare, Conditional select).

// Shift is the shift of a register operand.
type Shift uint32

// The shifts.
const (
	LSL Shift = iota
	LSR
	ASR
	ROR // logical instructions only
)

// Extend is the extension of a register operand.
type Extend uint32

// The extensions.
const (
	UXTB Extend = iota
	UXTH
	UXTW
	UXTX
	SXTB
	SXTH
	SXTW
	SXTX
)

const (
	bitSub   = 1 << 30
	bitFlags = 1 << 29
)

// fitsAddSub reports whether v can be the immediate of add and sub: 12 bits, or 12 bits
// shifted left by 12.
func fitsAddSub(v uint64) bool { return v < 1<<12 || v < 1<<24 && v&0xfff == 0 }

// addSubImm places an immediate that fitsAddSub accepts.
func addSubImm(v uint64) uint32 {
	if v < 1<<12 {
		return uint32(v) << 10
	}
	return 1<<22 | uint32(v>>12)&0xfff<<10
}

// AddImm is add d, n, #v; register 31 is SP. See fitsAddSub.
func AddImm(w Width, d, n Reg, v uint64) uint32 {
	return sf(w) | 0x11000000 | addSubImm(v) | rn(n) | rd(d)
}

// SubImm is sub d, n, #v; register 31 is SP.
func SubImm(w Width, d, n Reg, v uint64) uint32 { return AddImm(w, d, n, v) | bitSub }

// AddsImm is adds d, n, #v: cmn if d is ZR.
func AddsImm(w Width, d, n Reg, v uint64) uint32 { return AddImm(w, d, n, v) | bitFlags }

// SubsImm is subs d, n, #v: cmp if d is ZR.
func SubsImm(w Width, d, n Reg, v uint64) uint32 { return AddImm(w, d, n, v) | bitSub | bitFlags }

// Add is add d, n, m, s #k with k below the width; s is not ROR.
func Add(w Width, d, n, m Reg, s Shift, k uint32) uint32 {
	return sf(w) | 0x0b000000 | uint32(s)<<22 | rm(m) | k<<10 | rn(n) | rd(d)
}

// Sub is sub d, n, m, s #k.
func Sub(w Width, d, n, m Reg, s Shift, k uint32) uint32 { return Add(w, d, n, m, s, k) | bitSub }

// Adds is adds d, n, m, s #k.
func Adds(w Width, d, n, m Reg, s Shift, k uint32) uint32 { return Add(w, d, n, m, s, k) | bitFlags }

// Subs is subs d, n, m, s #k: cmp if d is ZR.
func Subs(w Width, d, n, m Reg, s Shift, k uint32) uint32 {
	return Add(w, d, n, m, s, k) | bitSub | bitFlags
}

// AddExt is add d, n, m, e #k with k at most 4; d and n of 31 are SP.
func AddExt(w Width, d, n, m Reg, e Extend, k uint32) uint32 {
	return sf(w) | 0x0b200000 | rm(m) | uint32(e)<<13 | k<<10 | rn(n) | rd(d)
}

// SubExt is sub d, n, m, e #k.
func SubExt(w Width, d, n, m Reg, e Extend, k uint32) uint32 {
	return AddExt(w, d, n, m, e, k) | bitSub
}

// SubsExt is subs d, n, m, e #k: cmp if d is ZR.
func SubsExt(w Width, d, n, m Reg, e Extend, k uint32) uint32 {
	return AddExt(w, d, n, m, e, k) | bitSub | bitFlags
}

// CcmpImm is ccmp n, #v, #flags, c: compare if c holds, else set NZCV to flags. v is 5 bits.
func CcmpImm(w Width, n Reg, v, flags uint32, c Cond) uint32 {
	return sf(w) | 0x7a400800 | v<<16 | uint32(c)<<12 | rn(n) | flags
}

// Ccmp is ccmp n, m, #flags, c.
func Ccmp(w Width, n, m Reg, flags uint32, c Cond) uint32 {
	return sf(w) | 0x7a400000 | rm(m) | uint32(c)<<12 | rn(n) | flags
}

// Csel is csel d, n, m, c: n if c holds, else m.
func Csel(w Width, d, n, m Reg, c Cond) uint32 {
	return sf(w) | 0x1a800000 | rm(m) | uint32(c)<<12 | rn(n) | rd(d)
}

// Csinc is csinc d, n, m, c: n if c holds, else m+1.
func Csinc(w Width, d, n, m Reg, c Cond) uint32 { return Csel(w, d, n, m, c) | 1<<10 }

// Csinv is csinv d, n, m, c: n if c holds, else the complement of m.
func Csinv(w Width, d, n, m Reg, c Cond) uint32 { return Csel(w, d, n, m, c) | 1<<30 }

// Csneg is csneg d, n, m, c: n if c holds, else -m.
func Csneg(w Width, d, n, m Reg, c Cond) uint32 { return Csinv(w, d, n, m, c) | 1<<10 }

// Cset is cset d, c: 1 if c holds, else 0.
func Cset(w Width, d Reg, c Cond) uint32 { return Csinc(w, d, ZR, ZR, c.Not()) }
