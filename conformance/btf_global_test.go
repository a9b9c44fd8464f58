package conformance

import (
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/loader"
)

// TestBTFGlobals compares what may be passed to global functions that take kernel structures, and what these may do with
// it.
func TestBTFGlobals(t *testing.T) {
	types, err := kernel.Types()
	if err != nil {
		t.Skip(err)
	}
	i32 := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	task := func(name string) btf.Type {
		return &btf.Struct{Name: name, Size: 4, Members: []btf.Member{{Name: "pid", Type: i32}}}
	}
	args := []struct {
		name   string
		target btf.Type
		tags   []string
	}{
		{"trusted task", task("task_struct"), []string{"arg:trusted"}},
		{"trusted task of some flavour", task("task_struct___local"), []string{"arg:trusted"}},
		{"trusted task or NULL", task("task_struct"), []string{"arg:trusted", "arg:nullable"}},
		{"trusted task, not NULL", task("task_struct"), []string{"arg:trusted", "arg:nonnull"}},
		{"untrusted task", task("task_struct"), []string{"arg:untrusted"}},
		{"untrusted task or NULL", task("task_struct"), []string{"arg:untrusted", "arg:nullable"}},
		{"untrusted anything", &btf.Void{}, []string{"arg:untrusted"}},
		{"untrusted int", i32, []string{"arg:untrusted"}},
		{"trusted int", i32, []string{"arg:trusted"}},
		{"int or NULL", i32, nil},
		{"int", i32, []string{"arg:nonnull"}},
		{"nullable int", i32, []string{"arg:nullable"}},
		{"trusted file", task("file"), []string{"arg:trusted"}},
		{"trusted what there is not", task("no_such_struct"), []string{"arg:trusted"}},
		{"untrusted what there is not", task("no_such_struct"), []string{"arg:untrusted"}},
	}
	load := asm.LoadMem(asm.R2, asm.R1, 0, asm.Word)
	bodies := []struct {
		name string
		code asm.Instructions
	}{
		{"nothing", nil},
		{"a load", asm.Instructions{load}},
		{"a load far away", asm.Instructions{asm.LoadMem(asm.R2, asm.R1, 4096, asm.Word)}},
		{"a tested load", asm.Instructions{asm.JEq.Imm(asm.R1, 0, "out"), load}},
		{"a store", asm.Instructions{asm.JEq.Imm(asm.R1, 0, "out"), asm.StoreImm(asm.R1, 0, 0, asm.Word)}},
		{"a helper", asm.Instructions{asm.FnTaskPtRegs.Call()}},
		{"a tested helper", asm.Instructions{asm.JEq.Imm(asm.R1, 0, "out"), asm.FnTaskPtRegs.Call()}},
		{"something added", asm.Instructions{asm.Add.Imm(asm.R1, 8), load}},
		{"known not to be NULL", asm.Instructions{asm.JNE.Imm(asm.R1, 0, "out"), asm.LoadMem(asm.R2, asm.RFP, 16, asm.DWord)}},
	}
	ctx := func(n int16) asm.Instruction { return asm.LoadMem(asm.R1, asm.R1, 8*n, asm.DWord) }
	var parent, worker int16 // a pointer that is valid in RCU sections, and a plain one
	for _, m := range members(t, types, "task_struct") {
		switch m.Name {
		case "real_parent":
			parent = int16(m.Offset.Bytes())
		case "parent":
			worker = int16(m.Offset.Bytes())
		}
	}
	given := []struct {
		name string
		code asm.Instructions
	}{
		{"an argument", asm.Instructions{ctx(1)}},
		{"an argument with something added", asm.Instructions{ctx(1), asm.Add.Imm(asm.R1, 8)}},
		{"an RCU pointer", asm.Instructions{ctx(1), asm.LoadMem(asm.R1, asm.R1, parent, asm.DWord)}},
		{"a plain pointer", asm.Instructions{ctx(1), asm.LoadMem(asm.R1, asm.R1, worker, asm.DWord)}},
		{"NULL", asm.Instructions{asm.Mov.Imm(asm.R1, 0)}},
		{"a number", asm.Instructions{asm.Mov.Imm(asm.R1, 8)}},
		{"the context", nil},
		{"the stack", asm.Instructions{asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord), asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, -8)}},
		{"the current task", asm.Instructions{asm.FnGetCurrentTaskBtf.Call(), asm.Mov.Reg(asm.R1, asm.R0)}},
	}
	var v verdicts
	for i, a := range args {
		for _, b := range bodies {
			for k, g := range given {
				if !*btfAll && (k+i)%3 != 0 {
					continue
				}
				f := &btf.Func{Name: "global", Linkage: btf.GlobalFunc, ParamTags: [][]string{a.tags}, Type: &btf.FuncProto{
					Return: i32, Params: []btf.FuncParam{{Name: "p", Type: &btf.Pointer{Target: a.target}}}}}
				prog := &btf.Func{Name: "prog", Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
					Return: i32, Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: &btf.Void{}}}}}}
				is := append(asm.Instructions{}, g.code...)
				is = append(is, asm.Call.Label("global"), asm.Mov.Imm(asm.R0, 0), asm.Return())
				is[0] = btf.WithFuncMetadata(is[0].WithSymbol("prog"), prog)
				body := append(append(asm.Instructions{}, b.code...), asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
				if len(b.code) == 0 {
					body = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
				}
				body[0] = btf.WithFuncMetadata(body[0].WithSymbol("global"), f)
				spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"prog": {
					Name: "prog", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_switch", SectionName: "tp_btf/sched_switch",
					License: "GPL", Instructions: append(is, body...),
				}}}
				live, err := kernel.JudgeProgram(spec, "prog")
				if err != nil {
					t.Fatalf("%s, %s, %s: %v", a.name, b.name, g.name, err)
				}
				specs, err := loader.VerifierSpecs(spec, &loader.Options{KernelBTF: types})
				if err != nil {
					t.Fatal(err)
				}
				if a.name == "int" && g.name == "NULL" {
					// The kernel takes the number 0 for memory that must not be NULL, and lets the function load from
					// it.
					continue
				}
				name := fmt.Sprintf("given %s, takes %s, does %s", g.name, a.name, b.name)
				j := judge(t, specs["prog"])
				if j.out != "" { // what no rule covers is refused, too
					j = &judgement{err: fmt.Errorf("%s", j.out)}
				}
				if text := v.add(name, live.Accepted, live.LastLine, live.Processed, j, nil); text != "" {
					t.Errorf("%s: %s", name, text)
				}
			}
		}
	}
	t.Logf("calls of global functions: %v", v.String())
}

