package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// A recorder follows one path, instruction by instruction, and remembers of each register
// where its value comes from. The walk goes along the path to an error a second time
// with one; the report is written from what it has.
type recorder struct {
	insns  []isa.Insn
	helper func(id int32) *proto.Proto

	frames []originFrame
	tests  []test  // conditional jumps on the path, the last ones
	moves  []moved // calls after which some pointers were worth nothing any more, in order
	steps  int

	prev   int // the instruction under way, -1 before the first
	came   int // the one before it
	before [11]Reg
}

// originFrame is what is known of one frame's registers and stack.
type originFrame struct {
	site  int // the call that entered it, -1 for the program itself
	regs  [11]*origin
	stack map[int32]*origin // by offset from the frame's top
}

// origin is where a value comes from.
type origin struct {
	insn int // what made the value, -1: it was there on entry
	step int // when, counted along the path
	was  Reg // what it was then

	// from is the value that it was computed from: of pointer arithmetic the pointer, of a load the
	// address, of a conversion the number. index is the number that was added to a pointer.
	from, index *origin
	depth       int

	arg  int  // 1 to 5: it is this argument of a function, on entry
	lost bool // by a call: R1 to R5 hold nothing after it
}

// test is a conditional jump.
type test struct {
	insn     int
	taken    bool
	dst, src *origin // src is nil for a number in the instruction
	d, s     Reg     // what was known before
}

// moved is a call that made pointers worthless.
type moved struct {
	insn, step int
	packet     bool // those into the packet, else those that depend on what it released
	ref        uint32
}

const (
	maxTests  = 256 // kept
	maxOrigin = 12  // how far the chain of a computed number is kept
)

func newRecorder(insns []isa.Insn, helper func(id int32) *proto.Proto) *recorder {
	return &recorder{insns: insns, helper: helper, prev: -1, came: -1}
}

// step is called before each instruction of the path with the innermost frame's registers.
// depth is 0 in the program and one more in each function.
func (r *recorder) step(pc, depth int, regs *[11]Reg) {
	if r.prev < 0 {
		r.enter(-1, regs)
	} else {
		r.done(pc, depth, regs)
	}
	r.steps++
	r.came, r.prev, r.before = r.prev, pc, *regs
}

// f is the innermost frame.
func (r *recorder) f() *originFrame { return &r.frames[len(r.frames)-1] }

// enter starts a frame.
func (r *recorder) enter(site int, regs *[11]Reg) {
	f := originFrame{site: site, stack: map[int32]*origin{}}
	for i := range f.regs {
		if regs[i].Kind == NotInit {
			continue
		}
		f.regs[i] = &origin{insn: site, step: r.steps, was: regs[i]}
		if i >= 1 && i <= 5 {
			f.regs[i].arg = i
		}
		if site >= 0 && r.insns[site].Op == isa.OpCallLocal && i >= 1 && i <= 5 {
			f.regs[i] = r.f().regs[i]
		}
	}
	r.frames = append(r.frames, f)
}

// done takes in what the instruction under way has done.
func (r *recorder) done(pc, depth int, regs *[11]Reg) {
	in := &r.insns[r.prev]
	switch {
	case depth >= len(r.frames):
		r.enter(r.prev, regs)
		return
	case depth < len(r.frames)-1:
		r.leave(depth, regs)
		return
	}
	f := r.f()
	info := in.Info()
	switch info.Kind {
	case isa.KindCond:
		r.test(in, info, pc)
	case isa.KindMov:
		if !info.UsesImm && info.Width == 64 {
			f.regs[in.Dst] = f.regs[in.Src]
			break
		}
		from := f.regs[in.Src]
		if info.UsesImm {
			from = nil
		}
		r.made(in.Dst, regs, from, nil)
	case isa.KindALU, isa.KindMovSX, isa.KindEnd, isa.KindAddrSpaceCast:
		r.alu(in, info, regs)
	case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcquire:
		r.load(in, regs)
	case isa.KindStore, isa.KindStoreImm, isa.KindStoreRelease:
		r.store(in, info)
	case isa.KindLoadImm64:
		r.made(in.Dst, regs, nil, nil)
	case isa.KindAtomic, isa.KindPacketLoad:
		for i := range isa.Reg(10) {
			if in.WriteRegs().Has(i) {
				r.made(i, regs, nil, nil)
			}
		}
	case isa.KindCall:
		r.called(in, regs)
	}
}

