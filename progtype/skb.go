package progtype

import (
	"encoding/binary"
	"math/bits"

	"github.com/gbpf/gbpf/internal/guest"
)

// Packet types (__sk_buff.pkt_type), from the destination address.
const (
	PacketHost      = 0
	PacketBroadcast = 1
	PacketMulticast = 2
	PacketOtherHost = 3
)

const (
	ethP802_3 = 0x0001 // raw 802.3 frame
	ethP802_2 = 0x0004 // 802.2 frame
	ethPIP    = 0x0800
	ethPIPv6  = 0x86dd

	afInet  = 2
	afInet6 = 10

	// sockOff is where the struct bpf_sock of a run lies in the context page.
	sockOff = 1024

	gsoMaxSegs = 65535
	wireLenMax = 65536
)

// Offsets in struct bpf_sock.
const (
	sockFamily   = 4
	sockType     = 8
	sockProtocol = 12
	sockSrcIP4   = 24
	sockSrcIP6   = 28
	sockSrcPort  = 44
	sockDstPort  = 48
	sockDstIP4   = 52
	sockDstIP6   = 56
	sockState    = 72
	sockRxQueue  = 76
)

// skbUser lists the stretches of __sk_buff that a user may set in the context
// structure of a test run; everything else must be zero.
var skbUser = [...]struct{ off, end uint32 }{
	{skbMark, skbMark + 4}, {skbPriority, skbIfindex + 4}, {skbCb, skbCb + 20},
	{skbTstamp, skbGsoSegs + 4}, {skbGsoSize, skbGsoSize + 4}, {skbHwtstamp, skbHwtstamp + 8},
}

func setupSkbL2(b *Bctx, in *Input) error   { return setupSkb(b, in, true, true) }
func setupSkbL3(b *Bctx, in *Input) error   { return setupSkb(b, in, false, false) }
func setupLwtXmit(b *Bctx, in *Input) error { return setupSkb(b, in, false, true) }
func setupSkSkb(b *Bctx, in *Input) error   { return setupSkb(b, in, false, true) }

// ipHeader is where the IP header that a frame's Ethernet header announces ends, without
// options: the kernel runs nothing on a shorter frame.
func ipHeader(frame []byte) (end int, what string) {
	switch binary.BigEndian.Uint16(frame[12:]) {
	case ethPIP:
		return ethHLen + 20, "IPv4"
	case ethPIPv6:
		return ethHLen + 40, "IPv6"
	}
	return ethHLen, ""
}

func setupSkb(b *Bctx, in *Input, l2, writable bool) error {
	ctx, err := b.begin(skbSize)
	if err != nil {
		return err
	}
	if in.Ctx != nil {
		if err := b.skbUserCtx(ctx, in.Ctx); err != nil {
			return err
		}
	}
	if len(in.Data) < ethHLen {
		return b.inputError("data", "%d bytes, shorter than an Ethernet header of %d", len(in.Data), ethHLen)
	}
	if n, what := ipHeader(in.Data); len(in.Data) < n {
		return b.inputError("data", "%d bytes, shorter than the %d of Ethernet and the %s header that its type announces", len(in.Data), n, what)
	}
	if in.Meta != 0 {
		return b.inputError("data_meta", "socket buffers of a run carry no metadata")
	}
	if err := b.place(in.Data, 0); err != nil {
		return err
	}
	b.HardEnd = b.HardStart + b.Slot.PacketSize
	if b.Area != 0 {
		b.HardEnd = b.Area + b.AreaSize
	}
	b.PacketWritable = writable
	b.Skb.L2, b.Skb.MacLen = l2, ethHLen
	if !l2 {
		b.Skb.Hidden = ethHLen
		b.Data += ethHLen
		b.DataMeta = b.Data
	}
	b.skbDefaults(ctx, in.Data)
	if in.Fields != nil {
		if err := b.setFields(ctx, in.Fields); err != nil {
			return err
		}
	}
	if w := get32(ctx, skbWireLen); w == 0 {
		// The kernel sets it only for who gives a context.
		if in.Ctx != nil {
			put32(ctx, skbWireLen, b.DataEnd-b.Data)
		}
	} else if w < b.DataEnd-b.Data || w > wireLenMax {
		return b.inputError("wire_len", "is %d, not between the packet's %d and %d bytes", w, b.DataEnd-b.Data, wireLenMax)
	}
	if n := get32(ctx, skbGsoSegs); n > gsoMaxSegs {
		return b.inputError("gso_segs", "is %d, more than %d", n, gsoMaxSegs)
	}
	// The kernel keeps 16 bits of it, and gives back what it was given.
	b.user.gsoSize = get32(ctx, skbGsoSize)
	put32(ctx, skbGsoSize, b.user.gsoSize&0xffff)
	// What the host set by name is the socket buffer's state from here on.
	b.Skb.PktType = get32(ctx, skbPktType)
	b.Skb.Hash = get32(ctx, skbHash)
	b.Skb.Protocol = bits.ReverseBytes16(uint16(get32(ctx, skbProtocol)))
	b.Skb.VlanTCI = uint16(get32(ctx, skbVlanTCI))
	b.Skb.VlanProto = bits.ReverseBytes16(uint16(get32(ctx, skbVlanProto)))
	b.Skb.HasVlan = get32(ctx, skbVlan) != 0 || b.Skb.VlanTCI != 0 || b.Skb.VlanProto != 0
	if b.Skb.HasVlan && b.Skb.VlanProto == 0 {
		b.Skb.VlanProto = 0x8100
	}
	b.placeSock(ctx)
	syncSkb(b)
	return nil
}

