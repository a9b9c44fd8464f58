package arm64

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
)

// row is an instruction and how the manual writes it.
type row struct {
	word uint32
	text string
}

var (
	regs   = []Reg{0, 1, 7, 12, 22, 30}
	widths = []Width{W, X}
)

func (r Reg) name(w Width) string {
	c := "wx"[w : w+1]
	if r == ZR {
		return c + "zr"
	}
	return fmt.Sprintf("%s%d", c, r)
}

func (r Reg) x() string { return r.name(X) }

var condNames = [...]string{"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"}

// sized is the register that an access of that size moves.
func sized(size uint8, r Reg) string {
	if size == 8 {
		return r.name(X)
	}
	return r.name(W)
}

var sizeSuffix = map[uint8]string{1: "b", 2: "h", 4: "", 8: ""}

// rows lists every encoder over a grid of operands.
func rows() []row {
	var out []row
	add := func(word uint32, format string, args ...any) {
		out = append(out, row{word, fmt.Sprintf(format, args...)})
	}
	for i, d := range regs {
		n, m, a := regs[(i+1)%len(regs)], regs[(i+2)%len(regs)], regs[(i+3)%len(regs)]
		for _, w := range widths {
			dn, nn, mn, an := d.name(w), n.name(w), m.name(w), a.name(w)
			top := w.bits() - 1
			for _, v := range []uint64{1, 0x7ff, 0xfff, 0x1000, 0xabc000, 0xfff000} {
				t := fmt.Sprintf("#0x%x", v)
				if v >= 0x1000 {
					t = fmt.Sprintf("#0x%x, lsl #12", v>>12)
				}
				add(AddImm(w, d, n, v), "add %s, %s, %s", dn, nn, t)
				add(SubImm(w, d, n, v), "sub %s, %s, %s", dn, nn, t)
				add(AddsImm(w, d, n, v), "adds %s, %s, %s", dn, nn, t)
				add(SubsImm(w, d, n, v), "subs %s, %s, %s", dn, nn, t)
				add(SubsImm(w, ZR, n, v), "cmp %s, %s", nn, t)
				add(AddsImm(w, ZR, n, v), "cmn %s, %s", nn, t)
			}
			for _, s := range []struct {
				s Shift
				t string
				k uint32
			}{{LSL, "lsl", 1}, {LSL, "lsl", top}, {LSR, "lsr", 7}, {ASR, "asr", top}} {
				t := fmt.Sprintf("%s, %s, %s, %s #%d", dn, nn, mn, s.t, s.k)
				add(Add(w, d, n, m, s.s, s.k), "add %s", t)
				add(Sub(w, d, n, m, s.s, s.k), "sub %s", t)
				add(Adds(w, d, n, m, s.s, s.k), "adds %s", t)
				add(Subs(w, d, n, m, s.s, s.k), "subs %s", t)
				add(And(w, d, n, m, s.s, s.k), "and %s", t)
				add(Bic(w, d, n, m, s.s, s.k), "bic %s", t)
				add(Orr(w, d, n, m, s.s, s.k), "orr %s", t)
				add(Orn(w, d, n, m, s.s, s.k), "orn %s", t)
				add(Eor(w, d, n, m, s.s, s.k), "eor %s", t)
				add(Ands(w, d, n, m, s.s, s.k), "ands %s", t)
			}
			add(Eor(w, d, n, m, ROR, 5), "eor %s, %s, %s, ror #5", dn, nn, mn)
			add(Add(w, d, n, m, LSL, 0), "add %s, %s, %s", dn, nn, mn)
			add(Orr(w, d, n, m, LSL, 0), "orr %s, %s, %s", dn, nn, mn)
			add(Subs(w, ZR, n, m, LSL, 0), "cmp %s, %s", nn, mn)
			add(Adds(w, ZR, n, m, LSL, 0), "cmn %s, %s", nn, mn)
			add(Ands(w, ZR, n, m, LSL, 0), "tst %s, %s", nn, mn)
			add(Sub(w, d, ZR, m, LSL, 0), "neg %s, %s", dn, mn)
			add(Mov(w, d, m), "mov %s, %s", dn, mn)
			add(Mvn(w, d, m), "mvn %s, %s", dn, mn)
			for _, v := range []uint64{1, 0xff, 0xff00, 0x55555555, 0x80000001, 0xfffffff8, 0x7fffffff, 0x0f0f0f0f, 0x00ff00ff,
				0xffffffffffff0000, 0x8000000000000001, 0x0000fffffffff000, 0xfffffffffffffff8, 0x5555555555555555} {
				f, ok := bitmask(w, v)
				if !ok || w == W && v > 0xffffffff {
					continue
				}
				add(AndImm(w, d, n, f), "and %s, %s, #0x%x", dn, nn, v)
				add(OrrImm(w, d, n, f), "orr %s, %s, #0x%x", dn, nn, v)
				add(EorImm(w, d, n, f), "eor %s, %s, #0x%x", dn, nn, v)
				add(AndsImm(w, d, n, f), "ands %s, %s, #0x%x", dn, nn, v)
				add(AndsImm(w, ZR, n, f), "tst %s, #0x%x", nn, v)
			}
			for hw := range 2 << w {
				add(Movk(w, d, 0xbeef, uint32(hw)), "movk %s, #0xbeef%s", dn, lsl16(hw))
				z, n := uint64(0xbeef)<<(16*hw), ^(uint64(0xbeef) << (16 * hw))
				if w == W {
					n &= 0xffffffff
				}
				add(Movz(w, d, 0xbeef, uint32(hw)), "mov %s, #%d", dn, int64(z))
				add(Movn(w, d, 0xbeef, uint32(hw)), "mov %s, #%d", dn, int64(n))
			}
			for _, k := range []uint32{1, 13, top - 1} {
				add(LslImm(w, d, n, k), "lsl %s, %s, #%d", dn, nn, k)
				add(LsrImm(w, d, n, k), "lsr %s, %s, #%d", dn, nn, k)
				add(AsrImm(w, d, n, k), "asr %s, %s, #%d", dn, nn, k)
				add(Extr(w, d, n, m, k), "extr %s, %s, %s, #%d", dn, nn, mn, k)
				add(Extr(w, d, n, n, k), "ror %s, %s, #%d", dn, nn, k)
			}
			add(Ubfm(w, d, n, 3, 10), "ubfx %s, %s, #3, #8", dn, nn)
			add(Sbfm(w, d, n, 3, 10), "sbfx %s, %s, #3, #8", dn, nn)
			add(Bfm(w, d, n, 3, 10), "bfxil %s, %s, #3, #8", dn, nn)
			add(Bfm(w, d, n, w.bits()-4, 7), "bfi %s, %s, #4, #8", dn, nn)
			add(Sxt(w, d, n, 8), "sxtb %s, %s", dn, n.name(W))
			add(Sxt(w, d, n, 16), "sxth %s, %s", dn, n.name(W))
			add(Udiv(w, d, n, m), "udiv %s, %s, %s", dn, nn, mn)
			add(Sdiv(w, d, n, m), "sdiv %s, %s, %s", dn, nn, mn)
			add(Lslv(w, d, n, m), "lsl %s, %s, %s", dn, nn, mn)
			add(Lsrv(w, d, n, m), "lsr %s, %s, %s", dn, nn, mn)
			add(Asrv(w, d, n, m), "asr %s, %s, %s", dn, nn, mn)
			add(Rorv(w, d, n, m), "ror %s, %s, %s", dn, nn, mn)
			add(Madd(w, d, n, m, a), "madd %s, %s, %s, %s", dn, nn, mn, an)
			add(Msub(w, d, n, m, a), "msub %s, %s, %s, %s", dn, nn, mn, an)
			add(Madd(w, d, n, m, ZR), "mul %s, %s, %s", dn, nn, mn)
			add(Msub(w, d, n, m, ZR), "mneg %s, %s, %s", dn, nn, mn)
			add(Rev16(w, d, n), "rev16 %s, %s", dn, nn)
			add(Rev(w, d, n), "rev %s, %s", dn, nn)
			for c, cn := range condNames {
				c := Cond(c)
				add(Csel(w, d, n, m, c), "csel %s, %s, %s, %s", dn, nn, mn, cn)
				add(Csinc(w, d, n, m, c), "csinc %s, %s, %s, %s", dn, nn, mn, cn)
				add(Csinv(w, d, n, m, c), "csinv %s, %s, %s, %s", dn, nn, mn, cn)
				add(Csneg(w, d, n, m, c), "csneg %s, %s, %s, %s", dn, nn, mn, cn)
				add(Cset(w, d, c), "cset %s, %s", dn, cn)
				add(CcmpImm(w, n, 21, 10, c), "ccmp %s, #0x15, #10, %s", nn, cn)
				add(Ccmp(w, n, m, 5, c), "ccmp %s, %s, #5, %s", nn, mn, cn)
			}
			for _, off := range []int32{8, -8, 1<<20 - 4, -1 << 20} {
				add(Cbz(w, d, off), "cbz %s, #%d", dn, off)
				add(Cbnz(w, d, off), "cbnz %s, #%d", dn, off)
			}
			for _, off := range []int32{0, 4 << w, -64 * (4 << w), 63 * (4 << w)} {
				add(Stp(w, d, m, n, off), "stp %s, %s, [%s%s]", dn, mn, n.x(), offset(off))
				add(Ldp(w, d, m, n, off), "ldp %s, %s, [%s%s]", dn, mn, n.x(), offset(off))
				if off != 0 {
					add(StpPre(w, d, m, n, off), "stp %s, %s, [%s, #%d]!", dn, mn, n.x(), off)
					add(LdpPost(w, d, m, n, off), "ldp %s, %s, [%s], #%d", dn, mn, n.x(), off)
				}
			}
		}
		add(AddExt(X, d, n, m, UXTW, 0), "add %s, %s, %s, uxtw", d.x(), n.x(), m.name(W))
		add(AddExt(X, d, n, m, UXTW, 3), "add %s, %s, %s, uxtw #3", d.x(), n.x(), m.name(W))
		add(AddExt(W, d, n, m, UXTB, 0), "add %s, %s, %s, uxtb", d.name(W), n.name(W), m.name(W))
		add(SubExt(X, d, n, m, SXTW, 2), "sub %s, %s, %s, sxtw #2", d.x(), n.x(), m.name(W))
		add(SubsExt(X, ZR, n, m, SXTH, 0), "cmp %s, %s, sxth", n.x(), m.name(W))
		add(Sxt(X, d, n, 32), "sxtw %s, %s", d.x(), n.name(W))
		add(Uxt(d, n, 8), "uxtb %s, %s", d.name(W), n.name(W))
		add(Uxt(d, n, 16), "uxth %s, %s", d.name(W), n.name(W))
		add(Umulh(d, n, m), "umulh %s, %s, %s", d.x(), n.x(), m.x())
		add(Umull(d, n, m), "umull %s, %s, %s", d.x(), n.name(W), m.name(W))
		add(Rev32(d, n), "rev32 %s, %s", d.x(), n.x())
		out = append(out, memoryRows(d, n, m)...)
		for _, off := range []int32{4, -4, 1<<27 - 4, -1 << 27} {
			add(B(off), "b #%d", off)
			add(Bl(off), "bl #%d", off)
		}
		for c, cn := range condNames {
			add(BCond(Cond(c), 1<<20-4), "b.%s #%d", cn, 1<<20-4)
			add(BCond(Cond(c), -12), "b.%s #-12", cn)
		}
		for _, bit := range []uint32{0, 31, 32, 63} {
			t := d.name(Width(bit >> 5))
			add(Tbz(d, bit, 1<<15-4), "tbz %s, #%d, #%d", t, bit, 1<<15-4)
			add(Tbnz(d, bit, -1<<15), "tbnz %s, #%d, #%d", t, bit, -1<<15)
		}
		add(Br(n), "br %s", n.x())
		add(Blr(n), "blr %s", n.x())
		add(Ret(n), "ret %s", n.x())
		add(Adr(d, 12345), "adr %s, #12345", d.x())
		add(Adr(d, -3), "adr %s, #-3", d.x())
		add(StpQ(d, m, n, -1024), "stp q%d, q%d, [%s, #-1024]", d, m, n.x())
		add(StpQ(d, m, n, 1008), "stp q%d, q%d, [%s, #1008]", d, m, n.x())
		add(ZeroQ(d), "movi v%d.2d, #0x0", d)
		for i, c := range "bhsdq" {
			for _, off := range []int32{0, 16, 63, 255, -256} {
				add(vectorAccess(LDR, 1<<i, d, n, off), "ldur %c%d, [%s%s]", c, d, n.x(), offset(off))
				add(vectorAccess(STR, 1<<i, d, n, off), "stur %c%d, [%s%s]", c, d, n.x(), offset(off))
			}
		}
	}
	add(DmbIsh, "dmb ish")
	add(isb, "isb")
	add(mrsCNTVCT0, "mrs x0, s3_3_c14_c0_2") // cntvct_el0
	return out
}

