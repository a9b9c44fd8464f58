package maps

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gbpf/gbpf/internal/hostmem"
)

// TailTarget is what machine code reads of a program that a prog array holds.
type TailTarget struct {
	Code  uint64 // host address of its machine code
	ID    uint32 // for [Table.Target]
	Class uint32 // programs call each other only when these are equal
}

// Native is a program whose machine code that of other programs may jump to.
type Native interface {
	Program
	// TailTarget gives the address of the code and the class; address 0 says that there is none for programs of t's machine.
	TailTarget(t *Table) (code uint64, class uint32)
}

// targets are the programs of a machine that machine code may jump to. One that has left the last prog array stays,
// code and number, until each run that may still be in it has ended: see [Table.Retire].
type targets struct {
	mu    sync.Mutex
	block []*hostmem.Block // of TailTarget, blockTargets in each
	spare []uint32         // numbers to use again
	held  map[Program]*target
	all   atomic.Pointer[[]*target] // by number; copied when it changes
}

const blockTargets = 4096 / unsafe.Sizeof(TailTarget{})

// target is one program.
type target struct {
	prog  Program
	info  *TailTarget
	slots int // that hold it
}

func (t *target) address() uint64 {
	if t == nil {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(t.info)))
}

// hold counts another slot that holds p. It returns nil for what machine code cannot jump to.
func (ts *targets) hold(p Program, table *Table) *target {
	n, ok := p.(Native)
	if !ok {
		return nil
	}
	code, class := n.TailTarget(table)
	if code == 0 {
		return nil
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t := ts.held[p]; t != nil {
		t.slots++
		return t
	}
	var all []*target
	if old := ts.all.Load(); old != nil {
		all = append(all, *old...)
	} else {
		all = make([]*target, 1) // no target has number 0
	}
	id := uint32(len(all))
	if n := len(ts.spare); n > 0 {
		id, ts.spare = ts.spare[n-1], ts.spare[:n-1]
	} else {
		all = append(all, nil)
	}
	for len(ts.block) <= int(id)/int(blockTargets) {
		b, err := hostmem.New(4096)
		if err != nil {
			return nil
		}
		ts.block = append(ts.block, b)
	}
	at := uintptr(id) % blockTargets * unsafe.Sizeof(TailTarget{})
	t := &target{prog: p, info: (*TailTarget)(unsafe.Add(ts.block[int(id)/int(blockTargets)].Base(), at)), slots: 1}
	*t.info = TailTarget{Code: code, ID: id, Class: class}
	if ts.held == nil {
		ts.held = map[Program]*target{}
	}
	ts.held[p] = t
	all[id] = t
	ts.all.Store(&all)
	return t
}

// drop undoes hold.
func (ts *targets) drop(t *target, table *Table) {
	if t == nil {
		return
	}
	ts.mu.Lock()
	t.slots--
	last := t.slots == 0
	if last {
		delete(ts.held, t.prog)
	}
	ts.mu.Unlock()
	if last && table.Retire != nil {
		table.Retire(func() { ts.remove(t) })
	}
}

// remove forgets a target that nobody can be in any more.
func (ts *targets) remove(t *target) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	all := append([]*target(nil), *ts.all.Load()...)
	id := t.info.ID
	all[id] = nil
	ts.all.Store(&all)
	ts.spare = append(ts.spare, id)
}

// Target returns the program of the number that machine code found in a [TailTarget] during a run that has not ended.
func (t *Table) Target(id uint32) Program {
	all := t.targets.all.Load()
	if all == nil || uint64(id) >= uint64(len(*all)) || (*all)[id] == nil {
		return nil
	}
	return (*all)[id].prog
}
