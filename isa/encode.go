package isa

import (
	"encoding/binary"
	"fmt"
	"math"
)

// EncodeError says which instruction of a program cannot be encoded and why.
type EncodeError struct {
	Insn   int // index into the program
	Reason string
}

// Error returns one line that stands alone.
func (e *EncodeError) Error() string {
	return fmt.Sprintf("encode: insn %d: %s", e.Insn, e.Reason)
}

// Encode turns a program into little-endian instruction bytes, 8 per entry. It
// accepts what [Decode] would: an entry whose fields disagree with its table
// row, or a 16-byte load without its matching second slot, is an
// [*EncodeError].
func Encode(prog []Insn) ([]byte, error) {
	b := make([]byte, 0, len(prog)*slotSize)
	for pc, ins := range prog {
		var hi *Insn
		if pc > 0 && prog[pc-1].Slots() == 2 {
			hi = &prog[pc-1]
		}
		if reason := ins.checkEncode(hi, pc+1 == len(prog)); reason != "" {
			return nil, &EncodeError{Insn: pc, Reason: reason}
		}
		b = ins.AppendTo(b)
	}
	return b, nil
}

// checkEncode says why i cannot be encoded, or returns "". first is the
// 16-byte load of which i must be the second slot, if any.
func (i Insn) checkEncode(first *Insn, last bool) string {
	r := i.Op.Info()
	switch {
	case r.Kind == KindInvalid:
		return "not an instruction"
	case first != nil && i.Op != OpLddwHi:
		return fmt.Sprintf("%s stands where the second half of a 16-byte load must be", r.Mnemonic)
	case first == nil && i.Op == OpLddwHi:
		return "second half of a 16-byte load without the first"
	case first != nil && i.Imm != int64(first.ImmHigh()):
		return fmt.Sprintf("second half of a 16-byte load has imm %d, the first half says %d", i.Imm, first.ImmHigh())
	case r.Kind == KindLoadImm64 && last:
		return "16-byte load lacks its second half, the program ends"
	case i.Opcode != r.Opcode:
		return fmt.Sprintf("%s: opcode is %#02x, must be %#02x", r.Mnemonic, i.Opcode, r.Opcode)
	case !r.selects(i):
		return fmt.Sprintf("%s: selector fields do not fit %s", r.Mnemonic, r.Name)
	}
	if r.Kind == KindLoadImm64 {
		if reason := i.checkImm64(); reason != "" {
			return reason
		}
	} else if i.Imm < math.MinInt32 || i.Imm > math.MaxInt32 {
		return fmt.Sprintf("%s: imm %d does not fit 32 bits", r.Mnemonic, i.Imm)
	}
	return r.check(i)
}

// AppendTo appends the instruction's own 8-byte slot to b, unchecked, and
// returns the extended slice. The second slot of a 16-byte load is an entry of
// its own; see [LoadImm64].
func (i Insn) AppendTo(b []byte) []byte {
	dst := i.Dst
	if i.Op == OpCallReg && i.Imm != 0 {
		dst = 0 // clang's form: the register is in imm
	}
	b = append(b, i.Opcode, byte(i.Src)<<4|byte(dst)&15)
	b = binary.LittleEndian.AppendUint16(b, uint16(i.Off))
	return binary.LittleEndian.AppendUint32(b, uint32(i.Imm))
}

// New returns the instruction op with the given operands. The opcode and the
// fields that select the form (the width of a swap, the operation of an
// atomic, a pseudo value in src) come from the table and replace what is
// passed; operands the form does not use should be 0. Nothing is checked:
// [Encode] does.
//
// For 16-byte loads use [LoadImm64].
func New(op Op, dst, src Reg, off int16, imm int64) Insn {
	r := op.Info()
	i := Insn{Op: op, Dst: dst, Src: src, Opcode: r.Opcode, Off: off, Imm: imm}
	if r.SrcUse == UseSelect {
		i.Src = Reg(r.SrcVal)
	}
	if r.OffUse == UseSelect {
		i.Off = r.OffVal
	}
	if r.ImmUse == UseSelect {
		i.Imm = int64(r.ImmVal)
	}
	return i
}

// LoadImm64 returns the two slots of a 16-byte load, op being one of the
// OpLddw rows. imm is all 64 bits: for pseudo forms the low word names the
// object and the high word is the offset or 0.
func LoadImm64(op Op, dst Reg, imm int64) [2]Insn {
	return [2]Insn{
		New(op, dst, 0, 0, imm),
		New(OpLddwHi, 0, 0, 0, imm>>32),
	}
}
