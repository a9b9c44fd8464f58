package progtype

// The control group types other than cgroup_skb. The host hands their context over as it is.
var (
	// CgroupSock is BPF_PROG_TYPE_CGROUP_SOCK.
	CgroupSock = withAttach(plainType("cgroup_sock", 9, sockLayout(), Range{Max: 1}),
		AttachCgroupInetSockCreate, AttachCgroupInetSockRelease, AttachCgroupInet4PostBind, AttachCgroupInet6PostBind)
	// CgroupSockAddr is BPF_PROG_TYPE_CGROUP_SOCK_ADDR.
	CgroupSockAddr = cgroupSockAddr()
	// SockOps is BPF_PROG_TYPE_SOCK_OPS.
	SockOps = withAttach(plainType("sock_ops", 13, sockOpsLayout(), Range{Max: 1}), AttachCgroupSockOps)
	// CgroupDevice is BPF_PROG_TYPE_CGROUP_DEVICE.
	CgroupDevice = withAttach(plainType("cgroup_device", 15, Layout{Name: "bpf_cgroup_dev_ctx", Size: 12, Fields: []Field{
		{Name: "access_type", Off: 0, Size: 4, Access: Read | Narrow | Settable},
		{Name: "major", Off: 4, Size: 4, Access: Read | Settable},
		{Name: "minor", Off: 8, Size: 4, Access: Read | Settable},
	}}, Range{Max: 1}), AttachCgroupDevice)
	// CgroupSysctl is BPF_PROG_TYPE_CGROUP_SYSCTL.
	CgroupSysctl = withAttach(plainType("cgroup_sysctl", 23, Layout{Name: "bpf_sysctl", Size: 8, Fields: []Field{
		{Name: "write", Off: 0, Size: 4, Access: Read | Narrow | Settable},
		{Name: "file_pos", Off: 4, Size: 4, Access: Read | Write | Narrow | Settable},
	}}, Range{Max: 1}), AttachCgroupSysctl)
	// CgroupSockopt is BPF_PROG_TYPE_CGROUP_SOCKOPT. A run's data is the option's value.
	CgroupSockopt = withAttach(plainType("cgroup_sockopt", 25, Layout{Name: "bpf_sockopt", Size: 40, Fields: []Field{
		{Name: "sk", Off: 0, Size: 8, Kind: Pointer, Target: TargetSock, Access: Read | Settable},
		{Name: "optval", Off: 8, Size: 8, Kind: PacketData, Access: Read},
		{Name: "optval_end", Off: 16, Size: 8, Kind: PacketEnd, Access: Read},
		{Name: "level", Off: 24, Size: 4, Access: Read | Write | Settable, WriteAt: attachSet(AttachCgroupSetsockopt)},
		{Name: "optname", Off: 28, Size: 4, Access: Read | Write | Settable, WriteAt: attachSet(AttachCgroupSetsockopt)},
		{Name: "optlen", Off: 32, Size: 4, Access: Read | Write | Settable},
		{Name: "retval", Off: 36, Size: 4, Access: Read | Write | Settable,
			ReadAt: attachSet(AttachCgroupGetsockopt), WriteAt: attachSet(AttachCgroupGetsockopt)},
	}}, Range{Max: 1}), AttachCgroupGetsockopt, AttachCgroupSetsockopt)
)

func withAttach(t *Type, types ...uint32) *Type {
	t.Attach = attaches(types...)
	return t
}

// sockLayout is struct bpf_sock as the context of a cgroup_sock program.
func sockLayout() Layout {
	life := attachSet(AttachCgroupInetSockCreate, AttachCgroupInetSockRelease)
	bind4, bind6 := attachSet(AttachCgroupInet4PostBind), attachSet(AttachCgroupInet6PostBind)
	return Layout{Name: "bpf_sock", Size: SockSize, Fields: []Field{
		{Name: "bound_dev_if", Off: 0, Size: 4, Access: Read | Write | Settable, ReadAt: life, WriteAt: life},
		{Name: "family", Off: 4, Size: 4, Access: Read | Narrow | FirstOnly | Settable},
		{Name: "type", Off: 8, Size: 4, Access: Read | Narrow | FirstOnly | Settable},
		{Name: "protocol", Off: 12, Size: 4, Access: Read | Narrow | FirstOnly | Settable},
		{Name: "mark", Off: 16, Size: 4, Access: Read | Write | Settable, ReadAt: life, WriteAt: life},
		{Name: "priority", Off: 20, Size: 4, Access: Read | Write | Settable, ReadAt: life, WriteAt: life},
		{Name: "src_ip4", Off: 24, Size: 4, Access: Read | Narrow | Settable, ReadAt: bind4},
		{Name: "src_ip6", Off: 28, Size: 4, Count: 4, Access: Read | Narrow | Settable, ReadAt: bind6},
		{Name: "src_port", Off: 44, Size: 4, Access: Read | Narrow | FirstOnly | Settable, ReadAt: bind4 | bind6},
		{Name: "dst_port", Off: 48, Size: 4, Access: Read | Narrow | LowHalf | Settable},
		{Name: "dst_ip4", Off: 52, Size: 4, Access: Read | Narrow | Settable},
		{Name: "dst_ip6", Off: 56, Size: 4, Count: 4, Access: Read | Narrow | Settable},
		{Name: "state", Off: 72, Size: 4, Access: Read | Narrow | FirstOnly | Settable},
		{Name: "rx_queue_mapping", Off: 76, Size: 4, Access: Read | Narrow | FirstOnly | Settable},
	}}
}

