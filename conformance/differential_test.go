package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/loader"
)

var update = flag.Bool("update", false, "record what the live kernel answers under testdata/recorded")

// The places of test objects. Those of xdp-tools are the distribution's: they are not part of
// the repository, what they did in a kernel is.
const (
	progDir     = "../testdata/progs"
	xdpToolsDir = "/usr/lib/x86_64-linux-gnu/bpf"
)

// differential plays scenarios of an object in the kernel, or takes the recording of that where
// there is none, and in gbpf, and compares.
func differential(t *testing.T, path, name string, scenarios func(*ebpf.CollectionSpec) []scenario) (total tally, live bool) {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := loader.LoadSpec(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	rec := &recording{Object: filepath.Base(path), SHA256: hex.EncodeToString(sum[:]), Kernel: kernel.Release()}
	old, oldErr := readRecording(recordedPath(name))
	if oldErr != nil && !errors.Is(oldErr, fs.ErrNotExist) {
		t.Fatal(oldErr)
	}
	available := kernel.Available()
	if *update && available != nil {
		t.Fatalf("cannot record: %v", available)
	}
	live = available == nil
	list := scenarios(spec)
	if live {
		for _, s := range list {
			out, err := inKernel(spec, s)
			if err != nil {
				t.Fatalf("kernel: %s: %v", s.name, err)
			}
			rec.Scenarios = append(rec.Scenarios, out)
		}
	}
	switch {
	case *update:
		if err := os.MkdirAll(recordedDir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := rec.write(recordedPath(name)); err != nil {
			t.Fatal(err)
		}
	case live:
		checkRecording(t, old, rec)
	case old == nil:
		t.Skipf("no recording of %s, and %v", name, available)
	case old.SHA256 != rec.SHA256:
		t.Skipf("the recording is of another build of %s, and %v", name, available)
	default:
		rec = old
	}
	byName := map[string]*outcome{}
	for _, s := range rec.Scenarios {
		byName[s.Name] = s
	}
	shown := 0
	for _, s := range list {
		want := byName[s.name]
		if want == nil {
			t.Errorf("%s: not recorded: run go test ./conformance -update where bpf(2) is permitted", s.name)
			continue
		}
		got, err := inMachine(spec, s)
		if err != nil {
			t.Errorf("gbpf: %s: %v", s.name, err)
			total.differ++
			continue
		}
		total.add(compare(want, got, func(text string) {
			if shown++; shown <= 10 {
				t.Error(text)
			}
		}))
	}
	if shown > 10 {
		t.Errorf("and %d more differences", shown-10)
	}
	return total, live
}

// checkRecording compares what is recorded with what the live kernel says now. Another kernel
// may differ: that is worth a word, not a failure.
func checkRecording(t *testing.T, old, now *recording) {
	if old == nil {
		t.Errorf("%s is not recorded: run go test ./conformance -update", now.Object)
		return
	}
	if old.SHA256 != now.SHA256 {
		t.Logf("%s is another build than the one recorded", now.Object)
		return
	}
	say := t.Errorf
	if minor(old.Kernel) != minor(now.Kernel) {
		say = t.Logf
	}
	byName := map[string]*outcome{}
	for _, s := range old.Scenarios {
		byName[s.Name] = s
	}
	for _, s := range now.Scenarios {
		o := byName[s.Name]
		if o == nil {
			say("%s: %s is not recorded: run go test ./conformance -update", now.Object, s.Name)
			continue
		}
		n := 0
		c := compare(o, s, func(text string) {
			if n++; n <= 3 {
				say("kernel %s against the recording of %s: %s", now.Kernel, old.Kernel, text)
			}
		})
		if c.differ > 0 {
			say("%s: %s: %d differences between kernel %s and the recording of %s", now.Object, s.Name, c.differ, now.Kernel, old.Kernel)
		}
	}
}

// minor is the first two numbers of a kernel release.
func minor(release string) string {
	parts := strings.SplitN(release, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// source says whom gbpf was compared with.
func source(live bool) string {
	if live {
		return "the live kernel " + kernel.Release()
	}
	return "recorded results"
}

// TestOwnPrograms compares gbpf with the kernel on the programs of testdata/progs.
func TestOwnPrograms(t *testing.T) {
	all := ownScenarios()
	objects, err := filepath.Glob(filepath.Join(progDir, "*.o"))
	if err != nil || len(objects) == 0 {
		t.Fatalf("no objects in %s: %v", progDir, err)
	}
	var total tally
	var live bool
	programs := 0
	for _, path := range objects {
		name := strings.TrimSuffix(filepath.Base(path), ".o")
		scenarios := all[name]
		delete(all, name)
		if scenarios == nil {
			t.Errorf("%s: no scenario runs it", path)
			continue
		}
		seen := map[string]bool{}
		for _, s := range scenarios {
			for _, r := range s.runs {
				seen[r.prog] = true
			}
		}
		programs += len(seen)
		t.Run(name, func(t *testing.T) {
			c, l := differential(t, path, name, func(*ebpf.CollectionSpec) []scenario { return scenarios })
			live = l
			t.Logf("%v", c)
			total.add(c)
		})
	}
	for name := range all {
		t.Errorf("%s: scenarios without an object", name)
	}
	t.Logf("%d objects, %d programs, against %s: %v", len(objects), programs, source(live), total)
}

// TestXDPTools compares gbpf with the kernel on the objects of the distribution's xdp-tools package.
// Without the package there is nothing to run, since the objects are not ours to ship.
func TestXDPTools(t *testing.T) {
	objects, err := filepath.Glob(filepath.Join(xdpToolsDir, "xdpfilt_*.o"))
	if err != nil {
		t.Fatal(err)
	}
	if d := filepath.Join(xdpToolsDir, "xdp-dispatcher.o"); exists(d) {
		objects = append(objects, d)
	}
	if len(objects) == 0 {
		recorded, _ := filepath.Glob(recordedPath("xdp*tools*"))
		t.Skipf("skipped %d recorded objects: the package xdp-tools is not installed (no xdpfilt_*.o in %s)", len(recorded), xdpToolsDir)
	}
	sort.Strings(objects)
	if testing.Short() {
		objects = objects[:min(3, len(objects))] // a slice
	}
	var total tally
	var live bool
	for _, path := range objects {
		name := strings.TrimSuffix(filepath.Base(path), ".o")
		t.Run(name, func(t *testing.T) {
			c, l := differential(t, path, "xdp-tools_"+name, func(spec *ebpf.CollectionSpec) []scenario {
				if name == "xdp-dispatcher" {
					return dispatcherScenarios()
				}
				for prog := range spec.Programs {
					return filterScenarios(prog, func(m string) bool { return spec.Maps[m] != nil })
				}
				return nil
			})
			live = l
			t.Logf("%v", c)
			total.add(c)
		})
	}
	t.Logf("%d objects, against %s: %v", len(objects), source(live), total)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
