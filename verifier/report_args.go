package verifier

import (
	"fmt"
	"strings"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// helper is the prototype of the helper called at fault, nil if it is no such call.
func (x *evidence) helper() *proto.Proto {
	in := x.insn()
	if in == nil || in.Op != isa.OpCallHelper {
		return nil
	}
	if x.spec.Helper != nil {
		if p := x.spec.Helper(in.ImmLow()); p != nil {
			return p
		}
	}
	return proto.ByID(in.ImmLow())
}

// arg is what the helper at fault wants in the register at fault.
func (x *evidence) arg() (proto.Arg, bool) {
	p := x.helper()
	r, ok := x.reg()
	if p == nil || !ok || r < isa.R1 || r > isa.R5 {
		return proto.Arg{}, false
	}
	return p.Args[r-1], true
}

// globalArg is what the global function called at fault wants in the register at fault.
func (x *evidence) globalArg() (ArgType, bool) {
	in := x.insn()
	r, ok := x.reg()
	if in == nil || in.Op != isa.OpCallLocal || !ok || r < isa.R1 || r > isa.R5 {
		return ArgType{}, false
	}
	t := in.Target(x.err.Insn)
	for i := range x.spec.Funcs {
		f := &x.spec.Funcs[i]
		if f.Insn == t && f.Type != nil && int(r)-1 < len(f.Type.Args) {
			return f.Type.Args[r-1], true
		}
	}
	return ArgType{}, false
}

func suggestArgument(x *evidence) string {
	r, _ := x.reg()
	if g, ok := x.globalArg(); ok {
		switch g.Class {
		case ArgCtx:
			return suggestCtxArg
		case ArgMem:
			return x.suggestMemArg(r)
		case ArgScalar:
			return "pass a number"
		}
		return ""
	}
	a, ok := x.arg()
	if !ok {
		return ""
	}
	if a.Flags&proto.Release != 0 {
		return "pass what was handed out, as it was handed out"
	}
	switch a.Kind {
	case proto.ConstMapPtr:
		return "pass the address of a map: &name"
	case proto.PtrToMapKey, proto.PtrToMapValue, proto.PtrToMem:
		return x.suggestMemArg(r)
	case proto.PtrToCtx:
		return suggestCtxArg
	case proto.PtrToConstStr:
		return "pass a string that cannot change: static const char fmt[] = \"...\"; outside the function"
	case proto.PtrToFunc:
		return "pass a static function of the program"
	case proto.PtrToTimer, proto.PtrToSpinLock, proto.KptrXchgDest:
		return "pass the address of the field in a map's value"
	case proto.PtrToDynptr:
		return "pass the address of a struct bpf_dynptr on the stack"
	}
	return ""
}

const suggestCtxArg = "pass the context as the program was given it"

// suggestMemArg is for an argument that has to be the address of memory.
func (x *evidence) suggestMemArg(r isa.Reg) string {
	if x.regs[r].Kind != Scalar {
		return "pass the address of memory: a variable, a map value, or packet data that was compared with data_end"
	}
	if v := x.variable(x.rec.reg(r).root()); v != "" {
		return fmt.Sprintf("pass the address of the variable: &%s", v)
	}
	return "pass the address of a variable that holds it"
}

// passed is how many bytes the callee at fault uses of the memory in the register at fault, 0 if
// that does not show.
func (x *evidence) passed() int64 {
	r, _ := x.reg()
	if g, ok := x.globalArg(); ok {
		return int64(g.Size)
	}
	a, ok := x.arg()
	if !ok {
		return 0
	}
	switch m := x.regs[isa.R1]; a.Kind {
	case proto.PtrToMapKey, proto.PtrToMapValue:
		if m.Kind != ConstPtrToMap || int(m.Obj) >= len(x.spec.Maps) || x.spec.Maps[m.Obj] == nil {
			return 0
		}
		if a.Kind == proto.PtrToMapKey {
			return int64(x.spec.Maps[m.Obj].KeySize)
		}
		return int64(x.spec.Maps[m.Obj].ValueSize)
	case proto.PtrToMem:
		if a.Flags&proto.FixedSize != 0 {
			return int64(a.Size)
		}
		if r < isa.R5 && x.regs[r+1].Kind == Scalar {
			return upper(&x.regs[r+1])
		}
	}
	return 0
}

func causePassed(x *evidence) string {
	n := x.passed()
	r, ok := x.reg()
	if n <= 0 || !ok {
		return causeValue(x)
	}
	reg := &x.regs[r]
	uses := fmt.Sprintf("%s uses %s of what it is passed in %s", x.callee(x.err.Insn), plural(n, "byte"), r)
	have, what, sized := x.objectSize()
	switch {
	case !reg.fixed() && x.origin().lastIndex() != nil:
		return fmt.Sprintf("%s; %s", uses, x.offsetCause(r, x.origin().lastIndex()))
	case !sized:
		return uses
	case reg.Kind == PtrToStack && reg.Off >= 0:
		return uses + ", the top of the stack: no variable lies there"
	case reg.Kind == PtrToStack:
		return fmt.Sprintf("%s; from there to the top of the stack there are %d", uses, -reg.Off)
	}
	return fmt.Sprintf("%s; %s has %s, and %d of them come before that", uses, what, plural(have, "byte"), reg.Off)
}

func suggestPassed(x *evidence) string {
	if g, ok := x.globalArg(); ok && g.Class == ArgMem {
		return fmt.Sprintf("pass a variable of the type that the function takes, of %s", plural(int64(g.Size), "byte"))
	}
	if r, ok := x.reg(); ok && !x.regs[r].fixed() {
		return "test the offset before it is added, so that the whole memory lies inside"
	}
	a, ok := x.arg()
	if ok && a.Kind == proto.PtrToMem && a.Flags&proto.FixedSize == 0 {
		return "pass the size of the variable, sizeof(name), or make the variable larger"
	}
	return "pass a variable of the size that is needed"
}

func causeCallback(x *evidence) string {
	r, _ := x.reg()
	o := x.origin().object()
	if o == nil {
		return ""
	}
	return fmt.Sprintf("%s is %s", r, x.whence(o))
}

// callbackWords is what helpers pass to the functions that they call.
var callbackWords = map[proto.CallbackArg]string{
	proto.CallbackScalar: "an index", proto.CallbackMap: "the map", proto.CallbackMapKey: "a key", proto.CallbackMapValue: "a value",
	proto.CallbackCtx: "the context given to the helper", proto.CallbackTask: "a task", proto.CallbackVMA: "a VMA", proto.CallbackDynptr: "a dynptr",
}

func suggestCallback(x *evidence) string {
	o := x.origin().object()
	if o == nil || o.insn < 0 || x.insns[o.insn].Op != isa.OpCallHelper {
		return ""
	}
	p := proto.ByID(x.insns[o.insn].ImmLow())
	if p == nil || p.Callback == nil {
		return ""
	}
	var args []string
	for _, a := range p.Callback.Args {
		if a == proto.CallbackNone {
			break
		}
		args = append(args, callbackWords[a])
	}
	return fmt.Sprintf("are these the function's parameters? bpf_%s passes %s", p.Name, strings.Join(args, ", "))
}

func suggestKfunc(x *evidence) string {
	return "use a helper that does the same; or declare it __weak and ask bpf_ksym_exists first, so that the program does without where it is not there"
}

// causeSize is for a size argument.
func causeSize(x *evidence) string {
	o := x.origin()
	r, ok := x.reg()
	if o == nil || !ok {
		return ""
	}
	reg := &x.regs[r]
	if v, ok := reg.constant(); ok {
		return fmt.Sprintf("%s is %s, set at %s", x.sizeName(), count(int64(v)), x.spec.place(max(o.insn, 0)))
	}
	s := fmt.Sprintf("%s may be %s", x.sizeName(), bound(reg.Var.SMin, upper(reg)))
	if root := o.root(); root != nil {
		s += "; it comes from " + x.whence(root)
	}
	t := x.boundTest(o)
	switch {
	case t == nil:
		s += ", and no test on this path bounds it"
	case x.find.topic == topicSizeNegative:
		s += fmt.Sprintf("; the test at %s bounds it from above only", x.spec.place(t.insn))
	case x.find.topic == topicSizeZero:
		s += fmt.Sprintf("; the test at %s leaves 0", x.spec.place(t.insn))
	default:
		s += fmt.Sprintf("; the test at %s leaves that much", x.spec.place(t.insn))
	}
	return s
}

func (x *evidence) sizeName() string {
	r, _ := x.reg()
	if v := x.variable(x.origin().root()); v != "" {
		return fmt.Sprintf("the size, %s in %s,", v, r)
	}
	return fmt.Sprintf("the size, %s,", r)
}

func (x *evidence) sizeVariable() string {
	if v := x.variable(x.origin().root()); v != "" {
		return v
	}
	return "size"
}

func suggestSize(x *evidence) string {
	return fmt.Sprintf("test it before the call: if (%s > sizeof(buffer)) return ...;", x.sizeVariable())
}

func suggestSizeSign(x *evidence) string {
	if r, _ := x.reg(); x.regs[r].fixed() {
		return "pass the size of the memory, sizeof(name)"
	}
	return "make it unsigned, or test that it is not below 0 as well"
}

func suggestSizeZero(x *evidence) string {
	if r, _ := x.reg(); x.regs[r].fixed() {
		return "pass the size of the memory, sizeof(name)"
	}
	return fmt.Sprintf("%s does not take 0 bytes: if (%s == 0) return ...;", x.callee(x.err.Insn), x.sizeVariable())
}
