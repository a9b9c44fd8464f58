package arm64

// Branches: Arm ARM C4.1.92 "Branches, Exception Generating and System instructions".
// Offsets are in bytes from the branch itself, multiples of 4.

// Reach of the offsets, in bytes in either direction.
const (
	reachB    = 1 << 27
	reachCond = 1 << 20
	reachTest = 1 << 15
)

// B is b off.
func B(off int32) uint32 { return 0x14000000 | uint32(off)>>2&0x3ffffff }

// Bl is bl off.
func Bl(off int32) uint32 { return 0x94000000 | uint32(off)>>2&0x3ffffff }

// BCond is b.c off.
func BCond(c Cond, off int32) uint32 { return 0x54000000 | imm19(off) | uint32(c) }

// Cbz is cbz t, off.
func Cbz(w Width, t Reg, off int32) uint32 { return sf(w) | 0x34000000 | imm19(off) | rd(t) }

// Cbnz is cbnz t, off.
func Cbnz(w Width, t Reg, off int32) uint32 { return Cbz(w, t, off) | 1<<24 }

// Tbz is tbz t, #bit, off.
func Tbz(t Reg, bit uint32, off int32) uint32 {
	return 0x36000000 | bit>>5<<31 | bit&31<<19 | uint32(off)>>2&0x3fff<<5 | rd(t)
}

// Tbnz is tbnz t, #bit, off.
func Tbnz(t Reg, bit uint32, off int32) uint32 { return Tbz(t, bit, off) | 1<<24 }

// Br is br n.
func Br(n Reg) uint32 { return 0xd61f0000 | rn(n) }

// Blr is blr n.
func Blr(n Reg) uint32 { return 0xd63f0000 | rn(n) }

// Ret is ret n.
func Ret(n Reg) uint32 { return 0xd65f0000 | rn(n) }

// Adr is adr d, off: any byte offset within 1 MiB.
func Adr(d Reg, off int32) uint32 {
	return 0x10000000 | uint32(off)&3<<29 | uint32(off)>>2&0x7ffff<<5 | rd(d)
}

func imm19(off int32) uint32 { return uint32(off) >> 2 & 0x7ffff << 5 }
