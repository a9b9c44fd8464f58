package verifier_test

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// taggedTypes has pointers with type tags and per-CPU variables, which kernels that gcc has compiled do
// not show.
type taggedTypes struct{ someTypes }

func (taggedTypes) KernelSymbol(id uint32) (string, *verifier.ArgType, bool, bool) {
	switch id {
	case 1:
		return "runqueues", &verifier.ArgType{Class: verifier.ArgBTF, Type: "task_struct"}, true, true
	case 2:
		return "cpu_number", &verifier.ArgType{Class: verifier.ArgMem, Size: 4}, true, true
	case 3:
		return "jiffies", &verifier.ArgType{Class: verifier.ArgMem, Size: 8}, false, true
	case 4:
		return "init_task", &verifier.ArgType{Class: verifier.ArgBTF, Type: "task_struct"}, false, true
	case 5:
		return "schedule", &verifier.ArgType{Class: verifier.ArgMem}, false, true
	case 6:
		return "_text", &verifier.ArgType{Class: verifier.ArgUnknown}, false, true
	}
	return "", nil, false, false
}

func tagged(tag, name string, off uint32) verifier.Member {
	return verifier.Member{Name: name, Kind: verifier.MemberPtr, Off: off, Size: 8, Type: "task_struct",
		RCU: tag == "rcu", User: tag == "user", Percpu: tag == "percpu"}
}

var taggedKernel = taggedTypes{someTypes{
	"task_struct": {Name: "task_struct", Size: 64, Members: []verifier.Member{
		{Name: "pid", Size: 8}, tagged("rcu", "rcu", 8), tagged("user", "user", 16), tagged("percpu", "percpu", 24), tagged("", "plain", 32),
		{Name: "scx", Kind: verifier.MemberStruct, Off: 40, Size: 16, Type: "sched_ext_entity"},
		{Kind: verifier.MemberStruct, Off: 56, Size: 8, Type: "#9"},
	}},
	"sched_ext_entity": {Name: "sched_ext_entity", Size: 16, Members: []verifier.Member{{Name: "slice", Size: 8}, {Name: "weight", Off: 8, Size: 8}}},
	"#9": {Size: 8, Union: true, Members: []verifier.Member{
		{Name: "text", Size: 8, Array: true, ElemSize: 1}, tagged("rcu", "in", 0),
	}},
	"bpf_array":  {Name: "bpf_array", Size: 16, Members: []verifier.Member{{Name: "map", Kind: verifier.MemberStruct, Size: 16, Type: "bpf_map"}, {Name: "value", Off: 16, Array: true, ElemSize: 1}}},
	"bpf_map":    {Name: "bpf_map", Size: 16, Members: []verifier.Member{tagged("", "owner", 0), {Name: "max_entries", Off: 8, Size: 4}}},
	"sk_buff":    {Name: "sk_buff", Size: 8, Members: []verifier.Member{{Name: "len", Size: 4}}},
	"file":       {Name: "file", Size: 8, Members: []verifier.Member{{Name: "f_mode", Size: 4}}},
	"sched_info": {Name: "sched_info", Size: 8, Members: []verifier.Member{{Name: "self", Kind: verifier.MemberStruct, Size: 8, Type: "sched_info"}}},
}}

func ruleTask(trusted bool) verifier.ArgType {
	return verifier.ArgType{Class: verifier.ArgBTF, Type: "task_struct", Trusted: trusted}
}

var intResult = verifier.ArgType{Class: verifier.ArgScalar, Size: 4}

