package isa

import (
	"errors"
	"testing"
)

func TestEncodeErrors(t *testing.T) {
	lddw := LoadImm64(OpLddw, R1, 1<<32|2)
	with := func(i Insn, set func(*Insn)) Insn { set(&i); return i }
	mov := New(OpMov64Imm, R1, 0, 0, 1)
	tests := []struct {
		name string
		prog []Insn
		want string
	}{
		{"zero Insn", []Insn{mov, {}}, "encode: insn 1: not an instruction"},
		{"row out of range", []Insn{{Op: 255}}, "encode: insn 0: not an instruction"},
		{"opcode", []Insn{with(mov, func(i *Insn) { i.Opcode = 7 })}, "encode: insn 0: mov: opcode is 0x07, must be 0xb7"},
		{"selector", []Insn{with(New(OpSdiv64Imm, 0, 0, 0, 1), func(i *Insn) { i.Off = 0 })}, "encode: insn 0: sdiv: selector fields do not fit OpSdiv64Imm"},
		{"imm", []Insn{New(OpMov64Imm, R1, 0, 0, 1<<31)}, "encode: insn 0: mov: imm 2147483648 does not fit 32 bits"},
		{"register", []Insn{New(OpMov64Imm, 11, 0, 0, 1)}, "encode: insn 0: dst is register 11, the last one is r10"},
		{"reserved", []Insn{New(OpMov64Imm, R1, R1, 0, 1)}, "encode: insn 0: mov: reserved field src is 1, must be 0"},
		{"callx", []Insn{New(OpCallReg, R1, 0, 0, 2)}, "encode: insn 0: callx: imm is 2, must be 0 or repeat register 1"},
		{"lddw cut", lddw[:1], "encode: insn 0: 16-byte load lacks its second half, the program ends"},
		{"lddw alone", lddw[1:], "encode: insn 0: second half of a 16-byte load without the first"},
		{"lddw broken", []Insn{lddw[0], mov}, "encode: insn 1: mov stands where the second half of a 16-byte load must be"},
		{"lddw halves", []Insn{lddw[0], New(OpLddwHi, 0, 0, 0, 3)}, "encode: insn 1: second half of a 16-byte load has imm 3, the first half says 1"},
		{"lddw map", func() []Insn { p := LoadImm64(OpLddwMapFD, R1, 1<<32); return p[:] }(), "encode: insn 0: lddw of a map: reserved high imm is 1, must be 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Encode(tt.prog)
			var ee *EncodeError
			if !errors.As(err, &ee) {
				t.Fatalf("Encode = % x, %v, want an *EncodeError", b, err)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}
