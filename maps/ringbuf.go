package maps

import (
	"math"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/hostmem"
)

// Ringbuf is the programs' face of a ring buffer map.
//
// Records are accounted as in the kernel: 8 bytes of header and the data, rounded up to 8; a
// ring of n bytes holds n-8 of them. Guest memory has room for twice the size, and a record that
// starts near the end runs on into the upper half: it is contiguous without mapping anything
// twice, and since positions are the ring's, no two live records overlap. Headers are the host's.
//
// Producers take no lock. One that has moved the producer position writes its header next, and until then it is 0,
// as the consumer leaves it before it moves its own position: such a record is not complete. Machine code does the same
// by itself, see [RingHead].
type Ringbuf struct {
	mem    *guest.Memory
	r      *guest.Region
	base   guest.Addr
	mask   uint64
	block  *hostmem.Block
	head   *RingHead
	header []uint32 // by position / 8: length and state, 0 for none

	mu     sync.Mutex // of the consumer
	wake   chan struct{}
	reader bool

	liveMu sync.Mutex
	live   []uint32 // offsets of records reserved by [Ringbuf.Reserve], and of some that are no more: for allow
}

// RingHead is what machine code works on: it lies at a fixed address, with the headers of the records RingHeaders
// bytes behind its start.
type RingHead struct {
	Prod    uint64 // position of the next record, in bytes
	_       [7]uint64
	Cons    uint64 // position of the oldest record; never beyond Prod
	Waiting uint32 // readers that sleep, or are about to and will look once more
	_       [13]uint32
}

// RingHeaders is where the headers are.
const RingHeaders = unsafe.Sizeof(RingHead{})

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
	b := &Ringbuf{mem: m.mem, mask: uint64(size) - 1, wake: make(chan struct{}, 1)}
	var err error
	if b.block, err = hostmem.New(uint64(RingHeaders) + uint64(size)/2); err != nil {
		return nil, err
	}
	b.head = (*RingHead)(b.block.Base())
	b.header = unsafe.Slice((*uint32)(unsafe.Add(b.block.Base(), RingHeaders)), size/8)
	b.r = &guest.Region{Kind: guest.KindRingbuf, Perm: guest.PermRW, Size: 2 * size, Name: m.spec.Name, Owner: m, Allow: b.allow}
	if err := m.mem.Alloc(b.r); err != nil {
		return nil, err
	}
	b.base = b.r.Addr
	return b, nil
}

// close frees the memory. Machine code finds the ring full.
func (b *Ringbuf) close() {
	atomic.StoreUint64(&b.head.Prod, atomic.LoadUint64(&b.head.Cons)+b.mask+1)
	b.r.Free()
}

// Ringbuf returns the programs' face of a ring buffer map, nil for other types.
func (m *Map) Ringbuf() *Ringbuf {
	b, _ := m.s.(*Ringbuf)
	return b
}

// Layout tells machine code where the ring is: the host address of its [RingHead], the guest address of position 0, and the
// size less one, in bytes. They stay as they are as long as the map is referred to.
func (b *Ringbuf) Layout() (head uintptr, base guest.Addr, mask uint32) {
	return uintptr(b.block.Base()), b.base, uint32(b.mask)
}

// allow reports whether n bytes at off of the region lie in a record that is being written.
func (b *Ringbuf) allow(off, n uint32) bool {
	b.liveMu.Lock()
	defer b.liveMu.Unlock()
	for _, at := range b.live {
		h := atomic.LoadUint32(&b.header[at/8])
		at += ringHeader
		if h&ringBusy == 0 || off < at {
			continue
		}
		if size := h &^ ringBusy; off-at < size && n <= size-(off-at) {
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
	n := (size + ringHeader + 7) &^ 7
	for {
		cons := atomic.LoadUint64(&b.head.Cons) // first: it is never ahead of what is read next
		prod := atomic.LoadUint64(&b.head.Prod)
		if prod+n-cons > b.mask {
			return 0
		}
		if !atomic.CompareAndSwapUint64(&b.head.Prod, prod, prod+n) {
			continue
		}
		at := uint32(prod & b.mask)
		atomic.StoreUint32(&b.header[at/8], uint32(size)|ringBusy)
		b.enliven(at)
		return uint64(b.base) + uint64(at) + ringHeader
	}
}

// enliven adds a record to those that may be being written, and drops those that are not any more when
// there are many: machine code ends records without saying so.
func (b *Ringbuf) enliven(at uint32) {
	b.liveMu.Lock()
	defer b.liveMu.Unlock()
	if len(b.live) == cap(b.live) {
		b.live = slices.DeleteFunc(b.live, func(at uint32) bool { return atomic.LoadUint32(&b.header[at/8])&ringBusy == 0 })
	}
	b.live = append(b.live, at)
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
	at := &b.header[off/8]
	h := atomic.LoadUint32(at)
	if h&ringBusy == 0 || !atomic.CompareAndSwapUint32(at, h, h&^ringBusy|state|ringDone) {
		return false
	}
	if flags&RingNoWakeup == 0 {
		b.Wake()
	}
	return true
}

// Wake tells a reader that sleeps that there is a record.
func (b *Ringbuf) Wake() {
	if atomic.LoadUint32(&b.head.Waiting) != 0 {
		b.notify()
	}
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
	cons := atomic.LoadUint64(&b.head.Cons)
	switch what {
	case 0:
		return atomic.LoadUint64(&b.head.Prod) - cons
	case 1:
		return b.mask + 1
	case 2:
		return cons
	case 3:
		return atomic.LoadUint64(&b.head.Prod)
	}
	return 0
}

// take copies the next complete record to out[:0] and reports whether there was one, and how
// many bytes of complete and incomplete records remain.
func (b *Ringbuf) take(out []byte) (rec []byte, ok bool, remaining int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out = out[:0]
	cons := b.head.Cons // nobody else writes it
	for !ok && cons < atomic.LoadUint64(&b.head.Prod) {
		at := cons & b.mask
		h := atomic.LoadUint32(&b.header[at/8])
		if h == 0 || h&ringBusy != 0 {
			break
		}
		n := uint64(h & (ringDone - 1))
		if data, inside := b.mem.Slice(uint64(b.base)+at+ringHeader, n); inside && h&ringDiscard == 0 {
			out, ok = append(out, data...), true
		}
		atomic.StoreUint32(&b.header[at/8], 0)
		cons += (n + ringHeader + 7) &^ 7
		atomic.StoreUint64(&b.head.Cons, cons)
	}
	return out, ok, int(atomic.LoadUint64(&b.head.Prod) - cons)
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
		if r.take(rec) {
			return nil
		}
		// Who ends a record looks for readers that wait after that, so the second look finds what the wake-up would miss.
		atomic.AddUint32(&r.b.head.Waiting, 1)
		ok := r.take(rec)
		var err error
		if !ok {
			err = r.w.wait()
		}
		atomic.AddUint32(&r.b.head.Waiting, ^uint32(0))
		if ok || err != nil {
			return err
		}
	}
}

func (r *RingbufReader) take(rec *RingbufRecord) (ok bool) {
	rec.RawSample, ok, rec.Remaining = r.b.take(rec.RawSample)
	if ok && rec.Remaining > 0 {
		r.b.Wake() // for another goroutine that waits
	}
	return ok
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
