package conformance

import (
	"fmt"
	"math/rand/v2"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// soundWatch observes the runs of one program and holds each step against the claims.
//
// It also takes away what no program may count on: registers that an entry or a call leaves undefined get
// random numbers, stack that was never written random bytes, and values of maps change
// now and then while the program runs, as other programs may change them.
type soundWatch struct {
	s      *Soundness
	sub    *soundSubject
	claims *Claims
	points []soundPoint
	rng    *rand.Rand
	noise  uint64
	junk   [2 * guest.StackSize]byte
	keepR2 bool // R2 is an argument of the program's
	bad    *Violation

	// Of the run in progress.
	st      *interp.State
	depth   int
	base    [guest.MaxFrames]int // by depth: the depth of the verifier's frame 0
	last    isa.Op               // the instruction before
	lastPC  int
	foreign bool // another program runs, which a tail call led to
	pending int  // the conditional jump before, -1 for none
	loaded  bool // the instruction before loaded a number that others may write
	until   int  // instructions to the next change of a map
}

// soundPoint is what is claimed of one instruction.
type soundPoint struct {
	op       isa.Op
	kind     isa.Kind
	dst, src uint8
	width    uint8
	size     uint8
	off      int16
	target   int32
	helper   *proto.Proto
	recorded bool // there are register claims
	complete bool
	files    []regFile
	first    int // the file that held last time
	facts    []*verifier.Fact
}

// regFile is a recorded register file, reduced to the registers that say something.
type regFile []regClaim

type regClaim struct {
	n   uint8
	reg verifier.Reg
}

func newSoundWatch(s *Soundness, sub *soundSubject, claims *Claims, rng *rand.Rand) *soundWatch {
	w := &soundWatch{s: s, sub: sub, claims: claims, rng: rng, noise: rng.Uint64() | 1}
	w.keepR2 = sub.spec.Type == progtype.Raw
	randomBytes(w.junk[:], rng)
	insns := sub.spec.Insns
	w.points = make([]soundPoint, len(insns))
	for pc := range insns {
		in := &insns[pc]
		info := in.Info()
		p := &w.points[pc]
		*p = soundPoint{
			op: in.Op, kind: info.Kind, dst: uint8(in.Dst), src: uint8(in.Src), width: info.Width, size: info.Size,
			off: in.Off, target: int32(in.Target(pc)),
		}
		if in.Op == isa.OpCallHelper {
			if h := s.rig.set.ByID(int32(in.Imm)); h != nil {
				p.helper = h.Proto
			}
		}
		for _, facts := range claims.Facts {
			p.facts = append(p.facts, &facts[pc])
		}
		if claims.At == nil {
			continue
		}
		files, complete := claims.At(pc)
		p.recorded, p.complete = true, complete
		if !complete {
			continue
		}
		for i := range files {
			var f regFile
			for r := range files[i] {
				if a := &files[i][r]; a.Kind != verifier.NotInit && !(a.Kind == verifier.Scalar && a.Var.IsUnknown()) {
					f = append(f, regClaim{uint8(r), *a})
				}
			}
			p.files = append(p.files, f)
		}
	}
	return w
}

// begin gets ready for a run.
func (w *soundWatch) begin(st *interp.State) {
	w.st, w.depth, w.last, w.lastPC, w.foreign, w.pending, w.loaded = st, -1, isa.OpInvalid, 0, false, -1, false
	w.until = int(w.random() & 127)
}

// random is a fast source of numbers (xorshift64*).
func (w *soundWatch) random() uint64 {
	w.noise ^= w.noise >> 12
	w.noise ^= w.noise << 25
	w.noise ^= w.noise >> 27
	return w.noise * 2685821657736338717
}

// watch is called before each instruction.
func (w *soundWatch) watch(st *interp.State, p *interp.Program, pc int, r *[16]uint64) {
	if w.bad != nil {
		return
	}
	if p != w.sub.code {
		w.foreign, w.pending, w.last, w.depth, w.loaded = true, -1, isa.OpInvalid, st.Depth(), false
		return
	}
	if pc >= len(w.points) {
		w.violate("end", len(w.points)-1, "control left the program")
		return
	}
	w.frames(st, pc, r)
	w.replace(r)
	if w.until--; w.until < 0 {
		w.until = int(w.random() & 127)
		w.change()
	}
	pt := &w.points[pc]
	w.facts(st, pt, pc, r)
	w.registers(pt, pc, r)
	w.last, w.lastPC = pt.op, pc
	w.loaded = (pt.kind == isa.KindLoad || pt.kind == isa.KindLoadSX) && w.mayChange(r[pt.src&15]+uint64(int64(pt.off)))
}

// frames follows calls and returns, and takes away what they leave undefined.
func (w *soundWatch) frames(st *interp.State, pc int, r *[16]uint64) {
	d := st.Depth()
	switch {
	case d > w.depth || d == w.depth && w.last == isa.OpExit:
		// A function was entered; after an exit at the same depth, a callback once more.
		w.base[d] = d
		if d > 0 && !w.sub.global[pc] {
			w.base[d] = w.base[d-1]
		}
		w.smear(st, d)
		r[0] = w.random()
		for i := 6; i <= 9; i++ {
			r[i] = w.random()
		}
		if d == 0 {
			for i := 2; i <= 5; i++ {
				if i != 2 || !w.keepR2 {
					r[i] = w.random()
				}
			}
		}
	case d < w.depth:
		w.clobber(r)
		if w.last != isa.OpExit {
			w.pending = -1
		}
	case w.last == isa.OpCallHelper || w.last == isa.OpCallKfunc:
		h := w.points[w.lastPC].helper
		if pc == 0 && h != nil && h.Engine {
			// A tail call of the program to itself.
			w.base[d] = d
			w.smear(st, d)
			for i := range 10 {
				if i != 1 {
					r[i] = w.random()
				}
			}
			break
		}
		w.clobber(r)
		if h != nil && h.Ret.Kind == proto.RetVoid {
			r[0] = w.random()
		}
	case w.last >= isa.OpLdAbsB && w.last <= isa.OpLdIndW:
		w.clobber(r)
	}
	w.depth = d
}

// clobber takes away what a call leaves undefined.
func (w *soundWatch) clobber(r *[16]uint64) {
	for i := 1; i <= 5; i++ {
		r[i] = w.random()
	}
}

// replace puts another number in place of one that was just loaded from memory which others
// may write: it could have been that as well.
func (w *soundWatch) replace(r *[16]uint64) {
	if !w.loaded {
		return
	}
	w.loaded = false
	x := w.random()
	if x&3 != 0 {
		return
	}
	last := &w.points[w.lastPC]
	v := w.sub.rig.number()
	unused := 64 - 8*uint(last.size)
	if last.kind == isa.KindLoadSX {
		v = uint64(int64(v<<unused) >> unused)
	} else {
		v = v << unused >> unused
	}
	r[last.dst&15] = v
}

// mayChange reports whether the number at a, which is about to be loaded, is one that others may
// write.
func (w *soundWatch) mayChange(a uint64) bool {
	b := &w.st.Bctx
	if a-uint64(b.Data) < uint64(b.DataEnd-b.Data) {
		return true
	}
	for _, m := range w.sub.maps {
		if m.region != nil && m.writable && a-uint64(m.region.Addr) < uint64(m.region.Size) {
			return true
		}
	}
	return false
}

// smear fills the stack of a fresh frame with junk.
func (w *soundWatch) smear(st *interp.State, d int) {
	b, ok := st.Bctx.Mem.Slice(uint64(st.Slot().FrameTop(d)-guest.StackSize), guest.StackSize)
	if ok {
		copy(b, w.junk[w.random()&(guest.StackSize-1):])
	}
}

// change writes into a map, as another program may.
func (w *soundWatch) change() {
	if len(w.sub.maps) == 0 {
		return
	}
	m := w.sub.maps[w.random()%uint64(len(w.sub.maps))]
	if len(m.inner) > 0 {
		m = m.inner[w.random()%uint64(len(m.inner))]
	}
	if m.region != nil && m.writable && m.region.Kind == guest.KindMapValue && len(m.spec.Fields) == 0 {
		w.sub.rig.write(m)
	}
}

// violate records the first violation.
func (w *soundWatch) violate(kind string, pc int, text string) {
	if w.bad == nil {
		w.bad = &Violation{Kind: kind, Insn: pc, Text: text}
	}
}

// registers tests that a recorded register file allows what the registers hold.
func (w *soundWatch) registers(pt *soundPoint, pc int, r *[16]uint64) {
	switch {
	case !pt.recorded:
		return
	case !pt.complete:
		w.s.Stats.Incomplete++
		return
	case len(pt.files) == 0:
		w.violate("reached", pc, "no register file was recorded")
		return
	}
	if w.allows(pt.files[pt.first], r) {
		return
	}
	for i, f := range pt.files {
		if i != pt.first && w.allows(f, r) {
			pt.first = i
			return
		}
	}
	// Which register is to blame: the one of the closest file.
	best, at, text := -1, 0, ""
	for i, f := range pt.files {
		n := 0
		for k := range f {
			if w.holds(&f[k].reg, r[f[k].n]) {
				n++
				continue
			}
			if n > best || best < 0 {
				best, at = n, i
				text = fmt.Sprintf("r%d = %#x is not %s", f[k].n, r[f[k].n], w.describe(&f[k].reg))
			}
			break
		}
	}
	w.violate("register", pc, fmt.Sprintf("none of %d recorded register files allows the registers; of file %d, %s", len(pt.files), at, text))
	w.bad.Concrete = w.concrete(r)
	for _, f := range pt.files {
		line := ""
		for k := range f {
			line += fmt.Sprintf("R%d=%s ", f[k].n, w.describe(&f[k].reg))
		}
		w.bad.Claimed = append(w.bad.Claimed, line)
	}
}

func (w *soundWatch) allows(f regFile, r *[16]uint64) bool {
	for i := range f {
		if !w.holds(&f[i].reg, r[f[i].n&15]) {
			return false
		}
	}
	w.s.Stats.Registers += uint64(len(f))
	return true
}

// concrete prints the registers and where the run's objects lie.
func (w *soundWatch) concrete(r *[16]uint64) string {
	s := ""
	for i := range 11 {
		s += fmt.Sprintf("R%d=%#x ", i, r[i])
	}
	b := &w.st.Bctx
	s += fmt.Sprintf("ctx=%#x+%d meta=%#x data=%#x end=%#x frames=%#x+%d", b.Ctx, b.CtxLen, b.DataMeta, b.Data, b.DataEnd,
		w.st.Slot().FrameTop(0), guest.FrameStride)
	for i, m := range w.sub.maps {
		if m.region != nil {
			s += fmt.Sprintf(" map%d=%#x+%d", i, m.region.Addr, m.region.Stride)
		}
	}
	return s
}
