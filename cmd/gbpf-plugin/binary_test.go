package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/conformance/runner"
)

// build builds the command for an architecture.
func build(t *testing.T, arch string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "plugin")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	c := exec.Command("go", "build", "-o", bin, ".")
	c.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Skipf("the go command does not build for %s here: %v: %s", arch, err, out)
	}
	return bin
}

// examples runs the built command on every example of the public format as the suite does: a process a test, in another
// directory, the memory in an argument. Unless all of them is wanted, each runs in one of the modes, by turns.
func examples(t *testing.T, command []string, modes []string, all bool) {
	t.Helper()
	files, err := runner.Find([]string{filepath.Join("..", "..", "conformance", "testdata", "data")})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	ran := 0
	for i, f := range files {
		if f.Err != nil {
			t.Fatal(f.Err)
		}
		for k, mode := range modes {
			if !all && i%len(modes) != k {
				continue
			}
			args := command[1:len(command):len(command)]
			if len(f.Test.Mem) > 0 {
				args = append(args, spaced(f.Test.Mem))
			}
			if mode != "" {
				args = append(args, mode)
			}
			c := exec.Command(command[0], args...)
			c.Dir = elsewhere
			c.Stdin = strings.NewReader(spaced(f.Test.Code) + "\n")
			var errs bytes.Buffer
			c.Stderr = &errs
			out, err := c.Output()
			if want := fmt.Sprintf("%x\n", f.Test.Result); err != nil || string(out) != want {
				t.Errorf("%s %s: %q, %v %s, want %q", f.Name, mode, out, err, errs.String(), want)
			}
			ran++
		}
	}
	t.Logf("%d runs of %d files", ran, len(files))
}

func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	examples(t, []string{build(t, runtime.GOARCH)}, engines(), true)
}

// TestBinaryARM64 is the same on the other architecture, in an emulator, which takes a second to start.
func TestBinaryARM64(t *testing.T) {
	emulator, err := exec.LookPath("qemu-aarch64-static")
	switch {
	case testing.Short():
		t.Skip("builds the command")
	case runtime.GOOS != "linux" || runtime.GOARCH == "arm64":
		t.Skip("runs on Linux of another architecture")
	case err != nil:
		t.Skip("no qemu-aarch64-static")
	}
	examples(t, []string{emulator, build(t, "arm64")}, []string{"", "--interpret", "--checked", "--jit"}, false)
}
