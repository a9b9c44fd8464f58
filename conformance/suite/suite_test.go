package suite

import (
	"errors"
	"testing"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
)

// TestSuite runs every case in every engine, holds it against what is expected, and engines against each other.
func TestSuite(t *testing.T) {
	native := ""
	if jit.Arch == "" {
		native = "no machine code is made for this architecture"
	} else if err := execmem.Probe(); err != nil {
		native = err.Error()
	}
	var first []*Outcome
	for _, e := range []Engine{Checked, Interp, JIT, Sandbox} {
		if native != "" && (e == JIT || e == Sandbox) {
			t.Logf("%s: left out: %s", e, native)
			continue
		}
		s, err := NewSession(e)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ran, left, failed := 0, 0, 0
		i := -1
		for c := range All() {
			i++
			out, err := s.Run(c)
			if errors.Is(err, ErrNotHere) {
				left++
				continue
			}
			if err == nil {
				err = c.Check(out)
			}
			if e == Checked {
				first = append(first, out)
			} else if err == nil && first[i] != nil {
				if err = Same(first[i], out); err != nil {
					err = errors.New(string(e) + " differs from checked: " + err.Error())
				}
			}
			ran++
			if err != nil {
				if failed++; failed <= 20 {
					t.Errorf("%s: %s: %v", e, c, err)
				}
			}
		}
		t.Logf("%s: %d cases ran, %d failed, %d are not for it", e, ran, failed, left)
		if ran < 3000 {
			t.Errorf("%s: only %d cases", e, ran)
		}
	}
}

// TestNames: every case can be named.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	count := map[Group]int{}
	for c := range All() {
		if seen[c.String()] {
			t.Errorf("two cases are called %s", c)
		}
		seen[c.String()] = true
		count[c.Group]++
		if c.RFC == "" || c.Type == "" {
			t.Errorf("%s: says not what decides, or its type", c)
		}
	}
	for _, g := range Groups {
		t.Logf("%-10s %5d", g, count[g])
		if count[g] == 0 {
			t.Errorf("no case of %s", g)
		}
	}
	t.Logf("%d cases", len(seen))
}

// TestRows: every row of the opcode table has cases. Those left out have no meaning without a kernel.
func TestRows(t *testing.T) {
	left := map[isa.Op]string{
		isa.OpCallKfunc: "kernel functions are not part of the instruction set's meaning",
		isa.OpLddwBTFID: "needs the kernel's types",
	}
	count := map[isa.Op]int{}
	for c := range All() {
		for _, insns := range append([][]isa.Insn{c.Insns}, c.Targets...) {
			for _, in := range insns {
				count[in.Op]++
			}
		}
	}
	for op := range isa.Ops() {
		if _, ok := left[op]; ok == (count[op] > 0) {
			t.Errorf("%s: %d times in programs of the suite, left out: %v", op, count[op], ok)
		}
	}
}
