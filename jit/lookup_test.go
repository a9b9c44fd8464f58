package jit

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/amd64"
	"github.com/gbpf/gbpf/jit/internal/arm64"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

func hashLayout(size uint32) maps.Layout {
	return maps.Layout{
		Kind: maps.HashLayout, Addr: 1 << 20, Stride: 24, CPUStride: 8, KeySize: size, ValueSize: 8, Plain: true, KeyStride: (size + 7) &^ 7, Mask: 255,
		Seed: 0x123456789abcdef0, Buckets: 1 << 40, Meta: 1<<40 + 4096, Keys: 1<<40 + 8192, Marks: 1<<40 + 1<<20,
	}
}

// lookupList is a program that does nothing but one op on a map.
func lookupList(op ir.Op, m maps.Layout) *ir.List {
	return &ir.List{
		Mask: 1<<32 - 1, Labels: 1, Funcs: []ir.Function{{Root: true}}, Maps: []maps.Layout{m},
		Exits: []ir.Exit{{Kind: ir.ExitHelper, Resume: 0, Alt: -1}},
		Ops:   []ir.Op{{Kind: ir.Func}, op, {Kind: ir.Label}, {Kind: ir.Return}},
	}
}

// TestLookupCode makes code of lookups with every size of key, for both architectures on any host: all of it decodes.
func TestLookupCode(t *testing.T) {
	type row struct {
		op ir.Op
		m  maps.Layout
	}
	var rows []row
	for size := uint32(1); size <= MaxHashKey; size++ {
		rows = append(rows, row{ir.Op{Kind: ir.HashLookup, Base: 2}, hashLayout(size)},
			row{ir.Op{Kind: ir.HashLookup, Base: ir.FP, Off: -int32(size), Access: ir.Frame}, hashLayout(size)})
		array := maps.Layout{Kind: maps.ArrayLayout, Addr: 1 << 31, Stride: (size + 7) &^ 7, Entries: size * 4097, KeySize: 4, ValueSize: size, Plain: true}
		rows = append(rows, row{ir.Op{Kind: ir.ArrayLookup, Base: 2}, array}, row{ir.Op{Kind: ir.ArrayUpdate, Base: 2, Src: 3}, array})
		array.CPUStride = 1 << 14
		rows = append(rows, row{ir.Op{Kind: ir.ArrayUpdate, Base: 2, UseImm: true, Imm: -64}, array})
	}
	for _, r := range rows {
		l := lookupList(r.op, r.m)
		if err := checkLookup(l, r.m); err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		a, err := amd64.Expand(l, amd64.Features{})
		if err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		for at := 0; at < len(a.Code); {
			in, err := x86asm.Decode(a.Code[at:], 64)
			if err != nil {
				t.Fatalf("%+v: amd64 code at %d: %v", r, at, err)
			}
			at += in.Len
		}
		for _, mask := range []uint32{1<<32 - 1, 1<<20 - 1} {
			l.Mask = mask
			b, err := arm64.Expand(l, arm64.Features{LSE: true})
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			for at := 0; at < len(b.Code); at += 4 {
				if in, err := arm64asm.Decode(b.Code[at:]); err != nil && strings.Trim(fmt.Sprintf("%x", b.Code[at:at+4]), "0") != "" {
					t.Fatalf("%+v: arm64 code at %d: %v %v", r, at, in, err)
				}
			}
		}
	}
}

func checkLookup(l *ir.List, own maps.Layout) error {
	proof, err := verifier.Verify(&verifier.Spec{Name: "m", Type: progtype.ByName("raw"), Insns: []isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0)}},
		verifier.Options{Policy: verifier.PolicySandboxed})
	if err != nil {
		return err
	}
	return check(l, proof, &Config{Mask: l.Mask, Inline: func(int) Inline { return Inline{Map: own} }})
}

