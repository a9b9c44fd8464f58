package maps

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/gbpf/gbpf/internal/errno"
)

// outcome reduces the error of either side to an error number.
func outcome(t *testing.T, err error) errno.Errno {
	t.Helper()
	var ours errno.Errno
	var theirs unix.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ours):
		return ours
	case errors.Is(err, ebpf.ErrKeyNotExist):
		return errno.ENOENT
	case errors.Is(err, ebpf.ErrKeyExist):
		return errno.EEXIST
	case errors.As(err, &theirs):
		return errno.Errno(theirs)
	}
	t.Fatalf("no error number: %v", err)
	return 0
}

// TestAgainstKernel applies one random sequence of operations to a map here and to one of the live kernel, and
// compares error numbers, values and what is left.
func TestAgainstKernel(t *testing.T) {
	if m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}); err != nil {
		t.Skipf("left out: no maps of the kernel here: %v", err)
	} else {
		m.Close()
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		cpus = runtime.NumCPU()
	}
	steps := 6000
	if testing.Short() {
		steps = 600
	}
	total := 0
	for _, s := range []Spec{
		{Type: Array, KeySize: 4, ValueSize: 8, MaxEntries: 7},
		{Type: Array, KeySize: 4, ValueSize: 3, MaxEntries: 5, Flags: RdonlyProg},
		{Type: PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 4},
		{Type: Hash, KeySize: 2, ValueSize: 5, MaxEntries: 9},
		{Type: Hash, KeySize: 8, ValueSize: 8, MaxEntries: 20, Flags: NoPrealloc},
		{Type: PerCPUHash, KeySize: 4, ValueSize: 8, MaxEntries: 6},
		{Type: Queue, ValueSize: 4, MaxEntries: 5},
		{Type: Stack, ValueSize: 12, MaxEntries: 5},
		{Type: LPMTrie, KeySize: 8, ValueSize: 4, MaxEntries: 12, Flags: NoPrealloc},
	} {
		g := newRig(t)
		s.Name = s.Type.String()
		ours, err := New(g.mem, &s, cpus, g.table)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.MapType(s.Type), KeySize: s.KeySize, ValueSize: s.ValueSize, MaxEntries: s.MaxEntries, Flags: s.Flags})
		if err != nil {
			t.Fatalf("%s: the kernel: %v", s.Type, err)
		}
		d := duel{t: t, s: &s, cpus: cpus, ours: ours, theirs: theirs, rng: rand.New(rand.NewPCG(uint64(s.Type), 3))}
		for range steps {
			d.step()
			if t.Failed() {
				break
			}
		}
		d.contents()
		theirs.Close()
		total += d.n
		t.Logf("%s: %d operations compared", s.Type, d.n)
	}
	t.Logf("%d operations on maps compared with the live kernel", total)
}

// duel is a map here and its twin in the kernel.
type duel struct {
	t      *testing.T
	s      *Spec
	cpus   int
	ours   *Map
	theirs *ebpf.Map
	rng    *rand.Rand
	n      int
}

func (d *duel) key() any {
	if d.s.KeySize == 0 {
		return nil
	}
	k := make([]byte, d.s.KeySize)
	k[0] = byte(d.rng.UintN(uint(2 * d.s.MaxEntries)))
	if d.s.Type == LPMTrie {
		k[0] = byte(d.rng.UintN(34)) // one prefix length is too long
		for i := range uint(4) {
			k[4+i] = byte(d.rng.UintN(3)) << 6
		}
	}
	return k
}

func (d *duel) value() any {
	one := func() []byte {
		v := make([]byte, d.s.ValueSize)
		for i := range v {
			v[i] = byte(d.rng.Uint32())
		}
		return v
	}
	if !d.s.Type.PerCPU() {
		return one()
	}
	var all [][]byte
	for range d.cpus {
		all = append(all, one())
	}
	return all
}

// out returns two places for a value.
func (d *duel) out() (a, b any) {
	if d.s.Type.PerCPU() {
		return &[][]byte{}, &[][]byte{}
	}
	return &[]byte{}, &[]byte{}
}

func (d *duel) same(what string, key any, a, b error, x, y any) {
	d.t.Helper()
	d.n++
	if ea, eb := outcome(d.t, a), outcome(d.t, b); ea != eb {
		d.t.Errorf("%s: %s of % x: %v, the kernel: %v", d.s.Type, what, key, a, b)
	} else if ea == 0 && show(x) != show(y) {
		d.t.Errorf("%s: %s of % x: %s, the kernel: %s", d.s.Type, what, key, show(x), show(y))
	}
}

func show(v any) string {
	switch v := v.(type) {
	case *[]byte:
		return fmt.Sprintf("% x", *v)
	case *[][]byte:
		return fmt.Sprintf("% x", *v)
	}
	return ""
}

func (d *duel) step() {
	k := d.key()
	a, b := d.out()
	switch d.rng.IntN(6) {
	case 0, 1:
		v, flags := d.value(), d.rng.Uint64N(4)
		d.same("update", k, d.ours.Update(k, v, UpdateFlags(flags)), d.theirs.Update(k, v, ebpf.MapUpdateFlags(flags)), nil, nil)
	case 2:
		d.same("lookup", k, d.ours.Lookup(k, a), d.theirs.Lookup(k, b), a, b)
	case 3:
		if d.s.KeySize != 0 {
			d.same("delete", k, d.ours.Delete(k), d.theirs.Delete(k), nil, nil)
		}
	case 4:
		if d.s.Type == Hash || d.s.KeySize == 0 || d.s.Type == PerCPUHash {
			d.same("lookup and delete", k, d.ours.LookupAndDelete(k, a), d.theirs.LookupAndDelete(k, b), a, b)
		}
	case 5:
		if d.s.KeySize != 0 && (d.s.Type == Array || d.s.Type == PerCPUArray) {
			d.same("next key", k, d.ours.NextKey(k, a0(a)), d.theirs.NextKey(k, a0(b)), a0(a), a0(b))
		}
	}
}

// a0 makes a place for a key of the place for a value.
func a0(v any) any {
	if p, ok := v.(*[]byte); ok {
		return p
	}
	return &[]byte{}
}

// contents compares all entries that remain.
func (d *duel) contents() {
	if d.s.KeySize == 0 {
		return
	}
	left := map[string]string{}
	var k []byte
	v, w := d.out()
	it := d.theirs.Iterate()
	for it.Next(&k, v) {
		left[string(k)] = show(v)
	}
	n := 0
	for it := d.ours.Iterate(); it.Next(&k, w); n++ {
		if left[string(k)] != show(w) {
			d.t.Errorf("%s: % x holds %s, the kernel's %s", d.s.Type, k, show(w), left[string(k)])
		}
	}
	if n != len(left) {
		d.t.Errorf("%s: %d entries, the kernel has %d", d.s.Type, n, len(left))
	}
	d.n += n
}
