package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// Engine is one of the things that run programs.
type Engine string

// The engines that an [EngineCampaign] compares.
const (
	EngineInterp  Engine = "interp"
	EngineJIT     Engine = "jit"
	EngineChecked Engine = "checked" // every access held against the object map
	EngineKernel  Engine = "kernel"  // the live one

	// engineShifted is checked mode with everything at other guest addresses, which stops at reads of stack
	// that nothing was written to: what comes out differently there depends on addresses or on
	// chance, so the kernel need not agree.
	engineShifted Engine = "shifted"
)

// engineFuel bounds a run, in units.
const engineFuel = 1 << 18

// engineRig is an engine with guest memory of its own. Rigs that are given the same programs
// have the same history, so that equal runs leave equal memory.
type engineRig struct {
	*soundRig
	engine Engine
}

func newEngineRig(e Engine) (*engineRig, error) {
	shift := uint32(0)
	if e == engineShifted {
		shift = 0x7b000
	}
	r, err := newShiftedRig(shift)
	if err != nil {
		return nil, err
	}
	if shift > 0 {
		// Not by whole pages either.
		for _, st := range r.states {
			slot := st.Slot()
			slot.Stack += 0x128
			slot.Ctx += 0x168
			slot.Packet += 0x348
			slot.PacketSize -= 0x348
		}
	}
	return &engineRig{r, e}, nil
}

// engineSubject is a program made ready in a rig.
type engineSubject struct {
	*soundSubject
	engine Engine
	code   *interp.Program
	mode   interp.Mode
	rng    *rand.Rand
	junk   *rand.Rand // beside the inputs'
	st     *interp.State
	in     progtype.Input
	res    interp.Result
	trap   *trap.Trap
	queued [][][]byte // by map: what a queue or stack was given, in the order of giving
	left   [][][]byte // by map: what a queue, stack or ring buffer held after the run, first out first
	out    progtype.Output
}

// link makes a program ready. Everything random in its runs comes from the seed.
func (r *engineRig) link(spec *verifier.Spec, proof *verifier.Proof, cfg jit.Config, seed, junk uint64) (*engineSubject, error) {
	s := &engineSubject{engine: r.engine, rng: rand.New(rand.NewPCG(seed, 5)), junk: rand.New(rand.NewPCG(seed, junk))}
	var err error
	if s.soundSubject, err = r.prepare(spec, s.rng); err != nil {
		return nil, err
	}
	s.minCtx = proof.MaxCtx()
	s.dictionary()
	if r.engine == EngineChecked || r.engine == engineShifted {
		s.code, s.mode = s.soundSubject.code, interp.Mode{Checked: true, Uninit: r.engine == engineShifted}
		return s, nil
	}
	s.code, err = interp.New(interp.Source{
		Name: spec.Name, Type: spec.Type, Attach: spec.Attach, GPL: spec.GPL, Proof: proof, Maps: r.table,
		Map:   func(i uint32) *maps.Map { return s.maps[i].m },
		Const: s.constant, Helper: s.helper, ByID: func(uint64) *helpers.Helper { return nil },
	})
	if err != nil {
		r.release(s.soundSubject)
		return nil, &ErrSoundSkip{err.Error()}
	}
	if r.engine == EngineJIT {
		cfg.Mask, cfg.Base = r.mem.Mask(), uint64(uintptr(r.mem.Base()))
		s.mode.Native = true
		if err := s.code.Compile(cfg); err != nil {
			r.release(s.soundSubject)
			return nil, fmt.Errorf("jit: %w", err)
		}
	}
	for _, m := range s.maps {
		if m.m.Type() == maps.ProgArray {
			for i := range m.m.MaxEntries() {
				if m.m.Prog(i) != nil {
					m.m.Put(i, soundTail{s.code})
				}
			}
		}
	}
	return s, nil
}

