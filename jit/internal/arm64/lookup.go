package arm64

import (
	"math/bits"

	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
)

// walkLimit is how many elements of a chain machine code looks at before it asks the host.
const walkLimit = 64

// What a lookup in a hash map works with beside scratch registers: R1 and R3 to R5 are its own, R2 stays for the host.
const (
	hashLeft Reg = 1
	hashEnd  Reg = 3 // what the end of the right chain says
	hashElem Reg = 4
	hashAt   Reg = 5
)

// layout is the map that an op looks up in.
func (e *expander) layout(op *ir.Op, kind maps.LayoutKind) *maps.Layout {
	if int64(op.Aux) >= int64(len(e.list.Maps)) || e.list.Maps[op.Aux].Kind != kind {
		e.fail("map %d is not one to look up in so", op.Aux)
		return &maps.Layout{Kind: kind, KeySize: 4, KeyStride: 8}
	}
	return &e.list.Maps[op.Aux]
}

// arrayLookup is the address of an element without a branch: nothing to mispredict.
func (e *expander) arrayLookup(op *ir.Op) {
	l := e.layout(op, maps.ArrayLayout)
	index := *op
	index.Size = 4
	e.access(LDR, &index, rT0)
	e.dst(0)
	n := uint64(l.Entries)
	if fitsAddSub(n) {
		e.emit(SubsImm(W, ZR, rT0, n))
	} else {
		e.constant(rImm, n)
		e.emit(Subs(W, ZR, rT0, rImm, LSL, 0))
	}
	e.element(l, rT1, rT0)
	e.emit(Csel(W, 0, rT1, ZR, LO))
}

// element puts the guest address of element n's value into d. It changes rImm and leaves the flags.
func (e *expander) element(l *maps.Layout, d, n Reg) {
	stride := uint64(l.Stride)
	e.constant(d, uint64(l.Addr))
	if stride != 0 && stride&(stride-1) == 0 {
		e.emit(Add(W, d, d, n, LSL, uint32(bits.TrailingZeros64(stride))))
	} else {
		e.constant(rImm, stride)
		e.emit(Madd(W, d, n, rImm, d))
	}
	if l.CPUStride != 0 {
		e.constant(rImm, uint64(l.CPUStride))
		e.emit(Access(LDR, 4, rExit, rState, uint32(ir.OffCPU)), Madd(W, d, rExit, rImm, d))
	}
}

// arrayUpdate is bpf_map_update_elem on an array. R5 is free.
func (e *expander) arrayUpdate(op *ir.Op) {
	l := e.layout(op, maps.ArrayLayout)
	value := ir.Op{Base: op.Src}
	if op.UseImm {
		value = ir.Op{Base: ir.FP, Off: int32(op.Imm), Access: ir.Frame}
	}
	e.keyAddress(rT0, &value, l.ValueSize)
	e.keyAddress(rT1, op, l.KeySize)
	e.call(&ir.Op{Kind: op.Kind, Aux: op.Aux})
	e.forget(0)
	e.forget(5)
	e.branchZero(X, rT1, true, e.cold(op.Exit))
}

// arrayCopy is the body that makes the value at rT0 that of the element with the key at rT1: a copy of constant size. rT1 is 0 behind it
// if the host has to be asked.
func (e *expander) arrayCopy(op *ir.Op) {
	l := e.layout(op, maps.ArrayLayout)
	if l.ValueSize > 64 {
		e.fail("value of %d bytes", l.ValueSize)
		return
	}
	out, done := e.newLabel(), e.newLabel()
	e.branchZero(X, 4, false, out)
	const index = rTmp
	e.emit(Access(LDR, 4, index, rT1, 0))
	e.compareImm(W, index, uint64(l.Entries))
	e.branchIf(HS, out)
	e.element(l, 5, index)
	e.emit(AddExt(X, 5, rBase, 5, UXTW, 0))
	for at, n := uint32(0), l.ValueSize; n > 0; {
		size := uint32(8)
		for size > n {
			size /= 2
		}
		e.emit(Access(LDR, uint8(size), index, rT0, at), Access(STR, uint8(size), index, 5, at))
		at, n = at+size, n-size
	}
	e.emit(Mov(X, 0, ZR))
	e.jump(done)
	e.place(out)
	e.emit(Mov(X, rT1, ZR))
	e.place(done)
}

// keyAddress puts the host address of n bytes, a key or a value, into d.
func (e *expander) keyAddress(d Reg, op *ir.Op, n uint32) {
	switch {
	case op.Access == ir.Frame && op.Base == ir.FP:
		off := int64(op.Off) + frameBias
		if off < 0 || off+int64(n) > frameBias {
			e.fail("offset %d is outside the frame", op.Off)
		}
		e.emit(AddImm(X, d, rFrame, uint64(off)&0xfff))
	case op.Access == ir.Confined:
		from := e.reg(op.Base)
		if op.Off != 0 {
			e.addImm(W, d, from, uint64(int64(op.Off)))
			from = d
		}
		if e.list.Mask != 1<<32-1 {
			e.maskTo(d, from, e.list.Mask)
			from = d
		}
		e.emit(AddExt(X, d, rBase, from, UXTW, 0))
	default:
		e.fail("access %d with base register %d", op.Access, op.Base)
	}
}

