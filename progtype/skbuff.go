package progtype

import "slices"

// Offsets in struct __sk_buff.
const (
	skbLen        = 0
	skbPktType    = 4
	skbMark       = 8
	skbQueue      = 12
	skbProtocol   = 16
	skbVlan       = 20
	skbVlanTCI    = 24
	skbVlanProto  = 28
	skbPriority   = 32
	skbIngress    = 36
	skbIfindex    = 40
	skbTcIndex    = 44
	skbCb         = 48
	skbHash       = 68
	skbTcClassid  = 72
	skbData       = 76
	skbDataEnd    = 80
	skbNapiID     = 84
	skbFamily     = 88
	skbRemoteIP4  = 92
	skbLocalIP4   = 96
	skbRemoteIP6  = 100
	skbLocalIP6   = 116
	skbRemotePort = 132
	skbLocalPort  = 136
	skbDataMeta   = 140
	skbFlowKeys   = 144
	skbTstamp     = 152
	skbWireLen    = 160
	skbGsoSegs    = 164
	skbSk         = 168
	skbGsoSize    = 176
	skbTstampType = 180
	skbHwtstamp   = 184
	skbSize       = 192
)

// skbFields is struct __sk_buff with what any program type may do that does not say
// otherwise.
var skbFields = []Field{
	{Name: "len", Off: skbLen, Size: 4, Access: Read | Narrow},
	{Name: "pkt_type", Off: skbPktType, Size: 4, Access: Read | Narrow | Settable},
	{Name: "mark", Off: skbMark, Size: 4, Access: Read | Narrow | Settable},
	{Name: "queue_mapping", Off: skbQueue, Size: 4, Access: Read | Narrow | Settable},
	{Name: "protocol", Off: skbProtocol, Size: 4, Access: Read | Narrow | Settable},
	{Name: "vlan_present", Off: skbVlan, Size: 4, Access: Read | Narrow | Settable},
	{Name: "vlan_tci", Off: skbVlanTCI, Size: 4, Access: Read | Narrow | Settable},
	{Name: "vlan_proto", Off: skbVlanProto, Size: 4, Access: Read | Narrow | Settable},
	{Name: "priority", Off: skbPriority, Size: 4, Access: Read | Narrow | Settable},
	{Name: "ingress_ifindex", Off: skbIngress, Size: 4, Access: Read | Narrow | Settable},
	{Name: "ifindex", Off: skbIfindex, Size: 4, Access: Read | Narrow | Settable},
	{Name: "tc_index", Off: skbTcIndex, Size: 4, Access: Read | Narrow | Settable},
	{Name: "cb", Off: skbCb, Size: 4, Count: 5, Access: Read | Narrow | NarrowWrite | Wide | Settable},
	{Name: "hash", Off: skbHash, Size: 4, Access: Read | Narrow | Settable},
	{Name: "tc_classid", Off: skbTcClassid, Size: 4, Access: Read | Narrow | Settable},
	{Name: "data", Off: skbData, Size: 4, Kind: PacketData, Access: Read},
	{Name: "data_end", Off: skbDataEnd, Size: 4, Kind: PacketEnd, Access: Read},
	{Name: "napi_id", Off: skbNapiID, Size: 4, Access: Read | Narrow | Settable},
	{Name: "family", Off: skbFamily, Size: 4, Access: Read | Narrow | Settable},
	{Name: "remote_ip4", Off: skbRemoteIP4, Size: 4, Access: Read | Settable},
	{Name: "local_ip4", Off: skbLocalIP4, Size: 4, Access: Read | Settable},
	{Name: "remote_ip6", Off: skbRemoteIP6, Size: 4, Count: 4, Access: Read | Settable},
	{Name: "local_ip6", Off: skbLocalIP6, Size: 4, Count: 4, Access: Read | Settable},
	{Name: "remote_port", Off: skbRemotePort, Size: 4, Access: Read | Narrow | Settable},
	{Name: "local_port", Off: skbLocalPort, Size: 4, Access: Read | Narrow | Settable},
	{Name: "data_meta", Off: skbDataMeta, Size: 4, Kind: PacketMeta, Access: Read},
	{Name: "flow_keys", Off: skbFlowKeys, Size: 8, Kind: Pointer, Target: TargetFlowKeys},
	{Name: "tstamp", Off: skbTstamp, Size: 8, Access: Read | Settable},
	{Name: "wire_len", Off: skbWireLen, Size: 4, Access: Read | Narrow | Settable},
	{Name: "gso_segs", Off: skbGsoSegs, Size: 4, Access: Read | Narrow | Settable},
	{Name: "sk", Off: skbSk, Size: 8, Kind: Pointer, Target: TargetSockCommon, Nullable: true, Access: Read},
	{Name: "gso_size", Off: skbGsoSize, Size: 4, Access: Read | Narrow | Settable},
	{Name: "tstamp_type", Off: skbTstampType, Size: 1, Access: Settable},
	{Name: "hwtstamp", Off: skbHwtstamp, Size: 8, Access: Read | Settable},
}

