package progtype

import "strings"

// section is one row of libbpf's table of section names.
type section struct {
	name   string // a trailing + means that it stands alone or before "/..."
	typ    *Type
	attach uint32
}

// sections follows libbpf's documentation of program types and ELF sections; the
// first row that fits wins.
var sections []section

func init() {
	sections = []section{
		{"socket", SocketFilter, 0},
		{"sk_reuseport/migrate", SkReuseport, AttachSkReuseportSelectMigrate},
		{"sk_reuseport", SkReuseport, AttachSkReuseportSelect},
		{"kprobe+", Kprobe, 0},
		{"uprobe+", Kprobe, 0},
		{"uprobe.s+", Kprobe, 0},
		{"kretprobe+", Kprobe, 0},
		{"uretprobe+", Kprobe, 0},
		{"uretprobe.s+", Kprobe, 0},
		{"kprobe.multi+", Kprobe, AttachTraceKprobeMulti},
		{"kretprobe.multi+", Kprobe, AttachTraceKprobeMulti},
		{"kprobe.session+", Kprobe, AttachTraceKprobeSession},
		{"uprobe.multi+", Kprobe, AttachTraceUprobeMulti},
		{"uretprobe.multi+", Kprobe, AttachTraceUprobeMulti},
		{"uprobe.session+", Kprobe, AttachTraceUprobeSession},
		{"uprobe.multi.s+", Kprobe, AttachTraceUprobeMulti},
		{"uretprobe.multi.s+", Kprobe, AttachTraceUprobeMulti},
		{"uprobe.session.s+", Kprobe, AttachTraceUprobeSession},
		{"ksyscall+", Kprobe, 0},
		{"kretsyscall+", Kprobe, 0},
		{"usdt+", Kprobe, 0},
		{"usdt.s+", Kprobe, 0},
		{"tc/ingress", SchedCLS, AttachTCXIngress},
		{"tc/egress", SchedCLS, AttachTCXEgress},
		{"tcx/ingress", SchedCLS, AttachTCXIngress},
		{"tcx/egress", SchedCLS, AttachTCXEgress},
		{"netkit/primary", SchedCLS, AttachNetkitPrimary},
		{"netkit/peer", SchedCLS, AttachNetkitPeer},
		{"tc", SchedCLS, 0},
		{"classifier", SchedCLS, 0},
		{"action", SchedACT, 0},
		{"tracepoint+", Tracepoint, 0},
		{"tp+", Tracepoint, 0},
		{"raw_tracepoint+", RawTracepoint, 0},
		{"raw_tp+", RawTracepoint, 0},
		{"raw_tracepoint.w+", RawTracepointWritable, 0},
		{"raw_tp.w+", RawTracepointWritable, 0},
		{"tp_btf+", Tracing, AttachTraceRawTP},
		{"fentry+", Tracing, AttachTraceFentry},
		{"fmod_ret+", Tracing, AttachModifyReturn},
		{"fexit+", Tracing, AttachTraceFexit},
		{"fentry.s+", Tracing, AttachTraceFentry},
		{"fmod_ret.s+", Tracing, AttachModifyReturn},
		{"fexit.s+", Tracing, AttachTraceFexit},
		{"freplace+", Ext, 0},
		{"lsm+", LSM, AttachLSMMac},
		{"lsm.s+", LSM, AttachLSMMac},
		{"lsm_cgroup+", LSM, AttachLSMCgroup},
		{"iter+", Tracing, AttachTraceIter},
		{"iter.s+", Tracing, AttachTraceIter},
		{"syscall", Syscall, 0},
		{"xdp.frags/devmap", XDP, AttachXDPDevmap},
		{"xdp/devmap", XDP, AttachXDPDevmap},
		{"xdp.frags/cpumap", XDP, AttachXDPCpumap},
		{"xdp/cpumap", XDP, AttachXDPCpumap},
		{"xdp.frags", XDP, AttachXDP},
		{"xdp", XDP, AttachXDP},
		{"perf_event", PerfEvent, 0},
		{"lwt_in", LwtIn, 0},
		{"lwt_out", LwtOut, 0},
		{"lwt_xmit", LwtXmit, 0},
		{"lwt_seg6local", LwtSeg6Local, 0},
		{"sockops", SockOps, AttachCgroupSockOps},
		{"sk_skb/stream_parser", SkSkb, AttachSkSkbStreamParser},
		{"sk_skb/stream_verdict", SkSkb, AttachSkSkbStreamVerdict},
		{"sk_skb/verdict", SkSkb, AttachSkSkbVerdict},
		{"sk_skb", SkSkb, 0},
		{"sk_msg", SkMsg, AttachSkMsgVerdict},
		{"lirc_mode2", LircMode2, AttachLircMode2},
		{"flow_dissector", FlowDissector, AttachFlowDissector},
		{"cgroup_skb/ingress", CgroupSkb, AttachCgroupInetIngress},
		{"cgroup_skb/egress", CgroupSkb, AttachCgroupInetEgress},
		{"cgroup/skb", CgroupSkb, 0},
		{"cgroup/sock_create", CgroupSock, AttachCgroupInetSockCreate},
		{"cgroup/sock_release", CgroupSock, AttachCgroupInetSockRelease},
		{"cgroup/sock", CgroupSock, AttachCgroupInetSockCreate},
		{"cgroup/post_bind4", CgroupSock, AttachCgroupInet4PostBind},
		{"cgroup/post_bind6", CgroupSock, AttachCgroupInet6PostBind},
		{"cgroup/bind4", CgroupSockAddr, AttachCgroupInet4Bind},
		{"cgroup/bind6", CgroupSockAddr, AttachCgroupInet6Bind},
		{"cgroup/connect4", CgroupSockAddr, AttachCgroupInet4Connect},
		{"cgroup/connect6", CgroupSockAddr, AttachCgroupInet6Connect},
		{"cgroup/connect_unix", CgroupSockAddr, AttachCgroupUnixConnect},
		{"cgroup/sendmsg4", CgroupSockAddr, AttachCgroupUDP4Sendmsg},
		{"cgroup/sendmsg6", CgroupSockAddr, AttachCgroupUDP6Sendmsg},
		{"cgroup/sendmsg_unix", CgroupSockAddr, AttachCgroupUnixSendmsg},
		{"cgroup/recvmsg4", CgroupSockAddr, AttachCgroupUDP4Recvmsg},
		{"cgroup/recvmsg6", CgroupSockAddr, AttachCgroupUDP6Recvmsg},
		{"cgroup/recvmsg_unix", CgroupSockAddr, AttachCgroupUnixRecvmsg},
		{"cgroup/getpeername4", CgroupSockAddr, AttachCgroupInet4Getpeername},
		{"cgroup/getpeername6", CgroupSockAddr, AttachCgroupInet6Getpeername},
		{"cgroup/getpeername_unix", CgroupSockAddr, AttachCgroupUnixGetpeername},
		{"cgroup/getsockname4", CgroupSockAddr, AttachCgroupInet4Getsockname},
		{"cgroup/getsockname6", CgroupSockAddr, AttachCgroupInet6Getsockname},
		{"cgroup/getsockname_unix", CgroupSockAddr, AttachCgroupUnixGetsockname},
		{"cgroup/sysctl", CgroupSysctl, AttachCgroupSysctl},
		{"cgroup/getsockopt", CgroupSockopt, AttachCgroupGetsockopt},
		{"cgroup/setsockopt", CgroupSockopt, AttachCgroupSetsockopt},
		{"cgroup/dev", CgroupDevice, AttachCgroupDevice},
		{"struct_ops+", StructOps, 0},
		{"struct_ops.s+", StructOps, 0},
		{"sk_lookup", SkLookup, AttachSkLookup},
		{"netfilter", Netfilter, AttachNetfilter},
		{"raw", Raw, 0},
	}
}

// BySection returns the program type and expected attach type that libbpf gives to a
// program in the ELF section of that name; a leading "?" (do not load by default) is
// ignored. Beyond libbpf's exact names, "xdp/anything" and the like are taken for
// the part before the slash, as older tools did.
func BySection(name string) (t *Type, attach uint32, ok bool) {
	name = strings.TrimPrefix(name, "?")
	for _, s := range sections {
		base, open := strings.CutSuffix(s.name, "+")
		if name == base || open && strings.HasPrefix(name, base+"/") {
			return s.typ, s.attach, true
		}
	}
	for _, s := range sections {
		if strings.HasPrefix(name, s.name+"/") {
			return s.typ, s.attach, true
		}
	}
	return nil, 0, false
}
