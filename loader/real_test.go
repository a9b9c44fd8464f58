package loader

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/vm"
)

// moduleObjects lists the little-endian objects that cilium/ebpf carries for its own tests.
func moduleObjects(t testing.TB) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cilium/ebpf").Output()
	if err != nil || len(dir) == 0 {
		t.Skip("cilium/ebpf is not in the module cache")
	}
	root := strings.TrimSpace(string(dir))
	var files []string
	for _, g := range []string{"testdata/*-el.elf", "btf/testdata/*-el.elf", "examples/*/*_bpfel.o", "cmd/bpf2go/test/*_bpfel.o", "docs/examples/*/*_bpfel.o"} {
		m, _ := filepath.Glob(filepath.Join(root, g))
		files = append(files, m...)
	}
	return files
}

// refused are module objects made to be refused, which libbpf refuses too.
var refused = map[string]string{
	"invalid_btf_map_init-el.elf": "initializing BTF map definitions",
	"invalid_map_static-el.elf":   "static qualifier on map definition",
}

func TestModuleObjects(t *testing.T) {
	n := 0
	for _, f := range moduleObjects(t) {
		_, err := LoadSpecFile(f)
		if why := refused[filepath.Base(f)]; why != "" {
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: got %v, want an error about %s", filepath.Base(f), err, why)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		n++
	}
	t.Logf("%d objects loaded", n)
}

// systemObjects are the BPF objects that are installed here: files, and those that
// libbpf-tools embed in their binaries.
func systemObjects(t testing.TB) map[string][]byte {
	t.Helper()
	objects := make(map[string][]byte)
	for _, g := range []string{"/usr/lib/*/bpf/*.o", "/usr/lib/bpf/*.o"} {
		m, _ := filepath.Glob(g)
		for _, f := range m {
			if b, err := os.ReadFile(f); err == nil {
				objects[filepath.Base(f)] = b
			}
		}
	}
	m, _ := filepath.Glob("/usr/sbin/*")
	for _, f := range m {
		b, err := os.ReadFile(f)
		if err != nil || !bytes.Contains(b, []byte("libbpf")) {
			continue
		}
		for i, o := range embedded(b) {
			objects[filepath.Base(f)+strings.Repeat("'", i)] = o
		}
	}
	if len(objects) == 0 {
		t.Skip("no BPF objects are installed")
	}
	return objects
}

// embedded finds BPF objects inside another file.
func embedded(b []byte) [][]byte {
	le := binary.LittleEndian
	var out [][]byte
	for at := 1; ; at++ {
		i := bytes.Index(b[at:], []byte(elf.ELFMAG+"\x02\x01\x01"))
		if i < 0 {
			return out
		}
		at += i
		h := b[at:]
		if len(h) < ehdrSize || elf.Machine(le.Uint16(h[18:])) != elf.EM_BPF {
			continue
		}
		if end := le.Uint64(h[40:]) + shdrSize*uint64(le.Uint16(h[60:])); end <= uint64(len(h)) {
			out = append(out, h[:end])
		}
	}
}

func TestSystemObjects(t *testing.T) {
	objects := systemObjects(t)
	for name, b := range objects {
		if _, err := LoadSpec(bytes.NewReader(b)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("%d objects", len(objects))
}

// TestNewRealObjects loads every installed object and those of cilium/ebpf into a machine, with
// what gbpf does not support left out and the reason given.
func TestNewRealObjects(t *testing.T) {
	objects := make(map[string][]byte)
	for _, f := range moduleObjects(t) {
		if b, err := os.ReadFile(f); err == nil && refused[filepath.Base(f)] == "" {
			objects[filepath.Base(f)] = b
		}
	}
	t.Run("installed", func(t *testing.T) {
		for name, b := range systemObjects(t) {
			objects[name] = b
		}
	})
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		kernel = nil
		t.Logf("without a kernel's BTF: %v", err)
	}
	loaded, total := 0, 0
	reasons := make(map[string]int)
	for name, b := range objects {
		spec, err := LoadSpec(bytes.NewReader(b))
		if err != nil || len(spec.Programs) == 0 {
			continue
		}
		// Their tools size these maps before loading.
		for _, ms := range spec.Maps {
			if ms.MaxEntries == 0 && ms.Type != ebpf.PerfEventArray {
				ms.MaxEntries = 16
			}
		}
		m, err := vm.NewMachine(vm.Options{CPUs: 2})
		if err != nil {
			t.Fatal(err)
		}
		o := &Options{SkipUnsupported: true, KernelBTF: kernel, Kconfig: map[string]any{"CONFIG_HZ": 1000}}
		c, err := New(m, spec, o)
		total += len(spec.Programs)
		if err != nil {
			if unloadable[name] == "" || !strings.Contains(err.Error(), unloadable[name]) {
				t.Errorf("%s: %v", name, err)
			}
		} else {
			loaded += len(c.Programs)
			for _, e := range o.Skipped {
				reasons[skipReason(e)]++
			}
		}
		m.Close()
	}
	t.Logf("%d of %d programs in %d objects loaded", loaded, total, len(objects))
	for _, r := range slices.Sorted(maps.Keys(reasons)) {
		t.Logf("%5d %s", reasons[r], r)
	}
}

// unloadable are objects that no loader loads as they are, with the reason.
var unloadable = map[string]string{
	"fwd_decl-el.elf":        "function fwd is declared but not defined",
	"linked1-el.elf":         "function l2 is declared but not defined", // one half of linked-el.elf
	"constants-el.elf":       "exit with 4294967295 in r0",              // its constant is to be set first
	"linked2-el.elf":         "function l1 is declared but not defined",
	"tags-el.elf":            "function fwdDecl is declared but not defined",
	"loader-clang-14-el.elf": "symbol MY_CONST is declared but not defined",
	"loader-clang-17-el.elf": "symbol MY_CONST is declared but not defined",
	"loader-clang-22-el.elf": "symbol MY_CONST is declared but not defined",
	"loader_nobtf-el.elf":    "symbol MY_CONST is declared but not defined",
}

// skipReason is an error without what is particular to one program.
func skipReason(e *Error) string {
	r := e.Reason
	if i := strings.Index(r, " (section"); i >= 0 {
		r = r[:i]
	}
	return r
}
