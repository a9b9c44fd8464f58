package asm

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

// TestRoundTrip reads back what the disassembler prints, for each row of the table.
func TestRoundTrip(t *testing.T) {
	read := 0
	for op := isa.Op(1); int(op) < isa.NumOps; op++ {
		info := op.Info()
		var src isa.Reg
		if info.SrcUse == isa.UseOperand {
			src = isa.R7
		}
		dst := isa.Reg(0)
		if info.DstUse == isa.UseOperand {
			dst = isa.R3
		}
		off, imm := int16(0), int64(0)
		if info.OffUse == isa.UseOperand {
			off = 6
		}
		if info.ImmUse == isa.UseOperand {
			imm = 5
		}
		switch info.Kind {
		case isa.KindLoadImm64, isa.KindLoadImm64Hi:
			continue // their notation names objects; below
		case isa.KindAddrSpaceCast:
			imm = 1 << 16
		case isa.KindCall:
			if off = 0; op == isa.OpCallKfunc {
				continue
			}
			if op == isa.OpCallReg {
				imm = 0
			}
		}
		want := isa.New(op, dst, src, off, imm)
		text := want.String()
		got, err := Parse(text)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q: %+v, %v\nwant %+v", op, text, got, err, want)
			continue
		}
		read++
	}
	if read < isa.NumOps-12 {
		t.Errorf("%d rows of %d read", read, isa.NumOps)
	}
	t.Logf("%d rows read back", read)
}

func TestParse(t *testing.T) {
	got, err := Parse(`
		r1 = map[2]; r2 = map_value[1]+8 // the second half is there too
		r3 = func f
		r4 = -1 ll
		call map_lookup_elem; call kfunc[3]; call f
	top:	r0 = 0xffffffff
		if r0 == -1 goto top
		goto out
	out:	exit
	f:	w0 = w1
		*(u64 *)(r10 -8) = 7
		exit`)
	if err != nil {
		t.Fatal(err)
	}
	var want []isa.Insn
	for _, w := range [][2]isa.Insn{
		isa.LoadImm64(isa.OpLddwMapFD, 1, 2), isa.LoadImm64(isa.OpLddwMapValue, 2, 1|8<<32),
		isa.LoadImm64(isa.OpLddwFunc, 3, 15-4-1), isa.LoadImm64(isa.OpLddw, 4, -1),
	} {
		want = append(want, w[0], w[1])
	}
	want = append(want,
		isa.New(isa.OpCallHelper, 0, 0, 0, 1), isa.New(isa.OpCallKfunc, 0, 0, 0, 3), isa.New(isa.OpCallLocal, 0, 0, 0, 15-10-1),
		isa.New(isa.OpMov64Imm, 0, 0, 0, -1), isa.New(isa.OpJeqImm, 0, 0, -2, -1), isa.New(isa.OpJa, 0, 0, 0, 0),
		isa.New(isa.OpExit, 0, 0, 0, 0), isa.New(isa.OpMov32Reg, 0, 1, 0, 0), isa.New(isa.OpStDW, 10, 0, -8, 7), isa.New(isa.OpExit, 0, 0, 0, 0))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"r0 = r11":                   "no register r11",
		"r0 = 1; goto away":          `insn 1: no label "away"`,
		"a: exit; a: exit":           `label "a" stands twice`,
		"r0 = 0x1ffffffff":           "no 32-bit number",
		"r0 =! 5":                    "not a statement",
		"nonsense":                   "not a statement",
		"w0 = *(u32 *)(r1 +0)":       "not a statement",
		"r0 = *(u64 *)(r1 +70000)":   "out of range",
		"call":                       "not a statement",
		"lock *(u16 *)(r1 +0) += r2": "no such instruction",
		"if r1 = 5 goto pc+1":        "no such instruction",
		"r1 = be16 r2":               "both registers are one",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
