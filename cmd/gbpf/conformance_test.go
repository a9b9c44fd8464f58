package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/conformance/runner"
)

var conformanceExamples = filepath.Join("..", "..", "conformance", "testdata", "data")

// conformanceRun runs the command and returns its exit status and what it printed.
func conformanceRun(args ...string) (status int, out, errs string) {
	var o, e strings.Builder
	status = run(append([]string{"conformance"}, args...), strings.NewReader(""), &o, &e)
	return status, o.String(), e.String()
}

func TestConformance(t *testing.T) {
	dir := t.TempDir()
	page, list := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.json")
	status, out, errs := conformanceRun(conformanceExamples, "--engine", "checked", "--html", page, "--json", list)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; status != exitOK || errs != "" || !regexp.MustCompile(`^\d\d passed, 0 failed, 0 skipped$`).MatchString(last) {
		t.Errorf("status %d, %q, last line %q", status, errs, last)
	}
	if !strings.Contains(out, "checked/"+runtime.GOARCH) || !strings.Contains(out, "\ndivmul64") {
		t.Errorf("no table:\n%s", out)
	}
	b, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(b), "</html>") {
		t.Errorf("%v, %.80s", err, b)
	}
	r := &runner.Report{}
	if b, err = os.ReadFile(list); err == nil {
		err = json.Unmarshal(b, r)
	}
	if err != nil || len(r.Results) < 30 || r.Version == "" || r.Host == "" {
		t.Errorf("%v, %+.200v", err, r)
	}
	status, out, _ = conformanceRun(conformanceExamples, "--engine", "interp", "--json", "-")
	if err := json.Unmarshal([]byte(out), &runner.Report{}); status != exitOK || err != nil {
		t.Errorf("--json -: status %d, %v: %.80s", status, err, out)
	}

	bad := filepath.Join(dir, "bad.data")
	if err := os.WriteFile(bad, []byte("-- asm\nmov %r0, 1\nexit\n-- result\n2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, errs = conformanceRun(bad, conformanceExamples, "--engine", "checked", "--list")
	if !strings.Contains(out, "\npassed callx/callx/helper.data checked/"+runtime.GOARCH+"\n") {
		t.Errorf("--list does not list:\n%s", out)
	}
	if status != exitTrap || !strings.Contains(out, "bad.data") || !strings.Contains(out, " 1 failed, ") || errs != "" {
		t.Errorf("a failure: status %d, %q\n%s", status, errs, out)
	}
	// No such architecture's command: every test is skipped, with the reason.
	status, out, _ = conformanceRun(conformanceExamples, "--engine", "checked", "--arch", "all", "--arch-gbpf", filepath.Join(dir, "absent"))
	if status != exitOK || !regexp.MustCompile(`\n[1-9]\d* passed, 0 failed, [1-9]\d* skipped\n$`).MatchString(out) {
		t.Errorf("another architecture: status %d\n%s", status, out)
	}
}

func TestConformanceUsage(t *testing.T) {
	empty := t.TempDir()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--engine", "steam"}, "engine \"steam\""},
		{[]string{"--arch", "vax"}, "--arch vax"},
		{[]string{empty}, "no .data files"},
		{[]string{filepath.Join(empty, "absent")}, "absent"},
		{[]string{"--plugin", "x"}, "want a folder"},
		{[]string{conformanceExamples, "--plugin", filepath.Join(empty, "absent")}, "--plugin"},
		{[]string{conformanceExamples, "--plugin-option", "--jit"}, "want --plugin"},
		{[]string{conformanceExamples, "--claims", "x"}, "--claims"},
	} {
		status, out, errs := conformanceRun(tt.args...)
		if status != exitUsage || out != "" || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: status %d, %q %q, want %q", tt.args, status, out, errs, tt.want)
		}
	}
}
