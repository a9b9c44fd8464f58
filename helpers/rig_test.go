package helpers_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// A script is a little program: calls of helpers, one after the other, on a packet and a buffer
// that lies in a map value. The kernel and gbpf run the same one.
type script struct {
	name    string
	typ     uint32 // BPF_PROG_TYPE_*
	packet  []byte
	meta    uint32 // of packet, data_meta
	buf     []byte // the first bytes of the buffer
	strs    string // a read-only map's value, for const_str arguments
	calls   []call
	fields  []string // context fields of four bytes that are read after the calls
	ignore  []int    // calls whose result is left to chance
	skipBuf bool     // the buffer's contents are left to chance
}

// call is one call of a helper.
type call struct {
	name string
	args []any // int or uint64 values, or bctx, buf, str, mapArg
}

// Arguments that are no plain number.
type (
	bctx   struct{}
	buf    int  // offset in the buffer
	str    int  // offset in strs
	mapArg uint // number of a map of extraMaps
)

// outcome is what a script leaves.
type outcome struct {
	R0     []uint64 `json:"r0,omitempty"`
	Fields []uint64 `json:"fields,omitempty"`
	Buf    []byte   `json:"buf,omitempty"`
	Packet []byte   `json:"packet,omitempty"`
}

const (
	maxCalls  = 40
	fieldsAt  = 8 * maxCalls
	bufAt     = fieldsAt + 8*16
	valueSize = 4096
	bufSize   = valueSize - bufAt
)

// extraMaps are the maps that scripts may use, by number; fresh ones for each script.
var extraMaps = []maps.Spec{
	{Name: "hash", Type: maps.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 4},
	{Name: "array", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 4},
	{Name: "queue", Type: maps.Queue, ValueSize: 8, MaxEntries: 2},
	{Name: "stack", Type: maps.Stack, ValueSize: 8, MaxEntries: 2},
	{Name: "devmap", Type: maps.DevMap, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "ringbuf", Type: maps.RingBuf, MaxEntries: 4096},
	{Name: "perf", Type: maps.PerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "percpu", Type: maps.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 4},
	{Name: "cpumap", Type: maps.CPUMap, KeySize: 4, ValueSize: 4, MaxEntries: 4},
}

const (
	hashMap mapArg = iota
	arrayMap
	queueMap
	stackMap
	devMap
	ringMap
	perfMap
	percpuMap
	cpuMap
)

// machine is a call with everything a body may reach.
type machine struct {
	t     testing.TB
	mem   *guest.Memory
	table *maps.Table
	slot  *guest.Slot
	bctx  progtype.Bctx
	call  helpers.Call
	env   *helpers.Env
	value *maps.Map
	strs  *maps.Map
	extra []*maps.Map
	maps  []*maps.Map
	fuel  uint64
	// callback is what the program's functions do.
	callback func(fn uint64, args [5]uint64) (uint64, bool)
}

func (m *machine) Charge(n uint64) bool {
	if n > m.fuel {
		m.fuel = 0
		m.call.Trap(trap.Fuel, "")
		return false
	}
	m.fuel -= n
	return true
}

func (m *machine) Callback(fn uint64, args [5]uint64) (uint64, bool) { return m.callback(fn, args) }

func newMachine(t testing.TB, typ *progtype.Type) *machine {
	t.Helper()
	mem, err := guest.NewMemory(guest.DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, mem: mem, table: maps.NewTable(), env: helpers.NewEnv(), fuel: 1 << 30}
	t.Cleanup(m.close)
	if m.slot, err = mem.NewSlot(0, 0); err != nil {
		t.Fatal(err)
	}
	m.bctx.Mem, m.bctx.Slot = mem, m.slot
	m.bctx.Reset(typ)
	m.call = helpers.Call{Mem: mem, Bctx: &m.bctx, Env: m.env, Maps: m.table, Engine: m}
	m.value = m.newMap(&maps.Spec{Name: "value", Type: maps.Array, KeySize: 4, ValueSize: valueSize, MaxEntries: 1})
	return m
}

func (m *machine) newMap(s *maps.Spec) *maps.Map {
	m.t.Helper()
	mp, err := maps.New(m.mem, s, 1, m.table)
	if err != nil {
		m.t.Fatal(err)
	}
	m.maps = append(m.maps, mp)
	return mp
}

// close gives the machine's memory back.
func (m *machine) close() {
	for _, mp := range m.maps {
		mp.Close()
	}
	m.maps = nil
	m.mem.Close()
}

// addr is the guest address of an array map's only value.
func (m *machine) addr(mp *maps.Map) uint64 { return mp.LookupElem(0, make([]byte, 4)) }

// setup lays a packet out as a run does.
func (m *machine) setup(packet []byte, meta uint32) {
	m.t.Helper()
	if err := m.bctx.Type.Setup(&m.bctx, &progtype.Input{Data: packet, Meta: meta}); err != nil {
		m.t.Fatal(err)
	}
}

