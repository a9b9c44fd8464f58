package isa

import (
	"testing"
	"unsafe"
)

func TestInsnSize(t *testing.T) {
	if n := unsafe.Sizeof(Insn{}); n != 16 {
		t.Fatalf("Insn is %d bytes, want 16", n)
	}
}

func TestSmoke(t *testing.T) {
	for op := range Ops() {
		if op.Info().Kind == KindInvalid {
			t.Errorf("%v has no row", op)
		}
		prog := []Insn{New(op, 0, 0, 0, 0)}
		switch {
		case op == OpLddwHi:
			continue
		case op == OpAddrSpaceCast:
			prog[0].Imm = 1
		case prog[0].Slots() == 2:
			p := LoadImm64(op, 1, 7)
			prog = p[:]
		}
		b, err := Encode(prog)
		if err != nil {
			t.Errorf("%v: %v", op, err)
			continue
		}
		got, err := Decode(b)
		if err != nil || got[0] != prog[0] {
			t.Errorf("%v: %+v %v, want %+v", op, got, err, prog)
		}
	}
}
