package bench

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/vm"
)

// TestObjectsAreMadeOfSources holds every file against the list that build.sh leaves: a source that was changed
// without compiling it, or an object of something else, fails.
func TestObjectsAreMadeOfSources(t *testing.T) {
	f, err := os.Open("programs/made.sha256")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	listed := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		sum, name, ok := strings.Cut(s.Text(), "  ")
		if !ok {
			t.Fatalf("made.sha256: %q is no line of sha256sum", s.Text())
		}
		listed[filepath.Base(name)] = sum
	}
	for _, pattern := range []string{"*.c", "*.h", "*.o", "*.wasm"} {
		names, _ := filepath.Glob("programs/" + pattern)
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(b)
			if base := filepath.Base(name); listed[base] != hex.EncodeToString(sum[:]) {
				t.Errorf("%s is not what build.sh made last: run bench/programs/build.sh", base)
			} else {
				delete(listed, base)
			}
		}
	}
	for name := range listed {
		t.Errorf("%s is missing", name)
	}
}

// TestProgramsAgree loads each program, runs it on its input in both engines and compares what they leave.
func TestProgramsAgree(t *testing.T) {
	kinds := map[string]int{}
	var machines []*vm.Machine // few: emulators never give their windows back
	for _, engine := range []vm.Engine{vm.EngineInterp, vm.EngineAuto} {
		m, err := vm.NewMachine(vm.Options{Engine: engine, MemoryLimit: 16 << 20, CPUs: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		machines = append(machines, m)
	}
	for _, p := range Programs() {
		kinds[p.Kind]++
		if p.About == "" || strings.Contains(p.About, "*") {
			t.Errorf("%s: the source begins without a sentence: %q", p.Name, p.About)
		}
		if (p.Kind == KindMap || p.Kind == KindHelper) == p.Portable() {
			t.Errorf("%s: of kind %s, portable: %v", p.Name, p.Kind, p.Portable())
		}
		spec, err := p.Spec()
		if err != nil {
			t.Fatal(err)
		}
		var rets [2]uint32
		var outs [2]string
		for i, m := range machines {
			coll, err := loader.New(m, spec, nil)
			if err != nil {
				t.Fatalf("%s: %v", p.Name, err)
			}
			ret, out, err := coll.Programs[p.Name].Test(p.Input)
			if err != nil {
				t.Fatalf("%s: %v", p.Name, err)
			}
			rets[i], outs[i] = ret, string(out)
		}
		if rets[0] != rets[1] || outs[0] != outs[1] {
			t.Errorf("%s: the interpreter returns %#x, machine code %#x; packets equal: %v", p.Name, rets[0], rets[1], outs[0] == outs[1])
		}
		if rets[0] <= 1 {
			t.Errorf("%s returns %d: it gave up on its input", p.Name, rets[0])
		}
		if insns, err := p.Insns(); err != nil || len(insns) < 10 {
			t.Errorf("%s: %d instructions, %v", p.Name, len(insns), err)
		}
	}
	if len(Programs()) < 24 || len(kinds) < 7 {
		t.Errorf("%d programs of %d kinds", len(Programs()), len(kinds))
	}
}

// TestPassNames: every pass has a name in the report.
func TestPassNames(t *testing.T) {
	for p := jit.Pass(1); p < jit.AllPasses; p <<= 1 {
		if passNames[p] == "" {
			t.Errorf("pass %#x has no name", uint32(p))
		}
	}
}
