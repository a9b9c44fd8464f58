package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// callMeta is what the arguments of one call said.
type callMeta struct {
	name        string
	proto       *proto.Proto
	m           *Map
	mapNo       uint32
	mapUID      uint32 // identity of an inner map, 0 for others
	key         uint64 // the constant key of an array, if hasKey
	hasKey      bool
	fn          *Reg // the callback
	ref         uint32
	relReg      isa.Reg
	relArg      bool
	alloc       uint32 // constant size of what is returned
	sizeMax     uint64
	dynID       uint32
	dynRef      uint32
	dynKind     uint32
	dynRelease  uint32 // reference of a dynptr that is released
	newDynptrs  []newDynptr
	kptr        *maps.Field
	ret         uint32 // type of what is returned
	percpuFlags Flags
	out         []outMem
}

// outMem is stack memory that the helper fills.
type outMem struct{ frame, lo, hi int }

// arg is argument i of the helper, as the type of its map has it.
func (c *callMeta) arg(i int) *proto.Arg {
	a := c.proto.Args[i]
	if c.m != nil {
		a = a.OnMap(c.proto.ID, uint32(c.m.Type))
	}
	return &a
}

// checkArg checks argument i of a helper.
func (w *walker) checkArg(c *callMeta, i int) *Error {
	a := c.arg(i)
	reg := isa.R1 + isa.Reg(i)
	if err := w.needReg(reg); err != nil {
		return err
	}
	r := w.reg(reg)
	if a.Kind == proto.Anything {
		return w.noLeak(reg, "passing it to "+c.name)
	}
	if isPacket(r) && !w.packetArg(c.proto) {
		return w.fail(CodeType, "%s of %s is a packet pointer: programs of type %s may not pass it one", reg, c.name, w.spec.Type)
	}
	null := r.isNull() && a.Flags&proto.MaybeNull != 0
	if null && a.Kind != proto.PtrToFunc {
		w.demandReg(reg)
	}
	if !null {
		if err := w.argKind(c, i, a, reg, r); err != nil {
			return err
		}
		if err := w.argOffset(c, a, reg, r); err != nil {
			return err
		}
	}
	if a.Flags&proto.Release != 0 && a.Kind != proto.PtrToDynptr {
		if r.Ref == 0 && !r.isNull() {
			return w.fail(CodeReference, "%s of %s is %s, which holds no reference to release", reg, c.name, w.describe(r))
		}
		c.relArg, c.relReg = true, reg
	}
	if r.Ref != 0 && a.Kind != proto.KptrXchgDest && r.Kind != Scalar {
		if c.ref != 0 {
			return w.fail(CodeReference, "%s is given more than one reference", c.name)
		}
		c.ref = r.Ref
	}
	switch a.Kind {
	case proto.ConstMapPtr:
		if c.m != nil && (c.mapNo != r.Obj || c.mapUID != r.Size) {
			return w.fail(CodeType, "%s of %s is %s: the timer in r1 is in a value of map %s", reg, c.name, w.describe(r), c.m.Name).as(topicField)
		}
		c.m, c.mapNo, c.mapUID = w.maps[r.Obj], r.Obj, r.Size
	case proto.PtrToMapKey:
		if c.m.KeySize == 0 {
			return w.fail(CodeHelper, "%s does not work on map %s: it is of type %s, which has no keys", c.name, c.m.Name, c.m.Type).as(topicMapType)
		}
		m := memArg{reg: reg, size: int(c.m.KeySize), name: c.name, what: "key"}
		if err := w.memoryArg(&m); err != nil {
			return err
		}
		w.constKey(c, r)
	case proto.PtrToMapValue:
		if null {
			return nil
		}
		m := memArg{reg: reg, size: int(c.m.ValueSize), name: c.name, what: "value", maybeNull: a.Flags&proto.MaybeNull != 0, write: a.Flags&proto.Write != 0, raw: a.Flags&proto.Uninit != 0, meta: c}
		return w.memoryArg(&m)
	case proto.PtrToMem:
		if a.Flags&proto.FixedSize == 0 || null {
			return nil // its size comes next
		}
		if a.Flags&proto.Aligned != 0 {
			al := access{reg: reg, size: int(a.Size), atomic: true}
			if err := w.aligned(&al, r); err != nil {
				return err
			}
		}
		m := memArg{reg: reg, size: int(a.Size), name: c.name, write: a.Flags&proto.Write != 0, raw: a.Flags&proto.Uninit != 0, meta: c}
		return w.memoryArg(&m)
	case proto.ConstSize, proto.ConstSizeOrZero:
		mem := c.arg(i - 1)
		return w.sizeArg(c, reg, mem, a.Kind == proto.ConstSizeOrZero)
	case proto.ConstAllocSizeOrZero:
		v, ok := r.constant()
		if !ok {
			return w.fail(CodeType, "%s of %s is %s: the size has to be a constant", reg, c.name, w.rangeOf(r)).as(topicConstant)
		}
		w.demandReg(reg)
		c.alloc = uint32(v)
		if v > 1<<32-1 {
			return w.fail(CodeBounds, "%s of %s, the size, is %d", reg, c.name, v)
		}
	case proto.PtrToFunc:
		c.fn = &Reg{}
		*c.fn = *r
	case proto.PtrToSpinLock:
		return w.lockArg(c, reg, r)
	case proto.PtrToTimer:
		return w.fieldArg(c, reg, r, maps.FieldTimer)
	case proto.PtrToConstStr:
		return w.constString(c, reg, r)
	case proto.PtrToDynptr:
		return w.dynptrArg(c, i, a, reg, r)
	case proto.KptrXchgDest:
		return w.kptrDest(c, reg, r)
	case proto.PtrToPercpuBTFID:
		c.ret, c.percpuFlags = r.Obj, r.Flags
	}
	return nil
}

