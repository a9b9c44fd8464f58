package suite

import (
	"fmt"
	"strings"

	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// nested is a program whose functions call each other, n deep: each keeps R6 to R9 and a word of its stack.
func nested(n int) ([]isa.Insn, uint64) {
	var b strings.Builder
	want := uint64(0)
	for i := range n {
		if i > 0 {
			fmt.Fprintf(&b, "f%d: ", i)
		}
		fmt.Fprintf(&b, "r6 = %d; r7 = %d; r8 = %d; r9 = %d; *(u64 *)(r10 -8) = %d\n", 10+i, 20+i, 30+i, 40+i, 50+i)
		want += uint64(10 + i + 20 + i + 30 + i + 40 + i + 50 + i)
		if i+1 < n {
			fmt.Fprintf(&b, "call f%d\n", i+1)
		} else {
			b.WriteString("r0 = 0\n")
		}
		b.WriteString("r0 += r6; r0 += r7; r0 += r8; r0 += r9; r1 = *(u64 *)(r10 -8); r0 += r1; exit\n")
	}
	return text("%s", b.String()), want
}

const rfcCalls = "RFC 9669 section 4.3.2"

// functions tries calls of the program's own functions.
func functions(yield func(*Case) bool) bool {
	for n := 1; n <= 8; n++ {
		insns, want := nested(n)
		if !yield(&Case{Group: Calls, Name: fmt.Sprintf("%d nested", n), RFC: rfcCalls, Type: "syscall", Insns: insns, Want: want}) {
			return false
		}
	}
	insns, _ := nested(9)
	deep := -1
	for pc, in := range insns {
		if in.Op == isa.OpCallLocal {
			deep = pc
		}
	}
	for _, c := range []*Case{
		{Name: "9 nested", Insns: insns, Trap: trap.CallDepth, TrapInsn: deep, Unproved: true},
		{Name: "recursion without end", Insns: text("call f; exit; f: call f; exit"), Trap: trap.CallDepth, TrapInsn: 2, Unproved: true},
		{Name: "recursion that ends", Insns: text("r1 = 5; call f; exit; f: r0 = 1; if r1 == 0 goto out; r6 = r1; r1 -= 1; call f; r0 *= r6; out: exit"), Want: 120, Unproved: true},
		{Name: "five arguments", Insns: text("r1 = 1; r2 = 20; r3 = 300; r4 = 4000; r5 = 50000; call f; exit; f: r0 = r1; r0 += r2; r0 += r3; r0 += r4; r0 += r5; exit"), Want: 54321},
		{Name: "R6 to R9 stay", Insns: text("r6 = 6; r7 = 7; r8 = 8; r9 = 9; call f; r0 += r6; r0 += r7; r0 += r8; r0 += r9; exit; f: r6 = 100; r7 = 100; r8 = 100; r9 = 100; r0 = 1; exit"), Want: 31},
		{Name: "R6 to R9 stay in their places", Insns: text("r6 = 6; r7 = 7; r8 = 8; r9 = 9; call f; r0 = r6; r0 *= 10; r0 += r7; r0 *= 10; r0 += r8; r0 *= 10; r0 += r9; exit; f: r6 = 1; r7 = 2; r8 = 3; r9 = 4; r0 = 1; exit"), Want: 6789},
		{Name: "R6 to R9 are the caller's in a function", Insns: text("r6 = 6; r7 = 7; r8 = 8; r9 = 9; call f; r0 *= 10; r0 += r9; exit; f: r6 = 1; r7 = 2; call g; r0 = r6; r0 *= 10; r0 += r7; exit; g: r6 = 3; r7 = 4; r8 = 5; r9 = 5; r0 = 0; exit"), Want: 129},
		{Name: "a pointer to the caller's stack", Insns: text("r1 = r10; r1 += -8; *(u64 *)(r10 -8) = 5; call f; r0 = *(u64 *)(r10 -8); exit; f: r2 = *(u64 *)(r1 +0); r2 *= 3; *(u64 *)(r1 +0) = r2; r0 = 0; exit"), Want: 15},
		{Name: "a call in a loop", Insns: text("r6 = 0; r7 = 0\ntop: r1 = r7; r2 = r6; call f; r7 = r0; r6 += 1; if r6 < 20 goto top; r0 = r7; exit; f: r0 = r1; r0 += r2; exit"), Want: 190},
		{Name: "two functions", Insns: text("r1 = 3; call f; r1 = r0; call g; exit; f: r0 = r1; r0 += 4; exit; g: r0 = r1; r0 *= 5; exit"), Want: 35},
		{Name: "64 bits come back", Insns: text("call f; exit; f: r0 = 0x123456789abcdef0 ll; exit"), Want: 0x123456789abcdef0},
	} {
		c.Group, c.RFC, c.Type = Calls, rfcCalls, "syscall"
		if !yield(c) {
			return false
		}
	}
	return true
}

// callReg tries callx, which no kernel takes.
func callReg(yield func(*Case) bool) bool {
	for reg := isa.R0; reg < isa.R10; reg++ {
		if reg == isa.R1 {
			continue
		}
		fn := isa.LoadImm64(isa.OpLddwFunc, reg, 4)
		for _, c := range []*Case{
			{Name: fmt.Sprintf("a function in r%d", reg), Insns: seq(one(isa.OpMov64Imm, 1, 0, 0, 20), fn[:], one(isa.OpCallReg, reg, 0, 0, 0), one(isa.OpAdd64Imm, 0, 0, 0, 1), exit,
				text("r0 = r1; r0 *= 2; exit")), Want: 41},
			{Name: fmt.Sprintf("a helper in r%d", reg), Insns: seq(one(isa.OpMov64Imm, 1, 0, 0, 20), one(isa.OpMov64Imm, reg, 0, 0, 7), one(isa.OpCallReg, reg, 0, 0, 0), one(isa.OpRsh64Imm, 0, 0, 0, 32), exit), Want: 0},
			{Name: fmt.Sprintf("nothing in r%d", reg), Insns: seq(set(reg, 0x100000063), one(isa.OpCallReg, reg, 0, 0, 0), exit), Trap: trap.BadJump, TrapInsn: 2},
			{Name: fmt.Sprintf("no helper in r%d", reg), Insns: seq(set(reg, 99999), one(isa.OpCallReg, reg, 0, 0, 0), exit), Trap: trap.BadHelper, TrapInsn: 2},
		} {
			c.Group, c.RFC, c.Type, c.Unproved, c.Kernel = CallX, "RFC 9669 section 4.3.1", "syscall", true, "it has no callx"
			if !yield(c) {
				return false
			}
		}
	}
	return true
}

// tailCalls tries bpf_tail_call.
func tailCalls(yield func(*Case) bool) bool {
	progs := maps.Spec{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 4}
	jump := func(index int64, rest string) []isa.Insn {
		return text("r6 = r1; r2 = map[0]; r3 = %d; call tail_call; %s", index, rest)
	}
	count := inPacket(seq(text("r5 = *(u8 *)(r2 +0); r5 += 1; *(u8 *)(r2 +0) = r5; r7 = r5; r2 = map[0]; r3 = 0; call tail_call; r0 = r7")))
	first := pattern(64)
	first[0] = 0
	last := append([]byte(nil), first...)
	last[0] = 34
	for _, c := range []*Case{
		{Name: "33 of itself and one that fails", Data: first, Out: last, Insns: count, Self: true, Want: 34},
		{Name: "another program", Insns: jump(1, "r0 = 5; exit"), Targets: [][]isa.Insn{nil, text("r0 = 77; exit")}, Want: 77},
		{Name: "an empty slot", Insns: jump(2, "r0 = 5; exit"), Targets: [][]isa.Insn{nil, text("r0 = 77; exit")}, Want: 5},
		{Name: "an index beyond", Insns: jump(4, "r0 = 6; exit"), Targets: [][]isa.Insn{text("r0 = 77; exit")}, Want: 6},
		{Name: "an index of which the low half counts", Insns: seq(text("r6 = r1; r2 = map[0]; r3 = 0x100000001 ll; call tail_call; r0 = 6; exit")), Targets: [][]isa.Insn{nil, text("r0 = 77; exit")}, Want: 77},
		{Name: "two in a row", Insns: jump(0, "r0 = 5; exit"), Targets: [][]isa.Insn{jump(1, "r0 = 6; exit"), text("r0 = 78; exit")}, Want: 78},
		{Name: "the stack is new", Insns: text("*(u64 *)(r10 -8) = 5; r6 = r1; r2 = map[0]; r3 = 0; call tail_call; r0 = 6; exit"), Targets: [][]isa.Insn{text("*(u64 *)(r10 -8) = 9; r0 = *(u64 *)(r10 -8); exit")}, Want: 9},
		{Name: "the context stays", Data: first, Insns: jump(0, "r0 = 6; exit"), Targets: [][]isa.Insn{inPacket(text("r0 = *(u8 *)(r2 +5)"))}, Want: uint64(first[5])},
	} {
		c.Group, c.RFC, c.Type, c.Maps = TailCall, "the kernel's manual, bpf_tail_call", "xdp", []maps.Spec{progs}
		if c.Data == nil {
			c.Data = pattern(64)
		}
		if !yield(c) {
			return false
		}
	}
	return true
}

// freshStack tries what a function reads of its stack before it wrote there: zeros, although another one used the same
// bytes. The kernel promises nothing of the kind.
func freshStack(yield func(*Case) bool) bool {
	for _, off := range []int{8, 64, 248, 256, 264, 504, 512} {
		if !yield(&Case{
			Group: Calls, Name: fmt.Sprintf("a fresh stack at -%d", off), RFC: "DESIGN: guest memory", Type: "syscall", Kernel: "what it yields is not defined",
			Insns: text("call f; call g; exit; f: r1 = 0x5555aaaa; *(u64 *)(r10 -%[1]d) = r1; r0 = 1; exit; g: r0 = *(u64 *)(r10 -%[1]d); exit", off), Want: 0,
		}) {
			return false
		}
	}
	return true
}
