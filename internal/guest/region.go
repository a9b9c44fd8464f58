package guest

import (
	"fmt"
	"slices"
)

// Kind says what an object of guest memory is, in the words of the verifier.
type Kind uint8

// The kinds of object that the registry knows.
const (
	KindNone     Kind = iota
	KindMapValue      // values of a map
	KindRingbuf       // records of a ring buffer
	KindHost          // an object that the host made: a BTF-shaped struct, a scratch area
	KindSlot          // a run slot as a whole; the engine knows its parts
)

var kindNames = [...]string{"no object", "map_value", "ringbuf", "host object", "run slot"}

// String names the kind as reports do.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Perm is what a program may do with a region.
type Perm uint8

// Permissions of a program on a region. A region without PermWrite is refused to
// stores in checked mode; the window itself stays writable.
const (
	PermRead  Perm = 1 << iota
	PermWrite      // implies nothing about reading
	PermRW    = PermRead | PermWrite
)

// Region is a registered stretch of guest memory. With a Stride it is an array
// of objects: object i starts at Addr+i*Stride and is Elem bytes long, the rest
// of the stride being padding that no program may touch.
type Region struct {
	Kind   Kind
	Perm   Perm
	Addr   Addr   // first byte, a multiple of PageSize
	Size   uint32 // bytes
	Stride uint32 // bytes from one object to the next, 0 for a single object
	Elem   uint32 // bytes of an object that may be touched, when Stride is not 0
	Name   string // for reports: the map's or object's name
	Owner  any    // what the host hangs on it, such as the map

	// Allow, if not nil, narrows what may be touched: n bytes at off of the region.
	// It is called by any number of programs at once.
	Allow func(off, n uint32) bool

	mem *Memory
	idx uint32
}

// Bytes is the region's memory. It is invalid after [Region.Free].
func (r *Region) Bytes() []byte { return r.mem.bytes(r.Addr, r.Size) }

// Contains reports whether the n bytes at addr lie within one object of the region.
func (r *Region) Contains(addr Addr, n uint32) bool {
	off := addr - r.Addr
	if addr < r.Addr || off >= r.Size || n > r.Size-off {
		return false
	}
	if r.Stride != 0 {
		if in := off % r.Stride; in >= r.Elem || n > r.Elem-in {
			return false
		}
	}
	return r.Allow == nil || r.Allow(off, n)
}

type extent struct{ page, n uint32 }

// Alloc registers r, whose Kind, Perm, Size, Stride, Elem, Name and Owner the
// caller has set, at a page boundary of zeroed memory, and sets Addr. A page that no
// object owns follows it, so that running off its end is noticed. The error wraps
// [ErrLimit] when the window is full.
func (m *Memory) Alloc(r *Region) error {
	if r.Size == 0 {
		return fmt.Errorf("guest memory: %s %q: size is 0 bytes", r.Kind, r.Name)
	}
	data := uint32((uint64(r.Size) + PageSize - 1) / PageSize)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	i := slices.IndexFunc(m.free, func(e extent) bool { return e.n >= data+1 })
	if i < 0 {
		return fmt.Errorf("guest memory: %s %q needs %d bytes, %d of %d are in use: %w",
			r.Kind, r.Name, r.Size, m.used, m.limit, ErrLimit)
	}
	e := &m.free[i]
	first := e.page
	e.page += data + 1
	e.n -= data + 1
	if e.n == 0 {
		m.free = slices.Delete(m.free, i, i+1)
	}
	m.used += uint64(data) * PageSize
	r.Addr, r.mem = first*PageSize, m
	if n := len(m.spare); n > 0 {
		r.idx = m.spare[n-1]
		m.spare = m.spare[:n-1]
		m.regions[r.idx] = r
	} else {
		r.idx = uint32(len(m.regions))
		m.regions = append(m.regions, r)
	}
	m.publish()
	for p := first; p < first+data; p++ {
		m.pages[p].Store(r.idx)
	}
	return nil
}

// publish makes regions visible to readers that hold no lock.
func (m *Memory) publish() {
	t := slices.Clone(m.regions)
	m.table.Store(&t)
}

// Free unregisters the region and zeroes its memory for the next owner. No
// program may still hold an address of it that is to be honoured.
func (r *Region) Free() {
	m := r.mem
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.regions[r.idx] != r {
		return
	}
	data := uint32((uint64(r.Size) + PageSize - 1) / PageSize)
	first := r.Addr / PageSize
	for p := first; p < first+data; p++ {
		m.pages[p].Store(0)
	}
	m.regions[r.idx] = nil
	m.spare = append(m.spare, r.idx)
	m.publish()
	m.win.zero(uint64(r.Addr), uint64(data)*PageSize)
	m.used -= uint64(data) * PageSize
	m.insertFree(extent{page: first, n: data + 1})
}

func (m *Memory) insertFree(e extent) {
	i, _ := slices.BinarySearchFunc(m.free, e, func(a, b extent) int { return int(a.page) - int(b.page) })
	m.free = slices.Insert(m.free, i, e)
	if i+1 < len(m.free) && m.free[i].page+m.free[i].n == m.free[i+1].page {
		m.free[i].n += m.free[i+1].n
		m.free = slices.Delete(m.free, i+1, i+2)
	}
	if i > 0 && m.free[i-1].page+m.free[i-1].n == m.free[i].page {
		m.free[i-1].n += m.free[i].n
		m.free = slices.Delete(m.free, i, i+1)
	}
}

// Find returns the region that holds addr, nil for none.
func (m *Memory) Find(addr Addr) *Region {
	p := addr / PageSize
	if uint64(p) >= uint64(len(m.pages)) {
		return nil
	}
	i := m.pages[p].Load()
	if i == 0 {
		return nil
	}
	t := *m.table.Load()
	if int(i) >= len(t) {
		return nil
	}
	return t[i]
}

// Check returns the region whose one object holds all n bytes at addr and
// grants perm, and nil when there is none.
func (m *Memory) Check(addr uint64, n uint32, perm Perm) *Region {
	if addr>>32 != 0 {
		return nil
	}
	r := m.Find(uint32(addr))
	if r == nil || r.Perm&perm != perm || !r.Contains(uint32(addr), n) {
		return nil
	}
	return r
}
