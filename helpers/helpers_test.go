package helpers_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

func TestAllHaveProtos(t *testing.T) {
	last := int32(0)
	for _, h := range helpers.All() {
		if h.Proto.ID <= last {
			t.Errorf("%s#%d is out of order", h.Proto.Name, h.Proto.ID)
		}
		last = h.Proto.ID
		if h.Func == nil {
			t.Errorf("%s has no body", h.Proto.Name)
		}
		if got := helpers.ByID(h.Proto.ID); got == nil || got.Proto != proto.ByName(h.Proto.Name) {
			t.Errorf("%s#%d is not found by number", h.Proto.Name, h.Proto.ID)
		}
	}
	if helpers.ByID(0) != nil || helpers.ByID(1000) != nil || helpers.ByName("nothing") != nil {
		t.Error("a helper that there is not was found")
	}
}

func TestSetAdd(t *testing.T) {
	f := func(*helpers.Call) uint64 { return 7 }
	tests := []struct {
		name string
		h    helpers.Helper
		err  string
	}{
		{"own", helpers.Helper{Proto: &proto.Proto{ID: 5000, Name: "mine"}, Func: f}, ""},
		{"override by number", helpers.Helper{Proto: &proto.Proto{ID: 5}, Func: f}, ""},
		{"override by name", helpers.Helper{Proto: &proto.Proto{Name: "ktime_get_ns"}, Func: f}, ""},
		{"kernel helper without body", helpers.Helper{Proto: &proto.Proto{Name: "fib_lookup"}, Func: f}, ""},
		{"kfunc", helpers.Helper{Proto: &proto.Proto{Name: "bpf_strnstr"}, Func: f, Kfunc: true}, ""},
		{"no prototype", helpers.Helper{Func: f}, "add helper: no prototype"},
		{"no function", helpers.Helper{Proto: &proto.Proto{ID: 5000, Name: "mine"}}, "add helper: mine: no function"},
		{"no name", helpers.Helper{Proto: &proto.Proto{ID: 5000}, Func: f}, "add helper: number 5000: no name"},
		{"no number", helpers.Helper{Proto: &proto.Proto{Name: "mine"}, Func: f}, `add helper: "mine": number 0: a kernel helper's number or one above 211 is wanted`},
		{"prefix", helpers.Helper{Proto: &proto.Proto{ID: 5000, Name: "bpf_mine"}, Func: f}, "add helper: bpf_mine: names go without bpf_"},
		{"other name", helpers.Helper{Proto: &proto.Proto{ID: 5, Name: "mine"}, Func: f}, "add helper: mine: number 5 is the kernel's ktime_get_ns"},
		{"taken name", helpers.Helper{Proto: &proto.Proto{ID: 5000, Name: "ktime_get_ns"}, Func: f}, "add helper: ktime_get_ns: number 5 has that name already"},
		{"gap", helpers.Helper{Proto: &proto.Proto{ID: 5000, Name: "mine", Args: [5]proto.Arg{{}, {Kind: proto.Anything}}}, Func: f},
			"add helper: prototype: mine: argument 2, anything: follows one that is not taken"},
		{"memory without size", helpers.Helper{Proto: &proto.Proto{ID: 5000, Name: "mine", Args: [5]proto.Arg{{Kind: proto.PtrToMem}}}, Func: f},
			"add helper: prototype: mine: argument 1, ptr_to_mem: needs either a fixed size or a size argument behind it"},
		{"key without map", helpers.Helper{Proto: &proto.Proto{ID: 5000, Name: "mine", Args: [5]proto.Arg{{Kind: proto.PtrToMapKey}}}, Func: f},
			"add helper: prototype: mine: argument 1, ptr_to_map_key: no map argument precedes it"},
		{"callback", helpers.Helper{Proto: &proto.Proto{ID: 5000, Name: "mine", Args: [5]proto.Arg{{Kind: proto.PtrToFunc}}}, Func: f},
			"add helper: prototype: mine: a function argument and a callback signature go together"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := helpers.NewSet()
			err := s.Add(tt.h)
			if got := fmt.Sprint(err); err != nil && got != tt.err || err == nil && tt.err != "" {
				t.Fatalf("Add: %v, want %q", err, tt.err)
			}
			if err != nil {
				return
			}
			h := s.ByKfunc(tt.h.Proto.Name)
			if !tt.h.Kfunc {
				id := tt.h.Proto.ID
				if id == 0 {
					id = proto.ByName(tt.h.Proto.Name).ID
				}
				h = s.ByID(id)
				if k := proto.ByID(id); k != nil && *h.Proto != *k {
					t.Errorf("prototype is not the kernel's: %+v", h.Proto)
				}
			}
			if h == nil || h.Func(nil) != 7 {
				t.Error("the helper is not in the set")
			}
		})
	}
}

