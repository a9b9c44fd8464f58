package vm

import (
	"context"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/progtype"
)

// slots hands out the simulated CPUs: a run holds one, so that per-CPU map values
// are its own while it runs. The lowest free one goes first, which keeps memory
// warm and lets a host that runs one program at a time see all per-CPU data on CPU 0.
//
// A run that finds one idle takes it, and gives it back, in one atomic operation; only those that wait, and those
// that see them wait, lock.
type slots struct {
	m       *Machine
	all     uint64
	free    atomic.Uint64 // bit i: CPU i is idle
	waiting atomic.Int32  // how many wait on cond
	closed  atomic.Bool
	mu      sync.Mutex
	cond    sync.Cond
	states  []*interp.State // made at first use, by who holds the CPU
	io      []runIO
}

// runIO is what goes into a run and comes out.
type runIO struct {
	in  progtype.Input
	out progtype.Output
}

func (s *slots) init(m *Machine, n int) {
	s.m = m
	s.cond.L = &s.mu
	s.all = ^uint64(0) >> (64 - n)
	s.free.Store(s.all)
	s.states = make([]*interp.State, n)
	s.io = make([]runIO, n)
}

// take takes the lowest idle CPU out of the set want.
func (s *slots) take(want uint64) (cpu int, ok bool) {
	for {
		free := s.free.Load()
		if free&want == 0 {
			return 0, false
		}
		cpu = bits.TrailingZeros64(free & want)
		if s.free.CompareAndSwap(free, free&^(1<<cpu)) {
			return cpu, true
		}
	}
}

// acquire waits for an idle CPU out of the set want and returns its number and state. It gives up when
// ctx ends.
func (s *slots) acquire(ctx context.Context, want uint64) (int, *interp.State, error) {
	cpu, ok := s.take(want)
	if !ok {
		var err error
		if cpu, err = s.wait(ctx, want); err != nil {
			return 0, nil, err
		}
	}
	// close sets closed first and looks at free then, so one of the two sees the other.
	if s.closed.Load() {
		s.release(cpu)
		return 0, nil, fmt.Errorf("run: machine is %w", ErrClosed)
	}
	if s.states[cpu] == nil {
		slot, err := s.m.mem.NewSlot(cpu, s.m.opts.MaxPacket)
		if err != nil {
			s.release(cpu)
			return 0, nil, fmt.Errorf("run: %w", err)
		}
		s.states[cpu] = interp.NewState(s.m.mem, slot, s.m.table, s.m.env)
	}
	return cpu, s.states[cpu], nil
}

// wait is acquire where no CPU is idle.
func (s *slots) wait(ctx context.Context, want uint64) (int, error) {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cond.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	for {
		// waiting is set by now: a CPU that becomes idle behind this look makes release broadcast.
		if cpu, ok := s.take(want); ok {
			return cpu, nil
		}
		if s.closed.Load() {
			return 0, fmt.Errorf("run: machine is %w", ErrClosed)
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("run: no CPU of the machine became idle: %w", context.Cause(ctx))
		}
		s.cond.Wait()
	}
}

func (s *slots) release(cpu int) {
	s.free.Or(1 << cpu)
	if s.waiting.Load() != 0 {
		s.mu.Lock()
		s.cond.Broadcast()
		s.mu.Unlock()
	}
}

// close waits until no program runs and lets none start again.
func (s *slots) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed.Store(true)
	s.cond.Broadcast()
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	for s.free.Load() != s.all {
		s.cond.Wait()
	}
}

// busy are the CPUs that are not idle.
func (s *slots) busy() uint64 { return s.all &^ s.free.Load() }