// skbUserCtx takes the user's __sk_buff, in which only the fields of skbUser may be set.
func (b *Bctx) skbUserCtx(ctx, user []byte) error {
	if err := b.userStruct(ctx, user); err != nil {
		return err
	}
	b.user.given = true
	next := uint32(0)
	for i := 0; i <= len(skbUser); i++ {
		stop, cont := uint32(skbSize), uint32(skbSize)
		if i < len(skbUser) {
			stop, cont = skbUser[i].off, skbUser[i].end
		}
		for off := next; off < stop; off++ {
			if ctx[off] == 0 {
				continue
			}
			name := "ctx"
			if n := b.Type.Ctx.index[off]; n != 0 {
				name = b.Type.Ctx.Fields[n-1].Name
			}
			return b.inputError(name, "must be 0 in a __sk_buff given as bytes (byte %d is set); set it by name", off)
		}
		next = cont
	}
	return nil
}

// skbDefaults fills in what the kernel knows of a fresh test-run buffer: it came in on
// the loopback device, whose address is all zeros.
func (b *Bctx) skbDefaults(ctx, data []byte) {
	if get32(ctx, skbIfindex) == 0 {
		put32(ctx, skbIfindex, 1)
	}
	proto := binary.BigEndian.Uint16(data[12:])
	if proto < 0x600 {
		// A length: 802.3. Old Novell frames start with a checksum of all ones.
		proto = ethP802_2
		if len(data) >= ethHLen+2 && data[14] == 0xff && data[15] == 0xff {
			proto = ethP802_3
		}
	}
	put32(ctx, skbProtocol, uint32(bits.ReverseBytes16(proto)))
	typ := uint32(PacketOtherHost)
	switch {
	case [6]byte(data[:6]) == [6]byte{}:
		typ = PacketHost
	case data[0]&1 != 0:
		// All ones too: the loopback device has no broadcast address.
		typ = PacketMulticast
	}
	put32(ctx, skbPktType, typ)
	l3 := data[ethHLen:]
	switch {
	case proto == ethPIP && len(l3) >= 20:
		put32(ctx, skbFamily, afInet)
		copy(ctx[skbLocalIP4:skbLocalIP4+4], l3[12:])
		copy(ctx[skbRemoteIP4:skbRemoteIP4+4], l3[16:])
	case proto == ethPIPv6 && len(l3) >= 40:
		put32(ctx, skbFamily, afInet6)
		copy(ctx[skbLocalIP6:skbLocalIP6+16], l3[8:])
		copy(ctx[skbRemoteIP6:skbRemoteIP6+16], l3[24:])
	}
}

// placeSock makes the struct bpf_sock that __sk_buff.sk points to.
func (b *Bctx) placeSock(ctx []byte) {
	b.Sock = b.Slot.Ctx + sockOff
	s := b.bytes(b.Sock, SockSize)
	if s == nil {
		b.Sock = 0
		return
	}
	clear(s)
	put32(s, sockFamily, get32(ctx, skbFamily))
	copy(s[sockSrcIP4:sockSrcIP4+4], ctx[skbLocalIP4:])
	copy(s[sockDstIP4:sockDstIP4+4], ctx[skbRemoteIP4:])
	copy(s[sockSrcIP6:sockSrcIP6+16], ctx[skbLocalIP6:])
	copy(s[sockDstIP6:sockDstIP6+16], ctx[skbRemoteIP6:])
	put32(s, sockSrcPort, get32(ctx, skbLocalPort))
	put32(s, sockDstPort, get32(ctx, skbRemotePort))
	put32(s, sockRxQueue, 1<<32-1)
	binary.LittleEndian.PutUint64(ctx[skbSk:], uint64(b.Sock))
}

// syncSkb shows the socket buffer's state in __sk_buff.
func syncSkb(b *Bctx) {
	ctx := b.ctx()
	if len(ctx) != skbSize {
		return
	}
	put32(ctx, skbLen, b.DataEnd-b.Data)
	put32(ctx, skbData, b.Data)
	put32(ctx, skbDataEnd, b.DataEnd)
	put32(ctx, skbDataMeta, b.DataMeta)
	put32(ctx, skbPktType, b.Skb.PktType)
	put32(ctx, skbHash, b.Skb.Hash)
	put32(ctx, skbProtocol, uint32(bits.ReverseBytes16(b.Skb.Protocol)))
	vlan, tci, proto := uint32(0), uint32(0), uint32(0)
	if b.Skb.HasVlan {
		vlan, tci, proto = 1, uint32(b.Skb.VlanTCI), uint32(bits.ReverseBytes16(b.Skb.VlanProto))
	}
	put32(ctx, skbVlan, vlan)
	put32(ctx, skbVlanTCI, tci)
	put32(ctx, skbVlanProto, proto)
}

// skbOut lists what the kernel writes back into the user's __sk_buff.
var skbOut = [...]struct{ off, end uint32 }{
	{skbMark, skbMark + 4}, {skbPriority, skbIfindex + 4}, {skbCb, skbCb + 20},
	{skbTstamp, skbGsoSegs + 4}, {skbGsoSize, skbGsoSize + 4}, {skbHwtstamp, skbHwtstamp + 8},
}

func finishSkb(b *Bctx, out *Output) {
	// The kernel pushes a zeroed header where it pulled one off.
	var hidden [guest.Headroom]byte
	out.Data = append(out.Data, hidden[:min(b.Skb.Hidden, guest.Headroom)]...)
	out.Data = append(out.Data, b.bytes(b.Data, b.DataEnd-b.Data)...)
	ctx := b.ctx()
	if len(ctx) != skbSize {
		return
	}
	var user [skbSize]byte
	for _, r := range skbOut {
		copy(user[r.off:r.end], ctx[r.off:r.end])
	}
	put32(user[:], skbGsoSize, b.user.gsoSize)
	out.Ctx = append(out.Ctx[:0], user[:]...)
}
