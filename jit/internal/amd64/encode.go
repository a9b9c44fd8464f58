// Package amd64 expands macro ops into amd64 machine code. It builds on any host.
package amd64

import "encoding/binary"

// Reg is a general register, by its number in encodings.
type Reg uint8

// The general registers.
const (
	RAX Reg = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15

	noReg Reg = 0xff
)

// Mem is a memory operand: Base + Index + Disp. Index is noReg for none.
type Mem struct {
	Base, Index Reg
	Scale       uint8 // log2, of Index
	Disp        int32
}

// at is a memory operand without an index.
func at(base Reg, disp int32) Mem { return Mem{Base: base, Index: noReg, Disp: disp} }

// CC is a condition code of jumps.
type CC uint8

// The condition codes (Intel SDM volume 2, appendix B.1.4.7).
const (
	CCB  CC = 0x2 // unsigned below, or carry
	CCAE CC = 0x3
	CCE  CC = 0x4
	CCNE CC = 0x5
	CCBE CC = 0x6
	CCA  CC = 0x7
	CCS  CC = 0x8
	CCL  CC = 0xc // signed less
	CCGE CC = 0xd
	CCLE CC = 0xe
	CCG  CC = 0xf
)

// buffer collects encoded instructions. Its methods are the encoders: each appends the bytes of one instruction
// and depends on its operands only.
type buffer struct{ b []byte }

func (e *buffer) byte(v ...byte) { e.b = append(e.b, v...) }
func (e *buffer) one(v byte)     { e.b = append(e.b, v) } // as byte, without a slice
func (e *buffer) imm8(v int64)   { e.b = append(e.b, byte(v)) }
func (e *buffer) imm16(v int64)  { e.b = binary.LittleEndian.AppendUint16(e.b, uint16(v)) }
func (e *buffer) imm32(v int64)  { e.b = binary.LittleEndian.AppendUint32(e.b, uint32(v)) }
func (e *buffer) imm64(v int64)  { e.b = binary.LittleEndian.AppendUint64(e.b, uint64(v)) }

// code is an opcode: up to three bytes, the mandatory prefix apart.
type code struct {
	prefix byte   // 0x66, 0xf3, or 0
	lock   bool   // with the lock prefix
	b      uint32 // opcode bytes, the first one highest
	n      uint8
	// low8 says that the register operand is a byte register, so that numbers 4 to 7 need REX.
	low8 bool
	rm8  bool // the same of the register in ModRM.rm
}

func op1(b uint32) code { return code{b: b, n: 1} }
func op2(b uint32) code { return code{b: b, n: 2} }

func (e *buffer) head(w int, c code, reg, index, base Reg, rmByte bool) {
	if c.lock {
		e.one(0xf0)
	}
	if c.prefix != 0 {
		e.one(c.prefix)
	}
	rex := byte(0)
	if w == 64 {
		rex |= 0x48
	}
	if reg != noReg && reg >= R8 {
		rex |= 0x44
	}
	if index != noReg && index >= R8 {
		rex |= 0x42
	}
	if base != noReg && base >= R8 {
		rex |= 0x41
	}
	if c.low8 && reg >= RSP && reg <= RDI || rmByte && base >= RSP && base <= RDI {
		rex |= 0x40
	}
	if rex != 0 {
		e.one(rex)
	}
	for i := int(c.n) - 1; i > 0; i-- {
		e.one(byte(c.b >> (8 * i)))
	}
	e.one(byte(c.b))
}

// rr encodes an instruction with two register operands: reg is ModRM.reg, rm ModRM.rm.
func (e *buffer) rr(w int, c code, reg, rm Reg) {
	modrm := 0xc0 | uint32(reg&7)<<3 | uint32(rm&7)
	if c.n != 1 || c.prefix != 0 || c.lock || c.low8 || c.rm8 {
		e.head(w, c, reg, noReg, rm, c.rm8)
		e.one(byte(modrm))
		return
	}
	// What most instructions are, at once: REX or not, one byte of opcode, ModRM.
	v, n := c.b|modrm<<8, 2
	if rex := uint32(w>>6)<<3 | uint32(reg>>3)<<2 | uint32(rm>>3); rex != 0 {
		v, n = v<<8|0x40|rex, 3
	}
	at := len(e.b)
	e.b = binary.LittleEndian.AppendUint32(e.b, v)[:at+n]
}

