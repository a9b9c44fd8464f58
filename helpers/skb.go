package helpers

import (
	"github.com/gbpf/gbpf/internal/errno"
)

func init() {
	define(map[string]Func{
		"skb_load_bytes":          skbLoadBytes,
		"skb_load_bytes_relative": skbLoadBytesRelative,
		"skb_store_bytes":         skbStoreBytes,
		"skb_pull_data":           skbPullData,
		"skb_change_tail":         skbChangeTail,
		"skb_change_head":         skbChangeHead,
		"skb_change_type":         skbChangeType,
		"get_hash_recalc":         getHashRecalc,
		"set_hash":                setHash,
		"set_hash_invalid":        setHashInvalid,
	})
}

// maxSkbLen is the longest packet that a helper makes (BPF_SKB_MAX_LEN): four pages without
// struct skb_shared_info.
const maxSkbLen = 4*4096 - 320

// skbLen is the packet's length in bytes.
func (c *Call) skbLen() uint64 { return uint64(c.Bctx.DataEnd - c.Bctx.Data) }

// packet returns n bytes at an offset of the packet, nil when they are not all in it.
func (c *Call) packet(off, n uint64) []byte {
	if all := c.skbLen(); off > all || n > all-off {
		return nil
	}
	b, ok := c.span(uint64(c.Bctx.Data)+off, n)
	if !ok {
		return nil
	}
	return b
}

// macHeader and netHeader are where the link-layer and network headers lie, as offsets from
// the packet's data.
func (c *Call) macHeader() int64 { return -int64(c.Bctx.Skb.Hidden) }
func (c *Call) netHeader() int64 { return c.macHeader() + int64(c.Bctx.Skb.MacLen) }

func skbLoadBytes(c *Call) uint64 {
	off, n := uint64(uint32(c.Args[1])), uint64(uint32(c.Args[3]))
	dst, ok := c.span(c.Args[2], n)
	if !ok {
		return 0
	}
	src := c.packet(off, n)
	if src == nil {
		clear(dst)
		return errno.EFAULT.R0()
	}
	copy(dst, src)
	return 0
}

func skbLoadBytesRelative(c *Call) uint64 {
	off, n := uint64(uint32(c.Args[1])), uint64(uint32(c.Args[3]))
	dst, ok := c.span(c.Args[2], n)
	if !ok {
		return 0
	}
	start := c.macHeader()
	switch uint32(c.Args[4]) {
	case 0: // BPF_HDR_START_MAC
	case 1: // BPF_HDR_START_NET
		start = c.netHeader()
	default:
		off = 1 << 32
	}
	if off > 0xffff || start+int64(off+n) > int64(c.skbLen()) {
		clear(dst)
		return errno.EFAULT.R0()
	}
	src, ok := c.Bytes(uint64(int64(c.Bctx.Data)+start)+off, n)
	if !ok {
		return 0
	}
	copy(dst, src)
	return 0
}

// Flags of skb_store_bytes.
const (
	recomputeCsum  = 1 << 0 // BPF_F_RECOMPUTE_CSUM; a run's packets have no device checksum
	invalidateHash = 1 << 1 // BPF_F_INVALIDATE_HASH
)

func skbStoreBytes(c *Call) uint64 {
	off, n, flags := uint64(uint32(c.Args[1])), uint64(uint32(c.Args[3])), c.Args[4]
	if flags&^(recomputeCsum|invalidateHash) != 0 {
		return errno.EINVAL.R0()
	}
	src, ok := c.Bytes(c.Args[2], n)
	if !ok {
		return 0
	}
	dst := c.packet(off, n)
	if dst == nil {
		return errno.EFAULT.R0()
	}
	copy(dst, src)
	if flags&invalidateHash != 0 {
		c.clearHash()
	}
	return 0
}

// skbPullData makes R2 bytes of the packet linear: in gbpf all of them are.
func skbPullData(c *Call) uint64 {
	if uint64(uint32(c.Args[1])) > c.skbLen() {
		return errno.ENOMEM.R0()
	}
	c.Bctx.DataMeta = c.Bctx.Data
	c.sync()
	return 0
}

