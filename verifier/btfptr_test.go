package verifier_test

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// someTypes is a small kernel.
type someTypes map[string]*verifier.Struct

func (s someTypes) Struct(name string) *verifier.Struct { return s[name] }

func (someTypes) StructByID(uint32) string { return "" }

func (someTypes) KernelSymbol(uint32) (string, *verifier.ArgType, bool, bool) {
	return "", nil, false, false
}

var smallKernel = someTypes{
	"task_struct": {Name: "task_struct", Size: 64, Members: []verifier.Member{
		{Name: "pid", Off: 0, Size: 4},
		{Name: "b", Kind: verifier.MemberBits, Off: 4, Size: 1},
		{Name: "c", Kind: verifier.MemberBits, Off: 4, Size: 2},
		{Name: "real_parent", Kind: verifier.MemberPtr, Off: 8, Size: 8, Type: "task_struct"},
		{Name: "other", Kind: verifier.MemberPtr, Off: 16, Size: 8, Type: "task_struct"},
		{Name: "comm", Off: 24, Size: 8, Array: true, ElemSize: 1},
		{Name: "text", Kind: verifier.MemberPtr, Off: 32, Size: 8},
		{Kind: verifier.MemberStruct, Off: 40, Size: 8, Type: "#1"},
		{Name: "in", Kind: verifier.MemberStruct, Off: 48, Size: 8, Type: "inner", Array: true, ElemSize: 4},
		{Name: "tail", Kind: verifier.MemberStruct, Off: 64, Size: 0, Type: "inner", Array: true, ElemSize: 4},
	}},
	"#1": {Size: 8, Union: true, Members: []verifier.Member{
		{Name: "u", Kind: verifier.MemberPtr, Size: 8, Type: "task_struct"}, {Name: "half", Size: 4},
	}},
	"inner": {Name: "inner", Size: 4, Members: []verifier.Member{{Name: "x", Off: 0, Size: 2}, {Name: "y", Off: 2, Size: 2}}},
}

// tracepoint is what the programs of the tests attach to.
var tracepoint = &verifier.FuncType{
	Name: "sched_pi_setprio", // its argument 1 may be NULL
	Args: []verifier.ArgType{
		{Class: verifier.ArgBTF, Type: "task_struct", Trusted: true},
		{Class: verifier.ArgBTF, Type: "task_struct", Trusted: true},
		{Class: verifier.ArgScalar, Size: 4},
		{Class: verifier.ArgScalar, Size: 8, Pointer: true},
		{Class: verifier.ArgScalar, Size: 16}, // a structure by value
		{Class: verifier.ArgUnknown},
		{Class: verifier.ArgBTF, Type: "task_struct", User: true},
		{Class: verifier.ArgBTF, Type: "opaque"},
	},
	Ret: verifier.ArgType{Class: verifier.ArgScalar, Size: 4},
}

