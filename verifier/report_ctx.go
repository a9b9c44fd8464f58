package verifier

import (
	"fmt"
	"strings"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// ctxAt is where in the context the access at fault lies.
func (x *evidence) ctxAt() (off, size int64, write, ok bool) {
	lo, _, size, ok := x.extent()
	if !ok || x.spec.Type == nil {
		return 0, 0, false, false
	}
	switch x.insn().Info().Kind {
	case isa.KindStore, isa.KindStoreImm, isa.KindAtomic, isa.KindStoreRelease:
		write = true
	}
	return lo, size, write, true
}

// fieldOf is the context field at an offset, as the program's attach type sees it.
func (x *evidence) fieldOf(off int64) *progtype.Field {
	l := x.layout()
	for i := range l.Fields {
		f := &l.Fields[i]
		if off >= int64(f.Off) && off < int64(f.Off)+int64(f.Size)*int64(max(f.Count, 1)) {
			return f
		}
	}
	return nil
}

func causeContext(x *evidence) string {
	off, size, write, ok := x.ctxAt()
	if !ok {
		return ""
	}
	l, f := x.layout(), x.fieldOf(off)
	switch {
	case f == nil && off >= int64(l.Size):
		return fmt.Sprintf("struct %s, the context of type %s, has %s; this %s %s", l.Name, x.spec.Type, plural(int64(l.Size), "byte"), x.verb(), span(off, off+size-1))
	case f == nil:
		return fmt.Sprintf("struct %s has no field at %s that programs may use", l.Name, span(off, off+size-1))
	case write && f.Access&progtype.Write == 0 && f.Access&progtype.Read != 0:
		return fmt.Sprintf("programs of type %s may read %s.%s, but not write it", x.spec.Type, l.Name, f.Name)
	case f.Access&(progtype.Read|progtype.Write) == 0 && (f.ReadAt != 0 || f.WriteAt != 0):
		return fmt.Sprintf("%s.%s is there for other attach types of %s only", l.Name, f.Name, x.spec.Type)
	case f.Access&(progtype.Read|progtype.Write) == 0:
		return fmt.Sprintf("%s.%s is not there for programs of type %s", l.Name, f.Name, x.spec.Type)
	case off%size != 0:
		return fmt.Sprintf("%s of %s.%s, not a multiple of %d", span(off, off+size-1), l.Name, f.Name, size)
	case size < int64(f.Size):
		return fmt.Sprintf("%s.%s has %s, and may only be accessed whole", l.Name, f.Name, plural(int64(f.Size), "byte"))
	case size > int64(f.Size):
		return fmt.Sprintf("%s.%s has %s; this %s %d", l.Name, f.Name, plural(int64(f.Size), "byte"), x.verb(), size)
	}
	return ""
}

func suggestContext(x *evidence) string {
	off, size, write, ok := x.ctxAt()
	if !ok {
		return ""
	}
	f := x.fieldOf(off)
	var names []string
	for i := range x.layout().Fields {
		g := &x.layout().Fields[i]
		if write && g.Access&progtype.Write != 0 || !write && g.Access&progtype.Read != 0 {
			names = append(names, g.Name)
		}
	}
	list := func(can string) string {
		switch n := len(names); {
		case n == 0:
			return ""
		case n > 12:
			return fmt.Sprintf("%s %s and %d more", can, strings.Join(names[:12], ", "), n-12)
		}
		return can + " " + strings.Join(names, ", ")
	}
	switch {
	case f != nil && f.Access&(progtype.Read|progtype.Write) == 0 && (f.ReadAt != 0 || f.WriteAt != 0):
		return "give the program the attach type for which the kernel fills the field, by its section name"
	case f == nil || f.Access&(progtype.Read|progtype.Write) == 0:
		if f != nil && (f.Kind == progtype.PacketData || f.Kind == progtype.PacketEnd || f.Kind == progtype.PacketMeta) {
			return "read the packet with bpf_skb_load_bytes"
		}
		if f == nil && off >= int64(x.layout().Size) {
			return list(fmt.Sprintf("is the section name the right one, and the parameter a struct %s? Its fields that may be read:", x.layout().Name))
		}
		return list("the fields that may be read:")
	case write && f.Access&progtype.Write == 0:
		return list("the fields that may be written:")
	case f.Count > 1:
		return fmt.Sprintf("access whole elements of %s, of %d bytes each", f.Name, f.Size)
	case size != int64(f.Size):
		return fmt.Sprintf("access %s as a variable of %d bytes and cut the number afterwards", f.Name, f.Size)
	}
	return ""
}

func causeContextMoved(x *evidence) string {
	r, _ := x.reg()
	reg := &x.regs[r]
	if reg.fixed() {
		return fmt.Sprintf("%s is the context plus %d", r, reg.Off)
	}
	return fmt.Sprintf("%s is the context plus an index that is not known when the program is verified%s", r, x.indexWhence(x.origin(), ": "))
}

func suggestContextMoved(x *evidence) string {
	r, _ := x.reg()
	if x.regs[r].fixed() {
		return "pass the context as the program was given it, and read fields by their names"
	}
	return "read fields of the context by constant offsets only: copy the array into variables first"
}
