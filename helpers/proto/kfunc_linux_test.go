package proto_test

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
)

// needTables skips a test on kernels other than the one that the tables describe: their types and lists differ.
func needTables(t *testing.T) {
	t.Helper()
	if r := kernel.Release(); !strings.HasPrefix(r, "6.18.") {
		t.Skipf("left out: the tables describe Linux 6.18, this is %q", r)
	}
}

// kernelKfuncs finds the functions that the live kernel tags as kfuncs, by name.
func kernelKfuncs(t *testing.T) (list []*btf.Func, spec *btf.Spec) {
	t.Helper()
	needTables(t)
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skip(err)
	}
	for typ, err := range spec.All() {
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := typ.(*btf.Func); ok && slices.Contains(f.Tags, "bpf_kfunc") {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *btf.Func) int { return strings.Compare(a.Name, b.Name) })
	return list, spec
}

// pointed is what a pointer argument points to, without qualifiers.
func pointed(t btf.Type) (to btf.Type, constant, ok bool) {
	p, ok := btf.UnderlyingType(t).(*btf.Pointer)
	if !ok {
		return nil, false, false
	}
	for t := p.Target; ; {
		switch v := t.(type) {
		case *btf.Const:
			constant, t = true, v.Type
			continue
		case *btf.Typedef:
			t = v.Type
			continue
		case *btf.Volatile:
			t = v.Type
			continue
		case *btf.TypeTag:
			t = v.Type
			continue
		}
		return t, constant, true
	}
}

func composite(t btf.Type) (name string, members []btf.Member, ok bool) {
	switch v := t.(type) {
	case *btf.Struct:
		return v.Name, v.Members, true
	case *btf.Union:
		return v.Name, v.Members, true
	}
	return "", nil, false
}

func isNumber(t btf.Type) bool {
	switch btf.UnderlyingType(t).(type) {
	case *btf.Int, *btf.Enum:
		return true
	}
	return false
}

// numbersOnly is whether a structure is made of nothing but numbers, arrays of them and such
// structures, at most four deep.
func numbersOnly(t btf.Type, depth int) bool {
	_, members, ok := composite(btf.UnderlyingType(t))
	if !ok || depth > 3 {
		return false
	}
	for _, m := range members {
		mt := btf.UnderlyingType(m.Type)
		if numbersOnly(mt, depth+1) {
			continue
		}
		if a, ok := mt.(*btf.Array); ok {
			mt = btf.UnderlyingType(a.Type)
		}
		if !isNumber(mt) {
			return false
		}
	}
	return true
}