func TestRenumber(t *testing.T) {
	s := helpers.NewSet()
	f := func(*helpers.Call) uint64 { return 0 }
	for _, h := range []*proto.Proto{{ID: 5000, Name: "a"}, {ID: 5000, Name: "b"}, {ID: 5001, Name: "a"}} {
		if err := s.Add(helpers.Helper{Proto: h, Func: f}); err != nil {
			t.Error(err)
		}
	}
	if got := s.ByID(5000).Proto.Name; got != "b" {
		t.Errorf("helper 5000 is %s", got)
	}
	if n := len(s.All()); n != len(helpers.All())+2 {
		t.Errorf("%d helpers", n)
	}
}

func TestEnv(t *testing.T) {
	m := newMachine(t, progtype.XDP)
	before := m.helper("ktime_get_ns")
	time.Sleep(time.Millisecond)
	if now := m.helper("ktime_get_ns"); now <= before || before == 0 {
		t.Errorf("the clock goes from %d to %d", before, now)
	}
	if got := m.helper("get_current_pid_tgid"); got != 1<<32|1 {
		t.Errorf("get_current_pid_tgid = %#x", got)
	}
	if a, b := m.helper("get_prandom_u32"), m.helper("get_prandom_u32"); a == b && b == m.helper("get_prandom_u32") || a>>32 != 0 {
		t.Errorf("get_prandom_u32 = %d, %d", a, b)
	}
	var lines []string
	*m.env = helpers.Env{
		Clock: func() uint64 { return 9_999_999 }, BootClock: func() uint64 { return 2 }, TAIClock: func() uint64 { return 3 },
		Rand: func() uint32 { return 4 }, Trace: func(s string) { lines = append(lines, s) }, NUMANode: 5, SocketCookie: 6, CgroupClass: 7, RouteRealm: 8, FuncIP: 9, AttachCookie: 10,
		Task: helpers.Task{PID: 12, TGID: 11, UID: 13, GID: 14, CgroupID: 15, CgroupAncestors: []uint64{1, 2}},
	}
	for name, want := range map[string]uint64{
		"ktime_get_ns": 9_999_999, "ktime_get_boot_ns": 2, "ktime_get_tai_ns": 3, "ktime_get_coarse_ns": 8_000_000, "jiffies64": 4294892296 + 2, "get_prandom_u32": 4,
		"get_numa_node_id": 5, "get_socket_cookie": 6, "get_cgroup_classid": 7, "get_route_realm": 8, "get_func_ip": 9, "get_attach_cookie": 10,
		"get_current_pid_tgid": 11<<32 | 12, "get_current_uid_gid": 14<<32 | 13, "get_current_cgroup_id": 15, "get_netns_cookie": 1, "get_smp_processor_id": 0,
	} {
		if got := m.helper(name); got != want {
			t.Errorf("%s = %d, want %d", name, got, want)
		}
	}
	for level, want := range []uint64{1, 2, 15, 0} {
		if got := m.helper("get_current_ancestor_cgroup_id", uint64(level)); got != want {
			t.Errorf("ancestor at level %d = %d, want %d", level, got, want)
		}
	}
	v := m.addr(m.value)
	b, _ := m.mem.Slice(v, 64)
	for _, tt := range []struct {
		comm string
		size uint64
		want string
	}{{"", 16, "gbpf"}, {"a very long command name", 16, "a very long com"}, {"abcdef", 4, "abc"}, {"abcdef", 40, "abcdef"}} {
		m.env.Task.Comm = tt.comm
		for i := range b {
			b[i] = 0xff
		}
		if r0 := m.helper("get_current_comm", v, tt.size); r0 != 0 {
			t.Errorf("get_current_comm = %d", r0)
		}
		if want := append([]byte(tt.want), make([]byte, int(tt.size)-len(tt.want))...); !bytes.Equal(b[:tt.size], want) || b[tt.size] != 0xff {
			t.Errorf("comm %q in %d bytes is %q", tt.comm, tt.size, b)
		}
	}
	copy(b, "%d and %s\n\x00text\x00")
	if r0 := m.helper("trace_printk", v, 11, 1<<64-3, v+11, 0); r0 != 12 || len(lines) != 1 || lines[0] != "-3 and text" {
		t.Errorf("trace_printk = %d, traced %q", int64(r0), lines)
	}
	task := m.helper("get_current_task")
	b[0] = 0xff
	if r0 := m.helper("probe_read_kernel", v, 1, task+2000); r0 != 0 || b[0] != 0 {
		t.Errorf("reading the task: %d, %#x", int64(r0), b[0])
	}
	m.helper("set_retval", 1<<32-5)
	if got := m.helper("get_retval"); int64(got) != -5 {
		t.Errorf("get_retval = %d", int64(got))
	}
}