// keyWord loads word i of the key at rT1, the last one padded with zeros. It may read up to 7 bytes behind the key,
// which the window's margin has.
func (e *expander) keyWord(l *maps.Layout, d Reg, i uint32) {
	switch n := l.KeySize - 8*i; n {
	case 1, 2, 4:
		e.emit(Access(LDR, uint8(n), d, rT1, 8*i))
	case 3, 5, 6, 7:
		e.emit(Access(LDR, 8, d, rT1, 8*i), Ubfm(X, d, d, 0, 8*n-1))
	default:
		e.emit(Access(LDR, 8, d, rT1, 8*i))
	}
}

// hashLookup is bpf_map_lookup_elem on a hash map.
func (e *expander) hashLookup(op *ir.Op) {
	e.keyAddress(rT1, op, e.layout(op, maps.HashLayout).KeySize)
	e.call(&ir.Op{Kind: op.Kind, Aux: op.Aux, Imm: op.Imm})
	for _, r := range [...]ir.Reg{0, 1, 3, 4, 5} {
		e.forget(r)
	}
	e.branchZero(X, rT1, true, e.cold(op.Exit))
}

// hashWalk is the body of a lookup of the key at rT1 in a hash map: see package maps for the layout and who may write what meanwhile.
// Links are loaded with acquire. rT1 is 0 behind it if the host has to be asked.
func (e *expander) hashWalk(op *ir.Op) {
	l := e.layout(op, maps.HashLayout)
	words := l.KeyStride / 8
	if words == 0 || words > 8 || l.KeySize > l.KeyStride || l.KeySize <= l.KeyStride-8 {
		e.fail("keys of %d bytes", l.KeySize)
		return
	}
	single := words == 1
	const hash = 0
	e.constant(hash, l.Seed)
	e.constant(rImm, maps.HashMix)
	for i := range words {
		e.keyWord(l, rT0, i)
		e.emit(Eor(X, hash, hash, rT0, LSL, 0), Madd(X, hash, hash, rImm, ZR), Eor(X, hash, hash, hash, LSR, maps.HashShift))
	}
	if f, ok := bitmask(W, uint64(l.Mask)); ok {
		e.emit(AndImm(W, hashEnd, hash, f))
	} else {
		e.emit(Mov(W, hashEnd, ZR)) // one bucket
	}
	e.constant(hashAt, uint64(l.Buckets))
	e.emit(AddExt(X, hashAt, hashAt, hashEnd, UXTW, 2), Ldar(4, hashElem, hashAt))
	f, _ := bitmask(W, maps.HashEnd)
	e.emit(OrrImm(W, hashEnd, hashEnd, f))
	e.constant(hashLeft, walkLimit)
	e.constant(rExit, uint64(l.Meta))
	e.constant(rImm, uint64(l.Keys))

	top, other, over, wrong, done := e.newLabel(), e.newLabel(), e.newLabel(), e.newLabel(), e.newLabel()
	e.place(top)
	e.branchBit(hashElem, 31, false, over)
	if single {
		e.emit(AccessReg(LDR, 8, hashAt, rImm, hashElem, UXTW, true), Subs(X, ZR, hashAt, rT0, LSL, 0))
		e.branchIf(NE, other)
	} else {
		e.emit(AddExt(X, hashAt, rExit, hashElem, UXTW, 3), Access(LDR, 4, rTmp, hashAt, maps.HashMetaHash), Subs(W, ZR, rTmp, hash, LSL, 0))
		e.branchIf(NE, other)
		e.constant(rTmp, uint64(l.KeyStride))
		e.emit(Madd(X, hashAt, hashElem, rTmp, rImm))
		for i := range words {
			e.emit(Access(LDR, 8, rTmp, hashAt, 8*i))
			e.keyWord(l, rT0, i)
			e.emit(Subs(X, ZR, rTmp, rT0, LSL, 0))
			e.branchIf(NE, other)
		}
	}
	e.element(l, 0, hashElem)
	if l.Marks != 0 {
		e.constant(hashAt, uint64(l.Marks))
		e.emit(
			AddExt(X, hashAt, hashAt, hashElem, UXTW, 2), Access(LDR, 4, rT0, hashAt, 0), Cbnz(W, rT0, 12),
			Movz(W, rT0, 1, 0), Access(STR, 4, rT0, hashAt, 0),
		)
	}
	e.jump(done)

	e.place(other)
	e.emit(AddExt(X, hashAt, rExit, hashElem, UXTW, 3))
	if maps.HashMetaNext != 0 {
		e.emit(AddImm(X, hashAt, hashAt, maps.HashMetaNext))
	}
	e.emit(Ldar(4, hashElem, hashAt), SubsImm(W, hashLeft, hashLeft, 1))
	e.branchIf(NE, top)
	e.jump(wrong)

	e.place(over)
	e.emit(Subs(W, ZR, hashElem, hashEnd, LSL, 0))
	e.branchIf(NE, wrong)
	e.emit(Mov(X, 0, ZR))
	e.jump(done)

	e.place(wrong)
	e.constant(1, uint64(op.Imm))
	e.emit(Mov(X, rT1, ZR))
	e.place(done)
}
