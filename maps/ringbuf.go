package maps

import (
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
)

// Ringbuf is the programs' face of a ring buffer map.
//
// Records are accounted as in the kernel: 8 bytes of header and the data, rounded up to 8; a
// ring of n bytes holds n-8 of them. Guest memory has room for twice the size, and a record that
// starts near the end runs on into the upper half: it is contiguous without mapping anything
// twice, and since positions are the ring's, no two live records overlap. Headers are the host's.
type Ringbuf struct {
	mem  *guest.Memory
	r    *guest.Region
	base guest.Addr
	mask uint64

	mu     sync.Mutex
	prod   uint64
	cons   uint64
	header []uint32 // by position / 8: length and state, 0 for none
	live   []span   // reserved and not yet submitted
	wake   chan struct{}
	reader bool
}

type span struct{ off, n uint32 }

// State bits of a header, as BPF_RINGBUF_BUSY_BIT and BPF_RINGBUF_DISCARD_BIT.
const (
	ringBusy    = 1 << 31
	ringDiscard = 1 << 30
	ringDone    = 1 << 29 // gbpf's own: the record is complete, even when its length is 0
	ringHeader  = 8

	// ringMaxRecord is the largest record, in bytes: less than the kernel's, so that
	// lengths stay below the state bits.
	ringMaxRecord = ringDone - 1
)

// Flags of ring buffer helpers.
const (
	RingNoWakeup    = 1 << 0
	RingForceWakeup = 1 << 1
)

func newRingbuf(m *Map) (store, error) {
	size := m.spec.MaxEntries
	if uint64(size)*2 > math.MaxUint32 {
		return nil, guest.ErrLimit
	}
	if err := m.charge(uint64(size) / 2); err != nil {
		return nil, err
	}
	b := &Ringbuf{mem: m.mem, mask: uint64(size) - 1, header: make([]uint32, size/8), wake: make(chan struct{}, 1)}
	b.r = &guest.Region{Kind: guest.KindRingbuf, Perm: guest.PermRW, Size: 2 * size, Name: m.spec.Name, Owner: m, Allow: b.allow}
	if err := m.mem.Alloc(b.r); err != nil {
		return nil, err
	}
	b.base = b.r.Addr
	return b, nil
}

func (b *Ringbuf) close() { b.r.Free() }

// Ringbuf returns the programs' face of a ring buffer map, nil for other types.
func (m *Map) Ringbuf() *Ringbuf {
	b, _ := m.s.(*Ringbuf)
	return b
}

// allow reports whether n bytes at off of the region lie in a record that is being written.
func (b *Ringbuf) allow(off, n uint32) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.live {
		if off >= s.off && off-s.off < s.n && n <= s.n-(off-s.off) {
			return true
		}
	}
	return false
}

// Reserve sets size bytes aside and returns their guest address, 0 when there is no room or
// flags are not 0.
func (b *Ringbuf) Reserve(size, flags uint64) uint64 {
	if flags != 0 || size > ringMaxRecord {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reserve(size)
}

func (b *Ringbuf) reserve(size uint64) uint64 {
	n := (size + ringHeader + 7) &^ 7
	if n > b.mask+1 || b.prod+n-b.cons > b.mask {
		return 0
	}
	at := uint32(b.prod & b.mask)
	b.header[at/8] = uint32(size) | ringBusy
	b.prod += n
	b.live = append(b.live, span{at + ringHeader, uint32(size)})
	return uint64(b.base) + uint64(at) + ringHeader
}

// Submit hands a reserved record to the reader. It returns false for an address that is no
// reserved record.
func (b *Ringbuf) Submit(addr, flags uint64) bool { return b.commit(addr, flags, 0) }

// Discard gives a reserved record up. It returns false for an address that is no reserved
// record.
func (b *Ringbuf) Discard(addr, flags uint64) bool { return b.commit(addr, flags, ringDiscard) }

func (b *Ringbuf) commit(addr, flags uint64, state uint32) bool {
	off := addr - uint64(b.base) - ringHeader
	if off > b.mask || off%8 != 0 {
		return false
	}
	b.mu.Lock()
	h := &b.header[off/8]
	if *h&ringBusy == 0 {
		b.mu.Unlock()
		return false
	}
	*h = *h&^ringBusy | state | ringDone
	i := slices.IndexFunc(b.live, func(s span) bool { return uint64(s.off) == off+ringHeader })
	b.live = slices.Delete(b.live, i, i+1)
	b.mu.Unlock()
	if flags&RingNoWakeup == 0 {
		b.notify()
	}
	return true
}

func (b *Ringbuf) notify() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Output copies data into a record of its own. It returns 0 or a negative error number.
func (b *Ringbuf) Output(data []byte, flags uint64) int64 {
	if flags&^(RingNoWakeup|RingForceWakeup) != 0 {
		return ret(errno.EINVAL)
	}
	addr := b.Reserve(uint64(len(data)), 0)
	if addr == 0 {
		return ret(errno.EAGAIN)
	}
	dst, ok := b.mem.Slice(addr, uint64(len(data)))
	if !ok {
		return ret(errno.EFAULT)
	}
	copy(dst, data)
	b.Submit(addr, flags)
	return 0
}

// Query returns what BPF_RB_AVAIL_DATA (0), RING_SIZE (1), CONS_POS (2) or PROD_POS (3) name, in
// bytes, and 0 for any other number.
func (b *Ringbuf) Query(what uint64) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch what {
	case 0:
		return b.prod - b.cons
	case 1:
		return b.mask + 1
	case 2:
		return b.cons
	case 3:
		return b.prod
	}
	return 0
}

