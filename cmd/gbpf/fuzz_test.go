package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/jit"
)

func TestFuzzUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"fuzz", "--against", "nobody"}, "--against nobody"},
		{[]string{"fuzz", "--against", "jit,runs"}, "want engines out of interp, jit, checked and kernel, or verdicts alone, or runs alone"},
		{[]string{"fuzz", "--against", "interp"}, "name one more"},
		{[]string{"fuzz", "--seconds", "0"}, "would never end"},
		{[]string{"fuzz", "--seconds", "-1"}, "no negative numbers"},
		{[]string{"fuzz", "--object", "nothing.o"}, "nothing.o"},
		{[]string{"fuzz", "--against", "runs", "--programs", "1", "--artifacts", "x"}, "--artifacts is not for runs"},
		{[]string{"fuzz", "filter.o"}, "filter.o"},
	} {
		var out, errs strings.Builder
		if status := run(tt.args, nil, &out, &errs); status != exitUsage {
			t.Errorf("%v: exit status %d, want %d", tt.args, status, exitUsage)
		}
		if !strings.Contains(errs.String(), tt.want) || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: %q, want one line with %q", tt.args, errs.String(), tt.want)
		}
	}
}

func TestFuzzVerdicts(t *testing.T) {
	args := []string{"fuzz", "--against", "verdicts", "--programs", "300", "--seconds", "0", "--seed", "3"}
	var out, errs strings.Builder
	if err := kernel.Available(); err != nil {
		if status := run(args, nil, &out, &errs); status != exitUsage || !strings.Contains(errs.String(), "no live kernel") {
			t.Errorf("without a kernel: exit status %d, %s", status, errs.String())
		}
		return
	}
	status := run(args, nil, &out, &errs)
	if status == exitUsage || !strings.HasPrefix(lastLines(out.String(), 4), "300 programs in ") {
		t.Errorf("exit status %d, %s%s", status, out.String(), errs.String())
	}
	out.Reset()
	if again := run(append(args, "--json"), nil, &out, &errs); again != status {
		t.Errorf("exit status %d with --json, %d without", again, status)
	}
	var got struct {
		Programs int `json:"programs"`
		Accepts  int `json:"kernel_accepts"`
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil || got.Programs != 300 || got.Accepts < 100 {
		t.Errorf("--json: %v, %s", err, out.String())
	}
}

// lastLines are the last n lines of s.
func lastLines(s string, n int) string {
	lines := strings.SplitAfter(strings.TrimSuffix(s, "\n"), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "")
}

func TestFuzzRuns(t *testing.T) {
	var out, errs strings.Builder
	status := run([]string{"fuzz", "--against", "runs", "--programs", "60", "--seconds", "0", "--json"}, nil, &out, &errs)
	var got struct {
		Programs   int    `json:"programs"`
		Pairs      uint64 `json:"pairs"`
		Violations int    `json:"violations"`
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil || got.Programs != 60 || got.Pairs < 1000 {
		t.Errorf("%v, %s%s", err, out.String(), errs.String())
	}
	if (status == exitOK) != (got.Violations == 0) {
		t.Errorf("exit status %d with %d violations", status, got.Violations)
	}
}

func TestFuzzEngines(t *testing.T) {
	engines := "checked"
	if err := kernel.Available(); err == nil {
		engines += ",kernel"
	}
	if jit.Arch != "" && execmem.Probe() == nil {
		engines += ",jit"
	}
	args := []string{"fuzz", "--against", engines, "--programs", "300", "--seconds", "0", "--seed", "5", "--artifacts", t.TempDir()}
	var out, errs strings.Builder
	status := run(args, nil, &out, &errs)
	if status != exitOK || !strings.Contains(out.String(), "300 programs in ") {
		t.Errorf("exit status %d, %s%s", status, out.String(), errs.String())
	}
	out.Reset()
	status = run(append(args, "--json"), nil, &out, &errs)
	var got struct {
		Programs    int `json:"programs"`
		Runs        int `json:"runs"`
		Differences int `json:"differences"`
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil || status != exitOK || got.Programs != 300 || got.Runs < 200 || got.Differences != 0 {
		t.Errorf("--json: exit status %d, %v, %s", status, err, out.String())
	}
	t.Logf("against %s: %s", engines, out.String())
}
