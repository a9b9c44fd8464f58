package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// btfArg reports whether r may be passed where a pointer to the structure named is wanted: it is one, or, if it
// need not be the very type, one lies where it points to. The flags are those of r that count.
func (w *walker) btfArg(name string, r *Reg, flags Flags, strict bool) bool {
	if flags != 0 && flags != Trusted && flags != RCU {
		return false
	}
	return name == "" || w.isStruct(r, name, strict)
}

// isStruct reports whether a pointer to a kernel structure is one to the structure named; or, if that need not be the
// type that it has, whether one lies there.
func (w *walker) isStruct(r *Reg, name string, strict bool) bool {
	have := w.types[r.Obj].key
	if r.Off == 0 && have == name {
		return true
	}
	if strict {
		return false
	}
	if s := w.structOf(r); s != nil {
		return r.Off >= 0 && w.contains(s, int(r.Off), name)
	}
	return r.Off == 0 && name == "sock_common" && socketStructs[have]
}

// socketStructs start with struct sock_common. They are known even where the kernel's types are not.
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

// globalBTFArg checks what is passed to a global function that takes a kernel structure.
func (w *walker) globalBTFArg(name string, i int, reg isa.Reg, a *ArgType) *Error {
	if w.spec.Types != nil && w.structNamed(a.Type) == nil {
		return w.fail(CodeType, "argument %d of %s is a pointer to struct %s, which the kernel does not have", i+1, name, a.Type)
	}
	if a.Untrusted {
		return nil // it may be anything: it is only read, and that is checked at run time
	}
	r := w.reg(reg)
	if r.isNull() && a.Nullable {
		w.demandReg(reg)
		return nil
	}
	flags := r.Flags
	if a.Nullable {
		flags &^= MaybeNull
	}
	if r.Kind != PtrToBTFID || !w.btfArg(a.Type, r, flags, false) {
		return w.fail(CodeType, "argument %d of %s, %s, is %s: it has to be a pointer to struct %s", i+1, name, reg, w.describe(r), a.Type)
	}
	if r.Off < 0 || !r.fixed() || r.Var.Var.Value != 0 || r.Flags&MaybeNull != 0 && r.Off != 0 {
		return w.fail(CodeType, "argument %d of %s, %s, is %s with %s added", i+1, name, reg, w.describe(r), w.offset(r, int(r.Off)))
	}
	return nil
}
