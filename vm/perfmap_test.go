package vm

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/progtype"
)

// TestPerfMap finds the code of a program in the file that perf reads.
func TestPerfMap(t *testing.T) {
	m, err := NewMachine(Options{CPUs: 1, MemoryLimit: 16 << 20, PerfMap: true})
	if runtime.GOOS != "linux" {
		if err == nil {
			t.Fatal("a perf map where there is no perf")
		}
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(perfMapName())
	defer m.Close()
	p, err := m.NewProgram(&ProgramSpec{Name: "my program", Type: progtype.XDP, Insns: asm.Must("r0 = 2; exit")})
	if err != nil {
		t.Fatal(err)
	}
	if p.slow != nil {
		t.Skip(p.slow)
	}
	text, err := os.ReadFile(perfMapName())
	want := fmt.Sprintf("%x %x bpf_prog_my_program\n", p.code.Native().Addr(), p.code.Native().Size())
	if err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%v, the file says\n%s\nwithout %s", err, text, want)
	}
}
