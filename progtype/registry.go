package progtype

import "github.com/gbpf/gbpf/helpers/proto"

// all lists the program types by kernel number, gbpf's own last.
var all = []*Type{
	SocketFilter, Kprobe, SchedCLS, SchedACT, Tracepoint, XDP, PerfEvent, CgroupSkb, CgroupSock, LwtIn, LwtOut,
	LwtXmit, SockOps, SkSkb, CgroupDevice, SkMsg, RawTracepoint, CgroupSockAddr, LwtSeg6Local, LircMode2,
	SkReuseport, FlowDissector, CgroupSysctl, RawTracepointWritable, CgroupSockopt, Tracing, StructOps, Ext, LSM,
	SkLookup, Syscall, Netfilter, Raw,
}

var (
	byName   = map[string]*Type{}
	byKernel = map[uint32]*Type{}
)

func init() {
	for _, t := range []*Type{Kprobe, KprobeARM64, SockOps, CgroupDevice, CgroupSysctl} {
		t.AnyAttach = true
	}
	Syscall.Attach, Ext.Attach = attaches(0), attaches(0)
	CgroupSock.DefaultAttach = AttachCgroupInetSockCreate
	SkReuseport.DefaultAttach = AttachSkReuseportSelect
	setCapabilities()
	for _, t := range all {
		t.finish()
		byName[t.Name] = t
		if t.Kernel != 0 {
			byKernel[t.Kernel] = t
		}
	}
	KprobeARM64.finish()
}

// finish derives what a type's tables imply.
func (t *Type) finish() {
	t.Ctx.build()
	varies := false
	for i := range t.Ctx.Fields {
		f := &t.Ctx.Fields[i]
		varies = varies || f.ReadAt|f.WriteAt != 0
	}
	if varies {
		t.layouts = map[uint32]*Layout{noAttach: t.Ctx.at(noAttach)}
		for a := range uint32(len(attachNames)) {
			t.layouts[a] = t.Ctx.at(a)
		}
	}
	if t.Helpers == nil {
		t.Helpers = func(id int32) bool { return t.Kernel == 0 || proto.Allowed(t.Kernel, id) }
	}
}

// All returns the program types that gbpf knows, the kernel's by number, then its own.
func All() []*Type { return append([]*Type(nil), all...) }

// ByName returns the type of that name, such as "xdp" or "sched_cls", nil for none. Names are
// the kernel's BPF_PROG_TYPE_* in lower case.
func ByName(name string) *Type { return byName[name] }

// ByKernel returns the type of that number (enum bpf_prog_type), nil for none.
func ByKernel(n uint32) *Type { return byKernel[n] }
