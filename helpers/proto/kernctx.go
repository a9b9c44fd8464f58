package proto

// kernCtx are the kernel's own contexts of program types, by BPF_PROG_TYPE_*.
var kernCtx = map[uint32]string{
	typeSocketFilter: "sk_buff", typeKprobe: "pt_regs", typeSchedCLS: "sk_buff", typeSchedACT: "sk_buff", typeXDP: "xdp_buff",
	typePerfEvent: "bpf_perf_event_data_kern", typeCgroupSkb: "sk_buff", typeCgroupSock: "sock", typeLwtIn: "sk_buff", typeLwtOut: "sk_buff",
	typeLwtXmit: "sk_buff", typeSockOps: "bpf_sock_ops_kern", typeSkSkb: "sk_buff", typeCgroupDevice: "bpf_cgroup_dev_ctx",
	typeSkMsg: "sk_msg", typeCgroupSockAddr: "bpf_sock_addr_kern", typeLwtSeg6Local: "sk_buff", typeSkReuseport: "sk_reuseport_kern",
	typeFlowDissector: "bpf_flow_dissector", typeCgroupSysctl: "bpf_sysctl_kern", typeCgSockopt: "bpf_sockopt_kern",
	typeSkLookup: "bpf_sk_lookup_kern", typeNetfilter: "bpf_nf_ctx",
}

// KernCtx names the structure to which bpf_cast_to_kern_ctx gives programs of a type (BPF_PROG_TYPE_*)
// a trusted pointer; "" for types whose programs may not call it.
func KernCtx(progType uint32) string { return kernCtx[progType] }
