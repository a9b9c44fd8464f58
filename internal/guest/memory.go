package guest

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

var (
	// ErrLimit says that the window has no room left for an object.
	ErrLimit = errors.New("guest memory limit reached")
	// ErrClosed says that the memory has been given back to the host.
	ErrClosed = errors.New("guest memory is closed")
)

// Memory is one window of guest memory with the registry of what lies in it.
// It is safe for concurrent use; the bytes themselves are shared memory.
type Memory struct {
	base  unsafe.Pointer // host address of guest address 0
	limit uint64         // distinct bytes, a power of two
	win   window         // what the host gave

	mu      sync.Mutex
	closed  bool
	free    []extent // sorted by page, coalesced
	regions []*Region
	spare   []uint32 // free indexes of regions
	used    uint64   // bytes handed out, in whole pages
	host    uint64   // bytes of host memory that objects take beside

	// pages maps a page number to an index of table, 0 for none. Readers do
	// not lock: both are written before an object is handed out.
	pages []atomic.Uint32
	table atomic.Pointer[[]*Region]
}

// window is one reservation of host address space.
type window struct {
	mapping []byte // the whole reservation, guards included
	origin  uintptr
	span    uint64 // bytes of address space that guest addresses reach without a mask
	fd      int    // backing object, -1 for none
}

// NewMemory reserves a window whose distinct memory is at most limit bytes,
// rounded up to a power of two between [MinLimit] and [MaxLimit]; 0 means
// [DefaultLimit]. Where the host cannot give 4 GiB of address space the window is
// as large as the limit and [Memory.Mask] confines addresses to it.
func NewMemory(limit uint64) (*Memory, error) {
	if limit == 0 {
		limit = DefaultLimit
	}
	if limit > MaxLimit {
		return nil, fmt.Errorf("guest memory: limit of %d bytes: more than the %d that 32-bit addresses reach", limit, uint64(MaxLimit))
	}
	limit = max(limit, MinLimit)
	limit = 1 << bits.Len64(limit-1)
	w, err := reserve(limit)
	if err != nil {
		return nil, fmt.Errorf("guest memory: reserve a window of %d bytes: %w", limit, err)
	}
	m := &Memory{limit: limit, win: w}
	m.base = unsafe.Pointer(&w.mapping[w.origin])
	m.pages = make([]atomic.Uint32, limit/PageSize)
	m.regions = make([]*Region, 1) // index 0 means none
	m.publish()
	m.free = []extent{{page: NullZone / PageSize, n: uint32(limit/PageSize) - NullZone/PageSize}}
	return m, nil
}

// Close gives the window back to the host. The caller makes sure that no
// program runs in it and that no slice of it is used any more.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.base = nil
	return m.win.release()
}

// Base is the host address of guest address 0. Engines add a confined address
// to it; nothing else should. It is a multiple of [Align] unless the host has no room at one: interpreters
// do not mind, package jit refuses to make code then.
func (m *Memory) Base() unsafe.Pointer { return m.base }

// Mask is what an engine ands to an address to confine it. With a full 4 GiB
// window it is 1<<32-1, which a 32-bit operation gives for free.
func (m *Memory) Mask() uint32 {
	if m.Full() {
		return 1<<32 - 1
	}
	return uint32(m.limit - 1)
}

// Full reports whether every 32-bit address lies in the window.
func (m *Memory) Full() bool { return m.win.span == 1<<32 }

// Limit is the number of distinct bytes of the window.
func (m *Memory) Limit() uint64 { return m.limit }

// Used is the number of bytes that registered objects take, in whole pages.
func (m *Memory) Used() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// Charge counts n bytes of host memory that an object takes outside the window, such as
// the index of a hash map, so that what a hostile object file makes the host allocate is bounded as guest
// memory is: all of it together by the limit once more. The error wraps [ErrLimit].
func (m *Memory) Charge(n uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > m.limit-m.host {
		return fmt.Errorf("host memory: %d bytes needed beside guest memory, %d of %d are in use: %w", n, m.host, m.limit, ErrLimit)
	}
	m.host += n
	return nil
}

// Uncharge gives back what Charge counted.
func (m *Memory) Uncharge(n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.host -= min(n, m.host)
}

// Slice returns the n bytes at addr as a slice of guest memory. It fails, with
// nil and false, when addr is not a 32-bit address or the bytes do not all lie
// within the window; it does not ask what object they belong to, see
// [Memory.Check]. The bytes may change under the caller: other programs run in
// the same window, so copy before validating.
func (m *Memory) Slice(addr, n uint64) ([]byte, bool) {
	if addr >= m.limit || n > m.limit-addr || m.base == nil {
		return nil, false
	}
	return unsafe.Slice((*byte)(unsafe.Add(m.base, addr)), n), true
}

// bytes is Slice for addresses that the registry itself handed out.
func (m *Memory) bytes(addr Addr, n uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(m.base, uintptr(addr))), n)
}
