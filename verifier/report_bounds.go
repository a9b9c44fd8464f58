package verifier

import (
	"fmt"
	"math"
	"strings"

	"github.com/gbpf/gbpf/isa"
)

// extent is the bytes that the access at fault may touch: its first byte lies at lo to hi from
// the start of the object, of a packet without the variable part of the pointer. ok is false if
// the instruction does not tell.
func (x *evidence) extent() (lo, hi, size int64, ok bool) {
	in, r := x.insn(), isa.Reg(0)
	if in == nil {
		return 0, 0, 0, false
	}
	if r, ok = x.reg(); !ok || in.Info().Size == 0 {
		return 0, 0, 0, false
	}
	reg := &x.regs[r]
	fixed := int64(reg.Off) + int64(in.Off)
	size = int64(in.Info().Size)
	if isPacket(reg) {
		if v, known := reg.Var.Const(); known {
			fixed += int64(v)
		}
		return fixed, fixed, size, true
	}
	lo, hi = saturate(fixed, reg.Var.SMin), saturate(fixed, reg.Var.SMax)
	return lo, hi, size, true
}

// saturate adds without wrapping.
func saturate(a, b int64) int64 {
	s := a + b
	switch {
	case a > 0 && b > 0 && s < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && s >= 0:
		return math.MinInt64
	}
	return s
}

// packetTest is the last comparison on the path of a pointer that came from the same place as o
// with the packet's end. same is false if only pointers with another variable part were compared.
func (x *evidence) packetTest(o *origin) (t *test, same bool) {
	if x.rec == nil {
		return nil, false
	}
	var other *test
	for i := len(x.rec.tests) - 1; i >= 0; i-- {
		t := &x.rec.tests[i]
		p := t.dst
		switch {
		case t.d.Kind == PtrToPacket && t.s.Kind == PtrToPacketEnd, t.d.Kind == PtrToPacketMeta && t.s.Kind == PtrToPacket:
		case t.d.Kind == PtrToPacketEnd && t.s.Kind == PtrToPacket, t.d.Kind == PtrToPacket && t.s.Kind == PtrToPacketMeta:
			p = t.src
		default:
			continue
		}
		if p == nil || o == nil {
			continue
		}
		if p == o || p.index == nil && o.index == nil && sameLoad(x.insns, p, o) {
			return t, true
		}
		if other == nil {
			other = t
		}
	}
	return other, false
}

// sameLoad reports whether two packet pointers were loaded from the same field, so that
// what is known of one holds for the other.
func sameLoad(insns []isa.Insn, a, b *origin) bool {
	return a.insn >= 0 && b.insn >= 0 && a.was.Kind == b.was.Kind && a.was.fixed() && b.was.fixed() &&
		insns[a.insn].Off == insns[b.insn].Off
}

// packetWords are what a packet pointer of the kind starts at, and what it has to be compared with.
func packetWords(k Kind) (start, end string) {
	if k == PtrToPacketMeta {
		return "data_meta", "data"
	}
	return "data", "data_end"
}

func causePacket(x *evidence) string {
	r, _ := x.reg()
	reg := &x.regs[r]
	o := x.origin()
	_, end := packetWords(reg.Kind)
	if lo, _, size, ok := x.extent(); ok && lo < 0 {
		return fmt.Sprintf("this %s %s, counted from where the packet is known to start", x.verb(), span(lo, lo+size-1))
	}
	if reg.Var.SMin < 0 {
		return fmt.Sprintf("%s is packet data plus a number that may be negative%s", x.regName(), x.indexWhence(o, ", "))
	}
	known := int64(reg.Size)
	if reg.Size > maxPacket {
		known = 0
	}
	lo, _, size, ok := x.extent()
	reads := ""
	if ok {
		reads = fmt.Sprintf("%s %s", x.verb(), span(lo, lo+size-1))
		if !reg.fixed() {
			reads += " behind the variable part"
		}
	}
	t, same := x.packetTest(o)
	switch {
	case known > 0 && t != nil && same && ok:
		return fmt.Sprintf("the comparison at %s shows that %s %s there, %s; this %s", x.spec.place(t.insn), plural(known, "byte"), isAre(known),
			span(0, known-1), reads)
	case known > 0 && ok:
		return fmt.Sprintf("only %s known to be there; this %s", plural(known, "byte")+" "+isAre(known), reads)
	case t != nil && same:
		return fmt.Sprintf("the comparison at %s shows nothing on the side that this path takes: the packet may be shorter there", x.spec.place(t.insn))
	case t != nil && !reg.fixed():
		return fmt.Sprintf("after the comparison at %s a number was added to the pointer%s; the sum has not been compared with %s",
			x.spec.place(t.insn), x.indexWhence(o, ", "), end)
	case !reg.fixed():
		return fmt.Sprintf("%s is packet data plus a number%s, and nothing on this path compares it with %s", x.regName(), x.indexWhence(o, ", "), end)
	case o != nil:
		return fmt.Sprintf("%s is %s, and nothing on this path compares it with %s", r, x.whence(o.object()), end)
	}
	return "nothing on this path compares the pointer with " + end
}

func isAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// verb is what the access does, for sentences.
func (x *evidence) verb() string {
	in := x.insn()
	if in == nil {
		return "touches"
	}
	switch in.Info().Kind {
	case isa.KindStore, isa.KindStoreImm, isa.KindStoreRelease:
		return "writes"
	}
	return "reads"
}

// indexWhence says where the number comes from that was added to a pointer last, after the
// given words; "" if that is not known.
func (x *evidence) indexWhence(o *origin, before string) string {
	i := o.lastIndex().root()
	if i == nil {
		return ""
	}
	return before + x.whence(i)
}

func suggestPacket(x *evidence) string {
	r, _ := x.reg()
	reg := &x.regs[r]
	if reg.Var.SMin < 0 {
		return "make the number unsigned, or make sure that it is not below 0"
	}
	start, limit := packetWords(reg.Kind)
	lo, _, size, ok := x.extent()
	switch {
	case !ok:
		return fmt.Sprintf("compare the end of what is used with %s first", limit)
	case lo < 0:
		return fmt.Sprintf("access nothing before %s", start)
	case !reg.fixed():
		return fmt.Sprintf("compare again after the addition, with the end of what is used there: if ((void *)(header + 1) > %s) return ...;", limit)
	}
	end := lo + size
	if t, same := x.packetTest(x.origin()); t != nil && same {
		if reg.Size > 0 && reg.Size <= maxPacket && int64(reg.Size) < end {
			return fmt.Sprintf("compare up to the end of what is used: if (%s + %d > %s) return ...;", start, end, limit)
		}
		return fmt.Sprintf("is the comparison the right way round? The access needs one that shows %s: if (%s + %d > %s) return ...;", plural(end, "byte"), start, end, limit)
	}
	return fmt.Sprintf("before the access: if (%s + %d > %s) return ...;", start, end, limit)
}

// isSection reports whether a map is a data section of the object.
func isSection(name string) bool { return strings.HasPrefix(name, ".") }

// objectSize is how many bytes the object has that the register at fault points into.
func (x *evidence) objectSize() (n int64, what string, ok bool) {
	r, ok := x.reg()
	if !ok {
		return 0, "", false
	}
	switch reg := &x.regs[r]; reg.Kind {
	case PtrToMapValue:
		if int(reg.Obj) < len(x.spec.Maps) && x.spec.Maps[reg.Obj] != nil {
			m := x.spec.Maps[reg.Obj]
			if isSection(m.Name) {
				return int64(m.ValueSize), "section " + m.Name, true
			}
			return int64(m.ValueSize), "the value of map " + m.Name, true
		}
	case PtrToMapKey:
		if int(reg.Obj) < len(x.spec.Maps) && x.spec.Maps[reg.Obj] != nil {
			m := x.spec.Maps[reg.Obj]
			return int64(m.KeySize), "the key of map " + m.Name, true
		}
	case PtrToMem:
		if reg.Flags&Ringbuf != 0 {
			return int64(reg.Size), "the record", true
		}
		return int64(reg.Size), "the memory", true
	case PtrToStack:
		return stackSize, "the stack", true
	}
	return 0, "", false
}

func causeIndex(x *evidence) string {
	lo, hi, size, ok := x.extent()
	n, what, sized := x.objectSize()
	if !ok || !sized {
		return causeValue(x)
	}
	r, _ := x.reg()
	reg := &x.regs[r]
	isStack := reg.Kind == PtrToStack
	have := fmt.Sprintf("%s has %s", what, plural(n, "byte"))
	if reg.fixed() {
		if isStack {
			return fmt.Sprintf("the stack of a function is the %d bytes below r10; this %s %s", n, x.verb(), span(lo, lo+size-1))
		}
		return fmt.Sprintf("%s, %s; this %s %s", have, span(0, n-1), x.verb(), span(lo, lo+size-1))
	}
	i := x.origin().lastIndex()
	if i == nil {
		return have
	}
	s := x.offsetCause(r, i)
	if !isStack {
		s += "; " + have
	} else if hi+size > 0 {
		s += fmt.Sprintf("; with that %s would lie beyond the top of the stack", plural(hi+size, "byte"))
	}
	return s
}

// offsetCause says what the number is that was added to a pointer, and what bounds it.
func (x *evidence) offsetCause(r isa.Reg, i *origin) string {
	reg := &x.regs[r]
	s := fmt.Sprintf("the offset added to %s may be %s", r, bound(reg.Var.SMin, upper(reg)))
	if root := i.root(); root != nil {
		s += fmt.Sprintf("; it comes from %s", x.whence(root))
	}
	mask, masked := x.mask(i)
	switch t := x.boundTest(i); {
	case t != nil && x.lowHalf(i, t):
		s += fmt.Sprintf("; the test at %s looks at the lower 32 bits only", x.spec.place(t.insn))
	case t != nil && reg.Var.SMin < 0 && unsignedBelow(reg):
		s += fmt.Sprintf("; the test at %s bounds it from above only", x.spec.place(t.insn))
	case t != nil:
		s += fmt.Sprintf("; the test at %s leaves that much", x.spec.place(t.insn))
	case masked:
		s += fmt.Sprintf("; the mask %#x leaves that much", mask)
	default:
		s += ", and no test on this path bounds it"
	}
	return s
}

