package conformance

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// odd holds numbers that ranges end at.
var odd = [...]uint64{
	0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000,
	1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1, 1<<64 - 2, 1<<64 - 8, 1<<64 - 1<<31,
}

// oddNumber is a number that is likely to be at the edge of something.
func oddNumber(rng *rand.Rand) uint64 {
	x := rng.Uint64()
	switch x & 7 {
	case 0, 1:
		return odd[x>>8%uint64(len(odd))]
	case 2:
		return x >> 58
	case 3:
		return odd[x>>8%uint64(len(odd))] + uint64(int64(x)>>61)
	case 4:
		return x >> (8 + x>>3&31)
	case 5:
		return uint64(-int64(x >> 60))
	}
	return x
}

// randomBytes fills b with words, some of which are odd numbers.
func randomBytes(b []byte, rng *rand.Rand) {
	for len(b) >= 8 {
		x := rng.Uint64()
		if x&3 == 0 {
			x = oddNumber(rng)
		} else if x&3 == 1 {
			x = oddNumber(rng)&0xffffffff | oddNumber(rng)<<32
		}
		binary.LittleEndian.PutUint64(b, x)
		b = b[8:]
	}
	x := rng.Uint64()
	for i := range b {
		b[i] = byte(x >> (8 * i))
	}
}

// setup lays a random input out in the slot of st and changes the maps a little. It returns
// false when the input is none that the type takes.
func (s *soundSubject) setup(st *interp.State, rng *rand.Rand) bool {
	for _, m := range s.maps {
		s.disturb(m, rng)
	}
	b := &st.Bctx
	t := s.spec.Type
	b.Reset(t)
	in := progtype.Input{}
	switch {
	case t.Packet:
		in.Data = s.randomPacket(rng)
		if t == progtype.XDP && rng.IntN(4) == 0 {
			if in.Meta = 4 * rng.Uint32N(9); int(in.Meta)+14 > len(in.Data) {
				in.Meta = 0
			}
		}
	case t == progtype.Syscall:
		in.Ctx = make([]byte, max(s.minCtx, 8*(1+rng.IntN(64))))
		s.rig.bytes(in.Ctx)
	}
	if err := t.Setup(b, &in); err != nil {
		return false
	}
	ctx, _ := b.Mem.Slice(uint64(b.Ctx), uint64(b.CtxLen))
	if t != progtype.Syscall {
		s.randomContext(ctx, rng)
	}
	s.placeSock(st, ctx, rng)
	return true
}

// randomPacket is a small packet, the contents of which make sense now and then.
func (s *soundSubject) randomPacket(rng *rand.Rand) []byte {
	n := 14 + rng.IntN(51)
	switch rng.IntN(8) {
	case 0:
		n = 14
	case 1:
		n = 14 + rng.IntN(8)
	case 2:
		n = rng.IntN(600) + 14
	}
	if cap(s.packet) < 1024 {
		s.packet = make([]byte, 1024)
	}
	p := s.packet[:n]
	s.rig.bytes(p)
	switch rng.IntN(4) {
	case 0:
		p[12], p[13] = 8, 0
		if n > 23 {
			p[14], p[23] = 0x45, [...]byte{6, 17, 1}[rng.IntN(3)]
		}
	case 1:
		p[12], p[13] = 0x86, 0xdd
	}
	if need := 14 + 20; s.spec.Type != progtype.XDP && p[12] == 8 && p[13] == 0 && n < need {
		p[12] = 9
	}
	if need := 14 + 40; s.spec.Type != progtype.XDP && p[12] == 0x86 && p[13] == 0xdd && n < need {
		p[12] = 0x87
	}
	return p
}

// randomContext sets the fields that a host may set.
func (s *soundSubject) randomContext(ctx []byte, rng *rand.Rand) {
	for i := range s.fields {
		f := &s.fields[i]
		if rng.IntN(4) == 0 {
			continue
		}
		for k := range min(max(f.Count, 1), 16) {
			off := f.Off + k*f.Size
			if uint64(off)+uint64(f.Size) > uint64(len(ctx)) {
				break
			}
			v := s.rig.number()
			switch f.Size {
			case 1:
				ctx[off] = byte(v)
			case 2:
				binary.LittleEndian.PutUint16(ctx[off:], uint16(v))
			case 4:
				binary.LittleEndian.PutUint32(ctx[off:], uint32(v))
			case 8:
				binary.LittleEndian.PutUint64(ctx[off:], v)
			}
		}
	}
}

// disturb changes a map between runs.
func (s *soundSubject) disturb(m *soundMap, rng *rand.Rand) {
	for _, in := range m.inner {
		s.disturb(in, rng)
	}
	switch t := m.m.Type(); t {
	case maps.RingBuf:
		if m.m.Ringbuf().Query(0) > uint64(m.m.MaxEntries())/2 && rng.IntN(4) != 0 {
			m.drain()
		}
		return
	case maps.Queue, maps.Stack:
		if rng.IntN(4) == 0 {
			v := make([]byte, m.m.ValueSize())
			if rng.IntN(2) == 0 {
				m.m.PopElem(v)
			} else {
				randomBytes(v, rng)
				m.m.PushElem(v, maps.Any)
			}
		}
		return
	case maps.Hash, maps.LRUHash, maps.PerCPUHash, maps.LRUPerCPUHash, maps.LPMTrie:
		if rng.IntN(4) == 0 {
			s.toggleKey(m, rng)
		}
	}
	if m.region == nil || !m.writable || rng.IntN(3) != 0 {
		return
	}
	s.rig.write(m)
}

// write changes a few bytes of the map's values, as another program may at any moment.
func (r *soundRig) write(m *soundMap) {
	size := m.region.Size
	if size <= 64 {
		r.scribble(m, 0, size)
		return
	}
	off := r.random.Uint32N(size/8) * 8
	r.scribble(m, off, min(64, size-off))
}

// drain takes the complete records out of a ring buffer.
func (m *soundMap) drain() {
	if m.m.Ringbuf().Query(0) == 0 {
		return
	}
	m.reader.Flush()
	var rec maps.RingbufRecord
	for m.reader.ReadInto(&rec) == nil {
	}
}

// sockOff is where in the context's page a run's struct bpf_sock goes.
const sockOff = 1024

// placeSock makes the context's pointers to sockets point to one, or to none where that may
// be.
func (s *soundSubject) placeSock(st *interp.State, ctx []byte, rng *rand.Rand) {
	b := &st.Bctx
	for _, off := range s.socks {
		if int(off)+8 > len(ctx) {
			continue
		}
		if b.Sock == 0 {
			b.Sock = st.Slot().Ctx + sockOff
			if sk, ok := b.Mem.Slice(uint64(b.Sock), progtype.SockSize); ok {
				randomBytes(sk, rng)
			}
		}
		v := uint64(b.Sock)
		if s.sockNull && rng.IntN(4) == 0 {
			v = 0
		}
		binary.LittleEndian.PutUint64(ctx[off:], v)
	}
}
