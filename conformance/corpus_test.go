package conformance

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/loader"
)

var objects = flag.String("objects", "", "more objects for the corpus, as file name patterns separated by commas")

//go:generate sh ../testdata/scale/build.sh

// scaleDir holds programs that take the verifier up to hundreds of thousands of instructions.
const scaleDir = "../testdata/scale"

// A corpusObject is a BPF object that somebody else, or this repository, made for the kernel.
type corpusObject struct {
	origin string // where it comes from: a package, a module, this repository
	name   string
	raw    []byte
}

// corpus returns the objects that are on this machine, by origin. Nothing of others' is committed
// here: the packages xdp-tools and libbpf-tools and the Go module cache have them or not.
func corpus(t testing.TB) []corpusObject {
	t.Helper()
	var all []corpusObject
	files := func(origin string, patterns ...string) {
		for _, pattern := range patterns {
			paths, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, corpusObject{origin, filepath.Base(path), raw})
			}
		}
	}
	files("own", filepath.Join(progDir, "*.o"))
	files("own-large", filepath.Join(scaleDir, "*.o"))
	files("xdp-tools", filepath.Join(xdpToolsDir, "*.o"), "/usr/lib/bpf/*.o")
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cilium/ebpf").Output()
	if root := strings.TrimSpace(string(dir)); err == nil && root != "" {
		files("cilium/ebpf", filepath.Join(root, "testdata/*-el.elf"), filepath.Join(root, "btf/testdata/*-el.elf"),
			filepath.Join(root, "examples/*/*_bpfel.o"), filepath.Join(root, "examples/*/*_x86_bpfel.o"),
			filepath.Join(root, "cmd/bpf2go/test/*_bpfel.o"), filepath.Join(root, "docs/examples/*/*_bpfel.o"))
	}
	if *objects != "" {
		files("given", strings.Split(*objects, ",")...)
	}
	return append(all, toolObjects(t)...)
}

// toolObjects are the objects that the binaries of libbpf-tools and xdp-tools carry.
func toolObjects(t testing.TB) []corpusObject {
	t.Helper()
	var all []corpusObject
	paths, err := filepath.Glob("/usr/sbin/*")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{} // several names of one binary
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(raw, []byte("libbpf")) {
			continue
		}
		for i, obj := range embeddedObjects(raw) {
			if seen[string(obj)] {
				continue
			}
			seen[string(obj)] = true
			origin := "libbpf-tools"
			if strings.HasPrefix(filepath.Base(path), "xdp") {
				origin = "xdp-tools"
			}
			all = append(all, corpusObject{origin, fmt.Sprint(filepath.Base(path), strings.Repeat("'", i)), obj})
		}
	}
	return all
}

// embeddedObjects finds little-endian BPF objects inside another file, such as those of libbpf's
// skeletons in a binary: from the magic number of an ELF header for BPF to the end of its section headers.
func embeddedObjects(file []byte) [][]byte {
	const headerSize, sectionSize = 64, 64
	le := binary.LittleEndian
	var all [][]byte
	for at := 0; ; {
		i := bytes.Index(file[at:], []byte(elf.ELFMAG+"\x02\x01\x01"))
		if i < 0 {
			return all
		}
		at += i
		h := file[at:]
		at++
		if len(h) < headerSize || elf.Machine(le.Uint16(h[18:])) != elf.EM_BPF || le.Uint16(h[58:]) != sectionSize {
			continue
		}
		end := le.Uint64(h[40:]) + sectionSize*uint64(le.Uint16(h[60:]))
		if end > uint64(len(h)) {
			continue
		}
		if _, err := elf.NewFile(bytes.NewReader(h[:end])); err == nil {
			all = append(all, h[:end])
			at += int(end) - 1
		}
	}
}

// A corpusProg is one program of an object and what the kernel says about it.
type corpusProg struct {
	object corpusObject
	spec   *ebpf.CollectionSpec
	name   string
	kind   string // the program type, with the attach type of tracing programs

	kernel *kernel.Verdict // nil when it cannot say
	silent string          // why it cannot
}

func (p *corpusProg) String() string {
	return fmt.Sprintf("%s: %s: %s (%s)", p.object.origin, p.object.name, p.name, p.kind)
}

// corpusSpec reads an object and sets what its tool would set before loading.
func corpusSpec(o corpusObject) (*ebpf.CollectionSpec, error) {
	spec, err := loader.LoadSpec(bytes.NewReader(o.raw))
	if err != nil {
		return nil, err
	}
	var kconfig *btf.Datasec
	if spec.Types != nil && spec.Types.TypeByName(".kconfig", &kconfig) == nil {
		for _, v := range kconfig.Vars { // cilium/ebpf wants plain integers
			if v, ok := v.Type.(*btf.Var); ok {
				v.Type = btf.UnderlyingType(v.Type)
			}
		}
	}
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			if in := &p.Instructions[i]; in.Reference() == "MY_CONST" { // set by cilium/ebpf's tests
				*in = in.WithReference("")
				in.Constant = 42
			}
		}
	}
	for _, m := range spec.Maps {
		if m.Type == ebpf.StackTrace && m.ValueSize == 0 {
			m.ValueSize = 127 * 8 // frames, the kernel's default at most
		}
		if m.MaxEntries == 0 && m.Type != ebpf.PerfEventArray && m.Type != ebpf.Arena &&
			m.Type != ebpf.SkStorage && m.Type != ebpf.TaskStorage && m.Type != ebpf.InodeStorage && m.Type != ebpf.CgroupStorage {
			m.MaxEntries = 16
		}
	}
	return spec, nil
}

// corpusProgs lists the programs of an object in order of their names.
func corpusProgs(o corpusObject) ([]*corpusProg, error) {
	spec, err := corpusSpec(o)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range spec.Programs {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []*corpusProg
	for _, name := range names {
		p := spec.Programs[name]
		kind := strings.ToLower(p.Type.String())
		switch p.Type {
		case ebpf.Tracing:
			kind = strings.ToLower(p.AttachType.String())
		case ebpf.UnspecifiedProgram:
			kind = "section " + p.SectionName
		}
		all = append(all, &corpusProg{object: o, spec: spec, name: name, kind: kind})
	}
	return all, nil
}

// ask gets the kernel's verdict.
func (p *corpusProg) ask() {
	v, err := kernel.JudgeProgram(p.spec, p.name)
	if err != nil {
		p.silent = reasonOf(err)
		return
	}
	p.kernel = v
}

// reasonOf is the last part of an error, without what is particular to one program.
func reasonOf(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			break
		}
		err = next
	}
	s := err.Error()
	if i := strings.LastIndex(s, ": "); i >= 0 {
		s = s[i+2:]
	}
	return s
}

func TestEmbeddedObjects(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(progDir, "xdp_parse.o"))
	if err != nil {
		t.Fatal(err)
	}
	file := slices.Concat([]byte("\x7fELF\x02\x01\x01 but no more"), raw, []byte("gap"), raw[:100], raw, raw[:70])
	got := embeddedObjects(file)
	if len(got) != 2 {
		t.Fatalf("found %d objects, want 2", len(got))
	}
	for i, o := range got {
		if len(o) > len(raw) || !bytes.Equal(o, raw[:len(o)]) {
			t.Errorf("object %d: %d bytes, not the %d that were put there", i, len(o), len(raw))
		}
		if _, err := corpusSpec(corpusObject{name: "cut", raw: o}); err != nil {
			t.Errorf("object %d: %v", i, err)
		}
	}
}
