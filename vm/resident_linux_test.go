package vm_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

var residentAll = flag.Bool("resident.all", false, "have TestResidentMemory touch every page of the window, not an eighth of them")

// TestResidentMemory has a hostile program write to pages all over the window. What the process takes grows by the memory
// limit and the page tables of 4 GiB, no more: the same memory lies in the window many times over.
func TestResidentMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("very many page faults")
	}
	stride := 8
	if *residentAll {
		stride = 1
	}
	const limit, tables, overhead = 32 << 20, 16 << 20, 16 << 20
	for _, e := range engines[:2] {
		t.Run(e.name, func(t *testing.T) {
			e.opts.MemoryLimit, e.opts.Policy, e.opts.CPUs = limit, vm.PolicySandboxed, 1
			if e.opts.Engine == vm.EngineAuto {
				e.opts.Engine = vm.EngineJIT
			}
			m := machine(t, e.opts)
			p, err := m.NewProgram(&vm.ProgramSpec{Name: "greedy", Type: progtype.Raw, License: "GPL", Insns: asm.Must(fmt.Sprintf(`
				r6 = 0; r1 = 0
			top: *(u64 *)(r1 +0) = r1; r1 += %d; r6 += 1; if r6 < %d goto top
				r0 = 7; exit`, 4096*(stride|1), 1<<20/stride))})
			if err != nil {
				t.Skip(err)
			}
			before, ok := resident()
			if !ok {
				t.Skip("/proc does not say how much memory the process takes")
			}
			// The interpreter checks accesses where machine code confines them: it stops at the first.
			r0, err := p.Run(t.Context(), nil)
			if stopped := e.name == "interp"; stopped != (err != nil) || !stopped && r0 != 7 {
				t.Fatalf("returned %d, %v", r0, err)
			}
			after, _ := resident()
			t.Logf("%d KiB more, %d of them page tables; the memory limit is %d KiB", (after.all()-before.all())>>10, (after.tables-before.tables)>>10, limit>>10)
			if after.pages > before.pages+limit+overhead || after.tables > before.tables+tables {
				t.Errorf("%+v bytes before, %+v after", before, after)
			}
			if e.name == "jit" && after.pages < before.pages+limit/2 {
				t.Errorf("%+v bytes before, %+v after: the program did not touch the memory", before, after)
			}
		})
	}
}

// use is what the process takes, in bytes.
type use struct{ pages, tables int64 }

func (u use) all() int64 { return u.pages + u.tables }

// resident reads it: pages that are mapped several times count once.
func resident() (u use, ok bool) {
	u.pages, ok = procValue("/proc/self/smaps_rollup", "Pss:")
	if !ok {
		return u, false
	}
	u.tables, ok = procValue("/proc/self/status", "VmPTE:")
	return u, ok
}

// procValue reads a line of a file in /proc that gives KiB.
func procValue(file, name string) (int64, bool) {
	f, err := os.Open(file)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err == nil
		}
	}
	return 0, false
}
