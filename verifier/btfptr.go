package verifier

import (
	"fmt"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
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

// argAccess is an access to the arguments of the function that a program traces.
func (w *walker) argAccess(a *access, r *Reg, off int) *Error {
	if a.write || off%8 != 0 || a.size != 8 && (a.size > 8 || off%a.size != 0) {
		return w.ctxRefused(a, off)
	}
	return w.fail(CodeUnsupported, "programs of type %s are not supported without the type of what they attach to", w.spec.Type)
}

// btfAccess is an access to a kernel structure.
func (w *walker) btfAccess(a *access, r *Reg, off int) *Error {
	return w.fail(CodeUnsupported, "%s of struct %s: its type is not known here", a.what(), w.typeName(r.Obj))
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

// kptrAccess is an access to a kptr field of a map's value.
func (w *walker) kptrAccess(a *access, r *Reg, off int, m *Map, f *maps.Field) *Error {
	return w.fail(CodeUnsupported, "%s of a kptr field of a value of map %s", a.what(), m.Name)
}

func (w *walker) kptrDest(c *callMeta, reg isa.Reg, r *Reg) *Error {
	return w.fail(CodeUnsupported, "%s is not supported", c.name)
}

// btfArg reports whether r may be passed where a pointer to the structure named is wanted.
func (w *walker) btfArg(name string, r *Reg, flags Flags, release bool) bool {
	if flags&^(Trusted|RCU) != 0 {
		return false
	}
	have := w.typeName(r.Obj)
	return name == "" || have == name || name == "sock_common" && socketStructs[have]
}

// socketStructs start with struct sock_common.
var socketStructs = map[string]bool{
	"sock": true, "tcp_sock": true, "tcp6_sock": true, "udp_sock": true, "udp6_sock": true, "unix_sock": true, "mptcp_sock": true,
	"inet_sock": true, "inet_connection_sock": true, "request_sock": true, "tcp_request_sock": true, "inet_timewait_sock": true,
	"tcp_timewait_sock": true,
}

// btfResult sets what a helper returns that returns a kernel structure.
func (w *walker) btfResult(c *callMeta, r *Reg) *Error {
	r.Kind = PtrToBTFID
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
