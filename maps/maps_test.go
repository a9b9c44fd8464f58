package maps

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
)

// rig is a window with a table for maps of four CPUs.
type rig struct {
	t     testing.TB
	mem   *guest.Memory
	table *Table
}

const testCPUs = 4

func newRig(t testing.TB) *rig {
	t.Helper()
	mem, err := guest.NewMemory(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	return &rig{t, mem, NewTable()}
}

func (g *rig) make(s Spec) *Map {
	g.t.Helper()
	if s.Name == "" {
		s.Name = "m"
	}
	m, err := New(g.mem, &s, testCPUs, g.table)
	if err != nil {
		g.t.Fatal(err)
	}
	return m
}

// program reads a value as a program would.
func (g *rig) program(m *Map, cpu int, key []byte) []byte {
	at := m.LookupElem(cpu, key)
	if at == 0 {
		return nil
	}
	b, ok := g.mem.Slice(at, uint64(m.ValueSize()))
	if !ok || g.mem.Check(at, m.ValueSize(), guest.PermRead) == nil {
		g.t.Fatalf("value at %#x is no object of guest memory", at)
	}
	return b
}

func key32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

func TestSpecErrors(t *testing.T) {
	g := newRig(t)
	for _, c := range []struct {
		spec Spec
		want string
		e    errno.Errno
	}{
		{Spec{Name: "a", Type: Array, KeySize: 8, ValueSize: 4, MaxEntries: 1}, "new map: a (array): key size must be 4 bytes", errno.EINVAL},
		{Spec{Name: "a", Type: Array, KeySize: 4, MaxEntries: 1}, "new map: a (array): value size is 0 bytes", errno.EINVAL},
		{Spec{Name: "h", Type: Hash, KeySize: 4, ValueSize: 4}, "new map: h (hash): max_entries is 0", errno.EINVAL},
		{Spec{Name: "h", Type: Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1, Flags: Mmapable}, "new map: h (hash): flags 0x400: the type does not take them", errno.EINVAL},
		{Spec{Name: "h", Type: Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1, Flags: RdonlyProg | WronlyProg}, "new map: h (hash): flags: read-only and write-only at once", errno.EINVAL},
		{Spec{Name: "p", Type: PerCPUArray, KeySize: 4, ValueSize: 40000, MaxEntries: 1}, "new map: p (percpu_array): a per-CPU value is larger than 32768 bytes", errno.E2BIG},
		{Spec{Name: "r", Type: RingBuf, MaxEntries: 5000}, "new map: r (ringbuf): max_entries, the size in bytes, must be a power of two and a multiple of 4096", errno.EINVAL},
		{Spec{Name: "l", Type: LPMTrie, KeySize: 8, ValueSize: 4, MaxEntries: 1}, "new map: l (lpm_trie): flag BPF_F_NO_PREALLOC is missing", errno.EINVAL},
		{Spec{Name: "o", Type: HashOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1}, "new map: o (hash_of_maps): the inner map is not described", errno.EINVAL},
		{Spec{Name: "s", Type: 15, KeySize: 4, ValueSize: 4, MaxEntries: 1}, "new map: s (sockmap): maps of this type are not supported", errno.EINVAL},
		{Spec{Name: "big", Type: Array, KeySize: 4, ValueSize: 1 << 20, MaxEntries: 1 << 10},
			`new map: big (array): 1024 entries of 1048576 bytes do not fit: guest memory: map_value "big" needs 1073741824 bytes, 0 of 268435456 are in use: guest memory limit reached`, 0},
		{Spec{Name: "huge", Type: Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1 << 30},
			"new map: huge (hash): 1073741824 entries of 4 bytes do not fit: host memory: 21474836544 bytes needed beside guest memory, 0 of 268435456 are in use: guest memory limit reached", 0},
		{Spec{Name: "stack", Type: Stack, ValueSize: 1 << 20, MaxEntries: 1 << 10},
			"new map: stack (stack): 1024 entries of 1048576 bytes do not fit: host memory: 1073741824 bytes needed beside guest memory, 0 of 268435456 are in use: guest memory limit reached", 0},
	} {
		_, err := New(g.mem, &c.spec, testCPUs, g.table)
		if err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		} else if c.e != 0 && !errors.Is(err, c.e) {
			t.Errorf("%v is not %s", err, c.e.Name())
		} else if c.e == 0 && !errors.Is(err, guest.ErrLimit) {
			t.Errorf("%v is not ErrLimit", err)
		}
	}
}

