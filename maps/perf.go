package maps

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gbpf/gbpf/internal/errno"
)

// perfArray is a perf_event_array: a buffer of samples for each CPU, once a reader has opened
// them.
type perfArray struct {
	n      uint32
	reader atomic.Pointer[PerfReader]
}

func newPerfArray(m *Map) (store, error) { return &perfArray{n: m.spec.MaxEntries}, nil }

func (p *perfArray) lookup(int, []byte) uint64                      { return 0 }
func (p *perfArray) update(int, []byte, []byte, uint64) errno.Errno { return errno.EOPNOTSUPP }
func (p *perfArray) delete(key []byte) errno.Errno {
	if index(key) >= p.n {
		return errno.E2BIG
	}
	return errno.ENOENT
}
func (p *perfArray) next(key, out []byte) errno.Errno { return nextIndex(key, out, p.n) }

// PerfCurrentCPU as the index of PerfOutput means the CPU of the run (BPF_F_CURRENT_CPU).
const PerfCurrentCPU = 0xffffffff

// PerfOutput appends one sample, made of parts, to the buffer that flags index, for a program that
// runs on cpu. It returns 0 or a negative error number: ENOENT without a reader, ENOSPC when the
// buffer is full and the sample is lost.
func (m *Map) PerfOutput(cpu int, flags uint64, parts ...[]byte) int64 {
	p, ok := m.s.(*perfArray)
	if !ok || flags>>32 != 0 {
		return ret(errno.EINVAL)
	}
	i := uint32(flags)
	if i == PerfCurrentCPU {
		i = uint32(cpu)
	}
	if i >= p.n {
		return ret(errno.E2BIG)
	}
	r := p.reader.Load()
	if r == nil || i >= uint32(len(r.rings)) {
		return ret(errno.ENOENT)
	}
	if i != uint32(cpu) {
		return ret(errno.EOPNOTSUPP)
	}
	return ret(r.put(cpu, parts))
}

// PerfRecord is a sample of a perf event array, or the news that some were lost.
type PerfRecord struct {
	// CPU is the simulated CPU the program ran on.
	CPU int
	// RawSample is what the program sent; nil when samples were lost.
	RawSample []byte
	// LostSamples is how many were lost since the record before.
	LostSamples uint64
	// Remaining is how many bytes were left in the CPU's buffer.
	Remaining int
}

// PerfReader reads the samples of a perf_event_array. Its methods may be called from several
// goroutines.
type PerfReader struct {
	p     *perfArray
	size  int
	rings []perfRing
	next  atomic.Uint32
	wake  chan struct{}
	w     waiter
}

type perfRing struct {
	mu      sync.Mutex
	samples [][]byte
	bytes   int
	lost    uint64
}

// perfHeader is what a sample takes in a buffer beside its data: perf_event_header and size.
const perfHeader = 12

// NewPerfReader opens a buffer of perCPUBuffer bytes for each CPU of a perf_event_array. A map
// has one reader at a time.
func NewPerfReader(m *Map, perCPUBuffer int) (*PerfReader, error) {
	p, ok := m.s.(*perfArray)
	if !ok {
		return nil, &OpError{Op: "new perf reader", Map: m.Name(), Errno: errno.ENOTSUPP}
	}
	if perCPUBuffer < 1 {
		return nil, &OpError{Op: "new perf reader", Map: m.Name(), Errno: errno.EINVAL}
	}
	wake := make(chan struct{}, 1)
	r := &PerfReader{p: p, size: perCPUBuffer, rings: make([]perfRing, min(m.cpus, int(p.n))), wake: wake, w: newWaiter(wake)}
	if !p.reader.CompareAndSwap(nil, r) {
		return nil, &OpError{Op: "new perf reader", Map: m.Name(), Errno: errno.EBUSY}
	}
	return r, nil
}

func (r *PerfReader) put(cpu int, parts [][]byte) errno.Errno {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	ring := &r.rings[cpu]
	ring.mu.Lock()
	defer ring.mu.Unlock()
	if ring.bytes+n+perfHeader > r.size {
		ring.lost++
		return errno.ENOSPC
	}
	s := make([]byte, 0, n)
	for _, p := range parts {
		s = append(s, p...)
	}
	ring.samples = append(ring.samples, s)
	ring.bytes += n + perfHeader
	r.notify()
	return 0
}

func (r *PerfReader) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Read waits for the next sample of any CPU. It returns [ErrClosed] once the reader is closed, and
// os.ErrDeadlineExceeded when the deadline passes.
func (r *PerfReader) Read() (PerfRecord, error) {
	var rec PerfRecord
	return rec, r.ReadInto(&rec)
}

// ReadInto is Read into a record of the caller's.
func (r *PerfReader) ReadInto(rec *PerfRecord) error {
	for {
		if r.poll(rec) {
			r.notify() // for another goroutine that waits
			return nil
		}
		if err := r.w.wait(); err != nil {
			return err
		}
	}
}

func (r *PerfReader) poll(rec *PerfRecord) bool {
	from := int(r.next.Load())
	for k := range r.rings {
		cpu := (from + k) % len(r.rings)
		ring := &r.rings[cpu]
		ring.mu.Lock()
		switch {
		case len(ring.samples) > 0:
			s := ring.samples[0]
			ring.samples = ring.samples[1:]
			ring.bytes -= len(s) + perfHeader
			*rec = PerfRecord{CPU: cpu, RawSample: s, Remaining: ring.bytes}
		case ring.lost > 0:
			*rec = PerfRecord{CPU: cpu, LostSamples: ring.lost}
			ring.lost = 0
		default:
			ring.mu.Unlock()
			continue
		}
		ring.mu.Unlock()
		r.next.Store(uint32(cpu + 1))
		return true
	}
	return false
}

// SetDeadline bounds how long Read waits; the zero time means for ever.
func (r *PerfReader) SetDeadline(t time.Time) { r.w.setDeadline(t) }

// BufferSize is the size of each CPU's buffer, in bytes.
func (r *PerfReader) BufferSize() int { return r.size }

// Close stops the reader; a blocked Read returns [ErrClosed], and programs get ENOENT from then on.
func (r *PerfReader) Close() error {
	r.p.reader.CompareAndSwap(r, nil)
	r.w.close()
	return nil
}
