package loader

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/gbpf/gbpf/isa"
	gmaps "github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

func verifierSpecs(t *testing.T, name string, o *Options) map[string]*verifier.Spec {
	t.Helper()
	specs, err := VerifierSpecs(loadObject(t, name), o)
	if err != nil {
		t.Fatal(err)
	}
	return specs
}

func TestVerifierMaps(t *testing.T) {
	specs := verifierSpecs(t, "verify.o", nil)
	byName := map[string]*verifier.Map{}
	for _, s := range specs {
		for _, m := range s.Maps {
			byName[m.Name] = m
		}
	}
	if m := byName["storage"]; m == nil || m.Type != 29 {
		t.Fatalf("task storage, which gbpf does not have: %+v", m)
	}
	want := []gmaps.Field{
		{Kind: gmaps.FieldSpinLock, Off: 0, Size: 4},
		{Kind: gmaps.FieldTimer, Off: 8, Size: 16},
		{Kind: gmaps.FieldWorkqueue, Off: 24, Size: 16},
		{Kind: gmaps.FieldListHead, Off: 40, Size: 16, Type: "elem", Node: "node"},
		{Kind: gmaps.FieldRBRoot, Off: 56, Size: 16, Type: "elem", Node: "node"},
		{Kind: gmaps.FieldKptr, Off: 80, Size: 8, Type: "task_struct"},
		{Kind: gmaps.FieldKptr, Off: 96, Size: 8, Type: "task_struct"},
		{Kind: gmaps.FieldKptrUntrusted, Off: 104, Size: 8, Type: "cpumask"},
		{Kind: gmaps.FieldKptrPercpu, Off: 112, Size: 8, Type: "cpumask"},
	}
	if d := cmp.Diff(want, byName["values"].Fields); d != "" {
		t.Errorf("fields of a value (-want +got):\n%s", d)
	}
	inner := byName["outer"].Inner
	if inner == nil || inner.Type != gmaps.Array || inner.MaxEntries != 4 || inner.ValueSize != 16 ||
		!slices.Equal(inner.Fields, []gmaps.Field{{Kind: gmaps.FieldKptr, Off: 8, Size: 8, Type: "task_struct"}}) {
		t.Errorf("inner map %+v", inner)
	}
	ro := byName[".rodata"]
	if ro == nil || !slices.Equal(ro.Contents, []byte{7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("constants %+v", ro)
	}
	if bss := byName[".bss"]; bss == nil || bss.Contents != nil || bss.Fields != nil {
		t.Errorf("variables %+v", bss)
	}
}

// TestVerifierVariables sets a constant before loading: it is the verifier's constant then.
func TestVerifierVariables(t *testing.T) {
	spec := loadObject(t, "verify.o")
	if err := spec.Variables["mask"].Set(uint64(0x0102030405060708)); err != nil {
		t.Fatal(err)
	}
	specs, err := VerifierSpecs(spec, &Options{Programs: []string{"calls"}})
	if err != nil || len(specs) != 1 {
		t.Fatal(len(specs), err)
	}
	for _, m := range specs["calls"].Maps {
		if m.Name == ".rodata" && !bytes.Equal(m.Contents[8:], []byte{8, 7, 6, 5, 4, 3, 2, 1}) {
			t.Errorf("% x", m.Contents)
		}
	}
}

func TestVerifierFunctions(t *testing.T) {
	s := verifierSpecs(t, "verify.o", nil)["calls"]
	got := map[string]*verifier.FuncType{}
	for _, f := range s.Funcs {
		if (f.Type != nil) != f.Global {
			t.Errorf("%s: global %v, type %v", f.Name, f.Global, f.Type)
		}
		got[f.Name] = f.Type
	}
	scalar := func(n uint32) verifier.ArgType { return verifier.ArgType{Class: verifier.ArgScalar, Size: n} }
	want := map[string]*verifier.FuncType{
		"calls": nil, "local": nil, "not_seen": nil,
		"sized": {Name: "sized", Ret: scalar(4), Args: []verifier.ArgType{{Class: verifier.ArgMem, Size: 40, Type: "elem"}, scalar(4)}},
		"tagged": {Name: "tagged", Ret: scalar(8), Args: []verifier.ArgType{
			{Class: verifier.ArgCtx}, {Class: verifier.ArgMem, Size: 40, Type: "elem", NonNull: true},
			{Class: verifier.ArgBTF, Type: "task_struct", Trusted: true, Nullable: true}, {Class: verifier.ArgMem, Size: 1},
		}},
		"whole": {Name: "whole", Ret: scalar(4), Args: []verifier.ArgType{{Class: verifier.ArgCtx}, {Class: verifier.ArgUnknown}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("functions (-want +got):\n%s", d)
	}
	if !s.GPL || s.Sleepable || len(s.Lines) == 0 || s.Lines[0].File == "" || s.AttachBTF != nil || s.Types != nil {
		t.Errorf("GPL %v, sleepable %v, %d lines, attach %v, types %v", s.GPL, s.Sleepable, len(s.Lines), s.AttachBTF, s.Types)
	}
}

func TestVerifierSleepable(t *testing.T) {
	specs := verifierSpecs(t, "verify.o", nil)
	for name, want := range map[string]bool{"calls": false, "sleeps": true, "call": true, "switches": false} {
		if specs[name].Sleepable != want {
			t.Errorf("%s: sleepable %v, want %v", name, !want, want)
		}
	}
}

// kernelStandIn is a small kernel's BTF.
func kernelStandIn(t *testing.T) *btf.Spec {
	t.Helper()
	u64 := &btf.Int{Name: "long unsigned int", Size: 8}
	i32 := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	task := &btf.Struct{Name: "task_struct", Size: 48}
	meta := &btf.Struct{Name: "bpf_iter_meta", Size: 8, Members: []btf.Member{{Name: "seq", Type: &btf.Pointer{Target: &btf.Fwd{Name: "seq_file"}}}}}
	task.Members = []btf.Member{
		{Name: "pid", Type: i32},
		{Name: "flags", Type: i32, Offset: 32, BitfieldSize: 3},
		{Name: "more", Type: i32, Offset: 35, BitfieldSize: 7},
		{Name: "real_parent", Type: &btf.Pointer{Target: &btf.TypeTag{Value: "rcu", Type: task}}, Offset: 64},
		{Type: &btf.Union{Size: 8, Members: []btf.Member{
			{Name: "a", Type: &btf.Pointer{Target: task}},
			{Type: &btf.Struct{Size: 8, Members: []btf.Member{{Name: "lo", Type: i32}, {Name: "hi", Type: i32, Offset: 32}}}},
		}}, Offset: 128},
		{Name: "user", Type: &btf.Pointer{Target: &btf.TypeTag{Value: "user", Type: meta}}, Offset: 192},
		{Name: "metas", Type: &btf.Array{Index: i32, Type: meta, Nelems: 2}, Offset: 256},
	}
	constTask := &btf.Pointer{Target: &btf.Const{Type: task}}
	proto := func(params ...btf.Type) *btf.FuncProto {
		p := &btf.FuncProto{Return: i32}
		for i, t := range params {
			p.Params = append(p.Params, btf.FuncParam{Name: fmt.Sprintf("a%d", i), Type: t})
		}
		return p
	}
	void := &btf.Pointer{Target: &btf.Void{}}
	mask := &btf.Struct{Name: "cpumask", Size: 8, Members: []btf.Member{{Name: "bits", Type: u64}}}
	runqueues := &btf.Var{Name: "runqueues", Type: mask, Linkage: btf.GlobalVar}
	b, err := btf.NewBuilder([]btf.Type{
		&btf.Func{Name: "do_nanosleep", Linkage: btf.GlobalFunc, Type: proto(u64, constTask, &btf.Pointer{Target: i32}, &btf.Pointer{Target: void})},
		&btf.Func{Name: "bpf_lsm_file_open", Linkage: btf.GlobalFunc, Type: proto(constTask)},
		&btf.Func{Name: "bpf_iter_task", Linkage: btf.GlobalFunc, Type: proto(&btf.Pointer{Target: meta}, &btf.Pointer{Target: task})},
		&btf.Typedef{Name: "btf_trace_sched_switch", Type: &btf.Pointer{Target: proto(void, i32, constTask)}},
		&btf.Datasec{Name: ".data..percpu", Size: 8, Vars: []btf.VarSecinfo{{Type: runqueues, Size: 8}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestVerifierAttach(t *testing.T) {
	specs := verifierSpecs(t, "verify.o", &Options{KernelBTF: kernelStandIn(t)})
	i32 := verifier.ArgType{Class: verifier.ArgScalar, Size: 4}
	u64 := verifier.ArgType{Class: verifier.ArgScalar, Size: 8}
	ptr := verifier.ArgType{Class: verifier.ArgScalar, Size: 8, Pointer: true}
	want := map[string]*verifier.FuncType{
		"calls": nil, "call": nil,
		"sleeps": {Name: "do_nanosleep", Ret: i32, Args: []verifier.ArgType{
			u64, {Class: verifier.ArgBTF, Size: 8, Type: "task_struct"}, ptr, {Class: verifier.ArgUnknown, Size: 8}}},
		"switches": {Name: "sched_switch", Ret: i32, Args: []verifier.ArgType{i32, {Class: verifier.ArgBTF, Size: 8, Type: "task_struct", Trusted: true}}},
		"tasks": {Name: "bpf_iter_task", Ret: i32, Args: []verifier.ArgType{
			{Class: verifier.ArgBTF, Size: 8, Type: "bpf_iter_meta", Trusted: true}, {Class: verifier.ArgBTF, Size: 8, Type: "task_struct", Trusted: true, Nullable: true}}},
		"opens": {Name: "bpf_lsm_file_open", Ret: i32, Args: []verifier.ArgType{{Class: verifier.ArgBTF, Size: 8, Type: "task_struct", Trusted: true}}},
	}
	for name, w := range want {
		if d := cmp.Diff(w, specs[name].AttachBTF); d != "" {
			t.Errorf("%s attaches to (-want +got):\n%s", name, d)
		}
	}
}

// TestBPFTarget has a tracing program attach to an XDP program.
func TestBPFTarget(t *testing.T) {
	target := BPFTarget("filter", progtype.XDP)
	want := &verifier.FuncType{Name: "filter", Args: []verifier.ArgType{{Class: verifier.ArgBTF, Size: 8, Type: "xdp_buff"}}, Ret: verifier.ArgType{Class: verifier.ArgScalar, Size: 4}}
	if d := cmp.Diff(want, target); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	specs := verifierSpecs(t, "verify.o", &Options{Targets: map[string]*verifier.FuncType{"sleeps": target}})
	if specs["sleeps"].AttachBTF != target || specs["opens"].AttachBTF != nil {
		t.Error("the target is not the program's")
	}
	if BPFTarget("x", progtype.Syscall) != nil {
		t.Error("a syscall program can be traced")
	}
}

func TestKernelTypes(t *testing.T) {
	s := verifierSpecs(t, "verify.o", &Options{KernelBTF: kernelStandIn(t)})["call"]
	union := s.Types.Struct("task_struct").Members[4].Type
	want := &verifier.Struct{Name: "task_struct", Size: 48, Members: []verifier.Member{
		{Name: "pid", Size: 4}, {Name: "flags", Kind: verifier.MemberBits, Off: 4, Size: 1},
		{Name: "more", Kind: verifier.MemberBits, Off: 4, Size: 2},
		{Name: "real_parent", Kind: verifier.MemberPtr, Off: 8, Size: 8, Type: "task_struct", RCU: true},
		{Kind: verifier.MemberStruct, Off: 16, Size: 8, Type: union},
		{Name: "user", Kind: verifier.MemberPtr, Off: 24, Size: 8, Type: "bpf_iter_meta", User: true},
		{Name: "metas", Kind: verifier.MemberStruct, Off: 32, Size: 16, Type: "bpf_iter_meta", Array: true, ElemSize: 8},
	}}
	got := s.Types.Struct("task_struct")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("task_struct (-want +got):\n%s", d)
	}
	if s.Types.Struct("task_struct") != got {
		t.Error("structures are not kept")
	}
	if u := s.Types.Struct(union); u == nil || !u.Union || u.Name != "" || len(u.Members) != 2 || u.Members[1].Kind != verifier.MemberStruct {
		t.Errorf("the union without a name: %+v", u)
	}
	if s.Types.Struct("nothing") != nil || s.Types.Struct("") != nil || s.Types.Struct("x"+union) != nil || s.Types.Struct("#x") != nil || s.Types.Struct("runqueues") != nil {
		t.Error("structures that there are not")
	}
	// The load of the kernel variable's address names it.
	i := slices.IndexFunc(s.Insns, func(in isa.Insn) bool { return in.Op == isa.OpLddwBTFID })
	if i < 0 {
		t.Fatal("no load of a BTF ID")
	}
	name, typ, percpu, ok := s.Types.KernelSymbol(uint32(s.Insns[i].ImmLow()))
	if !ok || name != "runqueues" || !percpu || typ.Class != verifier.ArgBTF || typ.Type != "cpumask" {
		t.Errorf("%s %+v per CPU %v, %v", name, typ, percpu, ok)
	}
	if _, _, _, ok := s.Types.KernelSymbol(1 << 30); ok {
		t.Error("a symbol that there is not")
	}
}

// TestVerifierSpecErrors covers what stands in the way of describing a program.
func TestVerifierSpecErrors(t *testing.T) {
	if _, err := VerifierSpecs(nil, nil); err == nil || err.Error() != "load: no collection given" {
		t.Error(err)
	}
	_, err := VerifierSpecs(loadObject(t, "verify.o"), &Options{Programs: []string{"nothing"}})
	if want := "load: program nothing: not found, the object has call, calls, opens, sleeps, switches and tasks"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	// Programs that reach undefined things are no fault of the others.
	o := &Options{SkipUnsupported: true}
	spec := loadObject(t, "verify.o")
	spec.Programs["calls"].Type, spec.Programs["calls"].SectionName = 99, "x"
	specs, err := VerifierSpecs(spec, o)
	if err != nil || specs["calls"] != nil || len(specs) != 5 || len(o.Skipped) != 1 || !strings.Contains(o.Skipped[0].Error(), "program type 99") {
		t.Errorf("%d programs, %v, %v", len(specs), o.Skipped, err)
	}
}

// iterators are some of those of Linux 6.18.
var iterators = []string{"bpf_map", "bpf_map_elem", "bpf_prog", "cgroup", "ksym", "netlink", "sockmap", "task", "task_file", "task_vma", "tcp", "udp"}

// TestVerifierSpecsOfKernel translates what the live kernel has: its tracepoints, iterators and LSM hooks, and every
// structure.
func TestVerifierSpecsOfKernel(t *testing.T) {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skipf("no kernel BTF: %v", err)
	}
	types := newKernelTypes(kernel)
	structs, members, traces := 0, 0, 0
	for typ, err := range kernel.All() {
		if err != nil {
			t.Fatal(err)
		}
		switch typ := typ.(type) {
		case *btf.Struct:
			if strings.Contains(typ.Name, "___") {
				continue
			}
			name := types.key(typ)
			s := types.Struct(name)
			if s == nil {
				t.Errorf("no struct %q", name)
				continue
			}
			structs++
			members += len(s.Members)
			for _, m := range s.Members {
				if m.Off+m.Size > s.Size && !s.Union {
					t.Errorf("%s.%s: %d bytes at %d, of %d", s.Name, m.Name, m.Size, m.Off, s.Size)
				}
			}
		case *btf.Typedef:
			if name, ok := strings.CutPrefix(typ.Name, "btf_trace_"); ok && types.tracepoint(name) != nil {
				traces++
			}
		}
	}
	iters := 0
	for _, name := range iterators {
		if types.iterator(name) != nil {
			iters++
		}
	}
	if structs < 1000 || traces < 100 {
		t.Errorf("%d structures, %d tracepoints", structs, traces)
	}
	t.Logf("%d structures with %d members, %d tracepoints, %d of %d iterators", structs, members, traces, iters, len(iterators))
}

// TestVerifierSpecsOfRealObjects describes what is installed here and what the module of cilium/ebpf carries. A program
// that attaches to the kernel must find what it attaches to, where this kernel has it.
func TestVerifierSpecsOfRealObjects(t *testing.T) {
	objects := systemObjects(t)
	for _, f := range moduleObjects(t) {
		if b, err := os.ReadFile(f); err == nil {
			objects[f] = b
		}
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		kernel = nil
	}
	programs, attached, fields, globals, skipped := 0, 0, 0, 0, 0
	for name, b := range objects {
		spec, err := LoadSpec(bytes.NewReader(b))
		if err != nil || len(spec.Programs) == 0 {
			continue
		}
		o := &Options{SkipUnsupported: true, KernelBTF: kernel, Kconfig: map[string]any{"CONFIG_HZ": 1000}}
		specs, err := VerifierSpecs(spec, o)
		if err != nil {
			if base := filepath.Base(name); unloadable[base] == "" || !strings.Contains(err.Error(), unloadable[base]) {
				t.Errorf("%s: %v", base, err)
			}
			continue
		}
		for _, e := range o.Skipped {
			t.Logf("%s: %v", filepath.Base(name), e)
		}
		skipped += len(o.Skipped)
		for _, s := range specs {
			programs++
			if s.AttachBTF != nil {
				attached++
			}
			for _, m := range s.Maps {
				if m == nil {
					t.Errorf("%s: %s: a map is not described", name, s.Name)
					continue
				}
				fields += len(m.Fields)
			}
			for _, f := range s.Funcs {
				if f.Global {
					globals++
				}
			}
		}
	}
	if programs == 0 {
		t.Skip("no objects here")
	}
	t.Logf("%d programs, %d skipped, %d know what they attach to, %d references to special fields, %d to global functions", programs, skipped, attached, fields, globals)
}
