package packets

// Set returns the packets, in a fixed order, each with memory of its own.
// Every one is at least 14 bytes long, which is what the kernel's test runs ask for.
func Set() []Packet {
	var set []Packet
	add := func(name string, data []byte) { set = append(set, Packet{name, data}) }

	tcp4 := func(src, dst int, flags int, payload []byte) []byte {
		return Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoTCP}.Packet(TCP(V4A, V4B, src, dst, flags, nil, payload)))
	}
	udp4 := func(src, dst int, payload []byte) []byte {
		return Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoUDP}.Packet(UDP(V4A, V4B, src, dst, payload)))
	}
	tcp6 := func(src, dst int, flags int, payload []byte) []byte {
		return Eth(MAC2, MAC1, TypeIPv6, IPv6{Src: V6A, Dst: V6B, Next: ProtoTCP}.Packet(TCP(V6A, V6B, src, dst, flags, nil, payload)))
	}
	udp6 := func(src, dst int, payload []byte) []byte {
		return Eth(MAC2, MAC1, TypeIPv6, IPv6{Src: V6A, Dst: V6B, Next: ProtoUDP}.Packet(UDP(V6A, V6B, src, dst, payload)))
	}

	// TCP over IPv4 with each kind of flags and different ports.
	add("tcp4 syn 80", tcp4(40000, 80, SYN, nil))
	add("tcp4 ack 80", tcp4(40000, 80, ACK, Fill(100)))
	add("tcp4 synack from 443", tcp4(443, 50000, SYN|ACK, nil))
	add("tcp4 fin 443", tcp4(40001, 443, FIN|ACK, nil))
	add("tcp4 rst 22", tcp4(40002, 22, RST, nil))
	add("tcp4 psh urg 8080", tcp4(40003, 8080, PSH|URG|ACK, []byte("hello, world")))
	add("tcp4 null", tcp4(1, 65535, 0, nil))
	add("tcp4 xmas", tcp4(65535, 1, FIN|PSH|URG, nil))
	tcpOpt := TCP(V4A, V4B, 40004, 80, SYN, []byte{2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 0, 0}, nil)
	add("tcp4 options", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoTCP}.Packet(tcpOpt)))
	add("tcp4 other hosts", Eth(MAC1, MAC3, TypeIPv4, IPv4{Src: V4C, Dst: V4A, Proto: ProtoTCP, TTL: 1}.Packet(TCP(V4C, V4A, 80, 40000, ACK, nil, Fill(9)))))
	add("tcp4 reply", Eth(MAC1, MAC2, TypeIPv4, IPv4{Src: V4B, Dst: V4A, Proto: ProtoTCP}.Packet(TCP(V4B, V4A, 80, 40000, ACK, nil, Fill(33)))))

	// UDP over IPv4.
	add("udp4 dns", udp4(5353, 53, Fill(40)))
	add("udp4 80", udp4(40000, 80, Fill(3)))
	add("udp4 empty", udp4(68, 67, nil))
	add("udp4 from 53", udp4(53, 33333, Fill(200)))
	add("udp4 other hosts", Eth(MAC3, MAC2, TypeIPv4, IPv4{Src: V4B, Dst: V4C, Proto: ProtoUDP}.Packet(UDP(V4B, V4C, 123, 123, Fill(48)))))
	add("udp4 bad ip checksum", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoUDP, BadSum: true}.Packet(UDP(V4A, V4B, 1000, 53, Fill(8)))))

	// ICMP, GRE and unknown protocols over IPv4.
	add("icmp echo", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoICMP}.Packet(ICMP(8, 0, 0x00010001, Fill(56)))))
	add("icmp unreachable", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4C, Dst: V4B, Proto: ProtoICMP}.Packet(ICMP(3, 3, 0, Fill(28)))))
	add("gre", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoGRE}.Packet(join(be16(0), be16(TypeIPv4), Fill(20)))))
	add("ip4 protocol 253", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: 253}.Packet(Fill(10))))

	// IPv4 options, fragments and headers that lie.
	nops := []byte{1, 1, 1, 0}
	rr := []byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	add("ip4 options tcp", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoTCP, Options: nops}.Packet(TCP(V4A, V4B, 40000, 80, SYN, nil, nil))))
	add("ip4 options udp", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoUDP, Options: rr}.Packet(UDP(V4A, V4B, 40000, 53, Fill(4)))))
	add("ip4 options max", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoUDP, Options: make([]byte, 40)}.Packet(UDP(V4A, V4B, 40000, 53, Fill(4)))))
	udp := UDP(V4A, V4B, 2000, 53, Fill(64))
	add("ip4 first fragment", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoUDP, Frag: 0x2000}.Packet(udp[:40])))
	add("ip4 last fragment", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoUDP, Frag: 5}.Packet(udp[40:])))
	add("ip4 do not fragment", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoUDP, Frag: 0x4000}.Packet(udp)))
	add("ip4 ihl 4", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoTCP, IHL: 4}.Packet(Fill(40))))
	add("ip4 ihl 15 beyond end", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoTCP, IHL: 15}.Packet(Fill(12))))
	add("ip4 version 5", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoUDP, Version: 5}.Packet(Fill(20))))

	// IPv6.
	add("tcp6 syn 80", tcp6(40000, 80, SYN, nil))
	add("tcp6 ack 443", tcp6(40000, 443, ACK, Fill(77)))
	add("tcp6 from 22", tcp6(22, 50022, PSH|ACK, Fill(5)))
	add("udp6 dns", udp6(5353, 53, Fill(30)))
	add("udp6 80", udp6(40000, 80, nil))
	add("udp6 other hosts", Eth(MAC1, MAC3, TypeIPv6, IPv6{Src: V6C, Dst: V6A, Next: ProtoUDP, HopLimit: 1, Class: 0xb8, Flow: 0xabcde}.Packet(UDP(V6C, V6A, 546, 547, Fill(20)))))
	add("tcp6 reply", Eth(MAC1, MAC2, TypeIPv6, IPv6{Src: V6B, Dst: V6A, Next: ProtoTCP}.Packet(TCP(V6B, V6A, 80, 40000, SYN|ACK, nil, nil))))
	add("icmp6 echo", Eth(MAC2, MAC1, TypeIPv6, IPv6{Src: V6A, Dst: V6B, Next: ProtoICMPv6}.Packet(ICMPv6(V6A, V6B, 128, 0, 0x00020003, Fill(32)))))
	add("icmp6 neighbour solicitation", Eth(MAC2, MAC1, TypeIPv6, IPv6{Src: V6C, Dst: V6A, Next: ProtoICMPv6, HopLimit: 255}.Packet(ICMPv6(V6C, V6A, 135, 0, 0, V6A.AsSlice()))))
	add("ip6 no next header", Eth(MAC2, MAC1, TypeIPv6, IPv6{Src: V6A, Dst: V6B, Next: 59}.Packet(nil)))

	// IPv6 extension headers.
	udp66 := UDP(V6A, V6B, 40000, 53, Fill(16))
	tcp66 := TCP(V6A, V6B, 40000, 443, SYN, nil, nil)
	ext := func(next int, payload []byte) []byte {
		return Eth(MAC2, MAC1, TypeIPv6, IPv6{Src: V6A, Dst: V6B, Next: next}.Packet(payload))
	}
	add("ip6 hop-by-hop udp", ext(ProtoHopByHop, Ext(ProtoUDP, 0, udp66)))
	add("ip6 destination options tcp", ext(ProtoDstOpts, Ext(ProtoTCP, 1, tcp66)))
	add("ip6 routing tcp", ext(ProtoRouting, Ext(ProtoTCP, 2, tcp66)))
	add("ip6 three extensions", ext(ProtoHopByHop, Ext(ProtoRouting, 0, Ext(ProtoDstOpts, 2, Ext(ProtoUDP, 1, udp66)))))
	deep := udp66
	for next, i := ProtoUDP, 0; i < 8; i++ {
		deep, next = Ext(next, 0, deep), ProtoDstOpts
	}
	add("ip6 eight extensions", ext(ProtoDstOpts, deep))
	add("ip6 first fragment", ext(ProtoFragment, FragmentExt(ProtoUDP, 1, udp66[:16])))
	add("ip6 last fragment", ext(ProtoFragment, FragmentExt(ProtoUDP, 2<<3, udp66[16:])))
	add("ip6 extension beyond end", ext(ProtoHopByHop, []byte{ProtoTCP, 200, 1, 4, 0, 0, 0, 0}))

	// VLAN and QinQ.
	ip4 := IPv4{Src: V4A, Dst: V4B, Proto: ProtoTCP}.Packet(TCP(V4A, V4B, 40000, 80, SYN, nil, nil))
	ip6 := IPv6{Src: V6A, Dst: V6B, Next: ProtoUDP}.Packet(udp66)
	add("vlan tcp4", Eth(MAC2, MAC1, TypeVLAN, VLAN(100, TypeIPv4, ip4)))
	add("vlan priority udp6", Eth(MAC2, MAC1, TypeVLAN, VLAN(7<<13|4094, TypeIPv6, ip6)))
	add("qinq tcp4", Eth(MAC2, MAC1, TypeQinQ, VLAN(10, TypeVLAN, VLAN(20, TypeIPv4, ip4))))
	add("qinq udp6", Eth(MAC2, MAC1, TypeQinQ, VLAN(11, TypeVLAN, VLAN(21, TypeIPv6, ip6))))
	add("vlan in vlan tcp4", Eth(MAC2, MAC1, TypeVLAN, VLAN(1, TypeVLAN, VLAN(2, TypeIPv4, ip4))))
	add("three tags", Eth(MAC2, MAC1, TypeQinQ, VLAN(1, TypeVLAN, VLAN(2, TypeVLAN, VLAN(3, TypeIPv4, ip4)))))
	add("vlan arp", Eth(MAC2, MAC1, TypeVLAN, VLAN(5, TypeARP, ARP(1, MAC1, V4A, [6]byte{}, V4B))))

	// Not IP.
	add("arp request", Eth([6]byte{255, 255, 255, 255, 255, 255}, MAC1, TypeARP, ARP(1, MAC1, V4A, [6]byte{}, V4B)))
	add("arp reply", Eth(MAC1, MAC2, TypeARP, ARP(2, MAC2, V4B, MAC1, V4A)))
	add("llc frame", Eth([6]byte{1, 0x80, 0xc2, 0, 0, 0}, MAC3, 38, Fill(38)))
	add("mpls", Eth(MAC3, MAC1, 0x8847, join(be32(100<<12|1<<8|64), ip4)))
	add("ethertype ffff", Eth(MAC3, MAC3, 0xffff, Fill(46)))
	add("14 bytes", Eth(MAC1, MAC3, 0x88b5, nil))
	add("zeros", make([]byte, 64))

	// Large ones.
	add("tcp4 1500", tcp4(40000, 80, ACK, Fill(1500-40)))
	add("udp6 1500", udp6(40000, 9999, Fill(1500-48)))
	add("udp4 3000", udp4(40000, 9999, Fill(3000-42)))
	add("tcp6 2999", tcp6(40000, 22, ACK, Fill(2999-74)))

	// Cut at, just before and inside each header.
	set = append(set, cuts("tcp4", tcp4(40000, 80, SYN, nil), 14, 15, 23, 24, 33, 34, 36, 38, 48, 53)...)
	set = append(set, cuts("udp4", udp4(40000, 53, nil), 35, 37, 41)...)
	set = append(set, cuts("tcp6", tcp6(40000, 80, SYN, nil), 14, 20, 53, 54, 57, 58, 73)...)
	set = append(set, cuts("udp6 ext", ext(ProtoHopByHop, Ext(ProtoUDP, 0, udp66)), 55, 56, 61, 62, 66, 69)...)
	set = append(set, cuts("qinq tcp4", Eth(MAC2, MAC1, TypeQinQ, VLAN(10, TypeVLAN, VLAN(20, TypeIPv4, ip4))), 14, 16, 18, 20, 22, 41)...)
	set = append(set, cuts("arp", Eth(MAC2, MAC1, TypeARP, ARP(1, MAC1, V4A, [6]byte{}, V4B)), 14, 30)...)
	set = append(set, cuts("icmp", Eth(MAC2, MAC1, TypeIPv4, IPv4{Src: V4A, Dst: V4B, Proto: ProtoICMP}.Packet(ICMP(8, 0, 1, nil))), 34, 41)...)
	for i := range set {
		set[i].Data = append([]byte(nil), set[i].Data...)
	}
	return set
}
