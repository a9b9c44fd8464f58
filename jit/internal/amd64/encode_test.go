package amd64

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rows are instructions with their bytes. The texts are those of a disassembler, in Intel's syntax.
var rows = []struct {
	text, want string
	emit       func(e *buffer)
}{
	{"add rax, rdi", "4801f8", func(e *buffer) { e.aluRR(64, aluAdd, RAX, RDI) }},
	{"sub r8d, r15d", "4529f8", func(e *buffer) { e.aluRR(32, aluSub, R8, R15) }},
	{"xor r13, qword ptr [rsp]", "4c332c24", func(e *buffer) { e.aluRM(64, aluXor, R13, at(RSP, 0)) }},
	{"and r12, -0x80", "4983e480", func(e *buffer) { e.aluRI(64, aluAnd, R12, -128) }},
	{"or ebp, 0x80", "81cd80000000", func(e *buffer) { e.aluRI(32, aluOr, RBP, 128) }},
	{"cmp rax, 0x12345678", "483d78563412", func(e *buffer) { e.aluRI(64, aluCmp, RAX, 0x12345678) }},
	{"cmp dword ptr [rsp + 0x8], 0x0", "837c240800", func(e *buffer) { e.aluMI(32, aluCmp, at(RSP, 8), 0) }},
	{"mov r9, rsi", "4989f1", func(e *buffer) { e.movRR(64, R9, RSI) }},
	{"mov ecx, r10d", "4489d1", func(e *buffer) { e.movRR(32, RCX, R10) }},
	{"xor edi, edi", "31ff", func(e *buffer) { e.movRI(RDI, 0) }},
	{"mov r14d, 0xffffffff", "41beffffffff", func(e *buffer) { e.movRI(R14, 0xffffffff) }},
	{"mov rbx, -0x1", "48c7c3ffffffff", func(e *buffer) { e.movRI(RBX, -1) }},
	{"movabs r11, 0x123456789abcdef0", "49bbf0debc9a78563412", func(e *buffer) { e.movRI(R11, 0x123456789abcdef0) }},
	{"lea ecx, [r13]", "418d4d00", func(e *buffer) { e.lea(32, RCX, at(R13, 0)) }},
	{"lea rdi, [rbp - 0x200]", "488dbd00feffff", func(e *buffer) { e.lea(64, RDI, at(RBP, -512)) }},
	{"lea ecx, [r12 + 0x4]", "418d4c2404", func(e *buffer) { e.lea(32, RCX, at(R12, 4)) }},
	{"movzx eax, byte ptr [r12 + rcx]", "410fb6040c", func(e *buffer) { e.load(1, false, RAX, Mem{Base: R12, Index: RCX}) }},
	{"movzx r15d, word ptr [r12 + r9 + 0x7fff]", "470fb7bc0cff7f0000", func(e *buffer) { e.load(2, false, R15, Mem{Base: R12, Index: R9, Disp: 32767}) }},
	{"mov esi, dword ptr [rbp - 0x4]", "8b75fc", func(e *buffer) { e.load(4, false, RSI, at(RBP, -4)) }},
	{"mov r8, qword ptr [rbp - 0x8]", "4c8b45f8", func(e *buffer) { e.load(8, false, R8, at(RBP, -8)) }},
	{"movsx rax, byte ptr [r12 + rcx]", "490fbe040c", func(e *buffer) { e.load(1, true, RAX, Mem{Base: R12, Index: RCX}) }},
	{"movsx r9, word ptr [r12 + rcx]", "4d0fbf0c0c", func(e *buffer) { e.load(2, true, R9, Mem{Base: R12, Index: RCX}) }},
	{"movsxd rbx, dword ptr [r12 + rcx]", "49631c0c", func(e *buffer) { e.load(4, true, RBX, Mem{Base: R12, Index: RCX}) }},
	{"mov byte ptr [r12 + rcx], sil", "4188340c", func(e *buffer) { e.store(1, Mem{Base: R12, Index: RCX}, RSI) }},
	{"mov byte ptr [rbp - 0x1], bl", "885dff", func(e *buffer) { e.store(1, at(RBP, -1), RBX) }},
	{"mov word ptr [r12 + rcx], r14w", "664589340c", func(e *buffer) { e.store(2, Mem{Base: R12, Index: RCX}, R14) }},
	{"mov dword ptr [rbp - 0x8], edi", "897df8", func(e *buffer) { e.store(4, at(RBP, -8), RDI) }},
	{"mov qword ptr [r12 + rcx], r10", "4d89140c", func(e *buffer) { e.store(8, Mem{Base: R12, Index: RCX}, R10) }},
	{"mov byte ptr [r12 + rcx], -0x1", "41c6040cff", func(e *buffer) { e.storeI(1, Mem{Base: R12, Index: RCX}, -1) }},
	{"mov word ptr [rbp - 0x2], 0x1234", "66c745fe3412", func(e *buffer) { e.storeI(2, at(RBP, -2), 0x1234) }},
	{"mov dword ptr [rbp - 0x4], 0x7", "c745fc07000000", func(e *buffer) { e.storeI(4, at(RBP, -4), 7) }},
	{"mov qword ptr [rbp - 0x8], -0x2", "48c745f8feffffff", func(e *buffer) { e.storeI(8, at(RBP, -8), -2) }},
	{"xchg r9, rax", "4c87c8", func(e *buffer) { e.xchgRR(64, R9, RAX) }},
	{"test edi, 0x8000", "f7c700800000", func(e *buffer) { e.testRI(32, RDI, 0x8000) }},
	{"test r13, r13", "4d85ed", func(e *buffer) { e.testRR(64, R13, R13) }},
	{"imul r8, rbx", "4c0fafc3", func(e *buffer) { e.imulRR(64, R8, RBX) }},
	{"imul eax, eax, 0x1f", "6bc01f", func(e *buffer) { e.imulRRI(32, RAX, RAX, 31) }},
	{"imul r14, r14, 0x1000193", "4d69f693010001", func(e *buffer) { e.imulRRI(64, R14, R14, 0x1000193) }},
	{"neg r10d", "41f7da", func(e *buffer) { e.neg(32, R10) }},
	{"div rcx", "48f7f1", func(e *buffer) { e.div(64, RCX) }},
	{"idiv ecx", "f7f9", func(e *buffer) { e.idiv(32, RCX) }},
	{"cqo", "4899", func(e *buffer) { e.cdq(64) }},
	{"cdq", "99", func(e *buffer) { e.cdq(32) }},
	{"movsxd r8, edi", "4c63c7", func(e *buffer) { e.movsxd(R8, RDI) }},
	{"movsx esi, dil", "400fbef7", func(e *buffer) { e.sext(32, 8, RSI, RDI) }},
	{"movsx r9, bx", "4c0fbfcb", func(e *buffer) { e.sext(64, 16, R9, RBX) }},
	{"movzx edi, dil", "400fb6ff", func(e *buffer) { e.movzx8RR(RDI, RDI) }},
	{"movzx r15d, r15w", "450fb7ff", func(e *buffer) { e.movzx16RR(R15, R15) }},
	{"bswap r13", "490fcd", func(e *buffer) { e.bswap(64, R13) }},
	{"bswap esi", "0fce", func(e *buffer) { e.bswap(32, RSI) }},
	{"rol r9w, 0x8", "6641c1c108", func(e *buffer) { e.rol16(R9) }},
	{"shl rdi, 0xd", "48c1e70d", func(e *buffer) { e.shiftI(64, shShl, RDI, 13) }},
	{"shr r8d", "41d1e8", func(e *buffer) { e.shiftI(32, shShr, R8, 1) }},
	{"sar r15, cl", "49d3ff", func(e *buffer) { e.shiftCL(64, shSar, R15) }},
	{"rol r13d, 0x7", "41c1c507", func(e *buffer) { e.shiftI(32, shRol, R13, 7) }},
	{"shlx rdi, r8, rax", "c4c2f9f7f8", func(e *buffer) { e.shlx(64, RDI, R8, RAX) }},
	{"shrx r14d, r14d, r15d", "c44203f7f6", func(e *buffer) { e.shrx(32, R14, R14, R15) }},
	{"sarx r9, rbx, rdx", "c462eaf7cb", func(e *buffer) { e.sarx(64, R9, RBX, RDX) }},
	{"rorx r8, r13, 0x11", "c443fbf0c511", func(e *buffer) { e.rorx(64, R8, R13, 17) }},
	{"mulx rcx, rcx, rcx", "c4e2f3f6c9", func(e *buffer) { e.mulx(RCX, RCX, RCX) }},
	{"movbe r9d, dword ptr [r12 + rcx]", "450f38f00c0c", func(e *buffer) { e.movbeRM(4, R9, Mem{Base: R12, Index: RCX}) }},
	{"movbe word ptr [r12 + rcx], di", "66410f38f13c0c", func(e *buffer) { e.movbeMR(2, Mem{Base: R12, Index: RCX}, RDI) }},
	{"movbe qword ptr [rbp - 0x8], r8", "4c0f38f145f8", func(e *buffer) { e.movbeMR(8, at(RBP, -8), R8) }},
	{"push r13", "4155", func(e *buffer) { e.push(R13) }},
	{"pop rbx", "5b", func(e *buffer) { e.pop(RBX) }},
	{"push 0x800000", "6800008000", func(e *buffer) { e.pushImm(1 << 23) }},
	{"push qword ptr [rsp + 0x30]", "ff742430", func(e *buffer) { e.pushMem(at(RSP, 48)) }},
	{"pop qword ptr [rdx + 8*rcx + 0xd8]", "8f84cad8000000", func(e *buffer) { e.popMem(Mem{Base: RDX, Index: RCX, Scale: 3, Disp: 216}) }},
	{"call qword ptr [rcx + 0x98]", "ff9198000000", func(e *buffer) { e.callMem(at(RCX, 0x98)) }},
	{"jmp qword ptr [rcx + 0xa0]", "ffa1a0000000", func(e *buffer) { e.jmpMem(at(RCX, 0xa0)) }},
	{"dec dword ptr [rsp + 0x8]", "ff4c2408", func(e *buffer) { e.decM(32, at(RSP, 8)) }},
	{"xorps xmm0, xmm0", "0f57c0", func(e *buffer) { e.zeroX0() }},
	{"movups xmmword ptr [rbp - 0x10], xmm0", "0f1145f0", func(e *buffer) { e.storeX0(at(RBP, -16)) }},
	{"lock or dword ptr [r12 + rcx], r8d", "f04509040c", func(e *buffer) { e.lockAluMR(32, aluOr, Mem{Base: R12, Index: RCX}, R8) }},
	{"lock xadd qword ptr [r12 + rcx], rdi", "f0490fc13c0c", func(e *buffer) { e.lockXadd(64, Mem{Base: R12, Index: RCX}, RDI) }},
	{"lock cmpxchg dword ptr [r12 + rcx], edx", "f0410fb1140c", func(e *buffer) { e.lockCmpxchg(32, Mem{Base: R12, Index: RCX}, RDX) }},
	{"xchg byte ptr [r12 + rcx], sil", "4186340c", func(e *buffer) { e.xchgMR(1, Mem{Base: R12, Index: RCX}, RSI) }},
	{"xchg word ptr [rcx], dx", "668711", func(e *buffer) { e.xchgMR(2, at(RCX, 0), RDX) }},
	{"xchg qword ptr [rcx], r9", "4c8709", func(e *buffer) { e.xchgMR(8, at(RCX, 0), R9) }},
	{"ret", "c3", func(e *buffer) { e.ret() }},
}

