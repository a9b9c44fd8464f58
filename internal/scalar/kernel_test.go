package scalar

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
)

var (
	update     = flag.Bool("update", false, "record what the live kernel's verifier says in testdata/kernel.txt")
	kernelSeed = flag.Uint64("scalar.seed", 18, "seed of these programs")
	kernelRuns = flag.Int("scalar.kernel", 12, "programs that the live kernel's verifier is given")
)

const recorded = "testdata/kernel.txt"

// step is what the kernel's verifier knew before and after one instruction. For a
// comparison there is one step for each edge, and the one that is not there was decided
// to be dead.
type step struct {
	name  string // as in "add64", "jlt32 taken", "movsx8to64"
	a, b  Scalar
	dead  bool // the kernel did not go there
	ra    Scalar
	rb    Scalar
	texts [4]string // a, b, ra, rb as the kernel wrote them
}

// TestKernelRecorded compares with what a kernel said when it was recorded.
func TestKernelRecorded(t *testing.T) {
	f, err := os.Open(recorded)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var steps []step
	for sc := bufio.NewScanner(f); sc.Scan(); {
		col := strings.Split(sc.Text(), "\t")
		if strings.HasPrefix(sc.Text(), "#") || len(col) != 5 {
			continue
		}
		s := step{name: col[0], dead: col[3] == "dead", texts: [4]string(col[1:])}
		for i, p := range [4]*Scalar{&s.a, &s.b, &s.ra, &s.rb} {
			if s.dead && i > 1 {
				break
			}
			var ok bool
			if *p, ok = parse(col[i+1]); !ok {
				t.Fatalf("%s: %q does not parse", s.name, col[i+1])
			}
		}
		steps = append(steps, s)
	}
	if len(steps) < 500 {
		t.Fatalf("only %d steps in %s", len(steps), recorded)
	}
	compare(t, steps)
}

// TestKernelLive asks the kernel on this machine.
func TestKernelLive(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	rng := rand.New(rand.NewPCG(6, *kernelSeed))
	var steps []step
	for range *kernelRuns {
		g := generate(rng, 60)
		code, err := isa.Encode(g.prog)
		if err != nil {
			t.Fatal(err)
		}
		p, v, err := kernel.Load(&kernel.Prog{Type: 1, Insns: code, LogLevel: 2})
		if err != nil {
			t.Fatal(err)
		}
		if p != nil {
			p.Close()
		}
		if !v.Accepted {
			t.Fatalf("the kernel refused the program: %s\n%s", v.LastLine, v.Log[max(0, len(v.Log)-2000):])
		}
		steps = append(steps, g.read(t, v.Log)...)
	}
	compare(t, steps)
	if *update {
		record(t, steps)
	}
}

// record keeps steps of every name.
func record(t *testing.T, steps []step) {
	t.Helper()
	seen := map[string]bool{}
	count := map[string]int{}
	var lines []string
	for _, s := range steps {
		l := strings.Join(append([]string{s.name}, s.texts[:]...), "\t")
		if !seen[l] && count[s.name] < 12 {
			seen[l] = true
			count[s.name]++
			lines = append(lines, l)
		}
	}
	slices.Sort(lines)
	head := "# What the verifier of Linux " + kernel.Release() + " knows of the operands before an instruction and after it, from\n" +
		"# its log: instruction, two operands, two results; \"dead\" where it did not go. Made by -update.\n"
	if err := os.WriteFile(recorded, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// compare does each step from the kernel's operands and demands that the result is in
// the kernel's.
func compare(t *testing.T, steps []step) {
	t.Helper()
	type counts struct{ same, better, worse int }
	by := map[string]*counts{}
	var total counts
	forked := 0
	for _, s := range steps {
		if forks(&s) {
			forked++
			continue
		}
		// The kernel leaves some ranges of one number and some bits for later.
		s.a, s.b = s.a.orUnknown(), s.b.orUnknown()
		ra, rb, ok := redo(t, s)
		c := by[s.name]
		if c == nil {
			c = &counts{}
			by[s.name] = c
		}
		switch {
		case ok && s.dead || ok && (!ra.In(s.ra) || !rb.In(s.rb)):
			c.worse++
			total.worse++
			if c.worse < 4 {
				t.Errorf("%s of\n\t%s and\n\t%s: the kernel knows more:\n\t%s and %s, not\n\t%v and %v", s.name, s.texts[0], s.texts[1], s.texts[2], s.texts[3], ra, rb)
			}
		case ok == s.dead || !s.dead && (ra != s.ra || rb != s.rb):
			c.better++
			total.better++
		default:
			c.same++
			total.same++
		}
	}
	var names []string
	for n := range by {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	for i, n := range names {
		if i%6 == 0 {
			b.WriteString("\n   ")
		}
		fmt.Fprintf(&b, " %s %d/%d/%d,", n, by[n].same, by[n].better, by[n].worse)
	}
	t.Logf("%d steps: %d as the kernel, %d more precise, %d less precise, %d that the kernel forks at%s", len(steps), total.same, total.better, total.worse, forked, b.String())
}

// forks reports an operation that Linux 6.18 does on 0 and on -1 one after the other, as
// two paths: masks made by shifting the sign all the way. What it knows on one of the
// paths is no measure of the domain.
func forks(s *step) bool {
	switch s.name {
	case "and 64", "or 64":
		return s.a.SMin == -1 && s.a.SMax == 0 || s.a.S32Min == -1 && s.a.S32Max == 0
	case "and 32", "or 32":
		return s.a.S32Min == -1 && s.a.S32Max == 0
	}
	return false
}

// redo does the step here.
func redo(t *testing.T, s step) (ra, rb Scalar, ok bool) {
	t.Helper()
	for _, u := range unaries {
		if u.name == s.name {
			return u.abstract(s.a), s.b, true
		}
	}
	for _, width := range []uint8{32, 64} {
		for _, op := range aluOps {
			if s.name == fmt.Sprint(op, width) {
				return ALU(op, width, s.a, s.b), s.b, true
			}
		}
		for _, op := range condOps {
			for i, edge := range []string{" not taken", " taken"} {
				if s.name == fmt.Sprint(op, width, edge) {
					d := Branch(op, width, s.a, s.b)
					ra, rb, ok = Refine(op, width, i == 1, s.a, s.b)
					if d == Always && i == 0 || d == Never && i == 1 {
						ok = false
					}
					return ra, rb, ok
				}
			}
		}
	}
	t.Fatalf("unknown step %q", s.name)
	return
}
