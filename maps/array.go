package maps

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
)

// index is the 32-bit key of an array.
func index(key []byte) uint32 { return binary.LittleEndian.Uint32(key) }

// nextIndex iterates over the indexes of an array of n.
func nextIndex(key, out []byte, n uint32) errno.Errno {
	i := uint32(0)
	if key != nil {
		i = index(key)
		switch {
		case i >= n:
			i = 0
		case i == n-1:
			return errno.ENOENT
		default:
			i++
		}
	}
	binary.LittleEndian.PutUint32(out, i)
	return 0
}

// arrayFlags judges the flags of an update of a map whose elements always exist.
func arrayFlags(i, n uint32, flags uint64) errno.Errno {
	switch {
	case flags&^Lock > Exist:
		return errno.EINVAL
	case i >= n:
		return errno.E2BIG
	case flags&NoExist != 0:
		return errno.EEXIST
	case flags&Lock != 0: // no value has a lock
		return errno.EINVAL
	}
	return 0
}

// array is an array or percpu_array. Element i of CPU c lies at
//
//	base + c*perCPU + i*stride
//
// where stride is the value size rounded up to 8, and perCPU is 0 for a plain array. The layout is
// fixed for the life of the map: generated code computes it inline.
type array struct {
	mem    *guest.Memory
	r      *guest.Region
	base   guest.Addr
	stride uint32
	size   uint32 // bytes of a value
	n      uint32
	perCPU uint32
	cpus   int
	fields []Field // special fields of a value
}

func newArray(m *Map) (store, error) {
	cpus := 1
	if m.spec.Type.PerCPU() {
		cpus = m.cpus
	}
	r, err := m.region(uint64(m.spec.MaxEntries) * uint64(cpus))
	if err != nil {
		return nil, err
	}
	a := &array{mem: m.mem, r: r, base: r.Addr, stride: r.Stride, size: m.spec.ValueSize, n: m.spec.MaxEntries, cpus: cpus, fields: m.spec.Fields}
	if m.spec.Type.PerCPU() {
		a.perCPU = a.stride * a.n
	}
	return a, nil
}

func (a *array) close() { a.r.Free() }

// Elements tells where the values of an array lie in guest memory, for code that looks them up by
// itself: the address of the first, the distance from one to the next in bytes, and how many there are. ok is false for other types.
func (m *Map) Elements() (addr guest.Addr, stride, entries uint32, ok bool) {
	a, ok := m.s.(*array)
	if !ok || a.perCPU != 0 {
		return 0, 0, 0, false
	}
	return a.base, a.stride, a.n, true
}

func (a *array) addr(cpu int, i uint32) guest.Addr {
	return a.base + uint32(cpu)*a.perCPU + i*a.stride
}

func (a *array) lookup(cpu int, key []byte) uint64 {
	i := index(key)
	if i >= a.n {
		return 0
	}
	return uint64(a.addr(cpu, i))
}

func (a *array) update(cpu int, key, value []byte, flags uint64) errno.Errno {
	i := index(key)
	if e := arrayFlags(i, a.n, flags); e != 0 {
		return e
	}
	b, ok := a.mem.Slice(uint64(a.addr(cpu, i)), uint64(a.size))
	if !ok {
		return errno.EFAULT
	}
	copyValue(b, value, a.fields)
	return 0
}

func (a *array) delete(key []byte) errno.Errno { return errno.EINVAL }

func (a *array) next(key, out []byte) errno.Errno { return nextIndex(key, out, a.n) }

func (a *array) each(cpu int, f func(key []byte, value uint64) bool) int64 {
	var key [4]byte
	for i := range a.n {
		binary.LittleEndian.PutUint32(key[:], i)
		if !f(key[:], uint64(a.addr(cpu, i))) {
			return int64(i) + 1
		}
	}
	return int64(a.n)
}

// slots is an array of things that may be absent: programs, maps, devices, events.
type slotArray[T any] struct {
	slots []atomic.Pointer[T]
}

func (s *slotArray[T]) get(i uint32) *T {
	if i >= uint32(len(s.slots)) {
		return nil
	}
	return s.slots[i].Load()
}

// set puts v at index i.
func (s *slotArray[T]) set(i uint32, v *T, flags uint64) errno.Errno {
	switch {
	case flags != Any:
		return errno.EINVAL
	case i >= uint32(len(s.slots)):
		return errno.E2BIG
	}
	s.slots[i].Store(v)
	return 0
}

func (s *slotArray[T]) delete(key []byte) errno.Errno {
	i := index(key)
	if i >= uint32(len(s.slots)) {
		return errno.E2BIG
	}
	if s.slots[i].Swap(nil) == nil {
		return errno.ENOENT
	}
	return 0
}

func (s *slotArray[T]) next(key, out []byte) errno.Errno {
	return nextIndex(key, out, uint32(len(s.slots)))
}

// mapArray is an array_of_maps: lookups by programs give handles.
type mapArray struct {
	slotArray[Map]
}

func newMapArray(m *Map) (store, error) {
	a := &mapArray{}
	if err := m.charge(8 * uint64(m.spec.MaxEntries)); err != nil {
		return nil, err
	}
	a.slots = make([]atomic.Pointer[Map], m.spec.MaxEntries)
	return a, nil
}

func (a *mapArray) lookup(_ int, key []byte) uint64 {
	if in := a.get(index(key)); in != nil {
		return in.handle
	}
	return 0
}

func (a *mapArray) update(int, []byte, []byte, uint64) errno.Errno { return errno.EOPNOTSUPP }

func (a *mapArray) inner(key []byte) *Map { return a.get(index(key)) }

func (a *mapArray) setInner(key []byte, in *Map, flags uint64) errno.Errno {
	return a.set(index(key), in, flags)
}

// valueArray is an array whose elements the host sets and whose values programs do not see:
// devmap, cpumap, xskmap, cgroup_array.
type valueArray struct {
	size uint32
	slotArray[[]byte]
}

func newValueArray(m *Map) (store, error) {
	a := &valueArray{size: m.spec.ValueSize}
	if err := m.charge(8 * uint64(m.spec.MaxEntries)); err != nil {
		return nil, err
	}
	a.slots = make([]atomic.Pointer[[]byte], m.spec.MaxEntries)
	return a, nil
}

func (a *valueArray) lookup(int, []byte) uint64 { return 0 }

func (a *valueArray) has(key []byte) bool { return a.get(index(key)) != nil }

func (a *valueArray) value(key []byte) []byte {
	if v := a.get(index(key)); v != nil {
		return *v
	}
	return nil
}

func (a *valueArray) update(_ int, key, value []byte, flags uint64) errno.Errno {
	i := index(key)
	switch {
	case flags > Exist:
		return errno.EINVAL
	case i >= uint32(len(a.slots)):
		return errno.E2BIG
	case flags == NoExist:
		return errno.EEXIST
	}
	v := append([]byte(nil), value...)
	a.slots[i].Store(&v)
	return 0
}

func (a *valueArray) delete(key []byte) errno.Errno {
	i := index(key)
	if i >= uint32(len(a.slots)) {
		return errno.EINVAL
	}
	a.slots[i].Store(nil)
	return 0
}

// Has reports whether a devmap, devmap_hash, cpumap or xskmap has an entry for key: for
// redirect_map, which unproven programs call with maps of any type: a key of another size than the map's is none.
func (m *Map) Has(key []byte) bool {
	if uint32(len(key)) != m.spec.KeySize {
		return false
	}
	if h, ok := m.s.(interface{ has(key []byte) bool }); ok {
		return h.has(key)
	}
	return m.s.lookup(0, key) != 0
}