// TestLookupCheck asks the check for ops on maps that would read or write elsewhere.
func TestLookupCheck(t *testing.T) {
	hash, array, update := ir.Op{Kind: ir.HashLookup, Base: 2}, ir.Op{Kind: ir.ArrayLookup, Base: 2}, ir.Op{Kind: ir.ArrayUpdate, Base: 2, Src: 3}
	elements := maps.Layout{Kind: maps.ArrayLayout, Addr: 1 << 20, Stride: 16, Entries: 4, KeySize: 4, ValueSize: 12, Plain: true}
	for _, tt := range []struct {
		name   string
		op     ir.Op
		m      maps.Layout
		change func(op *ir.Op, l *ir.List)
		want   string // "" for what is right
	}{
		{"hash", hash, hashLayout(8), nil, ""},
		{"array", array, elements, nil, ""},
		{"update", update, elements, nil, ""},
		{"another map", array, elements, nil, "not the one"},
		{"no map", hash, hashLayout(8), func(op *ir.Op, l *ir.List) { op.Aux = 1 }, "map 1 is none"},
		{"an array as a hash", hash, elements, nil, "no hash map"},
		{"a hash as an array", array, hashLayout(4), nil, "no array"},
		{"a long key", hash, hashLayout(65), nil, "no hash map"},
		{"keys that overlap", hash, hashLayout(9), func(_ *ir.Op, l *ir.List) { l.Maps[0].KeyStride = 8 }, "no hash map"},
		{"a mask with a hole", hash, hashLayout(8), func(_ *ir.Op, l *ir.List) { l.Maps[0].Mask = 5 }, "no index"},
		{"no keys", hash, hashLayout(8), func(_ *ir.Op, l *ir.List) { l.Maps[0].Keys = 0 }, "no index"},
		{"a key beyond the frame", hash, hashLayout(8), func(op *ir.Op, l *ir.List) { op.Base, op.Access, op.Off = ir.FP, ir.Frame, -7 }, "not in the frame"},
		{"a key below the frame", array, elements, func(op *ir.Op, l *ir.List) { op.Base, op.Access, op.Off = ir.FP, ir.Frame, -516 }, "not in the frame"},
		{"no exit", hash, hashLayout(8), func(op *ir.Op, l *ir.List) { op.Exit = 1 }, "exit 1"},
		{"another exit", hash, hashLayout(8), func(op *ir.Op, l *ir.List) { l.Exits[0].Kind = ir.ExitFuel }, "not for this"},
		{"a key that R2 does not lead to", hash, hashLayout(8), func(op *ir.Op, l *ir.List) { op.Base = 6 }, "host cannot"},
		{"an update with another exit", update, elements, func(op *ir.Op, l *ir.List) { l.Exits[0].Kind = ir.ExitTailCall }, "not for this"},
		{"an exit of another call", update, elements, func(op *ir.Op, l *ir.List) { l.Exits[0].PC = 1 }, "not for this"},
		{"a value beyond the frame", update, elements, func(op *ir.Op, l *ir.List) { op.UseImm, op.Imm = true, -8 }, "not in the frame"},
		{"a value that R3 does not lead to", update, elements, func(op *ir.Op, l *ir.List) { op.Src = 5 }, "not in the frame"},
		{"special fields", update, elements, func(_ *ir.Op, l *ir.List) { l.Maps[0].Plain = false }, "can be written"},
		{"values that overlap", update, elements, func(_ *ir.Op, l *ir.List) { l.Maps[0].Stride = 8 }, "can be written"},
		{"a large value", update, elements, func(_ *ir.Op, l *ir.List) { l.Maps[0].ValueSize, l.Maps[0].Stride = 72, 72 }, "can be written"},
		{"a result elsewhere", hash, hashLayout(8), func(op *ir.Op, l *ir.List) { op.Dst = 6 }, "handle"},
	} {
		l := lookupList(tt.op, tt.m)
		if tt.change != nil {
			tt.change(&l.Ops[1], l)
		}
		own := l.Maps[0]
		if tt.name == "another map" {
			own.Addr += 16
		}
		switch err := checkLookup(l, own); {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