// begin lays out the next input, and reports whether it is one that the type takes. plain asks for one that the
// live kernel takes, too.
func (s *engineSubject) begin(plain bool) bool {
	if !plain {
		s.st = s.rig.state(s.rng)
		return s.setup(s.st, s.rng)
	}
	s.st = s.rig.states[0]
	for _, m := range s.maps {
		s.disturb(m, s.rng)
	}
	s.queued = slices.Grow(s.queued[:0], len(s.maps))[:len(s.maps)]
	for i, m := range s.maps {
		s.queued[i] = s.queued[i][:0]
		switch m.m.Type() {
		case maps.Queue, maps.Stack:
			takeAll(m.m)
			for range s.rng.IntN(4) {
				v := make([]byte, m.m.ValueSize())
				randomBytes(v, s.rng)
				m.m.PushElem(v, maps.Any)
				s.queued[i] = append(s.queued[i], v)
			}
		case maps.RingBuf:
			m.drain()
			if s.engine == engineShifted {
				// What a reserved record holds is not the program's to know.
				randomBytes(m.region.Bytes(), s.junk)
			}
		}
	}
	s.in = s.plainInput()
	b := &s.st.Bctx
	b.Reset(s.spec.Type)
	return s.spec.Type.Setup(b, &s.in) == nil
}

// takeAll empties a queue or stack.
func takeAll(m *maps.Map) (all [][]byte) {
	for {
		v := make([]byte, m.ValueSize())
		if m.PopElem(v) != 0 {
			return all
		}
		all = append(all, v)
	}
}

// records takes the complete records out of a ring buffer.
func (m *soundMap) records() (all [][]byte) {
	if m.m.Ringbuf().Query(0) == 0 {
		return nil
	}
	m.reader.Flush()
	var rec maps.RingbufRecord
	for m.reader.ReadInto(&rec) == nil {
		all = append(all, bytes.Clone(rec.RawSample))
	}
	return all
}

// plainInput is an input that the live kernel takes for a test run.
func (s *engineSubject) plainInput() (in progtype.Input) {
	t, rng := s.spec.Type, s.rng
	switch {
	case t == progtype.Syscall:
		// Enough for accesses that only the kernel takes for possible.
		in.Ctx = make([]byte, max(s.minCtx, 8*(64+rng.IntN(8))))
		s.rig.bytes(in.Ctx)
	case t == progtype.RawTracepoint:
		in.Ctx = make([]byte, 96)
		s.rig.bytes(in.Ctx)
	case t.Packet:
		in.Data = s.randomPacket(rng)
		if rng.IntN(2) == 0 {
			break
		}
		in.Ctx = make([]byte, t.Ctx.Size)
		if t == progtype.XDP {
			if rng.IntN(2) == 0 {
				meta := 4 * rng.Uint32N(9)
				if int(meta)+14 <= len(in.Data) {
					binary.LittleEndian.PutUint32(in.Ctx, meta)
				}
			}
			binary.LittleEndian.PutUint32(in.Ctx[4:], uint32(len(in.Data)))
			break
		}
		for _, name := range []string{"mark", "priority", "cb[0]", "cb[1]", "cb[2]", "cb[3]", "cb[4]", "tstamp", "gso_size"} {
			f, off, err := t.Ctx.Resolve(name)
			if err != nil || rng.IntN(2) == 0 {
				continue
			}
			switch f.Size {
			case 4:
				binary.LittleEndian.PutUint32(in.Ctx[off:], uint32(s.rig.number()))
			case 8:
				binary.LittleEndian.PutUint64(in.Ctx[off:], s.rig.number())
			}
		}
	}
	return in
}

// run runs the program on the input.
func (s *engineSubject) run() {
	r1, r2 := s.st.Bctx.Entry()
	s.res, s.trap = s.st.Run(context.Background(), s.code, s.mode, engineFuel, r1, r2)
}

// finish collects what the run left, as user space sees it.
func (s *engineSubject) finish() {
	s.out.Data, s.out.Ctx = s.out.Data[:0], s.out.Ctx[:0]
	s.spec.Type.Finish(&s.st.Bctx, &s.out)
	s.left = slices.Grow(s.left[:0], len(s.maps))[:len(s.maps)]
	for i, m := range s.maps {
		s.left[i] = nil
		switch m.m.Type() {
		case maps.Queue, maps.Stack:
			s.left[i] = takeAll(m.m)
		case maps.RingBuf:
			s.left[i] = m.records()
		}
	}
}

