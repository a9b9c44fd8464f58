package amd64

import (
	"math/bits"

	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
)

// walkLimit is how many elements of a chain machine code looks at before it asks the host.
const walkLimit = 64

// What a lookup in a hash map works with: R1 and R3 to R5 are its own, R2 stays for the host.
const (
	hashElem = R9
	hashWord = R10 // of the key, or what addresses an element's
	hashAt   = R8
	hashLeft = RDI
)

// arrayLookup is bpf_map_lookup_elem on an array of a constant shape.
func (x *expander) arrayLookup(op *ir.Op) {
	l := &x.l.Maps[op.Aux]
	m := x.address(op)
	x.held = ir.None
	x.movRM(32, scratch, m)
	x.aluRR(32, aluXor, RAX, RAX)
	x.aluRI(32, aluCmp, scratch, int32(l.Entries))
	miss := x.jcc(CCAE)
	x.element(l, scratch, temp)
	x.patch(miss)
}

// element puts the guest address of an element's value into RAX. It changes free, and may change n.
func (x *expander) element(l *maps.Layout, n, free Reg) {
	switch s := l.Stride; {
	case s <= 8 && bits.OnesCount32(s) == 1:
		x.movRI(RAX, int64(l.Addr))
		x.lea(32, RAX, Mem{Base: RAX, Index: n, Scale: uint8(bits.TrailingZeros32(s))})
	case bits.OnesCount32(s) == 1:
		x.movRR(32, RAX, n)
		x.shiftI(32, shShl, RAX, uint8(bits.TrailingZeros32(s)))
		x.aluRI(32, aluAdd, RAX, int32(l.Addr))
	default:
		x.imulRRI(32, RAX, n, int32(s))
		x.aluRI(32, aluAdd, RAX, int32(l.Addr))
	}
	if l.CPUStride != 0 {
		x.movRM(64, free, at(RSP, 0))
		x.movRM(32, free, at(free, int32(ir.OffCPU)))
		x.imulRRI(32, free, free, int32(l.CPUStride))
		x.aluRR(32, aluAdd, RAX, free)
	}
}

// keyWord loads word i of a key, the last one padded with zeros. It may read up to 7 bytes behind the key, which the
// window's margin has.
func (x *expander) keyWord(l *maps.Layout, dst Reg, m Mem, i uint32) {
	m.Disp += int32(8 * i)
	switch n := l.KeySize - 8*i; n {
	case 1, 2, 4:
		x.load(int(n), false, dst, m)
	case 3, 5, 6, 7:
		x.movRM(64, dst, m)
		x.shiftI(64, shShl, dst, uint8(64-8*n))
		x.shiftI(64, shShr, dst, uint8(64-8*n))
	default:
		x.movRM(64, dst, m)
	}
}

// arrayUpdate is bpf_map_update_elem on an array: a copy of constant size. R5 is free.
func (x *expander) arrayUpdate(op *ir.Op) {
	l := &x.l.Maps[op.Aux]
	x.testRR(64, regs[4], regs[4])
	out := []int{x.jcc(CCNE)}
	x.movRM(32, regs[5], x.address(op))
	x.held = ir.None
	x.aluRI(32, aluCmp, regs[5], int32(l.Entries))
	out = append(out, x.jcc(CCAE))
	x.element(l, regs[5], temp)
	from := frame(int32(op.Imm))
	if !op.UseImm {
		from = x.address(&ir.Op{Base: op.Src})
		x.held = ir.None
	}
	to := Mem{Base: regBase, Index: RAX}
	for n := int32(l.ValueSize); n > 0; {
		size := int32(8)
		for size > n {
			size /= 2
		}
		x.load(int(size), false, temp, from)
		x.store(int(size), to, temp)
		from.Disp, to.Disp, n = from.Disp+size, to.Disp+size, n-size
	}
	x.aluRR(32, aluXor, RAX, RAX)
	done := x.shortJmp()
	for _, o := range out {
		x.patch(o)
	}
	x.movRI(scratch, int64(op.Exit))
	x.exits = append(x.exits, x.jmp())
	x.land(done)
}