// TestTypeTags: what pointers are worth by their tags, where they were loaded, and through what.
func TestTypeTags(t *testing.T) {
	const arg, stack = "r6 = *(u64 *)(r1 +0); ", "; r2 = r10; r2 += -8; r3 = 8; r4 = 0; call get_task_stack; "
	for _, tt := range []struct {
		name      string
		trusted   bool
		sleepable bool
		text      string
		code      verifier.Code
	}{
		{"tag rcu, tested", true, false, arg + "r1 = *(u64 *)(r6 +8); if r1 == 0 goto out" + stack, ""},
		{"tag rcu may be NULL", true, false, arg + "r1 = *(u64 *)(r6 +8)" + stack, verifier.CodeNull},
		{"load through tag rcu, untested", true, false, arg + "r1 = *(u64 *)(r6 +8); r0 = *(u64 *)(r1 +0)", verifier.CodeNull},
		{"tag rcu where the program may sleep", true, true, arg + "r1 = *(u64 *)(r6 +8); if r1 == 0 goto out" + stack, verifier.CodeType},
		{"load through it, where the program may sleep", true, true, arg + "r1 = *(u64 *)(r6 +8); r0 = *(u64 *)(r1 +0)", ""},
		{"tag rcu through a plain pointer", false, false, arg + "r1 = *(u64 *)(r6 +8)" + stack, ""},
		{"plain through a trusted pointer", true, false, arg + "r1 = *(u64 *)(r6 +32)" + stack, ""},
		{"plain where the program may sleep", true, true, arg + "r1 = *(u64 *)(r6 +32)" + stack, verifier.CodeType},
		{"what a stale pointer leads to", true, true, arg + "r1 = *(u64 *)(r6 +32); r1 = *(u64 *)(r1 +8)" + stack, verifier.CodeType},
		{"tag user", true, false, arg + "r1 = *(u64 *)(r6 +16); r0 = *(u64 *)(r1 +0)", verifier.CodeType},
		{"tag user as an argument", true, false, arg + "r1 = *(u64 *)(r6 +16)" + stack, verifier.CodeType},
		{"tag percpu", true, false, arg + "r1 = *(u64 *)(r6 +24); r0 = *(u64 *)(r1 +0)", verifier.CodeType},
		{"tag percpu, this CPU's", true, false, arg + "r1 = *(u64 *)(r6 +24); call this_cpu_ptr; r0 = *(u64 *)(r0 +0)", ""},
		{"tag percpu of some CPU", true, false, arg + "r1 = *(u64 *)(r6 +24); r2 = 1; call per_cpu_ptr; r0 = *(u64 *)(r0 +0)", verifier.CodeNull},
		{"no tag, this CPU's", true, false, arg + "r1 = *(u64 *)(r6 +32); call this_cpu_ptr", verifier.CodeType},
		{"in a union", true, false, arg + "r1 = *(u64 *)(r6 +56)", ""}, // the array is declared first
		{"beyond the end, in a union", true, false, arg + "r1 = *(u64 *)(r6 +60)", verifier.CodeBounds},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := verifier.Verify(&verifier.Spec{
				Name: "p", Type: progtype.Tracing, Attach: progtype.AttachTraceIter, GPL: true, Sleepable: tt.sleepable, Types: taggedKernel,
				AttachBTF: &verifier.FuncType{Name: "bpf_iter_x", Args: []verifier.ArgType{ruleTask(tt.trusted)}, Ret: intResult},
				Insns:     asm.Must(tt.text + "\nout:\nr0 = 0\nexit"),
			}, verifier.Options{})
			checkCode(t, err, tt.code)
		})
	}
}

// TestKernelVariables: addresses of variables and functions.
func TestKernelVariables(t *testing.T) {
	for _, tt := range []struct {
		name string
		id   int64
		text string
		code verifier.Code
	}{
		{"per CPU", 1, "r0 = *(u64 *)(r6 +0)", verifier.CodeType},
		{"per CPU, here", 1, "r1 = r6; call this_cpu_ptr; r0 = *(u64 *)(r0 +0)", ""},
		{"per CPU, beyond", 1, "r1 = r6; call this_cpu_ptr; r0 = *(u64 *)(r0 +64)", verifier.CodeBounds},
		{"per CPU, with an offset", 1, "r1 = r6; r1 += 8; call this_cpu_ptr", verifier.CodeType},
		{"per CPU, untested", 1, "r1 = r6; r2 = 0; call per_cpu_ptr; r0 = *(u64 *)(r0 +0)", verifier.CodeNull},
		{"per CPU, tested", 1, "r1 = r6; r2 = 0; call per_cpu_ptr; if r0 == 0 goto out; r0 = *(u64 *)(r0 +0)", ""},
		{"number per CPU", 2, "r1 = r6; call this_cpu_ptr; r0 = *(u32 *)(r0 +0)", ""},
		{"number per CPU, beyond", 2, "r1 = r6; call this_cpu_ptr; r0 = *(u64 *)(r0 +0)", verifier.CodeBounds},
		{"number per CPU, written", 2, "r1 = r6; call this_cpu_ptr; *(u32 *)(r0 +0) = 1", verifier.CodeType},
		{"number per CPU, as it is", 2, "r0 = *(u32 *)(r6 +0)", verifier.CodeType},
		{"number", 3, "r0 = *(u64 *)(r6 +0)", ""},
		{"number, beyond", 3, "r0 = *(u64 *)(r6 +1)", verifier.CodeBounds},
		{"number, written", 3, "*(u64 *)(r6 +0) = 0", verifier.CodeType},
		{"number is not per CPU", 3, "r1 = r6; call this_cpu_ptr", verifier.CodeType},
		{"structure", 4, "r0 = *(u64 *)(r6 +0); r0 = *(u64 *)(r6 +32); r0 = *(u64 *)(r0 +0)", ""},
		{"function", 5, "r0 = *(u8 *)(r6 +0)", verifier.CodeBounds},
		{"of no size", 6, "r0 = 0", verifier.CodeType},
		{"none", 7, "r0 = 0", verifier.CodeStructure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wide := isa.LoadImm64(isa.OpLddwBTFID, isa.R6, tt.id)
			_, err := verifier.Verify(&verifier.Spec{
				Name: "p", Type: progtype.RawTracepoint, GPL: true, Types: taggedKernel,
				Insns: append(wide[:], asm.Must(tt.text+"\nout:\nr0 = 0\nexit")...),
			}, verifier.Options{})
			checkCode(t, err, tt.code)
		})
	}
}