// same compares two runs of one input to the last bit of guest memory; it returns how they differ, "" when they do
// not.
func (s *engineSubject) same(o *engineSubject) string {
	switch {
	case !sameTrap(s.trap, o.trap, s.engine == EngineChecked || o.engine == EngineChecked):
		return fmt.Sprintf("trap: %s %v, %s %v", s.engine, s.trap, o.engine, o.trap)
	case s.res.R0 != o.res.R0:
		return fmt.Sprintf("r0: %s %#x, %s %#x", s.engine, s.res.R0, o.engine, o.res.R0)
	case s.res.Fuel != o.res.Fuel:
		return fmt.Sprintf("fuel: %s %d, %s %d", s.engine, s.res.Fuel, o.engine, o.res.Fuel)
	case s.st.Bctx.Redirect != o.st.Bctx.Redirect:
		return fmt.Sprintf("redirect: %s %v, %s %v", s.engine, s.st.Bctx.Redirect, o.engine, o.st.Bctx.Redirect)
	}
	a, b := s.st.Slot(), o.st.Slot()
	x, y := a.Region.Bytes(), b.Region.Bytes()
	frames := a.Stack - a.Region.Addr
	behind := frames + guest.MaxFrames*guest.FrameStride
	parts := []struct {
		name string
		addr guest.Addr
	}{{"below the stack", 0}, {"context", a.Ctx}, {"scratch space", a.Scratch}, {"packet", a.Packet}}
	for _, span := range [][2][]byte{{x[:frames], y[:frames]}, {x[behind:], y[behind:]}} {
		if bytes.Equal(span[0], span[1]) {
			continue
		}
		k := 0
		for span[0][k] == span[1][k] {
			k++
		}
		at := guest.Addr(k) + a.Region.Addr
		if len(span[0]) == len(x)-int(behind) {
			at += behind
		}
		name, off := "", at
		for _, p := range parts {
			if at >= p.addr {
				name, off = p.name, at-p.addr
			}
		}
		return fmt.Sprintf("%s: byte %d: %s %#x, %s %#x", name, off, s.engine, span[0][k], o.engine, span[1][k])
	}
	for i := range s.maps {
		if why := sameRegions(s, o, s.maps[i], o.maps[i]); why != "" {
			return why
		}
	}
	return ""
}

// sameTrap compares how runs were stopped; checked mode may know more of an address.
func sameTrap(a, b *trap.Trap, checked bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Code == b.Code && a.Insn == b.Insn && (checked || a.Addr == b.Addr && a.Detail == b.Detail)
}

func sameRegions(s, o *engineSubject, m, n *soundMap) string {
	for i := range m.inner {
		if why := sameRegions(s, o, m.inner[i], n.inner[i]); why != "" {
			return why
		}
	}
	if m.region == nil {
		return ""
	}
	x, y := m.region.Bytes(), n.region.Bytes()
	if bytes.Equal(x, y) {
		return ""
	}
	for k := range x {
		if x[k] != y[k] {
			return fmt.Sprintf("map %s: byte %d of its values: %s %#x, %s %#x", m.spec.Name, k, s.engine, x[k], o.engine, y[k])
		}
	}
	return ""
}

// likeShifted compares what a run left with what it left at other addresses, as far as user space sees it.
func (s *engineSubject) likeShifted(o *engineSubject) bool {
	if s.trap != nil || o.trap != nil || uint32(s.res.R0) != uint32(o.res.R0) || !bytes.Equal(s.out.Data, o.out.Data) ||
		!bytes.Equal(s.out.Ctx, o.out.Ctx) || s.st.Bctx.Redirect != o.st.Bctx.Redirect {
		return false
	}
	for i := range s.maps {
		if !slices.EqualFunc(s.left[i], o.left[i], bytes.Equal) || s.maps[i].m.Type() != maps.RingBuf && sameRegions(s, o, s.maps[i], o.maps[i]) != "" {
			return false
		}
	}
	return true
}
