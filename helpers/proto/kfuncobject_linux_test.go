package proto_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/kernel"
)

// objects asks the live kernel about kfuncs on objects, lists, trees and what else needs types of the program's own.
// A map and the programs share one set of types, as lists and trees only take their own.
type objects struct {
	*kfuncProber
	builder    *btf.Builder
	btf        *kernel.BTF
	value      *kernel.Map
	node, flat btf.TypeID
	funcs      []*btf.Func // main and the callback
}

// Where special fields lie in the value of the map, in bytes.
const (
	atLock = 0
	atRoot = 8
	atHead = 24
	atWork = 40
	atTask = 56
	atRes  = 64 // alone in a map of its own
	// and in a node
	atRBNode   = 0
	atListNode = 32
	atRef      = 56
)

func newObjects(t *testing.T) *objects {
	o := &objects{kfuncProber: newKfuncProber(t), funcs: []*btf.Func{staticFunc("main", "ctx"), staticFunc("cb", "a", "b", "c")}}
	word := &btf.Int{Name: "unsigned long long", Size: 8}
	flat := &btf.Struct{Name: "flat", Size: 8, Members: []btf.Member{{Name: "data", Type: word}}}
	node := &btf.Struct{Name: "node", Size: 72, Members: []btf.Member{
		{Name: "rb", Type: opaque("bpf_rb_node", 32), Offset: 8 * atRBNode}, {Name: "list", Type: opaque("bpf_list_node", 24), Offset: 8 * atListNode},
		{Name: "ref", Type: opaque("bpf_refcount", 4), Offset: 8 * atRef}, {Name: "data", Type: word, Offset: 8 * 64},
	}}
	value := &btf.Struct{Name: "value", Size: 64, Members: []btf.Member{
		{Name: "lock", Type: opaque("bpf_spin_lock", 4), Offset: 8 * atLock},
		{Name: "root", Type: opaque("bpf_rb_root", 16), Offset: 8 * atRoot, Tags: []string{"contains:node:rb"}},
		{Name: "head", Type: opaque("bpf_list_head", 16), Offset: 8 * atHead, Tags: []string{"contains:node:list"}},
		{Name: "work", Type: opaque("bpf_wq", 16), Offset: 8 * atWork},
		{Name: "task", Type: opaque("bpf_task_work", 8), Offset: 8 * atTask},
	}}
	var err error
	if o.builder, err = btf.NewBuilder([]btf.Type{anInt, node, flat, value}, nil); err != nil {
		t.Fatal(err)
	}
	id := func(typ btf.Type) btf.TypeID {
		id, err := o.builder.Add(typ)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for _, f := range o.funcs {
		id(f)
	}
	o.node, o.flat = id(node), id(flat)
	blob, err := o.builder.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	hdr, typeOff, typeLen, strOff, strLen := le.Uint32(blob[4:]), le.Uint32(blob[8:]), le.Uint32(blob[12:]), le.Uint32(blob[16:]), le.Uint32(blob[20:])
	if o.btf, err = kernel.LoadBTF(blob[hdr+typeOff:][:typeLen], blob[hdr+strOff:][:strLen]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.btf.Close() })
	o.value, err = kernel.NewMap(kernel.MapSpec{Type: uint32(ebpf.Array), KeySize: 4, ValueSize: 64, MaxEntries: 1, BTF: o.btf, BTFKeyType: uint32(id(anInt)), BTFValueType: uint32(id(value))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.value.Close() })
	return o
}

// bpf_wq_init must not be tried here with a map that has no special fields: Linux 6.18.44 goes down over it.

// ask loads main, which runs into its end, and the callback.
func (o *objects) ask(f *flavour, main ...asm.Instruction) string {
	o.t.Helper()
	is := asm.Instructions{btf.WithFuncMetadata(asm.Mov.Reg(asm.R6, asm.R1).WithSymbol("main"), o.funcs[0])}
	is = append(is, main...)
	is = append(is, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
	is = append(is, btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 0).WithSymbol("cb"), o.funcs[1]), asm.Return())
	uses := false
	for _, in := range main {
		uses = uses || in.Reference() == "cb"
	}
	if !uses {
		is = is[:len(is)-2]
	}
	info, _, err := btf.MarshalExtInfos(is, o.builder)
	if err != nil {
		o.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := is.Marshal(&b, binary.LittleEndian); err != nil {
		o.t.Fatal(err)
	}
	p, v, err := kernel.Load(&kernel.Prog{Type: uint32(f.typ), AttachType: uint32(f.attach), Insns: b.Bytes(), AttachBTFID: targets()[f.name], LogLevel: 1, BTF: o.btf, FuncInfo: info})
	if err != nil {
		o.t.Fatal(err)
	}
	o.asked++
	if p != nil {
		p.Close()
		return ""
	}
	return v.Log
}

