package verifier

import "slices"

// Limits of the kernel.
const (
	maxFrames   = 8
	stackSize   = 512 // bytes of a frame
	stackSlots  = stackSize / 8
	maxPacket   = 0xffff // MAX_PACKET_OFF
	maxVarOff   = 1 << 29
	maxTailCall = 33
)

// Ranges of packet pointers that are no sizes: what a comparison with the packet's end
// told about one register, so that another such comparison is decided.
const (
	atPacketEnd     = 1<<32 - 1
	beyondPacketEnd = 1<<32 - 2
)

// byteKind is what one byte of the stack holds. A slot has eight of them, four bits
// each, byte 0 (the lowest address) in the lowest bits.
type byteKind uint32

const (
	byteInvalid byteKind = iota // nothing was written
	byteMisc                    // something
	byteZero                    // zero
	byteSpill                   // a byte of the register in the slot
	byteDynptr
	byteIter
	byteIRQ
)

// Eight bytes of one kind.
const (
	slotInvalid = uint32(byteInvalid) * 0x11111111
	slotMisc    = uint32(byteMisc) * 0x11111111
	slotZero    = uint32(byteZero) * 0x11111111
	slotSpill   = uint32(byteSpill) * 0x11111111
	slotDynptr  = uint32(byteDynptr) * 0x11111111
	slotIter    = uint32(byteIter) * 0x11111111
	slotIRQ     = uint32(byteIRQ) * 0x11111111
)

// slot is 8 bytes of stack.
type slot struct {
	kinds uint32
	h     uint32 // the register spilled here, or what the dynptr or iterator is
	id    uint32
}

func (s *slot) kind(i int) byteKind { return byteKind(s.kinds >> (4 * i) & 15) }

func (s *slot) setKind(i int, k byteKind) {
	s.kinds = s.kinds&^(15<<(4*i)) | uint32(k)<<(4*i)
}

// spillSize is how many bytes of a register the slot holds, 0 if none.
func (s *slot) spillSize() int {
	if s.kind(0) != byteSpill {
		return 0
	}
	n := 1
	for n < 8 && s.kind(n) == byteSpill {
		n++
	}
	return n
}

// hasZero reports whether a byte of the slot is known to be zero.
func (s *slot) hasZero() bool {
	for i := range 8 {
		if s.kind(i) == byteZero {
			return true
		}
	}
	return false
}

// special reports whether the slot is part of an object that only helpers touch.
func (s *slot) special() bool { return s.kind(0) >= byteDynptr || s.kind(7) >= byteDynptr }

// entry is a register in a kept state: its handle, and the identity that it shares with
// copies of it.
type entry struct{ h, id uint32 }

// callKind is how a frame came to be.
type callKind uint8

const (
	callNone callKind = iota // the program's entry
	callLocal
	callCallback // by a helper, which may call again
	callAsync    // by a timer or work queue, later
)

// frame is a function that is being walked.
type frame struct {
	regs  [11]Reg
	ids   [11]uint32
	hs    [11]uint32 // handles of the registers that are not dirty
	dirty uint16

	stack  []slot // slot i holds the bytes from -8(i+1) up
	shared bool   // the stack belongs to a snapshot too: copy before writing

	sub  int
	site int // the call instruction in the caller, -1 for none
	call callKind
	// iterations counts how often the helper has called the callback on this path, in the frame that
	// calls the helper.
	iterations uint64
	cb         callbackRet
	snap       *frameSnap // of a frame that is not the innermost: what it was when last kept
}

// callbackRet is what a callback frame may return.
type callbackRet struct {
	min, max int32
}

// frameSnap is a frame as kept. It does not change.
type frameSnap struct {
	regs       [11]entry
	stack      []slot
	sub        int32
	site       int32
	call       callKind
	iterations uint64
	cb         callbackRet
}

// refKind is what kind of thing has to be given back.
type refKind uint8

const (
	refPtr        refKind = iota // a pointer that a helper handed out
	refLock                      // bpf_spin_lock
	refResLock                   // bpf_res_spin_lock
	refResLockIRQ                // bpf_res_spin_lock_irqsave
	refIRQ                       // bpf_local_irq_save
)