// rm encodes an instruction with a register and a memory operand. reg is a register or an opcode extension.
func (e *buffer) rm(w int, c code, reg Reg, m Mem) {
	e.head(w, c, reg, m.Index, m.Base, false)
	mod, disp := byte(0x80), 4
	switch {
	case m.Disp == 0 && m.Base&7 != RBP:
		mod, disp = 0, 0
	case m.Disp == int32(int8(m.Disp)):
		mod, disp = 0x40, 1
	}
	if m.Index == noReg && m.Base&7 != RSP {
		e.one(mod | byte(reg&7)<<3 | byte(m.Base&7))
	} else {
		index := RSP // none
		if m.Index != noReg {
			index = m.Index
		}
		e.one(mod | byte(reg&7)<<3 | 4)
		e.one(m.Scale<<6 | byte(index&7)<<3 | byte(m.Base&7))
	}
	switch disp {
	case 1:
		e.imm8(int64(m.Disp))
	case 4:
		e.imm32(int64(m.Disp))
	}
}

// alu is the number of an operation in the group of eight that add begins.
type alu uint8

const (
	aluAdd alu = 0
	aluOr  alu = 1
	aluAnd alu = 4
	aluSub alu = 5
	aluXor alu = 6
	aluCmp alu = 7
)

// aluRR is dst = dst op src.
func (e *buffer) aluRR(w int, op alu, dst, src Reg) { e.rr(w, op1(uint32(op)<<3|1), src, dst) }

// aluRM is dst = dst op memory.
func (e *buffer) aluRM(w int, op alu, dst Reg, m Mem) { e.rm(w, op1(uint32(op)<<3|3), dst, m) }

// aluRI is dst = dst op imm, sign-extended from 32 bits.
func (e *buffer) aluRI(w int, op alu, dst Reg, imm int32) {
	if imm == int32(int8(imm)) {
		e.rr(w, op1(0x83), Reg(op), dst)
		e.imm8(int64(imm))
		return
	}
	if dst == RAX {
		e.head(w, op1(uint32(op)<<3|5), 0, noReg, 0, false)
	} else {
		e.rr(w, op1(0x81), Reg(op), dst)
	}
	e.imm32(int64(imm))
}

// aluMI compares or changes memory of w bits with an immediate.
func (e *buffer) aluMI(w int, op alu, m Mem, imm int32) {
	if imm == int32(int8(imm)) {
		e.rm(w, op1(0x83), Reg(op), m)
		e.imm8(int64(imm))
		return
	}
	e.rm(w, op1(0x81), Reg(op), m)
	e.imm32(int64(imm))
}

func (e *buffer) movRR(w int, dst, src Reg) { e.rr(w, op1(0x89), src, dst) }

// movRI loads a constant with the shortest encoding. It may change the flags.
func (e *buffer) movRI(dst Reg, v int64) {
	if v == 0 {
		e.aluRR(32, aluXor, dst, dst)
		return
	}
	switch {
	case v == int64(uint32(v)):
		e.head(32, op1(0xb8|uint32(dst&7)), 0, noReg, dst, false)
		e.imm32(v)
	case v == int64(int32(v)):
		e.rr(64, op1(0xc7), 0, dst)
		e.imm32(v)
	default:
		e.head(64, op1(0xb8|uint32(dst&7)), 0, noReg, dst, false)
		e.imm64(v)
	}
}

func (e *buffer) movRM(w int, dst Reg, m Mem) { e.rm(w, op1(0x8b), dst, m) }
func (e *buffer) movMR(w int, m Mem, src Reg) { e.rm(w, op1(0x89), src, m) }
func (e *buffer) movMI32(m Mem, v int32)      { e.rm(32, op1(0xc7), 0, m); e.imm32(int64(v)) }

