package verifier

import (
	"math/bits"
	"unsafe"
)

// regTable holds each distinct Reg once, so that states keep 4 bytes for a register and
// mostly compare by these.
type regTable struct {
	regs  []Reg
	hash  []uint32
	slots []uint32 // open addressing; handle + 1, 0 for empty
	mask  uint32
}

// The handles that every table starts with.
const (
	hNotInit uint32 = iota
	hUnknown
	hZero
)

const regBytes = int(unsafe.Sizeof(Reg{}))

func newRegTable() *regTable {
	t := &regTable{slots: make([]uint32, 1<<10), mask: 1<<10 - 1}
	u, z := unknown(), known(0)
	t.intern(&Reg{})
	t.intern(&u)
	t.intern(&z)
	return t
}

// bytes is what the table takes.
func (t *regTable) bytes() int { return len(t.regs)*(regBytes+4) + len(t.slots)*4 }

func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

func hashReg(r *Reg) uint32 {
	v := &r.Var
	// Offsets and sizes grow together, so they must not meet in one word.
	h := mix(uint64(r.Kind)|uint64(r.Frame)<<8|uint64(r.Flags)<<16|uint64(uint32(r.Off))<<32, uint64(r.Ref)<<32)
	h = mix(h, uint64(r.Obj)|uint64(r.Size)<<32)
	h = mix(h, v.Var.Value)
	if v.Var.Mask != 0 {
		h = mix(h, v.Var.Mask^bits.RotateLeft64(v.UMin, 32))
		h = mix(h, v.UMax^bits.RotateLeft64(uint64(v.SMin), 32))
		h = mix(h, uint64(v.SMax)^bits.RotateLeft64(uint64(v.U32Min)|uint64(v.U32Max)<<32, 16))
		h = mix(h, uint64(uint32(v.S32Min))|uint64(uint32(v.S32Max))<<32)
	}
	return uint32(h ^ h>>32)
}

// intern returns the handle of r, making one if there is none.
func (t *regTable) intern(r *Reg) uint32 {
	h := hashReg(r)
	i := h & t.mask
	for {
		s := t.slots[i]
		if s == 0 {
			break
		}
		if t.hash[s-1] == h && t.regs[s-1] == *r {
			return s - 1
		}
		i = (i + 1) & t.mask
	}
	n := uint32(len(t.regs))
	t.regs = append(t.regs, *r)
	t.hash = append(t.hash, h)
	t.slots[i] = n + 1
	if uint32(len(t.regs))*2 > t.mask {
		t.grow()
	}
	return n
}

func (t *regTable) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	t.mask = uint32(len(t.slots) - 1)
	for n, h := range t.hash {
		i := h & t.mask
		for t.slots[i] != 0 {
			i = (i + 1) & t.mask
		}
		t.slots[i] = uint32(n) + 1
	}
}

// at is the register that a handle stands for. It is shared: do not write. It is valid until the
// next intern.
func (t *regTable) at(h uint32) *Reg { return &t.regs[h] }
