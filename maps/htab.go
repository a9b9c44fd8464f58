package maps

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/hostmem"
)

// htab is the hash table under every hash map. Its index lies off the Go heap in the layout that [HashEnd]
// describes, which machine code reads too.
//
// An update of an existing key takes a fresh element, as in the kernel, so that a program that holds
// the old value's address does not see it change half-way; elements are reused oldest first.
// There are therefore cpus more of them than entries.
//
// Values lie in guest memory: element e of CPU c at base + (e*cpus+c)*stride.
type htab struct {
	mem    *guest.Memory
	r      *guest.Region
	base   guest.Addr
	stride uint32
	vsize  uint32
	cpus   uint32 // 1 unless per CPU
	perCPU bool
	fields []Field // special fields of a value

	block     *hostmem.Block
	buckets   unsafe.Pointer
	meta      unsafe.Pointer
	keys      unsafe.Pointer
	mask      uint32
	ksize     uint32
	keyStride uint32
	seed      uint64

	mu    sync.Mutex
	count uint32
	max   uint32
	elems uint32
	fresh uint32   // elements never used so far are [fresh, elems)
	spare []uint32 // a ring of used ones, oldest first
	head  int

	// evict makes room when the map is full, for LRU maps: it returns false when it cannot.
	evict func() bool
	// touched, if not nil, is told of each hit of a program, and reused of each element that gets
	// a new key.
	touched, reused func(elem uint32)
}

func newHtab(m *Map) (*htab, error) {
	h := &htab{
		mem: m.mem, vsize: m.spec.ValueSize, cpus: 1, perCPU: m.spec.Type.PerCPU(), fields: m.spec.Fields,
		ksize: m.spec.KeySize, keyStride: (m.spec.KeySize + 7) &^ 7, max: m.spec.MaxEntries,
	}
	if h.perCPU {
		h.cpus = uint32(m.cpus)
	}
	h.elems = h.max + uint32(m.cpus)
	if m.spec.Flags&ZeroSeed == 0 {
		h.seed = rand.Uint64()
	}
	n := uint32(1)
	for n < h.max {
		n <<= 1
	}
	h.mask = n - 1
	metaOff := (uint64(n)*4 + 63) &^ 63
	keyOff := metaOff + uint64(h.elems)*HashMetaSize
	size := keyOff + uint64(h.elems)*uint64(h.keyStride)
	// Both bounds first: nothing is touched of an index that cannot be.
	if err := m.charge(size); err != nil {
		return nil, err
	}
	var err error
	if h.r, err = m.region(uint64(h.elems) * uint64(h.cpus)); err != nil {
		return nil, err
	}
	h.base, h.stride = h.r.Addr, h.r.Stride
	if h.block, err = hostmem.New(size); err != nil {
		h.close()
		return nil, err
	}
	mem := unsafe.Pointer(unsafe.SliceData(h.block.Bytes()))
	h.buckets, h.meta, h.keys = mem, unsafe.Add(mem, metaOff), unsafe.Add(mem, keyOff)
	for b := range n {
		*h.bucket(b) = HashEnd | b
	}
	return h, nil
}

func (h *htab) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.block != nil {
		h.shut()
	}
	h.r.Free()
}

func (h *htab) key(e uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(h.keys, uintptr(e)*uintptr(h.keyStride))), h.ksize)
}

func (h *htab) value(e uint32, cpu int) guest.Addr {
	i := e
	if h.perCPU {
		i = e*h.cpus + uint32(cpu)
	}
	return h.base + i*h.stride
}

// hash mixes the key in 8-byte words, the last one padded with zeros, each by a
// multiplication and a shift; the upper half of the last product counts most.
func (h *htab) hash(key []byte) uint32 {
	x := h.seed
	for len(key) >= 8 {
		x = (x ^ binary.LittleEndian.Uint64(key)) * HashMix
		x ^= x >> HashShift
		key = key[8:]
	}
	if len(key) > 0 {
		var w uint64
		if len(key) == 4 {
			w = uint64(binary.LittleEndian.Uint32(key))
		} else {
			for i, c := range key {
				w |= uint64(c) << (8 * i)
			}
		}
		x = (x ^ w) * HashMix
		x ^= x >> HashShift
	}
	return uint32(x)
}

// find returns the element of key. It takes no lock.
func (h *htab) find(key []byte, hash uint32) (uint32, bool) {
	b := hash & h.mask
	for {
		e := atomic.LoadUint32(h.bucket(b))
		for e < HashEnd {
			if atomic.LoadUint32(h.hashOf(e)) == hash && string(h.key(e)) == string(key) {
				return e, true
			}
			e = atomic.LoadUint32(h.link(e))
		}
		if e == HashEnd|b || e == HashClosed {
			return 0, false
		}
	}
}

func (h *htab) lookup(cpu int, key []byte) uint64 {
	e, ok := h.find(key, h.hash(key))
	if !ok {
		return 0
	}
	if h.touched != nil {
		h.touched(e)
	}
	return uint64(h.value(e, cpu))
}

// take returns an unused element. There is one as long as count < max, or one entry is about to
// give up its own.
func (h *htab) take() uint32 {
	if h.fresh < h.elems {
		h.fresh++
		return h.fresh - 1
	}
	e := h.spare[h.head]
	h.head++
	if h.head > 64 && h.head*2 > len(h.spare) {
		h.spare = append(h.spare[:0], h.spare[h.head:]...)
		h.head = 0
	}
	return e
}

