package vm_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/vm"
)

// TestSlots has more goroutines than CPUs run, some of them on a CPU of their choice: nobody waits for ever, no CPU has two
// runs at once, and closing the machine ends them all.
func TestSlots(t *testing.T) {
	m, err := vm.NewMachine(vm.Options{CPUs: 2, MemoryLimit: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	// It counts on the stack, where a second run would interfere, and says which CPU it had.
	p := load(t, m, "xdp", nil, asm.Must(`
		call get_smp_processor_id; r6 = r0; r1 = 0; *(u64 *)(r10 -8) = r1
	top: r2 = *(u64 *)(r10 -8); r2 += 1; *(u64 *)(r10 -8) = r2; r1 += 1; if r1 < 50 goto top
		r0 = *(u64 *)(r10 -8); r6 <<= 8; r0 |= r6; exit`)...)
	rounds := 500
	if testing.Short() {
		rounds = 50
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			o := vm.RunOptions{Data: make([]byte, 64), NoOutput: true, Pin: g%3 == 0, CPU: g / 3 % 2}
			for range rounds {
				r, err := p.Run(context.Background(), &o)
				if err != nil || r&0xff != 50 || r>>8 > 1 || o.Pin && int(r>>8) != o.CPU {
					t.Errorf("pin %v to %d: returned %#x, %v", o.Pin, o.CPU, r, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := p.Stats().Runs; n != uint64(8*rounds) && !t.Failed() {
		t.Errorf("%d runs are counted, want %d", n, 8*rounds)
	}

	// Runs that never end by themselves, and some that wait for them.
	endless := load(t, m, "xdp", nil, asm.Must("top: may_goto out; goto top\nout: r0 = 2; exit")...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	for range 5 {
		go func() {
			for {
				if _, err := endless.Run(ctx, &vm.RunOptions{Data: make([]byte, 64), NoOutput: true, Fuel: 1 << 40}); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	time.Sleep(time.Millisecond)
	cancel()
	for range 5 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Run(context.Background(), &vm.RunOptions{Data: make([]byte, 64)}); !errors.Is(err, vm.ErrClosed) {
		t.Errorf("run on a closed machine: %v", err)
	}
}
