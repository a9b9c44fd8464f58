package data

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// word is an instruction as RFC 9669 section 3.1 lays it out.
func word(opcode, dst, src byte, off int16, imm int32) []byte {
	b := []byte{opcode, src<<4 | dst}
	b = binary.LittleEndian.AppendUint16(b, uint16(off))
	return binary.LittleEndian.AppendUint32(b, uint32(imm))
}

type encoding struct {
	text string
	want []byte
}

// encodings are a line for every name of the format's description, with bytes made of the numbers in RFC 9669 alone: the
// opcode table that the assembler goes by has no part in it.
func encodings() (all []encoding) {
	add := func(want []byte, format string, args ...any) {
		all = append(all, encoding{fmt.Sprintf(format, args...), want})
	}
	// Section 4.1: code in the high four bits, source in bit 3, class 0x04 of 32 and 0x07 of 64 bits.
	for _, op := range []struct {
		name string
		code byte
		off  int16
	}{
		{"add", 0x0, 0}, {"sub", 0x1, 0}, {"mul", 0x2, 0}, {"div", 0x3, 0}, {"sdiv", 0x3, 1}, {"or", 0x4, 0}, {"and", 0x5, 0}, {"lsh", 0x6, 0},
		{"rsh", 0x7, 0}, {"mod", 0x9, 0}, {"smod", 0x9, 1}, {"xor", 0xa, 0}, {"mov", 0xb, 0}, {"arsh", 0xc, 0},
	} {
		for _, w := range []struct {
			suffix string
			class  byte
		}{{"", 7}, {"32", 4}} {
			add(word(op.code<<4|w.class, 3, 0, op.off, -7), "%s%s %%r3, -7", op.name, w.suffix)
			add(word(op.code<<4|w.class, 3, 0, op.off, 0x7f), "%s%s %%r3, 0x7f", op.name, w.suffix)
			add(word(op.code<<4|8|w.class, 10, 9, op.off, 0), "%s%s\t%%r10,   %%r9", op.name, w.suffix)
		}
	}
	add(word(0x87, 4, 0, 0, 0), "neg %%r4")
	add(word(0x84, 4, 0, 0, 0), "neg32 %%r4")
	for _, from := range []int16{8, 16} {
		add(word(0xbc, 1, 2, from, 0), "movsx%d32 %%r1, %%r2", from)
		add(word(0xbf, 1, 2, from, 0), "movsx%d64 %%r1, %%r2", from)
	}
	add(word(0xbf, 1, 2, 32, 0), "movsx3264 %%r1, %%r2")
	// Section 4.2.
	for _, width := range []int32{16, 32, 64} {
		add(word(0xd4, 5, 0, 0, width), "le%d %%r5", width)
		add(word(0xdc, 5, 0, 0, width), "be%d %%r5", width)
		add(word(0xd7, 5, 0, 0, width), "swap%d %%r5", width)
		add(word(0xd7, 5, 0, 0, width), "bswap%d %%r5", width)
	}
	// Section 4.3; the label is two instructions on.
	for _, cc := range []struct {
		name string
		code byte
	}{
		{"jeq", 1}, {"jgt", 2}, {"jge", 3}, {"jset", 4}, {"jne", 5}, {"jsgt", 6}, {"jsge", 7}, {"jlt", 0xa}, {"jle", 0xb}, {"jslt", 0xc}, {"jsle", 0xd},
	} {
		for _, w := range []struct {
			suffix string
			class  byte
		}{{"", 5}, {"32", 6}} {
			add(word(cc.code<<4|w.class, 6, 0, 5, -1), "%s%s %%r6, -1, +5", cc.name, w.suffix)
			add(word(cc.code<<4|w.class, 6, 0, -6, -1), "%s%s %%r6, 0xffffffff, -6", cc.name, w.suffix)
			add(word(cc.code<<4|8|w.class, 6, 7, 2, 0), "%s%s %%r6, %%r7, label", cc.name, w.suffix)
			add(word(cc.code<<4|8|w.class, 6, 7, 1, 0), "%s%s %%r6, %%r7, exit", cc.name, w.suffix)
		}
	}
	add(word(0x05, 0, 0, 9, 0), "ja +9")
	add(word(0x05, 0, 0, 2, 0), "ja label")
	add(word(0x06, 0, 0, 0, 70000), "ja32 +70000")
	add(word(0x06, 0, 0, 0, 2), "ja32 label")
	add(word(0x95, 0, 0, 0, 0), "exit")
	add(word(0x85, 0, 0, 0, 0x2a), "call 0x2a")
	add(word(0x85, 0, 1, 0, 2), "call local label")
	add(word(0x85, 0, 2, 0, 5), "call runtime 5")
	add(word(0x8d, 7, 0, 0, 0), "call %%r7")
	// Section 5: size in bits 3 and 4, mode in the high three.
	for _, s := range []struct {
		name string
		size byte
	}{{"w", 0x00}, {"h", 0x08}, {"b", 0x10}, {"dw", 0x18}} {
		add(word(0x61|s.size, 1, 2, 4, 0), "ldx%s %%r1, [%%r2+4]", s.name)
		add(word(0x61|s.size, 1, 2, -512, 0), "ldx%s %%r1, [%%r2-0x200]", s.name)
		add(word(0x62|s.size, 1, 0, 0, -2), "st%s [%%r1], -2", s.name)
		add(word(0x63|s.size, 10, 3, -8, 0), "stx%s [%%r10-8], %%r3", s.name)
		if s.name != "dw" {
			add(word(0x81|s.size, 1, 2, 0, 0), "ldxs%s %%r1, [%%r2+0]", s.name)
		}
	}
	add(append(word(0x18, 1, 0, 0, -2), word(0, 0, 0, 0, -1)...), "lddw %%r1, -2")
	add(append(word(0x18, 1, 0, 0, 0x55667788), word(0, 0, 0, 0, 0x11223344)...), "lddw %%r1, 0x1122334455667788")
	add(append(word(0x18, 1, 0, 0, -1), word(0, 0, 0, 0, -1)...), "lddw %%r1, 18446744073709551615")
	// Section 5.3.
	for _, w := range []struct {
		suffix string
		opcode byte
	}{{"", 0xdb}, {"32", 0xc3}} {
		for _, op := range []struct {
			name string
			imm  int32
		}{{"add", 0x00}, {"or", 0x40}, {"and", 0x50}, {"xor", 0xa0}} {
			add(word(w.opcode, 10, 1, -8, op.imm), "lock %s%s [%%r10-8], %%r1", op.name, w.suffix)
			add(word(w.opcode, 10, 1, -8, op.imm|1), "lock fetch %s%s [%%r10-8], %%r1", op.name, w.suffix)
		}
		for _, op := range []struct {
			name string
			imm  int32
		}{{"xchg", 0xe1}, {"cmpxchg", 0xf1}} {
			add(word(w.opcode, 2, 1, 16, op.imm), "lock %s%s [%%r2+0x10], %%r1", op.name, w.suffix)
			add(word(w.opcode, 2, 1, 16, op.imm), "lock fetch %s%s [%%r2+16], %%r1", op.name, w.suffix)
		}
	}
	return all
}

