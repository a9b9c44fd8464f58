package progtype

import "fmt"

// Expected attach types that change what a program may do, by the kernel's numbers
// (enum bpf_attach_type). 0 is BPF_CGROUP_INET_INGRESS and also means none.
const (
	AttachCgroupInetIngress        uint32 = 0
	AttachCgroupInetEgress         uint32 = 1
	AttachCgroupInetSockCreate     uint32 = 2
	AttachCgroupSockOps            uint32 = 3
	AttachSkSkbStreamParser        uint32 = 4
	AttachSkSkbStreamVerdict       uint32 = 5
	AttachCgroupDevice             uint32 = 6
	AttachSkMsgVerdict             uint32 = 7
	AttachCgroupInet4Bind          uint32 = 8
	AttachCgroupInet6Bind          uint32 = 9
	AttachCgroupInet4Connect       uint32 = 10
	AttachCgroupInet6Connect       uint32 = 11
	AttachCgroupInet4PostBind      uint32 = 12
	AttachCgroupInet6PostBind      uint32 = 13
	AttachCgroupUDP4Sendmsg        uint32 = 14
	AttachCgroupUDP6Sendmsg        uint32 = 15
	AttachLircMode2                uint32 = 16
	AttachFlowDissector            uint32 = 17
	AttachCgroupSysctl             uint32 = 18
	AttachCgroupUDP4Recvmsg        uint32 = 19
	AttachCgroupUDP6Recvmsg        uint32 = 20
	AttachCgroupGetsockopt         uint32 = 21
	AttachCgroupSetsockopt         uint32 = 22
	AttachTraceRawTP               uint32 = 23
	AttachTraceFentry              uint32 = 24
	AttachTraceFexit               uint32 = 25
	AttachModifyReturn             uint32 = 26
	AttachLSMMac                   uint32 = 27
	AttachTraceIter                uint32 = 28
	AttachCgroupInet4Getpeername   uint32 = 29
	AttachCgroupInet6Getpeername   uint32 = 30
	AttachCgroupInet4Getsockname   uint32 = 31
	AttachCgroupInet6Getsockname   uint32 = 32
	AttachXDPDevmap                uint32 = 33
	AttachCgroupInetSockRelease    uint32 = 34
	AttachXDPCpumap                uint32 = 35
	AttachSkLookup                 uint32 = 36
	AttachXDP                      uint32 = 37
	AttachSkSkbVerdict             uint32 = 38
	AttachSkReuseportSelect        uint32 = 39
	AttachSkReuseportSelectMigrate uint32 = 40
	AttachPerfEvent                uint32 = 41
	AttachTraceKprobeMulti         uint32 = 42
	AttachLSMCgroup                uint32 = 43
	AttachStructOps                uint32 = 44
	AttachNetfilter                uint32 = 45
	AttachTCXIngress               uint32 = 46
	AttachTCXEgress                uint32 = 47
	AttachTraceUprobeMulti         uint32 = 48
	AttachCgroupUnixConnect        uint32 = 49
	AttachCgroupUnixSendmsg        uint32 = 50
	AttachCgroupUnixRecvmsg        uint32 = 51
	AttachCgroupUnixGetpeername    uint32 = 52
	AttachCgroupUnixGetsockname    uint32 = 53
	AttachNetkitPrimary            uint32 = 54
	AttachNetkitPeer               uint32 = 55
	AttachTraceKprobeSession       uint32 = 56
	AttachTraceUprobeSession       uint32 = 57
	noAttach                       uint32 = 1<<32 - 1
)

var attachNames = [...]string{
	"cgroup_inet_ingress", "cgroup_inet_egress", "cgroup_inet_sock_create", "cgroup_sock_ops",
	"sk_skb_stream_parser", "sk_skb_stream_verdict", "cgroup_device", "sk_msg_verdict",
	"cgroup_inet4_bind", "cgroup_inet6_bind", "cgroup_inet4_connect", "cgroup_inet6_connect",
	"cgroup_inet4_post_bind", "cgroup_inet6_post_bind", "cgroup_udp4_sendmsg", "cgroup_udp6_sendmsg",
	"lirc_mode2", "flow_dissector", "cgroup_sysctl", "cgroup_udp4_recvmsg", "cgroup_udp6_recvmsg",
	"cgroup_getsockopt", "cgroup_setsockopt", "trace_raw_tp", "trace_fentry", "trace_fexit",
	"modify_return", "lsm_mac", "trace_iter", "cgroup_inet4_getpeername", "cgroup_inet6_getpeername",
	"cgroup_inet4_getsockname", "cgroup_inet6_getsockname", "xdp_devmap", "cgroup_inet_sock_release",
	"xdp_cpumap", "sk_lookup", "xdp", "sk_skb_verdict", "sk_reuseport_select",
	"sk_reuseport_select_or_migrate", "perf_event", "trace_kprobe_multi", "lsm_cgroup", "struct_ops",
	"netfilter", "tcx_ingress", "tcx_egress", "trace_uprobe_multi", "cgroup_unix_connect",
	"cgroup_unix_sendmsg", "cgroup_unix_recvmsg", "cgroup_unix_getpeername", "cgroup_unix_getsockname",
	"netkit_primary", "netkit_peer", "trace_kprobe_session", "trace_uprobe_session",
}

// AttachName is the kernel's name of an attach type in lower case, without BPF_.
func AttachName(attach uint32) string {
	if attach < uint32(len(attachNames)) {
		return attachNames[attach]
	}
	return fmt.Sprintf("attach type %d", attach)
}

// AttachSet is a set of attach types below 64.
type AttachSet uint64

// Has reports whether the set holds attach.
func (s AttachSet) Has(attach uint32) bool { return attach < 64 && s>>attach&1 != 0 }

func attachSet(types ...uint32) (s AttachSet) {
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

// Attach is an expected attach type of a program type.
type Attach struct {
	Type    uint32
	Returns *Range // return values it allows, nil for the program type's
}

func attaches(types ...uint32) []Attach {
	a := make([]Attach, len(types))
	for i, t := range types {
		a[i].Type = t
	}
	return a
}
