package vm_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/stopwatch"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

var soakTime = flag.Duration("soak", time.Second, "how long TestSoak runs")

// soakTexts are what the soak runs: loops that end and one that does not, functions, callbacks, helpers inside and outside of
// machine code, and the instructions that take longest: division, atomics, misses of the cache.
var soakTexts = []string{
	"r6 = 0\ntop: r6 += 1; r7 = r6; r7 *= 31; if r6 < 20000 goto top\nr0 = 2; exit",
	"r6 = 0\ntop: r1 = r6; call f; call get_smp_processor_id; r6 += 1; if r6 < 100 goto top\nr0 = 2; exit\nf: r0 = r1; *(u64 *)(r10 -8) = r1; exit",
	"call ktime_get_ns; r0 = 2; exit",
	"top: may_goto out; goto top\nout: r0 = 2; exit", // ends for want of fuel
	"r1 = 1000; r2 = func cb; r3 = 0; r4 = 0; call loop; r0 = 2; exit\ncb: r1 *= 77; r1 |= 1; r0 = 12345; r0 /= r1; r0 = 0; exit",
	"r6 = 0; r7 = -1; *(u64 *)(r10 -8) = r6\ntop: r1 = r7; r2 = r6; r2 |= 1; r1 /= r2; lock *(u64 *)(r10 -8) += r1; r6 += 1; if r6 < 5000 goto top\nr0 = 2; exit",
	`r6 = 0; r7 = 12345
	top:	r7 *= 0x5851f42d; r7 += 12345677; r1 = r7; r1 >>= 8; r1 &= 0x3ffff; *(u32 *)(r10 -4) = r1
		r2 = r10; r2 += -4; r1 = map[0]; call map_lookup_elem
		if r0 == 0 goto next
		r1 = *(u64 *)(r0 +0); r7 += r1
	next:	r6 += 1; if r6 < 500 goto top
		r0 = 2; exit`,
	`r6 = 0
	top:	*(u32 *)(r10 -4) = r6; *(u64 *)(r10 -16) = r6; r2 = r10; r2 += -4; r3 = r10; r3 += -16; r1 = map[1]; r4 = 0; call map_update_elem
		r2 = r10; r2 += -4; r1 = map[1]; call map_lookup_elem
		if r0 == 0 goto next
		lock *(u64 *)(r0 +0) += r6
	next:	r6 += 1; if r6 < 100 goto top
		r0 = 2; exit`,
}

// TestSoak runs programs on eight goroutines while the collector runs all the time, a CPU profile, an execution trace and a
// mutex profile are taken, and programs are replaced. It prints how long the world took to stop, and how long under the
// same load of Go code: the two take turns.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(1))
	if err := pprof.StartCPUProfile(io.Discard); err == nil {
		defer pprof.StopCPUProfile()
	}
	if err := trace.Start(io.Discard); err == nil {
		defer trace.Stop()
	}
	jit, interp := newSoak(t, vm.EngineAuto), newSoak(t, vm.EngineInterp)
	const turns = 4
	var with, without stops
	for range turns {
		d := *soakTime / turns
		with.measure(func() { jit.run(t, d*5/8) })
		without.measure(func() { control(d / 4) })
		interp.run(t, d/8)
	}
	for _, s := range []*soak{jit, interp} {
		t.Logf("%s: %d runs, %d traps, %d programs replaced", s.engine, s.runs.Load(), s.traps.Load(), s.replaced)
		if s.runs.Load() == 0 || s.traps.Load() == 0 || s.replaced == 0 {
			t.Error("no runs, or none that ended for want of fuel, or no program replaced")
		}
	}
	t.Logf("longest stay in machine code, undisturbed: at most %v", jit.stay())
	t.Logf("stopping the world under programs:  %v", &with)
	t.Logf("stopping the world under Go code:   %v", &without)
	if with.total() == 0 {
		t.Error("the world never stopped: the test looks at the wrong metric")
	}
}

// soak is a machine with programs that are run and replaced.
type soak struct {
	m           *vm.Machine
	maps        []*maps.Map
	progs       []atomic.Pointer[vm.Program]
	engine      string
	runs, traps atomic.Uint64
	replaced    int
}