// helper calls a helper by name.
func (m *machine) helper(name string, args ...uint64) uint64 {
	m.t.Helper()
	h := helpers.ByName(name)
	if h == nil {
		m.t.Fatalf("no helper %s", name)
	}
	m.call.Args = [5]uint64{}
	copy(m.call.Args[:], args)
	r0 := h.Func(&m.call)
	if h.Proto.Ret.Kind == proto.RetVoid {
		return 0
	}
	return r0
}

// uses says whether a script needs one of the extra maps.
func (s *script) uses(m mapArg) bool {
	for _, c := range s.calls {
		for _, a := range c.args {
			if a == m {
				return true
			}
		}
	}
	return false
}

// run runs a script with gbpf's bodies.
func (s *script) run(t testing.TB) *outcome {
	t.Helper()
	m := newMachine(t, progtype.ByKernel(s.typ))
	defer m.close()
	m.setup(s.packet, s.meta)
	strs := make([]byte, max(len(s.strs), 1))
	copy(strs, s.strs)
	m.strs = m.newMap(&maps.Spec{Name: "strs", Type: maps.Array, KeySize: 4, ValueSize: uint32(len(strs)), MaxEntries: 1})
	if err := m.strs.Put(uint32(0), strs); err != nil {
		t.Fatal(err)
	}
	m.extra = make([]*maps.Map, len(extraMaps))
	for i := range m.extra {
		if s.uses(mapArg(i)) {
			m.extra[i] = m.newMap(&extraMaps[i])
		}
	}
	value, ok := m.mem.Slice(m.addr(m.value), valueSize)
	if !ok {
		t.Fatal("no value")
	}
	copy(value[bufAt:], s.buf)
	out := &outcome{}
	for i, c := range s.calls {
		var args []uint64
		for _, a := range c.args {
			switch a := a.(type) {
			case int:
				args = append(args, uint64(int64(a)))
			case uint64:
				args = append(args, a)
			case bctx:
				args = append(args, uint64(m.bctx.Ctx))
			case buf:
				args = append(args, m.addr(m.value)+bufAt+uint64(a))
			case str:
				args = append(args, m.addr(m.strs)+uint64(a))
			case mapArg:
				args = append(args, m.extra[a].Handle())
			default:
				t.Fatalf("argument %T", a)
			}
		}
		r0 := m.helper(c.name, args...)
		if m.call.Err != nil {
			t.Fatalf("%s: call %d, %s: trap: %v", s.name, i, c.name, m.call.Err)
		}
		out.R0 = append(out.R0, r0)
	}
	for _, f := range s.fields {
		v, err := m.bctx.Field(f)
		if err != nil {
			t.Fatal(err)
		}
		out.Fields = append(out.Fields, v)
	}
	out.Buf = append(out.Buf, value[bufAt:]...)
	var o progtype.Output
	m.bctx.Type.Finish(&m.bctx, &o)
	out.Packet = o.Data
	return out
}

// trimmed drops what the script leaves to chance and the zeros behind what it used of the buffer.
func (o *outcome) trimmed(s *script) *outcome {
	for _, i := range s.ignore {
		o.R0[i] = 0
	}
	if s.skipBuf {
		o.Buf = nil
	}
	for len(o.Buf) > 0 && o.Buf[len(o.Buf)-1] == 0 {
		o.Buf = o.Buf[:len(o.Buf)-1]
	}
	return o
}

// diff says how two outcomes differ, call by call.
func (s *script) diff(got, want *outcome) string {
	text := ""
	for i := range s.calls {
		if got.R0[i] != want.R0[i] {
			text += fmt.Sprintf("  call %d, %s%v: r0 = %d (%#x), the kernel's %d (%#x)\n", i, s.calls[i].name, s.calls[i].args,
				int64(got.R0[i]), got.R0[i], int64(want.R0[i]), want.R0[i])
		}
	}
	for i, f := range s.fields {
		if got.Fields[i] != want.Fields[i] {
			text += fmt.Sprintf("  field %s = %#x, the kernel's %#x\n", f, got.Fields[i], want.Fields[i])
		}
	}
	bytesDiff := func(name string, a, b []byte) {
		for i := range max(len(a), len(b)) {
			var x, y byte
			if i < len(a) {
				x = a[i]
			}
			if i < len(b) {
				y = b[i]
			}
			if x != y || name == "packet" && len(a) != len(b) && i == min(len(a), len(b)) {
				lo := max(0, i-8)
				text += fmt.Sprintf("  %s (%d bytes, the kernel's %d) differs at %d:\n    %q\n    %q\n", name, len(a), len(b), i,
					a[min(lo, len(a)):min(i+48, len(a))], b[min(lo, len(b)):min(i+48, len(b))])
				return
			}
		}
	}
	bytesDiff("buffer", got.Buf, want.Buf)
	bytesDiff("packet", got.Packet, want.Packet)
	return text
}

func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
