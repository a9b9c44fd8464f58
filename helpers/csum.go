package helpers

import (
	"encoding/binary"
	"math/bits"

	"github.com/gbpf/gbpf/internal/errno"
)

func init() {
	define(map[string]Func{
		"csum_diff":       csumDiff,
		"csum_update":     csumUpdate,
		"csum_level":      csumLevel,
		"l3_csum_replace": l3CsumReplace,
		"l4_csum_replace": l4CsumReplace,
	})
}

// csumAdd is the ones' complement sum of two partial checksums.
func csumAdd(a, b uint32) uint32 {
	sum, carry := bits.Add32(a, b, 0)
	return sum + carry
}

// csumPartial adds b, as little-endian words, to sum.
func csumPartial(b []byte, sum uint32) uint32 {
	acc, carry := uint64(sum), uint64(0)
	for ; len(b) >= 8; b = b[8:] {
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b), carry)
	}
	if len(b) > 0 {
		var tail [8]byte
		copy(tail[:], b)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(tail[:]), carry)
	}
	acc, carry = bits.Add64(acc, carry, 0)
	acc += carry
	return csumAdd(uint32(acc>>32), uint32(acc))
}

// csum32to16 folds a partial checksum to 16 bits, not complemented.
func csum32to16(sum uint32) uint32 {
	sum += sum>>16 | sum<<16
	return sum >> 16
}

// csumFold folds a partial checksum to what a header holds.
func csumFold(sum uint32) uint16 { return ^uint16(csum32to16(sum)) }

// csumDiff is the change of a checksum when R1's bytes give way to R3's.
func csumDiff(c *Call) uint64 {
	fromSize, toSize, seed := uint64(uint32(c.Args[1])), uint64(uint32(c.Args[3])), uint32(c.Args[4])
	from, ok := c.span(c.Args[0], fromSize)
	if !ok {
		return 0
	}
	to, ok := c.span(c.Args[2], toSize)
	if !ok {
		return 0
	}
	// The kernel's order of steps decides whether a sum of zero is 0 or 0xffff.
	sum := seed
	switch {
	case fromSize != 0 && toSize != 0:
		sum = csumAdd(csumPartial(to, seed), ^csumPartial(from, 0))
	case toSize != 0:
		sum = csumPartial(to, seed)
	case fromSize != 0:
		sum = ^csumPartial(from, ^seed)
	}
	return uint64(csum32to16(sum))
}

// csumUpdate changes the checksum that a device computed: a run's packets have none.
func csumUpdate(*Call) uint64 { return errno.ENOTSUPP.R0() }

// csumLevel counts how many checksums of the packet are known to be good.
func csumLevel(c *Call) uint64 {
	level := &c.Bctx.Skb.CsumLevel
	switch c.Args[1] {
	case 0: // BPF_CSUM_LEVEL_QUERY
		if *level == 0 {
			return errno.EACCES.R0()
		}
		return uint64(*level - 1)
	case 1: // BPF_CSUM_LEVEL_INC
		*level = min(*level+1, 4)
	case 2: // BPF_CSUM_LEVEL_DEC
		if *level > 0 {
			*level--
		}
	case 3: // BPF_CSUM_LEVEL_RESET
		*level = 0
	default:
		return errno.EINVAL.R0()
	}
	return 0
}

// Flags of the checksum helpers.
const (
	csumSizeMask    = 0xf    // BPF_F_HDR_FIELD_MASK
	csumPseudoHdr   = 1 << 4 // BPF_F_PSEUDO_HDR
	csumMangled0    = 1 << 5 // BPF_F_MARK_MANGLED_0
	csumMarkEnforce = 1 << 6 // BPF_F_MARK_ENFORCE
	csumIPv6        = 1 << 7 // BPF_F_IPV6
)

// csumField returns the checksum at offset R2 of the packet, or what the helper returns.
func (c *Call) csumField() ([]byte, uint64) {
	off := c.Args[1] & (1<<32 - 1)
	if off > 0xffff || off&1 != 0 {
		return nil, errno.EFAULT.R0()
	}
	b := c.packet(off, 2)
	if b == nil {
		return nil, errno.EFAULT.R0()
	}
	return b, 0
}

func l3CsumReplace(c *Call) uint64 {
	from, to, flags := c.Args[2], c.Args[3], c.Args[4]
	if flags&^csumSizeMask != 0 {
		return errno.EINVAL.R0()
	}
	b, r0 := c.csumField()
	if b == nil {
		return r0
	}
	sum := binary.LittleEndian.Uint16(b)
	switch flags {
	case 0:
		if from != 0 {
			return errno.EINVAL.R0()
		}
		sum = csumFold(csumAdd(uint32(to), uint32(^sum)))
	case 2:
		// ~m - from + to in 16 bits.
		x := csum16Add(^sum, ^uint16(from))
		sum = ^csum16Add(x, uint16(to))
	case 4:
		sum = csumReplace4(sum, uint32(from), uint32(to))
	default:
		return errno.EINVAL.R0()
	}
	binary.LittleEndian.PutUint16(b, sum)
	return 0
}

func csum16Add(a, b uint16) uint16 {
	sum := uint32(a) + uint32(b)
	return uint16(sum + sum>>16)
}

func csumReplace4(sum uint16, from, to uint32) uint16 {
	return csumFold(csumAdd(csumAdd(uint32(^sum), ^from), to))
}

func l4CsumReplace(c *Call) uint64 {
	from, to, flags := c.Args[2], c.Args[3], c.Args[4]
	if flags&^(csumSizeMask|csumPseudoHdr|csumMangled0|csumMarkEnforce|csumIPv6) != 0 {
		return errno.EINVAL.R0()
	}
	b, r0 := c.csumField()
	if b == nil {
		return r0
	}
	sum := binary.LittleEndian.Uint16(b)
	if flags&csumMangled0 != 0 && flags&csumMarkEnforce == 0 && sum == 0 {
		return 0
	}
	switch flags & csumSizeMask {
	case 0:
		if from != 0 {
			return errno.EINVAL.R0()
		}
		sum = csumFold(csumAdd(uint32(to), uint32(^sum)))
	case 2:
		sum = csumReplace4(sum, uint32(uint16(from)), uint32(uint16(to)))
	case 4:
		sum = csumReplace4(sum, uint32(from), uint32(to))
	default:
		return errno.EINVAL.R0()
	}
	if flags&csumMangled0 != 0 && sum == 0 {
		sum = 0xffff
	}
	binary.LittleEndian.PutUint16(b, sum)
	return 0
}
