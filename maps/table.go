package maps

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gbpf/gbpf/internal/guest"
)

// Table gives each map of a machine a handle: the small number that stands for it in
// guest registers. Lookups take no lock.
type Table struct {
	mu   sync.Mutex
	maps atomic.Pointer[[]*Map]

	targets targets
	// Retire calls done once every run that is under way has ended. It is set before there are maps; nil means
	// that nobody knows of runs, and what they may be in is kept for good.
	Retire func(done func())
}

// maxHandles keeps handles below the first guest address, so that none is ever mistaken for
// memory.
const maxHandles = guest.NullZone - 1

// NewTable returns an empty table.
func NewTable() *Table {
	t := &Table{}
	first := make([]*Map, 1, 8) // no map has handle 0
	t.maps.Store(&first)
	return t
}

// Map returns the map of a handle, nil if there is none.
func (t *Table) Map(handle uint64) *Map {
	all := *t.maps.Load()
	if handle >= uint64(len(all)) {
		return nil
	}
	return all[handle]
}

// add gives m a handle. Handles are not used again: a program may still hold one.
func (t *Table) add(m *Map) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := *t.maps.Load()
	if len(old) > maxHandles {
		return 0, fmt.Errorf("the machine has had %d maps, the most there can be", maxHandles)
	}
	// Readers hold the old slice: appending within its capacity leaves what they see alone.
	all := append(old, m)
	t.maps.Store(&all)
	return uint64(len(old)), nil
}

func (t *Table) remove(handle uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := append([]*Map(nil), *t.maps.Load()...)
	all[handle] = nil
	t.maps.Store(&all)
}