// TestEncode holds the bytes against what has been checked by hand and by a disassembler.
func TestEncode(t *testing.T) {
	for _, r := range rows {
		var e buffer
		r.emit(&e)
		if got := hex.EncodeToString(e.b); got != r.want {
			t.Errorf("{%q, %q}: got %q", r.text, r.want, got)
		}
	}
}

// TestDisassemble asks a disassembler, where there is one, what the bytes mean.
func TestDisassemble(t *testing.T) {
	tool, err := exec.LookPath("llvm-mc-19")
	if err != nil {
		t.Skip("no llvm-mc-19 here")
	}
	var in strings.Builder
	for _, r := range rows {
		var e buffer
		r.emit(&e)
		for _, b := range e.b {
			fmt.Fprintf(&in, "0x%02x ", b)
		}
		in.WriteString("\n")
	}
	path := filepath.Join(t.TempDir(), "bytes")
	if err := os.WriteFile(path, []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "--disassemble", "--triple=x86_64", "--output-asm-variant=1", "--print-imm-hex", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	space := regexp.MustCompile(`\s+`)
	var lines []string
	for _, l := range strings.Split(string(out), "\n") {
		if l = strings.TrimSpace(space.ReplaceAllString(l, " ")); l != "" && !strings.HasPrefix(l, ".") {
			lines = append(lines, l)
		}
	}
	// lock is a line of its own there.
	text := strings.ReplaceAll(strings.Join(lines, "\n"), "lock\n", "lock ")
	lines = strings.Split(text, "\n")
	if len(lines) != len(rows) {
		t.Fatalf("%d instructions, want %d:\n%s", len(lines), len(rows), text)
	}
	for i, r := range rows {
		if lines[i] != r.text {
			t.Errorf("row %d is %q, want %q", i, lines[i], r.text)
		}
	}
}
