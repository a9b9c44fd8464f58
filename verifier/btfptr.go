package verifier

import (
	"fmt"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// typeByName is the number of a kernel structure.
func (w *walker) typeByName(name string) uint32 {
	if n, ok := w.typeNo[name]; ok {
		return n
	}
	var s *Struct
	if w.spec.Types != nil {
		s = w.spec.Types.Struct(name)
	}
	if s == nil {
		s = &Struct{Name: name}
	}
	w.types = append(w.types, s)
	n := uint32(len(w.types) - 1)
	w.typeNo[name] = n
	return n
}

func (w *walker) typeName(n uint32) string {
	if int(n) < len(w.types) {
		return w.types[n].Name
	}
	return fmt.Sprintf("type %d", n)
}

// tracingArgs reports whether the context is the arguments of a kernel function.
func (w *walker) tracingArgs() bool {
	switch w.spec.Type.Kernel {
	case typeTracing, typeLSM, typeStructOps, typeExt:
		return true
	}
	return false
}

// maxArgOff is the end of the arguments that a traced function's context can have, in bytes.
const maxArgOff = 12 * 8

// argAccess is an access to the arguments of the function that a program traces: 8 bytes each,
// pointers to be loaded in whole.
func (w *walker) argAccess(a *access, r *Reg, off int) *Error {
	ft := w.spec.AttachBTF
	switch {
	case a.write || off%8 != 0 || off >= maxArgOff:
		return w.ctxRefused(a, off)
	case ft == nil:
		return w.fail(CodeUnsupported, "programs of type %s are not supported without the type of what they attach to", w.spec.Type)
	}
	arg, i, ok := w.tracedArg(ft, off)
	if !ok {
		return w.fail(CodeContext, "load at offset %d of the arguments of %s, which has %d", off, ft.Name, len(ft.Args))
	}
	v := Reg{}
	switch arg.Class {
	case ArgScalar:
		if arg.Pointer && a.size != 8 {
			return w.fail(CodeContext, "load of %d bytes of argument %d of %s: pointers are loaded in whole", a.size, i+1, ft.Name)
		}
		w.ctxFact(r, off, a.size)
		w.loaded(a, unknownScalar)
		return nil
	case ArgBTF:
		v = Reg{Kind: PtrToBTFID, Obj: w.typeByName(arg.Type)}
	case ArgMem: // of an iterator: its size is known when the program is attached
		v = Reg{Kind: PtrToBuf}
	default:
		return w.fail(CodeContext, "load of argument %d of %s, which is a pointer to something else than a structure or a number", i+1, ft.Name)
	}
	if a.size != 8 {
		return w.fail(CodeContext, "load of %d bytes of argument %d of %s: pointers are loaded in whole", a.size, i+1, ft.Name)
	}
	nullable := arg.Nullable || w.spec.Attach == progtype.AttachTraceRawTP && proto.TracepointNullable(ft.Name, i)
	v.Flags = pointerFlags(arg.Trusted, arg.User, arg.Percpu, arg.Untrusted, arg.Rdonly, nullable)
	id := uint32(0)
	if nullable {
		id = w.s.newID()
	}
	w.ctxFact(r, off, a.size)
	if a.value >= 0 {
		w.f().set(a.value, v, id)
	}
	return nil
}

func pointerFlags(trusted, user, percpu, untrusted, rdonly, nullable bool) (f Flags) {
	for _, x := range []struct {
		set  bool
		flag Flags
	}{{trusted, Trusted}, {user, User}, {percpu, Percpu}, {untrusted, Untrusted}, {rdonly, Rdonly}, {nullable, MaybeNull}} {
		if x.set {
			f |= x.flag
		}
	}
	return f
}

// tracedArg is the argument at an offset, or behind the last one what the function returned.
func (w *walker) tracedArg(ft *FuncType, off int) (arg *ArgType, i int, ok bool) {
	end := 0
	for i := range ft.Args {
		a := &ft.Args[i]
		end += 8
		if a.Class == ArgScalar && a.Size > 8 {
			end += int(a.Size-1) &^ 7 // a structure that is passed by value
		}
		if off < end {
			return a, i, true
		}
	}
	if off >= end+8 || ft.Ret.Class == ArgVoid {
		return nil, 0, false
	}
	switch w.spec.Attach {
	case progtype.AttachLSMMac, progtype.AttachLSMCgroup, progtype.AttachTraceFexit, progtype.AttachModifyReturn:
		return &ft.Ret, len(ft.Args), true
	}
	return nil, 0, false
}

// trusted reports whether a pointer to a kernel structure is known to be valid.
func (r *Reg) trusted() bool {
	const fine = Trusted | Alloc | NonOwnRef
	return r.Ref != 0 || r.Flags&fine != 0 && r.Flags&^fine == 0
}

// btfAccess is an access to a kernel structure.
func (w *walker) btfAccess(a *access, r *Reg, off int) *Error {
	if !w.spec.GPL {
		return w.fail(CodeType, "%s of struct %s: only programs under a GPL-compatible licence may read the kernel's structures", a.what(), w.typeName(r.Obj)).as(topicGPL)
	}
	if !r.fixed() {
		return w.fail(CodeBounds, "%s through %s, which is %s, at an offset that is not known", a.what(), a.reg, w.describe(r))
	}
	off += int(int32(r.Var.Var.Value))
	switch {
	case off < 0:
		return w.fail(CodeBounds, "%s through %s, which is %s, at offset %d", a.what(), a.reg, w.describe(r), off)
	case r.Flags&User != 0:
		return w.fail(CodeType, "%s through %s, which is %s in user space: use bpf_probe_read_user", a.what(), a.reg, w.describe(r))
	case r.Flags&Percpu != 0:
		return w.fail(CodeType, "%s through %s, which is %s of each CPU: use bpf_per_cpu_ptr or bpf_this_cpu_ptr", a.what(), a.reg, w.describe(r))
	case r.Flags&Alloc != 0:
		return w.fail(CodeUnsupported, "%s of an object that the program allocated", a.what())
	case a.write || a.atomic:
		return w.fail(CodeType, "%s through %s, which is %s: the kernel's structures can only be read", a.what(), a.reg, w.describe(r))
	}
	top := w.types[r.Obj]
	if len(top.Members) == 0 {
		if w.spec.Types == nil {
			return w.fail(CodeUnsupported, "%s of struct %s: its type is not known here", a.what(), top.Name)
		}
		return w.fail(CodeType, "%s of struct %s, of which the kernel tells no members", a.what(), top.Name)
	}
	m, stale, why := w.findMember(top, off, a.size)
	if why != "" {
		return w.fail(CodeBounds, "%s of %d bytes at offset %d of struct %s: %s", a.what(), a.size, off, top.Name, why)
	}
	w.fact(r, off, a.size, false)
	if a.value < 0 {
		return nil
	}
	if m == nil {
		w.loaded(a, unknownScalar)
		return nil
	}
	if m.Plain {
		// What it points to is read like any address, checked at run time.
		w.f().set(a.value, Reg{Kind: PtrToMem, Flags: Rdonly | Untrusted}, 0)
		return nil
	}
	v := Reg{Kind: PtrToBTFID, Obj: w.typeByName(m.Ptr), Flags: w.memberFlags(r, top.Name, m, stale)}
	id := uint32(0)
	if v.Flags&MaybeNull != 0 {
		id = w.s.newID()
	}
	w.f().set(a.value, v, id)
	return nil
}

// findMember finds what an access of size bytes at off of a structure touches: a pointer, which it must
// cover, or for nil something that is a number to the program. Stale says that a union lies on the way. Why says what is wrong with the access.
func (w *walker) findMember(s *Struct, off, size int) (m *Member, stale bool, why string) {
	for range 32 { // structures inside structures
		stale = stale || s.Union && len(s.Members) > 1
		if n := len(s.Members); off+size > int(s.Size) {
			// The last member may be an array of any length.
			if n == 0 || s.Members[n-1].Elem == 0 || s.Members[n-1].Size != 0 || off < int(s.Members[n-1].Off) || s.Members[n-1].Ptr != "" || s.Members[n-1].Plain {
				return nil, stale, fmt.Sprintf("struct %s has %d bytes", s.Name, s.Size)
			}
			last := &s.Members[n-1]
			if last.Struct == "" {
				return nil, stale, ""
			}
			off = (off - int(last.Off)) % int(last.Elem)
			if s = w.structNamed(last.Struct); s == nil {
				return nil, stale, "the kernel tells no members of what lies there"
			}
			continue
		}
		in := memberAt(s, off, size)
		if in == nil {
			return nil, stale, fmt.Sprintf("struct %s has no member there", s.Name)
		}
		stale = stale || in.Union
		if in.End != 0 && off+size > int(in.End) {
			return nil, stale, fmt.Sprintf("it reaches beyond the unnamed structure that member %s is in", in.Name)
		}
		start := int(in.Off)
		if in.Elem > 0 {
			start += (off - start) / int(in.Elem) * int(in.Elem)
		}
		if in.Struct != "" {
			off -= start
			if s = w.structNamed(in.Struct); s == nil {
				return nil, stale, "the kernel tells no members of " + in.Name
			}
			continue
		}
		width := int(in.Size)
		if in.Elem > 0 {
			width = int(in.Elem)
		}
		pointer := in.Ptr != "" || in.Plain
		switch {
		case in.Bits:
		case pointer && (off != start || size != width):
			return nil, stale, fmt.Sprintf("member %s is a pointer, which is loaded in whole", in.Name)
		case pointer:
			return in, stale, ""
		case off+size > int(in.Off+in.Size) && !stale:
			return nil, stale, fmt.Sprintf("it reaches beyond member %s", in.Name)
		}
		return nil, stale, ""
	}
	return nil, stale, "structures are nested too deeply"
}

// memberAt is the member that the first byte of an access lies in, or the bit field that all of it
// covers.
func memberAt(s *Struct, off, size int) *Member {
	for i := range s.Members {
		m := &s.Members[i]
		switch {
		case off+size <= int(m.Off):
			return nil
		case m.Bits:
			if off <= int(m.Off) && off+size >= int(m.Off+m.Size) {
				return m
			}
		case off < int(m.Off):
			return nil
		case off < int(m.Off+m.Size):
			return m
		}
	}
	return nil
}

func (w *walker) structNamed(name string) *Struct {
	if s := w.types[w.typeByName(name)]; len(s.Members) > 0 {
		return s
	}
	return nil
}

// memberFlags says what a pointer is worth that was loaded from member m through r, which points to
// the structure parent. See proto.FieldTrust for the rule.
func (w *walker) memberFlags(r *Reg, parent string, m *Member, stale bool) Flags {
	f := pointerFlags(false, m.User, m.Percpu, stale, false, false)
	switch {
	case r.Flags&Untrusted != 0:
		return Untrusted
	case !r.trusted() && r.Flags&RCU == 0:
		return f
	}
	trust := proto.FieldTrust(parent, m.Name, m.Ptr)
	switch {
	case trust == proto.TrustFull:
		return f | Trusted
	case trust == proto.TrustFullOrNull:
		return f | Trusted | MaybeNull
	case !w.inRCU() || r.Flags&MaybeNull != 0:
		return Untrusted
	case trust == proto.TrustRCU:
		return f | RCU
	case trust == proto.TrustRCUOrNull:
		return f&^Untrusted | RCU | MaybeNull
	case m.RCU:
		return f | RCU | MaybeNull
	}
	return f
}

// mapStructAccess is a load from the kernel's own description of a map.
func (w *walker) mapStructAccess(a *access, r *Reg, off int) *Error {
	if a.write {
		return w.fail(CodeType, "store through %s, which is %s: what a map is made of cannot be written", a.reg, w.describe(r))
	}
	if off < 0 || !r.fixed() {
		return w.fail(CodeType, "load through %s, which is %s, at offset %s", a.reg, w.describe(r), w.offset(r, off))
	}
	return w.fail(CodeUnsupported, "a load from the kernel's struct bpf_map")
}

// btfArg reports whether r may be passed where a pointer to the structure named is wanted.
func (w *walker) btfArg(name string, r *Reg, flags Flags, release bool) bool {
	if flags != 0 && flags != Trusted && flags != RCU {
		return false
	}
	return name == "" || w.isStruct(r, name, release)
}

// isStruct reports whether r points to a structure of that name, or to one of which it is the member
// there, unless it must be the very one.
func (w *walker) isStruct(r *Reg, name string, very bool) bool {
	off, s := int(r.Off)+int(int32(r.Var.Var.Value)), w.types[r.Obj]
	for range 32 {
		switch {
		case s.Name == name && off == 0:
			return true
		case very || off < 0:
			return false
		case off == 0 && name == "sock_common" && socketStructs[s.Name]:
			return true
		}
		in := memberAt(s, off, 1)
		if in == nil || in.Struct == "" {
			return false
		}
		off -= int(in.Off)
		if in.Elem > 0 {
			off %= int(in.Elem)
		}
		s = w.types[w.typeByName(in.Struct)]
	}
	return false
}

// socketStructs start with struct sock_common, for when the kernel's types are not known.
var socketStructs = map[string]bool{
	"sock": true, "tcp_sock": true, "tcp6_sock": true, "udp_sock": true, "udp6_sock": true, "unix_sock": true, "mptcp_sock": true,
	"inet_sock": true, "inet_connection_sock": true, "request_sock": true, "tcp_request_sock": true, "inet_timewait_sock": true,
	"tcp_timewait_sock": true,
}

// btfResult sets what a helper returns that returns a kernel structure.
func (w *walker) btfResult(c *callMeta, r *Reg) *Error {
	r.Kind = PtrToBTFID
	if c.kptr != nil {
		local := false
		if r.Obj, local = w.kptrType(c.kptr); local {
			r.Flags |= Alloc
			if c.kptr.Kind == maps.FieldKptrPercpu {
				r.Flags |= Percpu
			}
		}
		return nil
	}
	r.Obj = w.typeByName(c.proto.Ret.BTF)
	if c.proto.Ret.Flags&proto.Trusted != 0 {
		r.Flags |= Trusted
	}
	return nil
}

func (w *walker) globalBTFArg(name string, i int, reg isa.Reg, a *ArgType) *Error {
	r := w.reg(reg)
	if r.Kind != PtrToBTFID || w.typeName(r.Obj) != a.Type {
		return w.fail(CodeType, "argument %d of %s, %s, is %s: it has to be a pointer to struct %s", i+1, name, reg, w.describe(r), a.Type)
	}
	return nil
}

// loadBTFID is a 16-byte load of a kernel variable's address.
func (w *walker) loadBTFID(in *isa.Insn) *Error {
	if w.spec.Types == nil {
		return w.fail(CodeUnsupported, "the address of a kernel variable: the kernel's types are not known here")
	}
	name, t, percpu, ok := w.spec.Types.KernelSymbol(uint32(in.ImmLow()))
	if !ok {
		return w.fail(CodeStructure, "BTF ID %d is no kernel variable", in.ImmLow())
	}
	r := Reg{Kind: PtrToMem, Flags: Rdonly}
	_ = name
	if t.Class == ArgBTF {
		r = Reg{Kind: PtrToBTFID, Obj: w.typeByName(t.Type)}
		if percpu {
			r.Flags |= Percpu
		}
	} else {
		r.Size = t.Size
	}
	w.f().set(int(in.Dst), r, 0)
	return nil
}
