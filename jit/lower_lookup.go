package jit

import (
	"fmt"
	"math"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/maps"
)

// MaxHashKey is the size of the longest key that machine code looks up in a hash map, in bytes. Longer ones are the host's.
const MaxHashKey = 64

// lookup does map_lookup_elem. Hash lookups leave R3 to R5 as they like: nothing reads them after a call that was verified.
func (w *lowerer) lookup(in *Inline) bool {
	op := ir.Op{Base: 2, Dst: 0, Aux: uint32(len(w.l.Maps))}
	switch {
	case in.Map.Kind == maps.ArrayLayout && in.KeyKnown && in.Map.CPUStride == 0:
		w.emit(ir.Op{Kind: ir.Mov, W: 64, Dst: 0, UseImm: true, Imm: element(&in.Map, in.Key)})
		return true
	case in.Map.Kind == maps.ArrayLayout:
		op.Kind = ir.ArrayLookup
		w.emit(op)
	case in.Map.Kind == maps.HashLayout && in.Map.KeySize <= MaxHashKey:
		next := w.newLabel()
		op.Kind, op.Imm = ir.HashLookup, int64(in.Handle)
		op.Exit = w.exit(ir.Exit{Kind: ir.ExitHelper, Resume: next, Alt: -1})
		w.emit(op)
		w.here(next)
	default:
		return false
	}
	w.l.Maps = append(w.l.Maps, in.Map)
	return true
}

// MaxUpdate is the size of the largest value that machine code copies into an array, in bytes. Helpers take no fuel for it.
const MaxUpdate = 64

// update does map_update_elem.
func (w *lowerer) update(in *Inline) bool {
	if in.Map.Kind != maps.ArrayLayout || !in.Map.Plain || in.Map.ValueSize > MaxUpdate {
		return false
	}
	next := w.newLabel()
	w.emit(ir.Op{
		Kind: ir.ArrayUpdate, Base: 2, Src: 3, Aux: uint32(len(w.l.Maps)), Exit: w.exit(ir.Exit{Kind: ir.ExitHelper, Resume: next, Alt: -1}),
	})
	w.here(next)
	w.l.Maps = append(w.l.Maps, in.Map)
	return true
}

// lookups finds keys that lie at a constant place of the frame: they are read from there. Where what lies there is a
// constant, an array's element is known.
func lookups(l *ir.List) {
	for i := range l.Ops {
		op := &l.Ops[i]
		if op.Kind != ir.ArrayLookup && op.Kind != ir.HashLookup && op.Kind != ir.ArrayUpdate || op.Access != ir.Confined {
			continue
		}
		m := &l.Maps[op.Aux]
		if op.Kind == ir.ArrayUpdate {
			if off, ok := frameAt(l.Ops, i, op.Src, m.ValueSize); ok {
				op.Src, op.UseImm, op.Imm = 0, true, int64(off)
			}
		}
		off, ok := frameAt(l.Ops, i, op.Base, m.KeySize)
		if !ok {
			continue
		}
		op.Base, op.Off, op.Access = ir.FP, off, ir.Frame
		if key, ok := stored(l.Ops, i, off); ok && op.Kind == ir.ArrayLookup && m.CPUStride == 0 {
			*op = ir.Op{Kind: ir.Mov, W: 64, Dst: 0, UseImm: true, Imm: element(m, key), PC: op.PC}
		}
	}
}

// frameAt is the offset in the frame that a register points at before op i, if n bytes there are within the frame.
func frameAt(ops []ir.Op, i int, r ir.Reg, n uint32) (int32, bool) {
	at := written(ops, i, r)
	if at < 0 || ops[at].Kind != ir.FrameAddr {
		return 0, false
	}
	off := ops[at].Imm
	return int32(off), off >= -guest.StackSize && off+int64(n) <= 0
}

// element is the address of an array's element, 0 for none.
func element(m *maps.Layout, key uint32) int64 {
	if key >= m.Entries {
		return 0
	}
	return int64(m.Addr + key*m.Stride)
}

// written is the op that wrote a register last before op i, -1 if that is not known.
func written(ops []ir.Op, i int, r ir.Reg) int {
	end := max(i-farBack, 0)
	for i--; i >= end && straight(ops[i].Kind); i-- {
		if _, w := effects(&ops[i]); w&bit(r) != 0 {
			return i
		}
	}
	return -1
}

// stored is the constant in the 4 bytes at an offset of the frame before op i. Stores through pointers may go there too.
func stored(ops []ir.Op, i int, off int32) (uint32, bool) {
	end := max(i-farBack, 0)
	for i--; i >= end && straight(ops[i].Kind); i-- {
		op := &ops[i]
		if simple(op.Kind) || op.Kind == ir.Nop || op.Kind == ir.LoadAcq || op.Kind == ir.ArrayLookup {
			continue
		}
		switch {
		case op.Kind != ir.Store:
			return 0, false
		case op.Access != ir.Frame:
			return 0, false
		case op.Off+int32(op.Size) <= off || op.Off >= off+4:
			continue
		case op.Off != off || op.Size < 4 || op.Swapped:
			return 0, false
		case op.UseImm:
			return uint32(op.Imm), true
		}
		at := written(ops, i, op.Src)
		if at < 0 || ops[at].Kind != ir.Mov || !ops[at].UseImm {
			return 0, false
		}
		return uint32(ops[at].Imm), true
	}
	return 0, false
}

// lookup checks what machine code is to know of a map: it reads host memory by it.
func (c *checker) lookup(op *ir.Op, cfg *Config) error {
	if int64(op.Aux) >= int64(len(c.l.Maps)) {
		return fmt.Errorf("map %d is none", op.Aux)
	}
	m := &c.l.Maps[op.Aux]
	if cfg.Inline == nil || cfg.Inline(int(op.PC)).Map != *m {
		return fmt.Errorf("map %d is not the one that the call is about", op.Aux)
	}
	if op.Kind == ir.ArrayLookup {
		if m.Kind != maps.ArrayLayout || m.KeySize != 4 || op.Dst != 0 {
			return fmt.Errorf("map %d is no array", op.Aux)
		}
		return nil
	}
	if e := &c.l.Exits[op.Exit]; e.Kind != ir.ExitHelper || op.Access != ir.Frame && op.Base != 2 {
		return fmt.Errorf("the host cannot do it instead")
	}
	if op.Kind == ir.ArrayUpdate {
		switch {
		case m.Kind != maps.ArrayLayout || m.KeySize != 4 || !m.Plain || m.ValueSize == 0 || m.ValueSize > MaxUpdate || m.Stride != (m.ValueSize+7)&^7:
			return fmt.Errorf("map %d is no array whose elements can be written", op.Aux)
		case op.UseImm && !inFrame(int32(op.Imm), uint8(m.ValueSize)), !op.UseImm && op.Src != 3:
			return fmt.Errorf("the value is not in the frame")
		}
		return nil
	}
	switch {
	case m.Kind != maps.HashLayout || m.KeySize == 0 || m.KeySize > MaxHashKey || m.KeyStride != (m.KeySize+7)&^7:
		return fmt.Errorf("map %d is no hash map with keys of 1 to %d bytes", op.Aux, MaxHashKey)
	case m.Mask&(m.Mask+1) != 0 || m.Mask >= maps.HashEnd || m.Buckets == 0 || m.Meta == 0 || m.Keys == 0:
		return fmt.Errorf("map %d has no index", op.Aux)
	case op.Imm < 0 || op.Imm > math.MaxUint32 || op.Dst != 0:
		return fmt.Errorf("handle %d", op.Imm)
	}
	return nil
}
