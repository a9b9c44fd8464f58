package main

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"
)

// decode returns the text of the first instruction of code, which lies at address at, and its length in
// bytes. What the decoders do not know is given in bytes.
func decode(arch string, code []byte, at uint64) (text string, n int) {
	if arch == "arm64" {
		return decodeARM64(code, at)
	}
	return decodeAMD64(code, at)
}

func decodeARM64(code []byte, at uint64) (string, int) {
	if len(code) < 4 {
		return data(code), len(code)
	}
	in, err := arm64asm.Decode(code)
	if err != nil {
		return decodeLSE(binary.LittleEndian.Uint32(code)), 4
	}
	text := strings.ToLower(arm64asm.GNUSyntax(in))
	for _, a := range in.Args {
		if rel, ok := a.(arm64asm.PCRel); ok {
			text = strings.Replace(text, "."+strings.ToLower(rel.String()[1:]), fmt.Sprintf("%x", int64(at)+int64(rel)), 1)
		}
	}
	return text, 4
}

// decodeLSE decodes the atomic operations of FEAT_LSE, which package arm64asm does not know: Arm ARM C4.1.94, "Atomic memory
// operations" and "Compare and swap".
func decodeLSE(w uint32) string {
	x := "w"
	if w>>30&1 == 1 {
		x = "x"
	}
	s, n, t := w>>16&31, w>>5&31, w&31
	order := ""
	cas := w&0xbfa07c00 == 0x88a07c00
	acquire, release := w>>23&1, w>>22&1
	if cas {
		acquire, release = w>>22&1, w>>15&1
	}
	if acquire == 1 {
		order = "a"
	}
	if release == 1 {
		order += "l"
	}
	switch op := w >> 12 & 15; {
	case cas:
		return fmt.Sprintf("cas%s %s%d, %s%d, [x%d]", order, x, s, x, t, n)
	case w&0xbf200c00 == 0xb8200000 && (op < 4 || op == 8):
		name := map[uint32]string{0: "ldadd", 1: "ldclr", 2: "ldeor", 3: "ldset", 8: "swp"}[op]
		return fmt.Sprintf("%s%s %s%d, %s%d, [x%d]", name, order, x, s, x, t, n)
	}
	return fmt.Sprintf(".inst 0x%08x", w)
}

func decodeAMD64(code []byte, at uint64) (string, int) {
	if text, n := decodeVEX(code); n > 0 {
		return text, n
	}
	in, err := x86asm.Decode(code, 64)
	if err != nil || in.Len == 0 || in.Op == 0 {
		return data(code[:1]), 1
	}
	text := strings.ToLower(x86asm.IntelSyntax(in, at, nil))
	return text, in.Len
}

// data is bytes that no decoder knows.
func data(b []byte) string {
	return fmt.Sprintf(".byte % x", b)
}

// decodeVEX decodes the instructions of BMI2 that the JIT uses, which package x86asm does not know; n is 0 for all
// others. See the Intel manual, volume 2, section 2.3.5: the three-byte prefix.
func decodeVEX(code []byte) (text string, n int) {
	if len(code) < 5 || code[0] != 0xc4 {
		return "", 0
	}
	p1, p2, op, modrm := code[1], code[2], code[3], code[4]
	if modrm>>6 != 3 {
		return "", 0 // the JIT uses registers only
	}
	wide := p2&0x80 != 0
	reg := func(i byte) string { return register(i, wide) }
	dst := modrm>>3&7 | (^p1>>7&1)<<3
	rm := modrm&7 | (^p1>>5&1)<<3
	vvvv := ^p2 >> 3 & 15
	switch m, pp := p1&31, p2&3; {
	case m == 2 && op == 0xf7 && pp != 0:
		name := []string{"", "shlx", "sarx", "shrx"}[pp]
		return fmt.Sprintf("%s %s, %s, %s", name, reg(dst), reg(rm), reg(vvvv)), 5
	case m == 3 && op == 0xf0 && pp == 3 && len(code) > 5:
		return fmt.Sprintf("rorx %s, %s, %#x", reg(dst), reg(rm), code[5]), 6
	case m == 2 && op == 0xf6 && pp == 3:
		return fmt.Sprintf("mulx %s, %s, %s", reg(dst), reg(vvvv), reg(rm)), 5
	}
	return "", 0
}

// register names a register of amd64 by its number.
func register(i byte, wide bool) string {
	names := [8]string{"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"}
	switch {
	case i < 8 && wide:
		return "r" + names[i]
	case i < 8:
		return "e" + names[i]
	case wide:
		return fmt.Sprintf("r%d", i)
	}
	return fmt.Sprintf("r%dd", i)
}
