package interp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/jit"
)

// TestNativeDivisors divides by constants, which machine code does by other means, with and without the passes.
func TestNativeDivisors(t *testing.T) {
	tw := newTwin(t)
	numbers := []uint64{0, 1, 2, 3, 6, 7, 9, 10, 11, 99, 100, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 1, 1 << 32, 1<<32 + 6, 1<<63 - 1, 1 << 63,
		1<<64 - 1, 1<<64 - 2, 0xdeadbeefcafebabe, 0x8000000080000001}
	divisors := []int64{0, 1, 2, 3, 5, 6, 7, 10, 12, 16, 25, 31, 100, 641, 1000, 4096, 10007, 1 << 20, 1000003, 1<<30 + 1, 1<<31 - 1, -1, -2, -7, -1 << 31}
	if testing.Short() {
		divisors = []int64{0, 1, 7, 16, 100, 1000003, 1<<31 - 1, -1, -7, -1 << 31}
	}
	count := 0
	for _, off := range []jit.Pass{0, jit.AllPasses} {
		tw.cfg.Disable = off
		for _, d := range divisors {
			var b strings.Builder
			b.WriteString("r0 = 0; r9 = 1\n")
			for _, n := range numbers {
				for _, reg := range []string{"r6", "r1", "r0"} { // r0 is RAX
					for _, op := range []string{"/=", "%="} {
						r, w := reg, "w"+reg[1:]
						if reg == "r0" {
							b.WriteString("r8 = r0\n")
						}
						fmt.Fprintf(&b, "%s = %d ll; %s %s %d; r7 = %s\n", r, int64(n), r, op, d, r)
						fmt.Fprintf(&b, "%s = %d ll; %s %s %d; r7 ^= %s\n", r, int64(n), w, op, d, r)
						if reg == "r0" {
							b.WriteString("r0 = r8\n")
						}
						b.WriteString("r0 *= 31; r0 += r7; r9 *= 3; r0 ^= r9\n")
						count += 2
					}
				}
			}
			b.WriteString("exit")
			if !tw.compare(fmt.Sprintf("by %d, without passes %#x", d, off), asm.Must(b.String()), nil, 1<<20) {
				t.Fatalf("by %d: not accepted", d)
			}
		}
	}
	t.Logf("%d divisions compared", count)
}

