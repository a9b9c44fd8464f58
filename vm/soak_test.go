package vm_test

import (
	"context"
	"flag"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

var soakTime = flag.Duration("soak", time.Second, "how long TestSoak runs")

// TestSoak runs programs on eight goroutines while the collector runs all the time, a CPU profile, an execution trace and a
// mutex profile are taken, and programs are replaced.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	t.Run("default", func(t *testing.T) { soak(t, vm.EngineAuto) })
	t.Run("interp", func(t *testing.T) { soak(t, vm.EngineInterp) })
}

func soak(t *testing.T, engine vm.Engine) {
	m := machine(t, vm.Options{CPUs: 8, Fuel: 1 << 20, Engine: engine})
	texts := []string{
		"r6 = 0\ntop: r6 += 1; r7 = r6; r7 *= 31; if r6 < 20000 goto top\nr0 = 2; exit",
		"r6 = 0\ntop: r1 = r6; call f; call get_smp_processor_id; r6 += 1; if r6 < 100 goto top\nr0 = 2; exit\nf: r0 = r1; *(u64 *)(r10 -8) = r1; exit",
		"call ktime_get_ns; r0 = 2; exit",
		"top: may_goto out; goto top\nout: r0 = 2; exit", // ends for want of fuel
	}
	load := func(i int) *vm.Program {
		p, err := m.NewProgram(&vm.ProgramSpec{Name: "soak", Type: progtype.XDP, License: "GPL", Insns: asm.Must(texts[i])})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	var progs [4]atomic.Pointer[vm.Program]
	for i := range progs {
		progs[i].Store(load(i))
	}
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(1))
	if err := pprof.StartCPUProfile(io.Discard); err == nil {
		defer pprof.StopCPUProfile()
	}
	if err := trace.Start(io.Discard); err == nil {
		defer trace.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), *soakTime/2)
	defer cancel()
	var wg sync.WaitGroup
	var runs, traps atomic.Uint64
	for g := range 8 {
		wg.Go(func() {
			o := vm.RunOptions{Data: make([]byte, 64), NoOutput: true}
			for i := g; ctx.Err() == nil; i++ {
				r, err := progs[i%4].Load().Run(context.Background(), &o)
				runs.Add(1)
				switch {
				case err != nil:
					traps.Add(1)
				case r != 2:
					t.Errorf("program %d returned %d", i%4, r)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			progs[n%4].Store(load(n % 4))
			runtime.GC()
		}
	})
	wg.Wait()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	longest := uint64(0)
	for _, p := range s.PauseNs {
		longest = max(longest, p)
	}
	t.Logf("%d runs, %d traps, %d collections, longest pause %v, engine %s", runs.Load(), traps.Load(), s.NumGC, time.Duration(longest), progs[0].Load().Stats().Engine)
	if runs.Load() == 0 || traps.Load() == 0 {
		t.Error("no runs, or none that ended for want of fuel")
	}
}
