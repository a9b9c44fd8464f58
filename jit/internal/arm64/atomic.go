package arm64

// Ordered and atomic accesses: Arm ARM C4.1.94 "Load/store exclusive register",
// "Load/store ordered", "Compare and swap" and "Atomic memory operations". All addresses are
// [n] and must be aligned to the size.

// Order are the ordering bits of an atomic instruction of FEAT_LSE.
type Order uint32

// The orders.
const (
	Relaxed Order = 0
	AcqRel  Order = 3
)

// RMW is the operation of an atomic read-modify-write.
type RMW uint32

// The operations: the opc field, and o3 for SWP.
const (
	LDADD RMW = 0
	LDCLR RMW = 1 << 12 // and not
	LDEOR RMW = 2 << 12
	LDSET RMW = 3 << 12 // or
	SWP   RMW = 8 << 12
)

// Atomic is ldadd s, t, [n] and the like: t receives the old value (stadd if t is ZR). Size
// is 1, 2, 4 or 8.
func Atomic(op RMW, o Order, size uint8, s, t, n Reg) uint32 {
	return sizeField(size) | 0x38200000 | uint32(o>>1)<<23 | uint32(o&1)<<22 | rm(s) | uint32(op) | rn(n) | rd(t)
}

// Casal is casal s, t, [n]: stores t if memory equals s; s receives the old value.
func Casal(size uint8, s, t, n Reg) uint32 {
	return sizeField(size) | 0x08e0fc00 | rm(s) | rn(n) | rd(t)
}

// Ldxr is ldxr t, [n].
func Ldxr(size uint8, t, n Reg) uint32 { return sizeField(size) | 0x085f7c00 | rn(n) | rd(t) }

// Ldaxr is ldaxr t, [n]: acquire.
func Ldaxr(size uint8, t, n Reg) uint32 { return Ldxr(size, t, n) | 1<<15 }

// Stxr is stxr s, t, [n]: s is 0 if it stored. s is neither t nor n.
func Stxr(size uint8, s, t, n Reg) uint32 {
	return sizeField(size) | 0x08007c00 | rm(s) | rn(n) | rd(t)
}

// Stlxr is stlxr s, t, [n]: release.
func Stlxr(size uint8, s, t, n Reg) uint32 { return Stxr(size, s, t, n) | 1<<15 }

// Ldar is ldar t, [n]: load-acquire.
func Ldar(size uint8, t, n Reg) uint32 { return sizeField(size) | 0x08dffc00 | rn(n) | rd(t) }

// Stlr is stlr t, [n]: store-release.
func Stlr(size uint8, t, n Reg) uint32 { return sizeField(size) | 0x089ffc00 | rn(n) | rd(t) }

// DmbIsh is dmb ish, a full barrier (Arm ARM C4.1.92 "Barriers").
const DmbIsh = 0xd5033bbf