func TestOutput(t *testing.T) {
	m := newMachine(t, progtype.XDP)
	packet := tcp4(10)
	m.setup(packet, 0)
	ring := m.newMap(&maps.Spec{Name: "ring", Type: maps.RingBuf, MaxEntries: 4096})
	events := m.newMap(&maps.Spec{Name: "events", Type: maps.PerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	rd, err := maps.NewRingbufReader(ring)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	pr, err := maps.NewPerfReader(events, 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer pr.Close()
	v := m.addr(m.value)
	b, _ := m.mem.Slice(v, 8)
	copy(b, "datadata")
	if r0 := m.helper("ringbuf_output", ring.Handle(), v, 5, 0); r0 != 0 {
		t.Errorf("ringbuf_output = %d", int64(r0))
	}
	lost := m.helper("ringbuf_reserve", ring.Handle(), 8, 0)
	m.helper("ringbuf_discard", lost, 0)
	rec := m.helper("ringbuf_reserve", ring.Handle(), 8, 0)
	rb, _ := m.mem.Slice(rec, 8)
	copy(rb, "reserved")
	m.helper("ringbuf_submit", rec, 0)
	for _, want := range []string{"datad", "reserved"} {
		got, err := rd.Read()
		if err != nil || string(got.RawSample) != want {
			t.Errorf("record %q, %v, want %q", got.RawSample, err, want)
		}
	}
	if m.call.Err != nil {
		t.Fatal(m.call.Err)
	}
	if r0 := m.helper("perf_event_output", uint64(m.bctx.Ctx), events.Handle(), 14<<32|1<<32-1, v, 4); r0 != 0 {
		t.Errorf("perf_event_output = %d", int64(r0))
	}
	got, err := pr.Read()
	if err != nil || !bytes.HasPrefix(got.RawSample, append([]byte("data"), packet[:14]...)) {
		t.Errorf("sample %q, %v", got.RawSample, err)
	}
	m.helper("ringbuf_submit", rec, 0)
	if e := m.call.Err; e == nil || e.Code != trap.HelperFault {
		t.Errorf("a record submitted twice: %v", e)
	}
}

func TestRedirect(t *testing.T) {
	m := newMachine(t, progtype.XDP)
	m.setup(tcp4(0), 0)
	if r0 := m.helper("redirect", 7, 0); r0 != progtype.XDPRedirect || m.bctx.Redirect != (progtype.Redirect{Set: true, Ifindex: 7}) {
		t.Errorf("redirect = %d, %+v", r0, m.bctx.Redirect)
	}
	dev := m.newMap(&maps.Spec{Name: "dev", Type: maps.DevMap, KeySize: 4, ValueSize: 4, MaxEntries: 4})
	if err := dev.Put(uint32(2), uint32(9)); err != nil {
		t.Fatal(err)
	}
	if r0 := m.helper("redirect_map", dev.Handle(), 2, 1); r0 != progtype.XDPRedirect || m.bctx.Redirect != (progtype.Redirect{Set: true, Map: uint32(dev.Handle()), Key: 2, Flags: 1}) {
		t.Errorf("redirect_map = %d, %+v", r0, m.bctx.Redirect)
	}
	if r0 := m.helper("redirect_map", dev.Handle(), 3, 1); r0 != 1 || m.bctx.Redirect.Set {
		t.Errorf("redirect_map without an entry = %d, %+v", r0, m.bctx.Redirect)
	}
	m = newMachine(t, progtype.SchedCLS)
	m.setup(tcp4(0), 0)
	var clone []byte
	m.env.CloneRedirect = func(_ *helpers.Call, ifindex uint32, flags uint64, p []byte) int64 {
		clone = p
		return -int64(ifindex + uint32(flags))
	}
	if r0 := m.helper("clone_redirect", uint64(m.bctx.Ctx), 3, 1); int64(r0) != -4 || !bytes.Equal(clone, tcp4(0)) {
		t.Errorf("clone_redirect = %d, %d bytes", int64(r0), len(clone))
	}
}

// TestFuel checks that work that grows with an argument costs fuel, and ends without it.
func TestFuel(t *testing.T) {
	calls := map[string]func(m *machine) []uint64{
		"loop":              func(m *machine) []uint64 { return []uint64{1 << 20, 1, 0, 0} },
		"skb_load_bytes":    func(m *machine) []uint64 { return []uint64{0, 0, m.addr(m.value), 1000} },
		"skb_store_bytes":   func(m *machine) []uint64 { return []uint64{0, 0, m.addr(m.value), 1000, 0} },
		"skb_change_tail":   func(m *machine) []uint64 { return []uint64{0, uint64(m.bctx.DataEnd-m.bctx.Data) + 2000, 0} },
		"csum_diff":         func(m *machine) []uint64 { return []uint64{0, 0, m.addr(m.value), 2000, 0} },
		"probe_read_kernel": func(m *machine) []uint64 { return []uint64{m.addr(m.value), 1000, m.addr(m.value) + 2000} },
		"strncmp":           func(m *machine) []uint64 { return []uint64{m.addr(m.value), 4000, m.addr(m.value)} },
		"strtol":            func(m *machine) []uint64 { return []uint64{m.addr(m.value), 4000, 0, m.addr(m.value)} },
		"get_current_comm":  func(m *machine) []uint64 { return []uint64{m.addr(m.value), 4000} },
	}
	for name, args := range calls {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, progtype.SchedCLS)
			defer m.close()
			m.setup(tcp4(1400), 0)
			m.callback = func(uint64, [5]uint64) (uint64, bool) { return 0, true }
			full := m.fuel
			m.helper(name, args(m)...)
			if used := full - m.fuel; used < 100 {
				t.Errorf("used %d units", used)
			}
			m.fuel = 10
			m.helper(name, args(m)...)
			if m.call.Err == nil || m.call.Err.Code != trap.Fuel {
				t.Errorf("without fuel: %v", m.call.Err)
			}
		})
	}
}

