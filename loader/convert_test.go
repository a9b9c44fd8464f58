package loader

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/isa"
)

// TestConvertSystemObjects turns every program that is installed here into bytecode, for its
// own types and for those of the running kernel.
func TestConvertSystemObjects(t *testing.T) {
	objects := systemObjects(t)
	targets := map[string]*btf.Spec{"own types": nil}
	if kernel, err := btf.LoadKernelSpec(); err == nil {
		targets["kernel"] = kernel
	}
	n, insns, poisoned := 0, 0, 0
	for name, b := range objects {
		spec, err := LoadSpec(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for target, kernel := range targets {
			s := surroundings{spec: spec, kernel: kernel, kfunc: anyKfunc}
			for _, p := range spec.Programs {
				c, err := s.convert(p, nil)
				if err != nil {
					t.Errorf("%s for %s: %v", name, target, err)
					continue
				}
				n++
				insns += len(c.insns)
				poisoned += len(c.poison)
				if _, err := isa.Encode(c.insns); err != nil {
					t.Errorf("%s for %s: %v", name, target, err)
				}
			}
		}
	}
	t.Logf("%d programs, %d instructions, %d poisoned", n, insns, poisoned)
}

// TestConvertLikeParser compares the bytecode of module objects, where nothing refers outside
// the program, with what the library itself encodes.
func TestConvertLikeParser(t *testing.T) {
	n := 0
	for _, f := range moduleObjects(t) {
		spec, err := LoadSpecFile(f)
		if err != nil {
			continue
		}
		for _, p := range spec.Programs {
			plain := true
			for i := range p.Instructions {
				ins := &p.Instructions[i]
				_, ext := externOf(ins)
				if ins.Reference() == "MY_CONST" {
					ins.Constant = 42 // as the library's documentation tells users to
				}
				plain = plain && !ins.IsLoadFromMap() && !ext && btf.CORERelocationMetadata(ins) == nil
			}
			if !plain {
				continue
			}
			var want bytes.Buffer
			if p.Instructions.Marshal(&want, spec.ByteOrder) != nil {
				continue
			}
			c, err := surroundings{spec: spec}.convert(p, nil)
			if err != nil {
				t.Errorf("%s: %v", f, err)
				continue
			}
			got, err := isa.Encode(c.insns)
			if err != nil || !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%s: %s: bytecode differs, %v", f, p.Name, err)
			}
			n++
		}
	}
	if n < 20 {
		t.Errorf("%d programs compared, expected more", n)
	}
}

// TestExternOf fails when the parser's way of noting externs changes.
func TestExternOf(t *testing.T) {
	kinds := make(map[string]int)
	for _, o := range []string{"weak.o", "kconfig.o"} {
		spec := loadObject(t, o)
		for _, p := range spec.Programs {
			for i := range p.Instructions {
				if x, ok := externOf(&p.Instructions[i]); ok {
					kinds[x.kind]++
					if x.kind != "kconfig" && (x.name == "" || !x.weak) {
						t.Errorf("%s: %+v", o, x)
					}
				}
			}
		}
	}
	if kinds["kconfig"] == 0 || kinds["kfunc"] == 0 || kinds["ksym"] == 0 {
		t.Errorf("externs found: %v", kinds)
	}
}

func TestConvertErrors(t *testing.T) {
	spec := loadObject(t, "weak.o")
	p := spec.Programs["unguarded"]
	for i := range p.Instructions {
		p.Instructions[i].Metadata.Set(weakKey{}, nil)
	}
	_, err := surroundings{spec: spec}.convert(p, nil)
	want := "load: program unguarded: insn 4: function missing is declared but not defined in the object (weak.c:41: return missing(1);)"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var e *Error
	if !errors.As(err, &e) || e.Program != "unguarded" || e.Insn != 4 {
		t.Errorf("%+v", e)
	}
}