// hashLookup is bpf_map_lookup_elem on a hash map: see package maps for the layout and who may write what meanwhile.
// Keys of up to 8 bytes stay in a register.
func (x *expander) hashLookup(op *ir.Op) {
	l := &x.l.Maps[op.Aux]
	key := x.address(op)
	x.held = ir.None
	words := l.KeyStride / 8
	single := words == 1
	if !single && op.Access != ir.Frame {
		x.lea(64, temp, key)
		key = at(temp, 0)
	}
	hash := RAX
	x.movRI(hash, int64(l.Seed))
	x.movRI(hashAt, -(1<<64 - maps.HashMix))
	for i := range words {
		w := hashWord
		if single {
			w = temp
		}
		x.keyWord(l, w, key, i)
		x.aluRR(64, aluXor, hash, w)
		x.imulRR(64, hash, hashAt)
		x.movRR(64, hashWord, hash)
		x.shiftI(64, shShr, hashWord, maps.HashShift)
		x.aluRR(64, aluXor, hash, hashWord)
	}
	// What the end of the right chain says is in scratch.
	end := scratch
	x.movRR(32, end, hash)
	x.aluRI(32, aluAnd, end, int32(l.Mask))
	x.movRI(hashAt, int64(l.Buckets))
	x.movRM(32, hashElem, Mem{Base: hashAt, Index: end, Scale: 2})
	x.aluRI(32, aluOr, end, -maps.HashEnd)
	x.movRI(hashLeft, walkLimit)
	x.movRI(hashAt, int64(l.Meta))
	if single {
		x.movRI(hashWord, int64(l.Keys))
	}
	meta := Mem{Base: hashAt, Index: hashElem, Scale: 3}

	top := len(x.b)
	x.testRR(32, hashElem, hashElem)
	over := x.jcc(CCS)
	var other []int
	if single {
		x.rm(64, op1(0x3b), temp, Mem{Base: hashWord, Index: hashElem, Scale: 3}) // cmp
		other = append(other, x.jcc(CCNE))
	} else {
		m := meta
		m.Disp = maps.HashMetaHash
		x.rm(32, op1(0x3b), hash, m)
		other = append(other, x.jcc(CCNE))
		x.imulRRI(64, hashWord, hashElem, int32(l.KeyStride))
		x.movRI(hashAt, int64(l.Keys))
		x.aluRR(64, aluAdd, hashAt, hashWord)
		for i := range words {
			x.keyWord(l, hashWord, key, i)
			x.rm(64, op1(0x3b), hashWord, at(hashAt, int32(8*i)))
			other = append(other, x.jcc(CCNE))
		}
	}
	x.element(l, hashElem, temp)
	if l.Marks != 0 {
		x.movRI(temp, int64(l.Marks))
		mark := Mem{Base: temp, Index: hashElem, Scale: 2}
		x.aluMI(32, aluCmp, mark, 0)
		set := x.short(CCNE)
		x.movMI32(mark, 1)
		x.land(set)
	}
	done := []int{x.jmp()}

	for _, o := range other {
		x.patch(o)
	}
	if !single {
		x.movRI(hashAt, int64(l.Meta))
	}
	meta.Disp = maps.HashMetaNext
	x.movRM(32, hashElem, meta)
	x.aluRI(32, aluSub, hashLeft, 1)
	again := x.jcc(CCNE)
	x.patchTo(again, top)
	long := x.shortJmp()

	x.patch(over)
	x.aluRR(32, aluCmp, hashElem, end)
	wrong := x.short(CCNE)
	x.aluRR(32, aluXor, RAX, RAX)
	done = append(done, x.jmp())

	x.land(long)
	x.land(wrong)
	x.clearHost()
	x.movRI(regs[1], op.Imm)
	x.movRI(scratch, int64(op.Exit))
	x.exits = append(x.exits, x.jmp())
	for _, d := range done {
		x.patch(d)
	}
	x.clearHost()
}

// clearHost takes host addresses out of guest registers: nobody reads them if the verifier is right.
func (x *expander) clearHost() {
	x.aluRR(32, aluXor, hashAt, hashAt)
	x.aluRR(32, aluXor, hashWord, hashWord)
}