// made notes that the instruction under way made the value in register d.
func (r *recorder) made(d isa.Reg, regs *[11]Reg, from, index *origin) {
	o := &origin{insn: r.prev, step: r.steps, was: regs[d], from: from, index: index}
	for _, p := range []*origin{from, index} {
		if p != nil {
			o.depth = max(o.depth, p.depth+1)
		}
	}
	if o.depth > maxOrigin {
		o.from, o.index, o.depth = nil, nil, 0
	}
	r.f().regs[d] = o
}

func (r *recorder) alu(in *isa.Insn, info *isa.Info, regs *[11]Reg) {
	f := r.f()
	d, s := f.regs[in.Dst], f.regs[in.Src]
	dp, sp := r.before[in.Dst].isPtr(), !info.UsesImm && r.before[in.Src].isPtr()
	switch {
	case info.Kind != isa.KindALU:
		if info.Kind == isa.KindEnd {
			s = d
		}
		r.made(in.Dst, regs, s, nil)
	case info.UsesImm && dp && regs[in.Dst].isPtr():
		// A constant further on it is the same pointer.
	case info.UsesImm, info.AluOp == isa.AluNeg:
		r.made(in.Dst, regs, d, nil)
	case dp && !sp:
		r.made(in.Dst, regs, d, s)
	case sp && !dp:
		r.made(in.Dst, regs, s, d)
	default:
		if _, known := r.before[in.Dst].constant(); known {
			d, s = s, d
		}
		r.made(in.Dst, regs, d, s)
	}
}

// slotAt is the place on the stack that an address names, if it is one place.
func (r *recorder) slotAt(base isa.Reg, off int16) (frame *originFrame, at int32, ok bool) {
	b := &r.before[base]
	v, fixed := b.Var.Const()
	if b.Kind != PtrToStack || !fixed || int(b.Frame) >= len(r.frames) {
		return nil, 0, false
	}
	return &r.frames[b.Frame], b.Off + int32(v) + int32(off), true
}

func (r *recorder) load(in *isa.Insn, regs *[11]Reg) {
	base := r.f().regs[in.Src]
	if f, at, ok := r.slotAt(in.Src, in.Off); ok {
		o := f.stack[at]
		if o != nil && (regs[in.Dst].Kind == o.was.Kind || r.madeWorthless(o) >= 0) {
			r.f().regs[in.Dst] = o
			return
		}
		base = nil
	}
	r.made(in.Dst, regs, base, nil)
}

func (r *recorder) store(in *isa.Insn, info *isa.Info) {
	f, at, ok := r.slotAt(in.Dst, in.Off)
	if !ok {
		return
	}
	for k := at - 7; k < at+int32(info.Size); k++ {
		delete(f.stack, k) // overwritten, in part at least
	}
	if info.Kind == isa.KindStoreImm {
		f.stack[at] = &origin{insn: r.prev, step: r.steps, was: known(uint64(in.Imm))}
		return
	}
	f.stack[at] = r.f().regs[in.Src]
}