func memoryRows(t, n, m Reg) []row {
	var out []row
	add := func(word uint32, format string, args ...any) {
		out = append(out, row{word, fmt.Sprintf(format, args...)})
	}
	for _, size := range []uint8{1, 2, 4, 8} {
		sfx, tn, mn := sizeSuffix[size], sized(size, t), sized(size, m)
		type form struct {
			m    Mem
			name string
			t    string
		}
		forms := []form{{STR, "st%sr" + sfx, tn}, {LDR, "ld%sr" + sfx, tn}}
		if size < 8 {
			forms = append(forms, form{LDRSX, "ld%srs" + []string{1: "b", 2: "h", 4: "w"}[size], t.x()})
		}
		if size < 4 {
			forms = append(forms, form{LDRSW, "ld%srs" + sfx, t.name(W)})
		}
		for _, f := range forms {
			name := strings.Replace(f.name, "%s", "", 1)
			unscaled := strings.Replace(f.name, "%s", "u", 1)
			for _, off := range []uint32{0, uint32(size), 4095 * uint32(size)} {
				add(Access(f.m, size, t, n, off), "%s %s, [%s%s]", name, f.t, n.x(), offset(int32(off)))
			}
			for _, off := range []int32{-256, -1, 255} {
				add(AccessUnscaled(f.m, size, t, n, off), "%s %s, [%s, #%d]", unscaled, f.t, n.x(), off)
			}
			if t != n {
				add(AccessPost(f.m, size, t, n, -17), "%s %s, [%s], #-17", name, f.t, n.x())
				add(AccessPre(f.m, size, t, n, 33), "%s %s, [%s, #33]!", name, f.t, n.x())
			}
			add(AccessReg(f.m, size, t, n, m, UXTW, false), "%s %s, [%s, %s, uxtw]", name, f.t, n.x(), m.name(W))
			add(AccessReg(f.m, size, t, n, m, UXTX, false), "%s %s, [%s, %s]", name, f.t, n.x(), m.x())
			if size > 1 {
				k := map[uint8]int{2: 1, 4: 2, 8: 3}[size]
				add(AccessReg(f.m, size, t, n, m, UXTW, true), "%s %s, [%s, %s, uxtw #%d]", name, f.t, n.x(), m.name(W), k)
				add(AccessReg(f.m, size, t, n, m, UXTX, true), "%s %s, [%s, %s, lsl #%d]", name, f.t, n.x(), m.x(), k)
			}
		}
		for _, a := range []struct {
			op   RMW
			name string
			st   string
		}{{LDADD, "ldadd", "stadd"}, {LDCLR, "ldclr", "stclr"}, {LDEOR, "ldeor", "steor"}, {LDSET, "ldset", "stset"}, {SWP, "swp", ""}} {
			add(Atomic(a.op, AcqRel, size, m, t, n), "%sal%s %s, %s, [%s]", a.name, sfx, mn, tn, n.x())
			add(Atomic(a.op, Relaxed, size, m, t, n), "%s%s %s, %s, [%s]", a.name, sfx, mn, tn, n.x())
			if a.st != "" {
				add(Atomic(a.op, Relaxed, size, m, ZR, n), "%s%s %s, [%s]", a.st, sfx, mn, n.x())
			}
		}
		add(Casal(size, m, t, n), "casal%s %s, %s, [%s]", sfx, mn, tn, n.x())
		add(Ldxr(size, t, n), "ldxr%s %s, [%s]", sfx, tn, n.x())
		add(Ldaxr(size, t, n), "ldaxr%s %s, [%s]", sfx, tn, n.x())
		add(Stxr(size, m, t, n), "stxr%s %s, %s, [%s]", sfx, m.name(W), tn, n.x())
		add(Stlxr(size, m, t, n), "stlxr%s %s, %s, [%s]", sfx, m.name(W), tn, n.x())
		add(Ldar(size, t, n), "ldar%s %s, [%s]", sfx, tn, n.x())
		add(Stlr(size, t, n), "stlr%s %s, [%s]", sfx, tn, n.x())
	}
	return out
}