// argKind checks that the register holds one of the kinds that the argument can be.
func (w *walker) argKind(c *callMeta, i int, a *proto.Arg, reg isa.Reg, r *Reg) *Error {
	flags := r.Flags
	if a.Flags&proto.MaybeNull != 0 {
		flags &^= MaybeNull
	}
	ok := false
	switch a.Kind {
	case proto.PtrToMapKey, proto.PtrToMapValue, proto.PtrToMem:
		// The kernel takes read-only memory where an argument says so, for keys and values of maps it
		// does not.
		if a.Flags&proto.Rdonly != 0 || a.Kind == proto.PtrToMem && a.Flags&proto.Write == 0 {
			flags &^= Rdonly
		}
		flags &^= DynptrData
		switch r.Kind {
		case PtrToStack, PtrToMapKey, PtrToMapValue, PtrToPacket, PtrToPacketMeta, PtrToBuf:
			ok = flags == 0
		case PtrToMem:
			ok = flags&^Ringbuf == 0
			if flags&Rdonly != 0 {
				if a.Kind != proto.PtrToMem && a.Flags&proto.Write == 0 {
					return w.fail(CodeType, "%s of %s is %s, which is read-only: keys and values come from memory that may be written", reg, c.name, w.describe(r))
				}
				return w.fail(CodeType, "%s of %s is %s, which is read-only: the helper writes there", reg, c.name, w.describe(r))
			}
		case PtrToBTFID:
			ok = flags == Trusted && a.Flags&proto.Rdonly != 0
		case PtrToCtx:
			ok = flags == 0 && w.spec.Type.Kernel == typeSyscall && a.Kind == proto.PtrToMem
		}
	case proto.ConstSize, proto.ConstSizeOrZero, proto.ConstAllocSizeOrZero:
		ok = r.Kind == Scalar
	case proto.ConstMapPtr:
		ok = r.Kind == ConstPtrToMap && flags == 0
	case proto.PtrToCtx:
		ok = r.Kind == PtrToCtx && flags == 0
	case proto.PtrToSockCommon:
		ok = isSock(r.Kind) && flags == 0
	case proto.PtrToBTFIDSockCommon:
		ok = isSock(r.Kind) && flags == 0 || r.Kind == PtrToBTFID && flags != RCU && w.btfArg(a.BTF, r, flags, a.Flags&proto.Release != 0 && c.proto.Name != "sk_release")
	case proto.PtrToSocket:
		ok = r.Kind == PtrToSocket && flags == 0
	case proto.PtrToBTFID:
		if c.kptr != nil {
			ok = r.Flags&MaybeNull == 0 && w.fitsKptr(r, c.kptr)
			break
		}
		ok = r.Kind == PtrToBTFID && w.btfArg(a.BTF, r, flags, a.Flags&proto.Release != 0 && c.proto.Name != "sk_release")
	case proto.PtrToSpinLock, proto.KptrXchgDest:
		ok = r.Kind == PtrToMapValue && flags == 0 || r.Kind == PtrToBTFID && flags == Alloc
	case proto.PtrToTimer, proto.PtrToConstStr:
		ok = r.Kind == PtrToMapValue && flags == 0
	case proto.PtrToRingbufMem:
		ok = r.Kind == PtrToMem && flags == Ringbuf
	case proto.PtrToPercpuBTFID:
		ok = r.Kind == PtrToBTFID && (flags == Percpu || flags == Percpu|RCU || flags == Percpu|Trusted)
	case proto.PtrToFunc:
		ok = r.Kind == PtrToFunc
	case proto.PtrToStack:
		ok = r.Kind == PtrToStack
	case proto.PtrToDynptr:
		ok = r.Kind == PtrToStack || r.Kind == PtrToDynptr
	case proto.PtrToArena:
		ok = r.Kind == PtrToArena
	}
	if ok {
		return nil
	}
	code := CodeType
	if r.Flags&MaybeNull != 0 && a.Flags&proto.MaybeNull == 0 {
		code = CodeNull
	}
	return w.fail(code, "%s of %s is %s: it has to be %s", reg, c.name, w.describe(r), argWant(a))
}

