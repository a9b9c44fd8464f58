package jit

import "github.com/gbpf/gbpf/jit/internal/ir"

// packetBytes copies a number of bytes, which is guessed, between the packet and memory: R2 is the offset in the
// packet, R3 the memory, R4 the number. Where the bytes are not all in the packet the host says what is wrong.
func (w *lowerer) packetBytes(h *Helper) {
	exit, next := w.slowly()
	n := int64(h.Size)
	w.only(ir.Op{W: 32, Cond: ir.Eq, Dst: 4, UseImm: true, Imm: n}, exit)
	if h.Kind != HelperLoadSkb {
		w.only(ir.Op{W: 32, Cond: ir.Le, Dst: 2, UseImm: true, Imm: 0xffff}, exit) // what an offset may be
	}
	w.emit(ir.Op{Kind: ir.LoadPacket, Dst: 0})
	w.move(ir.Tmp, 0)
	w.emit(ir.Op{Kind: ir.Rsh, W: 64, Dst: 0, UseImm: true, Imm: 32})
	w.emit(ir.Op{Kind: ir.Sub, W: 32, Dst: 0, Src: ir.Tmp})
	w.emit(ir.Op{Kind: ir.Sub, W: 64, Dst: 0, UseImm: true, Imm: n}) // how far the offset may go: negative if the packet is too short
	w.emit(ir.Op{Kind: ir.Mov, W: 32, Dst: ir.Tmp, Src: 2})
	w.only(ir.Op{W: 64, Cond: ir.SLe, Dst: ir.Tmp, Src: 0}, exit)
	w.emit(ir.Op{Kind: ir.LoadPacket, Dst: 0})
	w.emit(ir.Op{Kind: ir.Add, W: 32, Dst: 0, Src: 2})
	copied := ir.Op{Kind: ir.Copy, Base: 3, Src: 0, Imm: n}
	if h.Kind == HelperStoreXDP {
		copied.Base, copied.Src = 0, 3
	}
	w.emit(copied)
	w.set(0, 0)
	w.here(next)
}
