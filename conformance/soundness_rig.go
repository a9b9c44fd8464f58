package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// The size of a rig. Packets are small, so that their ends are met.
const (
	soundCPUs      = 2
	soundMemory    = 16 << 20 // bytes of guest memory
	soundMaxPacket = 2048     // bytes
	soundMaxMaps   = 1000     // maps made before the rig is made anew
)

// soundRig is guest memory with the maps of the programs that were run in it, which later
// programs use again.
type soundRig struct {
	mem    *guest.Memory
	table  *maps.Table
	states [soundCPUs]*interp.State
	set    *helpers.Set
	env    *helpers.Env
	maps   map[string]*soundMap
	random *rand.Rand // of the run in progress, for helpers
	words  []uint64   // see soundSubject
	clock  uint64
	socks  int // socket references held
}

// soundMap is a map and where its values lie.
type soundMap struct {
	m      *maps.Map
	spec   *verifier.Map
	region *guest.Region // of its values or records, nil for none
	inner  []*soundMap   // the maps inside
	// writable says that its values may change at any moment.
	writable bool
	reader   *maps.RingbufReader
}

func newSoundRig() (*soundRig, error) { return newShiftedRig(0) }

// newShiftedRig makes a rig in which everything lies shift bytes behind where it lies in others.
func newShiftedRig(shift uint32) (*soundRig, error) {
	mem, err := guest.NewMemory(soundMemory)
	if err != nil {
		return nil, err
	}
	if shift > 0 {
		if err := mem.Alloc(&guest.Region{Kind: guest.KindHost, Perm: guest.PermRW, Size: shift, Name: "shift"}); err != nil {
			mem.Close()
			return nil, err
		}
	}
	return newRigIn(mem)
}

// newRigIn makes a rig of fresh memory.
func newRigIn(mem *guest.Memory) (*soundRig, error) {
	r := &soundRig{mem: mem, table: maps.NewTable(), set: helpers.NewSet(), maps: map[string]*soundMap{}}
	r.env = &helpers.Env{
		Clock: func() uint64 { r.clock += r.random.Uint64N(1 << 20); return r.clock },
		Rand:  func() uint32 { return uint32(r.number()) },
	}
	if err := r.addHelpers(); err != nil {
		mem.Close()
		return nil, err
	}
	for cpu := range r.states {
		slot, err := mem.NewSlot(cpu, soundMaxPacket)
		if err != nil {
			mem.Close()
			return nil, err
		}
		r.states[cpu] = interp.NewState(mem, slot, r.table, r.env)
	}
	return r, nil
}

func (r *soundRig) close() error {
	for _, m := range r.maps {
		m.close()
	}
	r.maps = nil
	return r.mem.Close()
}

func (m *soundMap) close() {
	for _, in := range m.inner {
		in.close()
	}
	if m.reader != nil {
		m.reader.Close()
	}
	m.m.Close()
}

// state is the state of a simulated CPU.
func (r *soundRig) state(rng *rand.Rand) *interp.State { return r.states[rng.IntN(soundCPUs)] }

// soundSubject is an accepted program, ready to run.
type soundSubject struct {
	rig     *soundRig
	spec    *verifier.Spec
	code    *interp.Program
	returns progtype.Range
	maps    []*soundMap // by number in Spec.Maps
	inner   []*soundMap // those inside maps of maps
	global  []bool      // by instruction: a global function starts here
	records bool        // it reserves ring buffer records
	locks   bool        // a map of it has locks
	tails   bool        // it makes tail calls
	fields  []progtype.Field
	socks   []uint32 // where the context has pointers to sockets
	// sockNull says that they may be NULL.
	sockNull bool
	packet   []byte
	minCtx   int      // bytes that a context given by the host must have
	words    []uint64 // numbers that the program compares with, and their neighbours
}

// ErrSoundSkip says that a program cannot be run here.
type ErrSoundSkip struct{ Reason string }

func (e *ErrSoundSkip) Error() string { return "soundness: not run: " + e.Reason }

