package loader

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	gmaps "github.com/gbpf/gbpf/maps"
)

// maxFields bounds the special fields of a value. The kernel takes 11 (BTF_FIELDS_MAX).
const maxFields = 64

// fieldStructs are the structures that make a special field, by name.
var fieldStructs = map[string]gmaps.FieldKind{
	"bpf_spin_lock": gmaps.FieldSpinLock, "bpf_res_spin_lock": gmaps.FieldResSpinLock, "bpf_timer": gmaps.FieldTimer,
	"bpf_list_head": gmaps.FieldListHead, "bpf_list_node": gmaps.FieldListNode, "bpf_rb_root": gmaps.FieldRBRoot,
	"bpf_rb_node": gmaps.FieldRBNode, "bpf_refcount": gmaps.FieldRefcount, "bpf_wq": gmaps.FieldWorkqueue,
	"bpf_task_work": gmaps.FieldTaskWork,
}

// fieldTags are the type tags that make a pointer a special field.
var fieldTags = map[string]gmaps.FieldKind{
	"kptr_untrusted": gmaps.FieldKptrUntrusted, "kptr": gmaps.FieldKptr, "percpu_kptr": gmaps.FieldKptrPercpu, "uptr": gmaps.FieldUptr,
}

// specialFields finds the fields of a map's value, by its type, that programs may touch through
// helpers only. They are sorted by offset. ok is false when there are too many.
func specialFields(value btf.Type) (fields []gmaps.Field, ok bool) {
	s := &fieldScan{}
	switch t := btf.UnderlyingType(value).(type) {
	case *btf.Struct:
		s.members(t.Members, 0, 0)
	case *btf.Datasec:
		for _, v := range t.Vars {
			if vt, isVar := v.Type.(*btf.Var); isVar {
				s.member(vt.Type, v.Offset, vt.Tags, 0)
			}
		}
	}
	slices.SortFunc(s.fields, func(a, b gmaps.Field) int { return cmp.Compare(a.Off, b.Off) })
	return s.fields, !s.over
}

// fieldScan is a search for special fields under way. Types come from the object, so its depth
// and length are bounded.
type fieldScan struct {
	fields []gmaps.Field
	seen   int
	over   bool
}

func (s *fieldScan) members(ms []btf.Member, off uint32, depth int) {
	for i := range ms {
		if ms[i].BitfieldSize == 0 {
			s.member(ms[i].Type, off+ms[i].Offset.Bytes(), ms[i].Tags, depth)
		}
	}
}

// member looks at what lies at off: a special field, or an array or structure that may hold some.
func (s *fieldScan) member(typ btf.Type, off uint32, tags []string, depth int) {
	if s.seen++; s.over || s.seen > 1<<16 || depth > 16 {
		return
	}
	switch t := btf.UnderlyingType(typ).(type) {
	case *btf.Array:
		size, err := btf.Sizeof(t.Type)
		if err != nil || size == 0 || !s.holds(t.Type, tags, depth) {
			return
		}
		for i := range t.Nelems {
			if s.over || s.seen > 1<<16 {
				return
			}
			s.member(t.Type, off+i*uint32(size), tags, depth+1)
		}
	case *btf.Struct:
		if kind := fieldStructs[t.Name]; kind != 0 {
			s.add(gmaps.Field{Kind: kind, Off: off, Size: t.Size}, tags)
			return
		}
		s.members(t.Members, off, depth+1)
	case *btf.Pointer:
		tag, isTag := t.Target.(*btf.TypeTag)
		if !isTag || fieldTags[tag.Value] == 0 {
			return
		}
		f := gmaps.Field{Kind: fieldTags[tag.Value], Off: off, Size: 8}
		if st, isStruct := btf.UnderlyingType(tag.Type).(*btf.Struct); isStruct {
			f.Type = st.Name
		} else if fwd, isFwd := btf.UnderlyingType(tag.Type).(*btf.Fwd); isFwd {
			f.Type = fwd.Name
		}
		s.add(f, nil)
	}
}

// holds reports whether an element of an array has special fields, so that arrays of plain data are
// not looked through.
func (s *fieldScan) holds(elem btf.Type, tags []string, depth int) bool {
	one := &fieldScan{seen: s.seen}
	one.member(elem, 0, tags, depth+1)
	s.seen = one.seen
	return len(one.fields) > 0
}

func (s *fieldScan) add(f gmaps.Field, tags []string) {
	if len(s.fields) == maxFields {
		s.over = true
		return
	}
	for _, tag := range tags {
		if c, ok := strings.CutPrefix(tag, "contains:"); ok {
			f.Type, f.Node, _ = strings.Cut(c, ":")
		}
	}
	s.fields = append(s.fields, f)
}