// skbChangeTail makes the packet R2 bytes long, with zeros behind its end.
func skbChangeTail(c *Call) uint64 {
	n := uint64(uint32(c.Args[1]))
	if c.Args[2] != 0 || n > maxSkbLen || int64(n) < c.netHeader() {
		return errno.EINVAL.R0()
	}
	if old := c.skbLen(); n > old {
		if !c.makeRoom(0, n-old) {
			return c.failed(errno.ENOMEM)
		}
		fresh, ok := c.span(uint64(c.Bctx.DataEnd), n-old)
		if !ok {
			return 0
		}
		clear(fresh)
	}
	b := c.Bctx
	b.DataEnd = b.Data + uint32(n)
	b.DataMeta = b.Data
	c.sync()
	return 0
}

// skbChangeHead puts R2 zero bytes in front of the packet, where the link-layer header now
// starts.
func skbChangeHead(c *Call) uint64 {
	n := uint64(uint32(c.Args[1]))
	if c.Args[2] != 0 || c.skbLen()+n > maxSkbLen {
		return errno.EINVAL.R0()
	}
	if !c.push(uint32(n)) {
		return c.failed(errno.ENOMEM)
	}
	head, ok := c.span(uint64(c.Bctx.Data), n)
	if !ok {
		return 0
	}
	clear(head)
	s := &c.Bctx.Skb
	// The network header stays where it is.
	s.MacLen = uint32(c.netHeader() + int64(n))
	s.Hidden = 0
	c.sync()
	return 0
}

// failed is an errno, or nothing when a trap is raised.
func (c *Call) failed(e errno.Errno) uint64 {
	if c.Err != nil {
		return 0
	}
	return e.R0()
}

// push moves the start of the packet n bytes to the front.
func (c *Call) push(n uint32) bool {
	if !c.makeRoom(uint64(n), 0) {
		return false
	}
	c.Bctx.Data -= n
	c.Bctx.DataMeta = c.Bctx.Data
	return true
}

// makeRoom moves the packet within its area so that head bytes are free in front of it, what
// lies in front of it included, and tail bytes behind it.
func (c *Call) makeRoom(head, tail uint64) bool {
	b := c.Bctx
	hidden := uint64(b.Skb.Hidden)
	if uint64(b.Data-b.HardStart) >= head+hidden && uint64(b.HardEnd-b.DataEnd) >= tail {
		return true
	}
	size := uint64(b.DataEnd - b.Data)
	area := uint64(b.HardEnd - b.HardStart)
	need := head + hidden + size + tail
	if need > area {
		return false
	}
	from, ok := c.span(uint64(b.Data)-hidden, hidden+size)
	if !ok {
		return false
	}
	// Leave a little of the rest in front, so that the next push need not move again.
	start := uint64(b.HardStart) + head + min(area-need, 64)
	to, ok := c.Bytes(start, hidden+size)
	if !ok {
		return false
	}
	copy(to, from)
	b.Data = uint32(start + hidden)
	b.DataMeta = b.Data
	b.DataEnd = b.Data + uint32(size)
	return true
}

func skbChangeType(c *Call) uint64 {
	const otherHost = 3
	s := &c.Bctx.Skb
	if s.PktType > otherHost || uint32(c.Args[1]) > otherHost {
		return errno.EINVAL.R0()
	}
	s.PktType = uint32(c.Args[1])
	c.sync()
	return 0
}

func (c *Call) clearHash() {
	c.Bctx.Skb.Hash, c.Bctx.Skb.HasHash = 0, false
	c.sync()
}

func setHash(c *Call) uint64 {
	c.Bctx.Skb.Hash, c.Bctx.Skb.HasHash = uint32(c.Args[1]), true
	c.sync()
	return 0
}

func setHashInvalid(c *Call) uint64 {
	c.clearHash()
	return 0
}

// getHashRecalc returns the packet's hash, computed from its network and transport headers
// when it has none. The kernel's is keyed by chance; gbpf's is the same for the same flow, always.
func getHashRecalc(c *Call) uint64 {
	s := &c.Bctx.Skb
	if !s.HasHash && s.Hash == 0 {
		start := max(c.netHeader(), 0)
		n := min(int64(c.skbLen())-start, 64)
		if n < 0 {
			n = 0
		}
		s.Hash, s.HasHash = flowHash(c.packet(uint64(start), uint64(n)), s.Protocol), true
		c.sync()
	}
	return uint64(s.Hash)
}