// field puts the address of a field of the map's value into a register.
func (o *objects) field(r asm.Register, off uint32) asm.Instruction {
	return asm.LoadMapValue(r, o.value.FD(), off)
}

func list(parts ...any) (is []asm.Instruction) {
	for _, p := range parts {
		switch v := p.(type) {
		case asm.Instruction:
			is = append(is, v)
		case []asm.Instruction:
			is = append(is, v...)
		case asm.Instructions:
			is = append(is, v...)
		}
	}
	return is
}

// TestKfuncObjects compares flags and results of kfuncs on objects of the program's own with how the live kernel treats
// calls of them.
func TestKfuncObjects(t *testing.T) {
	o := newObjects(t)
	f := flavourNamed("sched_cls")
	made := func(name string, id btf.TypeID) []asm.Instruction {
		return list(asm.LoadImm(asm.R1, int64(id), asm.DWord), asm.Mov.Imm(asm.R2, 0), o.call(name))
	}
	kept := func(then ...any) []asm.Instruction {
		return list(asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R7, asm.R0), list(then...))
	}
	drop := func(r asm.Register) []asm.Instruction {
		return list(asm.Mov.Reg(asm.R1, r), asm.Mov.Imm(asm.R2, 0), o.call("bpf_obj_drop_impl"))
	}
	node := func(then ...any) []asm.Instruction { return list(made("bpf_obj_new_impl", o.node), kept(then...)) }
	lock := list(o.field(asm.R1, atLock), asm.FnSpinLock.Call())
	unlock := list(o.field(asm.R1, atLock), asm.FnSpinUnlock.Call())
	at := func(r, base asm.Register, off int32) []asm.Instruction {
		return list(asm.Mov.Reg(r, base), asm.Add.Imm(r, off))
	}
	push := func(name string) []asm.Instruction {
		return list(o.field(asm.R1, atHead), at(asm.R2, asm.R7, atListNode), asm.Mov.Imm(asm.R3, 0), asm.Mov.Imm(asm.R4, 0), o.call(name))
	}
	pop := func(name string) []asm.Instruction { return list(o.field(asm.R1, atHead), o.call(name)) }
	tree := func(name string, more ...any) []asm.Instruction {
		return list(o.field(asm.R1, atRoot), list(more...), o.call(name))
	}
	add := tree("bpf_rbtree_add_impl", at(asm.R2, asm.R7, atRBNode), callback(asm.R3), asm.Mov.Imm(asm.R4, 0), asm.Mov.Imm(asm.R5, 0))
	// A node that was taken out of a list or tree is dropped as the object that it is in.
	taken := func(off int32) []asm.Instruction {
		return list(asm.Mov.Reg(asm.R8, asm.R0), unlock, asm.JEq.Imm(asm.R8, 0, "out"), at(asm.R7, asm.R8, -off), drop(asm.R7))
	}
	work := o.field(asm.R1, atWork)
	for _, c := range []struct {
		name string
		is   []asm.Instruction
		// want is a part of the log, "" for a program that is accepted; r0 what the log then says of R0 behind the last call.
		want, r0 string
	}{
		{"bpf_obj_new_impl", node(drop(asm.R7)), "", ""},
		{"bpf_obj_new_impl", made("bpf_obj_new_impl", o.node), "reference leak", "ptr_or_null_node"},
		{"bpf_obj_drop_impl", node(drop(asm.R7), drop(asm.R7)), "R1 must be referenced or trusted", ""},
		{"bpf_obj_drop_impl", drop(asm.R10), "R1 must be referenced or trusted", ""},
		{"bpf_percpu_obj_new_impl", list(made("bpf_percpu_obj_new_impl", o.flat), kept(asm.Mov.Reg(asm.R1, asm.R7), asm.Mov.Imm(asm.R2, 0), o.call("bpf_percpu_obj_drop_impl"))), "", ""},
		{"bpf_percpu_obj_new_impl", made("bpf_percpu_obj_new_impl", o.flat), "reference leak", "percpu_ptr_or_null_flat"},
		// The owner of an object gets another reference for certain, others may find it gone.
		{"bpf_refcount_acquire_impl", node(asm.Mov.Reg(asm.R1, asm.R7), asm.Mov.Imm(asm.R2, 0), o.call("bpf_refcount_acquire_impl"), asm.Mov.Reg(asm.R8, asm.R0), drop(asm.R7), drop(asm.R8)), "", ""},
		{"bpf_refcount_acquire_impl", node(lock, push("bpf_list_push_back_impl"), asm.Mov.Reg(asm.R1, asm.R7), asm.Mov.Imm(asm.R2, 0), o.call("bpf_refcount_acquire_impl"), asm.Mov.Reg(asm.R9, asm.R0), unlock, drop(asm.R9)), "Possibly NULL", ""},

		{"bpf_list_push_front_impl", node(lock, push("bpf_list_push_front_impl"), unlock), "", ""},
		{"bpf_list_push_back_impl", node(push("bpf_list_push_back_impl"), drop(asm.R7)), "bpf_spin_lock at off=0 must be held", ""},
		{"bpf_list_push_back_impl", node(lock, push("bpf_list_push_back_impl"), unlock, drop(asm.R7)), "R7", ""},
		{"bpf_list_pop_front", list(lock, pop("bpf_list_pop_front"), taken(atListNode)), "", ""},
		{"bpf_list_pop_back", list(lock, pop("bpf_list_pop_back"), taken(atListNode)), "", ""},
		{"bpf_list_pop_back", list(lock, pop("bpf_list_pop_back"), unlock), "reference leak", ""},
		{"bpf_list_front", list(lock, pop("bpf_list_front"), unlock), "", ""},
		{"bpf_list_back", list(lock, pop("bpf_list_back"), asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord)), "or_null", "rcu_ptr_or_null_node"},

		{"bpf_rbtree_add_impl", node(lock, add, unlock), "", ""},
		{"bpf_rbtree_add_impl", node(lock, add, unlock, drop(asm.R7)), "R7", ""},
		{"bpf_rbtree_first", list(lock, tree("bpf_rbtree_first"), unlock), "", ""},
		{"bpf_rbtree_first", list(lock, tree("bpf_rbtree_first"), asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord)), "or_null", "rcu_ptr_or_null_node"},
		{"bpf_rbtree_root", list(lock, tree("bpf_rbtree_root"), asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord)), "or_null", "rcu_ptr_or_null_node"},
		{"bpf_rbtree_left", list(lock, tree("bpf_rbtree_root"), asm.JEq.Imm(asm.R0, 0, "none"), asm.Mov.Reg(asm.R8, asm.R0), tree("bpf_rbtree_left", asm.Mov.Reg(asm.R2, asm.R8)), asm.Mov.Imm(asm.R0, 0).WithSymbol("none"), unlock), "", ""},
		{"bpf_rbtree_right", list(lock, tree("bpf_rbtree_root"), asm.JEq.Imm(asm.R0, 0, "none"), asm.Mov.Reg(asm.R8, asm.R0), tree("bpf_rbtree_right", asm.Mov.Reg(asm.R2, asm.R8)), asm.Mov.Imm(asm.R0, 0).WithSymbol("none"), unlock), "", ""},
		{"bpf_rbtree_remove", list(lock, tree("bpf_rbtree_first"), asm.JEq.Imm(asm.R0, 0, "none"), asm.Mov.Reg(asm.R8, asm.R0), tree("bpf_rbtree_remove", asm.Mov.Reg(asm.R2, asm.R8)), taken(atRBNode),
			asm.Mov.Imm(asm.R0, 0), asm.Return(), asm.Mov.Imm(asm.R0, 0).WithSymbol("none"), unlock), "", ""},

		{"bpf_wq_init", list(work, asm.LoadMapPtr(asm.R2, o.value.FD()), asm.Mov.Imm(asm.R3, 0), o.call("bpf_wq_init")), "", ""},
		{"bpf_wq_set_callback_impl", list(work, callback(asm.R2), asm.Mov.Imm(asm.R3, 0), o.call("bpf_wq_set_callback_impl")), "", ""},
		{"bpf_wq_start", list(work, asm.Mov.Imm(asm.R2, 0), o.call("bpf_wq_start")), "", ""},
		{"bpf_throw", list(asm.Mov.Imm(asm.R1, 0), o.call("bpf_throw"), asm.LoadMem(asm.R1, asm.RFP, 8, asm.DWord)), "", ""},
	} {
		log := o.ask(f, c.is...)
		if (log == "") != (c.want == "") || !strings.Contains(log, c.want) {
			t.Errorf("%s: want %q, the kernel says %s", c.name, c.want, last(log))
			continue
		}
		if c.r0 != "" {
			_, behind, _ := strings.Cut(log, fmt.Sprintf("(85) call %s#", c.name))
			if m := r0State.FindStringSubmatch(behind); m == nil || m[1] != c.r0 {
				t.Errorf("%s: result is %q, the kernel says %q", c.name, c.r0, m)
			}
		}
	}
	t.Logf("%d programs compared with the live kernel", o.asked)
}
