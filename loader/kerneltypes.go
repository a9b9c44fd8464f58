package loader

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/verifier"
)

// kernelTypes is a [verifier.TypeSource] over the kernel's BTF. Structures are translated when they are
// asked for, one at a time: they name those that they point to or hold, so cycles do no
// harm. It is safe for concurrent use.
type kernelTypes struct {
	spec  *btf.Spec
	names typeNames

	mu      sync.Mutex
	structs map[string]*verifier.Struct
	percpu  map[string]bool // names of per-CPU variables, nil until asked for
}

// newKernelTypes returns nil, the interface's, for no BTF.
func newKernelTypes(spec *btf.Spec) verifier.TypeSource {
	if spec == nil {
		return nil
	}
	return &kernelTypes{spec: spec, names: typeNames{spec}, structs: make(map[string]*verifier.Struct)}
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
	t := k.named(name)
	f := &flattener{names: k.names}
	name = k.names.of(t)
	switch t := t.(type) {
	case *btf.Struct:
		f.members(t.Members, 0, false, 0, 0)
		return &verifier.Struct{Name: name, Size: t.Size, Members: f.out}
	case *btf.Union:
		f.members(t.Members, 0, len(t.Members) > 1, 0, 0)
		return &verifier.Struct{Name: name, Size: t.Size, Union: true, Members: f.out}
	}
	return nil
}

// named is the structure or union that goes by a name, nil for none.
func (k *kernelTypes) named(name string) btf.Type {
	if _, number, ok := strings.Cut(name, "#"); ok {
		id, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return nil
		}
		t, err := k.spec.TypeByID(btf.TypeID(id))
		if err != nil || name[0] != '#' && k.names.of(t) != name {
			return nil
		}
		return t
	}
	if all := k.names.structs(name); len(all) == 1 {
		return all[0]
	}
	return nil
}

// typeNames makes names for structures: their own, or with the number of the type where that does
// not tell which one is meant.
type typeNames struct{ spec *btf.Spec }

// of is the name of a structure, union, or what is only declared to be one.
func (n typeNames) of(t btf.Type) string {
	name, ok := structName(t)
	if !ok || n.spec == nil {
		return name
	}
	if name != "" && len(n.structs(name)) <= 1 {
		return name
	}
	id, err := n.spec.TypeID(t)
	if err != nil {
		return name
	}
	return fmt.Sprintf("%s#%d", name, id)
}

// structs are the structures and unions of a name.
func (n typeNames) structs(name string) (all []btf.Type) {
	types, err := n.spec.AnyTypesByName(name)
	if err != nil || name == "" {
		return nil
	}
	for _, t := range types {
		switch t.(type) {
		case *btf.Struct, *btf.Union:
			if t.TypeName() == name {
				all = append(all, t)
			}
		}
	}
	return all
}

// maxMembers bounds the members of a structure with those of the unnamed ones inside it.
const maxMembers = 1 << 16

// flattener lists the members of a structure.
type flattener struct {
	names typeNames
	out   []verifier.Member
}

func (f *flattener) members(ms []btf.Member, off uint32, union bool, end uint32, depth int) {
	for i := range ms {
		m := &ms[i]
		at := off + m.Offset.Bytes()
		if depth < 16 && len(f.out) < maxMembers {
			switch t := btf.UnderlyingType(m.Type).(type) {
			case *btf.Struct:
				if m.Name == "" {
					f.members(t.Members, at, union, at+t.Size, depth+1)
					continue
				}
			case *btf.Union:
				if m.Name == "" {
					f.members(t.Members, at, union || len(t.Members) > 1, at+t.Size, depth+1)
					continue
				}
			}
		}
		if len(f.out) >= maxMembers {
			return
		}
		vm := f.member(m, at)
		vm.Union, vm.End = union, end
		f.out = append(f.out, vm)
	}
}

func (f *flattener) member(m *btf.Member, off uint32) verifier.Member {
	vm := verifier.Member{Name: m.Name, Off: off}
	if m.BitfieldSize != 0 {
		vm.Bits, vm.Size = true, (uint32(m.Offset)%8+uint32(m.BitfieldSize)+7)/8
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
		vm.Struct = f.names.of(t)
	case *btf.Pointer:
		tags, target := pointerTags(t)
		switch target.(type) {
		case *btf.Struct, *btf.Union:
			vm.Ptr = f.names.of(target)
		default:
			vm.Plain = true
		}
		vm.RCU, vm.User, vm.Percpu = slices.Contains(tags, "rcu"), slices.Contains(tags, "user"), slices.Contains(tags, "percpu")
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
		return t.Name, k.symbolType(t.Type), k.isPercpu(t.Name), true
	case *btf.Func:
		return t.Name, &verifier.ArgType{Class: verifier.ArgUnknown}, false, true
	}
	return "", nil, false, false
}

// symbolType is what the address of a kernel variable points to.
func (k *kernelTypes) symbolType(t btf.Type) *verifier.ArgType {
	u := btf.UnderlyingType(t)
	if name := k.names.of(u); name != "" {
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
