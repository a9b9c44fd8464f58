package verifier

import (
	"encoding/binary"

	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// access is one access of memory through a register.
type access struct {
	reg   isa.Reg
	off   int // of the instruction
	size  int // bytes
	write bool
	// value is the register stored or loaded into, -1 for none. Stores without one store imm if immStore,
	// something unknown otherwise.
	value    int
	immStore bool
	imm      int64
	signed   bool // a sign-extending load
	atomic   bool
}

func (w *walker) load(in *isa.Insn, info *isa.Info) *Error {
	if err := w.needReg(in.Src); err != nil {
		return err
	}
	a := access{reg: in.Src, off: int(in.Off), size: int(info.Size), value: int(in.Dst), signed: info.Kind == isa.KindLoadSX, atomic: info.Kind == isa.KindLoadAcquire}
	return w.access(&a)
}

func (w *walker) store(in *isa.Insn, info *isa.Info) *Error {
	if err := w.needReg(in.Src); err != nil {
		return err
	}
	if err := w.needReg(in.Dst); err != nil {
		return err
	}
	a := access{reg: in.Dst, off: int(in.Off), size: int(info.Size), write: true, value: int(in.Src), atomic: info.Kind == isa.KindStoreRelease}
	return w.access(&a)
}

func (w *walker) storeImm(in *isa.Insn, info *isa.Info) *Error {
	if err := w.needReg(in.Dst); err != nil {
		return err
	}
	a := access{reg: in.Dst, off: int(in.Off), size: int(info.Size), write: true, value: -1, immStore: true, imm: in.Imm}
	return w.access(&a)
}

// atomicTarget checks that memory behind register r can be worked on atomically.
func (w *walker) atomicTarget(r isa.Reg) *Error {
	if err := w.needReg(r); err != nil {
		return err
	}
	switch p := w.reg(r); p.Kind {
	case PtrToCtx, PtrToPacket, PtrToPacketMeta, PtrToFlowKeys, PtrToSocket, PtrToSockCommon, PtrToTCPSock, PtrToXDPSock:
		return w.fail(CodeType, "atomic access through %s, which is %s: that memory has none", r, w.describe(p))
	}
	return nil
}

// atomic walks a read-modify-write: a load, then a store of something unknown.
func (w *walker) atomic(in *isa.Insn, info *isa.Info) *Error {
	if err := w.needReg(in.Src); err != nil {
		return err
	}
	if info.AtomicOp == isa.AtomicCmpxchg {
		if err := w.needReg(isa.R0); err != nil {
			return err
		}
		if err := w.noLeak(isa.R0, "storing it"); err != nil {
			return err
		}
	}
	if err := w.noLeak(in.Src, "storing it"); err != nil {
		return err
	}
	if err := w.atomicTarget(in.Dst); err != nil {
		return err
	}
	if r := w.reg(in.Dst); r.Kind == PtrToStack && !r.fixed() {
		return w.fail(CodeBounds, "atomic access of the stack through %s at an offset that varies", in.Dst)
	}
	a := access{reg: in.Dst, off: int(in.Off), size: int(info.Size), value: -1, atomic: true}
	if info.Fetch {
		a.value = int(in.Src)
		if info.AtomicOp == isa.AtomicCmpxchg {
			a.value = 0
		}
	}
	if err := w.access(&a); err != nil {
		return err
	}
	// The kernel looks at the address again when the old value is in place: a fetch into the
	// register that holds it is refused.
	a.value, a.write = -1, true
	return w.access(&a)
}

// loaded puts a number of the access's size into the register it loads into.
func (w *walker) loaded(a *access, v scalar.Scalar) {
	if a.value < 0 {
		return
	}
	w.f().set(a.value, Reg{Kind: Scalar, Var: extend(v, a.size, a.signed)}, 0)
}

// extend is the low bytes of a number, as a load of that size leaves them.
func extend(v scalar.Scalar, size int, signed bool) scalar.Scalar {
	if size == 8 {
		return v
	}
	if v.IsUnknown() {
		if signed {
			return scalar.SignExtendLoad(uint8(size))
		}
		return scalar.ZeroExtend(uint8(size))
	}
	if signed {
		return scalar.Movsx(uint8(8*size), 64, v)
	}
	return scalar.Truncate(v, uint8(size))
}

// access checks a load or store and does what it does to the state.
func (w *walker) access(a *access) *Error {
	r := w.f().regs[a.reg]
	if err := w.aligned(a, &r); err != nil {
		return err
	}
	if a.write && a.value >= 0 && r.Kind != PtrToStack {
		if err := w.noLeak(isa.Reg(a.value), "storing it"); err != nil {
			return err
		}
	}
	if r.Flags&MaybeNull != 0 {
		return w.fail(CodeNull, "%s through %s, which may be NULL or %s", a.what(), a.reg, w.noun(&r))
	}
	if r.isNull() {
		return w.fail(CodeNull, "%s through %s, which is NULL on this path", a.what(), a.reg)
	}
	if err := w.sameBase(a, r.Kind); err != nil {
		return err
	}
	off := a.off + int(r.Off)
	switch r.Kind {
	case PtrToStack:
		return w.stackAccess(a, &r, off)
	case PtrToMapValue:
		return w.mapValueAccess(a, &r, off)
	case PtrToMapKey:
		if a.write {
			return w.fail(CodeType, "store to a map's key through %s: keys cannot be changed", a.reg)
		}
		if err := w.inRegion(a.reg, &r, off, a.size, int(w.maps[r.Obj].KeySize), "a key of map "+w.maps[r.Obj].Name); err != nil {
			return err
		}
	case PtrToMem:
		if err := w.memAccess(a, &r, off); err != nil {
			return err
		}
	case PtrToCtx:
		return w.ctxAccess(a, &r)
	case PtrToPacket, PtrToPacketMeta:
		if a.write && !w.packetWritable() {
			return w.fail(CodeType, "store into the packet: programs of type %s may only read it", w.spec.Type)
		}
		if err := w.inPacket(a.reg, &r, off, a.size); err != nil {
			return err
		}
	case PtrToFlowKeys, PtrToSocket, PtrToSockCommon, PtrToTCPSock, PtrToXDPSock:
		return w.structAccess(a, &r, off)
	case PtrToTPBuffer, PtrToBuf:
		if err := w.bufAccess(a, &r, off); err != nil {
			return err
		}
	case PtrToBTFID:
		if w.isLocal(r.Obj) {
			return w.objectAccess(a, &r, off)
		}
		return w.btfAccess(a, &r, off)
	case ConstPtrToMap:
		return w.mapStructAccess(a, &r, off)
	case PtrToArena:
		w.fact(&r, off, a.size, false)
	default:
		return w.fail(CodeType, "%s through %s, which is %s and no memory that may be accessed", a.what(), a.reg, w.describe(&r))
	}
	if !a.write {
		w.loaded(a, unknownScalar)
	}
	return nil
}

// sameBase refuses an instruction that accesses the context or a kernel object on one path
// and something else on another: as in the kernel, where such instructions are rewritten.
func (w *walker) sameBase(a *access, k Kind) *Error {
	old := w.base[w.pc]
	w.base[w.pc] = k
	if old == NotInit || old == k || !oneBase(old) && !oneBase(k) {
		return nil
	}
	if !a.write && mayProbe(old) && mayProbe(k) {
		w.base[w.pc] = PtrToBTFID
		return nil
	}
	return w.fail(CodeType, "%s through %s, which is %s here and %s on another path: use separate instructions", a.what(), a.reg, kindWord(k), kindWord(old))
}

// oneBase reports whether instructions that access memory through such a pointer may not do so
// through another.
func oneBase(k Kind) bool {
	switch k {
	case PtrToCtx, PtrToSocket, PtrToSockCommon, PtrToTCPSock, PtrToXDPSock, PtrToBTFID, PtrToArena:
		return true
	}
	return false
}

// mayProbe reports whether loads through such a pointer may be checked at run time.
func mayProbe(k Kind) bool { return k == PtrToBTFID || k == PtrToMem }

func (a *access) what() string {
	switch {
	case a.atomic:
		return "atomic access"
	case a.write:
		return "store"
	}
	return "load"
}

// aligned checks the alignment where it matters: always on the stack, and of atomics; everywhere if
// asked for.
func (w *walker) aligned(a *access, r *Reg) *Error {
	if a.size == 1 || r.Kind == PtrToCtx || r.Kind == Scalar || r.Kind == NotInit {
		return nil
	}
	strict := w.spec.StrictAlignment || r.Kind == PtrToStack || a.atomic
	if !strict {
		return nil
	}
	sum := int64(r.Off) + int64(a.off)
	if isPacket(r) && w.spec.StrictAlignment {
		sum += 2 // packets start behind an Ethernet header at 2 bytes off a multiple of 4
	}
	if r.Var.Var.Add(scalar.TnumConst(uint64(sum))).IsAligned(uint64(a.size)) {
		return nil
	}
	return w.fail(CodeAlignment, "%s of %d bytes through %s at offset %s: not a multiple of %d", a.what(), a.size, a.reg, w.offset(r, int(sum)), a.size)
}

// inRegion checks that size bytes at off behind r lie in an object of n bytes.
func (w *walker) inRegion(reg isa.Reg, r *Reg, off, size, n int, what string) *Error {
	v := &r.Var
	if v.SMin < 0 && (v.SMin == -1<<63 || v.SMin+int64(off) != int64(int32(v.SMin+int64(off))) || v.SMin+int64(off) < 0) {
		return w.fail(CodeBounds, "%s may lie before %s: its variable offset may be %s", reg, what, minString(v.SMin))
	}
	if lo := v.SMin + int64(off); lo < 0 || lo+int64(size) > int64(n) {
		return w.outside(reg, r, off, size, n, what)
	}
	if v.UMax >= maxVarOff {
		return w.fail(CodeBounds, "the offset of %s into %s has no upper bound that is of use: it may be %d", reg, what, v.UMax)
	}
	if hi := int64(v.UMax) + int64(off); hi < 0 || hi+int64(size) > int64(n) {
		return w.outside(reg, r, off, size, n, what)
	}
	w.fact(r, off, size, true)
	return nil
}

// fact keeps what is known of the access over all paths: the object and where in it. What a call does with its
// arguments is no access of its own: helperFacts has the facts of calls.
func (w *walker) fact(r *Reg, off, size int, safe bool) {
	if w.p.insns[w.pc].Info().Kind == isa.KindCall {
		return
	}
	f := &w.facts[w.pc]
	lo, hi := int64(off)+r.Var.SMin, int64(off)+int64(r.Var.UMax)
	if r.Kind == PtrToStack {
		hi = int64(off) + r.Var.SMax
	}
	obj := uint32(0)
	if r.Kind == PtrToMapValue || r.Kind == PtrToMapKey {
		obj = r.Obj
	}
	if lo != int64(int32(lo)) || hi != int64(int32(hi)) {
		safe = false
	}
	if f.Flags&Reached == 0 {
		f.Flags |= Reached
		if safe {
			f.Flags |= Safe
		}
		f.Base, f.Map, f.Min, f.Max = r.Kind, obj, int32(lo), int32(hi)
		return
	}
	if !safe || f.Base != r.Kind || f.Map != obj {
		f.Flags &^= Safe
		return
	}
	f.Min, f.Max = min(f.Min, int32(lo)), max(f.Max, int32(hi))
}

// inPacket checks that size bytes at off behind a packet pointer are proven to be
// there.
func (w *walker) inPacket(reg isa.Reg, r *Reg, off, size int) *Error {
	have := int64(r.Size)
	if r.Size > maxPacket {
		have = 0
	}
	if r.Var.SMin < 0 {
		return w.fail(CodeBounds, "%s may lie before the packet: its variable offset may be %s", reg, minString(r.Var.SMin))
	}
	if off < 0 || int64(off)+int64(size) > have {
		return w.packetOutside(reg, r, off, size, have)
	}
	w.fact(r, off, size, true)
	return nil
}

func (w *walker) mapValueAccess(a *access, r *Reg, off int) *Error {
	m := w.maps[r.Obj]
	switch {
	case a.write && m.Flags&maps.RdonlyProg != 0:
		return w.fail(CodeType, "store into map %s, which is read-only for programs", m.Name)
	case !a.write && m.Flags&maps.WronlyProg != 0:
		return w.fail(CodeType, "load from map %s, which is write-only for programs", m.Name)
	}
	if err := w.inRegion(a.reg, r, off, a.size, int(m.ValueSize), "a value of map "+m.Name); err != nil {
		return err
	}
	lo, hi := int64(off)+r.Var.SMin, int64(off)+int64(r.Var.UMax)+int64(a.size)
	for i := range m.Fields {
		f := &m.Fields[i]
		if hi <= int64(f.Off) || lo >= int64(f.Off)+int64(f.Size) {
			continue
		}
		if isKptr(f.Kind) {
			return w.kptrAccess(a, r, off, m, f)
		}
		return w.fail(CodeType, "%s at offset %d of a value of map %s touches its %s: only helpers may", a.what(), lo, m.Name, fieldName(f.Kind)).as(topicField)
	}
	if a.write {
		return nil
	}
	if m.Contents != nil && r.fixed() && int(lo)+a.size <= len(m.Contents) {
		var b [8]byte
		copy(b[:], m.Contents[lo:lo+int64(a.size)])
		w.loaded(a, scalar.Const(binary.LittleEndian.Uint64(b[:])))
		return nil
	}
	w.loaded(a, unknownScalar)
	return nil
}

func (w *walker) memAccess(a *access, r *Reg, off int) *Error {
	if a.write && r.Flags&Rdonly != 0 {
		return w.fail(CodeType, "store through %s, which is %s: it is read-only", a.reg, w.describe(r))
	}
	if r.Flags&Untrusted != 0 {
		if a.write {
			return w.fail(CodeType, "store through %s, which is %s: it is untrusted", a.reg, w.describe(r))
		}
		w.fact(r, off, a.size, false)
		return nil
	}
	return w.inRegion(a.reg, r, off, a.size, int(r.Size), w.describe(r))
}

// bufAccess is for memory whose size only the kernel knows: the furthest byte is
// noted.
func (w *walker) bufAccess(a *access, r *Reg, off int) *Error {
	if a.write && r.Flags&Rdonly != 0 {
		return w.fail(CodeType, "store through %s, which is %s: it is read-only", a.reg, w.describe(r))
	}
	if off < 0 {
		return w.fail(CodeBounds, "%s through %s at offset %d, before %s", a.what(), a.reg, off, w.describe(r))
	}
	if !r.fixed() || r.Var.Var.Value != 0 {
		return w.fail(CodeBounds, "%s through %s, which is %s, at an offset that is not known", a.what(), a.reg, w.describe(r))
	}
	w.fact(r, off, a.size, false)
	return nil
}
