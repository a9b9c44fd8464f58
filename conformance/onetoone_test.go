package conformance

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/vm"
)

// oneToOneRow is a program's size in instructions of arm64.
type oneToOneRow struct {
	origin, object, program string
	insns                   int // of BPF, slots
	native                  int // all of the program's code
	own                     int // the same, where a helper that is done in machine code counts as a call
	plain                   int // what a translation instruction by instruction takes
}

func (r *oneToOneRow) ratio() float64 { return float64(r.own) / float64(r.plain) }

// oneToOneRows compiles all programs of an object that gbpf takes as they are.
func oneToOneRows(t *testing.T, o *corpusObject) (rows []oneToOneRow) {
	t.Helper()
	spec, err := loader.LoadSpec(bytes.NewReader(o.raw))
	if err != nil {
		return nil
	}
	for name := range spec.Programs {
		m, err := vm.NewMachine(vm.Options{MemoryLimit: 64 << 20, CPUs: 1, Engine: vm.EngineInterp})
		if err != nil {
			t.Fatal(err)
		}
		coll, err := loader.New(m, spec.Copy(), &loader.Options{Programs: []string{name}})
		if err == nil {
			rows = append(rows, oneToOne(t, o, coll.Programs[name]))
			coll.Close()
		}
		m.Close()
	}
	return rows
}

func oneToOne(t *testing.T, o *corpusObject, p *vm.Program) oneToOneRow {
	t.Helper()
	code, err := p.MachineCode("arm64")
	if err != nil {
		t.Fatalf("%s: %s: %v", o.name, p.Name(), err)
	}
	insns := p.Insns()
	r := oneToOneRow{origin: o.origin, object: o.name, program: p.Name(), insns: len(insns), native: code.End / 4, plain: jit.OneToOne(insns)}
	r.own = r.native
	calls := map[int]int{}
	for i, l := range code.Lines {
		end := code.End
		if i+1 < len(code.Lines) {
			end = code.Lines[i+1].Offset
		}
		if l.Insn < len(insns) && insns[l.Insn].Op == isa.OpCallHelper {
			calls[l.Insn] += (end - l.Offset) / 4
		}
	}
	for pc, n := range calls {
		r.own -= max(0, n-jit.OneToOne(insns[pc:pc+1]))
	}
	return r
}

// TestOneToOne holds the machine code for arm64 against a translation that handles each instruction by itself and confines
// nothing: no program may take more instructions. It prints what each takes.
func TestOneToOne(t *testing.T) {
	if testing.Short() && runtime.GOARCH != "amd64" {
		t.Skip("the same on every host, and an emulator does not give the memory of windows back")
	}
	var all []corpusObject
	for _, dir := range []struct{ origin, pattern string }{{"bench", "../bench/programs/*.o"}, {"examples", "../examples/*/*.o"}} {
		paths, err := filepath.Glob(dir.pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("no programs at %s: %v", dir.pattern, err)
		}
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, corpusObject{dir.origin, filepath.Base(path), raw})
		}
	}
	for _, o := range corpus(t) {
		if !testing.Short() || o.origin == "own" {
			all = append(all, o)
		}
	}
	var rows []oneToOneRow
	for i := range all {
		rows = append(rows, oneToOneRows(t, &all[i])...)
	}
	if len(rows) == 0 {
		t.Fatal("no program was compiled")
	}
	slices.SortFunc(rows, func(a, b oneToOneRow) int { return cmp.Compare(b.ratio(), a.ratio()) })
	var sum oneToOneRow
	above := 0
	for i := range rows {
		r := &rows[i]
		sum.insns, sum.native, sum.own, sum.plain = sum.insns+r.insns, sum.native+r.native, sum.own+r.own, sum.plain+r.plain
		t.Logf("%5.2f %-12s %-28s %-24s %6d BPF, %6d arm64, %6d without helpers' bodies, %6d one to one",
			r.ratio(), r.origin, r.object, r.program, r.insns, r.native, r.own, r.plain)
		if r.own > r.plain {
			t.Errorf("%s %s: %d instructions of arm64 for %d of BPF, one to one are %d", r.object, r.program, r.own, r.insns, r.plain)
		}
		if r.native > r.plain {
			above++
		}
	}
	t.Logf("%d programs, %d above with helpers' bodies: %d BPF, %d arm64, %d without helpers' bodies, %d one to one: %.3f",
		len(rows), above, sum.insns, sum.native, sum.own, sum.plain, sum.ratio())
}
