package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/loader"
)

// mistakeDir holds programs with one typical mistake each, and what a live kernel says of
// them. The twin of a program, named after it with fixedSuffix, is right.
const (
	mistakeDir  = "../testdata/mistakes"
	fixedSuffix = "_fixed"
)

// mistakeRecord is what a kernel said of the programs, by name.
type mistakeRecord struct {
	Kernel   string                    `json:"kernel"`
	Programs map[string]kernelJudgment `json:"programs"`
}

// A kernelJudgment is a verdict on one program. A program that root may load is judged a
// second time without CAP_PERFMON, which is what policy strict stands for.
type kernelJudgment struct {
	Accepted bool   `json:"accepted"`
	Reason   string `json:"reason,omitempty"` // last line of the log
	Strict   bool   `json:"strict,omitempty"` // the second verdict: rejected
}

// mistakeObjects are the objects by name, in order.
func mistakeObjects(t *testing.T) (names []string, specs map[string]*ebpf.CollectionSpec) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(mistakeDir, "*.o"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no objects in %s: %v", mistakeDir, err)
	}
	specs = map[string]*ebpf.CollectionSpec{}
	for _, f := range files {
		spec, err := loader.LoadSpecFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(f), ".o")
		names, specs[name] = append(names, name), spec
	}
	return names, specs
}

// onlyProgram is the spec with one of its programs.
func onlyProgram(spec *ebpf.CollectionSpec, name string) *ebpf.CollectionSpec {
	spec = spec.Copy()
	for other := range spec.Programs {
		if other != name {
			delete(spec.Programs, other)
		}
	}
	return spec
}

// askKernel asks the live kernel.
func askKernel(spec *ebpf.CollectionSpec, name string) (kernelJudgment, error) {
	o, err := kernel.LoadObject(onlyProgram(spec, name), false)
	if err == nil {
		return kernelJudgment{Accepted: true}, o.Close()
	}
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) {
		return kernelJudgment{}, err
	}
	log := ve.Log
	for i, l := range log {
		// The line before it may lack its end.
		if head, _, found := strings.Cut(l, "processed "); found && strings.Contains(l, " insns (limit ") {
			log = log[:i]
			if head != "" {
				log = append(slices.Clone(log), head)
			}
			break
		}
	}
	if len(log) == 0 {
		return kernelJudgment{}, fmt.Errorf("refused without a log: %w", err)
	}
	return kernelJudgment{Reason: strings.TrimSpace(log[len(log)-1])}, nil
}

// judgeAll asks the live kernel about every program.
func judgeAll(t *testing.T, names []string, specs map[string]*ebpf.CollectionSpec) map[string]kernelJudgment {
	t.Helper()
	all := map[string]kernelJudgment{}
	for _, object := range names {
		for name := range specs[object].Programs {
			if testing.Short() && strings.HasPrefix(name, "loop_") {
				continue // the kernel walks a million instructions
			}
			j, err := askKernel(specs[object], name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if j.Accepted && !strings.HasSuffix(name, fixedSuffix) {
				if err := withoutPerfmon(func() error {
					strict, err := askKernel(specs[object], name)
					j.Strict, j.Reason = !strict.Accepted, strict.Reason
					return err
				}); err != nil {
					t.Errorf("%s without CAP_PERFMON: %v", name, err)
				}
			}
			all[name] = j
		}
	}
	return all
}

// TestMistakesInKernel holds the programs against the live kernel: each mistake is refused,
// each corrected twin accepted, for the reasons recorded.
func TestMistakesInKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	names, specs := mistakeObjects(t)
	now := mistakeRecord{Kernel: kernel.Release(), Programs: judgeAll(t, names, specs)}
	path := filepath.Join(mistakeDir, "kernel.json")
	if *update {
		b, err := json.MarshalIndent(now, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	rec := readMistakes(t)
	say := t.Errorf
	if rec.Kernel != now.Kernel {
		say = t.Logf // another kernel may differ: that is worth a word, not a failure
	}
	mistakes, strict := 0, 0
	for name, j := range now.Programs {
		if old, ok := rec.Programs[name]; !ok {
			t.Errorf("%s is not recorded: run go test ./conformance -update", name)
		} else if j != old {
			say("%s: the kernel says %+v, recorded is %+v", name, j, old)
		}
		if !strings.HasSuffix(name, fixedSuffix) {
			mistakes++
			if j.Strict {
				strict++
			}
		}
	}
	t.Logf("%s: %d mistakes, %d of them refused only without CAP_PERFMON, and %d corrected twins", now.Kernel, mistakes, strict, len(now.Programs)-mistakes)
}

func readMistakes(t *testing.T) (rec mistakeRecord) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(mistakeDir, "kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		t.Fatal(err)
	}
	return rec
}

// TestMistakesRecorded checks what is recorded: each program is a mistake that the kernel
// refuses, from root or without CAP_PERFMON, or a corrected twin that it accepts.
func TestMistakesRecorded(t *testing.T) {
	rec := readMistakes(t)
	names, specs := mistakeObjects(t)
	seen := 0
	for _, object := range names {
		for name := range specs[object].Programs {
			seen++
			j, ok := rec.Programs[name]
			twin := strings.HasSuffix(name, fixedSuffix)
			switch {
			case !ok:
				t.Errorf("%s is not recorded: run go test ./conformance -update where bpf(2) is permitted", name)
			case twin && !j.Accepted:
				t.Errorf("%s should be right, but the kernel says %q", name, j.Reason)
			case !twin && j.Accepted && !j.Strict:
				t.Errorf("%s should be wrong, but the kernel accepts it", name)
			}
			if !twin && specs[object].Programs[name+fixedSuffix] == nil {
				t.Errorf("%s has no corrected twin", name)
			}
		}
	}
	if seen != len(rec.Programs) {
		t.Errorf("%d programs are recorded, the objects have %d", len(rec.Programs), seen)
	}
}
