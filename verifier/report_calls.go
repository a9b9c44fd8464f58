package verifier

import (
	"fmt"
	"strings"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
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
	case !sized || !reg.fixed():
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
	return "use a helper that does the same; known kernel functions are bpf_iter_num_new, bpf_iter_num_next and bpf_iter_num_destroy"
}

func suggestMapType(x *evidence) string {
	p := x.helper()
	if p == nil {
		return ""
	}
	switch p.Name {
	case "tail_call":
		return "pass a map of type BPF_MAP_TYPE_PROG_ARRAY"
	case "map_lookup_elem", "map_update_elem", "map_delete_elem":
		switch m := x.regs[isa.R1]; {
		case m.Kind != ConstPtrToMap || int(m.Obj) >= len(x.spec.Maps):
		case x.spec.Maps[m.Obj].Type == maps.Queue || x.spec.Maps[m.Obj].Type == maps.Stack:
			return "use bpf_map_push_elem, bpf_map_peek_elem and bpf_map_pop_elem"
		}
	case "redirect_map":
		return "pass a devmap, devmap_hash, cpumap or xskmap"
	}
	if strings.HasPrefix(p.Name, "ringbuf_") {
		return "pass a map of type BPF_MAP_TYPE_RINGBUF"
	}
	return "pass a map of a type that the helper takes"
}

func suggestField(x *evidence) string {
	in := x.insn()
	if in == nil || !in.IsCall() {
		return "leave the field to its helpers; write the other fields one by one instead of the whole structure"
	}
	if r, _ := x.reg(); x.regs[r].Kind == ConstPtrToMap {
		return "pass the map that has the field in its values"
	}
	return "pass the address of the field itself, in a value of a map that has one"
}

func suggestNotAllowed(x *evidence) string {
	p := x.helper()
	if p == nil {
		return "use another kernel function, or another program type"
	}
	if t := typesWith(p.ID, x.spec.Type); t != "" {
		return fmt.Sprintf("program types that may call it: %s", t)
	}
	return "use another helper"
}

// sizeReg describes the size argument at fault.
func causeSize(x *evidence) string {
	o := x.origin()
	r, ok := x.reg()
	if o == nil || !ok {
		return ""
	}
	reg := &x.regs[r]
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
	return "make it unsigned, or test that it is not below 0 as well"
}

func suggestSizeZero(x *evidence) string {
	return fmt.Sprintf("%s does not take 0 bytes: if (%s == 0) return ...;", x.callee(x.err.Insn), x.sizeVariable())
}

// releasers are the helpers that give back what others hand out.
var releasers = map[string]string{
	"bpf_ringbuf_reserve":        "bpf_ringbuf_submit or bpf_ringbuf_discard",
	"bpf_ringbuf_reserve_dynptr": "bpf_ringbuf_submit_dynptr or bpf_ringbuf_discard_dynptr (also when it failed)",
	"bpf_sk_lookup_tcp":          "bpf_sk_release",
	"bpf_sk_lookup_udp":          "bpf_sk_release",
	"bpf_skc_lookup_tcp":         "bpf_sk_release",
	"bpf_iter_num_new":           "bpf_iter_num_destroy",
	"bpf_obj_new_impl":           "bpf_obj_drop, or put it into a list, tree or kptr",
	"bpf_task_acquire":           "bpf_task_release",
	"bpf_task_from_pid":          "bpf_task_release",
	"bpf_cpumask_create":         "bpf_cpumask_release",
	"bpf_kptr_xchg":              "the release function of its type, or bpf_kptr_xchg it into a map",
}

func causeLeaked(x *evidence) string {
	if x.find.insn == 0 {
		return causeReleased(x)
	}
	at := int(x.find.insn - 1)
	name := x.callee(at)
	thing := fmt.Sprintf("what %s at %s handed out", name, x.spec.place(at))
	if v := x.spec.variable(at, name); v != "" {
		thing = fmt.Sprintf("%s, what %s at %s handed out,", v, name, x.spec.place(at))
	}
	return fmt.Sprintf("%s is not given back on this path", thing)
}

func suggestLeaked(x *evidence) string {
	if x.find.insn == 0 {
		return suggestReleased(x)
	}
	name := x.callee(int(x.find.insn - 1))
	if by := releasers[name]; by != "" {
		return fmt.Sprintf("on every path that leaves the program: %s", by)
	}
	return "release it on every path that leaves the program"
}

func causeLockTaken(x *evidence) string {
	if x.find.insn == 0 {
		return ""
	}
	return fmt.Sprintf("the lock was taken at %s", x.spec.lineOrPlace(int(x.find.insn-1)))
}

// lineOrPlace is the place of an instruction with its line of C.
func (s *Spec) lineOrPlace(pc int) string {
	if l := s.lineText(pc); l != "" {
		return fmt.Sprintf("insn %d (%s)", pc, l)
	}
	return fmt.Sprintf("insn %d", pc)
}

