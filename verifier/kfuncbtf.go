package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// kernelPointer reports whether a register points to a structure of the kernel, or what stands for
// one.
func kernelPointer(r *Reg) bool { return r.Kind == PtrToBTFID || kernelStruct(r.Kind) != "" }

// kernelStruct is the structure of the kernel that is behind a pointer to what programs see of it, "" for
// none (reg2btf_ids).
func kernelStruct(k Kind) string {
	switch k {
	case PtrToSocket:
		return "sock"
	case PtrToSockCommon:
		return "sock_common"
	case PtrToTCPSock:
		return "tcp_sock"
	case ConstPtrToMap:
		return "bpf_map"
	}
	return ""
}

// trustFlags are those that do not take away from what a pointer is worth.
const trustFlags = Alloc | Trusted | NonOwnRef

// isTrusted reports whether a pointer is certain to be valid: something holds a reference, or it is
// handed out as such.
func (r *Reg) isTrusted() bool {
	switch {
	case r.Ref != 0:
		return true
	case r.Flags&^trustFlags != 0:
		return false
	}
	return kernelStruct(r.Kind) != "" || r.Flags&trustFlags != 0
}

// kfuncBTF checks a pointer to a structure of the kernel, or to memory that can stand for it.
func (w *walker) kfuncBTF(c *kcall, a *proto.KfuncArg, reg isa.Reg, r *Reg) *Error {
	want := "a pointer to struct " + a.BTF
	if !kernelPointer(r) {
		if a.Flags&proto.KfuncOrMem == 0 {
			return w.fail(w.codeFor(r), "%s of %s is %s: it has to be %s", reg, c.name, w.describe(r), want)
		}
		if r.isNull() {
			return nil
		}
		if err := w.kfuncOffset(c, reg, r); err != nil {
			return err
		}
		m := memArg{reg: reg, size: int(a.Size), zeroOK: true, maybeNull: true, name: c.name}
		if err := w.memoryArg(&m); err != nil {
			return err
		}
		m.write = true
		return w.memoryArg(&m)
	}
	if c.k.Flags&(proto.KfuncTrustedArgs|proto.KfuncRCU) != 0 && !r.isTrusted() {
		if c.k.Flags&proto.KfuncRCU == 0 {
			return w.fail(CodeType, "%s of %s is %s, which may be stale: it has to be trusted, or a reference", reg, c.name, w.describe(r))
		}
		if r.Flags&RCU == 0 {
			return w.fail(CodeType, "%s of %s is %s, which may be stale: it has to be trusted, a reference, or valid within an RCU section", reg, c.name, w.describe(r))
		}
	}
	if err := w.kfuncOffset(c, reg, r); err != nil {
		return err
	}
	if r.Flags&^trustFlags != 0 && r.Flags&RCU == 0 {
		return w.fail(w.codeFor(r), "%s of %s is %s: it has to be %s", reg, c.name, w.describe(r), want)
	}
	strict := c.relArg && c.relReg == reg
	if !w.pointsTo(r, a.BTF, strict) {
		return w.fail(CodeType, "%s of %s is %s: it has to be %s", reg, c.name, w.describe(r), want)
	}
	return nil
}

// codeFor is the code of an error about a pointer of the wrong type.
func (w *walker) codeFor(r *Reg) Code {
	if r.Flags&MaybeNull != 0 || r.isNull() {
		return CodeNull
	}
	return CodeType
}

// pointsTo reports whether r points to a structure of the kernel: to an object of the type or, if not strict, to one
// that has such a structure where r points.
func (w *walker) pointsTo(r *Reg, want string, strict bool) bool {
	name := kernelStruct(r.Kind)
	if r.Kind == PtrToBTFID {
		if w.isLocal(r.Obj) {
			return false
		}
		name = w.typeName(r.Obj)
	}
	switch {
	case projections[want] == name, r.Off == 0 && name == want:
		return true
	case strict || name == want+"___init" || want == name+"___init":
		return false
	}
	at := Reg{Kind: PtrToBTFID, Obj: w.typeByName(name), Off: r.Off}
	return w.isStruct(&at, want, false) || r.Off == 0 && firstMembers[name] == want
}

// projections are what programs see of structures that they may hand in whole.
var projections = map[string]string{"__sk_buff": "sk_buff", "xdp_md": "xdp_buff"}

// firstMembers are the structures that others start with, for when the kernel's types are not known.
var firstMembers = map[string]string{"bpf_cpumask": "cpumask", "cgroup": "cgroup_subsys_state"}

// kernelContexts are the structures of the kernel behind the contexts of programs, which
// bpf_cast_to_kern_ctx gives, by the context's name and, where that does not tell, by program
// type.
var kernelContexts = map[string]string{
	"__sk_buff": "sk_buff", "xdp_md": "xdp_buff", "bpf_sock": "sock", "bpf_sock_addr": "bpf_sock_addr_kern",
	"bpf_sock_ops": "bpf_sock_ops_kern", "sk_msg_md": "sk_msg", "bpf_perf_event_data": "bpf_perf_event_data_kern",
	"bpf_cgroup_dev_ctx": "bpf_cgroup_dev_ctx", "bpf_sysctl": "bpf_sysctl_kern", "bpf_sockopt": "bpf_sockopt_kern",
	"sk_reuseport_md": "sk_reuseport_kern", "bpf_sk_lookup": "bpf_sk_lookup_kern", "bpf_nf_ctx": "bpf_nf_ctx",
}

// kernelContext is the structure of the kernel behind the program's context, "" if it is none.
func (w *walker) kernelContext() string {
	switch w.spec.Type.Kernel {
	case typeFlowDissector:
		return "bpf_flow_dissector"
	case typeKprobe:
		return "pt_regs"
	}
	return kernelContexts[w.layout.Name]
}