// TestCharge makes and closes maps: what they took of host and guest memory comes back.
func TestCharge(t *testing.T) {
	mem, err := guest.NewMemory(guest.MinLimit)
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	g := &rig{t, mem, NewTable()}
	inner := Spec{Type: Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	for _, s := range []Spec{
		{Type: Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1 << 18}, {Type: LRUHash, KeySize: 4, ValueSize: 4, MaxEntries: 1 << 18},
		{Type: Queue, ValueSize: 1 << 10, MaxEntries: 1 << 13}, {Type: RingBuf, MaxEntries: 1 << 22},
		{Type: ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 1 << 20}, {Type: DevMap, KeySize: 4, ValueSize: 4, MaxEntries: 1 << 20},
		{Type: ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1 << 20, Inner: &inner},
		{Type: LPMTrie, KeySize: 8, ValueSize: 4, MaxEntries: 1 << 16, Flags: NoPrealloc},
	} {
		for range 5 {
			g.make(s).Close()
		}
	}
	if g.mem.Used() != 0 {
		t.Errorf("%d bytes of guest memory are still in use", g.mem.Used())
	}
	if err := g.mem.Charge(g.mem.Limit()); err != nil {
		t.Error(err)
	}
}

func TestArray(t *testing.T) {
	g := newRig(t)
	m := g.make(Spec{Type: Array, KeySize: 4, ValueSize: 12, MaxEntries: 3})
	v := []byte("abcdefghijkl")
	if err := m.Put(uint32(1), v); err != nil {
		t.Fatal(err)
	}
	var out []byte
	if err := m.Lookup(uint32(1), &out); err != nil || string(out) != string(v) {
		t.Errorf("%q, %v", out, err)
	}
	if got := g.program(m, 0, key32(1)); string(got) != string(v) {
		t.Errorf("program sees %q", got)
	}
	for want, err := range map[error]error{
		ErrKeyNotExist: m.Lookup(uint32(3), &out),
		errno.E2BIG:    m.Put(uint32(3), v),
		ErrKeyExist:    m.Update(uint32(0), v, UpdateNoExist),
		errno.EINVAL:   m.Delete(uint32(0)),
	} {
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if err := m.Put(uint32(3), v); err.Error() != "update: map m: index is beyond the map's last element" {
		t.Error(err)
	}
	if g.mem.Check(m.LookupElem(0, key32(1))+8, 8, guest.PermRead) != nil {
		t.Error("an access may straddle two elements")
	}
	n := 0
	for it := m.Iterate(); ; n++ {
		var k uint32
		if !it.Next(&k, &out) {
			if it.Err() != nil {
				t.Error(it.Err())
			}
			break
		}
		if k != uint32(n) {
			t.Errorf("key %d, want %d", k, n)
		}
	}
	if n != 3 {
		t.Errorf("%d entries", n)
	}
}

func TestPerCPU(t *testing.T) {
	g := newRig(t)
	for _, typ := range []Type{PerCPUArray, PerCPUHash, LRUPerCPUHash} {
		m := g.make(Spec{Type: typ, KeySize: 4, ValueSize: 4, MaxEntries: 5})
		if err := m.Put(uint32(2), []uint32{10, 11, 12, 13}); err != nil {
			t.Fatal(err)
		}
		for cpu := range testCPUs {
			if got := binary.LittleEndian.Uint32(g.program(m, cpu, key32(2))); got != uint32(10+cpu) {
				t.Errorf("%s: CPU %d sees %d", typ, cpu, got)
			}
		}
		if e := m.UpdateElem(1, key32(2), key32(99), Any); e != 0 {
			t.Fatal(e)
		}
		var all []uint32
		if err := m.Lookup(uint32(2), &all); err != nil || fmt.Sprint(all) != "[10 99 12 13]" {
			t.Errorf("%s: %v, %v", typ, all, err)
		}
		if typ != PerCPUArray {
			// A program's insert zeroes the other CPUs' values.
			m.DeleteElem(key32(2))
			m.UpdateElem(3, key32(2), key32(7), Any)
			if err := m.Lookup(uint32(2), &all); err != nil || fmt.Sprint(all) != "[0 0 0 7]" {
				t.Errorf("%s: %v, %v", typ, all, err)
			}
		}
		if m.LookupPercpuElem(key32(2), 3) == 0 || m.LookupPercpuElem(key32(2), testCPUs) != 0 {
			t.Errorf("%s: lookup of another CPU", typ)
		}
		if err := m.Put(uint32(1), uint32(1)); err == nil || !strings.Contains(err.Error(), "a slice with a value for each of its 4 CPUs") {
			t.Error(err)
		}
	}
}

// TestHashModel runs random operations on hashes and holds them against a Go map.
func TestHashModel(t *testing.T) {
	for _, c := range []struct {
		ksize, vsize, max uint32
		flags             uint32
	}{{4, 4, 50, 0}, {8, 24, 1, 0}, {1, 8, 300, NoPrealloc}, {13, 3, 64, ZeroSeed}, {40, 8, 500, 0}} {
		g := newRig(t)
		m := g.make(Spec{Type: Hash, KeySize: c.ksize, ValueSize: c.vsize, MaxEntries: c.max, Flags: c.flags})
		rng := rand.New(rand.NewPCG(uint64(c.ksize), 7))
		model := map[string]string{}
		key := func() []byte {
			k := make([]byte, c.ksize)
			v := rng.Uint32N(c.max * 2)
			k[0] = byte(v)
			if len(k) > 1 {
				k[len(k)-1] = byte(v >> 8)
			}
			return k
		}
		for step := range 20_000 {
			k := key()
			old, has := model[string(k)]
			switch rng.IntN(6) {
			case 0, 1:
				v := make([]byte, c.vsize)
				binary.LittleEndian.PutUint16(append(v, 0)[:2], uint16(step))
				flags := UpdateFlags(rng.IntN(3))
				want := error(nil)
				switch {
				case flags == UpdateNoExist && has:
					want = ErrKeyExist
				case flags == UpdateExist && !has:
					want = ErrKeyNotExist
				case !has && len(model) == int(c.max):
					want = ErrMapFull
				default:
					model[string(k)] = string(v)
				}
				if err := m.Update(k, v, flags); !errors.Is(err, want) {
					t.Fatalf("step %d: update: %v, want %v", step, err, want)
				}
			case 2:
				err := m.Delete(k)
				if has != (err == nil) || !has && !errors.Is(err, ErrKeyNotExist) {
					t.Fatalf("step %d: delete: %v, has %v", step, err, has)
				}
				delete(model, string(k))
			case 3:
				if got := g.program(m, 0, k); has != (got != nil) || has && string(got) != old {
					t.Fatalf("step %d: program sees %x, want %x", step, got, old)
				}
			case 4:
				got, err := m.LookupBytes(k)
				if err != nil || has != (got != nil) || has && string(got) != old {
					t.Fatalf("step %d: %x, %v, want %x", step, got, err, old)
				}
			case 5:
				var out []byte
				err := m.LookupAndDelete(k, &out)
				if has != (err == nil) || has && string(out) != old {
					t.Fatalf("step %d: %x, %v, want %x", step, out, err, old)
				}
				delete(model, string(k))
			}
			if step%1000 == 0 {
				seen := map[string]string{}
				var k, v []byte
				it := m.Iterate()
				for it.Next(&k, &v) {
					seen[string(k)] = string(v)
				}
				if it.Err() != nil || fmt.Sprint(seen) != fmt.Sprint(model) {
					t.Fatalf("step %d: iteration: %v: %v, want %v", step, it.Err(), seen, model)
				}
				n := m.ForEach(0, func([]byte, uint64) bool { return true })
				if int(n) != len(model) {
					t.Fatalf("step %d: for_each met %d of %d", step, n, len(model))
				}
			}
		}
	}
}

func TestLRUNeverFull(t *testing.T) {
	for _, typ := range []Type{LRUHash, LRUPerCPUHash} {
		g := newRig(t)
		m := g.make(Spec{Type: typ, KeySize: 4, ValueSize: 4, MaxEntries: 10})
		hot := key32(1 << 20)
		for i := range uint32(1000) {
			if e := m.UpdateElem(0, key32(i), key32(i), NoExist); e != 0 {
				t.Fatalf("%s: insert %d: %d", typ, i, e)
			}
			if i == 3 {
				m.UpdateElem(0, hot, hot, Any)
			}
			if i > 3 && m.LookupElem(0, hot) == 0 {
				t.Fatalf("%s: the entry that every round looks up was evicted in round %d", typ, i)
			}
		}
		n := m.ForEach(0, func([]byte, uint64) bool { return true })
		if n != 10 {
			t.Errorf("%s: %d entries", typ, n)
		}
		if m.LookupElem(0, key32(999)) == 0 {
			t.Errorf("%s: the newest entry is gone", typ)
		}
	}
}

type fakeProgram struct{}

func (*fakeProgram) ProgramHandle() {}

func TestReferences(t *testing.T) {
	g := newRig(t)
	progs := g.make(Spec{Type: ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 2})
	p := &fakeProgram{}
	if err := progs.Put(uint32(1), p); err != nil {
		t.Fatal(err)
	}
	if progs.Prog(1) != p || progs.Prog(0) != nil || progs.Prog(2) != nil {
		t.Error("prog_array gives the wrong program")
	}
	if err := progs.Put(uint32(0), uint32(5)); err == nil || err.Error() != "update: map m: value: uint32: want a program" {
		t.Error(err)
	}
	inner := Spec{Type: Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	a, b := g.make(inner), g.make(Spec{Type: Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	for _, typ := range []Type{ArrayOfMaps, HashOfMaps} {
		m := g.make(Spec{Type: typ, KeySize: 4, ValueSize: 4, MaxEntries: 2, Inner: &inner})
		if err := m.Put(uint32(1), a); err != nil {
			t.Fatal(err)
		}
		if h := m.LookupElem(0, key32(1)); h != a.Handle() || g.table.Map(h) != a {
			t.Errorf("%s: handle %d", typ, h)
		}
		if m.LookupElem(0, key32(0)) != 0 {
			t.Errorf("%s: handle of an empty slot", typ)
		}
		if err := m.Put(uint32(0), b); err == nil || !strings.Contains(err.Error(), "map m does not fit: value size 4, want 8") {
			t.Error(err)
		}
		var out *Map
		if err := m.Lookup(uint32(1), &out); err != nil || out != a {
			t.Errorf("%s: %v, %v", typ, out, err)
		}
		if err := m.Delete(uint32(1)); err != nil || m.LookupElem(0, key32(1)) != 0 {
			t.Errorf("%s: delete: %v", typ, err)
		}
	}
	h := a.Handle()
	a.Close()
	if g.table.Map(h) != nil {
		t.Error("a closed map still has its handle")
	}
}

func TestQueueStack(t *testing.T) {
	g := newRig(t)
	for typ, want := range map[Type]string{Queue: "[2 3 9]", Stack: "[9 3 2]"} {
		m := g.make(Spec{Type: typ, ValueSize: 4, MaxEntries: 3})
		for i := range uint32(3) {
			if err := m.Put(nil, i+1); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Put(nil, uint32(4)); !errors.Is(err, ErrMapFull) {
			t.Errorf("%s: %v", typ, err)
		}
		if e := m.PushElem(key32(9), Exist); e != 0 {
			t.Errorf("%s: push over the oldest: %d", typ, e)
		}
		var got []uint32
		var v uint32
		for m.LookupAndDelete(nil, &v) == nil {
			got = append(got, v)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", typ, got, want)
		}
		out := []byte{1, 2, 3, 4}
		if e := m.PopElem(out); e != -int64(errno.ENOENT) || out[0] != 0 {
			t.Errorf("%s: pop of nothing: %d, %v", typ, e, out)
		}
	}
}

// TestLPMModel holds the trie against a linear search.
func TestLPMModel(t *testing.T) {
	g := newRig(t)
	m := g.make(Spec{Type: LPMTrie, KeySize: 7, ValueSize: 4, MaxEntries: 60, Flags: NoPrealloc})
	rng := rand.New(rand.NewPCG(3, 4))
	type prefix struct {
		bits uint32
		data [3]byte
	}
	model := map[prefix]uint32{}
	random := func() (p prefix) {
		p.bits = rng.Uint32N(25)
		p.data = [3]byte{byte(rng.IntN(3)) << 6, byte(rng.IntN(4)) << 5, byte(rng.IntN(256))}
		for i := p.bits; i < 24; i++ {
			p.data[i/8] &^= 0x80 >> (i % 8)
		}
		return p
	}
	raw := func(p prefix) []byte { return append(key32(p.bits), p.data[:]...) }
	for step := range uint32(20_000) {
		p := random()
		_, has := model[p]
		switch rng.IntN(4) {
		case 0:
			err := m.Put(raw(p), step)
			if !has && len(model) == 60 {
				if !errors.Is(err, ErrMapFull) {
					t.Fatalf("step %d: %v, want full", step, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			model[p] = step
		case 1:
			if err := m.Delete(raw(p)); has != (err == nil) {
				t.Fatalf("step %d: delete: %v", step, err)
			}
			delete(model, p)
		default:
			at := prefix{24, [3]byte{byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256))}}
			best, want := -1, uint32(0)
			for q, v := range model {
				if int(q.bits) > best && common(q.data[:], at.data[:], q.bits) == q.bits {
					best, want = int(q.bits), v
				}
			}
			got := g.program(m, 0, raw(at))
			if (best >= 0) != (got != nil) || got != nil && binary.LittleEndian.Uint32(got) != want {
				t.Fatalf("step %d: %v, want %d of /%d", step, got, want, best)
			}
		}
		if step%500 == 0 {
			n := 0
			var k, v []byte
			for it := m.Iterate(); it.Next(&k, &v); n++ {
				if _, ok := model[prefix{binary.LittleEndian.Uint32(k), [3]byte(k[4:])}]; !ok {
					t.Fatalf("step %d: iteration met %x", step, k)
				}
			}
			if n != len(model) {
				t.Fatalf("step %d: iteration met %d of %d", step, n, len(model))
			}
		}
	}
}

func TestRingbuf(t *testing.T) {
	g := newRig(t)
	m := g.make(Spec{Type: RingBuf, MaxEntries: 4096})
	rb := m.Ringbuf()
	r, err := NewRingbufReader(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewRingbufReader(m); err == nil {
		t.Error("two readers at once")
	}
	// Records go round the ring many times and come out as they went in.
	rng := rand.New(rand.NewPCG(5, 6))
	var want []string
	for step := range 5000 {
		if rng.IntN(2) == 0 {
			n := rng.IntN(600)
			at := rb.Reserve(uint64(n), 0)
			if at == 0 {
				if rb.Query(0)+uint64(n)+8 < 4088 {
					t.Fatalf("step %d: no room for %d bytes with %d in use", step, n, rb.Query(0))
				}
				continue
			}
			b, _ := g.mem.Slice(at, uint64(n))
			for i := range b {
				b[i] = byte(step + i)
			}
			if n > 0 && g.mem.Check(at, uint32(n), guest.PermRW) == nil {
				t.Fatalf("step %d: the program may not write its record", step)
			}
			if rng.IntN(4) == 0 {
				rb.Discard(at, 0)
				continue
			}
			want = append(want, string(b))
			if !rb.Submit(at, 0) || rb.Submit(at, 0) {
				t.Fatalf("step %d: submit once, and not twice", step)
			}
			if n > 0 && g.mem.Check(at, 1, guest.PermRead) != nil {
				t.Fatalf("step %d: a submitted record is still the program's", step)
			}
		} else if len(want) > 0 {
			rec, err := r.Read()
			if err != nil || string(rec.RawSample) != want[0] {
				t.Fatalf("step %d: %x, %v, want %x", step, rec.RawSample, err, want[0])
			}
			want = want[1:]
		}
	}
	for _, bad := range []uint64{0, 1, uint64(rb.base), uint64(rb.base) + 9, uint64(rb.base) + 8192 + 8, 1<<64 - 1} {
		if rb.Submit(bad, 0) {
			t.Errorf("submit of %#x", bad)
		}
	}
	if rb.Output(make([]byte, 4096), 0) != -int64(errno.EAGAIN) || rb.Output(nil, 8) != -int64(errno.EINVAL) {
		t.Error("output accepts too much")
	}
	for len(want) > 0 {
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
		want = want[1:]
	}
	r.SetDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := r.Read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	r.SetDeadline(time.Time{})
	go func() { time.Sleep(5 * time.Millisecond); r.Close() }()
	if _, err := r.Read(); !errors.Is(err, ErrClosed) {
		t.Errorf("close: %v", err)
	}
}

func TestPerf(t *testing.T) {
	g := newRig(t)
	m := g.make(Spec{Type: PerfEventArray, KeySize: 4, ValueSize: 4})
	if m.MaxEntries() != testCPUs {
		t.Errorf("%d entries", m.MaxEntries())
	}
	if e := m.PerfOutput(0, PerfCurrentCPU, []byte("x")); e != -int64(errno.ENOENT) {
		t.Errorf("without a reader: %d", e)
	}
	r, err := NewPerfReader(m, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags uint64
		want  errno.Errno
	}{{PerfCurrentCPU, 0}, {2, 0}, {1, errno.EOPNOTSUPP}, {testCPUs, errno.E2BIG}, {1 << 32, errno.EINVAL}} {
		if e := m.PerfOutput(2, c.flags, []byte("he"), []byte("llo")); e != -int64(c.want) {
			t.Errorf("flags %#x: %d, want -%d", c.flags, e, c.want)
		}
	}
	if e := m.PerfOutput(2, 2, make([]byte, 100)); e != -int64(errno.ENOSPC) {
		t.Errorf("full: %d", e)
	}
	for range 2 {
		if rec, err := r.Read(); err != nil || string(rec.RawSample) != "hello" || rec.CPU != 2 {
			t.Errorf("%+v, %v", rec, err)
		}
	}
	if rec, err := r.Read(); err != nil || rec.LostSamples != 1 || rec.RawSample != nil {
		t.Errorf("%+v, %v", rec, err)
	}
	r.Close()
	if _, err := r.Read(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestHostAccess(t *testing.T) {
	g := newRig(t)
	var v uint32
	ro := g.make(Spec{Type: Array, KeySize: 4, ValueSize: 4, MaxEntries: 1, Flags: Rdonly})
	if err := ro.Put(uint32(0), uint32(1)); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	wo := g.make(Spec{Type: Array, KeySize: 4, ValueSize: 4, MaxEntries: 1, Flags: Wronly})
	if err := wo.Lookup(uint32(0), &v); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	m := g.make(Spec{Type: Array, KeySize: 4, ValueSize: 4, MaxEntries: 1, Flags: RdonlyProg})
	if err := m.Put(uint32(0), uint32(5)); err != nil {
		t.Fatal(err)
	}
	if g.mem.Check(m.LookupElem(0, key32(0)), 4, guest.PermWrite) != nil {
		t.Error("a program may write a RDONLY_PROG map")
	}
	m.Freeze()
	if err := m.Put(uint32(0), uint32(6)); !errors.Is(err, ErrReadOnly) || !m.Constant() {
		t.Error(err)
	}
	for _, err := range []error{m.Lookup("x", &v), m.Lookup(uint32(0), v), m.Lookup(uint32(0), nil), m.Lookup(nil, &v), m.Put(uint32(0), uint64(1)), m.Lookup(uint32(0), new(uint64))} {
		if err == nil {
			t.Error("a bad argument was taken")
		}
	}
}

func TestBatch(t *testing.T) {
	g := newRig(t)
	m := g.make(Spec{Type: Hash, KeySize: 4, ValueSize: 8, MaxEntries: 100})
	var keys []uint32
	var values []uint64
	for i := range 25 {
		keys, values = append(keys, uint32(i)), append(values, uint64(i*i))
	}
	if n, err := m.BatchUpdate(keys, values, UpdateAny); n != 25 || err != nil {
		t.Fatal(n, err)
	}
	for _, remove := range []bool{false, true} {
		seen := map[uint32]uint64{}
		var cursor BatchCursor
		for {
			k, v := make([]uint32, 10), make([]uint64, 10)
			f := m.BatchLookup
			if remove {
				f = m.BatchLookupAndDelete
			}
			n, err := f(&cursor, k, v)
			for i := range n {
				seen[k[i]] = v[i]
			}
			if errors.Is(err, ErrKeyNotExist) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != 25 || seen[7] != 49 {
			t.Errorf("remove %v: %v", remove, seen)
		}
	}
	if n := m.ForEach(0, func([]byte, uint64) bool { return true }); n != 0 {
		t.Errorf("%d entries left", n)
	}
}

// TestConcurrent has programs and the host work on one hash at once; the race detector and the
// values' own check sums judge.
func TestConcurrent(t *testing.T) {
	for _, typ := range []Type{Hash, LRUHash} {
		g := newRig(t)
		m := g.make(Spec{Type: typ, KeySize: 8, ValueSize: 16, MaxEntries: 64})
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(w), 1))
				key, value := make([]byte, 8), make([]byte, 16)
				for range 20_000 {
					k := rng.Uint64N(100)
					binary.LittleEndian.PutUint64(key, k)
					switch rng.IntN(4) {
					case 0:
						binary.LittleEndian.PutUint64(value, k)
						m.UpdateElem(w, key, value, Any)
					case 1:
						m.DeleteElem(key)
					default:
						m.LookupElem(w, key)
					}
				}
			})
		}
		wg.Wait()
		var k uint64
		var v [2]uint64
		it := m.Iterate()
		for it.Next(&k, &v) {
			if v[0] != k {
				t.Errorf("%s: key %d has value %d", typ, k, v[0])
			}
		}
		if it.Err() != nil {
			t.Error(it.Err())
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, s := range []Spec{
		{Name: "array", Type: Array, KeySize: 4, ValueSize: 8, MaxEntries: 1000},
		{Name: "hash-4", Type: Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1000},
		{Name: "hash-8", Type: Hash, KeySize: 8, ValueSize: 8, MaxEntries: 1000},
		{Name: "hash-40", Type: Hash, KeySize: 40, ValueSize: 8, MaxEntries: 1000},
		{Name: "lru-8", Type: LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: 1000},
		{Name: "lpm-8", Type: LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 1000, Flags: NoPrealloc},
	} {
		g := newRig(b)
		m := g.make(s)
		keys := make([][]byte, 500)
		for i := range keys {
			keys[i] = make([]byte, s.KeySize)
			binary.LittleEndian.PutUint32(keys[i], uint32(i))
			if s.Type == LPMTrie {
				binary.LittleEndian.PutUint32(keys[i], 32)
				binary.BigEndian.PutUint32(keys[i][4:], uint32(i)<<8)
			}
			if e := m.UpdateElem(0, keys[i], make([]byte, 8), Any); e != 0 {
				b.Fatal(e)
			}
		}
		b.Run(s.Name+"/hit", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if m.LookupElem(0, keys[i%len(keys)]) == 0 {
					b.Fatal("miss")
				}
			}
		})
		b.Run(s.Name+"/update", func(b *testing.B) {
			v := make([]byte, 8)
			for i := 0; b.Loop(); i++ {
				m.UpdateElem(0, keys[i%len(keys)], v, Any)
			}
		})
	}
}
