package fuzzgen

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

func op(o isa.Op, dst, src isa.Reg, off int16, imm int64) isa.Insn {
	return isa.New(o, dst, src, off, imm)
}

// loopProgram jumps forwards, backwards and to a function.
func loopProgram() *Program {
	two := isa.LoadImm64(isa.OpLddw, isa.R2, 1<<40)
	return &Program{Type: progXDP, Insns: []isa.Insn{
		op(isa.OpMov64Imm, isa.R6, 0, 0, 3), // 0
		op(isa.OpJeqImm, isa.R6, 0, 5, 0),   // 1: to 7
		two[0], two[1],                      // 2
		op(isa.OpAdd64Imm, isa.R6, 0, 0, -1), // 4
		op(isa.OpCallLocal, 0, 0, 0, 3),      // 5: to 9
		op(isa.OpJa, 0, 0, -6, 0),            // 6: to 1
		op(isa.OpMov64Imm, isa.R0, 0, 0, 2),  // 7
		op(isa.OpExit, 0, 0, 0, 0),           // 8
		op(isa.OpMov64Imm, isa.R0, 0, 0, 0),  // 9
		op(isa.OpExit, 0, 0, 0, 0),           // 10
	}, Funcs: []Func{{Insn: 9}}}
}

func targets(p *Program) (list []int) {
	for pc, in := range p.Insns {
		if refers(in) {
			list = append(list, in.Target(pc))
		}
	}
	return list
}

func TestRemove(t *testing.T) {
	for _, tt := range []struct {
		at, n int
		ok    bool
		want  []int // targets of what is left
		fn    int
	}{
		{0, 1, true, []int{6, 8, 0}, 8},
		{4, 1, true, []int{6, 8, 1}, 8},
		{2, 2, true, []int{5, 7, 1}, 7},
		{7, 1, true, []int{7, 8, 1}, 8}, // what jumped there goes to what follows
		{1, 1, true, []int{8, 1}, 8},
		{5, 1, true, []int{6, 1}, 8},
		{9, 2, true, []int{7, 9, 1}, 9},
		{0, 11, false, nil, 0},
		{10, 2, false, nil, 0},
		{-1, 1, false, nil, 0},
	} {
		p := loopProgram()
		if ok := p.remove(tt.at, tt.n); ok != tt.ok {
			t.Errorf("remove %d at %d: %v, want %v", tt.n, tt.at, ok, tt.ok)
			continue
		}
		if !tt.ok {
			if p.String() != loopProgram().String() {
				t.Errorf("remove %d at %d: refused, and changed the program", tt.n, tt.at)
			}
			continue
		}
		if got := targets(p); !slices.Equal(got, tt.want) || p.Funcs[0].Insn != tt.fn {
			t.Errorf("remove %d at %d: targets %v, function at %d; want %v, %d", tt.n, tt.at, got, p.Funcs[0].Insn, tt.want, tt.fn)
		}
	}
}

func TestInsert(t *testing.T) {
	two := []isa.Insn{op(isa.OpMov64Imm, isa.R1, 0, 0, 1), op(isa.OpMov64Imm, isa.R1, 0, 0, 2)}
	for _, tt := range []struct {
		at   int
		land bool
		want []int
		fn   int
	}{
		{0, true, []int{9, 11, 3}, 11},
		{1, false, []int{9, 11, 3}, 11},
		{1, true, []int{9, 11, 1}, 11},
		{7, true, []int{7, 11, 1}, 11},
		{7, false, []int{9, 11, 1}, 11},
		{11, false, []int{7, 9, 1}, 9},
	} {
		p := loopProgram()
		if !p.Insert(tt.at, two, tt.land) {
			t.Errorf("insert at %d: refused", tt.at)
			continue
		}
		if got := targets(p); !slices.Equal(got, tt.want) || p.Funcs[0].Insn != tt.fn || len(p.Insns) != 13 {
			t.Errorf("insert at %d, land %v: targets %v, function at %d; want %v, %d", tt.at, tt.land, got, p.Funcs[0].Insn, tt.want, tt.fn)
		}
	}
	if p := loopProgram(); p.Insert(12, two, false) {
		t.Error("insert behind the end went well")
	}
}

// TestLongJumps checks that an edit that a jump cannot span is refused.
func TestLongJumps(t *testing.T) {
	p := &Program{Insns: []isa.Insn{op(isa.OpJa, 0, 0, 1, 0), op(isa.OpExit, 0, 0, 0, 0), op(isa.OpExit, 0, 0, 0, 0)}}
	many := make([]isa.Insn, 40000)
	for i := range many {
		many[i] = op(isa.OpExit, 0, 0, 0, 0)
	}
	if p.Insert(1, many, false) {
		t.Error("a jump over 40000 instructions went into 16 bits")
	}
	if len(p.Insns) != 3 {
		t.Errorf("refused, and left %d instructions", len(p.Insns))
	}
}

// TestMutate checks that mutants differ from what they were made of, and that their 16-byte loads stay whole.
func TestMutate(t *testing.T) {
	g := &Generator{Seed: 9}
	r := rand.New(rand.NewPCG(1, 2))
	same := 0
	for i := range uint64(2000) {
		p, l := g.Make(i)
		q := p.Clone()
		Mutate(r, q)
		if l == Dumb {
			if slices.Equal(p.Raw, q.Raw) {
				same++
			}
			continue
		}
		if slices.Equal(p.Insns, q.Insns) {
			same++
		}
		for pc, in := range q.Insns {
			second := pc > 0 && q.Insns[pc-1].Slots() == 2
			if second != (in.Op == isa.OpLddwHi) {
				t.Fatalf("program %d: insn %d of the mutant is %v\n%v", i, pc, in, q)
			}
		}
	}
	if same > 40 {
		t.Errorf("%d of 2000 mutants are what they were", same)
	}
}
