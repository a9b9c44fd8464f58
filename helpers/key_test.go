package helpers

import (
	"testing"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/maps"
)

// TestKeyIsCopied: what another program writes over a key in guest memory does not reach a map that works on it.
func TestKeyIsCopied(t *testing.T) {
	mem, err := guest.NewMemory(0)
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	slot, err := mem.NewSlot(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	table := maps.NewTable()
	mp, err := maps.New(mem, &maps.Spec{Name: "m", Type: maps.LPMTrie, KeySize: 8, ValueSize: 4, MaxEntries: 2, Flags: maps.NoPrealloc}, 1, table)
	if err != nil {
		t.Fatal(err)
	}
	c := &Call{Mem: mem, Maps: table}
	at := uint64(slot.Scratch)
	b, ok := c.Bytes(at, 8)
	if !ok {
		t.Fatal("no scratch memory")
	}
	copy(b, []byte{32, 0, 0, 0, 10, 0, 0, 1})
	c.Args = [5]uint64{mp.Handle(), at}
	_, key := c.mapKey()
	b[0] = 200
	if string(key) != string([]byte{32, 0, 0, 0, 10, 0, 0, 1}) {
		t.Errorf("the key became % x", key)
	}
}
