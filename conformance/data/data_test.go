package data

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

// TestForms assembles an instruction of each form and compares it with what the opcode table prints.
func TestForms(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"add %r0, 1", "r0 += 1"},
		{"add %r0, %r1", "r0 += r1"},
		{"add32 %r9, -1", "w9 += -1"},
		{"sub32 %r3, 0xffffffff", "w3 += x"},
		{"mov %r2, 0xffffffffffffffff", "r2 = -1"},
		{"neg %r4", "r4 = -r4"},
		{"sdiv %r1, %r2", "r1 s/= r2"},
		{"smod32 %r1, -7", "w1 s%= -7"},
		{"lsh32 %r1, 40", "w1 <<= 40"},
		{"movsx832 %r0, %r1", "w0 = (s8)w1"},
		{"movsx3264 %r0, %r1", "r0 = (s32)r1"},
		{"le16 %r1", "r1 = le16 r1"},
		{"be64 %r1", "r1 = be64 r1"},
		{"swap32 %r1", "r1 = bswap32 r1"},
		{"bswap16 %r1", "r1 = bswap16 r1"},
		{"ldxb %r0, [%r1]", "r0 = *(u8 *)(r1 +0)"},
		{"ldxdw %r0, [%r10-8]", "r0 = *(u64 *)(r10 -8)"},
		{"ldxsh %r0, [%r1+0x10]", "r0 = *(s16 *)(r1 +16)"},
		{"stb [%r1+2], 0x11", "*(u8 *)(r1 +2) = 17"},
		{"stdw [%r1-4], -2", "*(u64 *)(r1 -4) = -2"},
		{"stxw [%r1+4], %r2", "*(u32 *)(r1 +4) = r2"},
		{"ja +3", "goto pc+3"},
		{"ja32 -2", "gotol pc-2"},
		{"jeq %r1, 0x10, +4", "if r1 == 0x10 goto pc+4"},
		{"jset32 %r1, %r2, -4", "if w1 & w2 goto pc-4"},
		{"jsle %r1, -5, +1", "if r1 s<= 0xfffffffb goto pc+1"},
		{"lock add [%r10-8], %r1", "lock *(u64 *)(r10 -8) += r1"},
		{"lock fetch or32 [%r10-4], %r1", "r1 = atomic_fetch_or((u32 *)(r10 -4), r1)"},
		{"lock xchg [%r10-8], %r1", "r1 = atomic64_xchg((u64 *)(r10 -8), r1)"},
		{"lock cmpxchg32 [%r10-8], %r1", "r0 = atomic_cmpxchg((u32 *)(r10 -8), r0, r1)"},
		{"call 5", "call unknown#5"},
		{"call %r3", "callx r3"},
		{"exit", "exit"},
	} {
		test, err := Parse(strings.NewReader("-- asm\n" + tt.text + "\n-- result\n0\n"))
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		insns, err := isa.Decode(test.Code)
		if err != nil || len(insns) != 1 {
			t.Errorf("%s: %v, %d instructions", tt.text, err, len(insns))
			continue
		}
		if tt.text == "sub32 %r3, 0xffffffff" {
			if insns[0].Op != isa.OpSub32Imm || insns[0].Imm != -1 {
				t.Errorf("%s: %v", tt.text, insns[0])
			}
			continue
		}
		if got := insns[0].String(); got != tt.want {
			t.Errorf("%s is %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestEveryMnemonic assembles every row that the format has words for and gets that row back.
func TestEveryMnemonic(t *testing.T) {
	n := 0
	for name, f := range mnemonics {
		for _, op := range []isa.Op{f.imm, f.reg} {
			if op == isa.OpInvalid {
				continue
			}
			info := op.Info()
			second := "%r7"
			if info.UsesImm {
				second = "77"
			}
			var text string
			switch info.Kind {
			case isa.KindLoad, isa.KindLoadSX:
				text = name + " %r1, [%r7+8]"
			case isa.KindStore, isa.KindStoreImm, isa.KindAtomic:
				text = name + " [%r1+8], " + second
			case isa.KindJump:
				text = name + " +1"
			case isa.KindCond:
				text = name + " %r1, " + second + ", +1"
			case isa.KindExit:
				text = name
			case isa.KindPacketLoad:
				text = name + " 77"
				if info.SrcUse == isa.UseOperand {
					text = name + " %r7, 77"
				}
			default:
				text = name + " %r1, " + second
				if info.Kind == isa.KindEnd || info.AluOp == isa.AluNeg {
					text = name + " %r1"
				}
			}
			insns, err := assemble([]line{{1, text}})
			if err != nil || insns[0].Op != op {
				t.Errorf("%s: %v, %v, want %s", text, insns, err, info.Name)
			}
			n++
		}
	}
	t.Logf("%d rows", n)
	if n < 150 {
		t.Errorf("only %d rows have a mnemonic", n)
	}
}

func TestParse(t *testing.T) {
	test, err := Parse(strings.NewReader("# a comment\r\n-- asm\r\nmov %r0, 1 # one\r\njeq %r0, 1, exit\r\nlddw %r0, 0x123456789abcdef0\r\nagain:\r\nja again\r\nexit\r\nexit\r\n" +
		"-- mem\naa bb\n\n0xcc 01\n-- no register offset\nanything\n-- c\nint main\n-- result\n\n0x2a\n"))
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%x", test.Mem) != "aabbcc01" || !test.HasResult || test.Result != 42 || len(test.Code) != 7*8 {
		t.Errorf("%+v", test)
	}
	insns, _ := isa.Decode(test.Code)
	if insns[1].Target(1) != 5 || insns[4].Target(4) != 4 {
		t.Errorf("labels: %v", insns)
	}
	raw, err := Parse(strings.NewReader("-- asm\nbad bad\n-- raw\n0x00000002000000b7 149\n-- error\nsome message\n"))
	if err != nil || raw.Error != "some message" || raw.HasResult || len(raw.Code) != 16 || raw.Code[0] != 0xb7 || raw.Code[8] != 0x95 {
		t.Errorf("%+v, %v", raw, err)
	}
}

func TestParseErrors(t *testing.T) {
	asm := func(s string) string { return "-- asm\n" + s + "\n-- result\n0\n" }
	for _, tt := range []struct{ text, want string }{
		{asm("mov %r11, 1"), `line 2: mov: "%r11" is not a register: want %r0 to %r10`},
		{asm("mov %r1"), "line 2: mov: 1 operands, want 2"},
		{asm("mov %r1, 0x1ffffffff"), "line 2: mov: 0x1ffffffff does not fit 32 bits"},
		{asm("mov %r1, x"), `line 2: mov: "x" is not a number`},
		{asm("frob %r1"), "line 2: frob: no such instruction"},
		{asm("ja nowhere"), "line 2: ja: no label nowhere"},
		{asm("ldxw %r0, %r1"), `line 2: ldxw: "%r1" is not an address: want [%rN+OFFSET]`},
		{asm("ldxw %r0, [%r1+70000]"), "line 2: ldxw: 70000 does not fit 16 bits"},
		{asm("a:\na:\nexit"), "line 3: label a stands twice"},
		{asm("lock"), "line 2: lock without an operation"},
		{asm("call"), "line 2: call: want a helper's number, runtime and a number, local and a label, or a register"},
		{"-- raw\nzz\n-- result\n0\n", `line 2: raw: "zz" is not a number of 64 bits`},
		{"-- mem\n1ff\n-- result\n0\n", `line 2: mem: "1ff" is not a byte in hex`},
		{"-- asm\nexit\n-- result\nabc\n", `line 4: result: "abc" is not a number`},
	} {
		_, err := Parse(strings.NewReader(tt.text))
		var s *SyntaxError
		if err == nil || err.Error() != tt.want || !errors.As(err, &s) {
			t.Errorf("%q: %v, want %s", tt.text, err, tt.want)
		}
	}
	for _, text := range []string{"", "-- asm\nexit\n", "-- whatever\n", "-- asm\nexit\n-- foo\n-- result\n0\n"} {
		if _, err := Parse(strings.NewReader(text)); !errors.Is(err, ErrSkip) {
			t.Errorf("%q: %v, want a file that is skipped", text, err)
		}
	}
}

// FuzzParse: whatever is in a file, reading it ends, and what was read is whole.
func FuzzParse(f *testing.F) {
	for _, text := range examples(f) {
		f.Add(text)
	}
	f.Add("-- asm\nmov %r0, 1\nexit\n-- mem\n01 02\n-- result\n0x1\n")
	f.Add("-- raw\n0x95\n-- error\nx\n")
	f.Add("-- asm\nl:\nlock fetch add [%r10-8], %r1\ncall local l\nlddw %r1, -1\nja32 l\n-- result\n5\n")
	f.Fuzz(func(t *testing.T, text string) {
		test, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		if len(test.Code)%8 != 0 || !test.HasResult && test.Error == "" {
			t.Errorf("%+v", test)
		}
	})
}
