package conformance

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/verifier"
)

// c0 are the options of a plain verification.
var c0 verifier.Options

// verdictDir holds programs with the verdicts of a kernel: accepted ones as they were
// generated, refused ones made small, one a reason, and those about which verdicts differ for listed
// reasons.
const verdictDir = "testdata/verdicts"

// What is recorded.
const (
	recordSeed     = 2026
	recordPrograms = 40000
	recordAccepted = 60
	recordReasons  = 160
	recordTries    = 3000 // of the shrinker
)

// TestRecordedVerdicts holds gbpf's verdicts against recorded ones, and the records against the live
// kernel's where there is one. With -update it records.
func TestRecordedVerdicts(t *testing.T) {
	if *update {
		recordVerdicts(t)
	}
	files, err := filepath.Glob(filepath.Join(verdictDir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded verdicts: %v", err)
	}
	var judge *kernelJudge
	if kernel.Available() == nil {
		judge = needJudge(t)
	}
	same, accepted, asked, differ := 0, 0, 0, 0
	for _, name := range files {
		cases, err := ReadVerdictCases(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range cases {
			at := fmt.Sprintf("%s, case %d (%s)", filepath.Base(name), i, c.KernelLine)
			p, err := c.Program()
			if err != nil {
				t.Errorf("%s: %v", at, err)
				continue
			}
			if c.Accepted != (c.Gbpf == "accept") {
				differ++
				if c.About == "" {
					t.Errorf("%s: recorded verdicts differ, the kernel accepts: %v, gbpf: %s, and nothing says why", at, c.Accepted, c.Gbpf)
				}
			}
			got, ve := c.verify(p)
			if got == "accept" {
				accepted++
			}
			if got != c.Gbpf {
				t.Errorf("%s: gbpf says %s, recorded is %s: %v\n%v", at, got, c.Gbpf, ve, p)
				continue
			}
			same++
			if judge == nil {
				continue
			}
			v, err := judge.judge(p, 4)
			switch {
			case errors.Is(err, kernel.ErrTimeout):
			case err != nil:
				t.Errorf("%s: kernel: %v", at, err)
			case v.Accepted != c.Accepted && kernel.Release() == c.Kernel:
				t.Errorf("%s: the kernel accepts: %v, recorded is %v: %s", at, v.Accepted, c.Accepted, v.LastLine)
			case v.Accepted != c.Accepted:
				t.Logf("%s: this kernel, %s, accepts: %v; that of the record, %s: %v", at, kernel.Release(), v.Accepted, c.Kernel, c.Accepted)
			default:
				asked++
			}
		}
	}
	t.Logf("%d verdicts as recorded (%d accepted), %d of them unlike the kernel's for a listed reason; %d confirmed by the live kernel", same, accepted, differ, asked)
	if same < 150 || accepted < 40 || accepted > same-80 {
		t.Errorf("%d verdicts, %d of them accepted: the records are not what they should be", same, accepted)
	}
}

func recordVerdicts(t *testing.T) {
	k := needJudge(t)
	k.limit = 250 * time.Millisecond
	g := &fuzzgen.Generator{Seed: recordSeed, Helpers: fuzzHelpers()}
	var accepted, rejected []*VerdictCase
	reasons := map[string]bool{}
	for n := uint64(0); n < recordPrograms && len(rejected) < recordReasons; n++ {
		p := g.Program(n)
		v, err := k.judge(p, 4)
		if err != nil {
			continue
		}
		ve := verifyGenerated(p, c0)
		if v.Accepted != (ve == nil) {
			continue // see the campaign
		}
		if v.Accepted {
			if n%37 == 0 && len(accepted) < recordAccepted && p.Len() < 90 {
				c := newCase(p)
				c.Accepted, c.Gbpf = true, "accept"
				accepted = append(accepted, c)
			}
			continue
		}
		why := withoutNumbers(kernelReason(v.Log))
		if reasons[why] || why == "" {
			continue
		}
		reasons[why] = true
		tries := 0
		small := fuzzgen.Shrink(p, func(q *fuzzgen.Program) bool {
			if tries++; tries > recordTries {
				return false
			}
			v, err := k.judge(q, 4)
			if err != nil || v.Accepted || withoutNumbers(kernelReason(v.Log)) != why {
				return false
			}
			e := verifyGenerated(q, verifier.Options{Steps: shrinkSteps})
			return e != nil && e.Code == ve.Code
		})
		c := newCase(small)
		v, err = k.judge(small, 4)
		if err != nil {
			t.Fatal(err)
		}
		c.KernelLine = v.ErrnoName + " " + kernelReason(v.Log)
		c.Gbpf = string(verifyGenerated(small, c0).Code)
		rejected = append(rejected, c)
	}
	var listed []*VerdictCase
	r, err := (&VerdictCampaign{Seed: recordSeed, Programs: recordPrograms}).Run()
	if err != nil {
		t.Fatal(err)
	}
	for _, cl := range r.Classes {
		if cl.Listed == "" || strings.Contains(cl.Listed, "limit of the kernel's walk") {
			continue
		}
		if !slices.ContainsFunc(listed, func(c *VerdictCase) bool { return c.About == cl.Listed }) {
			listed = append(listed, cl.Case())
		}
	}
	for name, cases := range map[string][]*VerdictCase{"accepted": accepted, "rejected": rejected, "listed": listed} {
		if err := WriteVerdictCases(filepath.Join(verdictDir, name+".json"), cases); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCaseRoundTrip checks that a case is the program that it was made of.
func TestCaseRoundTrip(t *testing.T) {
	g := &fuzzgen.Generator{Seed: 5, Helpers: fuzzHelpers()}
	name := filepath.Join(t.TempDir(), "cases.json")
	for n := range uint64(300) {
		p := g.Program(n)
		if err := WriteVerdictCases(name, []*VerdictCase{newCase(p)}); err != nil {
			t.Fatal(err)
		}
		cases, err := ReadVerdictCases(name)
		if err != nil {
			t.Fatal(err)
		}
		q, err := cases[0].Program()
		if err != nil {
			t.Fatal(err)
		}
		want := p.Clone()
		want.DropMaps()
		if q.String() != want.String() || q.Flags != p.Flags || q.Attach != p.Attach {
			t.Fatalf("program %d came back as\n%v\nwas\n%v", n, q, want)
		}
		a, b := verifyGenerated(p, c0), verifyGenerated(q, c0)
		if (a == nil) != (b == nil) || a != nil && a.Reason != b.Reason {
			t.Fatalf("program %d: verdicts %v and %v", n, a, b)
		}
	}
}
