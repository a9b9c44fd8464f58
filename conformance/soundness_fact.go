package conformance

import (
	"encoding/binary"
	"fmt"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// facts tests the facts of the instruction at pc, and those of the jump before it.
func (w *soundWatch) facts(st *interp.State, pt *soundPoint, pc int, r *[16]uint64) {
	if w.pending >= 0 {
		w.jumped(pc)
	}
	for _, f := range pt.facts {
		if f.Flags&verifier.Reached == 0 {
			w.violate("reached", pc, "the proof says that nothing leads here")
			w.bad.Concrete = w.concrete(r)
			return
		}
		for u, n := f.Upper, 0; u != 0; u, n = u>>1, n+1 {
			if w.s.Stats.Facts += uint64(u & 1); u&1 != 0 && r[n&15]>>32 != 0 {
				w.violate("upper", pc, fmt.Sprintf("r%d is %#x, said to be below 2^32", n, r[n&15]))
				w.bad.Concrete = w.concrete(r)
				return
			}
		}
		if f.Flags == verifier.Reached {
			continue
		}
		w.fact(f, pt, pc, r)
		if w.bad != nil {
			w.bad.Concrete = w.concrete(r)
			w.bad.Claimed = append(w.bad.Claimed, fmt.Sprintf("fact %+v", *f))
			return
		}
	}
}

// jumped tests which way the conditional jump before went.
func (w *soundWatch) jumped(pc int) {
	j := w.pending
	w.pending = -1
	target := int(w.points[j].target)
	if target == j+1 {
		return
	}
	for _, f := range w.points[j].facts {
		switch {
		case f.Has(verifier.Taken) && pc != target:
			w.violate("taken", j, fmt.Sprintf("said always to jump, went to insn %d", pc))
		case f.Has(verifier.NotTaken) && pc == target:
			w.violate("not taken", j, fmt.Sprintf("said never to jump, went to insn %d", pc))
		}
	}
}

func (w *soundWatch) fact(f *verifier.Fact, pt *soundPoint, pc int, r *[16]uint64) {
	const branch = verifier.Taken | verifier.NotTaken
	if f.Flags&branch != 0 {
		if w.pending = pc; f.Has(branch) {
			w.violate("taken", pc, "said to jump always and never")
		}
		w.s.Stats.Facts++
	}
	if f.Has(verifier.Safe) {
		w.s.Stats.Facts++
		w.access(f, pt, pc, r)
	}
	if f.Has(verifier.NonZero) {
		w.s.Stats.Facts++
		v := r[pt.src&15]
		if pt.width == 32 {
			v = uint64(uint32(v))
		}
		if v == 0 {
			w.violate("nonzero", pc, fmt.Sprintf("divisor r%d is %#x", pt.src, r[pt.src&15]))
		}
	}
	if f.Flags&(verifier.ConstMap|verifier.ConstKey|verifier.InBounds) != 0 {
		w.s.Stats.Facts++
		w.callFacts(f, pt, pc, r)
	}
}

// access tests where a memory access goes.
func (w *soundWatch) access(f *verifier.Fact, pt *soundPoint, pc int, r *[16]uint64) {
	reg := pt.dst
	switch pt.kind {
	case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcquire:
		reg = pt.src
	case isa.KindStore, isa.KindStoreImm, isa.KindAtomic, isa.KindStoreRelease:
	default:
		w.violate("safe", pc, "said of an instruction that accesses no memory")
		return
	}
	a := r[reg&15] + uint64(int64(pt.off))
	b := &w.st.Bctx
	within := func(start, size uint32) bool {
		off := int64(a - uint64(start))
		return int64(f.Min) <= off && off <= int64(f.Max) && off >= 0 && off+int64(pt.size) <= int64(size)
	}
	ok := false
	switch f.Base {
	case verifier.PtrToCtx:
		ok = within(b.Ctx, b.CtxLen)
	case verifier.PtrToStack:
		for d := w.depth; d >= 0 && !ok; d-- {
			off := int64(a - uint64(w.st.Slot().FrameTop(d)))
			ok = int64(f.Min) <= off && off <= int64(f.Max) && off >= -guest.StackSize && off+int64(pt.size) <= 0
		}
	case verifier.PtrToPacket:
		ok = within(b.Data, b.DataEnd-b.Data)
	case verifier.PtrToPacketMeta:
		ok = within(b.DataMeta, b.Data-b.DataMeta)
	case verifier.PtrToMapValue:
		for _, m := range w.mapsOf(f.Map) {
			if m.region == nil || a-uint64(m.region.Addr) >= uint64(m.region.Size) {
				continue
			}
			i := (uint32(a) - m.region.Addr) / m.region.Stride
			ok = within(m.region.Addr+i*m.region.Stride, m.region.Elem)
		}
	case verifier.PtrToMem:
		ok = w.st.Readable(a, uint32(pt.size)) && f.Min >= 0
	default:
		w.s.Stats.Unknown++
		ok = w.st.Readable(a, uint32(pt.size))
	}
	if !ok {
		w.violate("safe", pc, fmt.Sprintf("%d bytes at %#x: not within %s at %d to %d", pt.size, a, f.Base, f.Min, f.Max))
	}
}

// callFacts tests what is said of a helper's arguments.
func (w *soundWatch) callFacts(f *verifier.Fact, pt *soundPoint, pc int, r *[16]uint64) {
	if pt.helper == nil {
		w.violate("call", pc, "facts of a call without a helper")
		return
	}
	mapArg, keyArg := -1, -1
	for i := range pt.helper.Args {
		switch pt.helper.Args[i].Kind {
		case proto.ConstMapPtr:
			mapArg = i
		case proto.PtrToMapKey:
			keyArg = i
		}
	}
	if mapArg < 0 {
		w.violate("call", pc, "facts of a map for a helper that takes none")
		return
	}
	m := w.sub.rig.table.Map(r[mapArg+1])
	if m == nil {
		w.violate("const map", pc, fmt.Sprintf("r%d = %#x is no map", mapArg+1, r[mapArg+1]))
		return
	}
	if f.Has(verifier.ConstMap) {
		ok := false
		for _, sm := range w.mapsOf(f.Map) {
			ok = ok || sm.m == m
		}
		if !ok {
			w.violate("const map", pc, fmt.Sprintf("r%d is map %s, not number %d", mapArg+1, m.Name(), f.Map))
		}
	}
	if !f.Has(verifier.ConstKey) && !f.Has(verifier.InBounds) {
		return
	}
	var key uint32
	switch {
	case keyArg >= 0:
		b, ok := w.st.Bctx.Mem.Slice(r[keyArg+1], 4)
		if !ok || m.KeySize() != 4 {
			w.violate("const key", pc, fmt.Sprintf("r%d = %#x does not point to a key of 4 bytes", keyArg+1, r[keyArg+1]))
			return
		}
		key = binary.LittleEndian.Uint32(b)
	default:
		// Helpers that take an index in a register: tail_call, redirect_map.
		key = uint32(r[mapArg+2])
	}
	if f.Has(verifier.ConstKey) && key != f.Key {
		w.violate("const key", pc, fmt.Sprintf("the key is %d, not %d", key, f.Key))
	}
	if f.Has(verifier.InBounds) && key >= m.MaxEntries() {
		w.violate("in bounds", pc, fmt.Sprintf("the index %d is not below %d", key, m.MaxEntries()))
	}
}
