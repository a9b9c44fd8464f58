package isa

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestRoundTripRows(t *testing.T) {
	n := 0
	for op := range Ops() {
		if op == OpLddwHi {
			continue // comes with every 16-byte load
		}
		for _, prog := range samples(op) {
			b, err := Encode(prog)
			if err != nil {
				t.Fatalf("%v: Encode(%+v): %v", op, prog, err)
			}
			got, err := Decode(b)
			if err != nil {
				t.Fatalf("%v: Decode(% x): %v", op, b, err)
			}
			if !slices.Equal(got, prog) {
				t.Fatalf("%v: Decode(% x) = %+v, want %+v", op, b, got, prog)
			}
			n++
		}
	}
	t.Logf("%d instructions of %d rows", n, NumOps-1)
}

// rawSlot lays out a slot independently of the encoder.
func rawSlot(opcode, dst, src uint8, off int16, imm int32) []byte {
	return []byte{
		opcode, src<<4 | dst, byte(off), byte(off >> 8),
		byte(imm), byte(imm >> 8), byte(imm >> 16), byte(imm >> 24),
	}
}

// TestEncoding pins the bytes of one instruction per encoding shape to the
// RFC's own tables, so that Decode and Encode cannot be wrong together.
func TestEncoding(t *testing.T) {
	tests := []struct {
		bytes string
		want  Insn
	}{
		{"0701000005000000", Insn{Op: OpAdd64Imm, Dst: R1, Opcode: 0x07, Imm: 5}},
		{"0f21000000000000", Insn{Op: OpAdd64Reg, Dst: R1, Src: R2, Opcode: 0x0f}},
		{"3721010003000000", Insn{}}, // src is reserved
		{"3701010003000000", Insn{Op: OpSdiv64Imm, Dst: R1, Opcode: 0x37, Off: 1, Imm: 3}},
		{"9f21010000000000", Insn{Op: OpSmod64Reg, Dst: R1, Src: R2, Opcode: 0x9f, Off: 1}},
		{"8400000000000000", Insn{Op: OpNeg32, Opcode: 0x84}},
		{"8700000000000000", Insn{Op: OpNeg64, Opcode: 0x87}},
		{"bf21000000000000", Insn{Op: OpMov64Reg, Dst: R1, Src: R2, Opcode: 0xbf}},
		{"bf21080000000000", Insn{Op: OpMovsx8To64, Dst: R1, Src: R2, Opcode: 0xbf, Off: 8}},
		{"bc21100000000000", Insn{Op: OpMovsx16To32, Dst: R1, Src: R2, Opcode: 0xbc, Off: 16}},
		{"bc21200000000000", Insn{}}, // no 32-to-32 form
		{"bf21010000000100", Insn{Op: OpAddrSpaceCast, Dst: R1, Src: R2, Opcode: 0xbf, Off: 1, Imm: CastToUser}},
		{"d401000010000000", Insn{Op: OpLe16, Dst: R1, Opcode: 0xd4, Imm: 16}},
		{"dc01000020000000", Insn{Op: OpBe32, Dst: R1, Opcode: 0xdc, Imm: 32}},
		{"d701000040000000", Insn{Op: OpBswap64, Dst: R1, Opcode: 0xd7, Imm: 64}},
		{"df01000040000000", Insn{}}, // no ALU64 swap with the source bit
		{"0500feff00000000", Insn{Op: OpJa, Opcode: 0x05, Off: -2}},
		{"06000000feffffff", Insn{Op: OpJa32, Opcode: 0x06, Imm: -2}},
		{"e500030000000000", Insn{Op: OpMayGoto, Opcode: 0xe5, Off: 3}},
		{"1501030005000000", Insn{Op: OpJeqImm, Dst: R1, Opcode: 0x15, Off: 3, Imm: 5}},
		{"de21030000000000", Insn{Op: OpJsle32Reg, Dst: R1, Src: R2, Opcode: 0xde, Off: 3}},
		{"8500000001000000", Insn{Op: OpCallHelper, Opcode: 0x85, Imm: 1}},
		{"85100000feffffff", Insn{Op: OpCallLocal, Src: PseudoCall, Opcode: 0x85, Imm: -2}},
		{"8520010007000000", Insn{Op: OpCallKfunc, Src: PseudoKfuncCall, Opcode: 0x85, Off: 1, Imm: 7}},
		{"8d03000000000000", Insn{Op: OpCallReg, Dst: R3, Opcode: 0x8d}},
		{"8d00000003000000", Insn{Op: OpCallReg, Dst: R3, Opcode: 0x8d, Imm: 3}}, // clang before 19
		{"9500000000000000", Insn{Op: OpExit, Opcode: 0x95}},
		{"6121040000000000", Insn{Op: OpLdxW, Dst: R1, Src: R2, Opcode: 0x61, Off: 4}},
		{"9121040000000000", Insn{Op: OpLdxsB, Dst: R1, Src: R2, Opcode: 0x91, Off: 4}},
		{"9921040000000000", Insn{}}, // no 64-bit sign extension
		{"720104000a000000", Insn{Op: OpStB, Dst: R1, Opcode: 0x72, Off: 4, Imm: 10}},
		{"7b1af8ff00000000", Insn{Op: OpStxDW, Dst: R10, Src: R1, Opcode: 0x7b, Off: -8}},
		{"2000000004000000", Insn{Op: OpLdAbsW, Opcode: 0x20, Imm: 4}},
		{"4820000004000000", Insn{Op: OpLdIndH, Src: R2, Opcode: 0x48, Imm: 4}},
		{"c321040000000000", Insn{Op: OpAtomicAdd32, Dst: R1, Src: R2, Opcode: 0xc3, Off: 4}},
		{"db21040041000000", Insn{Op: OpAtomicFetchOr64, Dst: R1, Src: R2, Opcode: 0xdb, Off: 4, Imm: 0x41}},
		{"db210400e1000000", Insn{Op: OpAtomicXchg64, Dst: R1, Src: R2, Opcode: 0xdb, Off: 4, Imm: 0xe1}},
		{"c3210400f1000000", Insn{Op: OpAtomicCmpxchg32, Dst: R1, Src: R2, Opcode: 0xc3, Off: 4, Imm: 0xf1}},
		{"d321040000010000", Insn{Op: OpLoadAcqB, Dst: R1, Src: R2, Opcode: 0xd3, Off: 4, Imm: 0x100}},
		{"cb21040010010000", Insn{Op: OpStoreRelH, Dst: R1, Src: R2, Opcode: 0xcb, Off: 4, Imm: 0x110}},
		{"d321040000000000", Insn{}}, // no 8-bit add
	}
	for _, tt := range tests {
		b, err := hex.DecodeString(tt.bytes)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if tt.want == (Insn{}) {
			if err == nil {
				t.Errorf("Decode(%s) = %+v, want an error", tt.bytes, got)
			}
			continue
		}
		if err != nil {
			t.Errorf("Decode(%s): %v", tt.bytes, err)
			continue
		}
		if got[0] != tt.want {
			t.Errorf("Decode(%s) = %+v, want %+v", tt.bytes, got[0], tt.want)
		}
	}
}

