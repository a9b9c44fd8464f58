package verifier_test

import "github.com/gbpf/gbpf/verifier"

// stackRegressions are about the stack: what a slot holds after part of it changed, and its
// bounds.
var stackRegressions = []regression{
	{class: "stale slot", name: "a byte of a pointer", code: "",
		bad:  "$value; *(u64 *)(r10 -16) = r7; *(u8 *)(r10 -16) = 0; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)",
		good: "$value; *(u64 *)(r10 -16) = r7; *(u8 *)(r10 -24) = 0; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)"},
	{class: "stale slot", name: "upper half of a pointer", code: "",
		bad:  "$value; *(u64 *)(r10 -16) = r7; *(u32 *)(r10 -12) = 0; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)",
		good: "$value; *(u64 *)(r10 -16) = r7; *(u32 *)(r10 -8) = 0; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)"},
	{class: "stale slot", name: "part of a bounded number", code: bounds,
		bad:  "$value; if r6 > 7 goto out; *(u64 *)(r10 -16) = r6; r1 = *(u64 *)(r7 +8); *(u16 *)(r10 -16) = r1; r2 = *(u64 *)(r10 -16); [r2]",
		good: "$value; if r6 > 7 goto out; r1 = *(u64 *)(r7 +8); *(u16 *)(r10 -16) = r1; *(u64 *)(r10 -16) = r6; r2 = *(u64 *)(r10 -16); [r2]"},
	{class: "stale slot", name: "zero", code: bounds,
		bad:  "$value; *(u64 *)(r10 -16) = 0; *(u8 *)(r10 -9) = 1; r2 = *(u64 *)(r10 -16); [r2]",
		good: "$value; *(u64 *)(r10 -16) = 0; *(u8 *)(r10 -8) = 1; r2 = *(u64 *)(r10 -16); [r2]"},
	{class: "stale slot", name: "half a number over a whole one", code: bounds,
		bad:  "$value; *(u64 *)(r10 -16) = r6; *(u32 *)(r10 -16) = 3; r2 = *(u64 *)(r10 -16); [r2]",
		good: "$value; *(u64 *)(r10 -16) = r6; *(u32 *)(r10 -16) = 3; r2 = *(u32 *)(r10 -16); [r2]"},
	{class: "stale slot", name: "half a number, read as whole", code: bounds,
		bad:  "$value; if r6 > 7 goto out; *(u32 *)(r10 -16) = r6; r2 = *(u64 *)(r10 -16); [r2]",
		good: "$value; if r6 > 7 goto out; *(u32 *)(r10 -16) = r6; r2 = *(u32 *)(r10 -16); [r2]"},
	{class: "stale slot", name: "narrow spill of a wide number", code: bounds,
		bad:  "$value; if r6 > 15 goto out; r6 += 256; *(u64 *)(r10 -16) = r6; r2 = *(u16 *)(r10 -16); [r2]",
		good: "$value; if r6 > 15 goto out; r6 += 256; *(u8 *)(r10 -16) = r6; r2 = *(u8 *)(r10 -16); r2 &= 15; [r2]"},
	{class: "stale slot", name: "register that is nothing", code: verifier.CodeUninit,
		bad:  "$value; *(u64 *)(r10 -16) = r7; *(u64 *)(r10 -16) = r8; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)",
		good: "$value; *(u64 *)(r10 -16) = r7; *(u64 *)(r10 -24) = r6; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)"},
	{class: "stale slot", name: "written by a helper", code: "",
		bad:  "$value; *(u64 *)(r10 -16) = r7; r1 = r10; r1 += -16; r2 = 8; r3 = r7; call probe_read_kernel; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)",
		good: "$value; *(u64 *)(r10 -16) = r7; r1 = r10; r1 += -24; r2 = 8; r3 = r7; call probe_read_kernel; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)"},
	{class: "stale slot", name: "written by a helper, size unknown", code: "",
		bad: `$value; *(u64 *)(r10 -16) = r7; r6 &= 15; r1 = r10; r1 += -24; r2 = r6; r3 = r7; call probe_read_kernel
			r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)`,
		good: `$value; *(u64 *)(r10 -16) = r7; r6 &= 7; r1 = r10; r1 += -24; r2 = r6; r3 = r7; call probe_read_kernel
			r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)`},
	{class: "stale slot", name: "number written by a helper", code: bounds,
		bad:  "$value; *(u64 *)(r10 -16) = 0; r1 = r10; r1 += -16; r2 = 8; r3 = r7; call probe_read_kernel; r1 = *(u64 *)(r10 -16); [r1]",
		good: "$value; *(u64 *)(r10 -16) = 0; r1 = r10; r1 += -24; r2 = 8; r3 = r7; call probe_read_kernel; r1 = *(u64 *)(r10 -16); [r1]"},
	{class: "stale slot", name: "written by a function", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 3; r1 = r10; r1 += -16; r2 = r6; call f; r1 = *(u64 *)(r10 -16); [r1]
			out: r0 = 0; exit
			f: *(u64 *)(r1 +0) = r2; r0 = 0; exit`,
		good: `$value; *(u64 *)(r10 -16) = 3; r1 = r10; r1 += -24; r2 = r6; call f; r1 = *(u64 *)(r10 -16); [r1]
			out: r0 = 0; exit
			f: *(u64 *)(r1 +0) = r2; r0 = 0; exit`},
	{class: "stale slot", name: "atomic over a pointer", code: "",
		bad:  "$value; *(u64 *)(r10 -16) = r7; r1 = 8; lock *(u64 *)(r10 -16) += r1; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)",
		good: "$value; *(u64 *)(r10 -16) = r7; r1 = 8; lock *(u64 *)(r10 -24) += r1; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)"},

	{class: "weak store", name: "pointer within reach", code: "",
		bad: `$value; *(u64 *)(r10 -16) = r7; *(u64 *)(r10 -24) = 0; r6 &= 8; r1 = r10; r1 += -24; r1 += r6; r2 = 5; *(u64 *)(r1 +0) = r2
			r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)`,
		good: `$value; *(u64 *)(r10 -16) = r7; *(u64 *)(r10 -24) = 0; *(u64 *)(r10 -32) = 0; r6 &= 8; r1 = r10; r1 += -32; r1 += r6; r2 = 5; *(u64 *)(r1 +0) = r2
			r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)`},
	{class: "weak store", name: "width", code: "",
		bad: `$value; *(u64 *)(r10 -16) = r7; *(u64 *)(r10 -24) = 0; r6 &= 7; r1 = r10; r1 += -24; r1 += r6; r2 = 5; *(u64 *)(r1 +0) = r2
			r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)`,
		good: `$value; *(u64 *)(r10 -16) = r7; *(u64 *)(r10 -24) = 0; r6 &= 7; r1 = r10; r1 += -24; r1 += r6; r2 = 5; *(u8 *)(r1 +0) = r2
			r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)`},
	{class: "weak store", name: "zero", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 0; *(u64 *)(r10 -24) = 0; r6 &= 8; r1 = r10; r1 += -24; r1 += r6; r2 = 99; *(u8 *)(r1 +0) = r2
			r1 = *(u64 *)(r10 -16); [r1]`,
		good: `$value; *(u64 *)(r10 -16) = 0; *(u64 *)(r10 -24) = 0; r6 &= 7; r1 = r10; r1 += -24; r1 += r6; r2 = 99; *(u8 *)(r1 +0) = r2
			r1 = *(u64 *)(r10 -16); [r1]`},
	{class: "weak store", name: "known number", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 3; *(u64 *)(r10 -24) = 3; r6 &= 8; r1 = r10; r1 += -24; r1 += r6; r2 = 99; *(u64 *)(r1 +0) = r2
			r1 = *(u64 *)(r10 -16); [r1]`,
		good: `$value; *(u64 *)(r10 -16) = 3; *(u64 *)(r10 -24) = 3; r6 &= 8; r1 = r10; r1 += -24; r1 += r6; r2 = 99; *(u64 *)(r1 +0) = r2
			r1 = *(u64 *)(r10 -16); r1 &= 15; [r1]`},
	{class: "weak load", name: "of different numbers", code: bounds,
		bad:  "$value; *(u64 *)(r10 -16) = 3; *(u64 *)(r10 -24) = 99; r6 &= 8; r1 = r10; r1 += -24; r1 += r6; r1 = *(u64 *)(r1 +0); [r1]",
		good: "$value; *(u64 *)(r10 -16) = 3; *(u64 *)(r10 -24) = 99; r6 &= 8; r1 = r10; r1 += -24; r1 += r6; r1 = *(u64 *)(r1 +0); r1 &= 15; [r1]"},
	{class: "weak load", name: "of pointers", code: "",
		bad:  "$value; *(u64 *)(r10 -16) = r7; *(u64 *)(r10 -24) = r7; r6 &= 8; r1 = r10; r1 += -24; r1 += r6; r1 = *(u64 *)(r1 +0); r0 = *(u8 *)(r1 +0)",
		good: "$value; *(u64 *)(r10 -16) = r7; *(u64 *)(r10 -24) = r7; r1 = r10; r1 += -24; r1 = *(u64 *)(r1 +0); r0 = *(u8 *)(r1 +0)"},

	{class: "spilled pointer", name: "half of it stored", code: "",
		bad:  "$value; *(u32 *)(r10 -16) = r7; r1 = *(u32 *)(r10 -16); r0 = *(u8 *)(r1 +0)",
		good: "$value; *(u64 *)(r10 -16) = r7; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +0)"},
	{class: "spilled pointer", name: "half of it loaded", code: "",
		bad:  "$value; *(u64 *)(r10 -16) = r7; r1 = *(u32 *)(r10 -16); r0 = *(u8 *)(r1 +0)",
		good: "$value; *(u64 *)(r10 -16) = r7; r1 = *(u64 *)(r10 -16); r0 = *(u8 *)(r1 +8)"},
	{class: "spilled pointer", name: "across two slots", code: "",
		bad:  "$value; *(u64 *)(r10 -16) = r7; *(u64 *)(r10 -24) = r7; r1 = *(u64 *)(r10 -20); r0 = *(u8 *)(r1 +0)",
		good: "$value; *(u64 *)(r10 -16) = r7; *(u64 *)(r10 -24) = r7; r1 = *(u64 *)(r10 -24); r0 = *(u8 *)(r1 +0)"},
	{class: "spilled pointer", name: "unaligned", code: "",
		bad:  "$value; *(u64 *)(r10 -20) = r7; r1 = *(u64 *)(r10 -20); r0 = *(u8 *)(r1 +0)",
		good: "$value; *(u64 *)(r10 -24) = r7; r1 = *(u64 *)(r10 -24); r0 = *(u8 *)(r1 +0)"},

	{class: "stack bounds", name: "above", code: bounds,
		bad:  "*(u8 *)(r10 +0) = 1",
		good: "*(u8 *)(r10 -1) = 1"},
	{class: "stack bounds", name: "below", code: bounds,
		bad:  "*(u64 *)(r10 -520) = 1",
		good: "*(u64 *)(r10 -512) = 1"},
	{class: "stack bounds", name: "end of the access", code: bounds,
		bad:  "*(u64 *)(r10 -4) = 1",
		good: "*(u64 *)(r10 -8) = 1"},
	{class: "stack bounds", name: "unknown offset", code: bounds,
		bad:  "$value; r6 &= 31; r1 = r10; r1 += -16; r1 += r6; *(u8 *)(r1 +0) = 1",
		good: "$value; r6 &= 15; r1 = r10; r1 += -16; r1 += r6; *(u8 *)(r1 +0) = 1"},
	{class: "stack bounds", name: "unknown offset to the top", code: bounds,
		bad:  "$value; r6 &= 511; r1 = r10; r1 += -512; r1 += r6; *(u16 *)(r1 +0) = 1",
		good: "$value; r6 &= 511; r1 = r10; r1 += -512; r1 += r6; *(u8 *)(r1 +0) = 1"},
	{class: "stack bounds", name: "all frames together", code: verifier.CodeLimit,
		bad: `*(u64 *)(r10 -512) = 1; call f; r0 = 0; exit
			f: *(u64 *)(r10 -8) = 1; r0 = 0; exit`,
		good: `*(u64 *)(r10 -256) = 1; call f; r0 = 0; exit
			f: *(u64 *)(r10 -256) = 1; r0 = 0; exit`},
	{class: "stack bounds", name: "frame pointer", code: verifier.CodeStructure,
		bad:  "r10 += -8; *(u64 *)(r10 +0) = 1",
		good: "r1 = r10; r1 += -8; *(u64 *)(r1 +0) = 1"},

	{class: "stack lifetime", name: "address returned", code: "",
		bad: `call f; r1 = *(u64 *)(r0 -8); r0 = 0; exit
			f: *(u64 *)(r10 -8) = 1; r0 = r10; exit`,
		good: `call f; r0 = 0; exit
			f: *(u64 *)(r10 -8) = 1; r0 = 7; exit`},
	{class: "stack lifetime", name: "address stored in the caller's frame", code: "",
		bad: `r1 = r10; r1 += -8; call f; r1 = *(u64 *)(r10 -8); r0 = *(u64 *)(r1 -8); exit
			f: *(u64 *)(r10 -8) = 1; *(u64 *)(r1 +0) = r10; r0 = 0; exit`,
		good: `r1 = r10; r1 += -8; call f; r1 = *(u64 *)(r10 -8); r0 = 0; exit
			f: *(u64 *)(r10 -8) = 1; *(u64 *)(r1 +0) = 7; r0 = 0; exit`},
}
