package verifier

import (
	"strings"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/progtype"
)

// maxFuncArgs is how many 8-byte slots of arguments a context has at most (MAX_BPF_FUNC_ARGS).
const maxFuncArgs = 12

// tracingArgs reports whether the context is the arguments of a kernel function.
func (w *walker) tracingArgs() bool {
	switch w.spec.Type.Kernel {
	case typeTracing, typeLSM, typeStructOps, typeExt:
		return true
	}
	return false
}

// slots is how many bytes of the context an argument takes.
func (t *ArgType) slots() int {
	if t.Class != ArgScalar && t.Class != ArgUnknown {
		return 8
	}
	if t.Class == ArgUnknown && t.Size == 0 {
		return 8
	}
	return int(t.Size+7) &^ 7
}

// argAt is the argument that the context has at an offset, or the result behind all of them.
func (f *FuncType) argAt(off int) (arg *ArgType, number int, result bool) {
	at := 0
	for i := range f.Args {
		if at += f.Args[i].slots(); off < at {
			return &f.Args[i], i, false
		}
	}
	if f.Ret.Class != ArgVoid && off < at+f.Ret.slots() {
		return &f.Ret, len(f.Args), true
	}
	return nil, 0, false
}

// argAccess is an access to the arguments of the function that a program traces.
func (w *walker) argAccess(a *access, r *Reg, off int) *Error {
	if a.write || off%8 != 0 || off >= 8*maxFuncArgs {
		return w.ctxRefused(a, off)
	}
	ft := w.spec.AttachBTF
	if ft == nil {
		return w.fail(CodeUnsupported, "programs of type %s are not supported without the type of what they attach to", w.spec.Type).as(topicKernelTypes)
	}
	arg, n, result := ft.argAt(off)
	if arg == nil || result && !w.hasResult(arg) {
		return w.fail(CodeContext, "load at offset %d of the context: %s has %d arguments", off, ft.Name, len(ft.Args))
	}
	if a.size != 8 && (arg.Class != ArgScalar || arg.Pointer) {
		return w.fail(CodeContext, "load of %d bytes at offset %d of the context: argument %d of %s is a pointer, which is loaded whole", a.size, off, n+1, ft.Name)
	}
	v, id := unknown(), uint32(0)
	switch arg.Class {
	case ArgScalar:
		if result {
			v.Var = w.resultRange()
		}
		v.Var = extend(v.Var, a.size, a.signed)
	case ArgMem:
		v = Reg{Kind: PtrToBuf}
		if arg.Rdonly {
			v.Flags = Rdonly
		}
	case ArgBTF:
		v = w.argPointer(arg)
		if !result && n < len(w.argRefs) {
			v.Ref = w.argRefs[n]
		}
	default:
		return w.fail(CodeContext, "load at offset %d of the context: argument %d of %s is of a type that programs may not use", off, n+1, ft.Name)
	}
	nullable := arg.Nullable || w.spec.Type.Kernel == typeTracing && w.spec.Attach == progtype.AttachTraceRawTP && proto.TracepointNullable(ft.Name, n)
	if nullable && v.isPtr() {
		v.Flags |= MaybeNull
		id = w.s.newID()
	}
	w.ctxFact(r, off, a.size)
	if a.value >= 0 {
		w.f().set(a.value, v, id)
	}
	return nil
}

// ownArgs acquires the references that the program is given as arguments.
func (w *walker) ownArgs() {
	w.argRefs = nil
	if w.spec.Type.Kernel != typeStructOps || w.spec.AttachBTF == nil {
		return
	}
	args := w.spec.AttachBTF.Args
	w.argRefs = make([]uint32, len(args))
	for i := range args {
		if args[i].Class == ArgBTF && args[i].Ref {
			w.argRefs[i] = w.s.newID()
			w.acquire(refPtr, w.argRefs[i]).insn = -1
		}
	}
}

// hasResult reports whether the program is run when the function has returned, so that its context has
// the result.
func (w *walker) hasResult(t *ArgType) bool {
	switch w.spec.Type.Kernel {
	case typeLSM:
		return true
	case typeTracing:
		return w.spec.Attach == progtype.AttachTraceFexit || w.spec.Attach == progtype.AttachModifyReturn && t.Class == ArgScalar && !t.Pointer
	}
	return false
}

// resultRange is what the function may have returned, as far as that is agreed.
func (w *walker) resultRange() scalar.Scalar {
	if w.spec.Type.Kernel == typeLSM && w.spec.Attach == progtype.AttachLSMMac {
		if rng, _ := w.spec.returns(); !rng.Any {
			return scalar.SRange(int64(rng.Min), int64(rng.Max))
		}
	}
	return unknownScalar
}

// argPointer is an argument that points to a kernel structure.
func (w *walker) argPointer(t *ArgType) Reg {
	r := Reg{Kind: PtrToBTFID}
	for _, f := range []struct {
		on   bool
		flag Flags
	}{{t.Trusted, Trusted}, {t.User, User}, {t.Percpu, Percpu}} {
		if f.on {
			r.Flags |= f.flag
		}
	}
	name := t.Type
	if name == "sock" && r.Flags&^Trusted == 0 && !t.Nullable && w.spec.opsOf() == "tcp_congestion_ops" {
		name = "tcp_sock" // whose start it is
	}
	r.Obj = w.typeByName(name)
	return r
}

// opsOf is the kernel's structure of operations that a struct_ops program implements one of, "" if it is no such
// program.
func (s *Spec) opsOf() string {
	if s.Type.Kernel != typeStructOps || s.AttachBTF == nil {
		return ""
	}
	ops, _, _ := strings.Cut(s.AttachBTF.Name, ":")
	return ops
}

// returns is the set of numbers that the program may return, and whether it returns nothing.
func (s *Spec) returns() (rng progtype.Range, nothing bool) {
	void := s.AttachBTF != nil && s.AttachBTF.Ret.Class == ArgVoid
	switch s.Type.Kernel {
	case typeLSM:
		if s.AttachBTF != nil {
			return progtype.LSMReturns(s.Attach, s.AttachBTF.Name, void), void && s.Attach != progtype.AttachLSMCgroup
		}
	case typeStructOps:
		return progtype.Range{Any: true}, void
	}
	return s.Type.ReturnsFor(s.Attach), false
}

// returnsPtr reports whether r0 is what a struct_ops program may return that stands for a function whose result is
// a pointer: a reference of its own, as it was handed out.
func (w *walker) returnsPtr(r *Reg) bool {
	if w.spec.Type.Kernel != typeStructOps || w.spec.AttachBTF == nil {
		return false
	}
	t := &w.spec.AttachBTF.Ret
	return t.Class == ArgBTF && r.Kind == PtrToBTFID && r.Ref != 0 && r.Flags&MaybeNull == 0 && r.Obj == w.typeByName(t.Type) &&
		r.Off == 0 && r.fixed() && r.Var.Var.Value == 0
}
