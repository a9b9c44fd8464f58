package progtype

// Socket types and the few others whose context the host hands over as it is.
var (
	// SkLookup is BPF_PROG_TYPE_SK_LOOKUP.
	SkLookup = withAttach(plainType("sk_lookup", 30, Layout{Name: "bpf_sk_lookup", Size: 72, Fields: []Field{
		{Name: "cookie", Off: 0, Size: 8, Access: Settable}, // a test run's result; programs see sk in its place
		{Name: "sk", Off: 0, Size: 8, Kind: Pointer, Target: TargetSock, Nullable: true, Access: Read},
		{Name: "family", Off: 8, Size: 4, Access: Read | Narrow | Settable},
		{Name: "protocol", Off: 12, Size: 4, Access: Read | Narrow | Settable},
		{Name: "remote_ip4", Off: 16, Size: 4, Access: Read | Narrow | Settable},
		{Name: "remote_ip6", Off: 20, Size: 4, Count: 4, Access: Read | Narrow | Settable},
		{Name: "remote_port", Off: 36, Size: 4, Access: Read | Narrow | Settable},
		{Name: "local_ip4", Off: 40, Size: 4, Access: Read | Narrow | Settable},
		{Name: "local_ip6", Off: 44, Size: 4, Count: 4, Access: Read | Narrow | Settable},
		{Name: "local_port", Off: 60, Size: 4, Access: Read | Narrow | Settable},
		{Name: "ingress_ifindex", Off: 64, Size: 4, Access: Read | Narrow | Settable},
	}}, Range{Max: 1}), AttachSkLookup)
	// SkMsg is BPF_PROG_TYPE_SK_MSG. A run's data is the message.
	SkMsg = plainType("sk_msg", 16, Layout{Name: "sk_msg_md", Size: 80, Fields: []Field{
		{Name: "data", Off: 0, Size: 8, Kind: PacketData, Access: Read},
		{Name: "data_end", Off: 8, Size: 8, Kind: PacketEnd, Access: Read},
		{Name: "family", Off: 16, Size: 4, Access: Read | Settable},
		{Name: "remote_ip4", Off: 20, Size: 4, Access: Read | Settable},
		{Name: "local_ip4", Off: 24, Size: 4, Access: Read | Settable},
		{Name: "remote_ip6", Off: 28, Size: 4, Count: 4, Access: Read | Settable},
		{Name: "local_ip6", Off: 44, Size: 4, Count: 4, Access: Read | Settable},
		{Name: "remote_port", Off: 60, Size: 4, Access: Read | Settable},
		{Name: "local_port", Off: 64, Size: 4, Access: Read | Settable},
		{Name: "size", Off: 68, Size: 4, Access: Read | Settable},
		{Name: "sk", Off: 72, Size: 8, Kind: Pointer, Target: TargetSock, Access: Read | Settable},
	}}, Range{Any: true})
	// SkReuseport is BPF_PROG_TYPE_SK_REUSEPORT. A run's data is the packet from its
	// transport header on.
	SkReuseport = withAttach(plainType("sk_reuseport", 21, Layout{Name: "sk_reuseport_md", Size: 56, Fields: []Field{
		{Name: "data", Off: 0, Size: 8, Kind: PacketData, Access: Read},
		{Name: "data_end", Off: 8, Size: 8, Kind: PacketEnd, Access: Read},
		{Name: "len", Off: 16, Size: 4, Access: Read | Narrow | Settable},
		{Name: "eth_protocol", Off: 20, Size: 4, Access: Read | Narrow | NoByte | Settable},
		{Name: "ip_protocol", Off: 24, Size: 4, Access: Read | Narrow | Settable},
		{Name: "bind_inany", Off: 28, Size: 4, Access: Read | Narrow | Settable},
		{Name: "hash", Off: 32, Size: 4, Access: Read | Settable},
		{Name: "sk", Off: 40, Size: 8, Kind: Pointer, Target: TargetSock, Access: Read | Settable},
		{Name: "migrating_sk", Off: 48, Size: 8, Kind: Pointer, Target: TargetSockCommon, Nullable: true, Access: Read | Settable},
	}}, Range{Any: true}), AttachSkReuseportSelect, AttachSkReuseportSelectMigrate)
	// FlowDissector is BPF_PROG_TYPE_FLOW_DISSECTOR.
	FlowDissector = plainType("flow_dissector", 22, flowDissectorLayout(), Range{Any: true})
	// LircMode2 is BPF_PROG_TYPE_LIRC_MODE2: the context is one infrared sample.
	LircMode2 = plainType("lirc_mode2", 20, Layout{Name: "lirc_mode2", Size: 4, Fields: []Field{
		{Name: "sample", Size: 4, Access: Read | Settable},
	}}, Range{Any: true})
	// Netfilter is BPF_PROG_TYPE_NETFILTER: two pointers to kernel structures.
	Netfilter = withAttach(plainType("netfilter", 32, Layout{Name: "bpf_nf_ctx", Size: 16, Fields: []Field{
		{Name: "state", Off: 0, Size: 8, Kind: Pointer, Target: "nf_hook_state", Trusted: true, Access: Read | Settable},
		{Name: "skb", Off: 8, Size: 8, Kind: Pointer, Target: "sk_buff", Trusted: true, Access: Read | Settable},
	}}, Range{Max: 1}), AttachNetfilter)
)

func flowDissectorLayout() Layout {
	var deny []string
	for _, f := range skbFields {
		if f.Name != "data" && f.Name != "data_end" {
			deny = append(deny, f.Name)
		}
	}
	l := skbLayout(deny, nil)
	for i := range l.Fields {
		if f := &l.Fields[i]; f.Name == "flow_keys" {
			f.Access |= Read
		}
	}
	return l
}