// TestHooks: what programs of hooks see of results, and may return.
func TestHooks(t *testing.T) {
	void := verifier.ArgType{Class: verifier.ArgVoid}
	fn := func(name string, ret verifier.ArgType) *verifier.FuncType {
		return &verifier.FuncType{Name: name, Args: []verifier.ArgType{ruleTask(true)}, Ret: ret}
	}
	ptr := verifier.ArgType{Class: verifier.ArgBTF, Type: "task_struct"}
	for _, tt := range []struct {
		name   string
		typ    *progtype.Type
		attach uint32
		fn     *verifier.FuncType
		text   string
		code   verifier.Code
	}{
		{"lsm returns 0", progtype.LSM, progtype.AttachLSMMac, fn("bpf_lsm_x", intResult), "r0 = 0", ""},
		{"lsm returns an errno", progtype.LSM, progtype.AttachLSMMac, fn("bpf_lsm_x", intResult), "w0 = -13", ""},
		{"lsm returns 1", progtype.LSM, progtype.AttachLSMMac, fn("bpf_lsm_x", intResult), "r0 = 1", verifier.CodeReturn},
		{"lsm returns what the one before did", progtype.LSM, progtype.AttachLSMMac, fn("bpf_lsm_x", intResult), "r0 = *(u64 *)(r1 +8)", ""},
		{"lsm returns something", progtype.LSM, progtype.AttachLSMMac, fn("bpf_lsm_x", intResult), "r0 = *(u64 *)(r1 +0); r0 = *(u64 *)(r0 +0)", verifier.CodeReturn},
		{"lsm returns nothing", progtype.LSM, progtype.AttachLSMMac, fn("bpf_lsm_x", void), "", ""},
		{"lsm without a result has none to load", progtype.LSM, progtype.AttachLSMMac, fn("bpf_lsm_x", void), "r0 = *(u64 *)(r1 +8)", verifier.CodeContext},
		{"lsm of a cgroup returns 1", progtype.LSM, progtype.AttachLSMCgroup, fn("bpf_lsm_x", intResult), "r0 = 1", ""},
		{"lsm of a cgroup returns 0 for nothing", progtype.LSM, progtype.AttachLSMCgroup, fn("bpf_lsm_x", void), "r0 = 0", verifier.CodeReturn},
		{"fmod_ret sees the result", progtype.Tracing, progtype.AttachModifyReturn, fn("x", intResult), "r0 = *(u64 *)(r1 +8)", ""},
		{"fmod_ret sees no pointer", progtype.Tracing, progtype.AttachModifyReturn, fn("x", ptr), "r0 = *(u64 *)(r1 +8); r0 = 0", verifier.CodeContext},
		{"fexit sees a pointer", progtype.Tracing, progtype.AttachTraceFexit, fn("x", ptr), "r0 = *(u64 *)(r1 +8); r0 = *(u64 *)(r0 +0); r0 = 0", ""},
		{"fentry sees no result", progtype.Tracing, progtype.AttachTraceFentry, fn("x", intResult), "r0 = *(u64 *)(r1 +8); r0 = 0", verifier.CodeContext},
		{"struct_ops without a result", progtype.StructOps, 0, fn("sched_ext_ops:tick", void), "", ""},
		{"struct_ops with one", progtype.StructOps, 0, fn("sched_ext_ops:x", intResult), "", verifier.CodeUninit},
		{"struct_ops sees no result", progtype.StructOps, progtype.AttachTraceFexit, fn("sched_ext_ops:x", intResult), "r0 = *(u64 *)(r1 +8)", verifier.CodeContext},
		{"d_path where it is not allowed", progtype.Tracing, progtype.AttachTraceRawTP, fn("x", void), "call d_path", verifier.CodeHelper},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := verifier.Verify(&verifier.Spec{
				Name: "p", Type: tt.typ, Attach: tt.attach, GPL: true, Types: taggedKernel, AttachBTF: tt.fn, Insns: asm.Must(tt.text + "\nexit"),
			}, verifier.Options{})
			checkCode(t, err, tt.code)
		})
	}
}

