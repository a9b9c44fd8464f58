package verifier

import (
	"fmt"
	"sort"
	"strings"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// evidence is what a report is written from: the error, the program, and what was known
// where it happened.
type evidence struct {
	spec  *Spec
	insns []isa.Insn
	err   *Error
	find  finding
	regs  [11]Reg   // of the innermost frame, before the instruction at fault
	rec   *recorder // nil if the path was not followed
	// hot are the loops that the walk spent most on, for errors about limits: instructions and how often each
	// was walked, the most first.
	hot []hotspot
}

// finding is what the check that failed knows beyond its sentence. The zero value says
// nothing: then the instruction and the registers have to do.
type finding struct {
	topic topic // which row of the catalogue, "" for what the instruction tells
	reg   int8  // the register at fault, plus 1; 0 for none
	insn  int32 // another instruction that counts, plus 1: where a reference was acquired; 0 for none
}

// hotspot is an instruction that was walked often, and how often a jump was undecided on the last path.
type hotspot struct{ insn, times, open int }

// insn is the instruction at fault, nil if none is.
func (x *evidence) insn() *isa.Insn {
	if x.err.Insn < 0 || x.err.Insn >= len(x.insns) {
		return nil
	}
	return &x.insns[x.err.Insn]
}

// reg is the register at fault: the one that the check named, or else the one that the
// instruction addresses memory with.
func (x *evidence) reg() (isa.Reg, bool) {
	if x.find.reg > 0 {
		return isa.Reg(x.find.reg - 1), true
	}
	in := x.insn()
	if in == nil {
		return 0, false
	}
	switch info := in.Info(); info.Kind {
	case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcquire:
		return in.Src, true
	case isa.KindStore, isa.KindStoreImm, isa.KindStoreRelease, isa.KindAtomic:
		return in.Dst, true
	case isa.KindALU:
		if !info.UsesImm && !x.regs[in.Dst].isPtr() && x.regs[in.Src].isPtr() {
			return in.Src, true
		}
		return in.Dst, true
	case isa.KindExit:
		return isa.R0, true
	}
	return 0, false
}

// origin is where the value of the register at fault comes from, nil if that is not known.
func (x *evidence) origin() *origin {
	if r, ok := x.reg(); ok {
		return x.rec.reg(r)
	}
	return nil
}

// regName is the register at fault as a sentence names it: by the C variable where that shows.
func (x *evidence) regName() string {
	r, ok := x.reg()
	if !ok {
		return "it"
	}
	if v := x.variable(x.rec.reg(r)); v != "" {
		return fmt.Sprintf("%s (%s)", v, r)
	}
	return r.String()
}

// variable is the C variable that a value was put into when it was made, as far as its line
// shows.
func (x *evidence) variable(o *origin) string {
	if o == nil || o.insn < 0 || o.lost || o.arg > 0 {
		return ""
	}
	return x.spec.variable(o.insn, x.sourceWord(o))
}

// sourceWord is the word that stands in C for what made a value: the function that was
// called, the field that was loaded.
func (x *evidence) sourceWord(o *origin) string {
	in := &x.insns[o.insn]
	switch {
	case in.IsCall():
		return x.callee(o.insn)
	case in.Info().Kind == isa.KindLoad && o.from != nil && o.from.was.Kind == PtrToCtx:
		name, _, _ := strings.Cut(x.field(in, o.from), "[")
		return name
	}
	return ""
}

// computed is the C variable that the result of arithmetic was put into, "" if its line does not
// tell: it has to set one variable only.
func (x *evidence) computed(o *origin) string {
	if o == nil || o.insn < 0 || o.lost {
		return ""
	}
	l := x.spec.lineOf(o.insn)
	if x.insns[o.insn].Info().Kind != isa.KindALU || l == nil || strings.Contains(l.Text, "for (") {
		return ""
	}
	if all := assignment.FindAllStringSubmatch(l.Text, -1); len(all) == 1 && !assignment.MatchString(" "+all[0][2]) {
		return all[0][1]
	}
	return ""
}

// callee names the function that an instruction calls, as C does.
func (x *evidence) callee(pc int) string {
	if pc < 0 || pc >= len(x.insns) {
		return "a function"
	}
	in := &x.insns[pc]
	switch in.Op {
	case isa.OpCallHelper:
		return helperWord(in.ImmLow())
	case isa.OpCallKfunc:
		if i := int(in.ImmLow()); i >= 0 && i < len(x.spec.Kfuncs) {
			return x.spec.Kfuncs[i]
		}
	case isa.OpCallLocal:
		t := in.Target(pc)
		for i := range x.spec.Funcs {
			if x.spec.Funcs[i].Insn == t {
				return x.spec.Funcs[i].Name
			}
		}
		return fmt.Sprintf("the function at insn %d", t)
	}
	return "a function"
}

// helperWord is a helper's name in C.
func helperWord(id int32) string {
	if n := proto.Name(id); n != "" {
		return "bpf_" + n
	}
	return fmt.Sprintf("helper %d", id)
}

// layout is the context of the program.
func (x *evidence) layout() *progtype.Layout { return x.spec.Type.Layout(x.spec.Attach) }

// field names the context field that a load or store through a pointer to the context touches first,
// "" if there is none.
func (x *evidence) field(in *isa.Insn, base *origin) string {
	if base == nil || x.spec.Type == nil {
		return ""
	}
	return fieldAt(x.layout(), int64(base.was.Off)+int64(in.Off))
}

func fieldAt(l *progtype.Layout, off int64) string {
	for i := range l.Fields {
		f := &l.Fields[i]
		if off < int64(f.Off) || off >= int64(f.Off)+int64(f.Size)*int64(max(f.Count, 1)) {
			continue
		}
		if f.Count > 1 {
			return fmt.Sprintf("%s[%d]", f.Name, (off-int64(f.Off))/int64(f.Size))
		}
		return f.Name
	}
	return ""
}

// mapName is the name of a map of the program.
func (x *evidence) mapName(obj uint32) string {
	if int(obj) < len(x.spec.Maps) && x.spec.Maps[obj] != nil {
		return x.spec.Maps[obj].Name
	}
	return "an inner map"
}

// whence says where a value comes from, to follow a verb: "what bpf_map_lookup_elem returned at
// insn 6 (null.c:21)".
func (x *evidence) whence(o *origin) string {
	if o == nil {
		return "unknown"
	}
	switch {
	case o.was.Kind == PtrToCtx && o.insn < 0:
		return "the context"
	case o.was.Kind == PtrToStack:
		return "an address on the stack"
	case o.insn < 0:
		return fmt.Sprintf("argument %d of the global function %s", o.arg, x.err.Func)
	}
	place := x.spec.place(o.insn)
	if o.arg > 0 {
		return fmt.Sprintf("argument %d of the call by %s at %s", o.arg, x.callee(o.insn), place)
	}
	in := &x.insns[o.insn]
	info := in.Info()
	switch {
	case in.IsCall():
		name := x.callee(o.insn)
		if m := x.mapArg(o); m != "" {
			return fmt.Sprintf("what %s returned at %s for map %s", name, place, m)
		}
		return fmt.Sprintf("what %s returned at %s", name, place)
	case info.Kind == isa.KindLoad || info.Kind == isa.KindLoadSX || info.Kind == isa.KindLoadAcquire:
		return x.loaded(in, o) + ", loaded at " + place
	case info.Kind == isa.KindLoadImm64, info.Kind == isa.KindMov && info.UsesImm:
		if v, ok := o.was.constant(); ok {
			return fmt.Sprintf("the number %s, set at %s", count(int64(v)), place)
		}
		switch o.was.Kind {
		case ConstPtrToMap:
			return "map " + x.mapName(o.was.Obj)
		case PtrToMapValue:
			return "the global data in " + x.mapName(o.was.Obj)
		}
		return "set at " + place
	}
	if v := x.computed(o); v != "" {
		return v + ", computed at " + place
	}
	return "computed at " + place
}

// mapArg is the map whose value a call returned, "" if it is no such thing.
func (x *evidence) mapArg(o *origin) string {
	if o.was.Kind == PtrToMapValue {
		return x.mapName(o.was.Obj)
	}
	return ""
}

// loaded names what a load read.
func (x *evidence) loaded(in *isa.Insn, o *origin) string {
	if o.from == nil {
		return "a value on the stack"
	}
	switch b := &o.from.was; b.Kind {
	case PtrToCtx:
		if f := x.field(in, o.from); f != "" {
			return x.spec.member(o.insn, f)
		}
		return "a field of the context"
	case PtrToPacket, PtrToPacketMeta:
		return "a number from the packet"
	case PtrToMapValue:
		return "a number from map " + x.mapName(b.Obj)
	case PtrToBTFID, PtrToSocket, PtrToSockCommon, PtrToTCPSock:
		return "a field of a kernel structure"
	}
	return "a number from memory"
}

// count prints a number: large ones in hexadecimal.
func count(v int64) string {
	if v >= 1<<20 {
		return fmt.Sprintf("%#x", v)
	}
	if v <= -1<<20 {
		return fmt.Sprintf("-%#x", uint64(-v))
	}
	return fmt.Sprint(v)
}

// span prints bytes first to last.
func span(first, last int64) string {
	if first == last {
		return "byte " + count(first)
	}
	return fmt.Sprintf("bytes %s to %s", count(first), count(last))
}

// plural is "1 byte", "2 bytes".
func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return count(n) + " " + what + "s"
}

