package progtype

import (
	"slices"
	"strings"
)

const (
	// traceMax is the largest record of a tracepoint, in bytes.
	traceMax = 8192
	// maxArgs is how many 64-bit arguments a raw tracepoint hands over.
	maxArgs = 12
)

// argsLayout is a context of 64-bit arguments.
func argsLayout(name string, n uint32) Layout {
	return Layout{Name: name, Size: 8 * n, Fields: []Field{
		{Name: "args", Size: 8, Count: n, Access: Read | Narrow | Settable},
	}}
}

// regs is a layout of 64-bit registers in the order given.
func regs(name string, access Access, list ...string) Layout {
	l := Layout{Name: name, Size: uint32(8 * len(list))}
	for i, r := range list {
		l.Fields = append(l.Fields, Field{Name: r, Off: uint32(8 * i), Size: 8, Access: access})
	}
	return l
}

var amd64Regs = []string{"r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8",
	"ax", "cx", "dx", "si", "di", "orig_ax", "ip", "cs", "flags", "sp", "ss"}

var amd64Alias = map[string]string{"rbp": "bp", "rbx": "bx", "rax": "ax", "rcx": "cx", "rdx": "dx", "rsi": "si",
	"rdi": "di", "orig_rax": "orig_ax", "rip": "ip", "eflags": "flags", "rsp": "sp"}

const regAccess = Read | Narrow | Settable

// PtRegsAMD64 is struct pt_regs of x86-64, 168 bytes. Fields also answer to the names of
// its ptrace header, such as "rdi".
func PtRegsAMD64() Layout {
	l := regs("pt_regs", regAccess, amd64Regs...)
	l.alias = amd64Alias
	l.build()
	return l
}

// PtRegsARM64 is struct user_pt_regs of arm64 as programs read it: regs[31], sp, pc and
// pstate, then the kernel's own part of struct pt_regs.
func PtRegsARM64() Layout {
	l := Layout{Name: "pt_regs", Size: 336, Fields: []Field{
		{Name: "regs", Off: 0, Size: 8, Count: 31, Access: regAccess},
		{Name: "sp", Off: 248, Size: 8, Access: regAccess},
		{Name: "pc", Off: 256, Size: 8, Access: regAccess},
		{Name: "pstate", Off: 264, Size: 8, Access: regAccess},
		{Name: "orig_x0", Off: 272, Size: 8, Access: regAccess},
		{Name: "syscallno", Off: 280, Size: 4, Access: regAccess},
		{Name: "pmr", Off: 284, Size: 4, Access: regAccess},
		{Name: "sdei_ttbr1", Off: 288, Size: 8, Access: regAccess},
		{Name: "stackframe", Off: 296, Size: 8, Count: 3, Access: regAccess},
		{Name: "reserved", Off: 320, Size: 8, Count: 2, Access: regAccess},
	}}
	l.build()
	return l
}

// The tracing types. Their context is what the host makes of the event: its bytes as
// Input.Ctx (or Input.Data), or fields by name.
var (
	// Kprobe is BPF_PROG_TYPE_KPROBE with the registers of x86-64; uprobes are of this
	// type too.
	Kprobe = kprobe(PtRegsAMD64())
	// KprobeARM64 is the same with the registers of arm64. ByName and ByKernel return
	// Kprobe.
	KprobeARM64 = kprobe(PtRegsARM64())
	// Tracepoint is BPF_PROG_TYPE_TRACEPOINT: its context is the event's record, whose
	// first 8 bytes no program reads.
	Tracepoint = plainType("tracepoint", 5, Layout{Name: "tracepoint", Size: traceMax, Fields: []Field{
		{Name: "common", Size: 8, Access: Settable},
		{Name: "record", Off: 8, Size: 8, Count: traceMax/8 - 1, Access: Read | Narrow | Settable},
	}}, Range{Any: true})
	// RawTracepoint is BPF_PROG_TYPE_RAW_TRACEPOINT: up to 12 arguments of 64 bits.
	RawTracepoint = plainType("raw_tracepoint", 17, argsLayout("bpf_raw_tracepoint_args", maxArgs), Range{Any: true})
	// RawTracepointWritable is BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE; its first argument
	// points to a buffer of the tracepoint.
	RawTracepointWritable = plainType("raw_tracepoint_writable", 24, writableArgs(), Range{Any: true})
	// PerfEvent is BPF_PROG_TYPE_PERF_EVENT: registers, sample period and address.
	PerfEvent = plainType("perf_event", 7, perfLayout(), Range{Any: true})
	// Tracing, LSM, StructOps and Ext take their context from a kernel function's or
	// program's type; here it is its arguments.
	// What LSM programs may return depends on the hook, see [LSMReturns].
	Tracing   = tracingType()
	LSM       = lsmType()
	StructOps = plainType("struct_ops", 27, argsLayout("args", maxArgs), Range{Any: true})
	Ext       = plainType("ext", 28, argsLayout("args", maxArgs), Range{Any: true})
)