func cgroupSockAddr() *Type {
	ip4 := attachSet(AttachCgroupInet4Bind, AttachCgroupInet4Connect, AttachCgroupInet4Getpeername,
		AttachCgroupInet4Getsockname, AttachCgroupUDP4Sendmsg, AttachCgroupUDP4Recvmsg)
	ip6 := attachSet(AttachCgroupInet6Bind, AttachCgroupInet6Connect, AttachCgroupInet6Getpeername,
		AttachCgroupInet6Getsockname, AttachCgroupUDP6Sendmsg, AttachCgroupUDP6Recvmsg)
	send4, send6 := attachSet(AttachCgroupUDP4Sendmsg), attachSet(AttachCgroupUDP6Sendmsg)
	const rw = Read | Write | Narrow | Settable
	t := plainType("cgroup_sock_addr", 18, Layout{Name: "bpf_sock_addr", Size: 72, Fields: []Field{
		{Name: "user_family", Off: 0, Size: 4, Access: Read | Settable},
		{Name: "user_ip4", Off: 4, Size: 4, Access: rw, ReadAt: ip4, WriteAt: ip4},
		{Name: "user_ip6", Off: 8, Size: 4, Count: 4, Access: rw | Wide, ReadAt: ip6, WriteAt: ip6},
		{Name: "user_port", Off: 24, Size: 4, Access: rw},
		{Name: "family", Off: 28, Size: 4, Access: Read | Settable},
		{Name: "type", Off: 32, Size: 4, Access: Read | Settable},
		{Name: "protocol", Off: 36, Size: 4, Access: Read | Settable},
		{Name: "msg_src_ip4", Off: 40, Size: 4, Access: rw, ReadAt: send4, WriteAt: send4},
		{Name: "msg_src_ip6", Off: 44, Size: 4, Count: 4, Access: rw | Wide, ReadAt: send6, WriteAt: send6},
		{Name: "sk", Off: 64, Size: 8, Kind: Pointer, Target: TargetSock, Access: Read | Settable},
	}}, Range{Max: 1})
	bind, one := &Range{Max: 3}, &Range{Min: 1, Max: 1}
	t.Attach = []Attach{
		{Type: AttachCgroupInet4Bind, Returns: bind}, {Type: AttachCgroupInet6Bind, Returns: bind},
		{Type: AttachCgroupInet4Connect}, {Type: AttachCgroupInet6Connect}, {Type: AttachCgroupUnixConnect},
		{Type: AttachCgroupUDP4Sendmsg}, {Type: AttachCgroupUDP6Sendmsg}, {Type: AttachCgroupUnixSendmsg},
	}
	for _, a := range []uint32{AttachCgroupUDP4Recvmsg, AttachCgroupUDP6Recvmsg, AttachCgroupUnixRecvmsg,
		AttachCgroupInet4Getpeername, AttachCgroupInet6Getpeername, AttachCgroupUnixGetpeername,
		AttachCgroupInet4Getsockname, AttachCgroupInet6Getsockname, AttachCgroupUnixGetsockname} {
		t.Attach = append(t.Attach, Attach{Type: a, Returns: one})
	}
	return t
}

func sockOpsLayout() Layout {
	l := Layout{Name: "bpf_sock_ops", Size: 224}
	add := func(off uint32, list ...string) {
		for _, n := range list {
			l.Fields = append(l.Fields, Field{Name: n, Off: off, Size: 4, Access: Read | Settable})
			off += 4
		}
	}
	add(0, "op", "args")
	l.Fields[1].Count = 4
	add(20, "family", "remote_ip4", "local_ip4", "remote_ip6")
	l.Fields[len(l.Fields)-1].Count = 4
	add(48, "local_ip6")
	l.Fields[len(l.Fields)-1].Count = 4
	add(64, "remote_port", "local_port", "is_fullsock", "snd_cwnd", "srtt_us", "bpf_sock_ops_cb_flags", "state",
		"rtt_min", "snd_ssthresh", "rcv_nxt", "snd_nxt", "snd_una", "mss_cache", "ecn_flags", "rate_delivered",
		"rate_interval_us", "packets_out", "retrans_out", "total_retrans", "segs_in", "data_segs_in", "segs_out",
		"data_segs_out", "lost_out", "sacked_out", "sk_txhash")
	l.Fields[len(l.Fields)-1].Access |= Write
	l.Fields = append(l.Fields,
		// reply is the first of args seen as an output.
		Field{Name: "reply", Off: 4, Size: 4, Access: Read | Write | Settable},
		Field{Name: "bytes_received", Off: 168, Size: 8, Access: Read | Settable},
		Field{Name: "bytes_acked", Off: 176, Size: 8, Access: Read | Settable},
		Field{Name: "sk", Off: 184, Size: 8, Kind: Pointer, Target: TargetSock, Nullable: true, Access: Read | Settable},
		Field{Name: "skb_data", Off: 192, Size: 8, Kind: PacketData, Access: Read},
		Field{Name: "skb_data_end", Off: 200, Size: 8, Kind: PacketEnd, Access: Read},
		Field{Name: "skb_len", Off: 208, Size: 4, Access: Read | Settable},
		Field{Name: "skb_tcp_flags", Off: 212, Size: 4, Access: Read | Narrow | FirstOnly | Settable},
		Field{Name: "skb_hwtstamp", Off: 216, Size: 8, Access: Read | Settable},
	)
	return l
}
