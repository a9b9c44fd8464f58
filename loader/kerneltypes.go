package loader

import (
	"fmt"
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
	spec *btf.Spec

	mu      sync.Mutex
	structs map[string]*verifier.Struct
	owners  map[string]btf.TypeID // which structure a name stands for
	percpu  map[btf.Type]bool     // per-CPU variables, nil until asked for
}

// newKernelTypes returns nil for no BTF.
func newKernelTypes(spec *btf.Spec) *kernelTypes {
	if spec == nil {
		return nil
	}
	return &kernelTypes{spec: spec, structs: make(map[string]*verifier.Struct), owners: make(map[string]btf.TypeID)}
}

// source is the types as the verifier asks for them.
func (k *kernelTypes) source() verifier.TypeSource {
	if k == nil {
		return nil
	}
	return k
}

// Struct implements [verifier.TypeSource].
func (k *kernelTypes) Struct(name string) *verifier.Struct {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.structs[name]
	if !ok {
		s = k.translate(k.find(name))
		k.structs[name] = s
	}
	return s
}

// composite takes a structure or union apart.
func composite(t btf.Type) (name string, size uint32, union bool, members []btf.Member, ok bool) {
	switch t := t.(type) {
	case *btf.Struct:
		return t.Name, t.Size, false, t.Members, true
	case *btf.Union:
		return t.Name, t.Size, true, t.Members, true
	}
	return "", 0, false, nil, false
}

// key is what [kernelTypes.Struct] takes for a structure or union: its name, if the name stands for it, else its
// number. It is "" for other types.
func (k *kernelTypes) key(t btf.Type) string {
	name, _, _, _, ok := composite(t)
	if !ok {
		return ""
	}
	id, err := k.spec.TypeID(t)
	if err != nil {
		return ""
	}
	if name != "" && k.owner(name) == id {
		return name
	}
	return fmt.Sprintf("%s#%d", name, id)
}

// owner is the type that a name stands for, 0 for none: the first structure of that name, or, if there is
// none, the first union.
func (k *kernelTypes) owner(name string) btf.TypeID {
	if id, ok := k.owners[name]; ok {
		return id
	}
	var first, firstUnion btf.TypeID
	types, _ := k.spec.AnyTypesByName(name) // the error is that there is none
	for _, t := range types {
		found, _, union, _, ok := composite(t)
		id, err := k.spec.TypeID(t)
		if !ok || found != name || err != nil {
			continue
		}
		p := &first
		if union {
			p = &firstUnion
		}
		if *p == 0 || id < *p {
			*p = id
		}
	}
	if first == 0 {
		first = firstUnion
	}
	k.owners[name] = first
	return first
}

// find is the type that a key names, nil for none.
func (k *kernelTypes) find(name string) btf.Type {
	plain, number, ok := strings.Cut(name, "#")
	id := btf.TypeID(0)
	if ok {
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return nil
		}
		id = btf.TypeID(n)
	} else if name != "" {
		id = k.owner(name)
	}
	t, err := k.spec.TypeByID(id)
	if err != nil || id == 0 || ok && t.TypeName() != plain {
		return nil
	}
	return t
}

// Limits of structures that the verifier is shown.
const (
	maxStruct  = 1 << 28 // bytes
	maxMembers = 1 << 16
)

func (k *kernelTypes) translate(t btf.Type) *verifier.Struct {
	name, size, union, members, ok := composite(t)
	if !ok || size > maxStruct || len(members) > maxMembers {
		return nil
	}
	s := &verifier.Struct{Name: name, Size: size, Union: union, Members: make([]verifier.Member, len(members))}
	for i := range members {
		s.Members[i] = k.member(&members[i])
	}
	return s
}

func (k *kernelTypes) member(m *btf.Member) verifier.Member {
	vm := verifier.Member{Name: m.Name, Off: m.Offset.Bytes()}
	if m.BitfieldSize != 0 {
		// The bytes that hold its bits.
		vm.Kind, vm.Size = verifier.MemberBits, (uint32(m.Offset)%8+uint32(m.BitfieldSize)+7)/8
		return vm
	}
	t := btf.UnderlyingType(m.Type)
	size, ok := sizeOf(t)
	vm.Size = size
	for range 32 {
		a, isArray := t.(*btf.Array)
		if !isArray {
			break
		}
		vm.Array = true
		t = btf.UnderlyingType(a.Type)
		vm.ElemSize, ok = sizeOf(t)
	}
	if !ok {
		vm.Kind = verifier.MemberOther
		return vm
	}
	switch t := t.(type) {
	case *btf.Struct, *btf.Union:
		vm.Kind, vm.Type = verifier.MemberStruct, k.key(t)
	case *btf.Pointer:
		vm.Kind = verifier.MemberPtr
		tag, target := pointee(t)
		vm.Type = k.key(target)
		vm.RCU, vm.User, vm.Percpu = tag == "rcu", tag == "user", tag == "percpu"
	case *btf.Int:
	case *btf.Enum, *btf.Float:
		if vm.Size == 0 {
			vm.Kind = verifier.MemberOther // a flexible array has to be one of integers
		}
	default:
		vm.Kind = verifier.MemberOther
	}
	return vm
}

// sizeOf is how many bytes a type has that members may have.
func sizeOf(t btf.Type) (n uint32, ok bool) {
	size, err := btf.Sizeof(t)
	if err != nil || size < 0 || size > maxStruct {
		return 0, false
	}
	return uint32(size), true
}

// StructByID is what [kernelTypes.Struct] takes for the structure or union with a number, "" if there is none: programs
// give bpf_rdonly_cast numbers that CO-RE has put in.
func (k *kernelTypes) StructByID(id uint32) string {
	t, err := k.spec.TypeByID(btf.TypeID(id))
	if err != nil {
		return ""
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.key(t)
}

// KernelSymbol implements [verifier.TypeSource].
func (k *kernelTypes) KernelSymbol(id uint32) (name string, typ *verifier.ArgType, percpu bool, ok bool) {
	t, err := k.spec.TypeByID(btf.TypeID(id))
	if err != nil {
		return "", nil, false, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch t := t.(type) {
	case *btf.Var:
		return t.Name, k.symbolType(t.Type), k.isPercpu(t), true
	case *btf.Func:
		return t.Name, &verifier.ArgType{Class: verifier.ArgMem, Rdonly: true}, false, true
	}
	return "", nil, false, false
}

// symbolType is what the address of a kernel variable points to.
func (k *kernelTypes) symbolType(t btf.Type) *verifier.ArgType {
	u := btf.UnderlyingType(t)
	if name := k.key(u); name != "" {
		return &verifier.ArgType{Class: verifier.ArgBTF, Type: name}
	}
	n, ok := sizeOf(u)
	if _, void := u.(*btf.Void); !ok || void {
		return &verifier.ArgType{Class: verifier.ArgUnknown}
	}
	return &verifier.ArgType{Class: verifier.ArgMem, Size: n, Rdonly: true}
}

func (k *kernelTypes) isPercpu(v *btf.Var) bool {
	if k.percpu == nil {
		k.percpu = make(map[btf.Type]bool)
		var ds *btf.Datasec
		if k.spec.TypeByName(".data..percpu", &ds) == nil {
			for _, v := range ds.Vars {
				k.percpu[v.Type] = true
			}
		}
	}
	return k.percpu[v]
}
