package interp

import (
	"sync/atomic"
	"unsafe"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
)

// rare runs the instructions that have no case of their own in the loop: atomics,
// ordered loads and stores, and what is no instruction. It returns false when the run
// must end.
func (st *State) rare(p *Program, pc int, in *insn, r *[16]uint64) bool {
	switch {
	case in.op >= isa.OpAtomicAdd32 && in.op <= isa.OpAtomicCmpxchg64:
		return st.atomic(p, pc, in, r)
	case in.op >= isa.OpLoadAcqB && in.op <= isa.OpStoreRelDW:
		return st.ordered(p, pc, in, r)
	case in.op == opBadJump:
		st.fail(p, int(in.imm), &trap.Trap{Code: trap.BadJump, Detail: "control left the program"})
	case in.op == isa.OpLddwHi:
		st.fail(p, pc, &trap.Trap{Code: trap.BadInsn, Detail: "second half of a 16-byte load"})
	default:
		st.fail(p, pc, &trap.Trap{Code: trap.BadInsn, Detail: in.op.String() + " is not run by the interpreter"})
	}
	return false
}

// atomicAddr confines the address of an atomic operation and makes it a multiple of
// its size: a misaligned atomic would fault on arm64 and lock the bus on amd64.
// Checked mode reports it instead.
func (st *State) atomicAddr(p *Program, pc int, a uint64, size uint32, read, write bool) (unsafe.Pointer, bool) {
	if st.mode.Checked {
		if a&uint64(size-1) != 0 {
			st.fail(p, pc, &trap.Trap{Code: trap.Misaligned, Addr: a, Size: size, Write: write})
			return nil, false
		}
		if st.mode.Uninit && read && write {
			// Before the write makes it written.
			if code, detail := st.judge(a, size, guest.PermRead); code == trap.Uninit {
				st.fail(p, pc, &trap.Trap{Code: code, Addr: a, Size: size, Detail: detail})
				return nil, false
			}
		}
		if write && !st.canWrite(p, pc, a, size) || read && !st.canRead(p, pc, a, size) {
			return nil, false
		}
	}
	return unsafe.Add(st.base, uintptr(a&st.mask&^uint64(size-1))), true
}

func (st *State) atomic(p *Program, pc int, in *insn, r *[16]uint64) bool {
	info := in.op.Info()
	at, ok := st.atomicAddr(p, pc, r[in.dst&15]+uint64(in.off), uint32(info.Size), true, true)
	if !ok {
		return false
	}
	v := r[in.src&15]
	var old uint64
	if info.Size == 4 {
		old = uint64(rmw32((*uint32)(at), info.AtomicOp, uint32(v), uint32(r[0])))
	} else {
		old = rmw64((*uint64)(at), info.AtomicOp, v, r[0])
	}
	switch {
	case info.AtomicOp == isa.AtomicCmpxchg:
		r[0] = old
	case info.Fetch:
		r[in.src&15] = old
	}
	return true
}

// rmw32 does op on *p and returns what was there before.
func rmw32(p *uint32, op isa.AtomicOp, v, expect uint32) uint32 {
	switch op {
	case isa.AtomicAdd:
		return atomic.AddUint32(p, v) - v
	case isa.AtomicOr:
		return atomic.OrUint32(p, v)
	case isa.AtomicAnd:
		return atomic.AndUint32(p, v)
	case isa.AtomicXchg:
		return atomic.SwapUint32(p, v)
	case isa.AtomicCmpxchg:
		for {
			if atomic.CompareAndSwapUint32(p, expect, v) {
				return expect
			}
			if old := atomic.LoadUint32(p); old != expect {
				return old
			}
		}
	}
	for {
		old := atomic.LoadUint32(p)
		if atomic.CompareAndSwapUint32(p, old, old^v) {
			return old
		}
	}
}

// rmw64 is rmw32 for 64 bits.
func rmw64(p *uint64, op isa.AtomicOp, v, expect uint64) uint64 {
	switch op {
	case isa.AtomicAdd:
		return atomic.AddUint64(p, v) - v
	case isa.AtomicOr:
		return atomic.OrUint64(p, v)
	case isa.AtomicAnd:
		return atomic.AndUint64(p, v)
	case isa.AtomicXchg:
		return atomic.SwapUint64(p, v)
	case isa.AtomicCmpxchg:
		for {
			if atomic.CompareAndSwapUint64(p, expect, v) {
				return expect
			}
			if old := atomic.LoadUint64(p); old != expect {
				return old
			}
		}
	}
	for {
		old := atomic.LoadUint64(p)
		if atomic.CompareAndSwapUint64(p, old, old^v) {
			return old
		}
	}
}

// ordered does load-acquire and store-release. Go's atomics are sequentially
// consistent, which is stronger. Bytes and half words go through the aligned word
// around them.
func (st *State) ordered(p *Program, pc int, in *insn, r *[16]uint64) bool {
	info := in.op.Info()
	store := info.Kind == isa.KindStoreRelease
	addr := r[in.src&15]
	if store {
		addr = r[in.dst&15]
	}
	addr += uint64(in.off)
	size := uint32(info.Size)
	at, ok := st.atomicAddr(p, pc, addr, size, !store, store)
	if !ok {
		return false
	}
	if size == 8 {
		if store {
			atomic.StoreUint64((*uint64)(at), r[in.src&15])
		} else {
			r[in.dst&15] = atomic.LoadUint64((*uint64)(at))
		}
		return true
	}
	low := uintptr(addr) & 3 &^ uintptr(size-1)
	word := (*uint32)(unsafe.Add(at, -int(low)))
	shift := low * 8
	bits := uint32(1<<(size*8) - 1)
	if size == 4 {
		bits = ^uint32(0)
	}
	if !store {
		r[in.dst&15] = uint64(atomic.LoadUint32(word) >> shift & bits)
		return true
	}
	for {
		old := atomic.LoadUint32(word)
		if atomic.CompareAndSwapUint32(word, old, old&^(bits<<shift)|uint32(r[in.src&15])&bits<<shift) {
			return true
		}
	}
}