// prepare makes the maps of a program, with contents from rng, and links it.
func (r *soundRig) prepare(spec *verifier.Spec, rng *rand.Rand) (*soundSubject, error) {
	r.random, r.clock = rng, rng.Uint64N(1<<40)
	if len(r.maps) > soundMaxMaps {
		for _, m := range r.maps {
			m.close()
		}
		clear(r.maps)
	}
	s := &soundSubject{rig: r, spec: spec, returns: spec.Type.ReturnsFor(spec.Attach), global: make([]bool, len(spec.Insns)+1)}
	for i := range spec.Funcs {
		if f := &spec.Funcs[i]; f.Global && f.Type != nil && f.Insn < len(s.global) {
			s.global[f.Insn] = true
		}
	}
	seen := map[string]int{}
	for _, m := range spec.Maps {
		key := mapKey(m)
		seen[key]++
		sm, err := r.mapOf(fmt.Sprintf("%s#%d", key, seen[key]), m)
		if err != nil {
			return nil, &ErrSoundSkip{err.Error()}
		}
		s.maps = append(s.maps, sm)
		for _, f := range m.Fields {
			s.locks = s.locks || f.Kind == maps.FieldSpinLock
		}
		s.inner = append(s.inner, sm.inner...)
	}
	for _, f := range spec.Type.Layout(spec.Attach).Fields {
		if f.Kind == progtype.Scalar && f.Access&progtype.Settable != 0 {
			s.fields = append(s.fields, f)
		}
		if f.Kind == progtype.Pointer && f.Target == "bpf_sock" {
			s.socks = append(s.socks, f.Off)
		}
	}
	switch spec.Type {
	case progtype.CgroupSockAddr, progtype.CgroupSockopt, progtype.SkMsg, progtype.SkReuseport:
	default:
		s.sockNull = true
	}
	for _, in := range spec.Insns {
		s.records = s.records || in.Op == isa.OpCallHelper && (in.Imm == 131 || in.Imm == 198)
		if p := proto.ByID(int32(in.Imm)); in.Op == isa.OpCallHelper && p != nil && p.Engine {
			s.tails = true
		}
	}
	code, err := interp.New(interp.Source{
		Name: spec.Name, Type: spec.Type, Attach: spec.Attach, GPL: spec.GPL, Insns: spec.Insns, Maps: r.table,
		Const: s.constant, Helper: s.helper, ByID: func(uint64) *helpers.Helper { return nil },
	})
	if err != nil {
		var why noBody
		if errors.As(err, &why) {
			return nil, &ErrSoundSkip{string(why)}
		}
		return nil, &ErrSoundSkip{err.Error()}
	}
	s.code = code
	for _, m := range s.maps {
		s.fill(m, rng)
	}
	return s, nil
}

// dictionary collects the numbers of the program's comparisons and masks: what is drawn
// from them reaches more of the program.
func (s *soundSubject) dictionary() {
	seen := map[uint64]bool{}
	for _, in := range s.spec.Insns {
		info := in.Info()
		if !info.UsesImm || info.Kind != isa.KindCond && info.Kind != isa.KindALU && info.Kind != isa.KindMov && in.Op != isa.OpLddw {
			continue
		}
		for d := range uint64(3) {
			if v := uint64(in.Imm) + d - 1; !seen[v] && len(s.words) < 256 {
				seen[v] = true
				s.words = append(s.words, v)
			}
		}
	}
	s.rig.words = s.words
}

// number is a number that is likely to be at the edge of something in the program that runs.
func (r *soundRig) number() uint64 {
	if n := uint64(len(r.words)); n > 0 {
		if x := r.random.Uint64(); x&3 == 0 {
			return r.words[x>>8%n]
		}
	}
	return oddNumber(r.random)
}

// bytes fills b with such numbers, each as long as some field of a structure is.
func (r *soundRig) bytes(b []byte) {
	randomBytes(b, r.random)
	if len(r.words) == 0 || len(b) < 4 {
		return
	}
	for range 1 + len(b)/16 {
		x := r.random.Uint64()
		v := r.words[x>>32%uint64(len(r.words))]
		at := int(x>>8%uint64(len(b))) &^ (1<<(x&3) - 1)
		for i := range min(1<<(x>>2&3), len(b)-at) {
			b[at+i] = byte(v >> (8 * i))
		}
	}
}

// release takes back what the program put into maps that the next one may use.
func (r *soundRig) release(s *soundSubject) {
	for _, m := range s.maps {
		if m.m.Type() == maps.ProgArray {
			for i := range m.m.MaxEntries() {
				m.m.Delete(i)
			}
		}
	}
}