// TestTracing verifies programs that load arguments and walk structures. The rules are held against the
// live kernel by the tests of package conformance.
func TestTracing(t *testing.T) {
	const task = "r6 = *(u64 *)(r1 +0); "
	tests := []struct {
		name, text string
		code       verifier.Code // "" for a program to be accepted
	}{
		{"argument", task, ""},
		{"half a pointer", "r6 = *(u32 *)(r1 +0)", verifier.CodeContext},
		{"between arguments", "r6 = *(u64 *)(r1 +4)", verifier.CodeContext},
		{"store to an argument", "*(u64 *)(r1 +0) = 0", verifier.CodeContext},
		{"number", "r6 = *(u32 *)(r1 +16); r6 = *(u8 *)(r1 +16)", ""},
		{"plain pointer", "r6 = *(u64 *)(r1 +24)", ""},
		{"half a plain pointer", "r6 = *(u32 *)(r1 +24)", verifier.CodeContext},
		{"structure by value", "r6 = *(u64 *)(r1 +32); r6 = *(u32 *)(r1 +40)", ""},
		{"pointer without a rule", "r6 = *(u64 *)(r1 +48)", verifier.CodeContext},
		{"user pointer", "r6 = *(u64 *)(r1 +56)", ""},
		{"load through a user pointer", "r6 = *(u64 *)(r1 +56); r6 = *(u64 *)(r6 +0)", verifier.CodeType},
		{"opaque structure", "r6 = *(u64 *)(r1 +64); r6 = *(u64 *)(r6 +0)", verifier.CodeType},
		{"beyond the arguments", "r6 = *(u64 *)(r1 +72)", verifier.CodeContext},
		{"far beyond", "r6 = *(u64 *)(r1 +96)", verifier.CodeContext},

		{"member", task + "r0 = *(u32 *)(r6 +0); r0 = *(u16 *)(r6 +0)", ""},
		{"store to a member", task + "*(u32 *)(r6 +0) = 1", verifier.CodeType},
		{"atomic to a member", task + "r0 = 1; lock *(u64 *)(r6 +24) += r0", verifier.CodeType},
		{"beyond a member", task + "r0 = *(u16 *)(r6 +3)", verifier.CodeBounds},
		{"bits", task + "r0 = *(u16 *)(r6 +4)", ""},
		{"half of one of the bits", task + "r0 = *(u8 *)(r6 +5)", verifier.CodeBounds},
		{"hole", task + "r0 = *(u8 *)(r6 +7)", verifier.CodeBounds},
		{"array", task + "r0 = *(u8 *)(r6 +31); r0 = *(u32 *)(r6 +25)", ""},
		{"end of an array", task + "r0 = *(u16 *)(r6 +31)", verifier.CodeBounds},
		{"structure inside", task + "r0 = *(u16 *)(r6 +54)", ""},
		{"across a structure inside", task + "r0 = *(u32 *)(r6 +50)", verifier.CodeBounds},
		{"tail", task + "r0 = *(u16 *)(r6 +82)", ""},
		{"across elements of the tail", task + "r0 = *(u32 *)(r6 +82)", verifier.CodeBounds},
		{"before", task + "r0 = *(u8 *)(r6 -1)", verifier.CodeBounds},
		{"variable offset", task + "r0 = *(u32 *)(r6 +0); r0 &= 1; r6 += r0; r0 = *(u8 *)(r6 +0)", verifier.CodeBounds},
		{"constant offset", task + "r6 += 8; r6 += -4; r0 = *(u16 *)(r6 +0)", ""},

		{"pointer member", task + "r6 = *(u64 *)(r6 +16); r6 = *(u64 *)(r6 +16); r0 = *(u32 *)(r6 +0)", ""},
		{"half a pointer member", task + "r6 = *(u32 *)(r6 +16)", verifier.CodeBounds},
		{"plain pointer member", task + "r6 = *(u64 *)(r6 +32); r0 = *(u64 *)(r6 +1000)", ""},
		{"store through a plain pointer", task + "r6 = *(u64 *)(r6 +32); *(u64 *)(r6 +0) = 0", verifier.CodeType},
		{"in a union", task + "r6 = *(u64 *)(r6 +40); r0 = *(u32 *)(r6 +0)", ""},
		{"narrow in a union", task + "r0 = *(u32 *)(r6 +40)", verifier.CodeBounds},

		{"may be NULL", "r6 = *(u64 *)(r1 +8); r0 = *(u32 *)(r6 +0)", verifier.CodeNull},
		{"is not NULL", "r6 = *(u64 *)(r1 +8); if r6 == 0 goto out; r0 = *(u32 *)(r6 +0)", ""},

		// What a helper takes: valid pointers, RCU pointers, plain ones; not those that may be stale.
		{"helper and argument", task + "r1 = r6; call get_task_stack_args", ""},
		{"helper and RCU member", task + "r1 = *(u64 *)(r6 +8); call get_task_stack_args", ""},
		{"helper and plain member", task + "r1 = *(u64 *)(r6 +16); call get_task_stack_args", ""},
		{"helper and union member", task + "r1 = *(u64 *)(r6 +40); call get_task_stack_args", verifier.CodeType},
		{"helper and middle", task + "r1 = r6; r1 += 8; call get_task_stack_args", verifier.CodeType},
		{"helper and pointer that may be NULL", "r1 = *(u64 *)(r1 +8); call get_task_stack_args", verifier.CodeNull},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := verifier.Verify(&verifier.Spec{
				Name: "p", Type: progtype.Tracing, Attach: progtype.AttachTraceRawTP, GPL: true,
				AttachBTF: tracepoint, Types: smallKernel, Insns: asm.Must(taskStack(tt.text) + "\nout:\nr0 = 0\nexit"),
			}, verifier.Options{})
			checkCode(t, err, tt.code)
		})
	}
}