func (e *buffer) lea(w int, dst Reg, m Mem)      { e.rm(w, op1(0x8d), dst, m) }
func (e *buffer) xchgRR(w int, a, b Reg)         { e.rr(w, op1(0x87), a, b) }
func (e *buffer) testRR(w int, a, b Reg)         { e.rr(w, op1(0x85), b, a) }
func (e *buffer) testRI(w int, a Reg, v int32)   { e.rr(w, op1(0xf7), 0, a); e.imm32(int64(v)) }
func (e *buffer) imulRR(w int, dst, src Reg)     { e.rr(w, op2(0x0faf), dst, src) }
func (e *buffer) neg(w int, dst Reg)             { e.rr(w, op1(0xf7), 3, dst) }
func (e *buffer) div(w int, by Reg)              { e.rr(w, op1(0xf7), 6, by) }
func (e *buffer) idiv(w int, by Reg)             { e.rr(w, op1(0xf7), 7, by) }
func (e *buffer) movsxd(dst, src Reg)            { e.rr(64, op1(0x63), dst, src) }
func (e *buffer) bswap(w int, dst Reg)           { e.head(w, op2(0x0fc8|uint32(dst&7)), 0, noReg, dst, false) }
func (e *buffer) movzx16RR(dst, src Reg)         { e.rr(32, op2(0x0fb7), dst, src) }
func (e *buffer) movzx8RR(dst, src Reg)          { e.rr(32, code{b: 0x0fb6, n: 2, rm8: true}, dst, src) }
func (e *buffer) jmpMem(m Mem)                   { e.rm(32, op1(0xff), 4, m) }
func (e *buffer) callMem(m Mem)                  { e.rm(32, op1(0xff), 2, m) }
func (e *buffer) pushMem(m Mem)                  { e.rm(32, op1(0xff), 6, m) }
func (e *buffer) popMem(m Mem)                   { e.rm(32, op1(0x8f), 0, m) }
func (e *buffer) push(r Reg)                     { e.head(32, op1(0x50|uint32(r&7)), 0, noReg, r, false) }
func (e *buffer) pop(r Reg)                      { e.head(32, op1(0x58|uint32(r&7)), 0, noReg, r, false) }
func (e *buffer) pushImm(v int32)                { e.byte(0x68); e.imm32(int64(v)) }
func (e *buffer) ret()                           { e.byte(0xc3) }
func (e *buffer) cdq(w int)                      { e.head(w, op1(0x99), 0, noReg, noReg, false) }
func (e *buffer) decM(w int, m Mem)              { e.rm(w, op1(0xff), 1, m) }
func (e *buffer) zeroX0()                        { e.byte(0x0f, 0x57, 0xc0) } // xorps xmm0, xmm0
func (e *buffer) storeX0(m Mem)                  { e.rm(32, op2(0x0f11), 0, m) }
func (e *buffer) movzxRM(size int, d Reg, m Mem) { e.rm(32, op2(0x0fb6|uint32(size>>1)), d, m) }

// imulRRI is dst = src * imm.
func (e *buffer) imulRRI(w int, dst, src Reg, imm int32) {
	if imm == int32(int8(imm)) {
		e.rr(w, op1(0x6b), dst, src)
		e.imm8(int64(imm))
		return
	}
	e.rr(w, op1(0x69), dst, src)
	e.imm32(int64(imm))
}

// shift numbers of the group that rol begins.
const (
	shRol = 0
	shRor = 1
	shShl = 4
	shShr = 5
	shSar = 7
)

func (e *buffer) shiftI(w, op int, dst Reg, n uint8) {
	if n == 1 {
		e.rr(w, op1(0xd1), Reg(op), dst)
		return
	}
	e.rr(w, op1(0xc1), Reg(op), dst)
	e.byte(n)
}

// shiftCL shifts by CL.
func (e *buffer) shiftCL(w, op int, dst Reg) { e.rr(w, op1(0xd3), Reg(op), dst) }

// rol16 rotates the low 16 bits by 8: their byte swap.
func (e *buffer) rol16(dst Reg) {
	e.rr(32, code{prefix: 0x66, b: 0xc1, n: 1}, shRol, dst)
	e.byte(8)
}

// vex3 encodes a three-operand instruction of BMI2: opcode map 0f38.
func (e *buffer) vex3(w int, pp, opcode byte, reg, vvvv, rm Reg) {
	r, b := byte(0x80), byte(0x20)
	if reg >= R8 {
		r = 0
	}
	if rm >= R8 {
		b = 0
	}
	wb := byte(0)
	if w == 64 {
		wb = 0x80
	}
	e.byte(0xc4, r|0x40|b|2, wb|(^byte(vvvv)&15)<<3|pp, opcode, 0xc0|byte(reg&7)<<3|byte(rm&7))
}

// shlx, shrx and sarx are dst = src shifted by the register n, and leave the flags alone.
func (e *buffer) shlx(w int, dst, src, n Reg) { e.vex3(w, 1, 0xf7, dst, n, src) }
func (e *buffer) shrx(w int, dst, src, n Reg) { e.vex3(w, 3, 0xf7, dst, n, src) }
func (e *buffer) sarx(w int, dst, src, n Reg) { e.vex3(w, 2, 0xf7, dst, n, src) }