func isSock(k Kind) bool {
	switch k {
	case PtrToSockCommon, PtrToSocket, PtrToTCPSock, PtrToXDPSock:
		return true
	}
	return false
}

// argWant says what an argument has to be.
func argWant(a *proto.Arg) string {
	s := ""
	switch a.Kind {
	case proto.PtrToMapKey:
		s = "memory that holds a key"
	case proto.PtrToMapValue:
		s = "memory that holds a value"
	case proto.PtrToMem:
		s = "memory"
	case proto.ConstSize, proto.ConstSizeOrZero, proto.ConstAllocSizeOrZero:
		return "a size"
	case proto.ConstMapPtr:
		return "a map"
	case proto.PtrToCtx:
		s = "the context"
	case proto.PtrToSockCommon, proto.PtrToSocket, proto.PtrToBTFIDSockCommon:
		s = "a socket"
	case proto.PtrToBTFID:
		s = "a pointer to a kernel structure"
		if a.BTF != "" {
			s = "a pointer to struct " + a.BTF
		}
	case proto.PtrToSpinLock:
		return "a bpf_spin_lock in a map's value"
	case proto.PtrToTimer:
		return "a bpf_timer in a map's value"
	case proto.PtrToConstStr:
		return "a string in read-only data"
	case proto.PtrToRingbufMem:
		return "a record from bpf_ringbuf_reserve"
	case proto.PtrToPercpuBTFID:
		return "a per-CPU variable of the kernel"
	case proto.PtrToFunc:
		return "a static function of the program"
	case proto.PtrToStack:
		s = "an address on the stack"
	case proto.PtrToDynptr:
		return "a dynptr on the stack"
	case proto.KptrXchgDest:
		return "a kptr field of a map's value"
	default:
		s = "something else"
	}
	if a.Flags&proto.MaybeNull != 0 {
		s += " or NULL"
	}
	return s
}

// argOffset checks that pointers to objects, other than to memory, point to their start.
func (w *walker) argOffset(c *callMeta, a *proto.Arg, reg isa.Reg, r *Reg) *Error {
	if a.Flags&proto.Release != 0 && a.Kind != proto.PtrToDynptr && (r.Off != 0 || !r.fixed() || r.Var.Var.Value != 0) {
		return w.fail(CodeType, "%s of %s is %s with %s added: what is released must be as it was handed out", reg, c.name, w.describe(r), w.offset(r, int(r.Off)))
	}
	switch r.Kind {
	case PtrToStack, PtrToPacket, PtrToPacketMeta, PtrToMapKey, PtrToMapValue, PtrToMem, PtrToBuf, PtrToArena, Scalar:
		return nil
	case PtrToCtx:
		if w.spec.Type.Kernel == typeSyscall && a.Kind == proto.PtrToMem {
			return nil
		}
	case PtrToBTFID:
		if r.fixed() && r.Var.Var.Value == 0 && r.Off >= 0 && (r.Off == 0 || r.Flags&(MaybeNull|Percpu) == 0) {
			return nil
		}
	}
	if r.Off == 0 && r.fixed() && r.Var.Var.Value == 0 {
		return nil
	}
	return w.fail(CodeType, "%s of %s is %s with %s added: it has to point to the start", reg, c.name, w.describe(r), w.offset(r, int(r.Off)))
}