func mapKey(m *verifier.Map) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d/%d/%d/%d/%#x/%x/%v", m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags, m.Contents, m.Fields)
	if m.Inner != nil {
		b.WriteString("[" + mapKey(m.Inner) + "]")
	}
	return b.String()
}

func mapSpec(m *verifier.Map) *maps.Spec {
	s := &maps.Spec{
		Name: m.Name, Type: m.Type, KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags, Fields: m.Fields,
	}
	if m.Inner != nil {
		s.Inner = mapSpec(m.Inner)
	}
	if m.Contents != nil {
		s.Contents = []maps.KeyValue{{Key: uint32(0), Value: m.Contents}}
	}
	return s
}

// mapOf is the map that key stands for, made when it is new.
func (r *soundRig) mapOf(key string, spec *verifier.Map) (*soundMap, error) {
	if m := r.maps[key]; m != nil {
		m.spec = spec
		return m, nil
	}
	m, err := r.makeMap(spec)
	if err != nil {
		return nil, err
	}
	r.maps[key] = m
	return m, nil
}

func (r *soundRig) makeMap(spec *verifier.Map) (*soundMap, error) {
	mp, err := maps.New(r.mem, mapSpec(spec), soundCPUs, r.table)
	if err != nil {
		return nil, err
	}
	m := &soundMap{m: mp, spec: spec, writable: spec.Contents == nil}
	if spec.Contents != nil {
		mp.Freeze()
	}
	switch {
	case spec.Type == maps.RingBuf:
		if m.reader, err = maps.NewRingbufReader(mp); err != nil {
			return nil, err
		}
		if a := mp.Ringbuf().Reserve(8, 0); a != 0 {
			m.region = r.mem.Find(guest.Addr(a))
			mp.Ringbuf().Discard(a, maps.RingNoWakeup)
		}
	case spec.Inner != nil:
		for i := range min(spec.MaxEntries, 2) {
			in, err := r.makeMap(spec.Inner)
			if err != nil {
				return nil, err
			}
			m.inner = append(m.inner, in)
			key := make([]byte, spec.KeySize)
			key[0] = byte(i)
			if err := mp.Put(key, in.m); err != nil {
				return nil, err
			}
		}
	default:
		m.region = r.valueRegion(mp)
	}
	return m, nil
}

// valueRegion finds the memory of a map's values through one of them.
func (r *soundRig) valueRegion(m *maps.Map) *guest.Region {
	switch m.Type() {
	case maps.Array, maps.PerCPUArray:
	case maps.Hash, maps.LRUHash, maps.PerCPUHash, maps.LRUPerCPUHash, maps.LPMTrie:
		m.UpdateElem(0, make([]byte, m.KeySize()), make([]byte, m.ValueSize()), maps.Any)
	default:
		return nil
	}
	if a := m.LookupElem(0, make([]byte, m.KeySize())); a != 0 {
		return r.mem.Find(guest.Addr(a))
	}
	return nil
}

// constant is the value of the 16-byte load at pc.
func (s *soundSubject) constant(pc int) (uint64, error) {
	in := s.spec.Insns[pc]
	switch in.Op {
	case isa.OpLddw:
		return uint64(in.Imm), nil
	case isa.OpLddwFunc:
		return interp.FuncRef(in.Target(pc)), nil
	case isa.OpLddwMapFD, isa.OpLddwMapIdx, isa.OpLddwMapValue, isa.OpLddwMapIdxValue:
		i := int(uint32(in.ImmLow()))
		if i >= len(s.maps) {
			return 0, fmt.Errorf("map %d of %d", i, len(s.maps))
		}
		m := s.maps[i].m
		if in.Op == isa.OpLddwMapFD || in.Op == isa.OpLddwMapIdx {
			return m.Handle(), nil
		}
		addr, ok := m.DirectValue(uint32(in.ImmHigh()))
		if !ok {
			return 0, fmt.Errorf("map %s: no direct value", m.Name())
		}
		return addr, nil
	}
	return 0, fmt.Errorf("%s is not supported", in.Op)
}

