package fuel

import (
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

var countOps = []struct {
	cond  isa.CondOp
	j, jw isa.Op
	holds func(x, imm uint64, s, simm int64) bool
}{
	{isa.CondLt, isa.OpJltImm, isa.OpJlt32Imm, func(x, imm uint64, _, _ int64) bool { return x < imm }},
	{isa.CondLe, isa.OpJleImm, isa.OpJle32Imm, func(x, imm uint64, _, _ int64) bool { return x <= imm }},
	{isa.CondGt, isa.OpJgtImm, isa.OpJgt32Imm, func(x, imm uint64, _, _ int64) bool { return x > imm }},
	{isa.CondGe, isa.OpJgeImm, isa.OpJge32Imm, func(x, imm uint64, _, _ int64) bool { return x >= imm }},
	{isa.CondSlt, isa.OpJsltImm, isa.OpJslt32Imm, func(_, _ uint64, s, simm int64) bool { return s < simm }},
	{isa.CondSle, isa.OpJsleImm, isa.OpJsle32Imm, func(_, _ uint64, s, simm int64) bool { return s <= simm }},
	{isa.CondSgt, isa.OpJsgtImm, isa.OpJsgt32Imm, func(_, _ uint64, s, simm int64) bool { return s > simm }},
	{isa.CondSge, isa.OpJsgeImm, isa.OpJsge32Imm, func(_, _ uint64, s, simm int64) bool { return s >= simm }},
	{isa.CondNe, isa.OpJneImm, isa.OpJne32Imm, func(x, imm uint64, _, _ int64) bool { return x != imm }},
	{isa.CondEq, isa.OpJeqImm, isa.OpJeq32Imm, func(x, imm uint64, _, _ int64) bool { return x == imm }},
}

// TestTurns runs loops of every condition, from starts and with steps and limits at the edges, and holds the turns against
// the bound.
func TestTurns(t *testing.T) {
	values := []int64{0, 1, 2, 3, 5, 7, 8, 63, 64, 100, 1 << 15, 1<<31 - 1, 1<<31 - 2, -1, -2, -3, -8, -100, -1 << 31, -1<<31 + 1}
	steps := []int64{1, 2, 3, 7, 64, 1 << 20, 1<<31 - 1, -1, -2, -3, -64, -1 << 31}
	counted, exact, wild := 0, 0, 0
	for _, op := range countOps {
		for _, w := range []uint8{32, 64} {
			for _, start := range values {
				for _, step := range steps {
					for _, imm := range values {
						for _, known := range []bool{true, false} {
							insns := loop(op.j, op.jw, w, start, step, imm, known)
							n, ok := New(insns).Counted(len(insns) - 2)
							if !ok {
								wild++
								continue
							}
							counted++
							got := uint32(0)
							x := uint64(start)
							for {
								got++
								x += uint64(step)
								cmp, lim := x, uint64(imm)
								s, slim := int64(x), imm
								if w == 32 {
									x = uint64(uint32(x))
									cmp, lim, s, slim = x, uint64(uint32(imm)), int64(int32(x)), int64(int32(imm))
								}
								if !op.holds(cmp, lim, s, slim) {
									break
								}
								if got > n.Turns {
									t.Fatalf("from %d by %d while condition %v %d, width %d, start known %v: more turns than %d", start, step, op.cond, imm, w, known, n.Turns)
								}
							}
							if got == n.Turns {
								exact++
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d loops count, %d of them to the turn; %d do not", counted, exact, wild)
	if counted < 5000 || exact < counted/2 {
		t.Error("too few loops count, or their bounds are loose")
	}
}

func loop(j, jw isa.Op, w uint8, start, step, imm int64, known bool) []isa.Insn {
	add, jump := isa.OpAdd64Imm, j
	if w == 32 {
		add, jump = isa.OpAdd32Imm, jw
	}
	var insns []isa.Insn
	if known {
		insns = append(insns, isa.New(isa.OpMov64Imm, 3, 0, 0, start))
	}
	return append(insns, isa.New(isa.OpMov64Imm, 0, 0, 0, 1), isa.New(add, 3, 0, 0, step), isa.New(jump, 3, 0, -3, imm), isa.New(isa.OpExit, 0, 0, 0, 0))
}

// TestCountShape holds loops that look as if they counted, and do not.
func TestCountShape(t *testing.T) {
	in := isa.New
	mov, add := in(isa.OpMov64Imm, 3, 0, 0, 0), in(isa.OpAdd64Imm, 3, 0, 0, 1)
	nop, exit := in(isa.OpMov64Imm, 0, 0, 0, 1), in(isa.OpExit, 0, 0, 0, 0)
	until := func(off int16) isa.Insn { return in(isa.OpJneImm, 3, 0, off, 10) }
	less := func(off int16) isa.Insn { return in(isa.OpJltImm, 3, 0, off, 10) }
	for _, tt := range []struct {
		name  string
		insns []isa.Insn
		jump  int
		ok    bool
	}{
		{"counts", []isa.Insn{mov, nop, add, until(-3), exit}, 3, true},
		{"a break out", []isa.Insn{mov, in(isa.OpJeqImm, 0, 0, 2, 1), add, until(-3), exit}, 3, true},
		{"two steps", []isa.Insn{mov, add, add, until(-3), exit}, 3, false},
		{"another write", []isa.Insn{mov, in(isa.OpMov64Reg, 3, 0, 0, 0), add, until(-3), exit}, 3, false},
		{"a call", []isa.Insn{mov, in(isa.OpCallHelper, 0, 0, 0, 7), add, until(-3), exit}, 3, false},
		{"a call and a register that it keeps", []isa.Insn{in(isa.OpMov64Imm, 6, 0, 0, 0), in(isa.OpCallHelper, 0, 0, 0, 7), in(isa.OpAdd64Imm, 6, 0, 0, 1), in(isa.OpJneImm, 6, 0, -3, 10), exit}, 3, true},
		{"a way round the step", []isa.Insn{mov, in(isa.OpJeqImm, 0, 0, 1, 1), add, until(-3), exit}, 3, false},
		{"a way into the body", []isa.Insn{mov, in(isa.OpJeqImm, 0, 0, 1, 1), nop, add, until(-3), exit}, 4, false},
		{"a start that is not known", []isa.Insn{in(isa.OpMov64Reg, 3, 1, 0, 0), nop, add, until(-3), exit}, 3, false},
		{"a start that does not matter", []isa.Insn{in(isa.OpMov64Reg, 3, 1, 0, 0), nop, add, less(-3), exit}, 3, true},
		{"two starts", []isa.Insn{in(isa.OpJeqImm, 0, 0, 1, 1), mov, nop, add, until(-3), exit}, 4, false},
		{"a comparison of the low half", []isa.Insn{mov, nop, add, in(isa.OpJne32Imm, 3, 0, -3, 10), exit}, 3, true},
		{"a step of the low half", []isa.Insn{mov, nop, in(isa.OpAdd32Imm, 3, 0, 0, 1), until(-3), exit}, 3, false},
		{"too many turns", []isa.Insn{mov, nop, add, in(isa.OpJneImm, 3, 0, -3, 1<<20), exit}, 3, false},
		{"compares a register", []isa.Insn{mov, nop, add, in(isa.OpJneReg, 3, 1, -3, 0), exit}, 3, false},
	} {
		if _, ok := New(tt.insns).Counted(tt.jump); ok != tt.ok {
			t.Errorf("%s: counts: %v", tt.name, ok)
		}
	}
	// The loop around pays for the turns of the one inside.
	nest := []isa.Insn{in(isa.OpMov64Imm, 4, 0, 0, 0), mov, nop, add, until(-3), in(isa.OpJeqImm, 0, 0, -5, 5), exit}
	if got, want := New(nest).Jump(5, 1), uint32(1+3*10+1); got != want {
		t.Errorf("the jump back around a loop costs %d, want %d", got, want)
	}
}

// TestCountBound: the turns of a function's loops add no more to its weight than a slice, however many loops there are.
func TestCountBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var insns []isa.Insn
	for range 20_000 {
		insns = append(insns, isa.New(isa.OpMov64Imm, 3, 0, 0, 0), isa.New(isa.OpAdd64Imm, 3, 0, 0, 1), isa.New(isa.OpJneImm, 3, 0, -2, int64(2+rng.IntN(300))))
	}
	insns = append(insns, isa.New(isa.OpExit, 0, 0, 0, 0))
	table := New(insns)
	if got := table.Func(0); got > uint32(len(insns))+maxCounted {
		t.Errorf("the function weighs %d", got)
	}
	if len(table.count) < 100 || len(table.count) > 10_000 {
		t.Errorf("%d loops count", len(table.count))
	}
}