// mulx is the upper half of src * RDX to hi and the lower half to lo, which may be the same register: it gets the upper half.
func (e *buffer) mulx(hi, lo, src Reg) { e.vex3(64, 3, 0xf6, hi, lo, src) }

// rorx is dst = src rotated right by n.
func (e *buffer) rorx(w int, dst, src Reg, n uint8) {
	r, b, wb := byte(0x80), byte(0x20), byte(0)
	if dst >= R8 {
		r = 0
	}
	if src >= R8 {
		b = 0
	}
	if w == 64 {
		wb = 0x80
	}
	e.byte(0xc4, r|0x40|b|3, wb|0x78|3, 0xf0, 0xc0|byte(dst&7)<<3|byte(src&7), n)
}

// movbeRM loads size bytes with their order reversed; the upper half of a 4-byte load becomes zero,
// the upper 48 bits of a 2-byte one stay.
func (e *buffer) movbeRM(size int, dst Reg, m Mem) {
	e.rm(size*8, code{prefix: prefix16(size), b: 0x0f38f0, n: 3}, dst, m)
}
func (e *buffer) movbeMR(size int, m Mem, src Reg) {
	e.rm(size*8, code{prefix: prefix16(size), b: 0x0f38f1, n: 3}, src, m)
}

func prefix16(size int) byte {
	if size == 2 {
		return 0x66
	}
	return 0
}

// store writes the low size bytes of src.
func (e *buffer) store(size int, m Mem, src Reg) {
	switch size {
	case 1:
		e.rm(32, code{b: 0x88, n: 1, low8: true}, src, m)
	case 2:
		e.rm(32, code{prefix: 0x66, b: 0x89, n: 1}, src, m)
	default:
		e.movMR(size*8, m, src)
	}
}

// storeI writes a constant of size bytes, sign-extended from 32 bits.
func (e *buffer) storeI(size int, m Mem, v int64) {
	switch size {
	case 1:
		e.rm(32, op1(0xc6), 0, m)
		e.imm8(v)
	case 2:
		e.rm(32, code{prefix: 0x66, b: 0xc7, n: 1}, 0, m)
		e.imm16(v)
	default:
		e.rm(size*8, op1(0xc7), 0, m)
		e.imm32(v)
	}
}

// load reads size bytes, zero- or sign-extended to 64 bits.
func (e *buffer) load(size int, signed bool, dst Reg, m Mem) {
	switch {
	case signed && size == 1:
		e.rm(64, op2(0x0fbe), dst, m)
	case signed && size == 2:
		e.rm(64, op2(0x0fbf), dst, m)
	case signed && size == 4:
		e.rm(64, op1(0x63), dst, m)
	case size <= 2:
		e.movzxRM(size, dst, m)
	default:
		e.movRM(size*8, dst, m)
	}
}

// sext sign-extends the low from bits of src to w bits.
func (e *buffer) sext(w, from int, dst, src Reg) {
	switch from {
	case 8:
		e.rr(w, code{b: 0x0fbe, n: 2, rm8: true}, dst, src)
	case 16:
		e.rr(w, op2(0x0fbf), dst, src)
	default:
		e.movsxd(dst, src)
	}
}

// Atomics: all with the lock prefix, which xchg with memory implies.
func (e *buffer) lockAluMR(w int, op alu, m Mem, src Reg) {
	e.rm(w, code{lock: true, b: uint32(op)<<3 | 1, n: 1}, src, m)
}
func (e *buffer) lockXadd(w int, m Mem, src Reg) {
	e.rm(w, code{lock: true, b: 0x0fc1, n: 2}, src, m)
}
func (e *buffer) lockCmpxchg(w int, m Mem, src Reg) {
	e.rm(w, code{lock: true, b: 0x0fb1, n: 2}, src, m)
}

// xchgMR swaps src with memory, size bytes.
func (e *buffer) xchgMR(size int, m Mem, src Reg) {
	switch size {
	case 1:
		e.rm(32, code{b: 0x86, n: 1, low8: true}, src, m)
	case 2:
		e.rm(32, code{prefix: 0x66, b: 0x87, n: 1}, src, m)
	default:
		e.rm(size*8, op1(0x87), src, m)
	}
}
