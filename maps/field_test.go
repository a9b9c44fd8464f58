package maps

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestFieldsSurviveUpdates replaces values that have a lock and a timer: the bytes of these are not the updater's to set.
func TestFieldsSurviveUpdates(t *testing.T) {
	g := newRig(t)
	fields := []Field{{Kind: FieldSpinLock, Off: 4, Size: 4}, {Kind: FieldTimer, Off: 16, Size: 8}}
	key := []byte{1, 0, 0, 0}
	ones, twos := bytes.Repeat([]byte{1}, 28), bytes.Repeat([]byte{2}, 28)
	for _, tt := range []struct {
		typ Type
		// after is what the program finds in the fields of a value that was replaced while they held 9s.
		after byte
	}{
		{Array, 9}, {Hash, 0}, {LRUHash, 0},
	} {
		m := g.make(Spec{Type: tt.typ, KeySize: 4, ValueSize: 28, MaxEntries: 4, Fields: fields})
		if err := m.Put(key, ones); err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(ones)
		clear(want[4:8])
		clear(want[16:24])
		v := g.program(m, 0, key)
		if !bytes.Equal(v, want) {
			t.Errorf("%s: a new value is % x, want % x", tt.typ, v, want)
		}
		for _, b := range [][]byte{v[4:8], v[16:24]} {
			for i := range b {
				b[i] = 9
			}
		}
		if e := m.UpdateElem(0, key, twos, 0); e != 0 {
			t.Fatal(e)
		}
		want = slices.Clone(twos)
		for _, b := range [][]byte{want[4:8], want[16:24]} {
			for i := range b {
				b[i] = tt.after
			}
		}
		if v := g.program(m, 0, key); !bytes.Equal(v, want) {
			t.Errorf("%s: a replaced value is % x, want % x", tt.typ, v, want)
		}
	}
}

func TestCopyValue(t *testing.T) {
	src := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	for _, tt := range []struct {
		fields []Field
		want   []byte
	}{
		{nil, src},
		{[]Field{{Off: 0, Size: 8}}, make([]byte, 8)},
		{[]Field{{Off: 0, Size: 2}, {Off: 6, Size: 2}}, []byte{0, 0, 3, 4, 5, 6, 0, 0}},
		{[]Field{{Off: 2, Size: 4}, {Off: 3, Size: 1}}, []byte{1, 2, 0, 0, 0, 0, 7, 8}},
		{[]Field{{Off: 6, Size: 4}}, []byte{1, 2, 3, 4, 5, 6, 0, 0}},
		{[]Field{{Off: 9, Size: 1}}, src},
	} {
		dst := make([]byte, 8)
		if copyValue(dst, src, tt.fields); !bytes.Equal(dst, tt.want) {
			t.Errorf("%+v: % x, want % x", tt.fields, dst, tt.want)
		}
	}
}

// TestInnerFields puts maps into a map of maps: what a program may do with a value must be the same for all.
func TestInnerFields(t *testing.T) {
	g := newRig(t)
	lock := []Field{{Kind: FieldSpinLock, Size: 4}}
	in := Spec{Type: Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Fields: lock}
	outer := g.make(Spec{Type: ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, Inner: &in})
	if err := outer.Put(uint32(0), g.make(in)); err != nil {
		t.Error(err)
	}
	in.Fields = nil
	if err := outer.Put(uint32(0), g.make(in)); err == nil || !strings.Contains(err.Error(), "other special fields in its values") {
		t.Errorf("a map without the lock: %v", err)
	}
}