// mask is the constant that a number was masked with last.
func (x *evidence) mask(i *origin) (mask int64, ok bool) {
	for o := i; o != nil && o.insn >= 0; o = o.from {
		in := &x.insns[o.insn]
		if info := in.Info(); info.Kind == isa.KindALU && info.AluOp == isa.AluAnd && info.UsesImm {
			return in.Imm & (1<<info.Width - 1), true
		}
	}
	return 0, false
}

// unsignedBelow reports whether the offset is bounded above as a signed number.
func unsignedBelow(r *Reg) bool { return r.Var.SMax < 1<<32 }

// upper is the largest number that a register may hold.
func upper(r *Reg) int64 {
	if r.Var.SMin >= 0 && r.Var.UMax <= math.MaxInt64 {
		return int64(r.Var.UMax)
	}
	return r.Var.SMax
}

// boundTest is the last conditional jump on the path that compares what index i is made of with
// something, but not for equality.
func (x *evidence) boundTest(i *origin) *test {
	root := i.root()
	if x.rec == nil || root == nil {
		return nil
	}
	for k := len(x.rec.tests) - 1; k >= 0; k-- {
		t := &x.rec.tests[k]
		switch x.insns[t.insn].Info().CondOp {
		case isa.CondEq, isa.CondNe, isa.CondSet:
			continue
		}
		if t.dst.root() == root && t.dst != nil || t.src.root() == root && t.src != nil {
			return t
		}
	}
	return nil
}

// lowHalf reports whether the test compared 32 bits of a number of which more were used.
func (x *evidence) lowHalf(i *origin, t *test) bool {
	if i.was.Var.UMax <= math.MaxUint32*8 && i.root().was.Var.UMax <= math.MaxUint32 {
		return false
	}
	return x.insns[t.insn].Info().Width == 32 || t.dst != nil && t.dst != i.root() && t.d.Var.UMax <= math.MaxUint32 ||
		t.d.Kind == Scalar && t.d.Var.UMax <= math.MaxUint32 && i.root().was.Var.UMax > math.MaxUint32
}

// scale is what the index is multiplied by before it is added, 1 if that does not show.
func (x *evidence) scale(i *origin) int64 {
	scale := int64(1)
	for o := i; o != nil && o.from != nil && o.insn >= 0 && scale < 1<<20; o = o.from {
		in := &x.insns[o.insn]
		info := in.Info()
		if info.Kind != isa.KindALU || !info.UsesImm {
			continue
		}
		switch {
		case info.AluOp == isa.AluLsh && in.Imm >= 0 && in.Imm < 20:
			scale <<= in.Imm
		case info.AluOp == isa.AluMul && in.Imm > 0 && in.Imm < 1<<20:
			scale *= in.Imm
		case info.AluOp == isa.AluRsh || info.AluOp == isa.AluArsh:
			// The pair of shifts that cuts a number to 32 bits.
			if in.Imm == 32 {
				scale >>= min(in.Imm, 63)
				scale = max(scale, 1)
			}
		}
	}
	return scale
}

func suggestIndex(x *evidence) string {
	lo, _, size, ok := x.extent()
	n, _, sized := x.objectSize()
	r, isReg := x.reg()
	if !ok || !sized || !isReg {
		return "make sure that the access lies inside"
	}
	reg := &x.regs[r]
	if reg.fixed() {
		if reg.Kind == PtrToStack && lo < -n {
			return suggestStack
		}
		if reg.Kind == PtrToStack {
			return "stay inside the variable"
		}
		return fmt.Sprintf("access bytes 0 to %d only, or make it larger", n-1)
	}
	i := x.origin().lastIndex()
	if i == nil {
		return "bound the offset before it is added"
	}
	name := x.variable(i.root())
	if name == "" {
		name = "the index"
	}
	if reg.Var.SMin < 0 && unsignedBelow(reg) {
		return fmt.Sprintf("make %s unsigned, or test that it is not below 0 as well", name)
	}
	if t := x.boundTest(i); t != nil && x.lowHalf(i, t) {
		return fmt.Sprintf("compare all 64 bits of %s, or make it a u32 from the start", name)
	}
	if reg.Kind == PtrToStack || reg.Kind == PtrToMapValue && int(reg.Obj) < len(x.spec.Maps) && isSection(x.spec.Maps[reg.Obj].Name) {
		s := fmt.Sprintf("test %s against the number of elements of the variable before the access", name)
		if _, masked := x.mask(i); masked {
			s += ", or mask it with one less, where that is a power of two"
		}
		return s
	}
	fixed := int64(reg.Off) + int64(x.insn().Off)
	scale := x.scale(i)
	most := (n-size-fixed)/scale + 1
	if most <= 0 {
		return "bound the offset before it is added"
	}
	return fmt.Sprintf("test it before: with %s below %d the access stays inside", name, most)
}
