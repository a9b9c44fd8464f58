package interp

import (
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/progtype"
)

// canRead reports whether the program may load the n bytes at a; if not, it sets the
// trap of the instruction at pc.
func (st *State) canRead(p *Program, pc int, a uint64, n uint32) bool {
	code, detail := st.judge(a, n, guest.PermRead)
	if code == trap.None {
		return true
	}
	st.fail(p, pc, &trap.Trap{Code: code, Addr: a, Size: n, Detail: detail})
	return false
}

// canWrite is canRead for a store. Stack bytes count as written from then on.
func (st *State) canWrite(p *Program, pc int, a uint64, n uint32) bool {
	code, detail := st.judge(a, n, guest.PermWrite)
	if code == trap.None {
		return true
	}
	st.fail(p, pc, &trap.Trap{Code: code, Addr: a, Size: n, Write: true, Detail: detail})
	return false
}

// judge holds an access of n bytes at a against the object map: it must lie within one
// object that permits it.
func (st *State) judge(a uint64, n uint32, perm guest.Perm) (trap.Code, string) {
	if a>>32 != 0 {
		return trap.BadAccess, "not a memory address"
	}
	addr := uint32(a)
	if addr < guest.NullZone {
		if addr < guest.PageSize {
			return trap.BadAccess, "null pointer"
		}
		return trap.BadAccess, "not a memory address"
	}
	s := st.slot
	if off := addr - s.Stack; addr >= s.Stack && off < guest.MaxFrames*guest.FrameStride {
		return st.judgeStack(off, n, perm)
	}
	b := &st.Bctx
	if addr >= b.DataMeta && addr < b.DataEnd {
		switch {
		case n > b.DataEnd-addr:
			return trap.BadAccess, "runs past the end of packet data"
		case perm&guest.PermWrite != 0 && !b.PacketWritable:
			return trap.BadAccess, "packet data is read-only for type " + b.Type.Name
		}
		return trap.None, ""
	}
	if off := addr - b.Ctx; addr >= b.Ctx && off < b.CtxLen {
		return st.judgeCtx(off, n, perm)
	}
	if off := addr - s.Scratch; addr >= s.Scratch && off < guest.ScratchSize {
		if n > guest.ScratchSize-off {
			return trap.BadAccess, "runs past a helper's object"
		}
		return trap.None, ""
	}
	if off := addr - b.Sock; b.Sock != 0 && addr >= b.Sock && off < progtype.SockSize {
		switch {
		case n > progtype.SockSize-off:
			return trap.BadAccess, "runs past struct bpf_sock"
		case perm&guest.PermWrite != 0:
			return trap.BadAccess, "struct bpf_sock is read-only"
		}
		return trap.None, ""
	}
	r := b.Mem.Find(addr)
	switch {
	case r == nil:
		return trap.BadAccess, "no object there"
	case r.Kind == guest.KindSlot:
		if addr >= b.HardStart && addr < b.HardEnd {
			return trap.BadAccess, "outside packet data"
		}
		return trap.BadAccess, "no object there"
	case !r.Contains(addr, n):
		return trap.BadAccess, "runs past " + r.Kind.String() + " " + r.Name
	case r.Perm&perm != perm:
		if perm == guest.PermWrite {
			return trap.BadAccess, r.Kind.String() + " " + r.Name + " is read-only for programs"
		}
		return trap.BadAccess, r.Kind.String() + " " + r.Name + " is write-only for programs"
	}
	return trap.None, ""
}

// judgeStack judges an access at off bytes above the lowest frame. A function may
// touch its own frame and those of its callers, whose addresses it may have been
// given.
func (st *State) judgeStack(off, n uint32, perm guest.Perm) (trap.Code, string) {
	i, in := int(off/guest.FrameStride), off%guest.FrameStride
	if i > st.depth || in >= guest.StackSize || n > guest.StackSize-in {
		return trap.BadAccess, "outside the stack"
	}
	if !st.mode.Uninit {
		return trap.None, ""
	}
	w := &st.written[i]
	for k := in; k < in+n; k++ {
		bit := uint64(1) << (k % 64)
		if perm == guest.PermWrite {
			w[k/64] |= bit
		} else if w[k/64]&bit == 0 {
			return trap.Uninit, "the function has not written it"
		}
	}
	return trap.None, ""
}

func (st *State) judgeCtx(off, n uint32, perm guest.Perm) (trap.Code, string) {
	b := &st.Bctx
	if n > b.CtxLen-off {
		return trap.BadAccess, "runs past the context"
	}
	access := progtype.Read
	if perm == guest.PermWrite {
		access = progtype.Write
	}
	if _, ok := st.cur.ctx.At(off, n, access); !ok {
		return trap.BadAccess, "type " + b.Type.Name + " does not permit this access to its context"
	}
	return trap.None, ""
}
