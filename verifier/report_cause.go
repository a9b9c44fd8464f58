package verifier

import (
	"fmt"
)

// causeValue says where the register at fault got its value.
func causeValue(x *evidence) string {
	o := x.origin()
	if o == nil {
		return ""
	}
	if n := o.root(); n != nil && o.was.Kind == Scalar {
		o = n
	} else {
		o = o.object()
	}
	if o.lost {
		return causeLost(x)
	}
	switch r, _ := x.reg(); o.was.Kind {
	case PtrToStack, ConstPtrToMap:
		return "" // the first line says that
	default:
		return fmt.Sprintf("%s is %s", r, x.whence(o))
	}
}

// causeLeak says where the address comes from that would leave the program.
func causeLeak(x *evidence) string {
	r, ok := x.reg()
	if !ok || !x.regs[r].isPtr() || x.regs[r].Kind == PtrToCtx {
		return ""
	}
	return causeValue(x)
}

func causeNull(x *evidence) string {
	o := x.origin().object()
	if o == nil {
		return ""
	}
	if r, _ := x.reg(); x.regs[r].isNull() {
		if o.was.isNull() && (o.insn < 0 || !x.insns[o.insn].IsCall()) {
			return fmt.Sprintf("%s is %s", x.regName(), x.whence(o))
		}
		return fmt.Sprintf("%s is %s: NULL %s, as on this path", x.regName(), x.whence(o), x.whenNull(o))
	}
	s := fmt.Sprintf("%s is %s: NULL %s, and no test on this path says that it is not", x.regName(), x.whence(o), x.whenNull(o))
	if t := x.otherNullTest(o); t != nil {
		s += fmt.Sprintf("; the test at %s is of another pointer", x.spec.place(t.insn))
		if a := t.dst.object(); a != nil && a.insn >= 0 {
			s += fmt.Sprintf(", from %s", x.spec.place(a.insn))
		}
	}
	return s
}

// whenNull says when a value is NULL.
func (x *evidence) whenNull(o *origin) string {
	if o.insn >= 0 && x.insns[o.insn].IsCall() && o.arg == 0 {
		switch name := x.callee(o.insn); {
		case name == "bpf_map_lookup_elem":
			return "when the key is not there"
		case name == "bpf_ringbuf_reserve":
			return "when the buffer is full"
		case containsWord("bpf_sk_lookup_tcp bpf_sk_lookup_udp bpf_skc_lookup_tcp", name):
			return "when there is no such socket"
		case containsWord("bpf_dynptr_data bpf_dynptr_slice bpf_dynptr_slice_rdwr", name):
			return "when the dynptr is shorter"
		case name == "bpf_iter_num_next":
			return "at the end"
		}
		return "when it failed"
	}
	if o.arg > 0 {
		return "if a caller passes that"
	}
	return "in some cases"
}

// otherNullTest is the last test for NULL on the path that was of another pointer which might
// have been NULL, nil if there was none or the pointer itself was tested.
func (x *evidence) otherNullTest(o *origin) *test {
	if x.rec == nil {
		return nil
	}
	for i := len(x.rec.tests) - 1; i >= 0; i-- {
		t := &x.rec.tests[i]
		if !t.s.isNull() || t.d.Flags&MaybeNull == 0 || t.dst == nil {
			continue
		}
		if t.dst.object() == o {
			return nil
		}
		return t
	}
	return nil
}

func suggestNull(x *evidence) string {
	o := x.origin().object()
	if o != nil && o.arg > 0 && o.insn < 0 {
		return "test the parameter for NULL first: a global function is verified for all callers; or declare it __arg_nonnull, so that callers must not pass NULL"
	}
	name := x.variable(o)
	if name == "" {
		r, _ := x.reg()
		name = "the pointer in " + r.String()
		return fmt.Sprintf("test %s before using it", name)
	}
	return fmt.Sprintf("test it before using it: if (!%s) return ...;", name)
}

func suggestNullFirst(x *evidence) string {
	return "test the pointer for NULL first and add to it then: afterwards the test would no longer tell"
}

