package loader

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// attachFunc finds what a program of a tracing type attaches to in the kernel's BTF: the function
// or tracepoint whose arguments are the program's context. It is nil for other types, and when the
// kernel does not have it.
func attachFunc(kernel *btf.Spec, k kind, p *ebpf.ProgramSpec) *verifier.FuncType {
	name := p.AttachTo
	if kernel == nil || name == "" {
		return nil
	}
	// Functions of modules are written module:function.
	if _, fn, ok := strings.Cut(name, ":"); ok && k.typ != progtype.StructOps {
		name = fn
	}
	switch k.typ {
	case progtype.Tracing:
		switch k.attach {
		case progtype.AttachTraceRawTP:
			return tracepointFunc(kernel, name)
		case progtype.AttachTraceIter:
			return iterFunc(kernel, name)
		}
		return namedFunc(kernel, name, false)
	case progtype.LSM:
		return namedFunc(kernel, "bpf_lsm_"+name, !slices.Contains(untrustedHooks, name))
	case progtype.StructOps:
		return structOpsFunc(kernel, name)
	}
	return nil
}

// untrustedHooks are the LSM hooks that run when an object is being made or freed, so that their
// arguments cannot be trusted.
var untrustedHooks = []string{
	"bpf_map_free", "bpf_prog_free", "file_alloc_security", "file_free_security", "sk_alloc_security",
	"sk_free_security", "task_free",
}

func namedFunc(kernel *btf.Spec, name string, trusted bool) *verifier.FuncType {
	var fn *btf.Func
	if kernel.TypeByName(name, &fn) != nil {
		return nil
	}
	proto, ok := fn.Type.(*btf.FuncProto)
	if !ok {
		return nil
	}
	return kernelFunc(kernel, name, proto, trusted)
}

// tracepointFunc is the type of a tracepoint's probe, less the data that the kernel hands to every
// probe first.
func tracepointFunc(kernel *btf.Spec, name string) *verifier.FuncType {
	var td *btf.Typedef
	if kernel.TypeByName("btf_trace_"+name, &td) != nil {
		return nil
	}
	ptr, ok := btf.UnderlyingType(td.Type).(*btf.Pointer)
	if !ok {
		return nil
	}
	proto, ok := btf.UnderlyingType(ptr.Target).(*btf.FuncProto)
	if !ok || len(proto.Params) == 0 {
		return nil
	}
	ft := kernelFunc(kernel, name, proto, true)
	ft.Args = ft.Args[1:]
	return ft
}

// iterArg is an argument of an iterator's programs that is not just a trusted structure.
type iterArg struct {
	nullable bool
	buf      bool // a key or value of a map: memory whose size the map has
	rdonly   bool
	plain    bool // not trusted
}

// iterArgs describes the arguments behind the first, the iterator's state, by the iterator's
// name. An iterator ends with a call in which they are NULL.
var iterArgs = map[string][]iterArg{
	"bpf_link":           {{nullable: true}},
	"bpf_map":            {{nullable: true}},
	"bpf_map_elem":       {{}, {nullable: true, buf: true, rdonly: true}, {nullable: true, buf: true}},
	"bpf_prog":           {{nullable: true}},
	"bpf_sk_storage_map": {{}, {nullable: true}, {nullable: true, buf: true}},
	"cgroup":             {{nullable: true}},
	"dmabuf":             {{nullable: true}},
	"ipv6_route":         {{nullable: true, plain: true}},
	"kmem_cache":         {{nullable: true}},
	"ksym":               {{nullable: true, plain: true}},
	"netlink":            {{nullable: true, plain: true}},
	"sockmap":            {{}, {nullable: true, buf: true, rdonly: true}, {nullable: true}},
	"task":               {{nullable: true}},
	"task_file":          {{nullable: true, plain: true}, {}, {nullable: true}},
	"task_vma":           {{nullable: true}, {nullable: true, plain: true}},
	"tcp":                {{nullable: true}},
	"udp":                {{nullable: true}},
	"unix":               {{nullable: true}},
}

func iterFunc(kernel *btf.Spec, name string) *verifier.FuncType {
	ft := namedFunc(kernel, "bpf_iter_"+name, true)
	if ft == nil {
		return nil
	}
	for i, ia := range iterArgs[name] {
		if i+1 >= len(ft.Args) {
			break
		}
		a := &ft.Args[i+1]
		a.Nullable = ia.nullable
		a.Trusted = a.Trusted && !ia.plain
		if ia.buf {
			*a = verifier.ArgType{Class: verifier.ArgMem, Nullable: ia.nullable, Rdonly: ia.rdonly}
		}
	}
	return ft
}

// structOpsFunc is the type of a member of a kernel structure of operations, "ops:member".
func structOpsFunc(kernel *btf.Spec, name string) *verifier.FuncType {
	ops, member, ok := strings.Cut(name, ":")
	var st *btf.Struct
	if !ok || kernel.TypeByName(ops, &st) != nil {
		return nil
	}
	for _, m := range st.Members {
		if m.Name != member {
			continue
		}
		ptr, ok := btf.UnderlyingType(m.Type).(*btf.Pointer)
		if !ok {
			return nil
		}
		proto, ok := btf.UnderlyingType(ptr.Target).(*btf.FuncProto)
		if !ok {
			return nil
		}
		ft := kernelFunc(kernel, member, proto, true)
		// Arguments that may be NULL are so marked by their name in the kernel's stub.
		var stub *btf.Func
		if kernel.TypeByName(ops+"__"+member, &stub) == nil {
			if sp, ok := stub.Type.(*btf.FuncProto); ok {
				for i := range sp.Params {
					if i < len(ft.Args) && strings.HasSuffix(sp.Params[i].Name, "__nullable") {
						ft.Args[i].Nullable = true
					}
				}
			}
		}
		return ft
	}
	return nil
}

// kernelContexts are the kernel's structures behind the contexts of program types.
var kernelContexts = map[*progtype.Type]string{
	progtype.SocketFilter: "sk_buff", progtype.SchedCLS: "sk_buff", progtype.SchedACT: "sk_buff", progtype.XDP: "xdp_buff",
	progtype.CgroupSkb: "sk_buff", progtype.CgroupSock: "sock", progtype.CgroupSockAddr: "bpf_sock_addr_kern",
	progtype.LwtIn: "sk_buff", progtype.LwtOut: "sk_buff", progtype.LwtXmit: "sk_buff", progtype.LwtSeg6Local: "sk_buff",
	progtype.SockOps: "bpf_sock_ops_kern", progtype.SkSkb: "sk_buff", progtype.SkMsg: "sk_msg",
	progtype.FlowDissector: "bpf_flow_dissector", progtype.PerfEvent: "bpf_perf_event_data_kern",
	progtype.CgroupDevice: "bpf_cgroup_dev_ctx", progtype.CgroupSysctl: "bpf_sysctl_kern", progtype.CgroupSockopt: "bpf_sockopt_kern",
	progtype.SkReuseport: "sk_reuseport_kern", progtype.SkLookup: "bpf_sk_lookup_kern",
}

// BPFTarget is a BPF program of the given type as a tracing program sees it that attaches to it: a function of the
// kernel's structure behind the context. It is nil for types that cannot be traced so.
func BPFTarget(name string, t *progtype.Type) *verifier.FuncType {
	st := kernelContexts[t]
	if st == "" {
		return nil
	}
	return &verifier.FuncType{
		Name: name, Args: []verifier.ArgType{{Class: verifier.ArgBTF, Size: 8, Type: st}},
		Ret: verifier.ArgType{Class: verifier.ArgScalar, Size: 4},
	}
}
