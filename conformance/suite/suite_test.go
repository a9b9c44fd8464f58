package suite

import (
	"errors"
	"testing"

	"github.com/gbpf/gbpf/internal/execmem"
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
