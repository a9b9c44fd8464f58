package helpers_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gbpf/gbpf/helpers/proto"
)

const (
	socketFilter = 1
	schedCLS     = 3
	xdp          = 6
)

func isPointer(name string) bool { return proto.ByName(name).Ret.Kind == proto.RetPtrToMapValue }

// tcp4 is an Ethernet frame with IPv4, TCP and n bytes of payload.
func tcp4(n int) []byte {
	p := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}
	ip := []byte{0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0xa1, 0xb2, 10, 0, 0, 1, 10, 0, 0, 2}
	binary.BigEndian.PutUint16(ip[2:], uint16(40+n))
	tcp := []byte{0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xff, 0xff, 0x12, 0x34, 0, 0}
	p = slices.Concat(p, ip, tcp)
	for i := range n {
		p = append(p, byte(i))
	}
	return p
}

// vlan puts tags in front of a frame's ethertype.
func vlan(p []byte, tags ...uint32) []byte {
	out := slices.Clone(p[:12])
	for _, t := range tags {
		out = binary.BigEndian.AppendUint32(out, t)
	}
	return append(out, p[12:]...)
}

// scripts are all that TestKernel compares.
func scripts() []*script {
	var all []*script
	all = append(all, xdpScripts()...)
	all = append(all, skbScripts()...)
	all = append(all, vlanScripts()...)
	all = append(all, csumScripts()...)
	all = append(all, stringScripts()...)
	all = append(all, formatScripts()...)
	all = append(all, mapScripts()...)
	all = append(all, redirectScripts()...)
	all = append(all, otherScripts()...)
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(s *script) bool {
		again := seen[s.name]
		seen[s.name] = true
		return again
	})
}

// one makes a script for each call.
func one(name string, typ uint32, packet []byte, calls ...call) []*script {
	var out []*script
	for i, c := range calls {
		out = append(out, &script{name: fmt.Sprintf("%s/%d", name, i), typ: typ, packet: packet, calls: []call{c}})
	}
	return out
}

func xdpScripts() []*script {
	var out []*script
	for _, n := range []int{0, 100, 1400, 3366 - 54, 3400 - 54} {
		for _, d := range []int{0, 1, -1, 14, -14, -216, -217, -256, 40, 60, -4, 4, n, n + 40, n + 41, 200, 2022, 3419 - n - 54, 3420 - n - 54, 3421 - n - 54, -n, -n - 40, -n - 41, 1 << 31} {
			out = append(out, &script{name: fmt.Sprintf("xdp/head/%d/%d", n, d), typ: xdp, packet: tcp4(n), calls: []call{{"xdp_adjust_head", []any{bctx{}, d}}, {"xdp_get_buff_len", []any{bctx{}}}}})
			out = append(out, &script{name: fmt.Sprintf("xdp/tail/%d/%d", n, d), typ: xdp, packet: tcp4(n), calls: []call{{"xdp_adjust_tail", []any{bctx{}, d}}, {"xdp_get_buff_len", []any{bctx{}}}}})
		}
	}
	for _, d := range []int{0, 4, -4, -5, -32, -36, -100, -216, -220, 1} {
		for _, e := range []int{0, 4, -4, -20, 20, -80} {
			out = append(out, &script{name: fmt.Sprintf("xdp/meta/%d/%d", d, e), typ: xdp, packet: tcp4(100), calls: []call{
				{"xdp_adjust_meta", []any{bctx{}, d}}, {"xdp_adjust_head", []any{bctx{}, e}}, {"xdp_adjust_meta", []any{bctx{}, -4}}, {"xdp_adjust_tail", []any{bctx{}, -10}}}})
		}
	}
	for _, meta := range []uint32{4, 32} {
		for _, d := range []int{-8, 8, 30} {
			out = append(out, &script{name: fmt.Sprintf("xdp/given meta/%d/%d", meta, d), typ: xdp, meta: meta, packet: slices.Concat([]byte("0123456789abcdef0123456789abcdef")[:meta], tcp4(60)), calls: []call{
				{"xdp_adjust_head", []any{bctx{}, d}}, {"xdp_adjust_meta", []any{bctx{}, d}}, {"xdp_adjust_meta", []any{bctx{}, 4}}}})
		}
	}
	for _, off := range []int{0, 10, 50, 53, 54, 55, 0xffff, 0x10000, -1} {
		for _, n := range []int{1, 4, 44, 54, 55} {
			s := &script{name: fmt.Sprintf("xdp/bytes/%d/%d", off, n), typ: xdp, packet: tcp4(0), buf: []byte("the quick brown fox jumps over the lazy dog, and then some more"), calls: []call{
				{"xdp_load_bytes", []any{bctx{}, off, buf(100), n}}, {"xdp_store_bytes", []any{bctx{}, off, buf(0), n}}, {"xdp_load_bytes", []any{bctx{}, off, buf(200), n}}}}
			out = append(out, s)
		}
	}
	return out
}

