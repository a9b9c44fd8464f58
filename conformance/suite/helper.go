package suite

import "github.com/gbpf/gbpf/maps"

// helperCases tries helpers whose results are the same everywhere.
func helperCases(yield func(*Case) bool) bool {
	packet := pattern(64)
	for _, c := range []*Case{
		{Name: "get_prandom_u32 has 32 bits", Insns: text("call get_prandom_u32; r0 >>= 32; exit"), Want: 0},
		{Name: "ktime_get_ns goes on", Insns: text("call ktime_get_ns; r6 = r0; call ktime_get_ns; r1 = 1; if r0 >= r6 goto out; r1 = 0; out: r0 = r1; exit"), Want: 1},
		{Name: "ktime_get_boot_ns goes on", Insns: text("call ktime_get_boot_ns; r6 = r0; call ktime_get_boot_ns; r1 = 1; if r0 >= r6 goto out; r1 = 0; out: r0 = r1; exit"), Want: 1},
		{Name: "get_smp_processor_id stays", Insns: text("call get_smp_processor_id; r6 = r0; call get_smp_processor_id; r0 ^= r6; exit"), Want: 0},
		{Name: "loop runs its callback", Insns: text("*(u64 *)(r10 -8) = 0; r1 = 100; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; r1 = *(u64 *)(r10 -8); r0 <<= 32; r0 += r1; exit; f: r3 = *(u64 *)(r2 +0); r3 += r1; *(u64 *)(r2 +0) = r3; r0 = 0; exit"), Want: 100<<32 + 4950},
		{Name: "loop ends when its callback says so", Insns: text("*(u64 *)(r10 -8) = 0; r1 = 100; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; exit; f: r0 = 0; if r1 < 6 goto out; r0 = 1; out: exit"), Want: 7},
		{Name: "loop of none", Insns: text("r1 = 0; r2 = func f; r3 = 0; r4 = 0; call loop; exit; f: r0 = 0; exit"), Want: 0},
		{Name: "loop with flags", Insns: text("r1 = 5; r2 = func f; r3 = 0; r4 = 1; call loop; exit; f: r0 = 0; exit"), Want: 0xffffffffffffffea},
		{Name: "loop of too many", Insns: text("r1 = 0x800001; r2 = func f; r3 = 0; r4 = 0; call loop; exit; f: r0 = 0; exit"), Want: 0xfffffff9},
		{Name: "for_each_map_elem of an array", Maps: []maps.Spec{{Name: "a", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 5}},
			Insns: text("*(u64 *)(r10 -8) = 0; r1 = map[0]; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call for_each_map_elem; r1 = *(u64 *)(r10 -8); r0 <<= 32; r0 += r1; exit; f: r5 = *(u32 *)(r2 +0); r6 = *(u64 *)(r4 +0); r6 += r5; r6 += 1; *(u64 *)(r4 +0) = r6; r0 = 0; exit"), Want: 5<<32 + 15},
		{Name: "strtol", Insns: text("r1 = 0x37332d20 ll; *(u64 *)(r10 -8) = r1; r1 = r10; r1 += -8; r2 = 8; r3 = 10; r4 = r10; r4 += -16; call strtol; r1 = *(u64 *)(r10 -16); r0 <<= 32; r1 &= 0xffff; r0 += r1; exit"), Want: 4<<32 + 0xffdb},
		{Name: "strtoul in hex", Insns: text("r1 = 0x66667830 ll; *(u64 *)(r10 -8) = r1; r1 = r10; r1 += -8; r2 = 8; r3 = 0; r4 = r10; r4 += -16; call strtoul; r1 = *(u64 *)(r10 -16); r0 <<= 32; r0 += r1; exit"), Want: 4<<32 + 255},
		{Name: "skb_load_bytes", Type: "sched_cls", Data: packet, Insns: text("r2 = 9; r3 = r10; r3 += -8; r4 = 8; call skb_load_bytes; r1 = *(u64 *)(r10 -8); r0 += r1; exit"), Want: little(packet[9:], 8)},
		{Name: "skb_load_bytes beyond", Type: "sched_cls", Data: packet, Insns: text("*(u64 *)(r10 -8) = 7; r2 = 60; r3 = r10; r3 += -8; r4 = 8; call skb_load_bytes; exit"), Want: 0xfffffffffffffff2},
		{Name: "skb_store_bytes", Type: "sched_cls", Data: packet, Insns: text("r6 = r1; r7 = 0x0807060504030201 ll; *(u64 *)(r10 -8) = r7; r2 = 20; r3 = r10; r3 += -8; r4 = 8; r5 = 0; call skb_store_bytes; exit"), Want: 0,
			Out: append(append(append([]byte(nil), packet[:20]...), 1, 2, 3, 4, 5, 6, 7, 8), packet[28:]...)},
		{Name: "xdp_load_bytes", Type: "xdp", Data: packet, Insns: text("r2 = 3; r3 = r10; r3 += -8; r4 = 8; call xdp_load_bytes; r1 = *(u64 *)(r10 -8); r0 += r1; exit"), Want: little(packet[3:], 8)},
		{Name: "xdp_adjust_head", Type: "xdp", Data: packet, Insns: text("r2 = 4; call xdp_adjust_head; exit"), Want: 0, Out: packet[4:]},
		{Name: "xdp_adjust_tail", Type: "xdp", Data: packet, Insns: text("r2 = -4; call xdp_adjust_tail; exit"), Want: 0, Out: packet[:60]},
		{Name: "for_each_map_elem of a hash", Maps: []maps.Spec{{Name: "h", Type: maps.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 8}},
			Insns: text(`r6 = 0
				fill: *(u32 *)(r10 -4) = r6; r7 = r6; r7 *= 100; *(u64 *)(r10 -16) = r7; r1 = map[0]; r2 = r10; r2 += -4; r3 = r10; r3 += -16; r4 = 0; call map_update_elem; r6 += 1; if r6 < 5 goto fill
				*(u64 *)(r10 -24) = 0; r1 = map[0]; r2 = func f; r3 = r10; r3 += -24; r4 = 0; call for_each_map_elem; r1 = *(u64 *)(r10 -24); r0 <<= 32; r0 += r1; exit
				f: r5 = *(u64 *)(r3 +0); r6 = *(u64 *)(r4 +0); r6 += r5; *(u64 *)(r4 +0) = r6; r0 = 0; exit`), Want: 5<<32 + 1000},
		{Name: "for_each_map_elem that its callback ends", Maps: []maps.Spec{{Name: "a", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 5}},
			Insns: text("r1 = map[0]; r2 = func f; r3 = 0; r4 = 0; call for_each_map_elem; exit; f: r1 = *(u32 *)(r2 +0); r0 = 0; if r1 < 2 goto out; r0 = 1; out: exit"), Want: 3},
		{Name: "for_each_map_elem with flags", Maps: []maps.Spec{{Name: "a", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 5}},
			Insns: text("r1 = map[0]; r2 = func f; r3 = 0; r4 = 1; call for_each_map_elem; exit; f: r0 = 0; exit"), Want: 0xffffffffffffffea},
		{Name: "ringbuf_output and ringbuf_query", Maps: []maps.Spec{{Name: "r", Type: maps.RingBuf, MaxEntries: 4096}},
			Insns: text("*(u64 *)(r10 -8) = 1; *(u64 *)(r10 -16) = 2; r1 = map[0]; r2 = r10; r2 += -16; r3 = 12; r4 = 1; call ringbuf_output; r6 = r0; r1 = map[0]; r2 = 0; call ringbuf_query; r0 += r6; exit"), Want: 24},
		{Name: "ringbuf_reserve and ringbuf_submit", Maps: []maps.Spec{{Name: "r", Type: maps.RingBuf, MaxEntries: 4096}},
			Insns: text("r1 = map[0]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; *(u64 *)(r0 +0) = 5; *(u64 *)(r0 +8) = 6; r1 = r0; r2 = 1; call ringbuf_submit; r1 = map[0]; r2 = 0; call ringbuf_query; out: exit"), Want: 24},
		{Name: "ringbuf_reserve and ringbuf_discard", Maps: []maps.Spec{{Name: "r", Type: maps.RingBuf, MaxEntries: 4096}},
			Insns: text("r1 = map[0]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 1; call ringbuf_discard; r1 = map[0]; r2 = 3; call ringbuf_query; out: exit"), Want: 24},
		{Name: "ringbuf_query of the size", Maps: []maps.Spec{{Name: "r", Type: maps.RingBuf, MaxEntries: 8192}}, Insns: text("r1 = map[0]; r2 = 1; call ringbuf_query; exit"), Want: 8192},
		{Name: "ringbuf_reserve of too much", Maps: []maps.Spec{{Name: "r", Type: maps.RingBuf, MaxEntries: 4096}},
			Insns: text("r1 = map[0]; r2 = 4096; r3 = 0; call ringbuf_reserve; r6 = 1; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_discard; r6 = 2; out: r0 = r6; exit"), Want: 1},
		{Name: "xdp_get_buff_len", Type: "xdp", Data: packet, Insns: text("call xdp_get_buff_len; exit"), Want: 64},
		{Name: "xdp_store_bytes", Type: "xdp", Data: packet, Insns: text("r7 = 0x0807060504030201 ll; *(u64 *)(r10 -8) = r7; r2 = 20; r3 = r10; r3 += -8; r4 = 8; call xdp_store_bytes; exit"), Want: 0,
			Out: append(append(append([]byte(nil), packet[:20]...), 1, 2, 3, 4, 5, 6, 7, 8), packet[28:]...)},
		{Name: "xdp_load_bytes beyond", Type: "xdp", Data: packet, Insns: text("*(u64 *)(r10 -8) = 7; r2 = 60; r3 = r10; r3 += -8; r4 = 8; call xdp_load_bytes; exit"), Want: 0xffffffffffffffea},
		{Name: "xdp_adjust_tail longer", Type: "xdp", Data: packet, Insns: text("r2 = 4; call xdp_adjust_tail; exit"), Want: 0, Out: append(append([]byte(nil), packet...), 0, 0, 0, 0)},
		{Name: "xdp_adjust_head by more than there is", Type: "xdp", Data: packet, Insns: text("r2 = 60; call xdp_adjust_head; exit"), Want: 0xffffffffffffffea, Out: packet},
		{Name: "redirect of xdp", Type: "xdp", Data: packet, Insns: text("r1 = 1; r2 = 0; call redirect; exit"), Want: 4},
		{Name: "redirect of tc", Type: "sched_cls", Data: packet, Insns: text("r1 = 1; r2 = 0; call redirect; exit"), Want: 7},
		{Name: "csum_diff of a removal", Type: "sched_cls", Data: packet, Insns: text("r1 = 5; *(u32 *)(r10 -4) = r1; r1 = r10; r1 += -4; r2 = 4; r3 = 0; r4 = 0; r5 = 5; call csum_diff; exit"), Want: 0},
		{Name: "csum_diff", Type: "sched_cls", Data: packet, Insns: text("r1 = 0x00020001; *(u32 *)(r10 -4) = r1; r1 = 0; r2 = 0; r3 = r10; r3 += -4; r4 = 4; r5 = 0; call csum_diff; exit"), Want: 3},
	} {
		c.Group, c.RFC = Helpers, "the kernel's manual, bpf-helpers(7)"
		if c.Type == "" {
			c.Type = "syscall"
			if c.Name[:4] != "loop" && c.Name[:3] != "str" && c.Maps == nil {
				c.Type = "sched_cls"
			}
			if c.Type == "sched_cls" {
				c.Data = packet
			}
		}
		if !yield(c) {
			return false
		}
	}
	return true
}
