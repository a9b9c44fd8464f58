package jit

import (
	"io"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/arm64"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// TestSignals has code run on goroutines of all stack depths while the collector stops the world,
// the scheduler preempts and a CPU profile is taken: signals find the thread in machine code.
func TestSignals(t *testing.T) {
	if err := execmem.Probe(); err != nil {
		t.Skipf("no executable memory here: %v", err)
	}
	mem, err := guest.NewMemory(guest.MinLimit)
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	l := &ir.List{Exits: make([]ir.Exit, 1), Funcs: []ir.Function{{Root: true}}, Mask: 1<<32 - 1, Labels: 1, Ops: []ir.Op{
		{Kind: ir.Func, Imm: 128},
		{Kind: ir.Label},
		{Kind: ir.Add, W: 64, UseImm: true, Imm: 1},
		{Kind: ir.Charge, Imm: 2},
		{Kind: ir.Jump},
	}}
	n, err := arm64.Expand(l, arm64.Features{})
	if err != nil {
		t.Fatal(err)
	}
	code, err := execmem.New(n.Code)
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 1 << 15
	run := func() bool {
		st := &State{Base: uint64(uintptr(mem.Base())), Fuel: 2*rounds - 2, Limit: uint64(uintptr(mem.Base())) + 0x11000}
		st.R[10] = 0x11000
		enter(code.Addr()+uintptr(n.Start), st)
		return st.R[0] == rounds && int64(st.Fuel) == -2
	}
	var deep func(int) bool
	deep = func(k int) bool {
		var pad [256]byte
		pad[k%256] = byte(k)
		if k > 0 && pad[k%256] == byte(k) {
			return deep(k-1) && run()
		}
		return run()
	}
	if err := pprof.StartCPUProfile(io.Discard); err == nil {
		defer pprof.StopCPUProfile()
	}
	length := 3 * time.Second
	if testing.Short() {
		length = 500 * time.Millisecond
	}
	end := time.Now().Add(length)
	var all sync.WaitGroup
	var runs [3]int
	for g := range runs {
		all.Go(func() {
			for k := 0; time.Now().Before(end); k = (k + 1) % 40 {
				done := make(chan bool)
				go func() { done <- deep(k) }() // a new goroutine: its stack has to grow
				if !<-done {
					t.Error("a wrong result")
					return
				}
				runs[g] += k + 1
			}
		})
	}
	cycles := 0
	for ; time.Now().Before(end); cycles++ {
		runtime.GC()
	}
	all.Wait()
	runtime.KeepAlive(code)
	t.Logf("%v runs beside %d collections", runs, cycles)
	if cycles == 0 || runs[0] == 0 {
		t.Error("nothing ran")
	}
}
