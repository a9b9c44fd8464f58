package verifier_test

import (
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// callRegressions are about arguments and results of helpers and functions.
var callRegressions = []regression{
	{class: "helper memory", name: "size", code: bounds,
		bad:  "$value; r1 = r10; r1 += -16; r2 = 17; r3 = r7; call probe_read_kernel",
		good: "$value; r1 = r10; r1 += -16; r2 = 16; r3 = r7; call probe_read_kernel"},
	{class: "helper memory", name: "negative size", code: "",
		bad:  "$value; r2 = r6; if r2 s> 16 goto out; r1 = r10; r1 += -16; r3 = r7; call probe_read_kernel",
		good: "$value; r2 = r6; if r2 s> 16 goto out; if r2 s< 0 goto out; r1 = r10; r1 += -16; r3 = r7; call probe_read_kernel"},
	{class: "helper memory", name: "size of 32 bits", code: "",
		bad:  "$value; r2 = r6; if w2 > 16 goto out; r1 = r10; r1 += -16; r3 = r7; call probe_read_kernel",
		good: "$value; w2 = w6; if w2 > 16 goto out; r1 = r10; r1 += -16; r3 = r7; call probe_read_kernel"},
	{class: "helper memory", name: "unbounded size", code: "",
		bad:  "$value; r2 = r6; r1 = r10; r1 += -16; r3 = r7; call probe_read_kernel",
		good: "$value; r2 = r6; r2 &= 15; r1 = r10; r1 += -16; r3 = r7; call probe_read_kernel"},
	{class: "helper memory", name: "size zero", code: "", typ: progtype.SchedCLS,
		bad:  "r6 = r1; r0 = *(u32 *)(r1 +8); r4 = r0; r4 &= 15; r1 = r6; r2 = 0; r3 = r10; r3 += -16; call skb_load_bytes; r0 = 0; exit",
		good: "r6 = r1; r0 = *(u32 *)(r1 +8); r4 = r0; r4 &= 14; r4 += 1; r1 = r6; r2 = 0; r3 = r10; r3 += -16; call skb_load_bytes; r0 = 0; exit"},
	{class: "helper memory", name: "map value", code: bounds,
		bad:  "$value; r1 = map[2]; r2 = r7; r3 = 17; r4 = 0; call ringbuf_output",
		good: "$value; r1 = map[2]; r2 = r7; r3 = 16; r4 = 0; call ringbuf_output"},
	{class: "helper memory", name: "map value at an unknown offset", code: bounds,
		bad:  "$value; r6 &= 8; r7 += r6; r1 = map[2]; r2 = r7; r3 = 9; r4 = 0; call ringbuf_output",
		good: "$value; r6 &= 8; r7 += r6; r1 = map[2]; r2 = r7; r3 = 8; r4 = 0; call ringbuf_output"},
	{class: "helper memory", name: "read-only memory written", code: "",
		bad:  "$value; r1 = map_value[5]; r2 = 8; r3 = r7; call probe_read_kernel",
		good: "$value; r1 = map_value[3]; r2 = 8; r3 = r7; call probe_read_kernel"},
	{class: "helper memory", name: "record", code: bounds,
		bad: `$value; r1 = map[2]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r6 = r0
			r1 = r6; r2 = 24; r3 = r7; call probe_read_kernel; r1 = r6; r2 = 0; call ringbuf_submit`,
		good: `$value; r1 = map[2]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r6 = r0
			r1 = r6; r2 = 16; r3 = r7; call probe_read_kernel; r1 = r6; r2 = 0; call ringbuf_submit`},
	{class: "helper memory", name: "number", code: "",
		bad:  "$value; r1 = map[2]; r2 = r6; r3 = 8; r4 = 0; call ringbuf_output",
		good: "$value; r1 = map[2]; r2 = r7; r3 = 8; r4 = 0; call ringbuf_output"},
	{class: "helper memory", name: "key across the frame's top", code: bounds,
		bad:  "*(u64 *)(r10 -8) = 0; r1 = map[0]; r2 = r10; r2 += -2; call map_lookup_elem",
		good: "*(u64 *)(r10 -8) = 0; r1 = map[0]; r2 = r10; r2 += -4; call map_lookup_elem"},
	{class: "helper memory", name: "value of the map's size", code: bounds,
		bad:  "*(u64 *)(r10 -8) = 0; *(u32 *)(r10 -12) = 0; r1 = map[1]; r2 = r10; r2 += -12; r3 = r10; r3 += -8; r4 = 0; call map_update_elem",
		good: "*(u64 *)(r10 -8) = 0; *(u64 *)(r10 -16) = 0; *(u32 *)(r10 -20) = 0; r1 = map[1]; r2 = r10; r2 += -20; r3 = r10; r3 += -16; r4 = 0; call map_update_elem"},
	{class: "helper memory", name: "packet", code: bounds,
		bad:  "$packet; r4 = r3; r4 += 8; if r4 > r2 goto out; r1 = map[1]; r2 = r3; r3 = r2; r4 = 0; call map_update_elem",
		good: "$packet; r4 = r3; r4 += 16; if r4 > r2 goto out; r1 = map[1]; r2 = r3; r3 = r2; r4 = 0; call map_update_elem"},

	{class: "helper", name: "arguments are lost", code: "",
		bad:  "r1 = 5; call get_prandom_u32; r0 = r1; exit",
		good: "r6 = 5; call get_prandom_u32; r0 = r6; exit"},
	{class: "helper", name: "result of a helper is unknown", code: bounds,
		bad:  "$value; call get_prandom_u32; [r0]",
		good: "$value; call get_prandom_u32; r0 &= 15; r7 += r0; r0 = *(u8 *)(r7 +0)"},
	{class: "helper", name: "error of a helper is negative", code: bounds,
		bad:  `$value; r1 = r10; r1 += -16; r2 = 8; r3 = r7; call probe_read_kernel; if r0 s> 15 goto out; [r0]`,
		good: `$value; r1 = r10; r1 += -16; r2 = 8; r3 = r7; call probe_read_kernel; if r0 s> 15 goto out; if r0 s< 0 goto out; r1 = r0; [r1]`},
	{class: "helper", name: "context argument", code: "",
		bad:  "$value; r1 = r7; r2 = 4; call xdp_adjust_head",
		good: "r2 = 4; call xdp_adjust_head"},
	{class: "helper", name: "context argument at an offset", code: "",
		bad:  "r1 += 4; r2 = 4; call xdp_adjust_head",
		good: "r6 = r1; r1 = r6; r2 = 4; call xdp_adjust_head"},
	{class: "helper", name: "of another program type", code: verifier.CodeHelper,
		bad:  "r2 = 4; r3 = 0; call skb_change_tail",
		good: "r2 = 4; call xdp_adjust_tail"},
	{class: "helper", name: "legacy packet load loses registers", code: "", typ: progtype.SchedCLS,
		bad:  "r6 = r1; r2 = 3; r0 = *(u8 *)skb[0]; r0 = r2; r0 = 0; exit",
		good: "r6 = r1; r7 = 3; r0 = *(u8 *)skb[0]; r0 = r7; r0 = 0; exit"},
	{class: "helper", name: "legacy packet load needs the context", code: "", typ: progtype.SchedCLS,
		bad:  "r6 = 5; r0 = *(u8 *)skb[0]; r0 = 0; exit",
		good: "r6 = r1; r0 = *(u8 *)skb[0]; r0 = 0; exit"},

	{class: "function", name: "result", code: bounds,
		bad: `$value; r1 = r6; call f; [r0]
			out: r0 = 0; exit
			f: r0 = r1; r0 &= 31; exit`,
		good: `$value; r1 = r6; call f; [r0]
			out: r0 = 0; exit
			f: r0 = r1; r0 &= 15; exit`},
	{class: "function", name: "called twice with different arguments", code: bounds,
		bad: `$value; r1 = 3; call f; r1 = r0; [r1]; r1 = 40; call f; r7 -= 3; r1 = r0; [r1]
			out: r0 = 0; exit
			f: r0 = r1; exit`,
		good: `$value; r1 = 3; call f; r1 = r0; [r1]; r1 = 14; call f; r7 -= 3; r1 = r0; [r1]
			out: r0 = 0; exit
			f: r0 = r1; exit`},
	{class: "function", name: "argument registers are lost", code: "",
		bad: `r2 = 1; call f; r0 = r2; exit
			f: r0 = 0; exit`,
		good: `r6 = 1; call f; r0 = r6; exit
			f: r0 = 0; exit`},
	{class: "function", name: "saved registers are not the callee's", code: "",
		bad: `r6 = 1; call f; r0 = 0; exit
			f: r0 = r6; exit`,
		good: `r6 = 1; r1 = r6; call f; r0 = 0; exit
			f: r0 = r1; exit`},
	{class: "function", name: "no result", code: "",
		bad: `$value; r1 = r6; call f; [r0]
			out: r0 = 0; exit
			f: if r1 == 0 goto end; r0 = 3
			end: exit`,
		good: `$value; r1 = r6; call f; [r0]
			out: r0 = 0; exit
			f: r0 = 5; if r1 == 0 goto end; r0 = 3
			end: exit`},
	{class: "function", name: "loop in it", code: bounds,
		bad: `r1 = r10; r1 += -16; call f; r0 = 0; exit
			f: r2 = 0
			top: *(u8 *)(r1 +0) = 1; r1 += 1; r2 += 1; if r2 != 17 goto top; r0 = 0; exit`,
		good: `r1 = r10; r1 += -16; call f; r0 = 0; exit
			f: r2 = 0
			top: *(u8 *)(r1 +0) = 1; r1 += 1; r2 += 1; if r2 != 16 goto top; r0 = 0; exit`},
	{class: "function", name: "recursion", code: verifier.CodeStructure,
		bad: `call f; r0 = 0; exit
			f: r1 = 0; call f; r0 = 0; exit`,
		good: `call f; r0 = 0; exit
			f: r1 = 0; call g; r0 = 0; exit
			g: r0 = 0; exit`},
	{class: "function", name: "packet pointer argument keeps its range", code: bounds,
		bad: `$packet; r4 = r3; r4 += 14; if r4 > r2 goto out; r1 = r3; call f
			out: r0 = 0; exit
			f: r0 = *(u16 *)(r1 +13); exit`,
		good: `$packet; r4 = r3; r4 += 14; if r4 > r2 goto out; r1 = r3; call f
			out: r0 = 0; exit
			f: r0 = *(u16 *)(r1 +12); exit`},

	{class: "return value", name: "constant", code: verifier.CodeReturn, typ: progtype.CgroupSkb,
		bad:  "r0 = 2; exit",
		good: "r0 = 1; exit"},
	{class: "return value", name: "range", code: verifier.CodeReturn, typ: progtype.CgroupSkb,
		bad:  "r0 = *(u32 *)(r1 +0); r0 &= 3; exit",
		good: "r0 = *(u32 *)(r1 +0); r0 &= 1; exit"},
	{class: "return value", name: "pointer", code: "", typ: progtype.CgroupSkb,
		bad:  "r0 = r10; exit",
		good: "r0 = 1; exit"},
	{class: "return value", name: "nothing", code: "",
		bad:  "r1 = 0; exit",
		good: "r0 = 0; exit"},
	{class: "return value", name: "of a function", code: verifier.CodeReturn, typ: progtype.CgroupSkb,
		bad: `call f; exit
			f: r0 = 8; exit`,
		good: `call f; r0 = 1; exit
			f: r0 = 8; exit`},
}
