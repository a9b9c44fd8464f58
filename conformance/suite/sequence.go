package suite

import (
	"fmt"
	"math/rand/v2"

	"github.com/gbpf/gbpf/isa"
)

// straightModel is what a run of instructions without jumps leaves in the registers and in the memory that register c
// points to: one model after the other.
func straightModel(insns []isa.Insn, c isa.Reg, r *[isa.NumRegs]uint64, mem []byte) {
	for _, in := range insns {
		info := in.Info()
		src := r[in.Src]
		if info.UsesImm {
			src = uint64(in.Imm)
		}
		switch info.Kind {
		case isa.KindALU, isa.KindMov:
			r[in.Dst] = arithmeticModel(info.AluOp, info.Width, r[in.Dst], src)
		case isa.KindMovSX:
			r[in.Dst] = extendModel(info.FromWidth, info.Width, src)
		case isa.KindEnd:
			r[in.Dst] = swapModel(info.AluOp, info.Width, r[in.Dst])
		case isa.KindLoad:
			r[in.Dst] = little(mem[in.Off:], info.Size)
		case isa.KindLoadSX:
			r[in.Dst] = extendModel(info.Size*8, 64, little(mem[in.Off:], info.Size))
		case isa.KindStore, isa.KindStoreImm:
			copy(mem[in.Off:int(in.Off)+int(info.Size)], bytes64(src))
		default:
			panic("no straight instruction") // of the suite's own making
		}
	}
}

// saved is where sequence leaves R0 to R5 in its memory, behind 64 bytes that it works on.
const saved = 64

// sequence is a case of straight instructions, which have a memory of 64 bytes at R9 and find numbers in R0 to R5. What
// they leave in R0 to R5 and in the memory is compared.
func sequence(name string, body []isa.Insn, seed int) *Case {
	mem := make([]byte, saved+6*8)
	for i := range 8 {
		copy(mem[8*i:], bytes64(edges[(seed*3+i*7)%len(edges)]^edges[(seed*5+i*11+3)%len(edges)]))
	}
	var head, tail []isa.Insn
	for r := range isa.R6 {
		head = append(head, isa.New(isa.OpLdxDW, r, 9, int16(8*r), 0))
		tail = append(tail, isa.New(isa.OpStxDW, 9, r, int16(saved+8*r), 0))
	}
	all := seq(head, body, tail)
	out := append([]byte(nil), mem...)
	var regs [isa.NumRegs]uint64
	straightModel(all, 9, &regs, out)
	return &Case{
		Group: Base64, Name: name, RFC: "RFC 9669 section 4", Type: "syscall", Data: mem, Out: out, Want: regs[0], Costs: true,
		Insns: seq(one(isa.OpMov64Reg, 9, 1, 0, 0), all, exit),
	}
}

