package conformance

import (
	"encoding/binary"
	"fmt"

	"github.com/gbpf/gbpf/internal/kernel/packets"
)

// A scenario is an object with its maps filled in one way, and programs of it that run on inputs
// one after the other. Maps keep what earlier runs left.
type scenario struct {
	name   string
	consts map[string]any // variables set before loading
	fill   []element
	runs   []progRun
}

// A progRun is one program and what it runs on.
type progRun struct {
	prog   string
	twin   string // what the kernel runs in its place, when it cannot test-run prog
	inputs []input
}

type input struct {
	name string
	data []byte
	ctx  []byte
}

// An element goes into a map before the first run, into all CPUs' values of a per-CPU map.
type element struct {
	mapName    string
	key, value []byte
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le64(v ...uint64) []byte {
	var b []byte
	for _, v := range v {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
func be16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }

// packetInputs are the packets of the set, with a context for each when ctx is not nil.
func packetInputs(ctx func(i int, data []byte) []byte) []input {
	var in []input
	for i, p := range packets.Set() {
		one := input{name: p.Name, data: p.Data}
		if ctx != nil {
			one.ctx = ctx(i, p.Data)
		}
		in = append(in, one)
	}
	return in
}

// onPackets runs each program on the whole set.
func onPackets(progs ...string) []progRun {
	in := packetInputs(nil)
	var runs []progRun
	for _, p := range progs {
		runs = append(runs, progRun{prog: p, inputs: in})
	}
	return runs
}

// operands are pairs of 64-bit values in which every kind of edge meets every other.
func operands() [][2]uint64 {
	edges := []uint64{0, 1, 2, 7, 31, 32, 63, 64, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, 0x123456789abcdef0, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000, ^uint64(0), ^uint64(6)}
	var all [][2]uint64
	for _, a := range edges {
		for _, b := range edges {
			all = append(all, [2]uint64{a, b})
		}
	}
	return all
}

// arithInputs are contexts of struct args in arith.h: two operands and 64 results.
func arithInputs(pairs [][2]uint64) []input {
	var in []input
	for _, p := range pairs {
		in = append(in, input{name: fmt.Sprintf("%#x, %#x", p[0], p[1]), ctx: append(le64(p[0], p[1]), make([]byte, 64*8)...)})
	}
	return in
}

func onContexts(in []input, progs ...string) []progRun {
	var runs []progRun
	for _, p := range progs {
		runs = append(runs, progRun{prog: p, inputs: in})
	}
	return runs
}

// noise is n contexts of size bytes, the same ones every time.
func noise(n, size int) []input {
	x := uint64(0x9e3779b97f4a7c15)
	var in []input
	for i := range n {
		var b []byte
		for len(b) < size {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			v := x
			switch (len(b)/8 + i) % 4 { // small numbers, negative ones and few bits matter as well
			case 1:
				v &= 7
			case 2:
				v = -(v & 0xfff)
			}
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		in = append(in, input{name: fmt.Sprintf("noise %d", i), ctx: b[:size]})
	}
	return in
}

// texts are contexts of strings.c.
func texts(lines ...string) []input {
	var in []input
	for _, l := range lines {
		ctx := make([]byte, 32+16*8+6*64)
		copy(ctx[:32], l)
		in = append(in, input{name: fmt.Sprintf("%q", l), ctx: ctx})
	}
	return in
}

// skbContext sets the fields of struct __sk_buff that a test run takes.
func skbContext(i int, data []byte) []byte {
	b := make([]byte, 192)
	put := func(off int, v uint32) { binary.LittleEndian.PutUint32(b[off:], v) }
	put(8, uint32(i)*0x01010101) // mark
	put(32, uint32(i))           // priority
	put(40, 1)                   // ifindex: the loopback device
	for n := range 5 {
		put(48+4*n, uint32(n*1000+i)) // cb
	}
	binary.LittleEndian.PutUint64(b[152:], uint64(i)<<33) // tstamp
	return b
}

// xdpContext makes a struct xdp_md in which the first bytes of every third packet are metadata.
func xdpContext(i int, data []byte) []byte {
	b := make([]byte, 24)
	if i%3 == 0 && len(data) > 32 {
		binary.LittleEndian.PutUint32(b[0:], 8)
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(data)))
	return b
}

// sample keeps every nth input.
func sample(in []input, n int) []input {
	var out []input
	for i := 0; i < len(in); i += n {
		out = append(out, in[i])
	}
	return out
}

// ownScenarios are those of the objects under testdata/progs.
func ownScenarios() map[string][]scenario {
	target := func(dport uint16, addr [4]byte, port uint16) element {
		return element{"targets", be16(dport), append(append(addr[:], be16(port)...), 0, 0)}
	}
	numbers := texts("0", "12345", "-12345", "12346", "+7", "  42", "0x1f", "0X1F", "017", "08", "abc", "-", "", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
		"99999999999999999999999", "12 34", "12345abc", "1234", "0x", "-0x10", "7fffffffffffffff", "\t\n5", "1\x002")
	values := texts("\x00\x00\x00\x00\x00\x00\x00\x00", "\x01\x00\x00\x00\x02\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff", "abcdefgh",
		"\x00\x00\x00\x80\x00\x00\x00\x00", "\xff\xff\xff\x7f\x00\x00\x00\x80", "\xc0\x00\x02\x01\x0a\x00\x00\x01")
	pairs := operands()
	return map[string][]scenario{
		"xdp_parse":  {{name: "plain", runs: onPackets("parse")}},
		"xdp_adjust": {{name: "plain", runs: append(onPackets("encap", "pop_vlan", "head_limits", "trim", "grow", "meta"), progRun{prog: "meta", inputs: packetInputs(xdpContext)}, progRun{prog: "encap", inputs: packetInputs(xdpContext)})}},
		"xdp_redirect": {
			{name: "empty map", runs: onPackets("to_ifindex", "bad_flags", "by_len", "ctx_fields")},
			{name: "filled map", fill: []element{{"ports", le32(1), le32(1)}, {"ports", le32(6), le32(1)}}, runs: onPackets("by_len")},
			{name: "with context", runs: []progRun{{prog: "ctx_fields", inputs: packetInputs(xdpContext)}}},
		},
		"tc_rewrite": {
			{name: "no targets", runs: onPackets("nat", "mac_swap", "limits", "diff")},
			{name: "targets", fill: []element{target(80, [4]byte{10, 1, 2, 3}, 8080), target(53, [4]byte{10, 9, 8, 7}, 5353), target(443, [4]byte{198, 51, 100, 7}, 443)}, runs: onPackets("nat")},
		},
		"tc_ctx": {
			{name: "plain", runs: onPackets("inspect", "direct", "redirect", "redirect_bad")},
			{name: "with context", runs: []progRun{{prog: "inspect", inputs: packetInputs(skbContext)}, {prog: "direct", inputs: packetInputs(skbContext)}}},
		},
		"sock_filter": {
			{name: "plain", runs: onPackets("snap", "classic", "classic_index", "classic_end", "control")},
			{name: "with context", runs: []progRun{{prog: "control", inputs: packetInputs(skbContext)}}},
		},
		"cgroup_skb": {{name: "plain", runs: onPackets("ingress", "egress", "first_byte")}},
		"raw_tp":     {{name: "plain", runs: []progRun{{prog: "rename", inputs: noise(40, 16)}, {prog: "half", inputs: noise(40, 96)}}}},
		"trace": {{name: "plain", runs: []progRun{
			{prog: "entry", twin: "entry_twin", inputs: noise(40, 168)},
			{prog: "leave", twin: "leave_twin", inputs: noise(40, 168)},
			{prog: "user", twin: "user_twin", inputs: noise(40, 168)},
			{prog: "enter", twin: "enter_twin", inputs: noise(40, 64)},
			{prog: "sample", twin: "sample_twin", inputs: noise(40, 184)},
		}}},
		"arith":    {{name: "plain", runs: onContexts(arithInputs(pairs), "alu64", "alu32", "raw", "euclid", "shift")}},
		"arith_v4": {{name: "plain", runs: onContexts(arithInputs(pairs), "divide", "extend", "far")}},
		"atomics":  {{name: "plain", runs: onContexts(arithInputs(pairs), "fetch", "plain")}},
		"globals":  {{name: "plain", runs: onPackets("globals")}, {name: "limit of 60", consts: map[string]any{"limit": uint32(60)}, runs: onPackets("globals")}},
		"mapinmap": {{name: "plain", runs: onPackets("outer")}},
		"tailcall": {{name: "plain", runs: onPackets("start", "nested", "first")}},
		"loops":    {{name: "plain", runs: onContexts(sample(arithInputs(pairs), 3), "loop", "for_each")}},
		"strings":  {{name: "plain", runs: []progRun{{prog: "parse", inputs: numbers}, {prog: "print", inputs: append(values, numbers...)}}}},
		"ringbuf":  {{name: "plain", runs: onPackets("events_of", "fill")}},
		"perf":     {{name: "plain", runs: onPackets("xdp_event", "tc_event")}},
		"clock":    {{name: "plain", runs: onPackets("clocks")}},
		"maps":     {{name: "plain", runs: onContexts(arithInputs(pairs), "in_array", "in_percpu_array", "in_hash", "in_hash_lazy", "in_percpu_hash", "in_lru_hash", "in_lru_percpu_hash")}},
		"queue":    {{name: "plain", runs: onContexts(arithInputs(pairs), "fifo", "lifo")}},
	}
}

// Flags of xdp-filter's map values: which side and which protocol an element is for. Counters
// lie above them.
const (
	filterSrc = 1 << iota
	filterDst
	filterTCP
	filterUDP
)

// filterScenarios fill the maps of one of xdp-filter's objects in several ways.
func filterScenarios(prog string, has func(string) bool) []scenario {
	port := func(n uint16, flags uint64) element {
		return element{"filter_ports", le32(uint32(n)>>8 | uint32(n)&0xff<<8), le64(flags)} // in network byte order
	}
	v4 := func(a []byte, flags uint64) element { return element{"filter_ipv4", a, le64(flags)} }
	v6 := func(a []byte, flags uint64) element { return element{"filter_ipv6", a, le64(flags)} }
	mac := func(a [6]byte, flags uint64) element { return element{"filter_ethernet", a[:], le64(flags)} }
	a4, b4, c4 := packets.V4A.AsSlice(), packets.V4B.AsSlice(), packets.V4C.AsSlice()
	a6, b6, c6 := packets.V6A.AsSlice(), packets.V6B.AsSlice(), packets.V6C.AsSlice()

	fills := []struct {
		name string
		all  []element
	}{
		{"empty", nil},
		{"destination ports", []element{port(80, filterDst|filterTCP), port(53, filterDst|filterUDP), port(443, filterDst|filterTCP|filterUDP)}},
		{"source ports", []element{port(40000, filterSrc|filterTCP|filterUDP), port(53, filterSrc|filterUDP), port(22, filterSrc|filterTCP)}},
		{"ports, both sides", []element{port(80, filterSrc|filterDst|filterTCP), port(53, filterSrc|filterDst|filterUDP), port(22, filterTCP), port(8080, filterDst)}},
		{"source addresses", []element{v4(a4, filterSrc), v6(a6, filterSrc), mac(packets.MAC3, filterSrc)}},
		{"destination addresses", []element{v4(b4, filterDst), v4(a4, filterDst), v6(b6, filterDst), mac(packets.MAC1, filterDst)}},
		{"addresses, both sides", []element{v4(c4, filterSrc|filterDst), v6(c6, filterSrc|filterDst), v6(a6, filterDst), mac(packets.MAC3, filterSrc|filterDst)}},
		{"everything", []element{port(80, filterDst|filterTCP), port(53, filterSrc|filterDst|filterUDP), v4(a4, filterSrc|filterTCP), v4(c4, filterDst), v6(b6, filterDst), v6(a6, 0), mac(packets.MAC2, filterSrc), mac(packets.MAC1, filterDst)}},
	}
	var all []scenario
	for _, f := range fills {
		s := scenario{name: f.name, runs: onPackets(prog)}
		for _, e := range f.all {
			if has(e.mapName) {
				s.fill = append(s.fill, e)
			}
		}
		if len(s.fill) > 0 || f.all == nil {
			all = append(all, s)
		}
	}
	return all
}

// dispatcherScenarios set the configuration that xdp-dispatcher keeps in .rodata: how many of its
// slots are taken and which return codes go on to the next one.
func dispatcherScenarios() []scenario {
	conf := func(progs uint8, actions uint32) map[string]any {
		b := make([]byte, 124)
		b[0], b[1], b[2] = 236, 2, progs
		for i := range 10 {
			binary.LittleEndian.PutUint32(b[4+4*i:], actions)
		}
		return map[string]any{"conf": b}
	}
	const pass, dispatch = 1 << 2, 1 << 31
	return []scenario{
		{name: "no programs", consts: conf(0, dispatch), runs: onPackets("xdp_dispatcher", "xdp_pass")},
		{name: "ten programs, all go on", consts: conf(10, dispatch), runs: onPackets("xdp_dispatcher")},
		{name: "three programs, only pass goes on", consts: conf(3, pass), runs: onPackets("xdp_dispatcher")},
		{name: "eleven programs", consts: conf(11, dispatch|pass), runs: onPackets("xdp_dispatcher")},
	}
}