func offset(off int32) string {
	if off == 0 {
		return ""
	}
	return fmt.Sprintf(", #%d", off)
}

func lsl16(hw int) string {
	if hw == 0 {
		return ""
	}
	return fmt.Sprintf(", lsl #%d", 16*hw)
}

var hexImm = regexp.MustCompile(`#0x[0-9a-f]+`)

// normal writes all numbers in decimal, so that two notations compare.
func normal(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, ".+", "#"), ", ", ",")
	return hexImm.ReplaceAllStringFunc(s, func(h string) string {
		var v uint64
		fmt.Sscanf(h, "#0x%x", &v)
		return fmt.Sprintf("#%d", int64(v))
	})
}

var lse = regexp.MustCompile(`^(ld|st)(add|clr|eor|set)|^swp|^cas`)

// TestEncodersDecode reads every row back with x/arch's decoder.
func TestEncodersDecode(t *testing.T) {
	n, bad := 0, 0
	for _, r := range rows() {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], r.word)
		inst, err := arm64asm.Decode(b[:])
		if err != nil && lse.MatchString(r.text) {
			// x/arch v0.32 does not know FEAT_LSE: the assembler's test has these.
			continue
		}
		if err != nil {
			t.Errorf("%08x (%s): %v", r.word, r.text, err)
			bad++
			continue
		}
		if got := normal(arm64asm.GNUSyntax(inst)); got != normal(r.text) && got+" x30" != r.text {
			t.Errorf("%08x: decodes as %q, want %q", r.word, got, normal(r.text))
			if bad++; bad > 60 {
				t.FailNow()
			}
		}
		n++
	}
	t.Logf("%d instructions compared", n)
}

