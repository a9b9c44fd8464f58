package verifier_test

import "github.com/gbpf/gbpf/progtype"

// pruneRegressions are about states that are taken for covered though they are not: the first
// way to a point is harmless, the second differs in a number that matters later.
var pruneRegressions = []regression{
	{class: "pruning", name: "offset", code: bounds,
		bad:  "$value; r1 = 4; if r6 == 0 goto big; join: r2 = r1; r2 <<= 1; [r2]; goto out; big: r1 = 40; goto join",
		good: "$value; r1 = 4; if r6 == 0 goto big; join: r2 = r1; r2 <<= 1; [r2]; goto out; big: r1 = 7; goto join"},
	{class: "pruning", name: "offset through the stack", code: bounds,
		bad:  "$value; r1 = 4; if r6 == 0 goto big; join: *(u64 *)(r10 -16) = r1; r1 = 0; r2 = *(u64 *)(r10 -16); [r2]; goto out; big: r1 = 40; goto join",
		good: "$value; r1 = 4; if r6 == 0 goto big; join: *(u64 *)(r10 -16) = r1; r1 = 0; r2 = *(u64 *)(r10 -16); [r2]; goto out; big: r1 = 14; goto join"},
	{class: "pruning", name: "stack slot", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 4; if r6 == 0 goto big; join: r2 = *(u64 *)(r10 -16); [r2]; goto out
			big: *(u64 *)(r10 -16) = 40; goto join`,
		good: `$value; *(u64 *)(r10 -16) = 4; if r6 == 0 goto big; join: r2 = *(u64 *)(r10 -16); [r2]; goto out
			big: *(u64 *)(r10 -16) = 14; goto join`},
	{class: "pruning", name: "half of a stack slot", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 4; *(u32 *)(r10 -16) = 4; if r6 == 0 goto big; join: w2 = 0; r2 = *(u32 *)(r10 -16); [r2]; goto out
			big: *(u32 *)(r10 -16) = 40; goto join`,
		good: `$value; *(u64 *)(r10 -16) = 4; *(u32 *)(r10 -16) = 4; if r6 == 0 goto big; join: w2 = 0; r2 = *(u32 *)(r10 -16); [r2]; goto out
			big: *(u32 *)(r10 -16) = 14; goto join`},
	{class: "pruning", name: "zeros beside what is written", code: bounds,
		bad: `$value; *(u32 *)(r10 -12) = 0; if r6 == 0 goto big; join: *(u32 *)(r10 -16) = 0; r2 = *(u32 *)(r10 -12); [r2]; goto out
			big: *(u32 *)(r10 -12) = 40; goto join`,
		good: `$value; *(u32 *)(r10 -12) = 0; if r6 == 0 goto big; join: *(u32 *)(r10 -16) = 0; r2 = *(u32 *)(r10 -12); [r2]; goto out
			big: *(u32 *)(r10 -12) = 0; goto join`},
	{class: "pruning", name: "sum", code: bounds,
		bad:  "$value; r1 = 4; if r6 == 0 goto big; join: r2 = 3; r2 += r1; [r2]; goto out; big: r1 = 13; goto join",
		good: "$value; r1 = 4; if r6 == 0 goto big; join: r2 = 3; r2 += r1; [r2]; goto out; big: r1 = 12; goto join"},
	{class: "pruning", name: "32-bit move", code: bounds,
		bad:  "$value; r1 = 4; if r6 == 0 goto big; join: w2 = w1; [r2]; goto out; big: r1 = 0x400000010 ll; goto join",
		good: "$value; r1 = 4; if r6 == 0 goto big; join: w2 = w1; [r2]; goto out; big: r1 = 0x40000000f ll; goto join"},
	{class: "pruning", name: "decided branch", code: bounds,
		bad:  "$value; r1 = 4; r2 = 3; if r6 == 0 goto big; join: if r1 == 4 goto ok; r2 = 40; ok: [r2]; goto out; big: r1 = 5; goto join",
		good: "$value; r1 = 4; r2 = 3; if r6 == 0 goto big; join: if r1 == 4 goto ok; r2 = 10; ok: [r2]; goto out; big: r1 = 5; goto join"},
	{class: "pruning", name: "both sides of a decided branch", code: bounds, // CVE-2023-2163
		bad: `$value; r1 = 4; r3 = 9; r2 = 3; if r6 == 0 goto big
			join: if r1 <= r3 goto ok; r2 = 40
			ok: [r2]; goto out
			big: r3 = 1; goto join`,
		good: `$value; r1 = 4; r3 = 9; r2 = 3; if r6 == 0 goto big
			join: if r1 <= r3 goto ok; r2 = 10
			ok: [r2]; goto out
			big: r3 = 1; goto join`},
	{class: "pruning", name: "chain of decided branches", code: bounds,
		bad: `r6 = 1024; r7 = 0; r8 = 0; r9 = -2147483648; r6 %= 1025; goto pc+0
			if r6 <= r9 goto two; r6 %= 1; r9 = 0
			two: if r6 <= r9 goto three; r6 = 0
			three: r0 = 0; *(u32 *)(r10 -4) = r0; r1 = map[0]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 != 0 goto in; exit
			in: r6 >>= 10; r6 *= 8192; r1 = r0; r0 += r6; r3 = *(u64 *)(r0 +0); *(u64 *)(r1 +0) = r3; exit`,
		good: `r6 = 1024; r7 = 0; r8 = 0; r9 = -2147483648; r6 %= 1025; goto pc+0
			if r6 <= r9 goto two; r6 %= 1; r9 = 0
			two: if r6 <= r9 goto three; r6 = 0
			three: r0 = 0; *(u32 *)(r10 -4) = r0; r1 = map[0]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 != 0 goto in; exit
			in: r6 >>= 10; r6 &= 1; r6 *= 8; r1 = r0; r0 += r6; r3 = *(u64 *)(r0 +0); *(u64 *)(r1 +0) = r3; exit`},
	{class: "pruning", name: "over a call", code: bounds,
		bad: `$value; r8 = 4; if r6 == 0 goto big
			join: call f; [r8]
			out: r0 = 0; exit
			big: r8 = 40; goto join
			f: r0 = 0; exit`,
		good: `$value; r8 = 4; if r6 == 0 goto big
			join: call f; [r8]
			out: r0 = 0; exit
			big: r8 = 14; goto join
			f: r0 = 0; exit`},
	{class: "pruning", name: "argument of a function", code: bounds,
		bad: `$value; r1 = 4; if r6 == 0 goto big
			join: call f; [r0]
			out: r0 = 0; exit
			big: r1 = 40; goto join
			f: r0 = r1; exit`,
		good: `$value; r1 = 4; if r6 == 0 goto big
			join: call f; [r0]
			out: r0 = 0; exit
			big: r1 = 14; goto join
			f: r0 = r1; exit`},
	{class: "pruning", name: "result of a function", code: bounds,
		bad: `$value; r1 = r6; call f; [r0]
			out: r0 = 0; exit
			f: r0 = 4; if r1 == 0 goto big
			end: exit
			big: r0 = 40; goto end`,
		good: `$value; r1 = r6; call f; [r0]
			out: r0 = 0; exit
			f: r0 = 4; if r1 == 0 goto big
			end: exit
			big: r0 = 14; goto end`},
	{class: "pruning", name: "callee's stack slot of the caller", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 4; if r6 == 0 goto big
			join: r1 = r10; r1 += -16; call f; [r0]
			out: r0 = 0; exit
			big: *(u64 *)(r10 -16) = 40; goto join
			f: r0 = *(u64 *)(r1 +0); exit`,
		good: `$value; *(u64 *)(r10 -16) = 4; if r6 == 0 goto big
			join: r1 = r10; r1 += -16; call f; [r0]
			out: r0 = 0; exit
			big: *(u64 *)(r10 -16) = 14; goto join
			f: r0 = *(u64 *)(r1 +0); exit`},
	{class: "pruning", name: "caller's stack slot written in a function", code: bounds,
		bad: `$value; r1 = r10; r1 += -16; r2 = r6; call f; r2 = *(u64 *)(r10 -16); [r2]
			out: r0 = 0; exit
			f: if r2 == 0 goto big; *(u64 *)(r1 +0) = 4
			join: r0 = 0; exit
			big: *(u64 *)(r1 +0) = 40; goto join`,
		good: `$value; r1 = r10; r1 += -16; r2 = r6; call f; r2 = *(u64 *)(r10 -16); [r2]
			out: r0 = 0; exit
			f: if r2 == 0 goto big; *(u64 *)(r1 +0) = 4
			join: r0 = 0; exit
			big: *(u64 *)(r1 +0) = 14; goto join`},
	{class: "pruning", name: "stack slot of the caller's caller, written", code: bounds,
		bad: `$value; r1 = r10; r1 += -16; r2 = r6; call f; r2 = *(u64 *)(r10 -16); [r2]
			out: r0 = 0; exit
			f: call g; exit
			g: if r2 == 0 goto big; *(u64 *)(r1 +0) = 4
			join: r0 = 0; exit
			big: *(u64 *)(r1 +0) = 40; goto join`,
		good: `$value; r1 = r10; r1 += -16; r2 = r6; call f; r2 = *(u64 *)(r10 -16); [r2]
			out: r0 = 0; exit
			f: call g; exit
			g: if r2 == 0 goto big; *(u64 *)(r1 +0) = 4
			join: r0 = 0; exit
			big: *(u64 *)(r1 +0) = 14; goto join`},
	{class: "pruning", name: "stack slot of the caller's caller, read", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 4; if r6 == 0 goto big
			join: r1 = r10; r1 += -16; call f; [r0]
			out: r0 = 0; exit
			big: *(u64 *)(r10 -16) = 40; goto join
			f: call g; exit
			g: r0 = *(u64 *)(r1 +0); exit`,
		good: `$value; *(u64 *)(r10 -16) = 4; if r6 == 0 goto big
			join: r1 = r10; r1 += -16; call f; [r0]
			out: r0 = 0; exit
			big: *(u64 *)(r10 -16) = 14; goto join
			f: call g; exit
			g: r0 = *(u64 *)(r1 +0); exit`},
	{class: "pruning", name: "stack slot of the caller's caller, read by a helper", code: "",
		bad: `$value; *(u32 *)(r10 -16) = 3; if r6 == 0 goto big
			join: r1 = r10; r1 += -16; call f; if r0 != 0 goto out; r0 = *(u32 *)(r10 -16); [r0]
			out: r0 = 0; exit
			big: *(u32 *)(r10 -16) = 40; goto join
			f: call g; exit
			g: r2 = r1; r1 = map[0]; call map_lookup_elem; r0 = 0; exit`,
		good: `$value; *(u32 *)(r10 -16) = 3; if r6 == 0 goto big
			join: r1 = r10; r1 += -16; call f; if r0 != 0 goto out; r0 = *(u32 *)(r10 -16); [r0]
			out: r0 = 0; exit
			big: *(u32 *)(r10 -16) = 4; goto join
			f: call g; exit
			g: r2 = r1; r1 = map[0]; call map_lookup_elem; r0 = 0; exit`},
	{class: "pruning", name: "stack slot written in a callback", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 4; r1 = 1; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r2 = *(u64 *)(r10 -16); [r2]
			out: r0 = 0; exit
			f: r6 = r2; call get_prandom_u32; if r0 == 0 goto big; *(u64 *)(r6 +0) = 4
			join: r0 = 0; exit
			big: *(u64 *)(r6 +0) = 40; goto join`,
		good: `$value; *(u64 *)(r10 -16) = 4; r1 = 1; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r2 = *(u64 *)(r10 -16); [r2]
			out: r0 = 0; exit
			f: r6 = r2; call get_prandom_u32; if r0 == 0 goto big; *(u64 *)(r6 +0) = 4
			join: r0 = 0; exit
			big: *(u64 *)(r6 +0) = 14; goto join`},
	{class: "pruning", name: "stack slot written in a function that a callback calls", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 4; r1 = 1; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r2 = *(u64 *)(r10 -16); [r2]
			out: r0 = 0; exit
			f: r1 = r2; call g; r0 = 0; exit
			g: r6 = r1; call get_prandom_u32; if r0 == 0 goto big; *(u64 *)(r6 +0) = 4
			join: r0 = 0; exit
			big: *(u64 *)(r6 +0) = 40; goto join`,
		good: `$value; *(u64 *)(r10 -16) = 4; r1 = 1; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r2 = *(u64 *)(r10 -16); [r2]
			out: r0 = 0; exit
			f: r1 = r2; call g; r0 = 0; exit
			g: r6 = r1; call get_prandom_u32; if r0 == 0 goto big; *(u64 *)(r6 +0) = 4
			join: r0 = 0; exit
			big: *(u64 *)(r6 +0) = 14; goto join`},
	{class: "pruning", name: "size of a helper's memory", code: "",
		bad: `$value; r8 = 8; if r6 == 0 goto big; join: r2 = r8; r1 = r10; r1 += -16; r3 = r7; call probe_read_kernel; goto out
			big: r8 = 24; goto join`,
		good: `$value; r8 = 8; if r6 == 0 goto big; join: r2 = r8; r1 = r10; r1 += -16; r3 = r7; call probe_read_kernel; goto out
			big: r8 = 16; goto join`},
	{class: "pruning", name: "size of a record", code: bounds,
		bad: `$value; r8 = 16; if r6 == 0 goto small; join: r1 = map[2]; r2 = r8; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out
			*(u64 *)(r0 +8) = 1; r1 = r0; r2 = 0; call ringbuf_submit; goto out
			small: r8 = 8; goto join`,
		good: `$value; r8 = 16; if r6 == 0 goto small; join: r1 = map[2]; r2 = r8; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out
			*(u64 *)(r0 +8) = 1; r1 = r0; r2 = 0; call ringbuf_submit; goto out
			small: r8 = 24; goto join`},
	{class: "pruning", name: "constant key", code: "",
		bad: `$value; *(u32 *)(r10 -8) = 3; if r6 == 0 goto big; join: r1 = map[0]; r2 = r10; r2 += -8; call map_lookup_elem; r0 = *(u8 *)(r0 +0); goto out
			big: *(u32 *)(r10 -8) = 4; goto join`,
		good: `$value; *(u32 *)(r10 -8) = 3; if r6 == 0 goto big; join: r1 = map[0]; r2 = r10; r2 += -8; call map_lookup_elem; r0 = *(u8 *)(r0 +0); goto out
			big: *(u32 *)(r10 -8) = 2; goto join`},
	{class: "pruning", name: "return value", code: "", typ: progtype.CgroupSkb,
		bad:  "r6 = *(u32 *)(r1 +0); r8 = 1; if r6 == 0 goto big; join: r0 = r8; exit; big: r8 = 8; goto join",
		good: "r6 = *(u32 *)(r1 +0); r8 = 1; if r6 == 0 goto big; join: r0 = r8; exit; big: r8 = 0; goto join"},
	{class: "pruning", name: "stack offset", code: bounds,
		bad:  "$value; r1 = -8; if r6 == 0 goto big; join: r2 = r10; r2 += r1; *(u64 *)(r2 +0) = 1; goto out; big: r1 = -520; goto join",
		good: "$value; r1 = -8; if r6 == 0 goto big; join: r2 = r10; r2 += r1; *(u64 *)(r2 +0) = 1; goto out; big: r1 = -512; goto join"},
	{class: "pruning", name: "amount of a shift", code: bounds,
		bad:  "$value; r1 = 2; if r6 == 0 goto big; join: r2 = 1; r2 <<= r1; [r2]; goto out; big: r1 = 5; goto join",
		good: "$value; r1 = 2; if r6 == 0 goto big; join: r2 = 1; r2 <<= r1; [r2]; goto out; big: r1 = 3; goto join"},
	{class: "pruning", name: "range instead of constant", code: bounds,
		bad:  "$value; r1 = 4; if r6 == 0 goto big; join: [r1]; goto out; big: r1 = *(u8 *)(r7 +8); goto join",
		good: "$value; r1 = 4; if r6 == 0 goto big; join: [r1]; goto out; big: r1 = *(u8 *)(r7 +8); r1 &= 15; goto join"},
	{class: "pruning", name: "number instead of pointer", code: "",
		bad:  "$value; r1 = r7; if r6 == 0 goto big; join: r0 = *(u8 *)(r1 +0); goto out; big: r1 = 40; goto join",
		good: "$value; r1 = r7; if r6 == 0 goto big; join: r0 = *(u8 *)(r1 +0); goto out; big: r1 = r7; r1 += 8; goto join"},
	{class: "pruning", name: "null instead of pointer", code: "",
		bad: `$value; r8 = r7; if r6 == 0 goto none; join: r0 = *(u8 *)(r8 +0); goto out
			none: *(u32 *)(r10 -4) = 1; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r8 = r0; goto join`,
		good: `$value; r8 = r7; if r6 == 0 goto none; join: r0 = *(u8 *)(r8 +0); goto out
			none: *(u32 *)(r10 -4) = 1; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r8 = r0; goto join`},
	{class: "pruning", name: "another map's value", code: bounds,
		bad:  "$value; r8 = map_value[3]; if r6 == 0 goto small; join: r0 = *(u8 *)(r8 +60); goto out; small: r8 = r7; goto join",
		good: "$value; r8 = map_value[3]; if r6 == 0 goto small; join: r0 = *(u8 *)(r8 +15); goto out; small: r8 = r7; goto join"},
	{class: "pruning", name: "linked on one way only", code: bounds,
		bad:  "$value; r1 = r6; r2 = *(u32 *)(r7 +8); if r2 == 0 goto other; join: if r1 > 15 goto out; [r6]; goto out; other: r6 = *(u64 *)(r7 +8); goto join",
		good: "$value; r1 = r6; r2 = *(u32 *)(r7 +8); if r2 == 0 goto other; join: if r1 > 15 goto out; [r6]; goto out; other: r6 = *(u64 *)(r7 +8); r1 = r6; goto join"},
	{class: "pruning", name: "linked null checks on one way only", code: "",
		bad: `*(u32 *)(r10 -4) = 0; r6 = *(u32 *)(r1 +12); r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r8 = r0
			r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r9 = r8; if r6 == 0 goto other
			join: if r9 == 0 goto out; r0 = *(u8 *)(r8 +0); goto out
			other: r9 = r0; goto join`,
		good: `*(u32 *)(r10 -4) = 0; r6 = *(u32 *)(r1 +12); r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r8 = r0
			r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r9 = r8; if r6 == 0 goto other
			join: if r9 == 0 goto out; r0 = *(u8 *)(r8 +0); goto out
			other: r8 = r0; r9 = r0; goto join`},
	{class: "pruning", name: "packet range on one way only", code: bounds,
		bad: `$packet; r5 = *(u32 *)(r9 +12); r4 = r3; r4 += 14; if r5 == 0 goto other; if r4 > r2 goto out
			join: r0 = *(u8 *)(r3 +0); goto out
			other: r4 = r3; goto join`,
		good: `$packet; r5 = *(u32 *)(r9 +12); r4 = r3; r4 += 14; if r5 == 0 goto other; if r4 > r2 goto out
			join: r0 = *(u8 *)(r3 +0); goto out
			other: r4 = r3; r4 += 2; if r4 > r2 goto out; goto join`},
	{class: "pruning", name: "packet pointers linked on one way only", code: bounds,
		bad: `$packet; r5 = *(u32 *)(r9 +12); r5 &= 255; r6 = *(u32 *)(r9 +16); r1 = r6; r1 >>= 31; r6 &= 255
			r4 = r3; r4 += r5; r8 = r4; if r1 == 0 goto other
			join: r5 = r8; r5 += 4; if r5 > r2 goto out; r0 = *(u8 *)(r4 +0); goto out
			other: r8 = r3; r8 += r6; goto join`,
		good: `$packet; r5 = *(u32 *)(r9 +12); r5 &= 255; r6 = *(u32 *)(r9 +16); r1 = r6; r1 >>= 31; r6 &= 255
			r4 = r3; r4 += r5; r8 = r4; if r1 == 0 goto other
			join: r5 = r8; r5 += 4; if r5 > r2 goto out; r0 = *(u8 *)(r4 +0); goto out
			other: r8 = r3; r8 += r6; r4 = r8; goto join`},
	{class: "pruning", name: "reference on one way only", code: "",
		bad: `r6 = *(u32 *)(r1 +12); r1 = map[2]; r2 = 8; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r8 = r0
			if r6 == 0 goto join; r1 = r8; r2 = 0; call ringbuf_submit
			join: r0 = 1; exit`,
		good: `r6 = *(u32 *)(r1 +12); r1 = map[2]; r2 = 8; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r8 = r0
			if r6 == 0 goto drop; r1 = r8; r2 = 0; call ringbuf_submit
			join: r0 = 1; exit
			drop: r1 = r8; r2 = 0; call ringbuf_discard; goto join`},
	{class: "pruning", name: "uninitialised on one way only", code: "",
		bad:  "$value; if r6 == 0 goto join; r8 = 1; join: r0 = r8; exit",
		good: "$value; r8 = 2; if r6 == 0 goto join; r8 = 1; join: r0 = r8; exit"},
	{class: "pruning", name: "in a loop", code: bounds,
		bad: `$value; r1 = 0; r2 = 4
			top: if r1 == 3 goto end; r1 += 1; if r6 != r1 goto top; r2 = 40; goto top
			end: [r2]`,
		good: `$value; r1 = 0; r2 = 4
			top: if r1 == 3 goto end; r1 += 1; if r6 != r1 goto top; r2 = 14; goto top
			end: [r2]`},
}
