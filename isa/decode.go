package isa

import (
	"encoding/binary"
	"fmt"
)

// slotSize is the size of an encoded instruction slot in bytes.
const slotSize = 8

// DecodeError says which instruction cannot be decoded and why.
type DecodeError struct {
	Insn   int    // number of the 8-byte slot, from 0
	Raw    uint64 // the slot, read as a little-endian word; 0 if incomplete
	Reason string
}

// Error returns one line that stands alone.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode: insn %d: %s", e.Insn, e.Reason)
}

// Decode turns little-endian instruction bytes, as the kernel and ELF objects
// for bpfel have them, into a program with one entry per 8-byte slot.
//
// It is strict: every opcode must be in the table, register numbers must be at
// most 10, and reserved fields must be zero (RFC 9669 section 3). What needs
// more than one instruction to know is not checked: jump targets, the last
// instruction, writes to R10, helper numbers. Errors are [*DecodeError].
//
// Linux is laxer in one place, it ignores off of an exit; gbpf goes by the
// RFC. Calls through a register (callx), which Linux refuses, are decoded in
// both encodings compilers have used.
//
// The encoding is kept in the entries, so that [Encode] gives back the very
// same bytes.
func Decode(b []byte) ([]Insn, error) {
	if len(b) == 0 {
		return nil, &DecodeError{Reason: "program is empty"}
	}
	if n := len(b) % slotSize; n != 0 {
		return nil, &DecodeError{Insn: len(b) / slotSize, Reason: fmt.Sprintf("%d trailing bytes, an instruction has 8", n)}
	}
	prog := make([]Insn, len(b)/slotSize)
	for pc := 0; pc < len(prog); pc++ {
		ins, reason := decodeSlot(b[pc*slotSize:])
		if reason != "" {
			return nil, &DecodeError{Insn: pc, Raw: binary.LittleEndian.Uint64(b[pc*slotSize:]), Reason: reason}
		}
		if ins.Op.Info().Kind == KindLoadImm64 {
			if pc+1 == len(prog) {
				return nil, &DecodeError{Insn: pc, Raw: binary.LittleEndian.Uint64(b[pc*slotSize:]), Reason: "16-byte load lacks its second half, the program ends"}
			}
			hi, reason := decodeHi(b[(pc+1)*slotSize:])
			if reason == "" {
				ins.Imm = int64(uint64(uint32(ins.Imm)) | uint64(hi.Imm)<<32)
				reason = ins.checkImm64()
			}
			if reason != "" {
				return nil, &DecodeError{Insn: pc + 1, Raw: binary.LittleEndian.Uint64(b[(pc+1)*slotSize:]), Reason: reason}
			}
			prog[pc], prog[pc+1] = ins, hi
			pc++
			continue
		}
		prog[pc] = ins
	}
	return prog, nil
}

// fields reads a slot (RFC 9669 section 3): opcode, registers (dst in the low
// nibble), off, imm.
func fields(b []byte) Insn {
	return Insn{
		Opcode: b[0],
		Dst:    Reg(b[1] & 15),
		Src:    Reg(b[1] >> 4),
		Off:    int16(binary.LittleEndian.Uint16(b[2:])),
		Imm:    int64(int32(binary.LittleEndian.Uint32(b[4:]))),
	}
}

// decodeSlot decodes any slot but the second of a 16-byte load.
func decodeSlot(b []byte) (Insn, string) {
	ins := fields(b)
	rows := byOpcode[ins.Opcode]
	if len(rows) == 0 {
		return ins, fmt.Sprintf("opcode %#02x is not an instruction", ins.Opcode)
	}
	for _, op := range rows {
		if r := &table[op]; r.selects(ins) {
			ins.Op = op
			if op == OpCallReg && ins.Imm != 0 {
				return decodeCallImm(ins)
			}
			return ins, r.check(ins)
		}
	}
	return ins, noSelector(ins, &table[rows[0]])
}

