package progtype

// What context fields and helpers of sockets point to, by the names that the kernel's log has for
// them.
const (
	TargetSock       = "sock"        // struct bpf_sock, see Sock
	TargetSockCommon = "sock_common" // struct bpf_sock of which only the common part may be read, see SockCommon
	TargetTCPSock    = "tcp_sock"    // struct bpf_tcp_sock, see TCPSock
	TargetXDPSock    = "xdp_sock"    // struct bpf_xdp_sock, see XDPSock
	TargetFlowKeys   = "flow_keys"   // struct bpf_flow_keys, see FlowKeys
	TargetTPBuffer   = "tp_buffer"   // the buffer of a writable raw tracepoint, read and written at any offset from 0
)

// What programs may load through pointers to sockets, and load and store in flow keys. Loads and
// stores are judged by [Layout.At] as those of contexts are.
var (
	Sock       = sockTarget(false)
	SockCommon = sockTarget(true)
	TCPSock    = tcpSock()
	XDPSock    = target(Layout{Name: "bpf_xdp_sock", Size: 4, Fields: []Field{{Name: "queue_id", Size: 4, Access: Read}}})
	FlowKeys   = target(flowKeys())
)

// Target is the layout of what a pointer with one of the Target names points to, nil for
// other names and for those without one.
func Target(name string) *Layout {
	switch name {
	case TargetSock:
		return Sock
	case TargetSockCommon:
		return SockCommon
	case TargetTCPSock:
		return TCPSock
	case TargetXDPSock:
		return XDPSock
	case TargetFlowKeys:
		return FlowKeys
	}
	return nil
}

func target(l Layout) *Layout {
	l.build()
	return &l
}

// sockTarget is struct bpf_sock behind a pointer: it is not written, and does not depend on how
// the program is attached.
func sockTarget(common bool) *Layout {
	l := sockLayout()
	for i := range l.Fields {
		f := &l.Fields[i]
		f.Access &^= Write | NarrowWrite | Settable
		f.ReadAt, f.WriteAt = 0, 0
		if common && (f.Name == "type" || f.Name == "protocol" || f.Name == "mark" || f.Name == "priority") {
			f.Access = 0
		}
	}
	return target(l)
}

func tcpSock() *Layout {
	l := Layout{Name: "bpf_tcp_sock", Size: 112}
	add := func(off, size uint32, names ...string) {
		for _, n := range names {
			l.Fields = append(l.Fields, Field{Name: n, Off: off, Size: size, Access: Read})
			off += size
		}
	}
	add(0, 4, "snd_cwnd", "srtt_us", "rtt_min", "snd_ssthresh", "rcv_nxt", "snd_nxt", "snd_una", "mss_cache", "ecn_flags",
		"rate_delivered", "rate_interval_us", "packets_out", "retrans_out", "total_retrans", "segs_in", "data_segs_in",
		"segs_out", "data_segs_out", "lost_out", "sacked_out")
	add(80, 8, "bytes_received", "bytes_acked")
	add(96, 4, "dsack_dups", "delivered", "delivered_ce", "icsk_retransmits")
	return target(l)
}

func flowKeys() Layout {
	l := Layout{Name: "bpf_flow_keys", Size: 56, Flat: true}
	for _, f := range []Field{
		{Name: "nhoff", Off: 0, Size: 2}, {Name: "thoff", Off: 2, Size: 2}, {Name: "addr_proto", Off: 4, Size: 2},
		{Name: "is_frag", Off: 6, Size: 1}, {Name: "is_first_frag", Off: 7, Size: 1}, {Name: "is_encap", Off: 8, Size: 1},
		{Name: "ip_proto", Off: 9, Size: 1}, {Name: "n_proto", Off: 10, Size: 2}, {Name: "sport", Off: 12, Size: 2},
		{Name: "dport", Off: 14, Size: 2}, {Name: "ipv6_src", Off: 16, Size: 4, Count: 4}, {Name: "ipv6_dst", Off: 32, Size: 4, Count: 4},
		{Name: "flags", Off: 48, Size: 4}, {Name: "flow_label", Off: 52, Size: 4},
	} {
		f.Access = Read | Write
		l.Fields = append(l.Fields, f)
	}
	return l
}
