package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gbpf/gbpf/conformance/suite"
)

// foreignTime bounds all tests of another architecture together: emulators are slow.
const foreignTime = 30 * time.Minute

// emulators run programs of another architecture of Linux.
var emulators = map[string][]string{
	"arm64": {"qemu-aarch64-static", "qemu-aarch64"},
	"amd64": {"qemu-x86_64-static", "qemu-x86_64"},
}

// Archs are the architectures that machine code is made for.
var Archs = []string{"amd64", "arm64"}

// command is the command that runs the tests.
const command = "github.com/gbpf/gbpf/cmd/gbpf"

// Foreign is gbpf for another architecture.
type Foreign struct {
	Arch string
	// Binary is a gbpf command built for it. Without, one is built, which takes the go command and gbpf's sources.
	Binary string

	dir      string
	emulator string
}

// NewForeign finds what it takes. The error says what is absent.
func NewForeign(arch, binary string) (*Foreign, error) {
	f := &Foreign{Arch: arch, Binary: binary}
	if emulators[arch] == nil {
		return nil, fmt.Errorf("architecture %q: want %s", arch, strings.Join(Archs, " or "))
	}
	for _, name := range emulators[arch] {
		if path, err := exec.LookPath(name); err == nil {
			f.emulator = path
			break
		}
	}
	if f.emulator == "" {
		return nil, fmt.Errorf("%s: no emulator: there is no %s", arch, emulators[arch][0])
	}
	if binary != "" {
		_, err := os.Stat(binary)
		return f, err
	}
	return f, f.build()
}

func (f *Foreign) build() error {
	dir, err := os.MkdirTemp("", "gbpf")
	if err != nil {
		return err
	}
	f.dir, f.Binary = dir, filepath.Join(dir, "gbpf")
	c := exec.Command("go", "build", "-o", f.Binary, command)
	c.Env = append(os.Environ(), "GOARCH="+f.Arch, "GOOS="+runtime.GOOS, "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		f.Close()
		why, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%s: no gbpf for it, and none is built here: %w: %s", f.Arch, err, why)
	}
	return nil
}

// Close removes what was built.
func (f *Foreign) Close() {
	if f.dir != "" {
		_ = os.RemoveAll(f.dir)
	}
}

// Run runs the tests there: those in folders, or gbpf's own suite if there are none.
func (f *Foreign) Run(dirs []string, engines []suite.Engine) (*Report, error) {
	all := &Report{}
	if len(engines) == 0 {
		engines = suite.Engines
	}
	for _, e := range engines { // a process each: emulators give no memory back
		r, err := f.run(append([]string{"conformance", "--engine", string(e), "--json", "-"}, dirs...))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Arch, err)
		}
		all.Host = r.Host
		all.Results = append(all.Results, r.Results...)
	}
	return all, nil
}

func (f *Foreign) run(args []string) (*Report, error) {
	ctx, stop := context.WithTimeout(context.Background(), foreignTime)
	defer stop()
	c := exec.CommandContext(ctx, f.emulator, append([]string{f.Binary}, args...)...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) { // 1: tests failed
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	r := &Report{}
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		return nil, fmt.Errorf("it gives no report: %w", err)
	}
	return r, nil
}

// Skip notes that the tests do not run on an architecture.
func (r *Report) Skip(o *Options, arch string, why error) {
	engines := o.Engines
	if len(engines) == 0 {
		engines = suite.Engines
	}
	for _, e := range engines {
		x := Result{Engine: e, Arch: arch, Status: Skipped, Reason: why.Error()}
		for _, f := range o.Files {
			x.Group, x.Test = f.Group, f.Name
			r.Results = append(r.Results, x)
		}
		if o.Files == nil {
			for _, c := range o.cases() {
				x.Group, x.Test = c.Group, c.Name
				r.Results = append(r.Results, x)
			}
		}
	}
}