func newSoak(t *testing.T, engine vm.Engine) *soak {
	s := &soak{m: machine(t, vm.Options{CPUs: 8, Fuel: 1 << 20, Engine: engine}), progs: make([]atomic.Pointer[vm.Program], len(soakTexts))}
	for _, spec := range []maps.Spec{
		{Name: "wide", Type: maps.Array, KeySize: 4, ValueSize: 64, MaxEntries: 1 << 18},
		{Name: "hash", Type: maps.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 64},
	} {
		mp, err := s.m.NewMap(&spec)
		if err != nil {
			t.Fatal(err)
		}
		s.maps = append(s.maps, mp)
	}
	// Memory that nobody has touched costs a page fault, whoever is the first.
	for i := range uint32(1 << 12) {
		if err := s.maps[0].Put(i<<6, [64]byte{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range s.progs {
		s.load(t, i)
	}
	s.replaced = 0
	s.engine = s.progs[0].Load().Stats().Engine
	return s
}

// load replaces a program.
func (s *soak) load(t *testing.T, i int) {
	p, err := s.m.NewProgram(&vm.ProgramSpec{Name: "soak", Type: progtype.XDP, License: "GPL", Insns: asm.Must(soakTexts[i]), Maps: s.maps})
	if err != nil {
		t.Errorf("program %d: %+v", i, err)
		return
	}
	s.progs[i].Store(p)
	s.replaced++
}

func (s *soak) run(t *testing.T, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			o := vm.RunOptions{Data: make([]byte, 64), NoOutput: true}
			for i := g; ctx.Err() == nil; i++ {
				n := i % len(s.progs)
				r, err := s.progs[n].Load().Run(context.Background(), &o)
				s.runs.Add(1)
				runtime.Gosched()
				switch {
				case err != nil:
					s.traps.Add(1)
				case r != 2:
					t.Errorf("program %d returned %d", n, r)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			s.load(t, n%len(s.progs))
			runtime.GC()
		}
	})
	wg.Wait()
}

// stay bounds how long any of the programs keeps the processor without a break: the longest of their runs on a slice of
// fuel, each as the least of many, which nothing interrupted.
func (s *soak) stay() (longest time.Duration) {
	for i := range s.progs {
		p, o := s.progs[i].Load(), vm.RunOptions{Data: make([]byte, 64), NoOutput: true, Fuel: fuel.Slice - 1}
		ns := stopwatch.Least(200, 1, func(int) { p.Run(context.Background(), &o) })
		longest = max(longest, time.Duration(ns))
	}
	return longest
}

// control is the same load without gbpf: eight goroutines that compute, one that allocates and collects.
func control(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for x := uint64(1); ctx.Err() == nil; {
				for range 20_000 {
					x = x*6364136223846793005 + 1442695040888963407
				}
				runtime.Gosched()
			}
		})
	}
	wg.Go(func() {
		var keep [][]isa.Insn
		for ctx.Err() == nil {
			keep = append(keep[:0], make([]isa.Insn, 1<<10))
			runtime.GC()
		}
	})
	wg.Wait()
}

// stops is how long it took until the world stood still, counted by the runtime.
type stops struct {
	counts  []uint64
	buckets []float64 // seconds
}

// measure adds what happens while f runs.
func (s *stops) measure(f func()) {
	before := readStops()
	f()
	after := readStops()
	if s.counts == nil {
		s.counts, s.buckets = make([]uint64, len(after.Counts)), after.Buckets
	}
	for i := range s.counts {
		s.counts[i] += after.Counts[i] - before.Counts[i]
	}
}

// readStops adds up what stops the world: the collector, and all else.
func readStops() *metrics.Float64Histogram {
	all := []metrics.Sample{{Name: "/sched/pauses/stopping/gc:seconds"}, {Name: "/sched/pauses/stopping/other:seconds"}}
	metrics.Read(all)
	sum := &metrics.Float64Histogram{}
	for _, m := range all {
		if m.Value.Kind() != metrics.KindFloat64Histogram {
			continue
		}
		h := m.Value.Float64Histogram()
		if sum.Counts == nil {
			sum.Counts, sum.Buckets = make([]uint64, len(h.Counts)), h.Buckets
		}
		for i, n := range h.Counts {
			sum.Counts[i] += n
		}
	}
	return sum
}

func (s *stops) total() (n uint64) {
	for _, c := range s.counts {
		n += c
	}
	return n
}

// quantile is a bound that all but a part q of the stops keep.
func (s *stops) quantile(q float64) time.Duration {
	left := uint64(q * float64(s.total()))
	for i := len(s.counts) - 1; i >= 0; i-- {
		if s.counts[i] > left {
			if math.IsInf(s.buckets[i+1], 1) {
				return time.Duration(s.buckets[i] * 1e9)
			}
			return time.Duration(s.buckets[i+1] * 1e9)
		}
		left -= s.counts[i]
	}
	return 0
}

func (s *stops) String() string {
	return fmt.Sprintf("%d times, half within %v, 99%% within %v, 99.9%% within %v, all within %v",
		s.total(), s.quantile(0.5), s.quantile(0.01), s.quantile(0.001), s.quantile(0))
}