// members are those of a structure of the kernel.
func members(t *testing.T, types *btf.Spec, name string) []btf.Member {
	t.Helper()
	var s *btf.Struct
	if err := types.TypeByName(name, &s); err != nil {
		t.Fatal(err)
	}
	return s.Members
}

// TestBTFCallbacks compares what the function that bpf_find_vma calls may do with what it is given.
func TestBTFCallbacks(t *testing.T) {
	types, err := kernel.Types()
	if err != nil {
		t.Skip(err)
	}
	i32 := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	static := func(name string) *btf.Func {
		return &btf.Func{Name: name, Linkage: btf.StaticFunc, Type: &btf.FuncProto{Return: i32, Params: []btf.FuncParam{{Name: "p", Type: &btf.Pointer{Target: &btf.Void{}}}}}}
	}
	mm := int16(0)
	for _, m := range members(t, types, "vm_area_struct") {
		if m.Name == "vm_file" {
			mm = int16(m.Offset.Bytes())
		}
	}
	toFile := asm.LoadMem(asm.R1, asm.R2, mm, asm.DWord)
	bodies := []struct {
		name string
		code asm.Instructions
	}{
		{"nothing", nil},
		{"a load from the task", asm.Instructions{asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord)}},
		{"the task to a helper", asm.Instructions{asm.FnTaskPtRegs.Call()}},
		{"the area to a helper for tasks", asm.Instructions{asm.Mov.Reg(asm.R1, asm.R2), asm.FnTaskPtRegs.Call()}},
		{"the area's file to a helper", asm.Instructions{toFile, asm.FnSockFromFile.Call()}},
		{"the area's file, tested, to a helper", asm.Instructions{toFile, asm.JEq.Imm(asm.R1, 0, "out"), asm.FnSockFromFile.Call()}},
		{"a load from the area's file", asm.Instructions{toFile, asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord)}},
		{"the area as memory", asm.Instructions{asm.Mov.Reg(asm.R1, asm.R2), asm.Mov.Imm(asm.R2, 8), asm.FnTracePrintk.Call()}},
		{"the task as memory", asm.Instructions{asm.Mov.Imm(asm.R2, 8), asm.FnTracePrintk.Call()}},
		{"a store", asm.Instructions{asm.StoreImm(asm.R2, 0, 0, asm.Word)}},
		{"the number of the task", asm.Instructions{asm.Add.Reg(asm.R1, asm.R3)}},
		{"known not to be NULL", asm.Instructions{asm.JNE.Imm(asm.R2, 0, "out"), asm.LoadMem(asm.R2, asm.RFP, 16, asm.DWord)}},
		{"the task known not to be NULL", asm.Instructions{asm.JNE.Imm(asm.R1, 0, "out"), asm.LoadMem(asm.R2, asm.RFP, 16, asm.DWord)}},
		{"a third argument", asm.Instructions{asm.Mov.Reg(asm.R2, asm.R3)}},
		{"a fourth argument", asm.Instructions{asm.Mov.Reg(asm.R2, asm.R4)}},
	}
	var v verdicts
	for _, task := range []asm.Instructions{
		{asm.LoadMem(asm.R1, asm.R1, 8, asm.DWord)},
		{asm.FnGetCurrentTaskBtf.Call(), asm.Mov.Reg(asm.R1, asm.R0)},
		{asm.Mov.Imm(asm.R1, 0)},
	} {
		for _, b := range bodies {
			is := append(append(asm.Instructions{}, task...), asm.Mov.Imm(asm.R2, 0),
				asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R3, Src: asm.PseudoFunc, Constant: -1}.WithReference("callback"),
				asm.Mov.Imm(asm.R4, 0), asm.Mov.Imm(asm.R5, 0), asm.FnFindVma.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return())
			is[0] = btf.WithFuncMetadata(is[0].WithSymbol("prog"), static("prog"))
			body := append(append(asm.Instructions{}, b.code...), asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
			if len(b.code) == 0 {
				body = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
			}
			body[0] = btf.WithFuncMetadata(body[0].WithSymbol("callback"), static("callback"))
			spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"prog": {
				Name: "prog", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_switch", SectionName: "tp_btf/sched_switch",
				License: "GPL", Instructions: append(is, body...),
			}}}
			live, err := kernel.JudgeProgram(spec, "prog")
			if err != nil {
				t.Fatalf("%s: %v", b.name, err)
			}
			specs, err := loader.VerifierSpecs(spec, &loader.Options{KernelBTF: types})
			if err != nil {
				t.Fatal(err)
			}
			if text := v.add(b.name, live.Accepted, live.LastLine, live.Processed, judge(t, specs["prog"]), nil); text != "" {
				t.Errorf("%s: %s", b.name, text)
			}
		}
	}
	t.Logf("callbacks: %v", v.String())
}
