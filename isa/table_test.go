package isa

import (
	"strings"
	"testing"
)

// TestTable checks what every consumer relies on.
func TestTable(t *testing.T) {
	seen := map[string]Op{}
	for op := range Ops() {
		r := op.Info()
		if r.Op != op || r.Name != op.String() || !strings.HasPrefix(r.Name, "Op") {
			t.Errorf("row %d is %v, named %q", op, r.Op, r.Name)
		}
		if r.Kind == KindInvalid || r.Mnemonic == "" || r.RFC == "" || r.Since < V1 || r.Since > V4 {
			t.Errorf("%v: incomplete row %+v", op, r)
		}
		if p, dup := seen[r.Name]; dup {
			t.Errorf("%v and %v share the name %s", op, p, r.Name)
		}
		seen[r.Name] = op
		memory := r.Kind == KindLoad || r.Kind == KindLoadSX || r.Kind == KindStore || r.Kind == KindStoreImm ||
			r.Kind == KindAtomic || r.Kind == KindLoadAcquire || r.Kind == KindStoreRelease || r.Kind == KindPacketLoad
		if memory != (r.Size != 0) {
			t.Errorf("%v: Size is %d", op, r.Size)
		}
		arithmetic := r.AluOp != AluNone || r.Kind == KindCond || r.Kind == KindAtomic || r.Kind == KindAddrSpaceCast
		if arithmetic != (r.Width != 0) {
			t.Errorf("%v: Width is %d", op, r.Width)
		}
		if (r.Kind == KindCond) != (r.CondOp != CondNone) || (r.Kind == KindAtomic) != (r.AtomicOp != AtomicNone) || (r.Kind == KindMovSX) != (r.FromWidth != 0) {
			t.Errorf("%v: operation does not fit kind %v", op, r.Kind)
		}
		if (r.Reads|r.Writes)&EffDst != 0 && r.DstUse != UseOperand || (r.Reads|r.Writes)&EffSrc != 0 && r.SrcUse != UseOperand {
			t.Errorf("%v: touches a register that is no operand", op)
		}
		if r.UsesImm && r.ImmUse != UseOperand {
			t.Errorf("%v: UsesImm, but imm is no operand", op)
		}
	}
	if n := len(seen); n != NumOps-1 {
		t.Errorf("%d rows, want %d", n, NumOps-1)
	}
	for _, op := range []Op{OpInvalid, numOps, 255} {
		if k := op.Info().Kind; k != KindInvalid {
			t.Errorf("Op(%d) has kind %v", op, k)
		}
	}
	for range Ops() {
		break // the iterator must stop when told to
	}
}

// TestRowsAreDistinct demands that at most one row claims an encoding: Decode
// takes the first.
func TestRowsAreDistinct(t *testing.T) {
	for opcode, rows := range byOpcode {
		for _, op := range rows {
			for _, prog := range samples(op) {
				for _, other := range rows {
					if other != op && other.Info().selects(prog[0]) {
						t.Errorf("opcode %#02x: %v and %v both claim %+v", opcode, op, other, prog[0])
					}
				}
			}
		}
	}
}

// TestMnemonics pins the conformance suite's names, group and first -mcpu
// level of a row of each family.
func TestMnemonics(t *testing.T) {
	tests := []struct {
		op       Op
		mnemonic string
		group    Group
		since    CPU
	}{
		{OpAdd64Imm, "add", GroupBase64, V1},
		{OpAdd32Reg, "add32", GroupBase32, V3},
		{OpMul64Reg, "mul", GroupDivmul64, V1},
		{OpDiv32Imm, "div32", GroupDivmul32, V3},
		{OpSmod32Imm, "smod32", GroupDivmul32, V4},
		{OpNeg32, "neg32", GroupBase32, V3},
		{OpMovsx8To32, "movsx832", GroupBase32, V4},
		{OpMovsx32To64, "movsx3264", GroupBase64, V4},
		{OpAddrSpaceCast, "addr_space_cast", GroupLinux, V3},
		{OpLe32, "le32", GroupBase32, V1},
		{OpBe64, "be64", GroupBase64, V1},
		{OpBswap16, "swap16", GroupBase32, V4},
		{OpJa, "ja", GroupBase32, V1},
		{OpJa32, "ja32", GroupBase32, V4},
		{OpMayGoto, "may_goto", GroupLinux, V4},
		{OpJsgtReg, "jsgt", GroupBase64, V1},
		{OpJltImm, "jlt", GroupBase64, V2},
		{OpJlt32Imm, "jlt32", GroupBase32, V3},
		{OpCallHelper, "call", GroupBase32, V1},
		{OpCallReg, "callx", GroupCallx, V1},
		{OpExit, "exit", GroupBase32, V1},
		{OpLdxB, "ldxb", GroupBase32, V1},
		{OpLdxDW, "ldxdw", GroupBase64, V1},
		{OpLdxsH, "ldxsh", GroupBase64, V4},
		{OpStW, "stw", GroupBase32, V1},
		{OpStxDW, "stxdw", GroupBase64, V1},
		{OpLddwMapFD, "lddw", GroupBase64, V1},
		{OpLdAbsW, "ldabsw", GroupPacket, V1},
		{OpLdIndB, "ldindb", GroupPacket, V1},
		{OpAtomicAdd64, "lock add", GroupAtomic64, V1},
		{OpAtomicFetchXor32, "lock fetch xor32", GroupAtomic32, V3},
		{OpAtomicCmpxchg64, "lock cmpxchg", GroupAtomic64, V3},
		{OpLoadAcqB, "load_acquireb", GroupLinux, V4},
		{OpStoreRelDW, "store_releasedw", GroupLinux, V4},
	}
	for _, tt := range tests {
		r := tt.op.Info()
		if r.Mnemonic != tt.mnemonic || r.Group != tt.group || r.Since != tt.since {
			t.Errorf("%v is %q %v %v, want %q %v %v", tt.op, r.Mnemonic, r.Group, r.Since, tt.mnemonic, tt.group, tt.since)
		}
	}
}

func TestEnumNames(t *testing.T) {
	tests := []struct{ got, want string }{
		{AluArsh.String(), "arsh"}, {AluArsh.Symbol(), "s>>="}, {AluBswap.String(), "swap"}, {AluBswap.Symbol(), "bswap"},
		{CondSle.String(), "jsle"}, {CondSle.Symbol(), "s<="}, {CondSet.Symbol(), "&"},
		{AtomicCmpxchg.String(), "cmpxchg"}, {GroupCallx.String(), "callx"}, {V4.String(), "v4"},
		{KindLoadImm64.String(), "LoadImm64"}, {ClassALU64.String(), "ALU64"}, {R10.String(), "r10"}, {R9.Name32(), "w9"},
		{AluOp(99).String(), "?"}, {CondOp(99).Symbol(), "?"}, {Op(255).String(), "Op(255)"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	if CondSle.Symbol() != condSymbols[len(condSymbols)-1] || len(aluNames) != len(aluSymbols) || len(condNames) != len(condSymbols) {
		t.Error("name tables and enums differ in length")
	}
}