func TestEncodings(t *testing.T) {
	all := encodings()
	for _, e := range all {
		file := "-- asm\n" + e.text + " # a comment\n\nmov %r0, 0\nexit\nlabel:\nexit\n-- result\n0\n"
		if e.text == "exit" {
			file = "-- asm\nexit\n-- result\n0\n"
		}
		test, err := Parse(strings.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", e.text, err)
			continue
		}
		want := e.want
		if strings.HasSuffix(e.text, "label") { // behind three instructions, two of them after this one
			want = append([]byte(nil), want...)
			at := 2
			if want[0] == 0x06 || want[0] == 0x85 {
				at = 4
			}
			want[at] = 2
		}
		if got := test.Code[:len(want)]; string(got) != string(want) {
			t.Errorf("%s: % x, want % x", e.text, got, want)
		}
	}
	t.Logf("%d lines", len(all))
}

// TestLabels: the implicit label is the first exit's, unless a file has one of that name.
func TestLabels(t *testing.T) {
	for _, tt := range []struct {
		text string
		off  int16
	}{
		{"ja exit\nmov %r0, 1\nexit\nexit", 1},
		{"ja exit\nexit\nmov %r0, 1\nexit:\nexit", 2},
		{"ja exit\nlddw %r0, 1\nexit", 2},
		{"ja at\nmov %r0, 1\nat: mov %r0, 2\nexit", 1},
		{"ja end\nexit\nend:", 1},
	} {
		test, err := Parse(strings.NewReader("-- asm\n" + tt.text + "\n-- result\n0\n"))
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if got := int16(binary.LittleEndian.Uint16(test.Code[2:])); got != tt.off {
			t.Errorf("%q jumps %d on, want %d", tt.text, got, tt.off)
		}
	}
}

// examples are the files that gbpf has of its own.
func examples(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "testdata", "data", "*", "*.data"))
	if err != nil || len(names) < 30 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	var all []string
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

// TestExamples: files read the same with the ends of lines that another system has.
func TestExamples(t *testing.T) {
	for _, text := range examples(t) {
		a, err := Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		b, err := Parse(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")))
		if err != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%+v, %v, want %+v", b, err, a)
		}
	}
}