func (h *htab) give(e uint32) { h.spare = append(h.spare, e) }

// insert links a new element for key in front of its chain.
func (h *htab) insert(e uint32, key []byte, hash uint32) {
	at := unsafe.Add(h.keys, uintptr(e)*uintptr(h.keyStride))
	if h.keyStride == 8 {
		var k [8]byte
		copy(k[:], key)
		atomic.StoreUint64((*uint64)(at), binary.NativeEndian.Uint64(k[:]))
	} else {
		k := unsafe.Slice((*byte)(at), h.keyStride)
		clear(k[h.ksize:])
		copy(k, key)
	}
	atomic.StoreUint32(h.hashOf(e), hash)
	b := h.bucket(hash & h.mask)
	atomic.StoreUint32(h.link(e), atomic.LoadUint32(b))
	atomic.StoreUint32(b, e)
}

// unlink takes element e out of its chain.
func (h *htab) unlink(e uint32) {
	at := h.bucket(*h.hashOf(e) & h.mask)
	for *at != e {
		at = h.link(*at)
	}
	atomic.StoreUint32(at, *h.link(e))
}

// admit judges an update's flags with the lock held and makes room for a new key. found is whether
// the key is there.
func (h *htab) admit(found bool, flags uint64) errno.Errno {
	switch {
	case flags&^Lock == NoExist && found:
		return errno.EEXIST
	case flags&^Lock == Exist && !found:
		return errno.ENOENT
	case !found && h.count >= h.max && (h.evict == nil || !h.evict()):
		return errno.E2BIG
	}
	return 0
}

func (h *htab) update(cpu int, key, value []byte, flags uint64) errno.Errno {
	if flags > Exist {
		return errno.EINVAL
	}
	hash := h.hash(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	old, found := h.find(key, hash)
	if e := h.admit(found, flags); e != 0 {
		return e
	}
	if found && h.perCPU {
		// One CPU's value of an existing entry is replaced in place.
		return h.fill(old, cpu, value)
	}
	e := h.take()
	if h.perCPU {
		b, ok := h.mem.Slice(uint64(h.value(e, 0)), uint64(h.cpus)*uint64(h.stride))
		if !ok {
			h.give(e)
			return errno.EFAULT
		}
		clear(b)
	}
	if err := h.fill(e, cpu, value); err != 0 {
		h.give(e)
		return err
	}
	if h.reused != nil {
		h.reused(e)
	}
	h.insert(e, key, hash)
	if found {
		h.unlink(old)
		h.give(old)
	} else {
		h.count++
	}
	return 0
}

// fill copies value into element e.
func (h *htab) fill(e uint32, cpu int, value []byte) errno.Errno {
	b, ok := h.mem.Slice(uint64(h.value(e, cpu)), uint64(h.vsize))
	if !ok {
		return errno.EFAULT
	}
	if !h.perCPU {
		// A replaced value is a new one, in an element of its own.
		clearFields(b, h.fields)
	}
	copyValue(b, value, h.fields)
	return 0
}

func (h *htab) delete(key []byte) errno.Errno {
	hash := h.hash(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	e, found := h.find(key, hash)
	if !found {
		return errno.ENOENT
	}
	h.drop(e)
	return 0
}

// drop removes element e, with the lock held.
func (h *htab) drop(e uint32) {
	h.unlink(e)
	h.give(e)
	h.count--
}

func (h *htab) next(key, out []byte) errno.Errno {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := uint32(0)
	if key != nil {
		hash := h.hash(key)
		if e, found := h.find(key, hash); found {
			if n := *h.link(e); n < HashEnd {
				copy(out, h.key(n))
				return 0
			}
			b = hash&h.mask + 1
		}
	}
	for ; b <= h.mask; b++ {
		if e := *h.bucket(b); e < HashEnd {
			copy(out, h.key(e))
			return 0
		}
	}
	return errno.ENOENT
}

// each walks the entries bucket by bucket. The lock is not held while f runs.
func (h *htab) each(cpu int, f func(key []byte, value uint64) bool) int64 {
	n := int64(0)
	var chain []uint32
	key := make([]byte, h.ksize)
	for b := uint32(0); b <= h.mask; b++ {
		h.mu.Lock()
		chain = chain[:0]
		for e := *h.bucket(b); e < HashEnd; e = *h.link(e) {
			chain = append(chain, e)
		}
		h.mu.Unlock()
		for _, e := range chain {
			copy(key, h.key(e))
			n++
			if !f(key, uint64(h.value(e, cpu))) {
				return n
			}
		}
	}
	return n
}

// lookupDelete shows out the values of key and removes it, under one lock.
func (h *htab) lookupDelete(key []byte, out func(value func(cpu int) uint64)) errno.Errno {
	hash := h.hash(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	e, found := h.find(key, hash)
	if !found {
		return errno.ENOENT
	}
	out(func(cpu int) uint64 { return uint64(h.value(e, cpu)) })
	h.drop(e)
	return 0
}

func newHash(m *Map) (store, error) {
	h, err := newHtab(m)
	if err != nil {
		return nil, err
	}
	return h, nil
}
