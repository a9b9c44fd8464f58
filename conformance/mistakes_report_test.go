package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/verifier"
)

// TestMistakeReports verifies every program with a mistake and holds the report against the
// golden one, which must name the line of C and the cause. Corrected twins are accepted, but for
// those that need what the verifier says it does not support.
func TestMistakeReports(t *testing.T) {
	rec := readMistakes(t)
	names, specs := mistakeObjects(t)
	reports, twins := 0, 0
	for _, object := range names {
		all, err := loader.VerifierSpecs(specs[object], nil)
		if err != nil {
			t.Errorf("%s: %v", object, err)
			continue
		}
		var progs []string
		for name := range all {
			if strings.HasSuffix(name, fixedSuffix) {
				twins++
				mistake := strings.TrimSuffix(name, fixedSuffix)
				_, err := verifier.Verify(all[name], verifier.Options{Policy: policyOf(rec, mistake)})
				if err != nil {
					t.Errorf("%s is right, but:\n%+v", name, err)
				}
				continue
			}
			progs = append(progs, name)
		}
		slices.Sort(progs)
		var golden strings.Builder
		for _, name := range progs {
			_, err := verifier.Verify(all[name], verifier.Options{Policy: policyOf(rec, name)})
			var e *verifier.Error
			if !errors.As(err, &e) {
				t.Errorf("%s: %v, want a *verifier.Error", name, err)
				continue
			}
			reports++
			checkReport(t, name, e)
			fmt.Fprintf(&golden, "%+v\n\n", e)
		}
		compareGolden(t, filepath.Join(mistakeDir, object+".golden"), golden.String())
	}
	for name := range mistakeReports {
		if _, ok := rec.Programs[name]; !ok {
			t.Errorf("there is no program %s", name)
		}
	}
	t.Logf("%d reports; %d corrected twins accepted or named above", reports, twins)
}

// policyOf is the policy that refuses a mistake: the kernel lets root do some that it refuses to others.
func policyOf(rec mistakeRecord, name string) verifier.Policy {
	if rec.Programs[name].Strict {
		return verifier.PolicyStrict
	}
	return verifier.PolicyLinux
}

// checkReport holds an error against what the report must say.
func checkReport(t *testing.T, name string, e *verifier.Error) {
	t.Helper()
	want, ok := mistakeReports[name]
	if !ok {
		t.Errorf("%s: mistakeReports does not say what the report of this must name", name)
		return
	}
	if e.Code != want.code {
		t.Errorf("%s: code %s, want %s", name, e.Code, want.code)
	}
	if !strings.Contains(e.Line, want.line) {
		t.Errorf("%s: line %q, want one with %q", name, e.Line, want.line)
	}
	if want.line != "" && !slices.ContainsFunc(e.Source, func(l string) bool {
		return strings.Contains(l, " > ") && strings.Contains(l, want.line)
	}) {
		t.Errorf("%s: no line with %q is marked in\n%s", name, want.line, strings.Join(e.Source, "\n"))
	}
	for _, word := range want.says {
		if !strings.Contains(e.Reason+"\n"+e.Cause+"\n"+e.Suggestion, word) {
			t.Errorf("%s: the report does not say %q:\n%+v", name, word, e)
		}
	}
	if e.Cause == "" && e.Suggestion == "" {
		t.Errorf("%s: neither cause nor suggestion", name)
	}
	if strings.Contains(e.Error(), "\n") {
		t.Errorf("%s: the first line does not stand alone: %q", name, e.Error())
	}
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is reported (go test ./conformance -run TestMistakeReports -update rewrites it):\n%s", path, firstDifference(string(want), got))
	}
}

// firstDifference shows where two texts part.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range w {
		if i >= len(g) || w[i] != g[i] {
			line := ""
			if i < len(g) {
				line = g[i]
			}
			return fmt.Sprintf("line %d is\n%s\nnot\n%s", i+1, line, w[i])
		}
	}
	return "there is more"
}