// TestOperations: what struct_ops programs may store to, and that they give back what they own.
func TestOperations(t *testing.T) {
	own := verifier.ArgType{Class: verifier.ArgBTF, Type: "task_struct", Trusted: true, Ref: true}
	plain := ruleTask(true)
	ptr := verifier.ArgType{Class: verifier.ArgBTF, Type: "task_struct"}
	for _, tt := range []struct {
		name, op string
		arg, ret verifier.ArgType
		text     string
		code     verifier.Code
	}{
		{"store", "sched_ext_ops:tick", plain, intResult, "r6 = *(u64 *)(r1 +0); *(u64 *)(r6 +40) = 1; r0 = 0", ""},
		{"narrow store", "sched_ext_ops:tick", plain, intResult, "r6 = *(u64 *)(r1 +0); *(u16 *)(r6 +46) = 1; r0 = 0", ""},
		{"store beyond", "sched_ext_ops:tick", plain, intResult, "r6 = *(u64 *)(r1 +0); *(u64 *)(r6 +44) = 1; r0 = 0", verifier.CodeBounds},
		{"store beside", "sched_ext_ops:tick", plain, intResult, "r6 = *(u64 *)(r1 +0); *(u64 *)(r6 +48) = 1; r0 = 0", verifier.CodeType},
		{"store by others", "some_ops:tick", plain, intResult, "r6 = *(u64 *)(r1 +0); *(u64 *)(r6 +40) = 1; r0 = 0", verifier.CodeType},
		{"store through a pointer that may be stale", "sched_ext_ops:tick", plain, intResult, "r6 = *(u64 *)(r1 +0); r6 = *(u64 *)(r6 +32); *(u64 *)(r6 +48) = 1; r0 = 0", verifier.CodeType},

		{"owned and kept", "some_ops:take", own, intResult, "r0 = 0", verifier.CodeReference},
		{"owned and returned", "some_ops:take", own, ptr, "r0 = *(u64 *)(r1 +0)", ""},
		{"owned, something else returned", "some_ops:take", own, ptr, "r0 = *(u64 *)(r1 +0); r0 += 8", verifier.CodeReference},
		{"owned, returned in part", "some_ops:take", own, ptr, "r6 = *(u64 *)(r1 +0); r0 = 0", verifier.CodeReference},
		{"NULL returned", "some_ops:give", plain, ptr, "r0 = 0", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := verifier.Verify(&verifier.Spec{
				Name: "p", Type: progtype.StructOps, GPL: true, Types: taggedKernel, Insns: asm.Must(tt.text + "\nexit"),
				AttachBTF: &verifier.FuncType{Name: tt.op, Args: []verifier.ArgType{tt.arg}, Ret: tt.ret},
			}, verifier.Options{})
			checkCode(t, err, tt.code)
		})
	}
}

// TestMapStructs: loads from what a map is made of.
func TestMapStructs(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		types      verifier.TypeSource
		code       verifier.Code
	}{
		{"member", "r0 = *(u32 *)(r6 +8); r0 = *(u64 *)(r6 +0); r0 = *(u64 *)(r0 +0)", taggedKernel, ""},
		{"store", "*(u32 *)(r6 +8) = 1", taggedKernel, verifier.CodeType},
		{"hole", "r0 = *(u32 *)(r6 +12)", taggedKernel, verifier.CodeBounds},
		{"before", "r0 = *(u32 *)(r6 -4)", taggedKernel, verifier.CodeType},
		{"types that are not known", "r0 = *(u32 *)(r6 +8)", nil, verifier.CodeUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := verifier.Verify(&verifier.Spec{
				Name: "p", Type: progtype.RawTracepoint, GPL: true, Types: tt.types, Insns: asm.Must("r6 = map[0]; " + tt.text + "; r0 = 0; exit"),
				Maps: []*verifier.Map{{Name: "m", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
			}, verifier.Options{})
			checkCode(t, err, tt.code)
		})
	}
}

// TestEndlessStruct: types that nobody has checked cannot make the walk go on for ever.
func TestEndlessStruct(t *testing.T) {
	for _, text := range []string{"r0 = *(u32 *)(r6 +0)", "r1 = r6; call sock_from_file"} {
		_, err := verifier.Verify(&verifier.Spec{
			Name: "p", Type: progtype.Tracing, Attach: progtype.AttachTraceIter, GPL: true, Types: taggedKernel,
			AttachBTF: &verifier.FuncType{Name: "bpf_iter_x", Args: []verifier.ArgType{{Class: verifier.ArgBTF, Type: "sched_info", Trusted: true}}, Ret: intResult},
			Insns:     asm.Must("r6 = *(u64 *)(r1 +0); " + text + "; r0 = 0; exit"),
		}, verifier.Options{})
		if err == nil {
			t.Errorf("%s: accepted", text)
		}
	}
}
