package verifier

import (
	"fmt"
	"math"
	"strings"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// describe says in words what a register holds, as part of a sentence.
func (w *walker) describe(r *Reg) string {
	s := w.noun(r)
	if r.Flags&MaybeNull != 0 {
		s += " or NULL"
	}
	return s
}

func (w *walker) noun(r *Reg) string {
	mapName := func() string {
		if int(r.Obj) < len(w.maps) && w.maps[r.Obj] != nil && w.maps[r.Obj].Name != "" {
			return "map " + w.maps[r.Obj].Name
		}
		return "a map"
	}
	switch r.Kind {
	case NotInit:
		return "not initialised"
	case Scalar:
		if v, ok := r.Var.Const(); ok {
			return fmt.Sprintf("the number %d", int64(v))
		}
		return "a number"
	case PtrToCtx:
		return "the context"
	case ConstPtrToMap:
		return mapName()
	case PtrToMapValue:
		return "a value of " + mapName()
	case PtrToMapKey:
		return "a key of " + mapName()
	case PtrToStack:
		if int(r.Frame) != len(w.s.frames)-1 {
			return "an address on a caller's stack"
		}
		return "an address on the stack"
	case PtrToPacket:
		return "a packet pointer"
	case PtrToPacketMeta:
		return "a pointer to the packet's metadata"
	case PtrToPacketEnd:
		return "the packet's end"
	case PtrToFlowKeys:
		return "struct bpf_flow_keys"
	case PtrToSocket:
		return "a socket"
	case PtrToSockCommon:
		return "struct sock_common"
	case PtrToTCPSock:
		return "struct bpf_tcp_sock"
	case PtrToXDPSock:
		return "struct bpf_xdp_sock"
	case PtrToTPBuffer:
		return "the tracepoint's buffer"
	case PtrToBTFID:
		return w.btfNoun(r)
	case PtrToMem:
		switch {
		case r.Flags&Ringbuf != 0:
			return fmt.Sprintf("a ring buffer record of %d bytes", r.Size)
		case r.Flags&DynptrData != 0:
			return fmt.Sprintf("a slice of %d bytes of a dynptr", r.Size)
		}
		if r.Flags&Untrusted != 0 {
			return "an address in the kernel"
		}
		return fmt.Sprintf("memory of %d bytes", r.Size)
	case PtrToBuf:
		return "a buffer of the kernel"
	case PtrToArena:
		return "an address in an arena"
	case PtrToFunc:
		return "a function"
	case PtrToDynptr:
		return "a dynptr"
	}
	return "something"
}

// flagWords are how the kernel's log spells flags, in that order.
var flagWords = []struct {
	flag Flags
	word string
}{
	{Rdonly, "rdonly_"}, {Ringbuf, "ringbuf_"}, {User, "user_"}, {Percpu, "percpu_"}, {Untrusted, "untrusted_"},
	{Trusted, "trusted_"}, {RCU, "rcu_"},
}

// btfNoun says what a pointer to a kernel structure is.
func (w *walker) btfNoun(r *Reg) string {
	name := w.typeName(r.Obj)
	if w.types[r.Obj].size == 0 {
		name = "struct " + name
	}
	switch {
	case r.Flags&User != 0:
		return "a user-space pointer to " + name
	case r.Flags&Percpu != 0:
		return "the address of a per-CPU object, " + name
	case r.Flags&Untrusted != 0:
		return "a pointer to " + name + " that may be stale"
	}
	return "a pointer to " + name
}

// offset prints an offset with its variable part.
func (w *walker) offset(r *Reg, fixed int) string {
	v := &r.Var
	if c, ok := v.Const(); ok {
		return fmt.Sprintf("%d", int64(fixed)+int64(c))
	}
	s := fmt.Sprintf("a number from %s to %s", minString(v.SMin), maxString(v.UMax))
	if fixed == 0 {
		return s
	}
	return fmt.Sprintf("%d plus %s", fixed, s)
}

func minString(v int64) string {
	if v == math.MinInt64 {
		return "anything below 0"
	}
	return fmt.Sprintf("%d", v)
}

func maxString(v uint64) string {
	if v > math.MaxInt64 {
		return "without bound"
	}
	return fmt.Sprintf("%d", v)
}

// regString prints a register in the manner of the kernel's log.
func (w *walker) regString(r *Reg, id uint32) string {
	switch {
	case r.Kind == NotInit:
		return "?"
	case r.Kind == Scalar:
		s := r.Var.String()
		if id != 0 {
			s = strings.Replace(s, "(", fmt.Sprintf("(id=%d%s,", id, plus(r.Off)), 1)
			s = strings.Replace(s, ",)", ")", 1)
		}
		return s
	}
	var b strings.Builder
	if r.Kind == PtrToStack {
		if int(r.Frame) != len(w.s.frames)-1 {
			fmt.Fprintf(&b, "fp[%d]", r.Frame)
		} else {
			b.WriteString("fp")
		}
		if r.fixed() {
			fmt.Fprintf(&b, "%d", int64(r.Off)+int64(r.Var.Var.Value))
			return b.String()
		}
	} else {
		for _, f := range flagWords {
			if r.Flags&f.flag != 0 {
				b.WriteString(f.word)
			}
		}
		b.WriteString(r.Kind.String())
		switch {
		case r.Kind == PtrToBTFID && r.Flags&MaybeNull != 0:
			b.WriteString("or_null_" + w.typeName(r.Obj))
		case r.Kind == PtrToBTFID:
			b.WriteString(w.typeName(r.Obj))
		case r.Flags&MaybeNull != 0:
			b.WriteString("_or_null")
		}
	}
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if id != 0 {
		add("id=%d", id)
	}
	if r.Ref != 0 {
		add("ref_obj_id=%d", r.Ref)
	}
	switch r.Kind {
	case PtrToMapValue, ConstPtrToMap, PtrToMapKey:
		if m := w.maps[r.Obj]; m != nil {
			add("map=%s,ks=%d,vs=%d", m.Name, m.KeySize, m.ValueSize)
		}
	case PtrToMem:
		add("sz=%d", r.Size)
	case PtrToPacket, PtrToPacketMeta:
		if r.Size <= maxPacket {
			add("r=%d", r.Size)
		}
	case PtrToFunc:
		add("insn=%d", r.Obj)
	}
	if r.Off != 0 {
		add("off=%d", r.Off)
	}
	if !r.fixed() {
		v := strings.TrimSuffix(strings.TrimPrefix(r.Var.String(), "scalar("), ")")
		add("%s", v)
	} else if r.Var.Var.Value != 0 {
		add("imm=%d", int64(r.Var.Var.Value))
	}
	if len(parts) > 0 {
		b.WriteString("(" + strings.Join(parts, ",") + ")")
	}
	return b.String()
}

func plus(off int32) string {
	if off == 0 {
		return ""
	}
	return fmt.Sprintf("%+d", off)
}

// slotString prints a stack slot.
func (w *walker) slotString(s *slot) string {
	switch {
	case s.kind(0) == byteDynptr:
		return "a dynptr"
	case s.kind(0) == byteIter:
		return "an iterator"
	case s.kind(0) == byteIRQ:
		return "saved interrupt flags"
	case s.kinds == slotSpill:
		return w.regString(w.tab.at(s.h), s.id)
	}
	b := make([]byte, 8)
	for i := range b {
		b[i] = "?m0rdiq"[s.kind(7-i)]
	}
	if s.spillSize() > 0 {
		return string(b) + "=" + w.regString(w.tab.at(s.h), s.id)
	}
	return string(b)
}

func fieldName(k maps.FieldKind) string {
	switch k {
	case maps.FieldSpinLock:
		return "bpf_spin_lock"
	case maps.FieldResSpinLock:
		return "bpf_res_spin_lock"
	case maps.FieldTimer:
		return "bpf_timer"
	case maps.FieldWorkqueue:
		return "bpf_wq"
	case maps.FieldListHead:
		return "bpf_list_head"
	case maps.FieldListNode:
		return "bpf_list_node"
	case maps.FieldRBRoot:
		return "bpf_rb_root"
	case maps.FieldRBNode:
		return "bpf_rb_node"
	case maps.FieldRefcount:
		return "bpf_refcount"
	case maps.FieldTaskWork:
		return "bpf_task_work"
	}
	return "kptr"
}

// outside is an access that does not lie in its object.
func (w *walker) outside(reg isa.Reg, r *Reg, off, size, n int, what string) *Error {
	at := "offset " + w.offset(r, off)
	if !r.fixed() {
		at = fmt.Sprintf("an offset from %s to %s", minString(saturate(int64(off), r.Var.SMin)), maxString(r.Var.UMax+uint64(off)))
	}
	has := fmt.Sprintf(", which has %s", plural(int64(n), "byte"))
	if r.Kind == PtrToMem {
		has = "" // its description says that
	}
	return w.fail(CodeBounds, "%s at %s of %s%s", plural(int64(size), "byte"), at, what, has)
}

func (w *walker) outsideStack(reg isa.Reg, r *Reg, off, size int, what string) *Error {
	if r.fixed() {
		return w.fail(CodeBounds, "%s of %s through %s at %d, outside the stack of %d bytes below r10", what, plural(int64(size), "byte"), reg, off+int(r.Var.SMin), stackSize)
	}
	return w.fail(CodeBounds, "%s of %s through %s at %d to %d, not all inside the stack of %d bytes below r10", what, plural(int64(size), "byte"), reg, off+int(r.Var.SMin), off+int(r.Var.SMax), stackSize)
}

func (w *walker) packetOutside(reg isa.Reg, r *Reg, off, size int, have int64) *Error {
	at := fmt.Sprintf("bytes %d to %d", off, off+size-1)
	if size == 1 {
		at = fmt.Sprintf("byte %d", off)
	}
	if have <= 0 {
		return w.fail(CodeBounds, "access to %s behind %s: nothing of the packet is known to be there", at, reg)
	}
	return w.fail(CodeBounds, "access to %s behind %s: only %d bytes of the packet are known to be there", at, reg, have)
}

func (w *walker) ctxReason(a *access, off int) string {
	t := w.spec.Type
	for i := range w.layout.Fields {
		f := &w.layout.Fields[i]
		end := f.Off + f.Size*max(f.Count, 1)
		if off >= int(f.Off) && off < int(end) {
			if a.write {
				return fmt.Sprintf("store of %d bytes at offset %d of the context: %s.%s may not be written so by programs of type %s", a.size, off, w.layout.Name, f.Name, t)
			}
			return fmt.Sprintf("load of %d bytes at offset %d of the context: %s.%s, %d bytes at %d, may not be read so by programs of type %s", a.size, off, w.layout.Name, f.Name, f.Size, f.Off, t)
		}
	}
	return fmt.Sprintf("%s of %d bytes at offset %d of the context: %s, the context of type %s, has no field there", a.what(), a.size, off, w.layout.Name, t)
}

// kindWord names a kind of pointer where nothing else is known of it.
func kindWord(k Kind) string {
	switch k {
	case PtrToCtx:
		return "the context"
	case PtrToStack:
		return "the stack"
	case PtrToPacket:
		return "the packet"
	case PtrToMapValue:
		return "a map's value"
	case PtrToBTFID:
		return "a kernel structure"
	}
	return "a " + k.String()
}