// taskStack puts the other arguments of a helper in front of its call.
func taskStack(text string) string {
	const call = "call get_task_stack_args"
	for i := 0; i+len(call) <= len(text); i++ {
		if text[i:i+len(call)] == call {
			return text[:i] + "r2 = r10; r2 += -8; r3 = 8; r4 = 0; call get_task_stack" + text[i+len(call):]
		}
	}
	return text
}

func checkCode(t *testing.T, err error, want verifier.Code) {
	t.Helper()
	got := verifier.Code("")
	if ve, ok := err.(*verifier.Error); ok {
		got = ve.Code
	}
	if got != want {
		t.Errorf("refused for %q, want %q: %v", got, want, err)
	}
}

// TestTracingLicence: only GPL-compatible programs look into the kernel's structures.
func TestTracingLicence(t *testing.T) {
	_, err := verifier.Verify(&verifier.Spec{
		Name: "p", Type: progtype.Tracing, Attach: progtype.AttachTraceRawTP, AttachBTF: tracepoint, Types: smallKernel,
		Insns: asm.Must("r6 = *(u64 *)(r1 +0); r0 = *(u32 *)(r6 +0); exit"),
	}, verifier.Options{})
	checkCode(t, err, verifier.CodeType)
}

// TestReturned: programs that run when a function returns also see what it returned.
func TestReturned(t *testing.T) {
	tests := []struct {
		name   string
		attach uint32
		ret    verifier.ArgClass
		off    string
		code   verifier.Code
	}{
		{"fexit", progtype.AttachTraceFexit, verifier.ArgScalar, "16", ""},
		{"fexit of a function without result", progtype.AttachTraceFexit, verifier.ArgVoid, "16", verifier.CodeContext},
		{"fexit, further", progtype.AttachTraceFexit, verifier.ArgScalar, "24", verifier.CodeContext},
		{"fentry", progtype.AttachTraceFentry, verifier.ArgScalar, "16", verifier.CodeContext},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &verifier.FuncType{Name: "f", Args: tracepoint.Args[:2], Ret: verifier.ArgType{Class: tt.ret, Size: 4}}
			_, err := verifier.Verify(&verifier.Spec{
				Name: "p", Type: progtype.Tracing, Attach: tt.attach, GPL: true, AttachBTF: f, Types: smallKernel,
				Insns: asm.Must("r6 = *(u64 *)(r1 +" + tt.off + "); r0 = 0; exit"),
			}, verifier.Options{})
			checkCode(t, err, tt.code)
		})
	}
}

