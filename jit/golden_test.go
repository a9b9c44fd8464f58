package jit

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/amd64"
	"github.com/gbpf/gbpf/jit/internal/arm64"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// goldens are programs whose machine code is in testdata. A body must not grow beyond a number
// of instructions, which shows that the passes and fusions work: about as many as
// instructions of BPF, and ten more for a called function and two calls of it.
var goldens = []struct {
	name, text string
	most       int // instructions of the body, prologue and exits included
}{
	{"packet", `
		r2 = *(u32 *)(r1 +4); r1 = *(u32 *)(r1 +0)
		r3 = r1; r3 += 34; r0 = 1
		if r3 > r2 goto out
		r4 = *(u16 *)(r1 +12); if r4 != 8 goto out
		r5 = *(u8 *)(r1 +23); r4 = *(u32 *)(r1 +26); r6 = *(u32 *)(r1 +30)
		r4 ^= r6; r4 = be32 r4; r4 &= 255; r0 = r4; r0 += r5
	out: exit`, 24},
	{"hash", `
		r0 = 0xcbf29ce484222325 ll; r2 = 0; r3 = 0x100000001b3 ll
	next: r4 = r2; r4 &= 7; r0 ^= r4; r0 *= r3
		r5 = r0; r5 <<= 13; r6 = r0; r6 >>= 51; r5 |= r6; r0 = r5
		r2 += 1; if r2 < 64 goto next
		exit`, 25},
	{"stack", `
		r6 = 0; *(u64 *)(r10 -8) = r6; *(u64 *)(r10 -16) = r1
		r1 = 7; *(u32 *)(r10 -20) = r1
		r2 = *(u32 *)(r10 -20); r3 = *(u64 *)(r10 -8); r2 += r3; r0 = r2
		lock *(u64 *)(r10 -8) += r2
		r0 <<= 32; r0 >>= 32
		exit`, 18},
	{"calls", `
		r1 = 5; call double; r6 = r0; r1 = r6; call double; r0 += r6; exit
	double: r0 = r1; r0 <<= 1; r0 += r1; r0 /= 3; r0 *= r1; r0 %= 1000; exit`, 45},
	{"value", `
		r1 = 0; *(u32 *)(r10 -4) = r1; r2 = r10; r2 += -4; r1 = map[0]; call map_lookup_elem
		if r0 == 0 goto out
		r1 = *(u64 *)(r0 +8); r1 += 1; *(u64 *)(r0 +8) = r1; lock *(u64 *)(r0 +0) += r1
		r0 = 1
	out: exit`, 21},
}

// lowered is the list of a golden's program.
func lowered(t *testing.T, name, text string) (*ir.List, []isa.Insn) {
	t.Helper()
	insns, err := asm.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := verifier.Verify(&verifier.Spec{Name: name, Type: progtype.XDP, GPL: true, Insns: insns,
		Maps: []*verifier.Map{{Name: "array", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 4}}}, verifier.Options{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	l, err := build(proof, &Config{Mask: 1<<32 - 1, Fuel: fuel.New(insns),
		Const:    func(pc int) uint64 { return uint64(insns[pc].Imm) },
		TailCall: func(int) bool { return false },
	})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return l, insns
}

// TestGoldenARM64 shows the machine code of small programs, on any host.
func TestGoldenARM64(t *testing.T) {
	for _, g := range goldens {
		l, insns := lowered(t, g.name, g.text)
		n, err := arm64.Expand(l, arm64.Features{LSE: true})
		if err != nil {
			t.Errorf("%s: %v", g.name, err)
			continue
		}
		var b strings.Builder
		line, count := 0, 0
		for at := 0; at < int(n.End); at += 4 {
			for line < len(n.PCs) && int(n.PCs[line].Code) <= at {
				fmt.Fprintf(&b, "%d: %s\n", n.PCs[line].PC, insns[n.PCs[line].PC])
				line++
			}
			word := binary.LittleEndian.Uint32(n.Code[at:])
			text := fmt.Sprintf(".inst 0x%08x", word)
			if in, err := arm64asm.Decode(n.Code[at:]); err == nil {
				text = arm64asm.GNUSyntax(in)
			}
			fmt.Fprintf(&b, "\t%s\n", text)
			count++
		}
		fmt.Fprintf(&b, "%d BPF instructions, %d native\n", len(insns), count)
		t.Logf("%s: %d BPF instructions, %d native", g.name, len(insns), count)
		if most := arm64.OneToOne(insns); count > most {
			t.Errorf("%s: %d native instructions, a translation one by one takes %d", g.name, count, most)
		}
		golden(t, g.name, "arm64", b.String())
	}
}

// TestGoldenAMD64 is the same for the other architecture. What package x86asm does not know, BMI2, stands as bytes.
func TestGoldenAMD64(t *testing.T) {
	for _, g := range goldens {
		l, insns := lowered(t, g.name, g.text)
		n, err := amd64.Expand(l, amd64.Features{BMI2: true, MOVBE: true})
		if err != nil {
			t.Errorf("%s: %v", g.name, err)
			continue
		}
		var b strings.Builder
		line, count := 0, 0
		for at := 0; at < int(n.End); count++ {
			for line < len(n.PCs) && int(n.PCs[line].Code) <= at {
				fmt.Fprintf(&b, "%d: %s\n", n.PCs[line].PC, insns[n.PCs[line].PC])
				line++
			}
			code := n.Code[at:n.End]
			size, text := 0, ""
			switch in, err := x86asm.Decode(code, 64); {
			case code[0] == 0xc4 && len(code) >= 5:
				size = 5
				if code[1]&31 == 3 { // with an immediate
					size = 6
				}
				text = fmt.Sprintf(".byte % x", code[:size])
			case err != nil || in.Op == 0:
				t.Fatalf("%s: at %d: % x is no instruction: %v", g.name, at, code[:min(len(code), 8)], err)
			default:
				size, text = in.Len, strings.ToLower(x86asm.IntelSyntax(in, uint64(at), nil))
			}
			fmt.Fprintf(&b, "\t%s\n", text)
			at += size
		}
		fmt.Fprintf(&b, "%d BPF instructions, %d native\n", len(insns), count)
		t.Logf("%s: %d BPF instructions, %d native", g.name, len(insns), count)
		golden(t, g.name, "amd64", b.String())
	}
}

// golden holds text against a file, or writes it.
func golden(t *testing.T, name, arch, text string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+"."+arch+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != text {
		t.Errorf("%s: the code is now\n%s", name, text)
	}
}

// TestPassNative switches off what backends make of neighbours: the code is another then, on either architecture.
func TestPassNative(t *testing.T) {
	for _, arch := range Archs {
		differ := 0
		for _, c := range checkCases(t, 1<<32-1) {
			var code [2][]byte
			for i, off := range []Pass{0, PassNative} {
				cfg := *c.cfg
				cfg.Disable = off
				n, err := Assemble(c.proof, cfg, arch)
				if err != nil {
					t.Fatalf("%s: %v", c.name, err)
				}
				code[i] = n.Code
			}
			if !bytes.Equal(code[0], code[1]) {
				differ++
			}
		}
		if differ == 0 {
			t.Errorf("%s: the pass is on whether it is asked for or not", arch)
		}
	}
}