var skbFields = []string{"len", "pkt_type", "hash", "protocol", "vlan_present", "vlan_tci", "vlan_proto"}

func skbScripts() []*script {
	var out []*script
	add := func(name string, typ uint32, p []byte, calls ...call) {
		fields := skbFields
		out = append(out, &script{name: "skb/" + name, typ: typ, packet: p, calls: calls, fields: fields, buf: []byte("the quick brown fox jumps over the lazy dog, and then some more")})
	}
	for _, typ := range []uint32{schedCLS, socketFilter} {
		for _, off := range []int{0, 6, 14, 40, 52, 53, 54, 55, 0xffff, 0x10000, -1, -14} {
			for _, n := range []int{1, 14, 40, 54} {
				add(fmt.Sprintf("load/%d/%d/%d", typ, off, n), typ, tcp4(0), call{"skb_load_bytes", []any{bctx{}, off, buf(100), n}})
				for _, start := range []int{0, 1, 2} {
					add(fmt.Sprintf("relative/%d/%d/%d/%d", typ, off, n, start), typ, tcp4(0), call{"skb_load_bytes_relative", []any{bctx{}, off, buf(0), n, start}})
				}
				if typ != schedCLS {
					continue
				}
				for _, flags := range []int{0, 1, 2, 3, 4} {
					add(fmt.Sprintf("store/%d/%d/%d", off, n, flags), typ, tcp4(0), call{"set_hash", []any{bctx{}, 77}}, call{"skb_store_bytes", []any{bctx{}, off, buf(1), n, flags}})
				}
			}
		}
	}
	for _, n := range []int{0, 100, 1000, 2500} {
		for _, to := range []int{0, 1, 13, 14, 15, 33, 34, 53, 54, 60, 200, 1500, 3000, 4096, 16000, 16064, 16065, 16383, 16384, 20000, -1} {
			add(fmt.Sprintf("tail/%d/%d", n, to), schedCLS, tcp4(n), call{"skb_change_tail", []any{bctx{}, to, 0}}, call{"skb_pull_data", []any{bctx{}, to}}, call{"skb_load_bytes", []any{bctx{}, to - 8, buf(100), 8}})
		}
		for _, by := range []int{0, 1, 14, 50, 200, 256, 300, 2000, 13000, 16000, -1} {
			add(fmt.Sprintf("head/%d/%d", n, by), schedCLS, tcp4(n), call{"skb_change_head", []any{bctx{}, by, 0}}, call{"skb_load_bytes_relative", []any{bctx{}, 0, buf(100), 8, 1}},
				call{"skb_load_bytes_relative", []any{bctx{}, 0, buf(200), 8, 0}}, call{"skb_change_tail", []any{bctx{}, 20, 0}})
		}
		for _, to := range []int{0, 14, 54, 55, 54 + n, 55 + n, -1} {
			add(fmt.Sprintf("pull/%d/%d", n, to), schedCLS, tcp4(n), call{"skb_pull_data", []any{bctx{}, to}})
		}
	}
	add("tail flags", schedCLS, tcp4(0), call{"skb_change_tail", []any{bctx{}, 60, 1}}, call{"skb_change_head", []any{bctx{}, 4, 1}})
	for _, typ := range []int{0, 1, 2, 3, 4, 5, -1} {
		add(fmt.Sprintf("type/%d", typ), schedCLS, tcp4(0), call{"skb_change_type", []any{bctx{}, typ}}, call{"skb_change_type", []any{bctx{}, 2}})
	}
	add("hash", schedCLS, tcp4(0), call{"set_hash", []any{bctx{}, 0x12345678}}, call{"get_hash_recalc", []any{bctx{}}}, call{"set_hash", []any{bctx{}, 0}}, call{"get_hash_recalc", []any{bctx{}}})
	add("hash invalid", schedCLS, tcp4(0), call{"set_hash", []any{bctx{}, 0x12345678}}, call{"set_hash_invalid", []any{bctx{}}})
	add("csum level", schedCLS, tcp4(0), call{"csum_level", []any{bctx{}, 0}}, call{"csum_level", []any{bctx{}, 1}}, call{"csum_level", []any{bctx{}, 0}}, call{"csum_level", []any{bctx{}, 1}}, call{"csum_level", []any{bctx{}, 1}}, call{"csum_level", []any{bctx{}, 1}}, call{"csum_level", []any{bctx{}, 1}}, call{"csum_level", []any{bctx{}, 0}},
		call{"csum_level", []any{bctx{}, 2}}, call{"csum_level", []any{bctx{}, 0}}, call{"csum_level", []any{bctx{}, 3}}, call{"csum_level", []any{bctx{}, 0}}, call{"csum_level", []any{bctx{}, 2}}, call{"csum_level", []any{bctx{}, 4}}, call{"csum_level", []any{bctx{}, uint64(1) << 32}})
	add("csum update", schedCLS, tcp4(0), call{"csum_update", []any{bctx{}, 5}})
	add("classid", schedCLS, tcp4(0), call{"get_cgroup_classid", []any{bctx{}}}, call{"get_route_realm", []any{bctx{}}})
	return out
}