// TestEncodersAssemble holds every row against LLVM's assembler.
func TestEncodersAssemble(t *testing.T) {
	mc, err := exec.LookPath("llvm-mc-19")
	if err != nil {
		t.Skip("llvm-mc-19 is not installed")
	}
	all := rows()
	var in strings.Builder
	for _, r := range all {
		in.WriteString(r.text + "\n")
	}
	cmd := exec.Command(mc, "--triple=aarch64", "-mattr=+lse", "--show-encoding")
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	words := regexp.MustCompile(`encoding: \[0x(..),0x(..),0x(..),0x(..)\]`).FindAllStringSubmatch(string(out), -1)
	if len(words) != len(all) {
		t.Fatalf("%d encodings for %d instructions", len(words), len(all))
	}
	for i, w := range words {
		if got := fmt.Sprintf("%08x", all[i].word); got != w[4]+w[3]+w[2]+w[1] {
			t.Errorf("%s: %s, llvm-mc says %s", all[i].text, got, w[4]+w[3]+w[2]+w[1])
		}
	}
	t.Logf("%d instructions compared", len(all))
}

// TestEncodersByHand has words worked out from the manual's tables.
func TestEncodersByHand(t *testing.T) {
	for _, r := range []struct {
		name      string
		got, want uint32
	}{
		{"add x0, x1, #1", AddImm(X, 0, 1, 1), 0x91000420},
		{"sub w3, w4, #1, lsl #12", SubImm(W, 3, 4, 0x1000), 0x51400483},
		{"mov x0, x1", Mov(X, 0, 1), 0xaa0103e0},
		{"movz x0, #1", Movz(X, 0, 1, 0), 0xd2800020},
		{"ldr x0, [x1, #8]", Access(LDR, 8, 0, 1, 8), 0xf9400420},
		{"ldr w0, [x20, w12, uxtw]", AccessReg(LDR, 4, 0, 20, 12, UXTW, false), 0xb86c4a80},
		{"stp x29, x30, [sp, #-16]!", StpPre(X, 29, 30, 31, -16), 0xa9bf7bfd},
		{"b #8", B(8), 0x14000002},
		{"b.ne #-4", BCond(NE, -4), 0x54ffffe1},
		{"ret", Ret(LR), 0xd65f03c0},
		{"udiv x0, x1, x2", Udiv(X, 0, 1, 2), 0x9ac20820},
		{"and x0, x1, #0xff", AndImm(X, 0, 1, must(bitmask(X, 0xff))), 0x92401c20},
	} {
		if r.got != r.want {
			t.Errorf("%s: %08x, want %08x", r.name, r.got, r.want)
		}
	}
}