func causeUninit(x *evidence) string {
	r, ok := x.reg()
	if !ok {
		return ""
	}
	if in := x.insn(); in != nil && in.IsExit() {
		return "r0, the return value, is set on other paths at most"
	}
	return fmt.Sprintf("nothing on this path has set %s", r)
}

func causeLost(x *evidence) string {
	o := x.origin()
	if o == nil {
		return ""
	}
	r, _ := x.reg()
	return fmt.Sprintf("%s held a value before the call of %s at %s: a call leaves nothing in r1 to r5", r, x.callee(o.insn), x.spec.place(o.insn))
}

func causeUninitStack(x *evidence) string {
	if in := x.insn(); in != nil && in.IsCall() {
		r, _ := x.reg()
		what := "the memory"
		if n := x.passed(); n > 0 && x.regs[r].Kind == PtrToStack && x.regs[r].fixed() {
			lo := int64(x.regs[r].Off)
			what = fmt.Sprintf("%s of the stack, %s, in %s,", plural(n, "byte"), span(lo, lo+n-1), r)
		}
		return fmt.Sprintf("%s reads %s and nothing on this path has written all of that", x.callee(x.err.Insn), what)
	}
	return "nothing on this path has written these bytes of the stack"
}

func causeReleased(x *evidence) string {
	o := x.origin()
	by := x.rec.madeWorthless(o)
	if by < 0 {
		return causeValue(x)
	}
	return fmt.Sprintf("%s was %s; %s at %s gave it back", x.regName(), x.whence(o.object()), x.callee(by), x.spec.place(by))
}

func suggestReleased(x *evidence) string {
	if in := x.insn(); in != nil && in.IsCall() {
		return "give it back once on each path: return after the first call, or use else"
	}
	return "use it before it is given back, or copy what is needed later"
}

// does is what the access or call at fault does, as the start of a first line.
func (x *evidence) does() string {
	r, _ := x.reg()
	in := x.insn()
	switch {
	case in.IsCall():
		return fmt.Sprintf("%s of %s is", r, x.callee(x.err.Insn))
	case x.verb() == "writes":
		return fmt.Sprintf("store through %s,", r)
	case in.Info().Size > 0:
		return fmt.Sprintf("load through %s,", r)
	}
	return fmt.Sprintf("%s is", r)
}

func reasonPacketGone(x *evidence) string {
	by := x.rec.madeWorthless(x.origin())
	if by < 0 || x.insn() == nil {
		return ""
	}
	return fmt.Sprintf("%s a packet pointer from before the call of %s at insn %d", x.does(), x.callee(by), by)
}

func reasonReleased(x *evidence) string {
	by := x.rec.madeWorthless(x.origin())
	if by < 0 || x.insn() == nil {
		return ""
	}
	what := "memory"
	switch o := x.origin(); {
	case o.was.Kind == PtrToMem && o.was.Flags&Ringbuf != 0:
		what = "a record"
	case isSock(o.was.Kind):
		what = "a socket"
	case o.was.Kind == PtrToMem && o.was.Flags&DynptrData != 0:
		what = "a slice of a dynptr"
	}
	return fmt.Sprintf("%s %s that %s at insn %d gave back", x.does(), what, x.callee(by), by)
}

func causePacketGone(x *evidence) string {
	by := x.rec.madeWorthless(x.origin())
	return fmt.Sprintf("%s was a packet pointer until %s at %s: the packet may have moved", x.regName(), x.callee(by), x.spec.place(by))
}

func suggestPacketGone(x *evidence) string {
	by := x.rec.madeWorthless(x.origin())
	return fmt.Sprintf("after %s load data and data_end from the context again, and compare again", x.callee(by))
}

func causeNumber(x *evidence) string {
	o := x.origin().root()
	if o == nil {
		return ""
	}
	return fmt.Sprintf("%s is %s: a number, not an address that the program was given", x.regName(), x.whence(o))
}

func suggestNumber(x *evidence) string {
	return "read through pointers only that come from the context, a map, the stack or a helper"
}
