package loader

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/verifier"
	"github.com/gbpf/gbpf/vm"
)

// FuzzLoad feeds the loader mutated objects. Whatever they hold, loading ends with a
// collection or a one-line error.
func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.o")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(manyCalls(5, 5))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		spec, err := LoadSpec(bytes.NewReader(b))
		if err != nil {
			checkError(t, err)
			return
		}
		Describe(spec)
		if specs, err := VerifierSpecs(spec, &Options{SkipUnsupported: true}); err != nil {
			checkError(t, err)
		} else {
			for _, s := range specs {
				checkVerdict(t, s)
			}
		}
		m, err := vm.NewMachine(vm.Options{MemoryLimit: 16 << 20, CPUs: 1, VerifySteps: 2000, VerifyMemory: 16 << 20})
		if err != nil {
			t.Skip(err)
		}
		defer m.Close()
		for _, o := range []*Options{nil, {SkipUnsupported: true}} {
			c, err := New(m, spec, o)
			if err != nil {
				checkError(t, err)
				continue
			}
			c.Close()
		}
	})
}

// checkVerdict verifies a program that nobody wrote, on a small budget.
func checkVerdict(t *testing.T, s *verifier.Spec) {
	t.Helper()
	_, err := verifier.Verify(s, verifier.Options{Steps: 2000, MemoryLimit: 16 << 20})
	var ve *verifier.Error
	if err != nil && !errors.As(err, &ve) {
		t.Fatalf("error is a %T: %v", err, err)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Fatalf("not one line: %q", err)
	}
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is a %T: %v", err, err)
	}
	if strings.ContainsAny(err.Error(), "\n\r\x00") || len(err.Error()) > 4096 {
		t.Fatalf("not one line: %q", err)
	}
	if strings.Contains(err.Error(), "runtime error: ") && e.Op == "load" {
		t.Fatalf("panic behind the fence: %v", err)
	}
}