func tracingType() *Type {
	t := plainType("tracing", 26, argsLayout("args", maxArgs), Range{Any: true})
	t.AnyAttach = true
	t.Attach = []Attach{
		{Type: AttachTraceRawTP}, {Type: AttachModifyReturn},
		{Type: AttachTraceFentry, Returns: &Range{}}, {Type: AttachTraceFexit, Returns: &Range{}},
		{Type: AttachTraceIter, Returns: &Range{Max: 1}},
	}
	return t
}

func lsmType() *Type {
	t := plainType("lsm", 29, argsLayout("args", maxArgs), Range{Any: true})
	t.AnyAttach = true
	t.Attach = []Attach{{Type: AttachLSMMac}, {Type: AttachLSMCgroup, Returns: &Range{Max: 1}}}
	return t
}

// boolHooks are the LSM hooks that answer yes or no; the others answer 0 or a negative errno.
var boolHooks = []string{"inode_xattr_skipcap", "audit_rule_known"}

// LSMReturns is the set of return values that the kernel accepts from an LSM program: by its
// expected attach type, the hook it attaches to ("file_open"; a bpf_lsm_ in front
// counts for nothing), and whether that hook returns nothing.
func LSMReturns(attach uint32, hook string, void bool) Range {
	switch {
	case attach == AttachLSMCgroup && void:
		return Range{Min: 1, Max: 1}
	case attach == AttachLSMCgroup:
		return Range{Max: 1}
	case void:
		return Range{Any: true}
	case slices.Contains(boolHooks, strings.TrimPrefix(hook, "bpf_lsm_")):
		return Range{Max: 1}
	}
	return Range{Min: -4095} // -MAX_ERRNO
}

func kprobe(l Layout) *Type {
	t := plainType("kprobe", 2, l, Range{Any: true})
	t.Attach = []Attach{
		{Type: 0}, {Type: AttachTraceKprobeMulti}, {Type: AttachTraceUprobeMulti},
		{Type: AttachTraceKprobeSession, Returns: &Range{Max: 1}},
		{Type: AttachTraceUprobeSession, Returns: &Range{Max: 1}},
		{Type: AttachPerfEvent},
	}
	return t
}

func writableArgs() Layout {
	l := argsLayout("bpf_raw_tracepoint_args", maxArgs)
	l.Fields[0] = Field{Name: "buffer", Size: 8, Kind: Pointer, Target: TargetTPBuffer, Access: Read | Settable}
	l.Fields = append(l.Fields, Field{Name: "args", Off: 8, Size: 8, Count: maxArgs - 1, Access: Read | Narrow | Settable})
	return l
}

func perfLayout() Layout {
	// Of the registers only whole ones are read.
	l := regs("bpf_perf_event_data", Read|Settable, slices.Concat(amd64Regs, []string{"sample_period", "addr"})...)
	for i := len(amd64Regs); i < len(l.Fields); i++ {
		l.Fields[i].Access |= Narrow
	}
	l.alias = amd64Alias
	return l
}
