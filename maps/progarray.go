package maps

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/hostmem"
)

// progArray is a prog_array. Programs come from the host only.
type progArray struct {
	slotArray[Program]
	table *Table

	mu     sync.Mutex
	native *hostmem.Block // what machine code reads: the host address of each slot's target, 0 for none; nil until it is asked for
	in     []*target      // of each slot, once native is there
	closed bool
}

func newProgArray(m *Map) (store, error) {
	p := &progArray{table: m.table}
	// A slot is a pointer here, and another for machine code.
	if err := m.charge(16 * uint64(m.spec.MaxEntries)); err != nil {
		return nil, err
	}
	p.slots = make([]atomic.Pointer[Program], m.spec.MaxEntries)
	return p, nil
}

func (p *progArray) get(i uint32) Program {
	if q := p.slotArray.get(i); q != nil {
		return *q
	}
	return nil
}

func (p *progArray) lookup(int, []byte) uint64 { return 0 }

func (p *progArray) update(int, []byte, []byte, uint64) errno.Errno { return errno.EOPNOTSUPP }

func (p *progArray) set(i uint32, v *Program, flags uint64) errno.Errno {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.slotArray.set(i, v, flags)
	if e == 0 {
		p.show(i, *v)
	}
	return e
}

func (p *progArray) delete(key []byte) errno.Errno {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.slotArray.delete(key)
	if e == 0 {
		p.show(index(key), nil)
	}
	return e
}

// show tells machine code which program slot i holds.
func (p *progArray) show(i uint32, v Program) {
	if p.native == nil {
		return
	}
	old := p.in[i]
	p.in[i] = nil
	if !p.closed {
		p.in[i] = p.table.targets.hold(v, p.table)
	}
	atomic.StoreUint64((*uint64)(unsafe.Add(p.native.Base(), 8*uintptr(i))), p.in[i].address())
	p.table.targets.drop(old, p.table)
}

// close takes the slots away from machine code, which then asks the host and gets a trap.
func (p *progArray) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for i := range p.in {
		p.show(uint32(i), nil)
	}
}

// TailSlots tells machine code where the slots of a prog_array are: the host address of a word for each,
// which holds 0 or the address of a [TailTarget]. They stay there as long as the map is referred to. ok is false for other
// types, and where the host has no memory for it.
func (m *Map) TailSlots() (addr uintptr, entries uint32, ok bool) {
	p, ok := m.s.(*progArray)
	if !ok {
		return 0, 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.native == nil {
		b, err := hostmem.New(8 * uint64(len(p.slots)))
		if err != nil {
			return 0, 0, false
		}
		p.native, p.in = b, make([]*target, len(p.slots))
		for i := range p.slots {
			p.show(uint32(i), p.get(uint32(i)))
		}
	}
	return uintptr(p.native.Base()), uint32(len(p.slots)), true
}
