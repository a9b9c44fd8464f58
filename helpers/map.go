package helpers

import (
	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/maps"
)

func init() {
	define(map[string]Func{
		"map_lookup_elem":        mapLookupElem,
		"map_update_elem":        mapUpdateElem,
		"map_delete_elem":        mapDeleteElem,
		"map_push_elem":          mapPushElem,
		"map_pop_elem":           mapPopElem,
		"map_peek_elem":          mapPeekElem,
		"map_lookup_percpu_elem": mapLookupPercpuElem,
		"for_each_map_elem":      forEachMapElem,
		"tail_call":              tailCall,
	})
}

// mapKey returns the map that R1 refers to and a copy of the key at R2: another program may write the
// original while the map hashes, compares and stores it.
func (c *Call) mapKey() (m *maps.Map, key []byte) {
	if m = c.Map(c.Args[0]); m == nil {
		return nil, nil
	}
	b, ok := c.Bytes(c.Args[1], uint64(m.KeySize()))
	if !ok {
		return nil, nil
	}
	c.key = append(c.key[:0], b...)
	return m, c.key
}

func mapLookupElem(c *Call) uint64 {
	m, key := c.mapKey()
	if m == nil {
		return 0
	}
	return m.LookupElem(c.CPU, key)
}

func mapUpdateElem(c *Call) uint64 {
	m, key := c.mapKey()
	if m == nil {
		return 0
	}
	n := uint64(m.ValueSize())
	value, ok := c.Bytes(c.Args[2], n)
	if !ok || !c.charge(n) {
		return 0
	}
	return uint64(m.UpdateElem(c.CPU, key, value, c.Args[3]))
}

func mapDeleteElem(c *Call) uint64 {
	m, key := c.mapKey()
	if m == nil {
		return 0
	}
	return uint64(m.DeleteElem(key))
}

// mapValue returns the map that R1 refers to and a value's bytes at R2.
func (c *Call) mapValue() (m *maps.Map, value []byte) {
	if m = c.Map(c.Args[0]); m == nil {
		return nil, nil
	}
	n := uint64(m.ValueSize())
	value, ok := c.Bytes(c.Args[1], n)
	if !ok || !c.charge(n) {
		return nil, nil
	}
	return m, value
}

func mapPushElem(c *Call) uint64 {
	m, value := c.mapValue()
	if m == nil {
		return 0
	}
	return uint64(m.PushElem(value, c.Args[2]))
}

func mapPopElem(c *Call) uint64 {
	m, value := c.mapValue()
	if m == nil {
		return 0
	}
	return uint64(m.PopElem(value))
}

func mapPeekElem(c *Call) uint64 {
	m, value := c.mapValue()
	if m == nil {
		return 0
	}
	return uint64(m.PeekElem(value))
}

func mapLookupPercpuElem(c *Call) uint64 {
	m, key := c.mapKey()
	if m == nil {
		return 0
	}
	return m.LookupPercpuElem(key, uint32(c.Args[2]))
}

// forEachMapElem calls the callback with the map, a key in the run's scratch area, the
// value in place and R3, and stops when it returns non-zero.
func forEachMapElem(c *Call) uint64 {
	m := c.Map(c.Args[0])
	if m == nil {
		return 0
	}
	if c.Args[3] != 0 {
		return errno.EINVAL.R0()
	}
	fn, arg := c.Args[1], c.Args[2]
	used := c.ScratchUsed
	at, buf := c.takeScratch(m.KeySize())
	if buf == nil {
		return 0
	}
	handle := m.Handle()
	n := m.ForEach(c.CPU, func(key []byte, value uint64) bool {
		if !c.chargeUnits(1) {
			return false
		}
		copy(buf, key)
		r0, ok := c.Engine.Callback(fn, [5]uint64{handle, uint64(at), value, arg})
		return ok && r0 == 0
	})
	c.ScratchUsed = used
	return uint64(n)
}

// scratchTask is what the end of the scratch area holds: the default task object.
const scratchTask = 4096

// takeScratch sets n bytes of the run's scratch area aside, until the caller resets
// c.ScratchUsed. Without room it raises a trap and returns nil.
func (c *Call) takeScratch(n uint32) (guest.Addr, []byte) {
	const room = guest.ScratchSize - scratchTask
	need := (n + 7) &^ 7
	if c.Bctx == nil || c.Bctx.Slot == nil || need < n || need > room-c.ScratchUsed {
		c.Trap(trap.HelperFault, "no room for a key in the run's scratch area")
		return 0, nil
	}
	at := c.Bctx.Slot.Scratch + c.ScratchUsed
	b, ok := c.Bytes(uint64(at), uint64(n))
	if !ok {
		return 0, nil
	}
	c.ScratchUsed += need
	return at, b
}

// tailCall stands for tail_call, which the engine that runs the program carries out: it jumps
// into the program at index R3 of the prog_array R2, in the frame of the caller, and comes back only
// when there is none or 33 tail calls were made.
func tailCall(c *Call) uint64 {
	return c.Trap(trap.Internal, "tail_call is the engine's")
}