// skbSock names what an __sk_buff shows of its socket.
var skbSock = []string{"family", "remote_ip4", "local_ip4", "remote_ip6", "local_ip6", "remote_port", "local_port"}

// skbLayout is __sk_buff for a program type: deny names what it may not touch, write
// what it may store to.
func skbLayout(deny, write []string) Layout {
	fields := slices.Clone(skbFields)
	for i := range fields {
		f := &fields[i]
		if slices.Contains(deny, f.Name) {
			f.Access &= Settable
		}
		if slices.Contains(write, f.Name) {
			f.Access |= Write
		} else {
			f.Access &^= NarrowWrite
		}
	}
	return Layout{Name: "__sk_buff", Size: skbSize, Fields: fields}
}

// skbType is a program type whose context is a socket buffer.
func skbType(name string, kernel uint32, deny, write []string, setup func(*Bctx, *Input) error) *Type {
	return &Type{
		Name: name, Kernel: kernel, Packet: true, Returns: Range{Any: true},
		Ctx:   skbLayout(deny, write),
		Setup: setup, Sync: syncSkb, Finish: finishSkb,
	}
}

func names(lists ...[]string) []string { return slices.Concat(lists...) }

var (
	tcWrite  = []string{"mark", "tc_index", "priority", "tc_classid", "cb", "tstamp", "queue_mapping"}
	lwtDeny  = names(skbSock, []string{"tc_classid", "data_meta", "tstamp", "wire_len", "hwtstamp"})
	lwtWrite = []string{"mark", "priority", "cb"}
)

// The socket buffer types. A run's data is a frame from its Ethernet header on. Types
// of the traffic control layer see all of it; for the others the header is pulled off
// before the program runs and the output shows 14 zero bytes in its place, as the
// kernel's does.
var (
	// SocketFilter is BPF_PROG_TYPE_SOCKET_FILTER. It has no direct packet access and
	// reads the packet with LD_ABS, LD_IND and bpf_skb_load_bytes.
	SocketFilter = skbType("socket_filter", 1,
		names(skbSock, []string{"tc_classid", "data", "data_meta", "data_end", "tstamp", "wire_len", "hwtstamp"}),
		[]string{"cb"}, setupSkbL3)
	// SchedCLS is BPF_PROG_TYPE_SCHED_CLS.
	SchedCLS = tcType("sched_cls", 3)
	// SchedACT is BPF_PROG_TYPE_SCHED_ACT.
	SchedACT = tcType("sched_act", 4)
	// CgroupSkb is BPF_PROG_TYPE_CGROUP_SKB. Ingress programs return 0 or 1, egress
	// programs 0 to 3.
	CgroupSkb = cgroupSkb()
	// LwtIn, LwtOut, LwtXmit and LwtSeg6Local are the light-weight tunnel types.
	LwtIn        = skbType("lwt_in", 10, lwtDeny, lwtWrite, setupSkbL3)
	LwtOut       = skbType("lwt_out", 11, lwtDeny, lwtWrite, setupSkbL3)
	LwtXmit      = skbType("lwt_xmit", 12, lwtDeny, lwtWrite, setupLwtXmit)
	LwtSeg6Local = skbType("lwt_seg6local", 19, lwtDeny, lwtWrite, setupSkbL3)
	// SkSkb is BPF_PROG_TYPE_SK_SKB.
	SkSkb = skbType("sk_skb", 14,
		[]string{"mark", "tc_classid", "data_meta", "tstamp", "wire_len", "hwtstamp"},
		[]string{"tc_index", "priority"}, setupSkSkb)
)

func tcType(name string, kernel uint32) *Type {
	t := skbType(name, kernel, skbSock, tcWrite, setupSkbL2)
	for i := range t.Ctx.Fields {
		if f := &t.Ctx.Fields[i]; f.Name == "tstamp_type" {
			f.Access |= Read
		}
	}
	return t
}

func cgroupSkb() *Type {
	t := skbType("cgroup_skb", 8, []string{"tc_classid", "data_meta", "wire_len"},
		[]string{"mark", "priority", "cb", "tstamp"}, setupSkbL3)
	t.Returns = Range{Max: 1}
	t.Attach = []Attach{{Type: AttachCgroupInetIngress}, {Type: AttachCgroupInetEgress, Returns: &Range{Max: 3}}}
	return t
}
