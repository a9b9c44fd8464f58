package maps

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// word reads 4 bytes of host memory as machine code does.
func word(base uintptr, off uint64) uint32 {
	p := unsafe.Pointer(&base) // what a layout says is an address off the Go heap
	return *(*uint32)(unsafe.Add(*(*unsafe.Pointer)(p), off))
}

// find looks a key up by nothing but the layout, as machine code does.
func (l *Layout) find(cpu uint32, key []byte) (addr uint32, ok, again bool) {
	value := func(e uint32) uint32 { return l.Addr + e*l.Stride + cpu*l.CPUStride }
	if l.Kind == ArrayLayout {
		i := binary.LittleEndian.Uint32(key)
		return value(i), i < l.Entries, false
	}
	padded := append(append([]byte(nil), key...), make([]byte, int(l.KeyStride)-len(key))...)
	x := l.Seed
	for w := padded; len(w) > 0; w = w[8:] {
		x = (x ^ binary.LittleEndian.Uint64(w)) * 0x9e3779b97f4a7c15
		x ^= x >> 32
	}
	bucket := uint32(x) & l.Mask
	e := word(l.Buckets, 4*uint64(bucket))
	for ; e < 1<<31; e = word(l.Meta, 8*uint64(e)) {
		same := word(l.Meta, 8*uint64(e)+4) == uint32(x)
		for i := uint64(0); i < uint64(l.KeyStride); i += 4 {
			same = same && word(l.Keys, uint64(e)*uint64(l.KeyStride)+i) == binary.LittleEndian.Uint32(padded[i:])
		}
		if same {
			return value(e), true, false
		}
	}
	return 0, false, e != 1<<31|bucket
}

// TestLayout finds in each kind of map, by its layout alone, what the map finds: the layout is frozen, machine code relies on it.
func TestLayout(t *testing.T) {
	const cpus = 3
	mem := newRig(t).mem
	rng := rand.New(rand.NewPCG(1, 2))
	for _, typ := range []Type{Array, PerCPUArray, Hash, PerCPUHash, LRUHash, LRUPerCPUHash} {
		for _, size := range []uint32{1, 4, 5, 8, 11, 16, 64, 200} {
			if (typ == Array || typ == PerCPUArray) && size != 4 {
				continue
			}
			m, err := New(mem, &Spec{Name: "m", Type: typ, KeySize: size, ValueSize: 12, MaxEntries: 50}, cpus, NewTable())
			if err != nil {
				t.Fatal(err)
			}
			l := m.Layout()
			if l.Of != m || l.KeySize != size || l.ValueSize != 12 || !l.Plain {
				t.Errorf("%v: layout %+v", typ, l)
			}
			key := func() []byte {
				k := make([]byte, size)
				k[0] = byte(rng.IntN(80))
				k[size-1] ^= byte(rng.IntN(2))
				return k
			}
			hits, misses := 0, 0
			for i := range 600 {
				m.UpdateElem(i%cpus, key(), make([]byte, 12), Any)
				if i%2 == 0 {
					m.DeleteElem(key())
				}
				k, cpu := key(), rng.IntN(cpus)
				at, ok, again := l.find(uint32(cpu), k)
				want := m.LookupElem(cpu, k)
				if again || ok != (want != 0) || ok && uint64(at) != want {
					t.Fatalf("%v, keys of %d bytes: %x is at %#x by the layout (%v, again: %v), %#x by the map", typ, size, k, at, ok, again, want)
				}
				if ok {
					hits++
				} else {
					misses++
				}
			}
			if hits < 50 || misses < 50 && size > 1 {
				t.Errorf("%v, keys of %d bytes: %d hits, %d misses", typ, size, hits, misses)
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			if l.Kind == HashLayout {
				if _, ok, again := l.find(0, key()); ok || !again {
					t.Errorf("%v: a closed map is searched without the host", typ)
				}
			}
		}
	}
	for _, typ := range []Type{LPMTrie, HashOfMaps, ArrayOfMaps, Queue, DevMapHash} {
		s := Spec{Name: "m", Type: typ, KeySize: 8, ValueSize: 4, MaxEntries: 4}
		switch typ {
		case LPMTrie:
			s.Flags = NoPrealloc
		case Queue:
			s.KeySize = 0
		case ArrayOfMaps, HashOfMaps:
			s.Inner = &Spec{Type: Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
		}
		if typ == ArrayOfMaps || typ == DevMapHash {
			s.KeySize = 4
		}
		m, err := New(mem, &s, 1, NewTable())
		if err != nil {
			t.Fatal(err)
		}
		if l := m.Layout(); l.Kind != NoLayout {
			t.Errorf("%v: layout %+v, but its values are not the map's memory", typ, l)
		}
	}
}