// memArg is memory that a callee reads or writes.
type memArg struct {
	reg       isa.Reg
	size      int // bytes, at most
	zeroOK    bool
	write     bool
	raw       bool // it is filled without being read first
	name      string
	what      string
	maybeNull bool
	meta      *callMeta // of a call, nil where raw is not allowed
}

// memoryArg checks that a callee may use the memory, and does what a write does to the
// stack.
func (w *walker) memoryArg(m *memArg) *Error {
	r := w.f().regs[m.reg]
	off := int(r.Off)
	if m.maybeNull {
		r.Flags &^= MaybeNull
	}
	if r.Flags&MaybeNull != 0 {
		return w.fail(CodeNull, "%s of %s may be NULL or %s", m.reg, m.name, w.noun(&r))
	}
	if m.size == 0 && !m.zeroOK {
		return w.fail(CodeBounds, "%s of %s: its size is 0", m.reg, m.name)
	}
	switch r.Kind {
	case PtrToPacket, PtrToPacketMeta:
		if m.write && !w.packetWritable() {
			return w.fail(CodeType, "%s writes into the packet: programs of type %s may only read it", m.name, w.spec.Type)
		}
		return w.inPacket(m.reg, &r, off, m.size)
	case PtrToMapKey:
		if m.write {
			return w.fail(CodeType, "%s of %s is a map's key, which cannot be changed", m.reg, m.name)
		}
		return w.inRegion(m.reg, &r, off, m.size, int(w.maps[r.Obj].KeySize), "a key of map "+w.maps[r.Obj].Name)
	case PtrToMapValue:
		return w.mapValueArg(m, &r, off)
	case PtrToMem:
		if m.write && r.Flags&Rdonly != 0 {
			return w.fail(CodeType, "%s of %s is %s, which is read-only", m.reg, m.name, w.describe(&r))
		}
		return w.inRegion(m.reg, &r, off, m.size, int(r.Size), w.describe(&r))
	case PtrToBuf, PtrToTPBuffer:
		a := access{reg: m.reg, size: m.size, write: m.write}
		return w.bufAccess(&a, &r, off)
	case PtrToStack:
		return w.stackArg(m, &r, off)
	case PtrToBTFID:
		a := access{reg: m.reg, size: m.size, value: -1}
		if w.isLocal(r.Obj) {
			a.write = m.write
			return w.objectAccess(&a, &r, off)
		}
		return w.btfAccess(&a, &r, off)
	case PtrToCtx:
		if w.spec.Type.Kernel == typeSyscall {
			if err := w.inRegion(m.reg, &r, off, m.size, 0xffff, "the context"); err != nil {
				return err
			}
			w.ctxMax = max(w.ctxMax, off+int(r.Var.UMax)+m.size)
			return nil
		}
	case Scalar:
		if m.size == 0 && m.zeroOK && r.isNull() {
			w.demandReg(m.reg)
			return nil
		}
	case PtrToArena:
		return nil
	}
	return w.fail(CodeType, "%s of %s is %s: it has to be memory", m.reg, m.name, w.describe(&r))
}