// TestNativeNeighbours compares what the backend makes of ops that follow each other: three-operand sums and
// products, rotations and masks of a copy, comparisons of what was computed right before, constants that a comparison chooses.
func TestNativeNeighbours(t *testing.T) {
	tw := newTwin(t)
	shapes := []string{
		"A = B; A += C", "a = b; a += c", "A = B; a += c", "A = B; A += A", "a = b; A += C",
		"A = 1234; A += B", "A = -5; A += B", "a = -5; A += B", "a = -5; a += b", "A = 0x123456789 ll; A += B", "A = 7; A += A",
		"A = B; A *= 31", "a = b; a *= -31", "A = B; a *= 31", "A = B; A &= 255", "A = B; a &= 65535", "a = b; A &= 255", "A = B; A &= -2",
		"A = B; A <<= 13; B >>= 51; A |= B", "a = b; a <<= 5; b >>= 27; a ^= b",
		"A = B; A >>= 51; C = B; C <<= 13; C |= A", "a = b; a >>= 27; c = b; c <<= 5; c ^= a", "A = B; A <<= 32; C = B; C >>= 32; A += C",
		"A = B; a >>= 20; C = B; c <<= 12; C |= A", "a = b; a >>= 20; C = B; C <<= 12; C |= A", "A = B; A >>= 16; C = A; B <<= 48; A |= B",
		"A = B; A >>= 16; B += 1; C = B; C <<= 48; A |= C", "A = B; A >>= 16; C = B; C <<= 47; A |= C", "A = B; A >>= 0; C = B; C <<= 64; A |= C",
		"A = B; A >>= 16; if A == 0 goto pc+0; B <<= 48; A |= B", "A = B; C = A; A <<= 9; C >>= 55; B = 1; C |= A",
		"*(u64 *)(r10 -64) = B; A = r10; A += -64; a >>= 3; A <<= 3; A = *(u64 *)(A +0)", "*(u64 *)(r10 -64) = B; A = r10; a >>= 2; A <<= 2; C += 1; A = *(u32 *)(A -60)",
		"*(u64 *)(r10 -64) = B; A = r10; a >>= 1; A <<= 1; C = *(u16 *)(A -62); A = 7", "*(u64 *)(r10 -64) = B; A = r10; a >>= 1; A <<= 1; C = A; A = *(u16 *)(A -62); C -= r10",
		"*(u64 *)(r10 -64) = B; A = r10; a >>= 1; A <<= 1; A += -64; A = *(u32 *)(A +0)", "*(u64 *)(r10 -64) = B; A = r10; A += -64; a >>= 3; a <<= 3; A = *(u64 *)(A +0)",
		"*(u64 *)(r10 -64) = B; A = r10; a >>= 2; A <<= 2; A += 0; A = *(u8 *)(A -60)", "*(u64 *)(r10 -64) = B; A = r10; a >>= 3; A <<= 3; A <<= 0; C = *(u32 *)(A -64); A = *(s32 *)(A -64)",
		"A <<= 32; A >>= 32", "A <<= 32; A s>>= 32", "A = B; A <<= 32; A >>= 32", "A = B; A <<= 32; A s>>= 32", "a = b; A <<= 32; A s>>= 32",
		"A = B; A <<= 48; A >>= 48", "A = B; A <<= 48; A s>>= 48", "A <<= 56; A s>>= 56", "A = B; A <<= 56; A >>= 56", "A = B; a <<= 24; a s>>= 24",
		"a = b; a <<= 16; a >>= 16", "A = B; a <<= 16; a s>>= 16", "A = B; A <<= 40; A >>= 40", "A = B; A <<= 32; A >>= 31", "A = B; A <<= 32; a >>= 32",
		"A = B; A <<= 32; C >>= 32", "A = B; A <<= 0; A >>= 0", "A = B; A <<= 32; A >>= 32; A += C", "A *= 3", "a *= 3", "A = B; A *= 3", "a = b; a *= 3",
		"A *= 7", "a *= 31", "A = B; A *= 255", "a = b; a *= 127", "A = A; A *= 15", "A *= 2147483647", "a *= 2147483647", "A *= -1", "A *= 1", "A *= 0",
		"A += B; if A == 0 goto pc+1; C ^= 77", "a -= b; if A != 0 goto pc+1; C ^= 77", "A &= B; if a == 0 goto pc+1; C ^= 77",
		"A ^= A; if A != 0 goto pc+1; C ^= 77", "A += -1; if A s> 0 goto pc+1; C ^= 77", "a |= 256; if a == 0 goto pc+1; C ^= 77",
		"A = B; A &= 1; if A == 0 goto pc+1; C ^= 77", "A = B; a &= 8; if A != 0 goto pc+1; C ^= A", "a = b; A &= -16; if A == 0 goto pc+1; C ^= 77",
		"A = B; A &= -2147483648; if A != 0 goto pc+1; C ^= 77", "A = B; A &= 2032; if a == 0 goto pc+1; C ^= 77",
		"if A > B goto pc+1; C = 0", "if a s< b goto pc+1; C = -1", "if A == 5 goto pc+1; c = -1", "if A & 4 goto pc+1; C = 2147483647", "if A != B goto pc+1; A = 1",
		"if A > B goto pc+1; C = B", "if a > b goto pc+1; c = b", "if A <= 0 goto pc+1; A = 0",
	}
	values := []string{"0", "1", "5", "-1", "256", "0x80000000", "0x123456789abcdef0", "-2147483648"}
	count := 0
	for _, off := range []jit.Pass{0, jit.AllPasses} {
		tw.cfg.Disable = off
		for _, s := range shapes {
			for _, regs := range []string{"123", "103", "810", "789", "678", "354", "455", "335"} {
				text := "r0 = 3 ll\nr9 = 9 ll\n"
				for i, v := range values {
					text += fmt.Sprintf("r%d = %s ll\n", i+1, v)
				}
				body := strings.NewReplacer("A", "r"+regs[:1], "B", "r"+regs[1:2], "C", "r"+regs[2:], "a", "w"+regs[:1], "b", "w"+regs[1:2], "c", "w"+regs[2:])
				parts := strings.Split(s, "; ")
				for i, p := range parts {
					if cut := strings.Index(p, "goto"); cut >= 0 {
						parts[i] = body.Replace(p[:cut]) + p[cut:]
					} else {
						parts[i] = body.Replace(p)
					}
				}
				text += strings.Join(parts, "\n") + "\n"
				for i := range 10 {
					text += fmt.Sprintf("*(u64 *)(r10 %d) = r%d\n", -8*(i+1), i)
				}
				insns, err := asm.Parse(text + "exit")
				if err != nil {
					t.Fatalf("%q: %v", s, err)
				}
				if tw.compare(fmt.Sprintf("%s of %s, without passes %#x", s, regs, off), insns, nil, 1000) {
					count++
				}
			}
		}
	}
	if count == 0 {
		t.Error("nothing was compared")
	}
	t.Logf("%d programs compared", count)
}
