package loader

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// attachFunc finds what a program of a tracing type attaches to in the kernel's BTF: the function
// or tracepoint whose arguments are the program's context. It is nil for other types, and when the
// kernel does not have it.
func (k *kernelTypes) attachFunc(kind kind, p *ebpf.ProgramSpec) *verifier.FuncType {
	name := p.AttachTo
	if k == nil || name == "" {
		return nil
	}
	// Functions of modules are written module:function.
	if _, fn, ok := strings.Cut(name, ":"); ok && kind.typ != progtype.StructOps {
		name = fn
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch kind.typ {
	case progtype.Tracing:
		switch kind.attach {
		case progtype.AttachTraceRawTP:
			return k.tracepoint(name)
		case progtype.AttachTraceIter:
			return k.iterator(name)
		}
		return k.function(name, false)
	case progtype.LSM:
		return k.function("bpf_lsm_"+name, !slices.Contains(untrustedHooks, name))
	case progtype.StructOps:
		return k.operation(name)
	}
	return nil
}

// untrustedHooks are the LSM hooks that run when an object is being made or freed, so that their
// arguments cannot be trusted.
var untrustedHooks = []string{
	"bpf_map_free", "bpf_prog_free", "file_alloc_security", "file_free_security", "sk_alloc_security",
	"sk_free_security", "task_free",
}

// function is the type of a kernel function.
func (k *kernelTypes) function(name string, trusted bool) *verifier.FuncType {
	var fn *btf.Func
	if k.spec.TypeByName(name, &fn) != nil {
		return nil
	}
	proto, ok := fn.Type.(*btf.FuncProto)
	if !ok {
		return nil
	}
	return k.funcType(name, proto, trusted)
}

// tracepoint is the type of a tracepoint's probe, less the data that the kernel hands to every
// probe first.
func (k *kernelTypes) tracepoint(name string) *verifier.FuncType {
	var td *btf.Typedef
	if k.spec.TypeByName("btf_trace_"+name, &td) != nil {
		return nil
	}
	fp := pointedProto(td.Type)
	if fp == nil || len(fp.Params) == 0 {
		return nil
	}
	ft := k.funcType(name, fp, true)
	ft.Args = ft.Args[1:]
	return ft
}

// pointedProto is the type of the function that a pointer points to, nil if it is no such pointer.
func pointedProto(t btf.Type) *btf.FuncProto {
	ptr, ok := btf.UnderlyingType(t).(*btf.Pointer)
	if !ok {
		return nil
	}
	fp, _ := btf.UnderlyingType(ptr.Target).(*btf.FuncProto)
	return fp
}

// iterator is the type of an iterator's programs.
func (k *kernelTypes) iterator(name string) *verifier.FuncType {
	ft := k.function("bpf_iter_"+name, true)
	fields := proto.IterFields(name)
	if ft == nil || len(fields) != len(ft.Args) {
		return nil
	}
	for i := range fields {
		f, a := &fields[i], &ft.Args[i]
		nullable, trusted := f.Flags&proto.MaybeNull != 0, f.Flags&proto.Trusted != 0
		switch f.Kind {
		case proto.IterBTF:
			*a = verifier.ArgType{Class: verifier.ArgBTF, Size: 8, Type: f.BTF, Nullable: nullable, Trusted: trusted}
		case proto.IterBuf:
			*a = verifier.ArgType{Class: verifier.ArgMem, Nullable: nullable, Rdonly: f.Flags&proto.Rdonly != 0}
		}
	}
	return ft
}

// operation is the type of a member of a kernel structure of operations, "ops:member".
func (k *kernelTypes) operation(name string) *verifier.FuncType {
	ops, member, ok := strings.Cut(name, ":")
	var st *btf.Struct
	if !ok || k.spec.TypeByName(ops, &st) != nil {
		return nil
	}
	for _, m := range st.Members {
		if m.Name != member {
			continue
		}
		fp := pointedProto(m.Type)
		if fp == nil {
			return nil
		}
		ft := k.funcType(name, fp, true)
		// What is particular of an argument is said by its name in the kernel's stub.
		var stub *btf.Func
		if k.spec.TypeByName(ops+"__"+member, &stub) == nil {
			if sp, ok := stub.Type.(*btf.FuncProto); ok && len(sp.Params) == len(ft.Args) {
				for i := range sp.Params {
					ft.Args[i].Nullable = strings.HasSuffix(sp.Params[i].Name, nullableSuffix)
					ft.Args[i].Ref = strings.HasSuffix(sp.Params[i].Name, "__ref")
				}
			}
		}
		return ft
	}
	return nil
}

// nullableSuffix ends the names of arguments of kernel functions that may be NULL.
const nullableSuffix = "__nullable"

// funcType is the type of a kernel function, as a program that attaches to it has its arguments.
func (k *kernelTypes) funcType(name string, fp *btf.FuncProto, trusted bool) *verifier.FuncType {
	ft := &verifier.FuncType{Name: name, Ret: k.argType(fp.Return, trusted)}
	for i := range fp.Params {
		p := &fp.Params[i]
		if _, variable := p.Type.(*btf.Void); p.Type == nil || variable { // the mark of variable arguments
			break
		}
		a := k.argType(p.Type, trusted)
		a.Nullable = a.Class == verifier.ArgBTF && strings.HasSuffix(p.Name, nullableSuffix)
		ft.Args = append(ft.Args, a)
	}
	return ft
}

// argType is the type of an argument or result of a kernel function: pointers to anything but
// structures are numbers to the verifier, and structures that are passed whole take
// one 8-byte register each 8 bytes.
func (k *kernelTypes) argType(t btf.Type, trusted bool) verifier.ArgType {
	switch u := btf.UnderlyingType(t).(type) {
	case nil, *btf.Void:
		return verifier.ArgType{Class: verifier.ArgVoid}
	case *btf.Pointer:
		tag, target := pointee(u)
		switch target.(type) {
		case *btf.Void, *btf.Int:
			return verifier.ArgType{Class: verifier.ArgScalar, Size: 8, Pointer: true}
		case *btf.Struct, *btf.Union:
			return verifier.ArgType{Class: verifier.ArgBTF, Size: 8, Type: k.key(target), Trusted: trusted, User: tag == "user", Percpu: tag == "percpu"}
		}
		return verifier.ArgType{Class: verifier.ArgUnknown, Size: 8}
	case *btf.Struct:
		return verifier.ArgType{Class: verifier.ArgScalar, Size: u.Size}
	case *btf.Union:
		return verifier.ArgType{Class: verifier.ArgScalar, Size: u.Size}
	case *btf.Int:
		if u.Size <= 8 {
			return verifier.ArgType{Class: verifier.ArgScalar, Size: u.Size}
		}
	case *btf.Enum:
		return verifier.ArgType{Class: verifier.ArgScalar, Size: u.Size}
	}
	n, _ := sizeOf(t) // 0 if it has none
	return verifier.ArgType{Class: verifier.ArgUnknown, Size: n}
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