// TestNoPanic calls every body with arguments that no verified program would give it.
func TestNoPanic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, typ := range []*progtype.Type{progtype.XDP, progtype.SchedCLS, progtype.SocketFilter, progtype.Raw, progtype.ByKernel(2)} {
		m := newMachine(t, typ)
		for i := range extraMaps {
			m.newMap(&extraMaps[i])
		}
		v := m.addr(m.value)
		b, _ := m.mem.Slice(v, valueSize)
		values := []func() uint64{
			func() uint64 { return 0 },
			func() uint64 { return v + r.Uint64N(valueSize) },
			func() uint64 { return uint64(m.bctx.Ctx) },
			func() uint64 { return uint64(r.IntN(12)) },
			func() uint64 { return r.Uint64() },
			func() uint64 { return 1<<64 - 1 - uint64(r.IntN(300)) },
			func() uint64 { return uint64(r.Uint32()) },
			func() uint64 { return uint64(r.IntN(5000)) },
			func() uint64 { return m.mem.Limit() - uint64(r.IntN(100)) },
			func() uint64 { return 1 << r.IntN(64) },
		}
		m.callback = func(uint64, [5]uint64) (uint64, bool) { return uint64(r.IntN(2)), r.IntN(10) != 0 }
		in := &progtype.Input{Data: tcp4(100)}
		for i := range 20000 {
			if i%50 == 0 {
				if typ.Kernel == 2 {
					in.Data = nil
				}
				if err := typ.Setup(&m.bctx, in); err != nil {
					t.Fatal(err)
				}
				for k := range b[:256] {
					b[k] = "%dsxpI46 lcu09+-\x00"[r.IntN(17)]
				}
				m.fuel = 1 << 22
			}
			all := helpers.All()
			h := all[r.IntN(len(all))]
			if h.Proto.Name == "spin_lock" {
				continue // waits
			}
			for k := range m.call.Args {
				m.call.Args[k] = values[r.IntN(len(values))]()
			}
			args := m.call.Args
			m.call.Err = nil
			func() {
				defer func() {
					if p := recover(); p != nil {
						t.Fatalf("%s in %s with %#x: panic: %v", h.Proto.Name, typ, args, p)
					}
				}()
				h.Func(&m.call)
			}()
			if b := &m.bctx; b.Data < b.HardStart && b.HardStart != 0 || b.DataEnd < b.Data || b.DataMeta > b.Data || uint64(b.DataEnd) > uint64(m.slot.Packet)+uint64(m.slot.PacketSize) {
				t.Fatalf("%s in %s with %#x: packet is [%#x %#x %#x %#x %#x]", h.Proto.Name, typ, args, b.HardStart, b.DataMeta, b.Data, b.DataEnd, b.HardEnd)
			}
		}
		m.close()
	}
}

