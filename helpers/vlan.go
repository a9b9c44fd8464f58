package helpers

import (
	"encoding/binary"
	"math/bits"

	"github.com/gbpf/gbpf/internal/errno"
)

func init() {
	define(map[string]Func{
		"skb_vlan_push": skbVlanPush,
		"skb_vlan_pop":  skbVlanPop,
	})
}

const (
	ethP8021Q  = 0x8100
	ethP8021AD = 0x88a8
	ethP802_3  = 0x0001
	ethP802_2  = 0x0004
	vlanHLen   = 4
	macAddrs   = 12 // destination and source address
)

func isVlan(proto uint16) bool { return proto == ethP8021Q || proto == ethP8021AD }

// skbVlanPush tags the packet. The tag is kept beside it; one that was there moves into the
// packet's data.
func skbVlanPush(c *Call) uint64 {
	proto, tci := bits.ReverseBytes16(uint16(c.Args[1])), uint16(c.Args[2])
	if !isVlan(proto) {
		proto = ethP8021Q
	}
	s := &c.Bctx.Skb
	if s.HasVlan {
		if c.skbLen() < macAddrs {
			return errno.EFAULT.R0()
		}
		if !c.push(vlanHLen) {
			return c.failed(errno.ENOMEM)
		}
		head, ok := c.Bytes(uint64(c.Bctx.Data), macAddrs+vlanHLen)
		if !ok {
			return 0
		}
		copy(head, head[vlanHLen:])
		binary.BigEndian.PutUint16(head[macAddrs:], s.VlanProto)
		binary.BigEndian.PutUint16(head[macAddrs+2:], s.VlanTCI)
		s.Protocol = s.VlanProto
		// MacLen stays: the kernel's network header offset does, too.
	}
	s.HasVlan, s.VlanProto, s.VlanTCI = true, proto, tci
	c.Bctx.DataMeta = c.Bctx.Data
	c.sync()
	return 0
}

// skbVlanPop removes the outermost tag; the next one in the data, if any, takes its place
// beside the packet.
func skbVlanPop(c *Call) uint64 {
	s := &c.Bctx.Skb
	if s.HasVlan {
		s.HasVlan, s.VlanProto, s.VlanTCI = false, 0, 0
	} else {
		if !isVlan(s.Protocol) {
			return 0
		}
		if _, e := c.vlanPull(); e != 0 {
			return c.failed(e)
		}
	}
	if isVlan(s.Protocol) {
		proto := s.Protocol
		tci, e := c.vlanPull()
		if e != 0 {
			c.sync()
			return c.failed(e)
		}
		s.HasVlan, s.VlanProto, s.VlanTCI = true, proto, tci
	}
	c.Bctx.DataMeta = c.Bctx.Data
	c.sync()
	return 0
}

// vlanPull takes the tag out of the packet's data and returns its control information.
func (c *Call) vlanPull() (tci uint16, e errno.Errno) {
	const vlanEthHLen = ethHLen + vlanHLen
	if c.skbLen() < vlanEthHLen {
		return 0, errno.ENOMEM
	}
	b := c.packet(0, min(c.skbLen(), vlanEthHLen+2))
	if b == nil {
		return 0, errno.EFAULT
	}
	tci = binary.BigEndian.Uint16(b[ethHLen:])
	s := &c.Bctx.Skb
	switch inner := binary.BigEndian.Uint16(b[ethHLen+2:]); {
	case inner >= 0x600:
		s.Protocol = inner
	case len(b) >= vlanEthHLen+2 && b[18] == 0xff && b[19] == 0xff:
		s.Protocol = ethP802_3
	default:
		s.Protocol = ethP802_2
	}
	copy(b[vlanHLen:macAddrs+vlanHLen], b[:macAddrs])
	c.Bctx.Data += vlanHLen
	c.Bctx.DataMeta = c.Bctx.Data
	s.MacLen = max(ethHLen, s.MacLen-min(s.MacLen, vlanHLen))
	return tci, 0
}