// bound prints a range of numbers.
func bound(lo, hi int64) string {
	switch {
	case lo == hi:
		return count(lo)
	case lo == -1<<63 && hi == 1<<63-1:
		return "anything"
	case lo == -1<<63:
		return "anything up to " + count(hi)
	case hi == 1<<63-1:
		return count(lo) + " or anything above"
	}
	return count(lo) + " to " + count(hi)
}

// typesWith lists program types that may call a helper, for people: the well-known first.
func typesWith(id int32, not *progtype.Type) string {
	known := []string{"xdp", "sched_cls", "socket_filter", "cgroup_skb", "kprobe", "tracepoint"}
	var names []string
	for _, t := range progtype.All() {
		if t != not && t.Helpers != nil && t.Kernel != 0 && t.Helpers(id) {
			names = append(names, t.Name)
		}
	}
	rank := func(n string) int {
		for i, k := range known {
			if n == k {
				return i
			}
		}
		return len(known)
	}
	sort.SliceStable(names, func(i, j int) bool { return rank(names[i]) < rank(names[j]) })
	switch n := len(names); {
	case n == 0:
		return ""
	case n > 5:
		return strings.Join(names[:5], ", ") + fmt.Sprintf(" and %d more", n-5)
	}
	return strings.Join(names, ", ")
}
