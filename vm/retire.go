package vm

import (
	"context"
	"errors"
	"sync"
)

// retired are things that runs under way may still use although nobody refers to them any more: programs
// that left the last prog array while machine code was on its way to them.
type retired struct {
	mu      sync.Mutex
	done    []func()
	running bool
}

// retire calls done once every run that is under way has ended. It does not wait.
func (m *Machine) retire(done func()) {
	r := &m.retired
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = append(r.done, done)
	if !r.running {
		r.running = true
		go m.settle()
	}
}

// settle waits until each simulated CPU has been idle once, and again for what was added meanwhile.
func (m *Machine) settle() {
	r := &m.retired
	for {
		r.mu.Lock()
		done := r.done
		r.done = nil
		r.running = len(done) > 0
		r.mu.Unlock()
		if len(done) == 0 {
			return
		}
		m.slots.quiesce()
		for _, f := range done {
			f()
		}
	}
}

// quiesce returns when no run that was under way at the call is any more.
func (s *slots) quiesce() {
	busy := s.busy()
	for cpu := 0; busy != 0; cpu, busy = cpu+1, busy>>1 {
		if busy&1 == 0 {
			continue
		}
		n, _, err := s.acquire(context.Background(), 1<<cpu)
		switch {
		case err == nil:
			s.release(n)
		case errors.Is(err, ErrClosed):
			s.close() // waits for all of them
			return
		}
		// Else the CPU is idle and there is no memory for its first run.
	}
}
