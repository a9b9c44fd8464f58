package archtest

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/gbpf/gbpf"

// layers lists the packages from the bottom up: one may import only those on lines
// above its own. A package that is not listed fails the test, so that its place gets
// decided.
var layers = [][]string{
	{"isa", "internal/errno", "internal/trap", "internal/hostmem", "internal/cpu", "internal/archtest", "internal/stopwatch", "internal/scratch"},
	{"internal/guest", "internal/hostclock", "internal/fuel", "internal/fuzzgen", "internal/scalar"},
	{"maps", "helpers/proto", "internal/execmem"},
	{"progtype", "internal/asm"},
	{"helpers", "verifier"},
	{"jit"},
	{"internal/interp"},
	{"vm"},
	{"loader"},
	{"internal/kernel", "internal/packets", "testdata"},
	{"conformance", "bench"},
	{"cmd/gbpf", "cmd/gbpf-plugin", "examples"},
}

// only restricts modules of others to the packages that may use them.
var only = map[string][]string{
	"github.com/cilium/ebpf":        {"loader", "internal/kernel", "conformance", "bench", "cmd/gbpf", "examples"},
	"github.com/klauspost/cpuid":    {"internal/cpu"},
	"github.com/google/go-cmp":      {},
	"golang.org/x/arch":             {"cmd/gbpf", "bench"},
	"github.com/tetratelabs/wazero": {"bench"},
	"github.com/spf13/cobra":        {"cmd/gbpf"},
	"github.com/gopacket/gopacket":  {"cmd/gbpf", "internal/kernel", "internal/packets", "testdata"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		t.Skipf("go list does not run here: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("go list names %d packages: the test looks at the wrong module", len(all))
	}
	return all
}

// layer returns the number of the layer that a package belongs to; packages below a
// listed one belong to it.
func layer(path string) (int, string) {
	rel := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	best, at, name := -1, -1, ""
	for i, l := range layers {
		for _, p := range l {
			if (rel == p || strings.HasPrefix(rel, p+"/")) && len(p) > best {
				best, at, name = len(p), i, p
			}
		}
	}
	return at, name
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath == module {
			continue
		}
		mine, name := layer(p.ImportPath)
		if mine < 0 {
			t.Errorf("%s has no layer: add it to the table", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, module) {
				checkForeign(t, p.ImportPath, name, imp)
				continue
			}
			if theirs, other := layer(imp); theirs > mine || theirs == mine && other != name {
				t.Errorf("%s imports %s: imports point down", p.ImportPath, imp)
			}
		}
	}
}

func checkForeign(t *testing.T, path, name, imp string) {
	t.Helper()
	for mod, users := range only {
		if imp != mod && !strings.HasPrefix(imp, mod+"/") {
			continue
		}
		ok := false
		for _, u := range users {
			ok = ok || u == name
		}
		if !ok {
			t.Errorf("%s imports %s: only %v may", path, imp, users)
		}
	}
}
