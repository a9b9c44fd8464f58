package verifier

import (
	"fmt"
	"strings"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
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

func suggestArgument(x *evidence) string {
	a, ok := x.arg()
	if !ok {
		return ""
	}
	r, _ := x.reg()
	if a.Flags&proto.Release != 0 {
		return "pass what was acquired, once"
	}
	switch a.Kind {
	case proto.ConstMapPtr:
		return "pass the address of a map: &name"
	case proto.PtrToMapKey, proto.PtrToMapValue, proto.PtrToMem:
		if x.regs[r].Kind == Scalar {
			return "pass the address of a variable that holds it: &name"
		}
		return "pass the address of memory: a variable, a map value, or packet data that was compared with data_end"
	case proto.PtrToCtx:
		return "pass the context as the program was given it"
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

func suggestMapType(x *evidence) string {
	p := x.helper()
	if p == nil {
		return ""
	}
	switch p.Name {
	case "tail_call":
		return "pass a map of type BPF_MAP_TYPE_PROG_ARRAY"
	case "map_lookup_elem":
		return "queues and stacks have no keys: bpf_map_peek_elem and bpf_map_pop_elem read them; what prog arrays and ring buffers hold cannot be looked up"
	case "redirect_map":
		return "pass a devmap, devmap_hash, cpumap or xskmap"
	}
	if strings.HasPrefix(p.Name, "ringbuf_") {
		return "pass a map of type BPF_MAP_TYPE_RINGBUF"
	}
	return "pass a map of a type that the helper takes"
}

func suggestField(x *evidence) string {
	return "leave the field to its helpers; write the other fields one by one instead of the whole structure"
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
		s += ": it is made of " + x.whence(root)
	}
	if t := x.boundTest(o); t != nil {
		s += fmt.Sprintf(", which the test at %s bounds no further", x.spec.place(t.insn))
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
	if o := x.rec.reg(isa.R0).root(); o != nil {
		s += ": " + x.whence(o)
	}
	return s
}

func suggestReturn(x *evidence) string {
	if x.spec.Type == nil {
		return ""
	}
	r, _ := x.spec.returns()
	if r.Any {
		return ""
	}
	return fmt.Sprintf("return %d to %d: that is what programs of type %s mean something by", r.Min, r.Max, x.spec.Type)
}

func causeSteps(x *evidence) string {
	var parts []string
	for _, h := range x.hot[:min(len(x.hot), 2)] {
		parts = append(parts, fmt.Sprintf("%s was walked %d times", x.spec.lineOrPlace(h.insn), h.times))
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
	return fmt.Sprintf("%s holds the address %s", r, strings.TrimPrefix(x.whence(o), "what "))
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
		s += fmt.Sprintf("; it is made of %s", x.whence(root))
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
	return "bound the number before: with a comparison, or with a mask such as n & 0xfff"
}

func suggestArithmetic(x *evidence) string {
	r, _ := x.reg()
	if x.regs[r].Kind == ConstPtrToMap {
		return "a map is no array of its values: get one with bpf_map_lookup_elem"
	}
	return "numbers may be added to pointers into the stack, map values, packets and memory; nothing else can be computed with them"
}