// ref is something acquired that must be released.
type ref struct {
	kind refKind
	id   uint32
	insn int32
	obj  uint32 // of a lock: the map whose value it is in, plus 1, or 0
	ptr  uint32 // of a lock: identity of the pointer that it was taken through
}

// sections are the regions of code that a path is in, beside references.
type sections struct {
	rcu       uint8 // nested bpf_rcu_read_lock
	preempt   uint8 // nested bpf_preempt_disable
	sleepable bool  // the program, or the callback being walked, may sleep
	goto_     uint32
	iters     uint32 // sum of iterators' depths: states of different depth are never taken for a repetition
}

// state is the path being walked.
type state struct {
	frames []*frame
	refs   []ref
	sec    sections
	nextID uint32
	node   int32 // the kept state that this path goes on from
	path   int32 // the last undecided branch
	since  int   // instructions walked since the state that it goes on from
}

// snapshot is a state as kept. It does not change.
type snapshot struct {
	frames []*frameSnap
	refs   []ref
	sec    sections
	nextID uint32
}

const frameSnapBytes = 11*8 + 56

// bytes is roughly what the snapshot takes beside what it shares.
func (s *snapshot) bytes() int {
	f := s.frames[len(s.frames)-1]
	return 64 + 8*len(s.frames) + frameSnapBytes + 12*len(f.stack) + 20*len(s.refs)
}

// newID makes an identity that no other register on this path has.
func (s *state) newID() uint32 {
	s.nextID++
	return s.nextID
}

// set writes a register.
func (f *frame) set(r int, v Reg, id uint32) {
	f.regs[r], f.ids[r] = v, id
	f.dirty |= 1 << r
}

// touch says that a register was changed in place.
func (f *frame) touch(r int) { f.dirty |= 1 << r }

// copyReg copies register s to d.
func (f *frame) copyReg(d, s int) {
	f.regs[d], f.ids[d], f.hs[d] = f.regs[s], f.ids[s], f.hs[s]
	f.dirty = f.dirty&^(1<<d) | f.dirty>>s&1<<d
}

// own makes the stack writable and at least n slots deep.
func (f *frame) own(n int) {
	if f.shared || n > len(f.stack) {
		s := make([]slot, max(n, len(f.stack)))
		copy(s, f.stack)
		f.stack, f.shared = s, false
	}
	f.snap = nil
}

// handle is the interned register r of f.
func (w *walker) handle(f *frame, r int) uint32 {
	if f.dirty>>r&1 != 0 {
		f.hs[r] = w.tab.intern(&f.regs[r])
		f.dirty &^= 1 << r
	}
	return f.hs[r]
}

// keepFrame makes out what f is, with the registers in live.
func (w *walker) keepFrame(s *frameSnap, f *frame, live uint16) {
	*s = frameSnap{stack: f.stack, sub: int32(f.sub), site: int32(f.site), call: f.call, iterations: f.iterations, cb: f.cb}
	for r := range 10 {
		if live>>r&1 != 0 {
			s.regs[r] = entry{w.handle(f, r), f.ids[r]}
		}
	}
}

// liveAt is which registers of frame i of the path count when the innermost frame is at pc.
func (w *walker) liveAt(i, pc int) uint16 {
	fs := w.s.frames
	if i == len(fs)-1 {
		return w.p.live[pc]
	}
	return w.outerLive(int(fs[i+1].site), fs[i+1].call)
}

// outerLive is which registers of a frame count while a function that it called at site
// runs.
func (w *walker) outerLive(site int, call callKind) uint16 {
	switch call {
	case callCallback:
		// The helper runs again with the same arguments.
		return w.p.live[site] | w.p.live[site+1]&^0x3f
	case callAsync:
		return 0
	}
	return w.p.live[site+1] &^ 0x3f
}

// look makes out what the path is at pc, to be compared with kept states. It is valid until
// the next call.
func (w *walker) look(pc int) *snapshot {
	st := &w.s
	n := len(st.frames)
	s := &w.scratch
	*s = snapshot{frames: append(s.frames[:0], make([]*frameSnap, n)...), refs: st.refs, sec: st.sec, nextID: st.nextID}
	for i, f := range st.frames[:n-1] {
		if f.snap == nil {
			f.snap = w.pool.frame()
			w.keepFrame(f.snap, f, w.liveAt(i, pc))
			f.shared = true
		}
		s.frames[i] = f.snap
	}
	s.frames[n-1] = &w.scratchFrame
	w.keepFrame(&w.scratchFrame, st.frames[n-1], w.liveAt(n-1, pc))
	return s
}