func TestDecodeLddw(t *testing.T) {
	prog, err := Decode(slices.Concat(
		rawSlot(0x18, 3, PseudoMapValue, 0, 7), rawSlot(0, 0, 0, 0, -8),
		rawSlot(0x18, 2, 0, 0, -2), rawSlot(0, 0, 0, 0, 1),
		rawSlot(0x95, 0, 0, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if len(prog) != 5 {
		t.Fatalf("%d entries, want 5", len(prog))
	}
	i := prog[0]
	if i.Op != OpLddwMapValue || i.Dst != R3 || i.ImmLow() != 7 || i.ImmHigh() != -8 || i.Slots() != 2 {
		t.Errorf("insn 0 is %+v", i)
	}
	if i := prog[1]; i.Op != OpLddwHi || i.Imm != -8 || i.Slots() != 1 {
		t.Errorf("insn 1 is %+v", i)
	}
	if i := prog[2]; i.Op != OpLddw || i.Imm != 0x1_ffff_fffe {
		t.Errorf("insn 2 is %+v", i)
	}
}

func TestDecodeErrors(t *testing.T) {
	exit := rawSlot(0x95, 0, 0, 0, 0)
	tests := []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "decode: insn 0: program is empty"},
		{"ragged", append(slices.Clone(exit), 1, 2, 3), "decode: insn 1: 3 trailing bytes, an instruction has 8"},
		{"opcode", slices.Concat(exit, exit, exit, rawSlot(0xff, 0, 0, 0, 0)), "decode: insn 3: opcode 0xff is not an instruction"},
		{"opcode zero", rawSlot(0, 0, 0, 0, 0), "decode: insn 0: opcode 0x00 is not an instruction"},
		{"dst register", rawSlot(0xb7, 11, 0, 0, 0), "decode: insn 0: dst is register 11, the last one is r10"},
		{"src register", rawSlot(0xbf, 0, 15, 0, 0), "decode: insn 0: src is register 15, the last one is r10"},
		{"reserved dst", rawSlot(0x95, 1, 0, 0, 0), "decode: insn 0: exit: reserved field dst is 1, must be 0"},
		{"reserved src", rawSlot(0xb7, 1, 1, 0, 0), "decode: insn 0: mov: reserved field src is 1, must be 0"},
		{"reserved off", rawSlot(0x07, 1, 0, -1, 0), "decode: insn 0: add: reserved field off is -1, must be 0"},
		{"reserved imm", rawSlot(0x61, 1, 0, 0, 2), "decode: insn 0: ldxw: reserved field imm is 2, must be 0"},
		{"call form", rawSlot(0x85, 0, 3, 0, 0), "decode: insn 0: opcode 0x85 (Call) has no form with src 3"},
		{"div form", rawSlot(0x37, 0, 0, 2, 1), "decode: insn 0: opcode 0x37 (ALU) has no form with off 2"},
		{"swap width", rawSlot(0xd4, 0, 0, 0, 8), "decode: insn 0: opcode 0xd4 (End) has no form with imm 8"},
		{"atomic", rawSlot(0xdb, 0, 0, 0, 0x33), "decode: insn 0: opcode 0xdb (Atomic) has no form with imm 51"},
		{"cast", rawSlot(0xbf, 1, 1, 1, 2), "decode: insn 0: addr_space_cast: imm is 0x2, must be 0x1 or 0x10000"},
		{"callx register", rawSlot(0x8d, 0, 0, 0, 11), "decode: insn 0: callx: imm is register 11, the last one is r10"},
		{"callx twice", rawSlot(0x8d, 3, 0, 0, 3), "decode: insn 0: callx: dst is 3 and imm 3, only one may hold the register"},
		{"lddw cut", rawSlot(0x18, 0, 0, 0, 1), "decode: insn 0: 16-byte load lacks its second half, the program ends"},
		{"lddw second half", slices.Concat(rawSlot(0x18, 0, 0, 0, 1), exit), "decode: insn 1: second half of a 16-byte load must be zero but for imm"},
		{"lddw pseudo", slices.Concat(rawSlot(0x18, 0, 7, 0, 1), rawSlot(0, 0, 0, 0, 0)), "decode: insn 0: opcode 0x18 (LoadImm64) has no form with src 7"},
		{"lddw map high", slices.Concat(rawSlot(0x18, 0, 1, 0, 1), rawSlot(0, 0, 0, 0, 9)), "decode: insn 1: lddw of a map: reserved high imm is 9, must be 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			prog, err := Decode(tt.b)
			var de *DecodeError
			if !errors.As(err, &de) {
				t.Fatalf("Decode = %+v, %v, want a *DecodeError", prog, err)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

// TestReservedFields sets each reserved field of each row in turn: Decode must
// never return that row again.
func TestReservedFields(t *testing.T) {
	n := 0
	for op := range Ops() {
		if op == OpLddwHi {
			continue
		}
		r := op.Info()
		prog := samples(op)[0]
		raw := func() []byte {
			var b []byte
			for _, i := range prog {
				b = i.AppendTo(b)
			}
			return b
		}
		try := func(field string, set func(b []byte)) {
			b := raw()
			set(b)
			n++
			if got, err := Decode(b); err == nil && got[0].Op == op {
				t.Errorf("%v: Decode(% x) accepts reserved %s", op, b, field)
			}
		}
		if r.DstUse != UseOperand {
			try("dst", func(b []byte) { b[1] |= 1 })
		} else {
			try("dst 11", func(b []byte) { b[1] |= 11 })
		}
		if r.SrcUse != UseOperand {
			try("src", func(b []byte) { b[1] ^= 0x80 })
		} else {
			try("src 11", func(b []byte) { b[1] |= 11 << 4 })
		}
		if r.OffUse != UseOperand {
			try("off", func(b []byte) { b[2] ^= 0x40 })
			try("off, high byte", func(b []byte) { b[3] ^= 0x80 })
		}
		if r.ImmUse != UseOperand {
			try("imm", func(b []byte) { b[4] ^= 2 })
			try("imm, high byte", func(b []byte) { b[7] ^= 0x80 })
		}
	}
	t.Logf("%d reserved fields", n)
}

// checkRoundTrip demands that accepted bytes come back from Encode, that every
// entry agrees with its table row, and that printing works.
func checkRoundTrip(t *testing.T, b []byte) (accepted bool) {
	t.Helper()
	prog, err := Decode(b)
	if err != nil {
		if s := err.Error(); !strings.HasPrefix(s, "decode: insn ") || strings.ContainsAny(s, "\n") {
			t.Fatalf("Decode(% x): error %q does not stand alone", b, s)
		}
		return false
	}
	back, err := Encode(prog)
	if err != nil {
		t.Fatalf("Encode(Decode(% x)): %v", b, err)
	}
	if !bytes.Equal(back, b) {
		t.Fatalf("Encode(Decode(% x)) = % x", b, back)
	}
	for pc, i := range prog {
		if i.Opcode != i.Info().Opcode || i.String() == "" || strings.Contains(i.String(), "invalid") {
			t.Fatalf("insn %d of % x is %+v, %q", pc, b, i, i)
		}
		if i.ReadRegs()|i.WriteRegs() >= 1<<NumRegs {
			t.Fatalf("%v touches registers %#x", i, i.ReadRegs()|i.WriteRegs())
		}
	}
	return true
}

// TestDecodeExhaustive takes every opcode byte with every register byte, and
// with offsets and immediates that select something, or just do not.
func TestDecodeExhaustive(t *testing.T) {
	offs := []int16{0, 1, 2, 8, 16, 32, -1}
	imms := []int32{0, 1, 2, 3, 10, 11, 16, 32, 64, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe0, 0xe1, 0xf0, 0xf1, 0x100, 0x110, 0x111, 0x10000, -1}
	var n, accepted int
	seen := map[Op]bool{OpLddwHi: true}
	nibbles := []uint8{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 15}
	var few, every []uint8
	for rr := range 256 {
		every = append(every, uint8(rr))
		if dst := rr & 15; dst < 2 && slices.Contains(nibbles, uint8(rr>>4)) {
			few = append(few, uint8(rr))
		}
	}
	for opcode := range 256 {
		for _, off := range offs {
			for _, imm := range imms {
				regs := few
				if off|int16(imm) <= 1 { // enough to see how registers are used
					regs = every
				}
				for _, rr := range regs {
					b := rawSlot(uint8(opcode), rr&15, rr>>4, off, imm)
					if opcode == 0x18 {
						b = append(b, rawSlot(0, 0, 0, 0, imm)...)
					}
					n++
					if checkRoundTrip(t, b) {
						accepted++
						p, _ := Decode(b)
						seen[p[0].Op] = true
					}
				}
			}
		}
	}
	for op := range Ops() {
		if !seen[op] {
			t.Errorf("%v never decoded", op)
		}
	}
	t.Logf("%d encodings, %d accepted", n, accepted)
}

func TestDecodeRandomPrograms(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var all [][]Insn
	for op := range Ops() {
		if op != OpLddwHi {
			all = append(all, samples(op)...)
		}
	}
	for range 200 {
		var prog []Insn
		for range 1 + rng.IntN(40) {
			prog = append(prog, all[rng.IntN(len(all))]...)
		}
		b, err := Encode(prog)
		if err != nil {
			t.Fatal(err)
		}
		if !checkRoundTrip(t, b) {
			t.Fatalf("Decode refuses % x", b)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for op := range Ops() {
		if op == OpLddwHi {
			continue
		}
		b, err := Encode(samples(op)[0])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{})
	f.Add([]byte{0x95})
	f.Add(rawSlot(0x18, 0, 0, 0, 1))
	f.Add(rawSlot(0xff, 15, 15, -1, -1))
	f.Fuzz(func(t *testing.T, b []byte) { checkRoundTrip(t, b) })
}