// patterns tries what optimisers look for, what is nearly that, and random straight lines.
func patterns(yield func(*Case) bool) bool {
	var texts []string
	for _, w := range []struct {
		r    string
		bits int
	}{{"r", 64}, {"w", 32}} {
		for _, k := range []int{1, 7, 8, 13, 16, w.bits / 2, w.bits - 1} {
			for _, rest := range []int{w.bits - k, (w.bits - k + 1) % w.bits} { // a rotation, and nearly one
				for _, put := range []string{"|=", "^=", "+="} {
					texts = append(texts,
						fmt.Sprintf("%[1]s3 = %[1]s2; %[1]s3 <<= %[2]d; %[1]s2 >>= %[3]d; %[1]s3 %[4]s %[1]s2", w.r, k, rest, put),
						fmt.Sprintf("%[1]s3 = %[1]s2; %[1]s3 >>= %[2]d; %[1]s2 <<= %[3]d; %[1]s2 %[4]s %[1]s3", w.r, k, rest, put))
				}
			}
			// Of copies, which are read in one case before they are put together.
			texts = append(texts, fmt.Sprintf("%[1]s3 = %[1]s2; %[1]s3 >>= %[2]d; %[1]s4 = %[1]s2; %[1]s4 <<= %[3]d; %[1]s4 |= %[1]s3", w.r, k, w.bits-k),
				fmt.Sprintf("%[1]s3 = %[1]s2; %[1]s3 <<= %[2]d; %[1]s4 = %[1]s3; %[1]s2 >>= %[3]d; %[1]s3 |= %[1]s2", w.r, k, w.bits-k))
			texts = append(texts, fmt.Sprintf("r3 = r2; w3 <<= %d; w2 >>= %d; w3 |= w2", k%32, (32-k)&31), fmt.Sprintf("r3 = r2; r3 <<= %d; w2 >>= %d; r3 |= r2", k, w.bits-k))
		}
		for _, k := range []int{8, 16, 24, 32, 48, 56} { // extensions, and nearly some
			if k < w.bits {
				for _, back := range []string{">>=", "s>>="} {
					texts = append(texts, fmt.Sprintf("%[1]s3 <<= %[2]d; %[1]s3 %[3]s %[2]d", w.r, k, back), fmt.Sprintf("%[1]s3 = %[1]s2; %[1]s3 <<= %[2]d; %[1]s3 %[3]s %[2]d", w.r, k, back),
						fmt.Sprintf("%[1]s3 = %[1]s2; %[1]s3 <<= %[2]d; %[1]s3 %[3]s %[4]d", w.r, k, back, k-1))
				}
			}
		}
		for _, imm := range []int{1, -1, 8, 127, -128, 128, 2147483647, -2147483648} {
			texts = append(texts, fmt.Sprintf("%[1]s3 = %[1]s2; %[1]s3 += %[2]d", w.r, imm), fmt.Sprintf("%[1]s3 = %[1]s2; %[1]s3 -= %[2]d", w.r, imm),
				fmt.Sprintf("%[1]s3 += %[2]d; %[1]s3 -= %[2]d", w.r, imm), fmt.Sprintf("r3 = r2; w3 += %d", imm), fmt.Sprintf("w3 = w2; r3 += %d", imm))
		}
	}
	for _, size := range []int{16, 32, 64} {
		for _, swap := range []int{16, 32, 64} {
			for _, op := range []string{"be", "le", "bswap"} {
				texts = append(texts, fmt.Sprintf("r3 = *(u%d *)(r9 +24); r3 = %s%d r3", size, op, swap), fmt.Sprintf("r3 = *(u%d *)(r9 +16); r2 = r3; r3 = %s%d r3", size, op, swap),
					fmt.Sprintf("r3 = %s%d r3; *(u%d *)(r9 +24) = r3", op, swap, size))
			}
		}
	}
	for _, before := range []string{
		"r3 += r2", "w3 += w2", "w3 = -w3", "r3 = -r3", "r3 = *(u32 *)(r9 +20)", "r3 = *(s32 *)(r9 +20)", "r3 = *(s8 *)(r9 +20)", "r3 = *(u8 *)(r9 +20)", "r3 = *(u64 *)(r9 +16)",
		"r3 = (s8)r2", "w3 = (s8)w2", "r3 = (s32)r2", "r3 = be16 r3", "r3 = be32 r3", "r3 = bswap64 r3", "w3 s>>= 3", "r3 s>>= 3", "w3 /= w2", "w3 %= 0", "r3 = -1", "w3 = -1", "r3 &= -1", "w3 |= 0", "r3 &= 0xff",
	} {
		for _, then := range []string{"w3 = w3", "r3 <<= 32; r3 >>= 32", "r3 <<= 32; r3 s>>= 32", "r3 = (s32)r3", "r3 = le32 r3", "r3 &= 0x7fffffff", "r3 = r3", "r4 = r3; r4 >>= 32; r3 += r4", "w3 = w3; w3 = w3", "w3 += 0", "r3 += 0", "r3 *= 1", "w3 *= 1", "w3 <<= 0", "r3 >>= 0", "w3 ^= 0"} {
			texts = append(texts, before+"; "+then)
		}
	}
	for i, s := range append(texts, partTexts()...) {
		if c := sequence(fmt.Sprintf("sequence %d: %s", i, s), text("%s", s), i); !yield(refusable(c)) {
			return false
		}
	}
	rng := rand.New(rand.NewPCG(1, 9669))
	choice := ops(isa.KindALU, isa.KindMov, isa.KindMovSX, isa.KindEnd, isa.KindLoad, isa.KindLoadSX, isa.KindStore, isa.KindStoreImm)
	for i := range 400 {
		var body []isa.Insn
		for range 3 + rng.IntN(12) {
			body = append(body, anyStraight(rng, choice[rng.IntN(len(choice))]))
		}
		if c := sequence(fmt.Sprintf("random sequence %d", i), body, i); !yield(refusable(c)) {
			return false
		}
	}
	return true
}

// anyStraight is an instruction on R0 to R5 and the memory at R9.
func anyStraight(rng *rand.Rand, op isa.Op) isa.Insn {
	info := op.Info()
	dst, src, off, imm := isa.Reg(rng.IntN(6)), isa.Reg(rng.IntN(6)), int16(0), int64(0)
	switch info.Kind {
	case isa.KindLoad, isa.KindLoadSX:
		src, off = 9, int16(rng.IntN(64/int(info.Size)))*int16(info.Size)
	case isa.KindStore, isa.KindStoreImm:
		dst, off = 9, int16(rng.IntN(64/int(info.Size)))*int16(info.Size)
	}
	if info.SrcUse != isa.UseOperand {
		src = 0
	}
	if info.UsesImm {
		imm = int64(int32(edges[rng.IntN(len(edges))]))
		switch info.AluOp {
		case isa.AluLsh, isa.AluRsh, isa.AluArsh:
			imm &= int64(info.Width) - 1
		case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod:
			imm |= 1
		}
	}
	return isa.New(op, dst, src, off, imm)
}

// refusable marks a case that Linux refuses for a constant.
func refusable(c *Case) *Case {
	for _, in := range c.Insns {
		if info := in.Info(); info.Kind == isa.KindALU && info.UsesImm {
			if why, refused := immediate(info, in.Imm); refused {
				c.Kernel, c.Unproved = why, true
			}
		}
	}
	return c
}