// take copies the next complete record to out[:0] and reports whether there was one, and how
// many bytes of complete and incomplete records remain.
func (b *Ringbuf) take(out []byte) (rec []byte, ok bool, remaining int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.cons < b.prod {
		at := b.cons & b.mask
		h := &b.header[at/8]
		if *h&ringBusy != 0 {
			break
		}
		n := *h & (ringDone - 1)
		discarded := *h&ringDiscard != 0
		*h = 0
		data, inside := b.mem.Slice(uint64(b.base)+at+ringHeader, uint64(n))
		b.cons += (uint64(n) + ringHeader + 7) &^ 7
		if discarded || !inside {
			continue
		}
		return append(out[:0], data...), true, int(b.prod - b.cons)
	}
	return out[:0], false, int(b.prod - b.cons)
}

func (b *Ringbuf) lookup(int, []byte) uint64                      { return 0 }
func (b *Ringbuf) update(int, []byte, []byte, uint64) errno.Errno { return errno.EOPNOTSUPP }
func (b *Ringbuf) delete([]byte) errno.Errno                      { return errno.EOPNOTSUPP }
func (b *Ringbuf) next(_, _ []byte) errno.Errno                   { return errno.EOPNOTSUPP }

// RingbufRecord is one record of a ring buffer.
type RingbufRecord struct {
	// RawSample is what the program submitted.
	RawSample []byte
	// Remaining is how many bytes were left in the buffer, headers included.
	Remaining int
}

// RingbufReader reads the records of a ring buffer, in the order in which they were reserved.
// Its methods may be called from several goroutines.
type RingbufReader struct {
	b *Ringbuf
	w waiter
}

// NewRingbufReader returns a reader of a ring buffer map. A map has one reader at a time.
func NewRingbufReader(m *Map) (*RingbufReader, error) {
	b := m.Ringbuf()
	if b == nil {
		return nil, &OpError{Op: "new ringbuf reader", Map: m.Name(), Errno: errno.ENOTSUPP}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reader {
		return nil, &OpError{Op: "new ringbuf reader", Map: m.Name(), Errno: errno.EBUSY}
	}
	b.reader = true
	return &RingbufReader{b: b, w: newWaiter(b.wake)}, nil
}

// Read waits for the next record. It returns [ErrClosed] once the reader is closed, and
// os.ErrDeadlineExceeded when the deadline passes.
func (r *RingbufReader) Read() (RingbufRecord, error) {
	var rec RingbufRecord
	return rec, r.ReadInto(&rec)
}

// ReadInto is Read that reuses rec.RawSample.
func (r *RingbufReader) ReadInto(rec *RingbufRecord) error {
	for {
		var ok bool
		if rec.RawSample, ok, rec.Remaining = r.b.take(rec.RawSample); ok {
			if rec.Remaining > 0 {
				r.b.notify() // for another goroutine that waits
			}
			return nil
		}
		if err := r.w.wait(); err != nil {
			return err
		}
	}
}

// SetDeadline bounds how long Read waits; the zero time means for ever.
func (r *RingbufReader) SetDeadline(t time.Time) { r.w.setDeadline(t) }

// AvailableBytes is how much is in the buffer, headers and incomplete records included.
func (r *RingbufReader) AvailableBytes() int { return int(r.b.Query(0)) }

// BufferSize is the size of the ring, in bytes.
func (r *RingbufReader) BufferSize() int { return int(r.b.mask + 1) }

// Flush makes Read return os.ErrDeadlineExceeded once there are no more records.
func (r *RingbufReader) Flush() error {
	r.w.setDeadline(time.Unix(1, 0))
	return nil
}

// Close stops the reader; a blocked Read returns [ErrClosed].
func (r *RingbufReader) Close() error {
	r.b.mu.Lock()
	r.b.reader = false
	r.b.mu.Unlock()
	r.w.close()
	return nil
}

// waiter is how readers wait: for news, a deadline or the end.
type waiter struct {
	news    <-chan struct{}
	mu      *sync.Mutex
	until   *time.Time
	changed chan struct{}
	done    chan struct{}
	once    *sync.Once
}

func newWaiter(news <-chan struct{}) waiter {
	return waiter{news: news, mu: &sync.Mutex{}, until: &time.Time{}, changed: make(chan struct{}, 1), done: make(chan struct{}), once: &sync.Once{}}
}

func (w *waiter) setDeadline(t time.Time) {
	w.mu.Lock()
	*w.until = t
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *waiter) close() { w.once.Do(func() { close(w.done) }) }

// wait returns nil when there may be news.
func (w *waiter) wait() error {
	for {
		w.mu.Lock()
		until := *w.until
		w.mu.Unlock()
		var timer <-chan time.Time
		if !until.IsZero() {
			left := time.Until(until)
			if left <= 0 {
				select {
				case <-w.done:
					return ErrClosed
				case <-w.news:
					return nil
				default:
					return os.ErrDeadlineExceeded
				}
			}
			timer = time.After(left)
		}
		select {
		case <-w.done:
			return ErrClosed
		case <-w.news:
			return nil
		case <-timer:
		case <-w.changed:
		}
	}
}