func must(f uint32, ok bool) uint32 {
	if !ok {
		panic("no bitmask immediate")
	}
	return f
}

// decodeBitMasks is the manual's pseudocode, the opposite of bitmask.
func decodeBitMasks(w Width, f uint32) uint64 {
	n, immr, imms := f>>22&1, f>>16&63, f>>10&63
	size := uint32(64)
	if n == 0 {
		for size = 32; imms&size != 0; size /= 2 {
		}
	}
	s, r := imms&(size-1), immr&(size-1)
	e := uint64(1)<<(s+1) - 1
	mask := ^uint64(0) >> (64 - size)
	e = (e>>r | e<<(size-r)) & mask
	for ; size < 64; size *= 2 {
		e |= e << size
	}
	if w == W {
		e &= 0xffffffff
	}
	return e
}

// TestBitmask makes every immediate that exists (5,334 of 64 bits) and asks for its code.
func TestBitmask(t *testing.T) {
	for _, w := range widths {
		n := 0
		for size := uint32(2); size <= w.bits(); size *= 2 {
			for ones := uint32(1); ones < size; ones++ {
				for rot := range size {
					e := uint64(1)<<ones - 1
					mask := ^uint64(0) >> (64 - size)
					e = (e>>rot | e<<(size-rot)) & mask
					for s := size; s < w.bits(); s *= 2 {
						e |= e << s
					}
					f, ok := bitmask(w, e)
					if got := decodeBitMasks(w, f); !ok || got != e {
						t.Fatalf("width %d: %#x: code %#x, %v, is %#x", w.bits(), e, f, ok, got)
					}
					n++
				}
			}
		}
		if want := map[Width]int{W: 1302, X: 5334}[w]; n != want {
			t.Errorf("width %d: %d immediates, want %d", w.bits(), n, want)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		v := rng.Uint64() & rng.Uint64()
		for _, w := range widths {
			if w == W {
				v &= 0xffffffff
			}
			if f, ok := bitmask(w, v); ok && decodeBitMasks(w, f) != v {
				t.Fatalf("width %d: %#x got the code of %#x", w.bits(), v, decodeBitMasks(w, f))
			}
		}
	}
}

// evalConst runs a sequence of MovConst.
func evalConst(t *testing.T, seq []uint32) uint64 {
	t.Helper()
	var v uint64
	for i, in := range seq {
		w, hw, imm := Width(in>>31), in>>21&3*16, uint64(in>>5&0xffff)
		switch in & 0x7f800000 {
		case 0x52800000:
			v = imm << hw
		case 0x12800000:
			v = ^(imm << hw)
		case 0x72800000:
			v = v&^(0xffff<<hw) | imm<<hw
		case 0x32000000:
			v = decodeBitMasks(w, in)
		default:
			t.Fatalf("instruction %d of the sequence is %08x", i, in)
		}
		if w == W {
			v &= 0xffffffff
		}
	}
	return v
}

func TestMovConst(t *testing.T) {
	for _, c := range []struct {
		v uint64
		n int
	}{
		{0, 1}, {1, 1}, {0xffff, 1}, {0x10000, 1}, {0x12345678, 2}, {0xffffffff, 1}, {0xfffffffe, 1}, {0xffff1234, 1},
		{^uint64(0), 1}, {^uint64(1), 1}, {0xffffffff80000000, 1}, {0x5555555555555555, 1}, {0xcbf29ce484222325, 4},
		{0x9e3779b97f4a7c15, 4}, {0x0101010101010101, 1}, {0x00ff00ff00ff1234, 2}, {0xffff0000ffff0000, 1},
		{0x1234000000005678, 2}, {0xffffffff12345678, 2}, {0x123456789abc, 3}, {0xaaaaaaaa, 1},
	} {
		seq := MovConst(nil, 3, c.v)
		if got := evalConst(t, seq); got != c.v || len(seq) != c.n {
			t.Errorf("%#x: %d instructions that make %#x, want %d", c.v, len(seq), got, c.n)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200000 {
		v := rng.Uint64()
		for part := range 4 {
			switch rng.IntN(4) {
			case 0:
				v &^= 0xffff << (16 * part)
			case 1:
				v |= 0xffff << (16 * part)
			}
		}
		if seq := MovConst(nil, 3, v); evalConst(t, seq) != v || len(seq) > 4 {
			t.Fatalf("%#x: %d instructions make %#x", v, len(seq), evalConst(t, seq))
		}
	}
}
