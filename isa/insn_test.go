package isa

import (
	"strings"
	"testing"
	"unsafe"
)

func TestInsnSize(t *testing.T) {
	if n := unsafe.Sizeof(Insn{}); n != 16 {
		t.Fatalf("Insn is %d bytes, want 16", n)
	}
}

func TestTarget(t *testing.T) {
	tests := []struct {
		i    Insn
		want int
	}{
		{New(OpJa, 0, 0, 4, 0), 15},
		{New(OpJa, 0, 0, -11, 0), 0},
		{New(OpJa32, 0, 0, 0, 100000), 100011},
		{New(OpMayGoto, 0, 0, -1, 0), 10},
		{New(OpJeqImm, R1, 0, 2, 77), 13},
		{New(OpJsle32Reg, R1, R2, -2, 0), 9},
		{New(OpCallLocal, 0, 0, 0, -3), 8},
		{LoadImm64(OpLddwFunc, R1, -3)[0], 8},
		{New(OpCallHelper, 0, 0, 0, 3), -1},
		{New(OpCallKfunc, 0, 0, 1, 3), -1},
		{New(OpAdd64Imm, 0, 0, 0, 3), -1},
		{New(OpExit, 0, 0, 0, 0), -1},
	}
	for _, tt := range tests {
		if got := tt.i.Target(10); got != tt.want {
			t.Errorf("%q: Target(10) = %d, want %d", tt.i, got, tt.want)
		}
	}
}

func TestPredicates(t *testing.T) {
	for op := range Ops() {
		i, k := New(op, 0, 0, 0, 0), op.Info().Kind
		if i.IsCond() != strings.HasPrefix(op.String(), "OpJ") && k != KindJump {
			t.Errorf("%v: IsCond is %t", op, i.IsCond())
		}
		if i.IsJump() != (k == KindCond || k == KindJump || k == KindMayGoto) {
			t.Errorf("%v: IsJump is %t", op, i.IsJump())
		}
		if i.IsCall() != strings.HasPrefix(op.String(), "OpCall") {
			t.Errorf("%v: IsCall is %t", op, i.IsCall())
		}
		if i.IsExit() != (op == OpExit) {
			t.Errorf("%v: IsExit is %t", op, i.IsExit())
		}
	}
}

func TestRegisterSets(t *testing.T) {
	set := func(regs ...Reg) (s RegSet) {
		for _, r := range regs {
			s |= 1 << r
		}
		return s
	}
	args := set(R1, R2, R3, R4, R5)
	tests := []struct {
		i             Insn
		reads, writes RegSet
	}{
		{New(OpMov64Imm, R3, 0, 0, 1), 0, set(R3)},
		{New(OpMov64Reg, R3, R4, 0, 0), set(R4), set(R3)},
		{New(OpAdd32Reg, R3, R4, 0, 0), set(R3, R4), set(R3)},
		{New(OpNeg64, R3, 0, 0, 0), set(R3), set(R3)},
		{New(OpMovsx8To32, R3, R4, 0, 0), set(R4), set(R3)},
		{New(OpBe16, R3, 0, 0, 0), set(R3), set(R3)},
		{New(OpAddrSpaceCast, R3, R4, 0, 1), set(R4), set(R3)},
		{New(OpLdxW, R3, R4, 0, 0), set(R4), set(R3)},
		{New(OpStxW, R3, R4, 0, 0), set(R3, R4), 0},
		{New(OpStW, R3, 0, 0, 0), set(R3), 0},
		{LoadImm64(OpLddw, R3, 1)[0], 0, set(R3)},
		{LoadImm64(OpLddwMapFD, R3, 1)[0], 0, set(R3)},
		{New(OpLddwHi, 0, 0, 0, 0), 0, 0},
		{New(OpLdAbsB, 0, 0, 0, 0), set(R6), set(R0) | args},
		{New(OpLdIndB, 0, R7, 0, 0), set(R6, R7), set(R0) | args},
		{New(OpAtomicAdd64, R3, R4, 0, 0), set(R3, R4), 0},
		{New(OpAtomicFetchAdd64, R3, R4, 0, 0), set(R3, R4), set(R4)},
		{New(OpAtomicXchg64, R3, R4, 0, 0), set(R3, R4), set(R4)},
		{New(OpAtomicCmpxchg64, R3, R4, 0, 0), set(R0, R3, R4), set(R0)},
		{New(OpLoadAcqW, R3, R4, 0, 0), set(R4), set(R3)},
		{New(OpStoreRelW, R3, R4, 0, 0), set(R3, R4), 0},
		{New(OpJa, 0, 0, 1, 0), 0, 0},
		{New(OpMayGoto, 0, 0, 1, 0), 0, 0},
		{New(OpJeqImm, R3, 0, 1, 0), set(R3), 0},
		{New(OpJeqReg, R3, R4, 1, 0), set(R3, R4), 0},
		{New(OpCallHelper, 0, 0, 0, 1), args, set(R0) | args},
		{New(OpCallReg, R7, 0, 0, 0), args | set(R7), set(R0) | args},
		{New(OpExit, 0, 0, 0, 0), set(R0), 0},
	}
	for _, tt := range tests {
		if r, w := tt.i.ReadRegs(), tt.i.WriteRegs(); r != tt.reads || w != tt.writes {
			t.Errorf("%q: reads %#x writes %#x, want %#x %#x", tt.i, r, w, tt.reads, tt.writes)
		}
	}
	if s := set(R3); !s.Has(R3) || s.Has(R2) {
		t.Error("RegSet.Has is wrong")
	}
}