// keep makes a snapshot of the path at pc; s is what look made of it there.
func (w *walker) keep(s *snapshot) *snapshot {
	k := w.pool.snapshot(len(s.frames))
	copy(k.frames, s.frames)
	k.refs, k.sec, k.nextID = s.refs, s.sec, s.nextID
	f := w.pool.frame()
	*f = w.scratchFrame
	k.frames[len(k.frames)-1] = f
	w.f().shared = true
	return k
}

// pool hands out snapshots from larger pieces of memory.
type pool struct {
	frames []frameSnap
	snaps  []snapshot
	lists  []*frameSnap
	piece  int // snapshots in the next piece
}

const maxPiece = 256

// next is the size of the next piece: small programs keep few states.
func (p *pool) next() int {
	p.piece = min(max(2*p.piece, 4), maxPiece)
	return p.piece
}

func (p *pool) frame() *frameSnap {
	if len(p.frames) == 0 {
		p.frames = make([]frameSnap, p.next())
	}
	f := &p.frames[0]
	p.frames = p.frames[1:]
	return f
}

func (p *pool) snapshot(frames int) *snapshot {
	if len(p.snaps) == 0 {
		p.snaps = make([]snapshot, max(p.piece, 4))
	}
	if len(p.lists) < frames {
		p.lists = make([]*frameSnap, max(p.piece, 4, frames))
	}
	s := &p.snaps[0]
	p.snaps = p.snaps[1:]
	s.frames = p.lists[:frames:frames]
	p.lists = p.lists[frames:]
	return s
}

// restore makes the path what it was when s was kept.
func (w *walker) restore(s *snapshot) {
	st := &w.s
	for len(st.frames) > len(s.frames) {
		w.dropFrame()
	}
	for i, fs := range s.frames {
		if i == len(st.frames) {
			st.frames = append(st.frames, w.allocFrame())
		}
		f := st.frames[i]
		if i < len(s.frames)-1 && f.snap == fs {
			continue
		}
		w.restoreFrame(f, fs, i)
		if f.snap = fs; i == len(s.frames)-1 {
			f.snap = nil
		}
	}
	st.refs, st.sec, st.nextID = s.refs, s.sec, s.nextID
}

func (w *walker) restoreFrame(f *frame, fs *frameSnap, depth int) {
	for r := range 10 {
		e := fs.regs[r]
		f.regs[r] = *w.tab.at(e.h)
		f.hs[r], f.ids[r] = e.h, e.id
	}
	f.dirty = 0
	f.set(10, Reg{Kind: PtrToStack, Frame: uint8(depth)}, 0)
	f.stack, f.shared = fs.stack, true
	f.sub, f.site, f.call = int(fs.sub), int(fs.site), fs.call
	f.iterations, f.cb = fs.iterations, fs.cb
}

func (w *walker) allocFrame() *frame {
	if n := len(w.free); n > 0 {
		f := w.free[n-1]
		w.free = w.free[:n-1]
		return f
	}
	return &frame{}
}

func (w *walker) dropFrame() {
	n := len(w.s.frames) - 1
	f := w.s.frames[n]
	f.stack, f.snap, f.shared = nil, nil, false
	w.free = append(w.free, f)
	w.s.frames = w.s.frames[:n]
	if n > 0 {
		w.s.frames[n-1].snap = nil
	}
}

// pushFrame enters function sub, called at site.
func (w *walker) pushFrame(sub, site int, call callKind) *frame {
	if n := len(w.s.frames); n > 0 {
		w.s.frames[n-1].snap = nil
	}
	f := w.allocFrame()
	*f = frame{sub: sub, site: site, call: call, stack: nil}
	f.dirty = 0x7ff
	f.regs[10] = Reg{Kind: PtrToStack, Frame: uint8(len(w.s.frames))}
	w.s.frames = append(w.s.frames, f)
	return f
}

// ownRefs makes the list of references writable.
func (s *state) ownRefs() { s.refs = slices.Clone(s.refs) }