func (w *walker) mapValueArg(m *memArg, r *Reg, off int) *Error {
	mp := w.maps[r.Obj]
	switch {
	case m.write && mp.Flags&maps.RdonlyProg != 0:
		return w.fail(CodeType, "%s writes into map %s, which is read-only for programs", m.name, mp.Name)
	case !m.write && mp.Flags&maps.WronlyProg != 0:
		return w.fail(CodeType, "%s reads from map %s, which is write-only for programs", m.name, mp.Name)
	}
	if err := w.inRegion(m.reg, r, off, m.size, int(mp.ValueSize), "a value of map "+mp.Name); err != nil {
		return err
	}
	lo, hi := int64(off)+r.Var.SMin, int64(off)+int64(r.Var.UMax)+int64(m.size)
	for i := range mp.Fields {
		if f := &mp.Fields[i]; hi > int64(f.Off) && lo < int64(f.Off)+int64(f.Size) {
			return w.fail(CodeType, "%s of %s, memory in a value of map %s, covers its %s", m.reg, m.name, mp.Name, fieldName(f.Kind)).as(topicField)
		}
	}
	return nil
}

// stackArg is memoryArg for the stack.
func (w *walker) stackArg(m *memArg, r *Reg, off int) *Error {
	lo, hi, err := w.stackRange(m.reg, r, off, m.size, m.name+"'s access")
	if err != nil {
		return err
	}
	if m.size == 0 {
		return nil
	}
	fr := int(r.Frame)
	if m.raw && r.fixed() && m.meta != nil {
		for o := lo; o < hi; o++ {
			if i, _ := place(o); i < len(w.s.frames[fr].stack) && w.s.frames[fr].stack[i].special() {
				return w.fail(CodeType, "%s of %s: it would overwrite %s on the stack at %d", m.reg, m.name, w.slotString(&w.s.frames[fr].stack[i]), o)
			}
		}
		m.meta.out = append(m.meta.out, outMem{fr, lo, hi})
		return nil
	}
	if _, err := w.readBytes(fr, lo, hi, true); err != nil {
		return err
	}
	if m.write {
		return w.writeBytes(fr, lo, hi, false)
	}
	return nil
}

// sizeArg checks the size in register reg of the memory in the register before it.
func (w *walker) sizeArg(c *callMeta, reg isa.Reg, mem *proto.Arg, zeroOK bool) *Error {
	r := w.reg(reg)
	v := r.Var
	w.demandReg(reg)
	c.sizeMax = v.UMax
	if v.SMin < 0 {
		return w.fail(CodeBounds, "%s of %s, a size, may be negative: it may be %s", reg, c.name, minString(v.SMin)).as(topicSizeNegative)
	}
	if v.UMin == 0 && !zeroOK {
		return w.fail(CodeBounds, "%s of %s, a size, may be 0", reg, c.name).as(topicSizeZero)
	}
	if v.UMax >= maxVarOff {
		return w.fail(CodeBounds, "%s of %s, a size, has no upper bound that is of use: it may be %d", reg, c.name, v.UMax).as(topicSizeUnbounded)
	}
	m := memArg{reg: reg - 1, size: int(v.UMax), zeroOK: zeroOK, write: mem.Flags&proto.Write != 0, raw: mem.Flags&proto.Uninit != 0, name: c.name, meta: c, maybeNull: mem.Flags&proto.MaybeNull != 0}
	if !r.fixed() {
		m.meta = nil // how much the helper fills is not known
	}
	return w.memoryArg(&m).about(reg - 1)
}

// constKey notes the key of an array map if it is known.
func (w *walker) constKey(c *callMeta, r *Reg) {
	if c.m.KeySize != 4 || c.m.Type != maps.Array && c.m.Type != maps.PerCPUArray || c.proto.Name != "map_lookup_elem" {
		return
	}
	if r.Kind != PtrToStack || !r.fixed() {
		return
	}
	fr := int(r.Frame)
	off := int(r.Off) + int(r.Var.SMin)
	i, at := place(off)
	f := w.s.frames[fr]
	if i >= len(f.stack) {
		return
	}
	s := &f.stack[i]
	zeros := true
	for b := at; b < at+4 && b < 8; b++ {
		zeros = zeros && s.kind(b) == byteZero
	}
	var key uint64
	switch {
	case at+4 <= 8 && zeros:
	case at == 0 && s.spillSize() >= 4:
		v := w.tab.at(s.h)
		if v.Kind != Scalar {
			return
		}
		k, ok := scalar.Mov32(v.Var).Const()
		if !ok {
			return
		}
		key = k
	default:
		return
	}
	c.key, c.hasKey = key, true
	if key < uint64(c.m.MaxEntries) {
		w.readSlots(fr, 1<<i, true)
	}
}
