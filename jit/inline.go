package jit

import (
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
)

// InlineKind is what machine code does in place of a call of a helper.
type InlineKind uint8

// What is done in machine code.
const (
	InlineNone   InlineKind = iota
	InlineCPU               // get_smp_processor_id
	InlineLookup            // map_lookup_elem on the map of [Inline.Map]
	InlineUpdate            // map_update_elem on it
)

// Inline is a call of a helper that machine code can do, with what it needs for it.
type Inline struct {
	Kind InlineKind
	// Map is the layout of the map that R1 is proven to hold, and Handle what it holds then.
	Map    maps.Layout
	Handle uint32
	// Key is the key of a lookup in an array, if KeyKnown.
	Key      uint32
	KeyKnown bool
}

// Array is the shape of an array map in guest memory.
type Array struct {
	Addr    uint32 // guest address of element 0
	Stride  uint32 // bytes from one element to the next
	Entries uint32 // max_entries
}

// inline does a helper in machine code where that is possible.
func (w *lowerer) inline() bool {
	if w.cfg.Inline == nil || !w.cfg.on(PassInline) {
		return false
	}
	switch in := w.cfg.Inline(w.pc); in.Kind {
	case InlineCPU:
		w.emit(ir.Op{Kind: ir.LoadState, Dst: 0, Size: 4, Off: int32(ir.OffCPU)})
		return true
	case InlineLookup:
		return w.lookup(&in)
	case InlineUpdate:
		return w.update(&in)
	}
	return false
}
