package progtype

import (
	"fmt"
	"strconv"
	"strings"
)

// end is one past the field's last byte.
func (f *Field) end() uint32 { return f.Off + f.Size*max(f.Count, 1) }

// At answers whether a program may load (access [Read]) or store ([Write]) size
// bytes at off, as the kernel's verifier does for the type: the field that is touched, and
// true. The kernel wants off to be a multiple of size; a field is reached
// whole, or in part when it has [Narrow] ([NarrowWrite] for stores), or together with
// its neighbours in the array when it has [Wide]. Sign-extending loads follow the same
// rules except that they never load a pointer. Atomic operations on a context are
// never allowed.
//
// The layout must be one that [Type.Layout] returned for rules that depend on the
// expected attach type to hold.
func (l *Layout) At(off, size uint32, access Access) (*Field, bool) {
	if off >= uint32(len(l.index)) || size == 0 || size > 8 || size&(size-1) != 0 || off%size != 0 && !l.Flat {
		return nil, false
	}
	i := l.index[off]
	if i == 0 {
		return nil, false
	}
	f := &l.Fields[i-1]
	if l.Flat {
		return f, off+size <= l.Size
	}
	access &= Read | Write
	if f.Access&access != access {
		return nil, false
	}
	switch {
	case size < f.Size:
		if access&Read != 0 && f.Access&Narrow == 0 || access&Write != 0 && f.Access&NarrowWrite == 0 {
			return nil, false
		}
		if f.Access&FirstOnly != 0 && off != f.Off || f.Access&NoByte != 0 && size == 1 ||
			f.Access&LowHalf != 0 && off+size > f.Off+f.Size/2 {
			return nil, false
		}
	case size > f.Size:
		if f.Access&Wide == 0 || off+size > f.end() {
			return nil, false
		}
	}
	return f, true
}

// Field returns the field of that name.
func (l *Layout) Field(name string) (*Field, bool) {
	if a, ok := l.alias[name]; ok {
		name = a
	}
	for i := range l.Fields {
		if l.Fields[i].Name == name {
			return &l.Fields[i], true
		}
	}
	return nil, false
}

// Resolve takes a field's name, "mark", or an element's, "cb[2]", and returns the
// field and the offset of the element in bytes. A name of a whole array means its
// first element.
func (l *Layout) Resolve(name string) (f *Field, off uint32, err error) {
	base, i := name, uint64(0)
	if at := strings.IndexByte(name, '['); at >= 0 {
		num, ok := strings.CutSuffix(name[at+1:], "]")
		if i, err = strconv.ParseUint(num, 10, 16); !ok || err != nil {
			return nil, 0, fmt.Errorf("index of %q is not a number in brackets", name)
		}
		base = name[:at]
	}
	f, ok := l.Field(base)
	if !ok {
		return nil, 0, fmt.Errorf("struct %s has no such field", l.Name)
	}
	if uint32(i) >= max(f.Count, 1) {
		return nil, 0, fmt.Errorf("index %d is beyond the %d elements of %s", i, max(f.Count, 1), f.Name)
	}
	return f, f.Off + uint32(i)*f.Size, nil
}

// build makes the index that At looks offsets up in.
func (l *Layout) build() {
	l.index = make([]uint16, l.Size)
	for i := range l.Fields {
		f := &l.Fields[i]
		for off := f.Off; off < f.end() && off < l.Size; off++ {
			l.index[off] = uint16(i + 1)
		}
	}
}

// at is the layout as programs of one expected attach type may use it.
func (l *Layout) at(attach uint32) *Layout {
	n := &Layout{Name: l.Name, Size: l.Size, Fields: make([]Field, len(l.Fields)), index: l.index, alias: l.alias}
	copy(n.Fields, l.Fields)
	for i := range n.Fields {
		f := &n.Fields[i]
		if f.ReadAt != 0 && !f.ReadAt.Has(attach) {
			f.Access &^= Read | Narrow
		}
		if f.WriteAt != 0 && !f.WriteAt.Has(attach) {
			f.Access &^= Write | NarrowWrite
		}
	}
	return n
}

// Layout is the context as a program of the given expected attach type (0 when it has
// none) may use it. It is shared: do not change it.
func (t *Type) Layout(attach uint32) *Layout {
	attach = t.attachType(attach)
	if l := t.layouts[attach]; l != nil {
		return l
	}
	if l := t.layouts[noAttach]; l != nil {
		return l
	}
	return &t.Ctx
}

// ReturnsFor is the set of return values that the kernel accepts from a program of the
// given expected attach type.
func (t *Type) ReturnsFor(attach uint32) Range {
	attach = t.attachType(attach)
	for i := range t.Attach {
		if a := &t.Attach[i]; a.Type == attach && a.Returns != nil {
			return *a.Returns
		}
	}
	return t.Returns
}

// Accepts reports whether the kernel loads a program of the type with the given
// expected attach type.
func (t *Type) Accepts(attach uint32) bool {
	if t.AnyAttach || len(t.Attach) == 0 {
		return true
	}
	attach = t.attachType(attach)
	for i := range t.Attach {
		if t.Attach[i].Type == attach {
			return true
		}
	}
	return false
}

// attachType is what the kernel takes an expected attach type for.
func (t *Type) attachType(attach uint32) uint32 {
	if attach == 0 {
		return t.DefaultAttach
	}
	return attach
}

// Contains reports whether the range holds v.
func (r Range) Contains(v int32) bool { return r.Any || r.Min <= v && v <= r.Max }

// String prints the range as verifier messages do.
func (r Range) String() string {
	if r.Any {
		return "any value"
	}
	return fmt.Sprintf("[%d, %d]", r.Min, r.Max)
}
