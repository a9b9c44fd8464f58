package vm_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// TestTailCallReplaced replaces and forgets the programs of a prog array while others go on in them, with the garbage
// collector at work: code must stay as long as a run is in it.
func TestTailCallReplaced(t *testing.T) {
	m, err := vm.NewMachine(vm.Options{CPUs: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	array, err := m.NewMap(&maps.Spec{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 2})
	if err != nil {
		t.Fatal(err)
	}
	load := func(text string) *vm.Program {
		p, err := m.NewProgram(&vm.ProgramSpec{Name: "p", Type: progtype.XDP, License: "GPL", Insns: asm.Must(text), Maps: []*maps.Map{array}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const next = "r2 = map[0]; r3 = 1; call tail_call; r0 = 1; exit"
	entry := load("r2 = map[0]; r3 = 0; call tail_call; r0 = 1; exit")
	var stop atomic.Bool
	var runs, reached atomic.Uint64
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			o := &vm.RunOptions{Data: make([]byte, 64), NoOutput: true}
			for !stop.Load() {
				r0, err := entry.Run(context.Background(), o)
				if err != nil || r0 != 1 && r0 != 2 && r0 != 3 {
					t.Errorf("r0 %d, %v", r0, err)
					return
				}
				runs.Add(1)
				if r0 != 1 {
					reached.Add(1)
				}
			}
		}()
	}
	var collected atomic.Int64
	rounds := 200
	if testing.Short() {
		rounds = 40
	}
	put := func(i uint32, p *vm.Program) {
		if err := array.Put(i, p); err != nil {
			t.Fatal(err)
		}
		runtime.AddCleanup(p, func(n int64) { collected.Add(n) }, 1)
	}
	for i := range rounds {
		put(0, load(next))
		put(1, load([]string{"r0 = 2; exit", "call get_prandom_u32; r0 = 3; exit", "r9 = 0\ntop: r9 += 1; if r9 < 200 goto top\nr0 = 2; exit"}[i%3]))
		if i%8 == 0 {
			runtime.GC()
		}
		if i%16 == 3 {
			if err := array.Delete(uint32(1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range uint32(2) {
		if err := array.Delete(i); err != nil && !errors.Is(err, maps.ErrKeyNotExist) {
			t.Fatal(err)
		}
	}
	// What has been replaced goes, though the machine was never idle. A CPU may know the program that it left last.
	want := int64(2*rounds - 2)
	for deadline := time.Now().Add(20 * time.Second); collected.Load() < want && time.Now().Before(deadline); {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	wg.Wait()
	if n := collected.Load(); n < want {
		t.Errorf("%d of %d programs were collected", n, 2*rounds)
	}
	t.Logf("%d runs, %d of them reached another program, %d programs replaced", runs.Load(), reached.Load(), 2*rounds)
	if reached.Load() == 0 {
		t.Error("no run reached another program")
	}
}
