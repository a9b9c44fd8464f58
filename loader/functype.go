package loader

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// globalFunc is the type of a global function of a program: by it the function is verified on
// its own, and its callers without it. The rules are those of the kernel's "arg:" tags
// (bpf_helpers.h: __arg_ctx and its kin).
func globalFunc(fn *btf.Func, typ *progtype.Type) *verifier.FuncType {
	proto, ok := fn.Type.(*btf.FuncProto)
	if !ok {
		return nil
	}
	ft := &verifier.FuncType{Name: fn.Name, Ret: result(proto.Return)}
	for i, p := range proto.Params {
		var tags []string
		if i < len(fn.ParamTags) {
			tags = fn.ParamTags[i]
		}
		ft.Args = append(ft.Args, globalArg(p.Type, tags, typ))
	}
	return ft
}

func globalArg(t btf.Type, tags []string, typ *progtype.Type) verifier.ArgType {
	has := func(tag string) bool { return slices.Contains(tags, "arg:"+tag) }
	a := verifier.ArgType{
		NonNull: has("nonnull"), Nullable: has("nullable"), Trusted: has("trusted"), Untrusted: has("untrusted"),
	}
	ptr, ok := btf.UnderlyingType(t).(*btf.Pointer)
	if !ok {
		s := result(t)
		a.Class, a.Size = s.Class, s.Size
		return a
	}
	target := btf.UnderlyingType(ptr.Target)
	name, isStruct := structName(target)
	switch {
	case has("arena"):
		a.Class = verifier.ArgArena
	case has("ctx"), isContext(ptr.Target, typ):
		a.Class = verifier.ArgCtx
	case isStruct && name == "bpf_dynptr":
		a.Class = verifier.ArgDynptr
	case a.Trusted && (a.NonNull || !isStruct), a.Untrusted && (a.Trusted || a.NonNull || a.Nullable), a.Nullable && !a.Trusted:
		a.Class, a.Type = verifier.ArgUnknown, name // tags that do not go together
	case (a.Trusted || a.Untrusted) && isStruct:
		// It is the kernel's structure of that name.
		a.Class, a.Type = verifier.ArgBTF, essential(name)
	case a.Untrusted:
		a.Class, a.Rdonly = verifier.ArgMem, true
	default:
		n, err := btf.Sizeof(target)
		if err != nil || n <= 0 || n > 1<<29 {
			// void, a function, or a type that the object does not define.
			a.Class, a.Type = verifier.ArgUnknown, name
			break
		}
		a.Class, a.Size, a.Type = verifier.ArgMem, uint32(n), name
	}
	return a
}

// essential is the name of a structure without its flavour, which CO-RE does not look at: what
// stands behind three underscores.
func essential(name string) string {
	if i := strings.LastIndex(name, "___"); i > 0 {
		return name[:i]
	}
	return name
}

// isContext reports whether a pointer to t is the context of the program type, which the kernel tells
// by the name of the structure.
func isContext(t btf.Type, typ *progtype.Type) bool {
	kprobe := typ.Kernel == progtype.Kprobe.Kernel
	for range 32 {
		switch u := t.(type) {
		case *btf.Typedef:
			if u.Name == "bpf_user_pt_regs_t" && (kprobe || typ.Kernel == progtype.PerfEvent.Kernel) {
				return true
			}
			t = u.Type
		case *btf.Const:
			t = u.Type
		case *btf.Volatile:
			t = u.Type
		case *btf.Restrict:
			t = u.Type
		default:
			name, ok := structName(u)
			return ok && (name == typ.Ctx.Name || kprobe && (name == "user_pt_regs" || name == "user_regs_struct"))
		}
	}
	return false
}

// result is the type of a function's result, or of an argument that is no pointer.
func result(t btf.Type) verifier.ArgType {
	switch t := btf.UnderlyingType(t).(type) {
	case nil, *btf.Void:
		return verifier.ArgType{Class: verifier.ArgVoid}
	case *btf.Int:
		return verifier.ArgType{Class: verifier.ArgScalar, Size: t.Size}
	case *btf.Enum:
		return verifier.ArgType{Class: verifier.ArgScalar, Size: t.Size}
	}
	return verifier.ArgType{Class: verifier.ArgUnknown}
}

// structName is the name of a structure or union, or of one that is only declared.
func structName(t btf.Type) (string, bool) {
	switch t := t.(type) {
	case *btf.Struct:
		return t.Name, true
	case *btf.Union:
		return t.Name, true
	case *btf.Fwd:
		return t.Name, true
	}
	return "", false
}

// pointee is what a pointer points to, without qualifiers, and the type tag that the kernel goes by: of
// several the first, and none behind a qualifier.
func pointee(p *btf.Pointer) (tag string, target btf.Type) {
	if t, ok := p.Target.(*btf.TypeTag); ok {
		tag = t.Value
	}
	return tag, btf.UnderlyingType(p.Target)
}
