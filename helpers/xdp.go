package helpers

import (
	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
)

func init() {
	define(map[string]Func{
		"xdp_adjust_head":  xdpAdjustHead,
		"xdp_adjust_tail":  xdpAdjustTail,
		"xdp_adjust_meta":  xdpAdjustMeta,
		"xdp_get_buff_len": func(c *Call) uint64 { return uint64(c.Bctx.DataEnd - c.Bctx.Data) },
		"xdp_load_bytes":   xdpLoadBytes,
		"xdp_store_bytes":  xdpStoreBytes,
	})
}

const (
	ethHLen = 14
	// xdpFrameSize is sizeof(struct xdp_frame), which stays free at the hard start.
	xdpFrameSize = 40
	maxXDPMeta   = 255
	maxXDPLen    = 0xffff
)

// sync shows moved packet data in the context.
func (c *Call) sync() {
	if b := c.Bctx; b.Type != nil && b.Type.Sync != nil {
		b.Type.Sync(b)
	}
}

func xdpAdjustHead(c *Call) uint64 {
	b := c.Bctx
	delta := int64(int32(c.Args[1]))
	meta := b.Data - b.DataMeta
	data := int64(b.Data) + delta
	if data < int64(b.HardStart)+xdpFrameSize+int64(meta) || data > int64(b.DataEnd)-ethHLen {
		return errno.EINVAL.R0()
	}
	if meta != 0 {
		from, ok := c.Bytes(uint64(b.DataMeta), uint64(meta))
		if !ok {
			return 0
		}
		to, ok := c.Bytes(uint64(int64(b.DataMeta)+delta), uint64(meta))
		if !ok {
			return 0
		}
		copy(to, from)
	}
	b.DataMeta = guest.Addr(int64(b.DataMeta) + delta)
	b.Data = guest.Addr(data)
	c.sync()
	return 0
}

func xdpAdjustTail(c *Call) uint64 {
	b := c.Bctx
	delta := int64(int32(c.Args[1]))
	end := int64(b.DataEnd) + delta
	if end > int64(b.HardEnd) || end < int64(b.Data)+ethHLen {
		return errno.EINVAL.R0()
	}
	if delta > 0 {
		fresh, ok := c.span(uint64(b.DataEnd), uint64(delta))
		if !ok {
			return 0
		}
		clear(fresh)
	}
	b.DataEnd = guest.Addr(end)
	c.sync()
	return 0
}

func xdpAdjustMeta(c *Call) uint64 {
	b := c.Bctx
	meta := int64(b.DataMeta) + int64(int32(c.Args[1]))
	if meta < int64(b.HardStart)+xdpFrameSize || meta > int64(b.Data) {
		return errno.EINVAL.R0()
	}
	if n := int64(b.Data) - meta; n%4 != 0 || n > maxXDPMeta {
		return errno.EACCES.R0()
	}
	b.DataMeta = guest.Addr(meta)
	c.sync()
	return 0
}

// xdpBytes returns R4 bytes at offset R2 of the packet, or what the helper returns.
func (c *Call) xdpBytes() ([]byte, uint64) {
	off, n := uint64(uint32(c.Args[1])), uint64(uint32(c.Args[3]))
	if off > maxXDPLen || n > maxXDPLen {
		return nil, errno.EFAULT.R0()
	}
	if off+n > uint64(c.Bctx.DataEnd-c.Bctx.Data) {
		return nil, errno.EINVAL.R0()
	}
	b, ok := c.span(uint64(c.Bctx.Data)+off, n)
	if !ok {
		return nil, 0
	}
	return b, 0
}

func xdpLoadBytes(c *Call) uint64 {
	src, r0 := c.xdpBytes()
	if src == nil {
		return r0
	}
	dst, ok := c.Bytes(c.Args[2], uint64(len(src)))
	if !ok {
		return 0
	}
	copy(dst, src)
	return 0
}

func xdpStoreBytes(c *Call) uint64 {
	dst, r0 := c.xdpBytes()
	if dst == nil {
		return r0
	}
	src, ok := c.Bytes(c.Args[2], uint64(len(dst)))
	if !ok {
		return 0
	}
	copy(dst, src)
	return 0
}
