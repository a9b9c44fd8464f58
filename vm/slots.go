package vm

import (
	"context"
	"fmt"
	"math/bits"
	"sync"

	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/progtype"
)

// slots hands out the simulated CPUs: a run holds one, so that per-CPU map values
// are its own while it runs. The lowest free one goes first, which keeps memory
// warm and lets a host that runs one program at a time see all per-CPU data on CPU 0.
type slots struct {
	m      *Machine
	mu     sync.Mutex
	cond   sync.Cond
	free   uint64 // bit i: CPU i is idle
	all    uint64
	closed bool
	states []*interp.State // made at first use
	io     []runIO
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
	s.free = s.all
	s.states = make([]*interp.State, n)
	s.io = make([]runIO, n)
}

// acquire waits for an idle CPU out of the set want and returns its number and state. It gives up when
// ctx ends.
func (s *slots) acquire(ctx context.Context, want uint64) (int, *interp.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free&want == 0 && !s.closed {
		stop := context.AfterFunc(ctx, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.cond.Broadcast()
		})
		defer stop()
		for s.free&want == 0 && !s.closed {
			if ctx.Err() != nil {
				return 0, nil, fmt.Errorf("run: no CPU of the machine became idle: %w", context.Cause(ctx))
			}
			s.cond.Wait()
		}
	}
	if s.closed {
		return 0, nil, fmt.Errorf("run: machine is %w", ErrClosed)
	}
	cpu := bits.TrailingZeros64(s.free & want)
	if s.states[cpu] == nil {
		slot, err := s.m.mem.NewSlot(cpu, s.m.opts.MaxPacket)
		if err != nil {
			return 0, nil, fmt.Errorf("run: %w", err)
		}
		s.states[cpu] = interp.NewState(s.m.mem, slot, s.m.table, s.m.env)
	}
	s.free &^= 1 << cpu
	return cpu, s.states[cpu], nil
}

func (s *slots) release(cpu int) {
	s.mu.Lock()
	s.free |= 1 << cpu
	s.mu.Unlock()
	s.cond.Broadcast()
}

// close waits until no program runs and lets none start again.
func (s *slots) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.cond.Broadcast()
	for s.free != s.all {
		s.cond.Wait()
	}
}
