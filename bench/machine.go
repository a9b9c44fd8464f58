package bench

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/gbpf/gbpf/internal/kernel"
)

// machine describes where the session runs.
func machine(s *session) Machine {
	m := Machine{
		CPU: cpuModel(), CPUs: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), Gbpf: "(devel)",
		Clock: clockName, Placements: s.placements, Rounds: s.rounds,
	}
	if s.kernel != nil {
		m.Kernel = kernel.Release()
	}
	if clang, err := findClang(); err == nil {
		if out, err := exec.Command(clang, "--version").Output(); err == nil {
			m.Clang, _, _ = strings.Cut(string(out), "\n")
		}
	}
	if bi, ok := debug.ReadBuildInfo(); ok {
		m.describe(bi)
	}
	return m
}

func (m *Machine) describe(bi *buildinfo.BuildInfo) {
	if bi.Main.Version != "" {
		m.Gbpf = bi.Main.Version
	}
	for _, d := range bi.Deps {
		if d.Path == "github.com/tetratelabs/wazero" {
			m.Wazero = d.Version
		}
	}
}

// cpuModel is the processor's name where the system tells it.
func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