func (s *soundSubject) helper(pc int) (*helpers.Helper, error) {
	in := s.spec.Insns[pc]
	if in.Op == isa.OpCallHelper {
		if h := s.rig.set.ByID(int32(in.Imm)); h != nil {
			return h, nil
		}
		return nil, noBody(fmt.Sprintf("helper %s has no body", proto.Name(int32(in.Imm))))
	}
	if i := int(in.Imm); i >= 0 && i < len(s.spec.Kfuncs) {
		if h := s.rig.set.ByKfunc(s.spec.Kfuncs[i]); h != nil {
			return h, nil
		}
		return nil, noBody(fmt.Sprintf("kfunc %s has no body", s.spec.Kfuncs[i]))
	}
	return nil, fmt.Errorf("kfunc %d has no name", in.Imm)
}

// noBody says that a helper is known and cannot be called.
type noBody string

func (n noBody) Error() string { return string(n) }

// soundTail is what prog arrays hold.
type soundTail struct{ p *interp.Program }

func (t soundTail) Interp() *interp.Program { return t.p }
func (t soundTail) ProgramHandle()          {}

// TailTarget implements [maps.Native].
func (t soundTail) TailTarget(table *maps.Table) (uint64, uint32) { return t.p.TailTarget(table) }

// fill gives a map contents to start with. Everything comes from rng, so that a program and a seed
// make the same runs every time.
func (s *soundSubject) fill(m *soundMap, rng *rand.Rand) {
	for _, in := range m.inner {
		s.fill(in, rng)
	}
	switch m.m.Type() {
	case maps.ProgArray:
		// The program itself: what it calls may be anything of its type.
		for i := range m.m.MaxEntries() {
			if i == 0 || rng.IntN(2) == 0 {
				m.m.Put(i, soundTail{s.code})
			}
		}
		return
	case maps.RingBuf:
		m.drain()
		return
	case maps.Queue, maps.Stack:
		v := make([]byte, m.m.ValueSize())
		for m.m.PopElem(v) == 0 {
		}
		for range rng.IntN(3) {
			randomBytes(v, rng)
			m.m.PushElem(v, maps.Any)
		}
		return
	}
	if m.region == nil || !m.writable {
		return
	}
	if m.m.Type() != maps.Array && m.m.Type() != maps.PerCPUArray {
		s.refillKeys(m, rng)
	}
	s.rig.scribble(m, 0, m.region.Size)
}

// refillKeys makes the keys of a hash map or trie a few of those that programs ask for.
func (s *soundSubject) refillKeys(m *soundMap, rng *rand.Rand) {
	var keys [][]byte
	m.m.ForEach(0, func(key []byte, _ uint64) bool {
		keys = append(keys, append([]byte(nil), key...))
		return true
	})
	for _, k := range keys {
		m.m.DeleteElem(k)
	}
	for range 1 + rng.IntN(4) {
		s.toggleKey(m, rng)
	}
}

// toggleKey adds or removes a key.
func (s *soundSubject) toggleKey(m *soundMap, rng *rand.Rand) {
	var kbuf [64]byte
	var vbuf [512]byte
	if m.m.KeySize() > uint32(len(kbuf)) || m.m.ValueSize() > uint32(len(vbuf)) {
		return
	}
	key, value := kbuf[:m.m.KeySize()], vbuf[:m.m.ValueSize()]
	switch rng.IntN(3) {
	case 0:
	case 1:
		key[0] = byte(rng.IntN(8))
	default:
		randomBytes(key, rng)
	}
	if m.m.Type() == maps.LPMTrie && len(key) >= 4 {
		binary.LittleEndian.PutUint32(key, rng.Uint32N(uint32(8*(len(key)-4)+1)))
	}
	if rng.IntN(4) == 0 {
		m.m.DeleteElem(key)
		return
	}
	m.m.UpdateElem(rng.IntN(soundCPUs), key, value, maps.Any)
}

// scribble writes random bytes over n bytes at off of the map's values, special fields left
// alone.
func (r *soundRig) scribble(m *soundMap, off, n uint32) {
	b := m.region.Bytes()[off : off+n]
	if len(m.spec.Fields) == 0 {
		r.bytes(b)
		return
	}
	stride := m.region.Stride
	for i := range b {
		at := (off + uint32(i)) % stride
		special := false
		for _, f := range m.spec.Fields {
			special = special || at >= f.Off && at < f.Off+f.Size
		}
		if special {
			b[i] = 0
		} else {
			b[i] = byte(r.random.Uint32())
		}
	}
}
