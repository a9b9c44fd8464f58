package loader

import (
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	gmaps "github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// objectKfuncs make objects of a structure of the program's own, which they name by its number.
var objectKfuncs = []string{"bpf_obj_new_impl", "bpf_percpu_obj_new_impl"}

// localTypes describes the structures of the object, by their numbers in its BTF, if some program makes objects of
// them or some map holds such.
func localTypes(spec *ebpf.CollectionSpec, plans []*plan) map[uint32]*verifier.LocalType {
	if spec.Types == nil || !holdsObjects(spec, plans) {
		return nil
	}
	all := make(map[uint32]*verifier.LocalType)
	for t, err := range spec.Types.All() {
		if err != nil {
			return all
		}
		s, ok := t.(*btf.Struct)
		if !ok || s.Name == "" || s.Size > maxStruct {
			continue
		}
		id, err := spec.Types.TypeID(s)
		if err != nil {
			continue
		}
		fields, ok := specialFields(s)
		if !ok {
			continue
		}
		f := &flattener{}
		f.members(s.Members, 0, 0)
		all[uint32(id)] = &verifier.LocalType{
			Struct: verifier.Struct{Name: s.Name, Size: s.Size, Members: f.out},
			Fields: fields, Numbers: numbersOnly(s, 0),
		}
	}
	return all
}

func holdsObjects(spec *ebpf.CollectionSpec, plans []*plan) bool {
	for _, p := range plans {
		if slices.ContainsFunc(p.code.kfuncs, func(name string) bool { return slices.Contains(objectKfuncs, name) }) {
			return true
		}
	}
	for _, m := range spec.Maps {
		for m != nil {
			fields, _ := specialFields(m.Value)
			for i := range fields {
				switch fields[i].Kind {
				case gmaps.FieldKptr, gmaps.FieldKptrPercpu, gmaps.FieldUptr, gmaps.FieldListHead, gmaps.FieldRBRoot:
					return true
				}
			}
			m = m.InnerMap
		}
	}
	return false
}

// maxLeaves bounds the members of a structure with those of the structures in it.
const maxLeaves = 1 << 12

// flattener lists the members of a structure, those of the structures inside it in their place.
type flattener struct{ out []verifier.Member }

func (f *flattener) members(ms []btf.Member, off uint32, depth int) {
	for i := range ms {
		m := &ms[i]
		vm := verifier.Member{Name: m.Name, Off: off + m.Offset.Bytes()}
		if m.BitfieldSize != 0 {
			vm.Kind, vm.Size = verifier.MemberBits, (uint32(m.Offset)%8+uint32(m.BitfieldSize)+7)/8
			f.add(vm)
			continue
		}
		f.member(vm, m.Type, depth)
	}
}

func (f *flattener) add(m verifier.Member) {
	if len(f.out) < maxLeaves {
		f.out = append(f.out, m)
	}
}

// member adds what lies at a member's place. Objects are bytes to the program, so of a union only the
// size counts.
func (f *flattener) member(m verifier.Member, t btf.Type, depth int) {
	u := btf.UnderlyingType(t)
	n, ok := sizeOf(u)
	if m.Size = n; !ok || n == 0 {
		return
	}
	switch u := u.(type) {
	case *btf.Struct:
		if fieldStructs[u.Name] == 0 && depth < 16 {
			f.members(u.Members, m.Off, depth+1)
			return
		}
	case *btf.Array:
		elem := btf.UnderlyingType(u.Type)
		size, ok := sizeOf(elem)
		if _, isStruct := elem.(*btf.Struct); isStruct && ok && size > 0 && depth < 16 {
			for i := uint32(0); i < u.Nelems && len(f.out) < maxLeaves; i++ {
				at := m
				at.Off += i * size
				f.member(at, elem, depth+1)
			}
			return
		}
		if _, isPtr := elem.(*btf.Pointer); isPtr {
			m.Kind = verifier.MemberPtr
		}
	case *btf.Pointer:
		m.Kind = verifier.MemberPtr
	}
	f.add(m)
}

// numbersOnly reports whether a structure holds numbers, arrays of them and such structures only, as the kernel asks of
// objects that each CPU has.
func numbersOnly(t btf.Type, depth int) bool {
	_, _, _, members, ok := composite(t)
	if !ok || depth > 3 {
		return false
	}
	for i := range members {
		mt := btf.UnderlyingType(members[i].Type)
		if _, _, _, _, isStruct := composite(mt); isStruct {
			if !numbersOnly(mt, depth+1) {
				return false
			}
			continue
		}
		if a, isArray := mt.(*btf.Array); isArray {
			if a.Nelems == 0 {
				return false
			}
			mt = btf.UnderlyingType(a.Type)
		}
		switch mt.(type) {
		case *btf.Int, *btf.Enum:
		default:
			return false
		}
	}
	return true
}
