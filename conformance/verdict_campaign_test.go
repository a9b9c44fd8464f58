package conformance

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
)

// listedKernel is the kernel that the listed differences are of. Others may differ in ways of their own.
const listedKernel = "6.18."

func needJudge(t *testing.T) *kernelJudge {
	t.Helper()
	k, err := newKernelJudge()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(k.Close)
	return k
}

// compare runs a campaign and fails the test for differences that are not listed.
func compareAll(t *testing.T, c VerdictCampaign) {
	t.Helper()
	needJudge(t)
	r, err := c.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r.Summary())
	say := t.Errorf
	if !strings.HasPrefix(kernel.Release(), listedKernel) {
		say = t.Logf
	}
	for _, cl := range r.Classes {
		switch {
		case cl.Listed != "":
			t.Logf("%d times: %s", cl.Count, cl.Listed)
		case cl.Difference == UnsafeAcceptance:
			say("%v", cl)
		default:
			t.Logf("%v", cl)
		}
	}
	if wrong, _ := r.Count(FalseRejection); 100*wrong > r.Accepted {
		say("%d false rejections of %d programs that the kernel accepts: more than 1 %%", wrong, r.Accepted)
	}
	if r.Accepted == 0 || r.Accepted == r.Programs {
		t.Errorf("the kernel accepts %d of %d programs: nothing was compared", r.Accepted, r.Programs)
	}
}

// TestGeneratedVerdicts compares verdicts on generated programs with the live kernel's.
func TestGeneratedVerdicts(t *testing.T) {
	n := 6000
	if testing.Short() {
		n = 1000
	}
	compareAll(t, VerdictCampaign{Seed: 1, Programs: n})
}

// TestMutatedVerdicts does so on real programs with small changes.
func TestMutatedVerdicts(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(progDir, "*.o"))
	if err != nil {
		t.Fatal(err)
	}
	seeds, err := FuzzSeeds(paths...)
	if err != nil {
		t.Fatal(err)
	}
	if len(seeds) < 15 {
		t.Errorf("%d seeds in %d objects: most programs are left out", len(seeds), len(paths))
	}
	n := 400
	if testing.Short() {
		n = 100
	}
	compareAll(t, VerdictCampaign{Seed: 1, Programs: n, Corpus: seeds, Levels: func(g *fuzzgen.Generator) { g.Levels[fuzzgen.Mutant] = 1 }})
}

// TestGeneratorReaches checks that the generator gets at the rules of the kernel's verifier: about half of the
// structured programs are accepted, and the others refused for many reasons.
func TestGeneratorReaches(t *testing.T) {
	k := needJudge(t)
	k.limit = 250 * time.Millisecond
	var g fuzzgen.Generator
	g.Helpers = fuzzHelpers()
	accepted, total := map[fuzzgen.Level]int{}, map[fuzzgen.Level]int{}
	reasons := map[string]int{}
	n := uint64(4000)
	if testing.Short() {
		n = 1500
	}
	for i := range n {
		p, level := g.Make(i)
		total[level]++
		v, err := k.judge(p, 4)
		if err != nil {
			t.Logf("program %d: %v", i, err)
			continue
		}
		if v.Accepted {
			accepted[level]++
			continue
		}
		reasons[v.ErrnoName+" "+withoutNumbers(kernelReason(v.Log))]++
	}
	for l := range fuzzgen.Mutant {
		t.Logf("%s: the kernel accepts %d of %d", l, accepted[l], total[l])
	}
	t.Logf("%d reasons to refuse", len(reasons))
	if s := 100 * accepted[fuzzgen.Structured] / total[fuzzgen.Structured]; s < 40 || s > 70 {
		t.Errorf("%d %% of the structured programs are accepted, want about half", s)
	}
	if len(reasons) < 70 {
		t.Errorf("%d reasons to refuse, want a variety", len(reasons))
	}
	for why, n := range reasons {
		if 100*n > 15*total[fuzzgen.Structured] {
			t.Errorf("%d programs are refused for one reason: %s", n, why)
		}
	}
}

// TestShrunkClass checks that a difference is made small: the verifier is asked about a program that
// only gbpf accepts, for the range of a remainder, among others.
func TestShrunkClass(t *testing.T) {
	k := needJudge(t)
	sound, err := NewSoundness()
	if err != nil {
		t.Fatal(err)
	}
	defer sound.Close()
	p := remainderProgram()
	d, err := compareVerdicts(k, p, c0)
	if err != nil {
		t.Fatal(err)
	}
	if d == nil || d.Difference != UnsafeAcceptance {
		t.Skipf("this kernel knows ranges of remainders: %+v", d)
	}
	why, _ := explain(k, sound, p)
	if d.Listed = why; !strings.Contains(why, "remainders") {
		t.Errorf("explained by %q, want remainders", why)
	}
	classes := map[string]*VerdictClass{}
	var c VerdictCampaign
	c.add(k, sound, classes, p, d)
	for _, cl := range classes {
		if cl.Example.Len() >= p.Len() {
			t.Errorf("shrunk from %d to %d instructions", p.Len(), cl.Example.Len())
		}
		if e, err := compareVerdicts(k, cl.Example, c0); err != nil || e == nil || e.Kernel != d.Kernel {
			t.Errorf("the shrunk program differs in another way: %+v, %v", e, err)
		}
		return
	}
	t.Error("no class was made")
}

// remainderProgram indexes the stack by x % 16.
func remainderProgram() *fuzzgen.Program {
	return &fuzzgen.Program{Type: 6, Insns: []isa.Insn{
		isa.New(isa.OpMov64Imm, isa.R7, 0, 0, 9),
		isa.New(isa.OpStDW, isa.R10, 0, -8, 0),
		isa.New(isa.OpStDW, isa.R10, 0, -16, 0),
		isa.New(isa.OpCallHelper, 0, 0, 0, 7),
		isa.New(isa.OpMod64Imm, isa.R0, 0, 0, 16),
		isa.New(isa.OpMov64Reg, isa.R1, isa.R10, 0, 0),
		isa.New(isa.OpAdd64Imm, isa.R1, 0, 0, -16),
		isa.New(isa.OpAdd64Reg, isa.R1, isa.R0, 0, 0),
		isa.New(isa.OpLdxB, isa.R0, isa.R1, 0, 0),
		isa.New(isa.OpExit, 0, 0, 0, 0),
	}}
}

// TestWithoutNumbers checks what messages are filed under.
func TestWithoutNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"R3 min value is negative":                                 "R# min value is negative",
		"invalid access to map value, value_size=16 off=-4 size=8": "invalid access to map value, value_size=N off=N size=N",
		"load through r10 at offset -520":                          "load through R# at offset N",
		"math between fp pointer and 0x7fffffff":                   "math between fp pointer and N",
	} {
		if got := withoutNumbers(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestKernelReason checks that the reason is found in a log.
func TestKernelReason(t *testing.T) {
	for _, tt := range []struct{ log, want string }{
		{"0: (95) exit\nR0 !read_ok\nprocessed 1 insns (limit 1000000)\n", "R0 !read_ok"},
		{"infinite loop detected at insn 3\ncur state: R0=1\nold state: R0=1\nverification time 9 usec\nprocessed 7 insns\n", "infinite loop detected at insn 3"},
		{"expected prog array map for tail callverification time 8 usec\nstack depth 8\n", "expected prog array map for tail call"},
		{"", ""},
	} {
		if got := kernelReason(tt.log); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.log, got, tt.want)
		}
	}
}
