package maps

import (
	"sync/atomic"
	"unsafe"

	"github.com/gbpf/gbpf/internal/guest"
)

// The layout of the index of a hash map, which lies off the Go heap at fixed addresses for the life of the map.
// Machine code reads it by itself, so all of it is said here, once, and htab and the code
// generators take it from here:
//
//	buckets  [mask+1]uint32                  first link of each chain
//	meta     [elems]{next link, hash uint32} HashMetaSize bytes each
//	keys     [elems][KeyStride]byte          the key, padded with zeros to a multiple of 8
//	marks    [elems]uint32                   LRU maps only: not 0 when looked up since the hand passed
//
// A link is the number of an element, below HashEnd. The end of a chain is HashEnd plus the number of
// its bucket; HashClosed ends every chain of a map that is closed.
//
// Who reads takes no lock, and need not see one state of the table:
//
//   - An element's key and hash are written before the link to it is published. Links are stored with release (in Go:
//     atomically) and loaded with acquire: who sees a link sees the element. On amd64 plain loads are that.
//   - Elements are used again at once after they were unlinked. A reader that stands on one is led into the chain it is in
//     now. It goes by what it finds there: an element with the key is the entry of the key, whichever chain it is
//     in; the end of another chain says that the search has to be done again.
//   - A key of up to 8 bytes is written with one store, so that nobody sees a mixture of two keys. Longer ones are compared
//     only where the hash is the key's, and the hash is written after the key.
//   - Numbers of elements come from links and from nowhere else. No guest writes there.
//   - A mark is set with a plain store: when two race, the entry stays or goes a round too early.
//
// The value of element e, as CPU c sees it, lies at guest address Addr + e*Stride + c*CPUStride.
const (
	HashEnd      = 1 << 31
	HashClosed   = 1<<32 - 1
	HashMetaSize = 8
	HashMetaNext = 0
	HashMetaHash = 4
	// HashMix is the factor of the hash: 2^64 divided by the golden ratio. The hash is x, at first Seed, after this for each
	// 8-byte word of the key, the last one padded with zeros: x = (x ^ word) * HashMix; x ^= x >> HashShift. Its low 32 bits count.
	HashMix   = 0x9e3779b97f4a7c15
	HashShift = 32
)

// Layout is where a map's values lie in guest memory and, of a hash map, the index in host memory: what
// machine code needs to look a key up. It holds as long as the map lives.
type Layout struct {
	Of        *Map // whose index stays where it is as long as somebody refers to it
	Kind      LayoutKind
	Addr      guest.Addr // of the value of element 0 on CPU 0
	Stride    uint32     // bytes from an element to the next
	CPUStride uint32     // bytes from a CPU's value of an element to the next CPU's; 0 for maps that are not per CPU
	Entries   uint32     // of an array: max_entries
	KeySize   uint32     // bytes
	ValueSize uint32     // bytes
	Plain     bool       // values have no special fields: all bytes are copied

	// Of hash maps.
	KeyStride           uint32 // bytes from a key in the index to the next
	Mask                uint32 // number of buckets, a power of two, less 1
	Seed                uint64
	Buckets, Meta, Keys uintptr // host addresses
	Marks               uintptr // of LRU maps, else 0
}

// LayoutKind is how keys are found.
type LayoutKind uint8

// The kinds of layouts.
const (
	NoLayout    LayoutKind = iota // only the map itself can look up
	ArrayLayout                   // the key is the element's number
	HashLayout                    // by the index
)

// Layout tells how values are found in the map.
func (m *Map) Layout() Layout {
	switch s := m.s.(type) {
	case *array:
		return Layout{
			Of: m, Kind: ArrayLayout, Addr: s.base, Stride: s.stride, CPUStride: s.perCPU, Entries: s.n, KeySize: 4, ValueSize: s.size, Plain: len(s.fields) == 0,
		}
	case *htab:
		return s.layout(m)
	case *lru:
		l := s.layout(m)
		l.Marks = uintptr(s.marks)
		return l
	}
	return Layout{}
}

func (h *htab) layout(m *Map) Layout {
	l := Layout{
		Of: m, Kind: HashLayout, Addr: h.base, Stride: h.stride * h.cpus, KeySize: h.ksize, ValueSize: h.vsize, Plain: len(h.fields) == 0, KeyStride: h.keyStride, Mask: h.mask, Seed: h.seed,
		Buckets: uintptr(h.buckets), Meta: uintptr(h.meta), Keys: uintptr(h.keys),
	}
	if h.perCPU {
		l.CPUStride = h.stride
	}
	return l
}

// shut makes lookups by machine code go to the host, which knows that the map is closed.
func (h *htab) shut() {
	for b := range h.mask + 1 {
		atomic.StoreUint32(h.bucket(b), HashClosed)
	}
}

func (h *htab) bucket(b uint32) *uint32 { return (*uint32)(unsafe.Add(h.buckets, uintptr(b)*4)) }
func (h *htab) link(e uint32) *uint32 {
	return (*uint32)(unsafe.Add(h.meta, uintptr(e)*HashMetaSize+HashMetaNext))
}
func (h *htab) hashOf(e uint32) *uint32 {
	return (*uint32)(unsafe.Add(h.meta, uintptr(e)*HashMetaSize+HashMetaHash))
}
