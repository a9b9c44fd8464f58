package interp

import (
	"encoding/binary"
	"unsafe"

	"github.com/gbpf/gbpf/isa"
)

// Loads and stores confine the address to the window: to 32 bits, and by the mask
// to what the window has. The window's margin takes the bytes behind its last
// address. Hosts that gbpf runs on are little-endian and load unaligned.

func load8(base unsafe.Pointer, a, mask uint64) uint64 {
	return uint64(*(*uint8)(unsafe.Add(base, uintptr(a&mask))))
}

func load16(base unsafe.Pointer, a, mask uint64) uint64 {
	return uint64(*(*uint16)(unsafe.Add(base, uintptr(a&mask))))
}

func load32(base unsafe.Pointer, a, mask uint64) uint64 {
	return uint64(*(*uint32)(unsafe.Add(base, uintptr(a&mask))))
}

func load64(base unsafe.Pointer, a, mask uint64) uint64 {
	return *(*uint64)(unsafe.Add(base, uintptr(a&mask)))
}

func store8(base unsafe.Pointer, a, mask, v uint64) {
	*(*uint8)(unsafe.Add(base, uintptr(a&mask))) = uint8(v)
}

func store16(base unsafe.Pointer, a, mask, v uint64) {
	*(*uint16)(unsafe.Add(base, uintptr(a&mask))) = uint16(v)
}

func store32(base unsafe.Pointer, a, mask, v uint64) {
	*(*uint32)(unsafe.Add(base, uintptr(a&mask))) = uint32(v)
}

func store64(base unsafe.Pointer, a, mask, v uint64) {
	*(*uint64)(unsafe.Add(base, uintptr(a&mask))) = v
}

// Offsets of legacy packet loads that count from a header instead of the data:
// SKF_NET_OFF and SKF_LL_OFF of linux/filter.h.
const (
	netOff = -0x100000
	llOff  = -0x200000
	ethLen = 14
)

// packetLoad does a legacy packet load into R0, in host order. It returns false
// when the packet has no such bytes.
func (st *State) packetLoad(in *insn, r *[16]uint64) bool {
	off := int64(int32(in.imm))
	if in.op == isa.OpLdIndB || in.op == isa.OpLdIndH || in.op == isa.OpLdIndW {
		off = int64(int32(uint32(in.imm) + uint32(r[in.src&15])))
	}
	b := &st.Bctx
	from := int64(b.Data)
	switch {
	case off < llOff:
		return false
	case off < netOff:
		from, off = from-int64(b.Skb.Hidden), off-llOff
	case off < 0:
		off -= netOff
		if b.Skb.L2 {
			off += ethLen
		}
	}
	n := int64(in.op.Info().Size)
	at := from + off
	if at+n > int64(b.DataEnd) {
		return false
	}
	p, ok := b.Mem.Slice(uint64(at), uint64(n))
	if !ok {
		return false
	}
	switch n {
	case 1:
		r[0] = uint64(p[0])
	case 2:
		r[0] = uint64(binary.BigEndian.Uint16(p))
	default:
		r[0] = uint64(binary.BigEndian.Uint32(p))
	}
	return true
}