func sizeOf(t btf.Type) uint32 {
	n, err := btf.Sizeof(t)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// structKinds are the structures that make an argument what it is.
var structKinds = map[string]proto.KfuncArgKind{
	"bpf_dynptr": proto.KfuncDynptr, "bpf_list_head": proto.KfuncListHead, "bpf_list_node": proto.KfuncListNode,
	"bpf_rb_root": proto.KfuncRBRoot, "bpf_rb_node": proto.KfuncRBNode, "bpf_wq": proto.KfuncWorkqueue,
	"bpf_task_work": proto.KfuncTaskWork, "bpf_res_spin_lock": proto.KfuncResSpinLock,
	"__sk_buff": proto.KfuncCtx, "xdp_md": proto.KfuncCtx,
}

// kfuncArg derives one argument from its type and name, by the kernel's conventions.
func kfuncArg(f *btf.Func, params []btf.FuncParam, i int) proto.KfuncArg {
	p := params[i]
	a := proto.KfuncArg{Name: p.Name}
	ends := func(suffix string) bool { return strings.HasSuffix(p.Name, suffix) }
	to, constant, isPtr := pointed(p.Type)
	if constant {
		a.Flags |= proto.KfuncRdonly
	}
	if ends("__nullable") {
		a.Flags |= proto.KfuncNullable
	}
	if ends("__opt") {
		a.Flags |= proto.KfuncOptional
	}
	if ends("__uninit") {
		a.Flags |= proto.KfuncUninit
	}
	switch {
	case ends("__ign"):
		a.Kind = proto.KfuncIgnored
		return a
	case ends("__prog"):
		a.Kind = proto.KfuncProg
		return a
	}
	if !isPtr {
		a.Size = sizeOf(p.Type)
		switch {
		case ends("__szk"):
			a.Kind = proto.KfuncConstSize
		case ends("__sz"):
			a.Kind = proto.KfuncSize
		case ends("__k") || p.Name == "rdonly_buf_size" || p.Name == "rdwr_buf_size":
			a.Kind = proto.KfuncConst
		}
		return a
	}
	name, _, isStruct := composite(to)
	a.BTF = name
	sized := i+1 < len(params) && (strings.HasSuffix(params[i+1].Name, "__sz") || strings.HasSuffix(params[i+1].Name, "__szk"))
	kind, special := structKinds[name]
	_, isFunc := to.(*btf.FuncProto)
	switch {
	case f.Name == "bpf_cast_to_kern_ctx":
		a.Kind = proto.KfuncCtx
	case ends("__alloc"):
		a.Kind = proto.KfuncAlloc
	case ends("__refcounted_kptr"):
		a.Kind = proto.KfuncRefcounted
	case special:
		a.Kind = kind
		if kind != proto.KfuncCtx {
			a.BTF = ""
		}
	case i == 0 && strings.HasPrefix(f.Name, "bpf_iter_") && strings.HasPrefix(name, "bpf_iter_"):
		a.Kind, a.Size = proto.KfuncIter, sizeOf(to)
	case ends("__str"):
		a.Kind = proto.KfuncConstStr
	case ends("__map"):
		a.Kind = proto.KfuncMap
	case ends("__irq_flag"):
		a.Kind = proto.KfuncIRQFlag
	case isFunc:
		a.Kind = proto.KfuncCallback
	case isStruct && sized:
		a.Kind = proto.KfuncMem
	case isStruct:
		a.Kind = proto.KfuncBTF
		if numbersOnly(to, 0) {
			a.Flags, a.Size = a.Flags|proto.KfuncOrMem, sizeOf(to)
		}
	default:
		a.Kind = proto.KfuncMem
		if !sized {
			a.Size = sizeOf(to)
		}
	}
	return a
}

func kfuncOf(f *btf.Func) proto.KfuncProto {
	k := proto.KfuncProto{Name: f.Name}
	p := f.Type.(*btf.FuncProto)
	for i := range p.Params {
		k.Args = append(k.Args, kfuncArg(f, p.Params, i))
	}
	to, _, isPtr := pointed(p.Return)
	_, void := p.Return.(*btf.Void)
	switch {
	case void:
		k.Ret.Kind = proto.KfuncRetVoid
	case !isPtr:
		k.Ret = proto.KfuncRet{Kind: proto.KfuncRetScalar, Size: sizeOf(p.Return)}
	default:
		name, _, isStruct := composite(to)
		switch {
		case isStruct && (name == "bpf_list_node" || name == "bpf_rb_node"):
			k.Ret = proto.KfuncRet{Kind: proto.KfuncRetSpecial, BTF: name}
		case isStruct:
			k.Ret = proto.KfuncRet{Kind: proto.KfuncRetBTF, BTF: name}
		case sizeOf(to) == 0:
			k.Ret = proto.KfuncRet{Kind: proto.KfuncRetSpecial}
		default:
			k.Ret = proto.KfuncRet{Kind: proto.KfuncRetMem, Size: sizeOf(to), Flags: proto.Rdonly}
		}
	}
	return k
}

var argKindNames = []string{
	"KfuncScalar", "KfuncConst", "KfuncSize", "KfuncConstSize", "KfuncMem", "KfuncCtx", "KfuncBTF", "KfuncDynptr", "KfuncIter",
	"KfuncListHead", "KfuncListNode", "KfuncRBRoot", "KfuncRBNode", "KfuncAlloc", "KfuncRefcounted", "KfuncMap", "KfuncCallback",
	"KfuncConstStr", "KfuncWorkqueue", "KfuncTaskWork", "KfuncIRQFlag", "KfuncResSpinLock", "KfuncIgnored", "KfuncProg",
}

func (g *kfuncGen) row(k proto.KfuncProto) {
	fmt.Fprintf(&g.b, "{Name: %q, ", k.Name)
	if len(k.Args) > 0 {
		fmt.Fprint(&g.b, "Args: []KfuncArg{")
		for i, a := range k.Args {
			if i > 0 {
				fmt.Fprint(&g.b, ", ")
			}
			fmt.Fprintf(&g.b, "{Name: %q, Kind: %s", a.Name, argKindNames[a.Kind])
			var flags []string
			for bit, name := range []string{"KfuncNullable", "KfuncOptional", "KfuncUninit", "KfuncRdonly", "KfuncOrMem"} {
				if a.Flags>>bit&1 != 0 {
					flags = append(flags, name)
				}
			}
			if flags != nil {
				fmt.Fprintf(&g.b, ", Flags: %s", strings.Join(flags, " | "))
			}
			if a.Size != 0 {
				fmt.Fprintf(&g.b, ", Size: %d", a.Size)
			}
			if a.BTF != "" {
				fmt.Fprintf(&g.b, ", BTF: %q", a.BTF)
			}
			fmt.Fprint(&g.b, "}")
		}
		fmt.Fprint(&g.b, "}, ")
	}
	if k.Ret != (proto.KfuncRet{}) {
		fmt.Fprintf(&g.b, "Ret: KfuncRet{Kind: %s", []string{"KfuncRetVoid", "KfuncRetScalar", "KfuncRetBTF", "KfuncRetMem", "KfuncRetSpecial"}[k.Ret.Kind])
		if k.Ret.Flags != 0 {
			fmt.Fprint(&g.b, ", Flags: Rdonly")
		}
		if k.Ret.Size != 0 {
			fmt.Fprintf(&g.b, ", Size: %d", k.Ret.Size)
		}
		if k.Ret.BTF != "" {
			fmt.Fprintf(&g.b, ", BTF: %q", k.Ret.BTF)
		}
		fmt.Fprint(&g.b, "}")
	}
	fmt.Fprintln(&g.b, "},")
}

type kfuncGen struct{ b bytes.Buffer }

func (g *kfuncGen) write(t *testing.T, file string) {
	t.Helper()
	out, err := format.Source(g.b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestKfuncSignatures compares the prototypes of kfuncs with the live kernel's type information.
func TestKfuncSignatures(t *testing.T) {
	list, _ := kernelKfuncs(t)
	if *update {
		g := &kfuncGen{}
		g.b.WriteString("// Code generated by go test -run TestKfuncSignatures -update; DO NOT EDIT.\n\npackage proto\n\n// kfuncs are the kernel functions that Linux 6.18 lets programs call.\nvar kfuncs = []KfuncProto{\n")
		for _, f := range list {
			g.row(kfuncOf(f))
		}
		g.b.WriteString("}\n")
		g.write(t, "kfunctable.go")
	}
	compared, absent := 0, 0
	theirs := map[string]bool{}
	for _, f := range list {
		theirs[f.Name] = true
		got := proto.Kfunc(f.Name)
		if got == nil {
			t.Logf("%s is not in the table", f.Name)
			continue
		}
		want := kfuncOf(f)
		compared++
		if !reflect.DeepEqual(got.Args, want.Args) || got.Ret.Kind != want.Ret.Kind || got.Ret.Size != want.Ret.Size || got.Ret.BTF != want.Ret.BTF {
			t.Errorf("%s: ours %+v %+v, the kernel's %+v %+v", f.Name, got.Args, got.Ret, want.Args, want.Ret)
		}
	}
	for _, k := range proto.Kfuncs() {
		if !theirs[k.Name] {
			absent++
		}
	}
	t.Logf("%d signatures compared with the live kernel's types; it lacks %d", compared, absent)
}

// kfuncCall calls a kfunc of the kernel by its number among the kernel's types.
func kfuncCall(id btf.TypeID) asm.Instruction {
	return asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(id)}
}

// TestKfuncAllowed compares which kfuncs each kind of program may call with what the live kernel says:
// all of them with -update, every eleventh without.
func TestKfuncAllowed(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	list, spec := kernelKfuncs(t)
	step := 11
	if *update {
		step = 1
	}
	allow := map[string]uint64{}
	var programs []*flavour
	asked, left := 0, []string{}
	for i := range kfuncFlavours {
		f := &kfuncFlavours[i]
		first := true
		for n := i % step; n < len(list); n += step {
			if list[n].Name == "__bpf_trap" {
				continue // the kernel takes a path that leads there for a fault of its own
			}
			id, err := spec.TypeID(list[n])
			if err != nil {
				t.Fatal(err)
			}
			log, err := loadSpec(f, asm.Instructions{kfuncCall(id), asm.Mov.Imm(asm.R0, 0), asm.Return()})
			if err != nil || strings.Contains(log, "programs can be sleepable") {
				left = append(left, f.name)
				break
			}
			if first {
				first = false
				programs = append(programs, f)
			}
			theirs := true
			for _, no := range []string{"is not allowed", "metadata kfuncs require device-bound program"} {
				theirs = theirs && !strings.Contains(log, no)
			}
			asked++
			if theirs && *update {
				allow[list[n].Name] |= 1 << (len(programs) - 1)
			}
			if ours := proto.KfuncAllowed(uint32(f.typ), uint32(f.attach), list[n].Name); ours != theirs && !*update {
				t.Errorf("%s may call %s: ours %v, the kernel's %v: %s", f.name, list[n].Name, ours, theirs, last(log))
			}
		}
	}
	t.Logf("%d pairs of program type and kfunc compared with the live kernel; it loads no programs of %s here", asked, strings.Join(left, ", "))
	if !*update {
		return
	}
	if len(programs) > 64 {
		t.Fatalf("%d kinds of program, the list has 64 bits", len(programs))
	}
	g := &kfuncGen{}
	g.b.WriteString("// Code generated by go test -run TestKfuncAllowed -update; DO NOT EDIT.\n\npackage proto\n\n")
	g.b.WriteString("// kfuncPrograms are the kinds of program that kfuncAllow has bits for.\nvar kfuncPrograms = []kfuncProgram{\n")
	for _, f := range programs {
		fmt.Fprintf(&g.b, "{%d, %d, %v}, // %s\n", f.typ, f.attach, f.sleepable, f.name)
	}
	g.b.WriteString("}\n\n// kfuncAllow is which of these Linux 6.18 lets call each kfunc.\nvar kfuncAllow = map[string]uint64{\n")
	for _, f := range list {
		if allow[f.Name] != 0 {
			fmt.Fprintf(&g.b, "%q: %#x,\n", f.Name, allow[f.Name])
		}
	}
	g.b.WriteString("}\n")
	g.write(t, "kfuncrows.go")
}

// kfuncFlavours are flavours and those that see other kfuncs.
var kfuncFlavours = append(slices.Clone(flavours),
	flavour{name: "struct_ops", typ: ebpf.StructOps, to: "tcp_congestion_ops:init"},
	flavour{name: "iter.s/task", typ: ebpf.Tracing, attach: ebpf.AttachTraceIter, to: "task", sleepable: true},
)
