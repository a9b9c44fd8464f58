package maps

import (
	"sync/atomic"
	"unsafe"

	"github.com/gbpf/gbpf/internal/hostmem"
)

// lru is an lru_hash or lru_percpu_hash: a hash that makes room by itself. Which entry
// goes is decided by second chance: a hand goes round the elements and takes the first that no
// program has looked up since it last came by. The kernel's choice is approximate too, and another;
// what both promise is that an update never fails for want of room.
type lru struct {
	*htab
	used  *hostmem.Block // a word an element: 1 when looked up since the hand passed
	hand  uint32
	marks unsafe.Pointer
}

func newLRU(m *Map) (store, error) {
	h, err := newHtab(m)
	if err != nil {
		return nil, err
	}
	if err := m.charge(uint64(h.elems) * 4); err != nil {
		h.close()
		return nil, err
	}
	b, err := hostmem.New(uint64(h.elems) * 4)
	if err != nil {
		h.close()
		return nil, err
	}
	l := &lru{htab: h, used: b, marks: unsafe.Pointer(unsafe.SliceData(b.Bytes()))}
	h.evict, h.touched = l.evictOne, l.touch
	h.reused = func(e uint32) { atomic.StoreUint32(l.mark(e), 0) }
	return l, nil
}

func (l *lru) mark(e uint32) *uint32 { return (*uint32)(unsafe.Add(l.marks, uintptr(e)*4)) }

func (l *lru) touch(e uint32) {
	if p := l.mark(e); atomic.LoadUint32(p) == 0 {
		atomic.StoreUint32(p, 1)
	}
}

// evictOne removes one entry, with the lock held.
func (l *lru) evictOne() bool {
	// After one round every mark is cleared, so two find a victim if there is an entry.
	for range 2 * int(l.elems) {
		e := l.hand
		l.hand++
		if l.hand == l.elems {
			l.hand = 0
		}
		if e >= l.fresh || !l.linked(e) {
			continue
		}
		if p := l.mark(e); atomic.LoadUint32(p) != 0 {
			atomic.StoreUint32(p, 0)
			continue
		}
		l.drop(e)
		return true
	}
	return false
}

// linked reports whether e is in its chain.
func (l *lru) linked(e uint32) bool {
	for at := *l.bucket(*l.hashOf(e) & l.mask); at < HashEnd; at = *l.link(at) {
		if at == e {
			return true
		}
	}
	return false
}
