package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
	"github.com/gbpf/gbpf/vm"
)

// compileOnce makes machine code of a program whose references to maps need no values.
func compileOnce(proof *verifier.Proof, spec *verifier.Spec) error {
	code, err := interp.New(interp.Source{
		Name: spec.Name, Type: spec.Type, GPL: spec.GPL, Proof: proof, Maps: maps.NewTable(),
		Const: func(pc int) (uint64, error) { return uint64(spec.Insns[pc].Imm), nil },
	})
	if err != nil {
		return err
	}
	return code.Compile(jit.Config{Mask: ^uint32(0)})
}

// firstRun measures from a parsed object to the first result.
func (s *session) firstRun() (*Section, error) {
	sec := &Section{
		Title:   "Load to first run",
		Note:    "CPU time of the process from a parsed object to the first result: verification, compilation, one run; medians. wazero validates and compiles the same C as WebAssembly.",
		Columns: []Column{{"gbpf, new machine", "us", true}, {"gbpf", "us", true}, {"kernel", "us", true}, {"wazero", "us", true}},
	}
	rounds := 9
	if s.quick {
		rounds = 3
	}
	for _, p := range programs() {
		switch p.Name {
		case "fnv", "chacha", "headers", "nested", "straight", "map_hash", "sieve":
		default:
			continue
		}
		spec, err := p.Spec()
		if err != nil {
			return nil, err
		}
		shared, err := vm.NewMachine((&gbpf{}).options())
		if err != nil {
			return nil, err
		}
		steps := []func() error{
			func() error {
				m, err := vm.NewMachine((&gbpf{}).options())
				if err != nil {
					return err
				}
				defer m.Close()
				return loadAndRun(m, p, spec)
			},
			func() error { return loadAndRun(shared, p, spec) },
			func() error {
				o, err := kernel.LoadObject(spec, false)
				if err != nil {
					return err
				}
				defer o.Close()
				_, err = o.Run(p.Name, kernel.Input{Data: p.Input})
				return err
			},
			func() error {
				e := &wazeroEngine{}
				if err := e.prepare(1); err != nil {
					return err
				}
				defer e.close()
				r, err := e.load(p, 0)
				if err != nil {
					return err
				}
				_, _, err = r.first()
				return err
			},
		}
		cells := make([]Cell, len(steps))
		for i, step := range steps {
			switch {
			case i == 2 && s.kernel == nil:
				cells[i] = none("no kernel: " + s.why)
				continue
			case i == 3 && !s.present(EngineWazero):
				cells[i] = none(s.missing(EngineWazero))
				continue
			case i == 3 && !p.Portable():
				cells[i] = none("WebAssembly has no maps and helpers")
				continue
			}
			var took []float64
			for range rounds {
				runtime.GC()
				begin := processTime()
				if err := step(); err != nil {
					return nil, err
				}
				took = append(took, us(processTime()-begin))
			}
			cells[i] = figure(median(took))
		}
		shared.Close()
		sec.add(p.Name, cells...)
	}
	return sec, nil
}

// memory measures what machines take of the process.
func (s *session) memory() (*Section, error) {
	sec := &Section{
		Title: "Memory per machine", Note: "Means over 16 machines of one simulated CPU, each with the program of the row loaded and run once: what the resident set and the Go heap grow by.",
		Columns: []Column{{"resident", "KiB", true}, {"Go heap", "KiB", true}},
	}
	const count = 16
	for _, name := range []string{"", "fnv", "straight", "map_hash"} {
		var machines []*vm.Machine
		settle()
		rss, heap := resident(), heapInUse()
		for range count {
			m, err := vm.NewMachine((&gbpf{}).options())
			if err != nil {
				return nil, err
			}
			machines = append(machines, m)
			for _, p := range programs() {
				if p.Name != name {
					continue
				}
				spec, err := p.Spec()
				if err != nil {
					return nil, err
				}
				if err := loadAndRun(m, p, spec); err != nil {
					return nil, err
				}
			}
		}
		settle()
		a, b := none("the system does not tell the resident set"), figure(float64(heapInUse()-heap)/count/1024)
		if rss > 0 {
			a = figure(float64(resident()-rss) / count / 1024)
		}
		for _, m := range machines {
			m.Close()
		}
		sec.add(or(name, "no program"), a, b)
	}
	return sec, nil
}

func settle() {
	runtime.GC()
	debug.FreeOSMemory()
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// resident is the resident set in bytes, 0 where it is not known.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// goroutines measures how runs of one program scale.
func (s *session) goroutines() (*Section, error) {
	sec := &Section{
		Title: "Scaling over goroutines", Note: "Runs of chacha by Program.Run on one machine, in wall time: it depends on what else the machine does.",
		Columns: []Column{{"runs", "millions/s", true}, {"of one goroutine", "times", false}, {"CPU time of a run", "ns", false}},
	}
	p := programs()[0]
	for _, q := range programs() {
		if q.Name == "chacha" {
			p = q
		}
	}
	most := max(2, 2*runtime.NumCPU())
	m, err := vm.NewMachine(vm.Options{MemoryLimit: 16 << 20, CPUs: min(most, vm.MaxCPUs)})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	spec, err := p.Spec()
	if err != nil {
		return nil, err
	}
	coll, err := loader.New(m, spec, nil)
	if err != nil {
		return nil, err
	}
	window := 300 * time.Millisecond
	if s.quick {
		window = 100 * time.Millisecond
	}
	var first Cell
	for n := 1; n <= most; n *= 2 {
		var runs atomic.Int64
		var wg sync.WaitGroup
		var failed atomic.Pointer[error]
		begin, cpu := time.Now(), processTime()
		for range n {
			wg.Go(func() {
				o := &vm.RunOptions{Data: p.Input, NoOutput: true}
				for k := int64(0); ; k++ {
					if k%64 == 0 && time.Since(begin) > window {
						runs.Add(k)
						return
					}
					if _, err := coll.Programs[p.Name].Run(context.Background(), o); err != nil {
						failed.Store(&err)
						return
					}
				}
			})
		}
		wg.Wait()
		if e := failed.Load(); e != nil {
			return nil, *e
		}
		c := figure(float64(runs.Load()) / time.Since(begin).Seconds() / 1e6)
		if n == 1 {
			first = c
		}
		sec.add(strings.TrimSuffix(fmt.Sprintf("%d goroutines", n), strings.Repeat("s", 1-min(n-1, 1))), c, over(c, first), figure(float64(processTime()-cpu)/float64(max(runs.Load(), 1))))
	}
	return sec, nil
}
