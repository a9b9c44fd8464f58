package fuzzgen

import (
	"bytes"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

func calls(p *Program, helper int64) bool {
	for _, in := range p.Insns {
		if in.Op == isa.OpCallHelper && in.Imm == helper {
			return true
		}
	}
	return false
}

// TestShrink checks that programs get as small as what is asked of them allows.
func TestShrink(t *testing.T) {
	g := &Generator{Seed: 12}
	shrunk := 0
	for i := uint64(0); shrunk < 20; i++ {
		p := g.Program(i)
		if !calls(p, 131) {
			continue
		}
		shrunk++
		before := p.String()
		asked := 0
		q := Shrink(p, func(c *Program) bool {
			asked++
			ok := calls(c, 131)
			c.Insns[0] = isa.Insn{} // what it is given is its own
			return ok
		})
		if p.String() != before {
			t.Fatalf("program %d: the program given was changed", i)
		}
		if q.Len() != 1 || !calls(q, 131) || len(q.Maps) != 0 || q.Type != progXDP || q.Typed {
			t.Errorf("program %d: %d instructions are left after %d questions:\n%v", i, q.Len(), asked, q)
		}
	}
}

// TestShrinkOperands checks that numbers and instructions get plainer.
func TestShrinkOperands(t *testing.T) {
	p := &Program{Type: progKprobe, Insns: []isa.Insn{
		isa.New(isa.OpMov32Imm, isa.R3, 0, 0, 4711),
		isa.New(isa.OpJslt32Reg, isa.R3, isa.R4, 1, 0),
		isa.New(isa.OpLdxsW, isa.R5, isa.R10, -72, 0),
		isa.New(isa.OpXor32Reg, isa.R5, isa.R3, 0, 0),
		isa.New(isa.OpExit, 0, 0, 0, 0),
	}}
	q := Shrink(p, func(c *Program) bool {
		// A number above 100, a conditional jump, and a load from the stack.
		big, jump, load := false, false, false
		for _, in := range c.Insns {
			big = big || in.Info().Kind == isa.KindMov && in.Imm > 100
			jump = jump || in.IsCond()
			load = load || in.Src == isa.R10 && in.Info().Size != 0
		}
		return big && jump && load
	})
	if q.Len() != 3 {
		t.Fatalf("%d instructions are left:\n%v", q.Len(), q)
	}
	if in := q.Insns[0]; in.Op != isa.OpMov64Imm || in.Imm != 101 {
		t.Errorf("the number became %v, want r3 = 101", in)
	}
	if in := q.Insns[1]; in.Op != isa.OpJeqImm || in.Imm != 0 {
		t.Errorf("the jump became %v, want one with 0", in)
	}
	if in := q.Insns[2]; in.Op != isa.OpLdxDW || in.Off != 0 {
		t.Errorf("the load became %v, want one of 8 bytes at 0", in)
	}
}

// TestShrinkBytes checks raw bytecode.
func TestShrinkBytes(t *testing.T) {
	p := &Program{Raw: bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 9)}
	p.Raw[8*4+2] = 0x42
	q := Shrink(p, func(c *Program) bool { return bytes.IndexByte(c.Raw, 0x42) >= 0 })
	if want := []byte{0, 0, 0x42, 0, 0, 0, 0, 0}; !bytes.Equal(q.Raw, want) {
		t.Errorf("got % x, want % x", q.Raw, want)
	}
}