// TestKptr verifies programs that load and store pointers in a map's value.
func TestKptr(t *testing.T) {
	m := &verifier.Map{Name: "m", Type: maps.Array, KeySize: 4, ValueSize: 32, MaxEntries: 1, Fields: []maps.Field{
		{Kind: maps.FieldKptrUntrusted, Off: 0, Size: 8, Type: "task_struct"},
		{Kind: maps.FieldKptr, Off: 8, Size: 8, Type: "task_struct"},
		{Kind: maps.FieldKptr, Off: 16, Size: 8, Type: "inner"},
	}}
	const value = "r7 = *(u64 *)(r1 +0); r6 = map_value[0]+0; "
	const xchg = "call kptr_xchg; if r0 == 0 goto out; r1 = r6; r1 += 8; r2 = r0; call kptr_xchg; if r0 == 0 goto out; "
	tests := []struct {
		name, text string
		code       verifier.Code
	}{
		{"load", value + "r0 = *(u64 *)(r6 +0); if r0 == 0 goto out; r0 = *(u32 *)(r0 +0)", ""},
		{"load that may be NULL", value + "r0 = *(u64 *)(r6 +0); r0 = *(u32 *)(r0 +0)", verifier.CodeNull},
		{"half", value + "r0 = *(u32 *)(r6 +0)", verifier.CodeType},
		{"middle", value + "r0 = *(u64 *)(r6 +4)", verifier.CodeType},
		{"beside", value + "r0 = *(u64 *)(r6 +24)", ""},
		{"somewhere", value + "r0 = *(u64 *)(r6 +24); r0 &= 8; r6 += r0; r0 = *(u64 *)(r6 +0)", verifier.CodeType},
		{"store", value + "*(u64 *)(r6 +0) = r7", ""},
		{"store NULL", value + "*(u64 *)(r6 +0) = 0", ""},
		{"store a number", value + "*(u64 *)(r6 +0) = 1", verifier.CodeType},
		{"store what may be a number", value + "r0 = *(u64 *)(r6 +24); *(u64 *)(r6 +0) = r0", verifier.CodeType},
		{"store another address", value + "*(u64 *)(r6 +0) = r10", verifier.CodeType},
		{"store stale one", value + "r0 = *(u64 *)(r6 +0); *(u64 *)(r6 +0) = r0", ""},
		{"store to the owner", value + "*(u64 *)(r6 +8) = r7", verifier.CodeType},
		{"load from the owner, in RCU", value + "r1 = *(u64 *)(r6 +8); if r1 == 0 goto out; r2 = r10; r2 += -8; r3 = 8; r4 = 0; call get_task_stack", ""},
		{"load from the owner, no RCU type", value + "r0 = *(u64 *)(r6 +16); *(u64 *)(r6 +0) = r0", verifier.CodeType},
		{"atomic", value + "r0 = 1; lock *(u64 *)(r6 +0) += r0", verifier.CodeType},
		{"exchange for NULL", value + "r1 = r6; r1 += 8; r2 = 0; call kptr_xchg; if r0 == 0 goto out; r1 = r6; r1 += 8; r2 = r0; call kptr_xchg; if r0 == 0 goto out; r1 = r0; r0 = *(u32 *)(r1 +0); goto leak", verifier.CodeReference},
		{"exchange, leaked", value + "r1 = r6; r1 += 8; r2 = 0; " + xchg + "goto leak", verifier.CodeReference},
		{"exchange with what is not owned", value + "r1 = r6; r1 += 8; r2 = r7; call kptr_xchg", verifier.CodeReference},
		{"exchange where nothing is owned", value + "r1 = r6; r2 = 0; call kptr_xchg", verifier.CodeType},
		{"exchange beside", value + "r1 = r6; r1 += 24; r2 = 0; call kptr_xchg", verifier.CodeType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := verifier.Verify(&verifier.Spec{
				Name: "p", Type: progtype.Tracing, Attach: progtype.AttachTraceRawTP, GPL: true,
				AttachBTF: tracepoint, Types: smallKernel, Maps: []*verifier.Map{m},
				Insns: asm.Must(tt.text + "\nleak:\nout:\nr0 = 0\nexit"),
			}, verifier.Options{})
			checkCode(t, err, tt.code)
		})
	}
}
