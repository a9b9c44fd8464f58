package loader

import (
	"sync"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/verifier"
)

// kernelTypes is a [verifier.TypeSource] over the kernel's BTF. Structures are translated when they are
// asked for, one at a time: they name those that they point to or hold, so cycles do no
// harm. It is safe for concurrent use.
type kernelTypes struct {
	spec *btf.Spec

	mu      sync.Mutex
	structs map[string]*verifier.Struct
	percpu  map[string]bool // names of per-CPU variables, nil until asked for
}

// newKernelTypes returns nil, the interface's, for no BTF.
func newKernelTypes(spec *btf.Spec) verifier.TypeSource {
	if spec == nil {
		return nil
	}
	return &kernelTypes{spec: spec, structs: make(map[string]*verifier.Struct)}
}

// Struct implements [verifier.TypeSource].
func (k *kernelTypes) Struct(name string) *verifier.Struct {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.structs[name]
	if !ok {
		s = k.translate(name)
		k.structs[name] = s
	}
	return s
}

func (k *kernelTypes) translate(name string) *verifier.Struct {
	if name == "" {
		return nil
	}
	types, err := k.spec.AnyTypesByName(name)
	if err != nil {
		return nil
	}
	for _, t := range types {
		if t.TypeName() != name {
			continue
		}
		f := &flattener{safe: safeMembers[name]}
		switch t := t.(type) {
		case *btf.Struct:
			f.members(t.Members, 0, false, 0)
			return &verifier.Struct{Name: name, Size: t.Size, Members: f.out}
		case *btf.Union:
			f.members(t.Members, 0, len(t.Members) > 1, 0)
			return &verifier.Struct{Name: name, Size: t.Size, Union: true, Members: f.out}
		}
	}
	return nil
}

// maxMembers bounds the members of a structure with those of the unnamed ones inside it.
const maxMembers = 1 << 16

// flattener lists the members of a structure.
type flattener struct {
	safe map[string]safety
	out  []verifier.Member
}

func (f *flattener) members(ms []btf.Member, off uint32, union bool, depth int) {
	for i := range ms {
		m := &ms[i]
		at := off + m.Offset.Bytes()
		if depth < 16 && len(f.out) < maxMembers {
			switch t := btf.UnderlyingType(m.Type).(type) {
			case *btf.Struct:
				if t.Name == "" {
					f.members(t.Members, at, union, depth+1)
					continue
				}
			case *btf.Union:
				if t.Name == "" {
					f.members(t.Members, at, union || len(t.Members) > 1, depth+1)
					continue
				}
			}
		}
		if len(f.out) >= maxMembers {
			return
		}
		vm := member(m, at)
		vm.Union = union
		switch f.safe[m.Name] {
		case safeTrusted:
			vm.Trusted = true
		case safeTrustedOrNull:
			vm.Trusted, vm.OrNull = true, true
		case safeRCU:
			vm.RCU = true
		case safeRCUOrNull:
			vm.RCU, vm.OrNull = true, true
		}
		f.out = append(f.out, vm)
	}
}

func member(m *btf.Member, off uint32) verifier.Member {
	vm := verifier.Member{Name: m.Name, Off: off}
	if m.BitfieldSize != 0 {
		// The bytes that hold its bits.
		vm.Size = (uint32(m.Offset)%8 + uint32(m.BitfieldSize) + 7) / 8
		return vm
	}
	t := btf.UnderlyingType(m.Type)
	if n, err := btf.Sizeof(t); err == nil && n >= 0 {
		vm.Size = uint32(n)
	}
	for range 32 {
		a, ok := t.(*btf.Array)
		if !ok {
			break
		}
		t = btf.UnderlyingType(a.Type)
		if n, err := btf.Sizeof(t); err == nil && n >= 0 {
			vm.Elem = uint32(n)
		}
	}
	switch t := t.(type) {
	case *btf.Struct, *btf.Union:
		vm.Struct, _ = structName(t)
	case *btf.Pointer:
		tags, target := pointerTags(t)
		vm.Ptr, _ = structName(target)
		for _, tag := range tags {
			switch tag {
			case "rcu":
				vm.RCU, vm.OrNull = true, true
			case "user":
				vm.User = true
			case "percpu":
				vm.Percpu = true
			}
		}
	}
	return vm
}

// KernelSymbol implements [verifier.TypeSource].
func (k *kernelTypes) KernelSymbol(id uint32) (name string, typ *verifier.ArgType, percpu bool, ok bool) {
	t, err := k.spec.TypeByID(btf.TypeID(id))
	if err != nil {
		return "", nil, false, false
	}
	switch t := t.(type) {
	case *btf.Var:
		return t.Name, symbolType(t.Type), k.isPercpu(t.Name), true
	case *btf.Func:
		return t.Name, &verifier.ArgType{Class: verifier.ArgUnknown}, false, true
	}
	return "", nil, false, false
}

// symbolType is what the address of a kernel variable points to.
func symbolType(t btf.Type) *verifier.ArgType {
	u := btf.UnderlyingType(t)
	if name, ok := structName(u); ok {
		return &verifier.ArgType{Class: verifier.ArgBTF, Type: name}
	}
	n, err := btf.Sizeof(u)
	if err != nil || n <= 0 {
		return &verifier.ArgType{Class: verifier.ArgUnknown}
	}
	return &verifier.ArgType{Class: verifier.ArgMem, Size: uint32(n), Rdonly: true}
}

func (k *kernelTypes) isPercpu(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.percpu == nil {
		k.percpu = make(map[string]bool)
		var ds *btf.Datasec
		if k.spec.TypeByName(".data..percpu", &ds) == nil {
			for _, v := range ds.Vars {
				k.percpu[v.Type.TypeName()] = true
			}
		}
	}
	return k.percpu[name]
}

// safety is what the kernel knows of a pointer member beside its type.
type safety uint8

const (
	safeTrusted safety = iota + 1
	safeTrustedOrNull
	safeRCU
	safeRCUOrNull
)

// safeMembers are the pointer members that stay valid with the structure they are loaded from, or
// within an RCU read section, by structure: Linux 6.18.
var safeMembers = map[string]map[string]safety{
	"bpf_iter_meta":       {"seq": safeTrusted},
	"bpf_iter__task":      {"meta": safeTrusted, "task": safeTrusted},
	"linux_binprm":        {"file": safeTrusted},
	"file":                {"f_inode": safeTrusted},
	"dentry":              {"d_inode": safeTrustedOrNull},
	"socket":              {"sk": safeTrustedOrNull},
	"vm_area_struct":      {"vm_mm": safeTrustedOrNull, "vm_file": safeTrustedOrNull},
	"task_struct":         {"cpus_ptr": safeRCU, "cgroups": safeRCU, "real_parent": safeRCU, "group_leader": safeRCU},
	"cgroup":              {"kn": safeRCU},
	"css_set":             {"dfl_cgrp": safeRCU},
	"cgroup_subsys_state": {"cgroup": safeRCU},
	"mm_struct":           {"exe_file": safeRCUOrNull},
	"sk_buff":             {"sk": safeRCUOrNull},
	"request_sock":        {"sk": safeRCUOrNull},
}
