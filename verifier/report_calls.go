package verifier

import (
	"fmt"
	"strings"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

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
		return "leave the field to its helpers; where the whole structure was meant, write its other fields one by one"
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
	"bpf_kptr_xchg":              "the release function of its type, such as bpf_task_release, or bpf_kptr_xchg into a map",
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
		if o := x.rec.reg(isa.R0).object(); o != nil && o.insn >= 0 {
			return "r0 is " + x.whence(o)
		}
		return ""
	default:
		s = fmt.Sprintf("r0 may be %s", bound(reg.Var.SMin, upper(reg)))
		if v, ok := reg.constant(); ok {
			s = fmt.Sprintf("r0 is %s", count(int64(v)))
		}
	}
	switch o := x.rec.reg(isa.R0).root(); {
	case o == nil:
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
	r, _ := x.spec.returns()
	if r.Any {
		return ""
	}
	return fmt.Sprintf("return a number from %d to %d on every path", r.Min, r.Max)
}

func causeSteps(x *evidence) string {
	var parts []string
	for _, h := range x.hot {
		what := "the branch at"
		if x.insns[h.insn].Target(h.insn) <= h.insn {
			what = "the loop closed by"
		}
		s := fmt.Sprintf("%s %s was walked %d times", what, x.spec.lineOrPlace(h.insn), h.times)
		if h.open > h.times/2 && x.insns[h.insn].IsCond() {
			s += ", and whether it goes on was open each time: nothing that is known bounds it"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "; ")
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

func suggestSteps(x *evidence) string {
	if len(x.hot) > 0 && x.insns[x.hot[0].insn].Target(x.hot[0].insn) > x.hot[0].insn {
		return "branches in a row are walked in all combinations: put some into a global function, which is walked once, or into a loop"
	}
	return "bound the loop by a smaller constant, or use bpf_loop, whose body is walked once however often it runs"
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