// called notes what a call that was not entered has done.
func (r *recorder) called(in *isa.Insn, regs *[11]Reg) {
	f := r.f()
	if in.Op == isa.OpCallHelper && r.helper != nil {
		if p := r.helper(in.ImmLow()); p != nil && (p.ChangesPacket || p.Releases) {
			r.moves = append(r.moves, moved{r.prev, r.steps, p.ChangesPacket, r.releasedRef(p)})
		}
	} else if in.Op != isa.OpCallHelper {
		// What a function of the kernel or a global one does shows in the registers that it keeps.
		for i := 6; i < 10; i++ {
			if b := &r.before[i]; b.isPtr() && !regs[i].isPtr() {
				packet := b.Kind == PtrToPacket || b.Kind == PtrToPacketMeta || b.Kind == PtrToPacketEnd
				r.moves = append(r.moves, moved{r.prev, r.steps, packet, b.Ref})
				break
			}
		}
	}
	if len(r.moves) > maxTests {
		r.moves = append(r.moves[:0], r.moves[1:]...)
	}
	for i := isa.R1; i <= isa.R5; i++ {
		if regs[i].Kind == NotInit {
			f.regs[i] = &origin{insn: r.prev, step: r.steps, lost: true}
		}
	}
	r.made(isa.R0, regs, nil, nil)
}

// releasedRef is the reference that the call of a helper gives back, 0 if that does not show.
func (r *recorder) releasedRef(p *proto.Proto) uint32 {
	for i, a := range p.Args {
		if a.Flags&proto.Release != 0 && a.Kind != proto.PtrToDynptr {
			return r.before[i+1].Ref
		}
	}
	return 0
}

// leave goes back to the frame at depth.
func (r *recorder) leave(depth int, regs *[11]Reg) {
	site := r.frames[depth+1].site
	ret := r.f().regs[0]
	r.frames = r.frames[:depth+1]
	f := r.f()
	for i := isa.R1; i <= isa.R5; i++ {
		if regs[i].Kind == NotInit {
			f.regs[i] = &origin{insn: site, step: r.steps, lost: true}
		}
	}
	if f.regs[0] = ret; r.insns[site].Op != isa.OpCallLocal {
		f.regs[0] = &origin{insn: site, step: r.steps, was: regs[0]}
	}
}

func (r *recorder) test(in *isa.Insn, info *isa.Info, pc int) {
	f := r.f()
	t := test{insn: r.prev, taken: pc != r.prev+1, dst: f.regs[in.Dst], d: r.before[in.Dst]}
	if info.UsesImm {
		t.s = known(uint64(in.Imm))
	} else {
		t.src, t.s = f.regs[in.Src], r.before[in.Src]
	}
	if len(r.tests) >= maxTests {
		r.tests = append(r.tests[:0], r.tests[1:]...)
	}
	r.tests = append(r.tests, t)
}

// reg is where the value in a register of the innermost frame comes from, nil if nothing is
// known of that.
func (r *recorder) reg(i isa.Reg) *origin {
	if r == nil || len(r.frames) == 0 || i > isa.R10 {
		return nil
	}
	return r.f().regs[i]
}

// madeWorthless is the call that took a pointer's worth: the first after it was made that
// does so to its kind. It is -1 if there is none.
func (r *recorder) madeWorthless(o *origin) int {
	if r == nil || o == nil || !o.was.isPtr() {
		return -1
	}
	packet := o.was.Kind == PtrToPacket || o.was.Kind == PtrToPacketMeta || o.was.Kind == PtrToPacketEnd
	for _, m := range r.moves {
		if m.step > o.step && m.packet == packet && (packet || m.ref == 0 || m.ref == o.was.Ref) {
			return m.insn
		}
	}
	return -1
}

// root goes back to where a number came into the program: a load, a call, an argument.
func (o *origin) root() *origin {
	for o != nil && o.from != nil && o.was.Kind == Scalar && o.from.was.Kind == Scalar {
		o = o.from
	}
	return o
}

// object goes back to the pointer that one was computed from.
func (o *origin) object() *origin {
	for o != nil && o.from != nil && o.was.isPtr() && o.from.was.isPtr() && o.from.was.Kind == o.was.Kind {
		o = o.from
	}
	return o
}

// lastIndex is the number that was added last to a pointer, nil if none was.
func (o *origin) lastIndex() *origin {
	for o != nil && o.index == nil && o.from != nil && o.was.isPtr() && o.from.was.Kind == o.was.Kind {
		o = o.from
	}
	if o == nil {
		return nil
	}
	return o.index
}
