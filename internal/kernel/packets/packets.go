// Package packets builds the fixed set of packets that differential tests feed to
// the kernel and to gbpf: well-formed ones of every protocol that the test programs
// parse, and the same ones cut short. The set is the same on every machine.
package packets

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Packet is one Ethernet frame and what it is called in test names and recordings.
type Packet struct {
	Name string
	Data []byte
}

// Ethertypes and IP protocol numbers, from IANA's registries.
const (
	TypeIPv4 = 0x0800
	TypeARP  = 0x0806
	TypeVLAN = 0x8100
	TypeIPv6 = 0x86dd
	TypeQinQ = 0x88a8

	ProtoHopByHop = 0
	ProtoICMP     = 1
	ProtoTCP      = 6
	ProtoUDP      = 17
	ProtoRouting  = 43
	ProtoFragment = 44
	ProtoGRE      = 47
	ProtoICMPv6   = 58
	ProtoDstOpts  = 60
)

// TCP flags.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
)

// Addresses that most packets of the set carry; filter tests put them into maps.
var (
	MAC1 = [6]byte{0x02, 0, 0, 0, 0, 0x01}
	MAC2 = [6]byte{0x02, 0, 0, 0, 0, 0x02}
	MAC3 = [6]byte{0x02, 0, 0, 0, 0, 0x03}
	V4A  = netip.MustParseAddr("192.0.2.1")
	V4B  = netip.MustParseAddr("198.51.100.7")
	V4C  = netip.MustParseAddr("203.0.113.9")
	V6A  = netip.MustParseAddr("2001:db8::1")
	V6B  = netip.MustParseAddr("2001:db8:0:7::2")
	V6C  = netip.MustParseAddr("fe80::3")
)

func be16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func be32(v uint32) []byte {
	return binary.BigEndian.AppendUint32(nil, v)
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// Fill is n bytes of payload in which no two neighbours are equal.
func Fill(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// Checksum is the Internet checksum of RFC 1071 over parts, each of even length but the last.
func Checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, p := range parts {
		for i, v := range p {
			if i%2 == 0 {
				sum += uint32(v) << 8
			} else {
				sum += uint32(v)
			}
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// Eth is an Ethernet frame.
func Eth(dst, src [6]byte, ethertype int, payload []byte) []byte {
	return join(dst[:], src[:], be16(ethertype), payload)
}

// VLAN is a tag's four bytes less the TPID that the header before it carries: the payload of a
// frame whose ethertype is TypeVLAN or TypeQinQ.
func VLAN(tci, ethertype int, payload []byte) []byte {
	return join(be16(tci), be16(ethertype), payload)
}

// IPv4 is what an IPv4 header may differ in; zero means the usual.
type IPv4 struct {
	Src, Dst netip.Addr
	Proto    int
	TTL      int
	Options  []byte // multiple of 4 bytes
	Frag     int    // flags and offset field
	IHL      int    // lie about the header length, in 32-bit words
	Version  int    // lie about the version
	BadSum   bool
}

// Packet is the header followed by payload.
func (h IPv4) Packet(payload []byte) []byte {
	ihl, ttl, version := 5+len(h.Options)/4, h.TTL, 4
	if ttl == 0 {
		ttl = 64
	}
	total := ihl*4 + len(payload)
	if h.IHL != 0 {
		ihl = h.IHL
	}
	if h.Version != 0 {
		version = h.Version
	}
	s, d := h.Src.As4(), h.Dst.As4()
	b := join([]byte{byte(version<<4 | ihl), 0}, be16(total), be16(0x1234), be16(h.Frag),
		[]byte{byte(ttl), byte(h.Proto), 0, 0}, s[:], d[:], h.Options)
	sum := Checksum(b)
	if h.BadSum {
		sum ^= 0x5555
	}
	binary.BigEndian.PutUint16(b[10:], sum)
	return append(b, payload...)
}

// IPv6 is an IPv6 header.
type IPv6 struct {
	Src, Dst netip.Addr
	Next     int
	HopLimit int
	Class    int
	Flow     uint32
}

// Packet is the header followed by payload.
func (h IPv6) Packet(payload []byte) []byte {
	hop := h.HopLimit
	if hop == 0 {
		hop = 64
	}
	s, d := h.Src.As16(), h.Dst.As16()
	return join(be32(6<<28|uint32(h.Class)<<20|h.Flow), be16(len(payload)), []byte{byte(h.Next), byte(hop)}, s[:], d[:], payload)
}

// pseudo is the pseudo header that transport checksums cover.
func pseudo(src, dst netip.Addr, proto, n int) []byte {
	return join(src.AsSlice(), dst.AsSlice(), be32(uint32(n)), be32(uint32(proto)))
}

// TCP is a segment with a valid checksum for the two addresses.
func TCP(src, dst netip.Addr, sport, dport, flags int, options, payload []byte) []byte {
	b := join(be16(sport), be16(dport), be32(0x01020304), be32(0x05060708),
		[]byte{byte(5+len(options)/4) << 4, byte(flags)}, be16(0xfaf0), be16(0), be16(0), options, payload)
	binary.BigEndian.PutUint16(b[16:], Checksum(pseudo(src, dst, ProtoTCP, len(b)), b))
	return b
}

// UDP is a datagram with a valid checksum for the two addresses.
func UDP(src, dst netip.Addr, sport, dport int, payload []byte) []byte {
	b := join(be16(sport), be16(dport), be16(8+len(payload)), be16(0), payload)
	sum := Checksum(pseudo(src, dst, ProtoUDP, len(b)), b)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

// ICMP is a message of ICMP.
func ICMP(typ, code int, rest uint32, payload []byte) []byte {
	b := join([]byte{byte(typ), byte(code), 0, 0}, be32(rest), payload)
	binary.BigEndian.PutUint16(b[2:], Checksum(b))
	return b
}

// ICMPv6 is a message of ICMPv6 with a valid checksum for the two addresses.
func ICMPv6(src, dst netip.Addr, typ, code int, rest uint32, payload []byte) []byte {
	b := join([]byte{byte(typ), byte(code), 0, 0}, be32(rest), payload)
	binary.BigEndian.PutUint16(b[2:], Checksum(pseudo(src, dst, ProtoICMPv6, len(b)), b))
	return b
}

// ARP is a request or reply for IPv4 over Ethernet.
func ARP(op int, sha [6]byte, spa netip.Addr, tha [6]byte, tpa netip.Addr) []byte {
	s, d := spa.As4(), tpa.As4()
	return join(be16(1), be16(TypeIPv4), []byte{6, 4}, be16(op), sha[:], s[:], tha[:], d[:])
}

// Ext is an IPv6 extension header of 8 + 8*n bytes.
func Ext(next, n int, payload []byte) []byte {
	b := append([]byte{byte(next), byte(n), 1, byte(4 + 8*n)}, make([]byte, 4+8*n)...) // one PadN option
	return append(b, payload...)
}

// FragmentExt is an IPv6 fragment header.
func FragmentExt(next, field int, payload []byte) []byte {
	return join([]byte{byte(next), 0}, be16(field), be32(0xdeadbeef), payload)
}

// cuts returns the packet cut at each length, named after the length.
func cuts(name string, data []byte, lens ...int) []Packet {
	var out []Packet
	for _, n := range lens {
		if n < len(data) {
			out = append(out, Packet{fmt.Sprintf("%s cut at %d", name, n), data[:n:n]})
		}
	}
	return out
}