func TestSpinLock(t *testing.T) {
	m := newMachine(t, progtype.XDP)
	v := m.addr(m.value)
	var wg sync.WaitGroup
	// The count lies in guest memory: the race detector does not see locks that do.
	count, _ := m.mem.Slice(v+8, 8)
	n := (*int)(unsafe.Pointer(&count[0]))
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := m.call
			for range 1000 {
				c.Args[0] = v
				helpers.ByName("spin_lock").Func(&c)
				*n++
				c.Args[0] = v
				helpers.ByName("spin_unlock").Func(&c)
			}
			if c.Err != nil {
				t.Error(c.Err)
			}
		}()
	}
	wg.Wait()
	if *n != 4000 {
		t.Errorf("counted to %d", *n)
	}
	m.helper("spin_lock", v)
	m.helper("spin_lock", v)
	if m.call.Err == nil || m.call.Err.Code != trap.HelperFault {
		t.Errorf("a lock taken twice: %v", m.call.Err)
	}
	m.call.Err = nil
	m.helper("spin_lock", v+1)
	if m.call.Err == nil || m.call.Err.Code != trap.Misaligned {
		t.Errorf("a misaligned lock: %v", m.call.Err)
	}
}

func TestTraps(t *testing.T) {
	m := newMachine(t, progtype.XDP)
	m.setup(tcp4(0), 0)
	for name, tt := range map[string]struct {
		args []uint64
		code trap.Code
	}{
		"map_lookup_elem": {[]uint64{99, 0}, trap.BadHandle},
		"ringbuf_reserve": {[]uint64{m.value.Handle(), 8}, trap.BadHandle},
		"ringbuf_submit":  {[]uint64{guest.NullZone}, trap.HelperFault},
		"csum_diff":       {[]uint64{1 << 40, 8, 0, 0}, trap.HelperFault},
		"tail_call":       {nil, trap.Internal},
	} {
		m.call.Err = nil
		m.helper(name, tt.args...)
		var e *trap.Trap
		if !errors.As(error(m.call.Err), &e) || e.Code != tt.code || strings.Contains(e.Error(), "\n") {
			t.Errorf("%s: %v, want %s", name, m.call.Err, tt.code)
		}
	}
}