func causeReturn(x *evidence) string {
	reg := &x.regs[0]
	s := ""
	switch {
	case reg.Kind != Scalar:
		s = "r0 is an address"
	default:
		s = fmt.Sprintf("r0 may be %s", bound(reg.Var.SMin, upper(reg)))
		if v, ok := reg.constant(); ok {
			s = fmt.Sprintf("r0 is %s", count(int64(v)))
		}
	}
	switch o := x.rec.reg(isa.R0).root(); {
	case o == nil || o.insn < 0 && o.was.Kind == PtrToCtx:
		return s
	case o.insn >= 0 && o.arg == 0 && x.insns[o.insn].Info().Kind == isa.KindMov:
		return fmt.Sprintf("%s, set at %s", s, x.spec.place(o.insn))
	default:
		return s + ": " + x.whence(o)
	}
}

func suggestReturn(x *evidence) string {
	if x.spec.Type == nil {
		return ""
	}
	r := x.spec.Type.ReturnsFor(x.spec.Attach)
	if r.Any {
		return ""
	}
	return fmt.Sprintf("return a number from %d to %d on every path", r.Min, r.Max)
}

func causeSteps(x *evidence) string {
	var parts []string
	for _, h := range x.hot {
		what := "the branch"
		if x.insns[h.insn].Target(h.insn) <= h.insn {
			what = "the loop that goes on"
		}
		parts = append(parts, fmt.Sprintf("%s at %s was walked %d times", what, x.spec.lineOrPlace(h.insn), h.times))
	}
	return strings.Join(parts, "; ")
}

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

func causeReadOnly(x *evidence) string { return causeValue(x) }

func suggestReadOnly(x *evidence) string {
	r, ok := x.reg()
	if !ok {
		return ""
	}
	switch reg := &x.regs[r]; reg.Kind {
	case PtrToMapValue:
		if int(reg.Obj) < len(x.spec.Maps) && strings.Contains(x.spec.Maps[reg.Obj].Name, "rodata") {
			return "constants cannot change while the program runs: leave const away, so that the variable goes into .data or .bss"
		}
		return "the map is read-only for programs"
	case PtrToPacket:
		return "this program type may look at packets only: use XDP or tc to change them"
	case PtrToSocket, PtrToSockCommon, PtrToTCPSock, PtrToBTFID, PtrToXDPSock:
		return "structures of the kernel change through helpers only, such as bpf_setsockopt"
	case PtrToMapKey:
		return "delete the element and insert it with another key"
	}
	return ""
}

func causeWidth(x *evidence) string {
	o := x.origin().object()
	if o == nil {
		return ""
	}
	r, _ := x.reg()
	return fmt.Sprintf("%s is an address: %s", r, x.whence(o))
}

func causePointers(x *evidence) string {
	in := x.insn()
	if in == nil {
		return ""
	}
	a, b := x.rec.reg(in.Dst).object(), x.rec.reg(in.Src).object()
	if a == nil || b == nil {
		return ""
	}
	return fmt.Sprintf("%s is %s; %s is %s", in.Dst, x.whence(a), in.Src, x.whence(b))
}

// addedReg is the register with the number in arithmetic on a pointer.
func (x *evidence) addedReg() (isa.Reg, bool) {
	in := x.insn()
	switch {
	case in == nil || in.Info().Kind != isa.KindALU || in.Info().UsesImm:
		return 0, false
	case x.regs[in.Dst].isPtr():
		return in.Src, true
	}
	return in.Dst, true
}

func causeUnbounded(x *evidence) string {
	n, ok := x.addedReg()
	if !ok {
		return ""
	}
	reg := &x.regs[n]
	s := fmt.Sprintf("%s, which is added, may be %s", n, bound(reg.Var.SMin, upper(reg)))
	o := x.rec.reg(n)
	if root := o.root(); root != nil {
		s += fmt.Sprintf("; it comes from %s", x.whence(root))
	}
	if t := x.boundTest(o); t != nil && reg.Var.SMin < 0 {
		s += fmt.Sprintf("; the test at %s bounds it from above only", x.spec.place(t.insn))
	}
	return s
}

func suggestUnbounded(x *evidence) string {
	n, ok := x.addedReg()
	if !ok {
		return ""
	}
	if t := x.boundTest(x.rec.reg(n)); t != nil && x.regs[n].Var.SMin < 0 {
		return "make the number unsigned, or test that it is not below 0 as well"
	}
	in := x.insn()
	p := in.Dst
	if p == n {
		p = in.Src
	}
	if reg := &x.regs[p]; reg.Kind == PtrToMapValue && int(reg.Obj) < len(x.spec.Maps) && x.spec.Maps[reg.Obj] != nil {
		o := x.rec.reg(n)
		name := x.variable(o.root())
		if name == "" {
			name = "the index"
		}
		if most := (int64(x.spec.Maps[reg.Obj].ValueSize) - int64(reg.Off)) / x.scale(o); most > 0 {
			return fmt.Sprintf("test it before the access: with %s below %d it stays inside", name, most)
		}
	}
	return "bound the number before: with a comparison, or with a mask such as n & 0xfff"
}

func suggestArithmetic(x *evidence) string {
	r, _ := x.reg()
	if x.regs[r].Kind == ConstPtrToMap {
		return "a map is no array of its values: get one with bpf_map_lookup_elem"
	}
	return "numbers may be added to pointers into the stack, map values, packets and memory; nothing else can be computed with them"
}
