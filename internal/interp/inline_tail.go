package interp

import (
	"sync"

	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// classes number what programs must have in common to go on in each other without the host's help.
var classes struct {
	sync.Mutex
	of map[class]uint32
}

type class struct {
	typ    *progtype.Type
	proven bool
}

// class is the number of p's class. The lowest bit says that the run must have shown its environment: a program that
// has it may go on to one that has not.
func (p *Program) class() uint32 {
	classes.Lock()
	defer classes.Unlock()
	key := class{p.src.Type, p.proven}
	n, ok := classes.of[key]
	if !ok {
		if classes.of == nil {
			classes.of = map[class]uint32{}
		}
		n = uint32(len(classes.of)) + 1
		classes.of[key] = n
	}
	n <<= 1
	if p.env {
		n |= 1
	}
	return n
}

// TailTarget says where tail calls of programs of the machine that table belongs to may jump to, see [maps.Native].
func (p *Program) TailTarget(table *maps.Table) (code uint64, class uint32) {
	if p.native == nil || p.src.Maps != table {
		return 0, 0
	}
	return p.native.TailEntry(), p.class()
}

// tailSlots finds the prog array of the tail call at pc. What is proven of R2 says it, or else the last map that
// went into R2 by then is the guess that machine code asks R2 about.
func (p *Program) tailSlots(pc int) (s jit.TailSlots, ok bool) {
	var m *maps.Map
	f := p.src.Proof.Fact(pc)
	switch {
	case f.Has(verifier.ConstMap) && p.src.Map != nil:
		m = p.src.Map(f.Map)
	case p.src.Maps != nil:
		if v, ok := p.lastConst(pc, 2); ok {
			if m = p.src.Maps.Map(v); m != nil {
				s.Handle = uint32(v)
			}
		}
	}
	if m == nil {
		return s, false
	}
	addr, entries, ok := m.TailSlots()
	s.Addr, s.Entries, s.Class = uint64(addr), entries, p.class()
	return s, ok
}

// arrived finds the program that machine code has gone on to by tail calls since the host saw it last.
func (st *State) arrived() *Program {
	id := st.block.Prog
	st.block.Prog = 0
	t, _ := st.Call.Maps.Target(id).(Tail)
	if t == nil {
		return nil
	}
	q := t.Interp()
	st.cur, st.Call.GPL = q, q.src.GPL
	return q
}