func vlanScripts() []*script {
	var out []*script
	q, ad := 0x0081, 0xa888
	push := func(proto, tci int) call { return call{"skb_vlan_push", []any{bctx{}, proto, tci}} }
	pop := call{"skb_vlan_pop", []any{bctx{}}}
	rel := call{"skb_load_bytes_relative", []any{bctx{}, 0, buf(0), 20, 1}}
	mac := call{"skb_load_bytes_relative", []any{bctx{}, 0, buf(40), 20, 0}}
	packets := map[string][]byte{
		"plain":  tcp4(10),
		"tagged": vlan(tcp4(10), 0x81000064),
		"double": vlan(tcp4(10), 0x88a80065, 0x81000064),
		"triple": vlan(tcp4(10), 0x88a80065, 0x81000064, 0x81002003),
		"8022":   vlan(slices.Concat(tcp4(0)[:12], []byte{0, 20, 0xaa, 0xaa}, tcp4(20)), 0x81000064),
		"8023":   vlan(slices.Concat(tcp4(0)[:12], []byte{0, 20, 0xff, 0xff}, tcp4(20)), 0x81000064),
		"short":  vlan(tcp4(0), 0x81000064)[:16],
	}
	seqs := map[string][]call{
		"push":         {push(q, 100)},
		"push ad":      {push(ad, 0xe064)},
		"push other":   {push(0x0008, 5)},
		"push 0":       {push(q, 0)},
		"push twice":   {push(q, 100), push(ad, 200)},
		"push thrice":  {push(q, 100), push(ad, 200), push(q, 300)},
		"push pop":     {push(q, 100), pop},
		"push2 pop":    {push(q, 100), push(ad, 200), pop},
		"push2 pop2":   {push(q, 100), push(ad, 200), pop, pop},
		"pop":          {pop},
		"pop twice":    {pop, pop},
		"pop thrice":   {pop, pop, pop},
		"pop push pop": {pop, push(ad, 7), pop, push(q, 8), push(q, 9)},
	}
	for pn, p := range packets {
		for sn, seq := range seqs {
			out = append(out, &script{name: "vlan/" + pn + "/" + sn, typ: schedCLS, packet: p, fields: skbFields, calls: append(slices.Clone(seq), rel, mac)})
		}
	}
	slices.SortFunc(out, func(a, b *script) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return out
}

func csumScripts() []*script {
	var out []*script
	r := rand.New(rand.NewPCG(1, 2))
	special := []uint64{0, 1, 0xff, 0xffff, 0xffff0000, 0xffffffff, 0x10000, 0x8000, 1 << 32, 1<<64 - 1}
	pick := func() uint64 {
		if r.IntN(3) == 0 {
			return special[r.IntN(len(special))]
		}
		return uint64(r.Uint32())
	}
	for i := range 30 {
		s := &script{name: fmt.Sprintf("csum/diff/%d", i), typ: schedCLS, packet: tcp4(0)}
		for range 300 {
			b := byte(r.Uint32())
			switch i % 3 {
			case 0:
				b = 0
			case 1:
				b = 0xff
			}
			s.buf = append(s.buf, b)
		}
		for range 20 {
			from, to := r.IntN(20)*4, r.IntN(20)*4
			if r.IntN(8) == 0 {
				from++
			}
			if r.IntN(8) == 0 {
				to = 200
			}
			s.calls = append(s.calls, call{"csum_diff", []any{buf(r.IntN(50) * 2), from, buf(r.IntN(50) * 2), to, pick()}})
		}
		out = append(out, s)
	}
	for i := range 60 {
		s := &script{name: fmt.Sprintf("csum/replace/%d", i), typ: schedCLS, packet: tcp4(r.IntN(20))}
		for range 20 {
			off := []int{24, 50, 0, 1, 52, 53, 54, 100, 0xfffe, 0x10000, -2}[r.IntN(11)]
			flags := []int{0, 2, 4, 1, 8}[r.IntN(5)]
			if r.IntN(2) == 0 {
				off, flags = 24+26*r.IntN(2), []int{0, 2, 4}[r.IntN(3)]
			}
			from := pick()
			if flags&15 == 0 && r.IntN(4) != 0 {
				from = 0
			}
			if r.IntN(2) == 0 {
				s.calls = append(s.calls, call{"l3_csum_replace", []any{bctx{}, off, from, pick(), flags}})
			} else {
				flags |= []int{0, 0x10, 0x20, 0x40, 0x60, 0x70, 0x80, 0xf0, 0x100}[r.IntN(9)]
				s.calls = append(s.calls, call{"l4_csum_replace", []any{bctx{}, off, from, pick(), flags}})
			}
			if r.IntN(4) == 0 {
				s.buf = []byte{0, 0}
				s.calls = append(s.calls, call{"skb_store_bytes", []any{bctx{}, 24 + 26*r.IntN(2), buf(0), 2, 0}})
			}
		}
		out = append(out, s)
	}
	return out
}

func stringScripts() []*script {
	var out []*script
	numbers := []string{"0", "1", "-1", "+1", " 42", "\t\n-42 ", "0x10", "0X1f", "010", "08", "0x", "0xg", "x10", "", " ", "-", "--1", "- 1", "9223372036854775807", "9223372036854775808",
		"-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "99999999999999999999999", "7fffffffffffffff", "0xffffffffffffffff", "777", "1777777777777777777777",
		"12abc", "abc", "ff", "-0", "-0x10", "1_000", "\v\f\r5", "0000000000000000000000000000000000000000000000000000000000000000000001", "                                                                             7", "00x10", "\x005", "\xa05", "5\xff"}
	for i, n := range numbers {
		for _, base := range []int{0, 8, 10, 16, 2, 32, 64} {
			s := &script{name: fmt.Sprintf("string/number/%d/%d", i, base), typ: xdp, packet: tcp4(0), buf: []byte(n)}
			for k, size := range []int{max(len(n), 1), max(len(n)-1, 1), len(n) + 5} {
				s.calls = append(s.calls, call{"strtol", []any{buf(0), size, base, buf(104 + 16*k)}}, call{"strtoul", []any{buf(0), size, base, buf(200 + 16*k)}})
			}
			for k := range 6 {
				for len(s.buf) < 104+16*k {
					s.buf = append(s.buf, 0)
				}
			}
			out = append(out, s)
		}
	}
	words := []string{"abc", "abd", "abcd", "ab", "", "\xff\x80", "abc\x00d", "b"}
	for i, a := range words {
		for k, b := range words {
			s := &script{name: fmt.Sprintf("string/strncmp/%d/%d", i, k), typ: xdp, packet: tcp4(0), buf: []byte(a), strs: b + "\x00"}
			for _, n := range []int{1, 2, 3, 4, 6, 20} {
				s.calls = append(s.calls, call{"strncmp", []any{buf(0), n, str(0)}})
			}
			out = append(out, s)
		}
	}
	return out
}

func formatScripts() []*script {
	var out []*script
	args := func(v ...uint64) []byte {
		var b []byte
		for _, x := range v {
			b = append(b, le64(x)...)
		}
		return b
	}
	n := 0
	// Formats that the verifier refuses for snprintf are given to trace_vprintk.
	add := func(f string, v ...uint64) {
		n++
		s := &script{name: fmt.Sprintf("format/%d %s", n, f), typ: schedCLS, packet: tcp4(0), strs: f + "\x00", buf: args(v...)}
		for len(s.buf) < 100 {
			s.buf = append(s.buf, 0)
		}
		for k, size := range []int{200, 10, 1} {
			s.calls = append(s.calls, call{"snprintf", []any{buf(200 + 300*k), size, str(0), buf(0), 8 * len(v)}})
		}
		s.calls = append(s.calls, call{"trace_vprintk", []any{str(0), len(f) + 1, buf(0), 8 * len(v)}})
		out = append(out, s)
	}
	for _, verb := range []string{"d", "i", "u", "x", "X", "ld", "lld", "lu", "llu", "lx", "llx", "lX", "li", "lli", "llX"} {
		for _, w := range []string{"", "5", "05", "-5", "+", " ", "+5", "-05", "0-5", " 8", "+08", "20", "030", "-30", "0", "-", "00"} {
			for _, v := range []uint64{0, 1, 42, 0xffffffff, 1 << 31, 1<<64 - 1, 1 << 63, 0x123456789abcdef} {
				if (w == "" || w == "05" || w == "+08" || w == "-30") || v == 42 || v == 1<<64-1 {
					add("a%"+w+verb+"b", v)
				}
			}
		}
	}
	add("%d %u %x", 1, 2, 3)
	add("%%")
	add("100%% %d%%", 7)
	add("plain text, tab\tand newline\n")
	add("")
	add("%c", 'x')
	add("%5c|%-5c|", 'x', 'y')
	add("%c%c", 0x141, 'z')
	add("%s", 0)
	add("%10s|%-10s|", 0, 0)
	add("%p", 0)
	add("%px", 0x1234)
	add("%20px|", 0x1234)
	add("%-20px|", 0x1234)
	add("%px.", 1<<64-1)
	add("%pK", 0)
	add("%pS", 0x1234)
	add("%ps", 0x1234)
	add("%pB", 0x1234)
	add("%pI4", 0)
	add("%pi4", 0)
	add("%pI6", 0)
	add("%pi6", 0)
	add("%30pI4|", 0)
	add("%pI4xyz %d", 0, 5)
	add("%d %d %d %d %d %d %d %d %d %d %d %d", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	add("%d", 1, 2, 3)
	add("%us", 0)
	add("%pks", 0)
	add("%pus|%pks.", 0, 0)
	add("caf\xc3\xa9 %d\xc3\xa9", 7)

	// trace_printk and trace_vprintk take a format that the verifier has not seen.
	for i, f := range []string{"%d\x00", "%d", "abc\x00", "%d %d %d\x00", "%d %d %d %d\x00", "%\x00", "%z\x00", "%5\x00", "%5%\x00", "%.3d\x00", "%#x\x00", "%h\x00", "%hd\x00", "%llld\x00", "%lld\x00", "%ll\x00", "%l\x00", "%lc\x00", "%ls\x00",
		"%o\x00", "%n\x00", "%f\x00", "%*d\x00", "%sx\x00", "%s.\x00", "%s %s\x00", "%cx\x00", "%pz\x00", "%p4\x00", "%pI\x00", "%pI5\x00", "%pI4\x00", "%pi6\x00", "%pIx\x00", "%pS\x00", "%psx\x00", "%pK\x00", "%pM\x00", "%k\x00", "%ks\x00", "%us\x00", "%ksx\x00", "%u\x00",
		"\x01\x00", "a\x80\x00", "\x7f\x00", "\x1b[0m\x00", "%d%%\x00", "%%%\x00", "% d\x00", "%- +05d\x00", "%1000d\x00", "%99999d\x00", "%d\n\x00", "\n\x00", "\x00", "%i\x00", "%X\x00", "%c\x00", "%5c\x00", "%-5c.\x00", "%5s\x00", "%p.\x00", "%p%d\x00", "%pd\x00", "%pks\x00", "%pus\x00", "%pksx\x00", "%s\x80\x00", "%s\xa0\x00", "%s\xa1\x00", "%s\xe9\x00", "%s\xd7\x00", "%p\xe9\x00", "%pK\xe9!\x00", "%\xe9\x00", "\xff\x00", "%5pks|\x00"} {
		s := &script{name: fmt.Sprintf("format/trace/%d %q", i, f), typ: schedCLS, packet: tcp4(0)}
		s.buf = make([]byte, 300)
		copy(s.buf, f)
		for _, v := range []uint64{0, 5, 1<<64 - 1} {
			s.calls = append(s.calls, call{"trace_printk", []any{buf(0), len(f), v, v, v}})
			copy(s.buf[100:], args(v, v, v, v))
		}
		for k := range 5 {
			s.calls = append(s.calls, call{"trace_vprintk", []any{buf(0), len(f), buf(100), 8 * k}})
		}
		s.calls = append(s.calls, call{"trace_vprintk", []any{buf(0), len(f), buf(100), 7}}, call{"trace_vprintk", []any{buf(0), len(f), buf(100), 104}})
		out = append(out, s)
	}
	return out
}

func mapScripts() []*script {
	var out []*script
	b := slices.Concat([]byte{0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0}, le64(111), le64(222))
	for _, m := range []mapArg{hashMap, arrayMap} {
		s := &script{name: fmt.Sprintf("map/%d", m), typ: xdp, packet: tcp4(0), buf: b}
		for _, k := range []int{0, 4, 12} {
			for _, f := range []int{0, 1, 2, 3, 8} {
				s.calls = append(s.calls, call{"map_update_elem", []any{m, buf(k), buf(16), f}})
			}
			s.calls = append(s.calls, call{"map_lookup_elem", []any{m, buf(k)}}, call{"map_delete_elem", []any{m, buf(k)}}, call{"map_lookup_elem", []any{m, buf(k)}}, call{"map_delete_elem", []any{m, buf(k)}})
		}
		out = append(out, s)
	}
	for _, m := range []mapArg{queueMap, stackMap} {
		s := &script{name: fmt.Sprintf("map/%d", m), typ: xdp, packet: tcp4(0), buf: b}
		for i, f := range []int{0, 0, 0, 2, 1, 3} {
			s.calls = append(s.calls, call{"map_push_elem", []any{m, buf(16 + 8*(i%2)), f}}, call{"map_peek_elem", []any{m, buf(100 + 8*i)}})
		}
		for i := range 4 {
			s.calls = append(s.calls, call{"map_pop_elem", []any{m, buf(200 + 8*i)}})
		}
		s.calls = append(s.calls, call{"map_peek_elem", []any{m, buf(16)}})
		out = append(out, s)
	}
	s := &script{name: "ringbuf", typ: xdp, packet: tcp4(0), buf: b}
	for _, f := range []int{0, 1, 2, 3, 4} {
		for _, n := range []int{0, 1, 8, 24, 1000} {
			s.calls = append(s.calls, call{"ringbuf_output", []any{ringMap, buf(0), n, f}})
		}
		for q := range 5 {
			if f == 4 || f == 1 && q < 4 {
				s.calls = append(s.calls, call{"ringbuf_query", []any{ringMap, q}})
			}
		}
	}
	out = append(out, s)
	for i, flags := range []uint64{0, 1, 1<<32 - 1, 9, 1 << 32, 54 << 32, 55 << 32, 54<<32 | 1<<32 - 1, 1 << 52, 0xfffff << 32} {
		for _, typ := range []uint32{schedCLS, xdp, socketFilter} {
			out = append(out, &script{name: fmt.Sprintf("perf/%d/%d", typ, i), typ: typ, packet: tcp4(0), buf: b, calls: []call{{"perf_event_output", []any{bctx{}, perfMap, flags, buf(0), 16}}, {"perf_event_output", []any{bctx{}, perfMap, flags, buf(0), 0}}}})
		}
	}
	return out
}

func redirectScripts() []*script {
	var out []*script
	for i, flags := range []uint64{0, 1, 2, 3, 4, 8, 16, 24, 32, 1 << 32, 1 << 63} {
		out = append(out, one(fmt.Sprintf("redirect/%d", i), schedCLS, tcp4(0),
			call{"redirect", []any{1, flags}}, call{"redirect_peer", []any{1, flags}}, call{"redirect_neigh", []any{1, 0, 0, flags}},
			call{"redirect_neigh", []any{1, buf(0), 20, flags}}, call{"redirect_neigh", []any{1, buf(0), 19, flags}}, call{"redirect_neigh", []any{1, buf(0), 40, flags}})...)
		out = append(out, one(fmt.Sprintf("redirect xdp/%d", i), xdp, tcp4(0), call{"redirect", []any{1, flags}}, call{"redirect_map", []any{devMap, 0, flags}}, call{"redirect_map", []any{devMap, 99, flags}}, call{"redirect_map", []any{cpuMap, 0, flags}})...)
	}
	for i, flags := range []uint64{2, 4, 1 << 63} {
		out = append(out, one(fmt.Sprintf("clone/%d", i), schedCLS, tcp4(0), call{"clone_redirect", []any{bctx{}, 1, flags}}, call{"clone_redirect", []any{bctx{}, 0, 0}})...)
	}
	return out
}

func otherScripts() []*script {
	out := one("percpu", xdp, tcp4(0), call{"map_lookup_percpu_elem", []any{percpuMap, buf(0), 0}}, call{"map_lookup_percpu_elem", []any{percpuMap, buf(0), 9999}})
	s := &script{name: "probe", typ: schedCLS, packet: tcp4(0), buf: []byte("hello\x00world, this is text without an end")}
	for k, n := range []int{0, 1, 3, 5, 6, 7, 20} {
		s.calls = append(s.calls,
			call{"probe_read_kernel", []any{buf(100 + 64*k), n, buf(0)}},
			call{"probe_read_kernel_str", []any{buf(600 + 64*k), n, buf(0)}},
			call{"probe_read_kernel_str", []any{buf(1100 + 64*k), n, buf(8)}},
			call{"probe_read_kernel", []any{buf(1600 + 64*k), n, 16}},
			call{"probe_read_kernel_str", []any{buf(2100 + 64*k), n, 16}})
	}
	for i, addr := range []uint64{16, 1 << 46, 1 << 63, 1<<64 - 256} {
		s := &script{name: fmt.Sprintf("probe/bad/%d", i), typ: schedCLS, packet: tcp4(0), buf: []byte("something that is there before")}
		for _, n := range []int{0, 1, 8} {
			for _, h := range []string{"probe_read_kernel", "probe_read_kernel_str", "probe_read_user", "probe_read_user_str"} {
				s.calls = append(s.calls, call{h, []any{buf(0), n, addr}})
			}
		}
		out = append(out, s)
	}
	for len(s.buf) < 3000 {
		s.buf = append(s.buf, 0xee)
	}
	return append(out, s)
}
