package verifier_test

import "github.com/gbpf/gbpf/verifier"

// linkRegressions are about registers that are known to be equal, or equal but for a constant.
var linkRegressions = []regression{
	{class: "linked numbers", name: "32-bit move", code: bounds,
		bad:  "$value; w1 = w6; if r1 > 15 goto out; [r6]",
		good: "$value; w1 = w6; if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "32-bit move of 32 bits", code: bounds,
		bad:  "$value; r6 = *(u64 *)(r7 +8); w1 = w6; if r1 > 15 goto out; [r6]",
		good: "$value; r6 = *(u32 *)(r7 +8); w1 = w6; if r1 > 15 goto out; [r6]"},
	{class: "linked numbers", name: "sign-extending move", code: bounds,
		bad:  "$value; r1 = (s8)r6; if r1 > 15 goto out; [r6]",
		good: "$value; r1 = (s8)r6; if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "constant added", code: bounds,
		bad:  "$value; r1 = r6; r1 += 8; if r1 > 15 goto out; [r6]",
		good: "$value; r6 &= 255; r1 = r6; r1 += 8; if r1 > 15 goto out; [r6]"},
	{class: "linked numbers", name: "constant subtracted", code: bounds,
		bad:  "$value; r6 &= 255; r1 = r6; r1 -= 20; if r1 > 7 goto out; [r6]",
		good: "$value; r6 &= 255; r1 = r6; r1 -= 8; if r1 > 7 goto out; r1 += 8; [r1]"},
	{class: "linked numbers", name: "32-bit constant subtracted", code: bounds,
		bad:  "$value; r6 &= 255; r1 = r6; w1 -= 20; if w1 > 7 goto out; [r6]",
		good: "$value; r6 &= 255; r1 = r6; w1 -= 8; if w1 > 7 goto out; r1 += 8; [r1]"},
	{class: "linked numbers", name: "32-bit constant added", code: bounds,
		bad:  "$value; r1 = r6; w1 += 8; if r1 > 15 goto out; [r6]",
		good: "$value; r6 &= 255; r1 = r6; w1 += 8; if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "32-bit constant taken away", code: bounds,
		bad:  "$value; r1 = r6; w1 += -15; if w1 < -14 goto out; [r6]",
		good: "$value; r6 = *(u32 *)(r7 +8); r1 = r6; w1 += -15; if w1 < -14 goto out; [r6]"},
	{class: "linked numbers", name: "32-bit compare of a sum", code: bounds,
		bad:  "$value; r1 = r6; r1 += 1; if w1 > 15 goto out; [r6]",
		good: "$value; r1 = r6; r1 += 1; if w1 > 15 goto out; w6 &= 15; [r6]"},
	{class: "linked numbers", name: "overwritten", code: bounds,
		bad:  "$value; r1 = r6; r6 = *(u64 *)(r7 +8); if r1 > 15 goto out; [r6]",
		good: "$value; r1 = r6; r6 = *(u64 *)(r7 +8); if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "multiplied", code: bounds,
		bad:  "$value; r1 = r6; r1 *= 2; if r1 > 15 goto out; [r6]",
		good: "$value; r1 = r6; r1 *= 2; if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "truncated", code: bounds,
		bad:  "$value; r1 = r6; r1 = le16 r1; if r1 > 15 goto out; [r6]",
		good: "$value; r1 = r6; r1 = le16 r1; if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "swapped", code: bounds,
		bad:  "$value; r1 = r6; r1 = be64 r1; if r1 > 15 goto out; [r6]",
		good: "$value; r1 = r6; r1 = be64 r1; if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "half spilled", code: bounds,
		bad:  "$value; *(u32 *)(r10 -16) = r6; r1 = *(u32 *)(r10 -16); if r1 > 15 goto out; [r6]",
		good: "$value; *(u32 *)(r10 -16) = r6; r1 = *(u32 *)(r10 -16); if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "half filled", code: bounds,
		bad:  "$value; *(u64 *)(r10 -16) = r6; r1 = *(u32 *)(r10 -16); if r1 > 15 goto out; [r6]",
		good: "$value; *(u64 *)(r10 -16) = r6; r1 = *(u64 *)(r10 -16); if r1 > 15 goto out; [r6]"},
	{class: "linked numbers", name: "a byte filled", code: bounds,
		bad:  "$value; *(u64 *)(r10 -16) = r6; r1 = *(u8 *)(r10 -16); if r1 > 15 goto out; [r6]",
		good: "$value; *(u64 *)(r10 -16) = r6; r1 = *(u8 *)(r10 -16); if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "upper half filled", code: bounds,
		bad:  "$value; *(u64 *)(r10 -16) = r6; r1 = *(u32 *)(r10 -12); if r1 > 15 goto out; [r6]",
		good: "$value; *(u64 *)(r10 -16) = r6; r1 = *(u32 *)(r10 -12); if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "spilled, then changed", code: bounds,
		bad:  "$value; *(u64 *)(r10 -16) = r6; r6 += 1; if r6 > 15 goto out; r1 = *(u64 *)(r10 -16); [r1]",
		good: "$value; *(u64 *)(r10 -16) = r6; if r6 > 15 goto out; r1 = *(u64 *)(r10 -16); [r1]"},
	{class: "linked numbers", name: "spilled sign-extended", code: bounds,
		bad:  "$value; *(u64 *)(r10 -16) = r6; r1 = *(s32 *)(r10 -16); if r1 > 15 goto out; [r6]",
		good: "$value; *(u64 *)(r10 -16) = r6; r1 = *(s32 *)(r10 -16); if r1 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "over a call", code: bounds,
		bad:  "$value; r8 = r6; call get_prandom_u32; if r0 > 15 goto out; [r8]",
		good: "$value; r8 = r6; call get_prandom_u32; if r8 > 15 goto out; [r6]"},
	{class: "linked numbers", name: "in a callee", code: bounds,
		bad: `$value; r8 = r6; r1 = r6; call f; [r8]
			out: r0 = 0; exit
			f: r0 = 0; if r1 > 15 goto end; r0 = 1
			end: exit`,
		good: `$value; r8 = r6; r1 = r6; call f; if r0 != 0 goto out; if r8 > 15 goto out; [r6]
			out: r0 = 0; exit
			f: r0 = 0; if r1 > 15 goto end; r0 = 1
			end: exit`},
	{class: "linked numbers", name: "equal registers", code: bounds,
		bad:  "$value; r1 = *(u64 *)(r7 +8); if r1 > 15 goto out; if w6 != w1 goto out; [r6]",
		good: "$value; r1 = *(u64 *)(r7 +8); if r1 > 15 goto out; if r6 != r1 goto out; [r6]"},
	{class: "linked numbers", name: "not equal registers", code: bounds,
		bad:  "$value; r1 = *(u64 *)(r7 +8); if r1 > 15 goto out; if r6 == r1 goto out; [r6]",
		good: "$value; r1 = *(u64 *)(r7 +8); if r1 > 15 goto out; if r6 == r1 goto out; [r1]"},
	{class: "linked numbers", name: "less than a bounded one", code: bounds,
		bad:  "$value; r1 = *(u64 *)(r7 +8); if r1 > 16 goto out; if r6 s> r1 goto out; [r6]",
		good: "$value; r1 = *(u64 *)(r7 +8); if r1 > 16 goto out; if r6 >= r1 goto out; [r6]"},

	{class: "linked pointers", name: "null check of another lookup", code: verifier.CodeNull,
		bad: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r8 = r0
			r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r0 = *(u8 *)(r8 +0)`,
		good: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r8 = r0
			r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if r8 == 0 goto out; r0 = *(u8 *)(r8 +0)`},
	{class: "linked pointers", name: "null check of a copy", code: verifier.CodeNull,
		bad: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r8 = r0
			if r8 == 0 goto null; r0 = 0; exit; null: r0 = *(u8 *)(r0 +0); exit`,
		good: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r8 = r0
			if r8 == 0 goto out; r0 = *(u8 *)(r0 +0)`},
	{class: "linked pointers", name: "null check of a spilled copy", code: verifier.CodeNull,
		bad: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; *(u64 *)(r10 -16) = r0
			r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)`,
		good: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; *(u64 *)(r10 -16) = r0
			if r0 == 0 goto out; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)`},
	{class: "linked pointers", name: "null check of the low half", code: "",
		bad:  "*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if w0 == 0 goto out; r0 = *(u8 *)(r0 +0)",
		good: "*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r0 = *(u8 *)(r0 +0)"},
	{class: "linked pointers", name: "compared with one", code: verifier.CodeNull,
		bad:  "*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 1 goto out; r0 = *(u8 *)(r0 +0)",
		good: "*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 != 0 goto yes; goto out; yes: r0 = *(u8 *)(r0 +0)"},
	{class: "linked pointers", name: "compared with a pointer that may be null", code: verifier.CodeNull,
		bad: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r8 = r0
			r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 != r8 goto out; r0 = *(u8 *)(r8 +0)`,
		good: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; r8 = r0
			r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; if r0 != r8 goto out; r0 = *(u8 *)(r8 +0)`},
}