// decodeCallImm decodes callx with the register in imm, as clang had it before
// version 19; Dst gets the register, and a set Imm tells the encoder.
func decodeCallImm(ins Insn) (Insn, string) {
	if ins.Dst != 0 {
		return ins, fmt.Sprintf("callx: dst is %d and imm %d, only one may hold the register", ins.Dst, ins.Imm)
	}
	if ins.Imm < 0 || ins.Imm >= NumRegs {
		return ins, fmt.Sprintf("callx: imm is register %d, the last one is r10", ins.Imm)
	}
	ins.Dst = Reg(ins.Imm)
	return ins, table[OpCallReg].check(ins)
}

// decodeHi decodes the second slot of a 16-byte load.
func decodeHi(b []byte) (Insn, string) {
	ins := fields(b)
	if ins.Opcode != 0 || ins.Dst != 0 || ins.Src != 0 || ins.Off != 0 {
		return ins, "second half of a 16-byte load must be zero but for imm"
	}
	ins.Op = OpLddwHi
	return ins, ""
}

// selects reports whether the selector fields of ins pick this row.
func (r *Info) selects(ins Insn) bool {
	return (r.SrcUse != UseSelect || uint8(ins.Src) == r.SrcVal) &&
		(r.OffUse != UseSelect || ins.Off == r.OffVal) &&
		(r.ImmUse != UseSelect || ins.Imm == int64(r.ImmVal))
}

// noSelector explains that the opcode of row r exists, but not with the
// selector in ins.
func noSelector(ins Insn, r *Info) string {
	field, v := "imm", ins.Imm
	switch UseSelect {
	case r.SrcUse:
		field, v = "src", int64(ins.Src)
	case r.OffUse:
		field, v = "off", int64(ins.Off)
	}
	return fmt.Sprintf("opcode %#02x (%s) has no form with %s %d", ins.Opcode, r.Kind, field, v)
}

// check says what is wrong with the fields of an instruction of this row, or
// returns "".
func (r *Info) check(ins Insn) string {
	switch {
	case r.DstUse == UseOperand && ins.Dst >= NumRegs:
		return fmt.Sprintf("dst is register %d, the last one is r10", ins.Dst)
	case r.SrcUse == UseOperand && ins.Src >= NumRegs:
		return fmt.Sprintf("src is register %d, the last one is r10", ins.Src)
	case r.DstUse == UseNone && ins.Dst != 0:
		return r.reserved("dst", int64(ins.Dst))
	case r.SrcUse == UseNone && ins.Src != 0:
		return r.reserved("src", int64(ins.Src))
	case r.OffUse == UseNone && ins.Off != 0:
		return r.reserved("off", int64(ins.Off))
	case r.ImmUse == UseNone && ins.Imm != 0:
		return r.reserved("imm", ins.Imm)
	}
	switch r.Op {
	case OpCallReg:
		if ins.Imm != 0 && ins.Imm != int64(ins.Dst) {
			return fmt.Sprintf("callx: imm is %d, must be 0 or repeat register %d", ins.Imm, ins.Dst)
		}
	case OpAddrSpaceCast:
		if ins.Imm != CastToKernel && ins.Imm != CastToUser {
			return fmt.Sprintf("addr_space_cast: imm is %#x, must be 0x1 or 0x10000", uint32(ins.Imm))
		}
	}
	return ""
}

func (r *Info) reserved(field string, v int64) string {
	return fmt.Sprintf("%s: reserved field %s is %d, must be 0", r.Mnemonic, field, v)
}

// checkImm64 checks a 16-byte load whose Imm is complete: naming a map leaves
// the high word reserved.
func (i Insn) checkImm64() string {
	switch i.Op {
	case OpLddwMapFD, OpLddwMapIdx:
		if i.ImmHigh() != 0 {
			return fmt.Sprintf("lddw of a map: reserved high imm is %d, must be 0", i.ImmHigh())
		}
	}
	return ""
}
