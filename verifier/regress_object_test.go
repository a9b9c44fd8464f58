package verifier_test

import (
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

const record = "r1 = map[2]; r2 = 16; r3 = 0; call ringbuf_reserve; "

// lockValue looks up a value with a lock into R7.
const lockValue = `
	*(u32 *)(r10 -4) = 0; r1 = map[4]; r2 = r10; r2 += -4; call map_lookup_elem
	if r0 == 0 goto out; r7 = r0; `

// objectRegressions are about pointers that may be NULL, records, locks and types of maps.
var objectRegressions = []regression{
	{class: "pointer or null", name: "arithmetic before the check", code: "", // CVE-2022-23222
		bad: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem
			r1 = r0; r1 += 1; if r0 == 0 goto out; r0 = *(u8 *)(r1 +0)`,
		good: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem
			if r0 == 0 goto out; r1 = r0; r1 += 1; r0 = *(u8 *)(r1 +0)`},
	{class: "pointer or null", name: "null is a number afterwards", code: "",
		bad: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem
			r1 = r0; r1 += 8; if r1 == 0 goto out; r0 = *(u8 *)(r1 +0)`,
		good: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem
			r1 = r0; if r1 == 0 goto out; r1 += 8; r0 = *(u8 *)(r1 +0)`},
	{class: "pointer or null", name: "record", code: "",
		bad:  record + "r6 = r0; r6 += 8; if r0 == 0 goto out; *(u8 *)(r6 +0) = 1; r1 = r0; r2 = 0; call ringbuf_submit",
		good: record + "if r0 == 0 goto out; r6 = r0; r6 += 8; *(u8 *)(r6 +0) = 1; r1 = r0; r2 = 0; call ringbuf_submit"},
	{class: "pointer or null", name: "given to a helper", code: "",
		bad: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem
			r1 = map[1]; r2 = r10; r2 += -4; r3 = r0; r4 = 0; call map_update_elem`,
		good: `*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out
			r1 = map[1]; r2 = r10; r2 += -4; r3 = r0; r4 = 0; call map_update_elem`},

	{class: "record", name: "beyond its end", code: bounds,
		bad:  record + "if r0 == 0 goto out; *(u64 *)(r0 +9) = 1; r1 = r0; r2 = 0; call ringbuf_submit",
		good: record + "if r0 == 0 goto out; *(u64 *)(r0 +8) = 1; r1 = r0; r2 = 0; call ringbuf_submit"},
	{class: "record", name: "submitted at an offset", code: "", // CVE-2022-0500
		bad:  record + "if r0 == 0 goto out; r1 = r0; r1 += 8; r2 = 0; call ringbuf_submit",
		good: record + "if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit"},
	{class: "record", name: "submitted at an unknown offset", code: "",
		bad:  "$value; r6 &= 8; " + record + "if r0 == 0 goto out; r1 = r0; r1 += r6; r2 = 0; call ringbuf_submit",
		good: "$value; r6 &= 8; " + record + "if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit"},
	{class: "record", name: "leaked", code: verifier.CodeReference,
		bad:  record + "if r0 == 0 goto out; *(u64 *)(r0 +0) = 1",
		good: record + "if r0 == 0 goto out; *(u64 *)(r0 +0) = 1; r1 = r0; r2 = 0; call ringbuf_discard"},
	{class: "record", name: "used after it was submitted", code: "",
		bad:  record + "if r0 == 0 goto out; r6 = r0; r1 = r0; r2 = 0; call ringbuf_submit; *(u64 *)(r6 +0) = 1",
		good: record + "if r0 == 0 goto out; r6 = r0; *(u64 *)(r6 +0) = 1; r1 = r0; r2 = 0; call ringbuf_submit"},
	{class: "record", name: "copy on the stack used after it was submitted", code: "",
		bad:  record + "if r0 == 0 goto out; *(u64 *)(r10 -16) = r0; r1 = r0; r2 = 0; call ringbuf_submit; r1 = *(u64 *)(r10 -16); *(u64 *)(r1 +0) = 1",
		good: record + "if r0 == 0 goto out; *(u64 *)(r10 -16) = r0; r1 = *(u64 *)(r10 -16); *(u64 *)(r1 +0) = 1; r1 = r0; r2 = 0; call ringbuf_submit"},
	{class: "record", name: "submitted twice", code: "",
		bad:  record + "if r0 == 0 goto out; r6 = r0; r1 = r0; r2 = 0; call ringbuf_submit; r1 = r6; r2 = 0; call ringbuf_submit",
		good: record + "if r0 == 0 goto out; r6 = r0; r1 = r6; r2 = 0; call ringbuf_submit"},
	{class: "record", name: "released in a function, used after", code: "",
		bad: record + `if r0 == 0 goto out; r6 = r0; r1 = r0; call f; *(u64 *)(r6 +0) = 1
			out: r0 = 0; exit
			f: r2 = 0; call ringbuf_submit; r0 = 0; exit`,
		good: record + `if r0 == 0 goto out; r6 = r0; *(u64 *)(r6 +0) = 1; r1 = r0; call f
			out: r0 = 0; exit
			f: r2 = 0; call ringbuf_submit; r0 = 0; exit`},
	{class: "record", name: "acquired in a function, leaked", code: verifier.CodeReference,
		bad: `call f; r0 = 0; exit
			f: r1 = map[2]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto none; *(u64 *)(r0 +0) = 1
			none: r0 = 0; exit`,
		good: `call f; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit
			out: r0 = 0; exit
			f: r1 = map[2]; r2 = 16; r3 = 0; call ringbuf_reserve; exit`},
	{class: "record", name: "size unknown", code: "",
		bad:  "$value; r6 &= 15; r6 += 1; r1 = map[2]; r2 = r6; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit",
		good: "$value; r6 &= 15; r1 = map[2]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit"},
	{class: "record", name: "a value that is none submitted", code: "",
		bad:  "$value; r1 = r7; r2 = 0; call ringbuf_submit",
		good: "$value; r1 = map[2]; r2 = r7; r3 = 16; r4 = 0; call ringbuf_output"},

	{class: "map type", name: "record of a hash map", code: "", // CVE-2021-34866
		bad:  "r1 = map[1]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit",
		good: "r1 = map[2]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit"},
	{class: "map type", name: "lookup in a ring buffer", code: "",
		bad:  "*(u32 *)(r10 -4) = 0; r1 = map[2]; r2 = r10; r2 += -4; call map_lookup_elem",
		good: "*(u32 *)(r10 -4) = 0; r1 = map[1]; r2 = r10; r2 += -4; call map_lookup_elem"},
	{class: "map type", name: "tail call into an array", code: "",
		bad:  "r2 = map[0]; r3 = 0; call tail_call; r0 = 0",
		good: "r2 = map[6]; r3 = 0; call tail_call; r0 = 0"},
	{class: "map type", name: "address of a map read beyond its type", code: "",
		bad:  "r1 = map[0]; *(u64 *)(r1 +0) = 1",
		good: "r1 = map_value[3]; *(u64 *)(r1 +0) = 1"},
	{class: "map type", name: "number for a map", code: "",
		bad:  "*(u32 *)(r10 -4) = 0; r1 = 3; r2 = r10; r2 += -4; call map_lookup_elem",
		good: "*(u32 *)(r10 -4) = 0; r1 = map[3]; r2 = r10; r2 += -4; call map_lookup_elem"},

	{class: "lock", name: "held at the end", code: verifier.CodeLock, typ: progtype.SchedCLS,
		bad:  lockValue + "r1 = r7; call spin_lock",
		good: lockValue + "r1 = r7; call spin_lock; r1 = r7; call spin_unlock"},
	{class: "lock", name: "taken twice", code: verifier.CodeLock, typ: progtype.SchedCLS,
		bad:  lockValue + "r1 = r7; call spin_lock; r1 = r7; call spin_lock; r1 = r7; call spin_unlock",
		good: lockValue + "r1 = r7; call spin_lock; r1 = r7; call spin_unlock; r1 = r7; call spin_lock; r1 = r7; call spin_unlock"},
	{class: "lock", name: "released without", code: verifier.CodeLock, typ: progtype.SchedCLS,
		bad:  lockValue + "r1 = r7; call spin_unlock",
		good: lockValue + "r1 = r7; call spin_lock; r1 = r7; call spin_unlock"},
	{class: "lock", name: "another one released", code: verifier.CodeLock, typ: progtype.SchedCLS,
		bad: lockValue + `r6 = r7; *(u32 *)(r10 -4) = 1; r1 = map[4]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r8 = r0
			r1 = r6; call spin_lock; r1 = r8; call spin_unlock`,
		good: lockValue + `r6 = r7; *(u32 *)(r10 -4) = 1; r1 = map[4]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r8 = r0
			r1 = r6; call spin_lock; r1 = r6; call spin_unlock`},
	{class: "lock", name: "call while it is held", code: "", typ: progtype.SchedCLS,
		bad:  lockValue + "r1 = r7; call spin_lock; call get_prandom_u32; r1 = r7; call spin_unlock",
		good: lockValue + "call get_prandom_u32; r1 = r7; call spin_lock; r1 = r7; call spin_unlock"},
	{class: "lock", name: "of memory that has none", code: "", typ: progtype.SchedCLS,
		bad:  "$value; r1 = r7; call spin_lock; r1 = r7; call spin_unlock",
		good: lockValue + "r1 = r7; call spin_lock; *(u32 *)(r7 +4) = 1; r1 = r7; call spin_unlock"},
	{class: "lock", name: "at an offset", code: "", typ: progtype.SchedCLS,
		bad:  lockValue + "r7 += 4; r1 = r7; call spin_lock; r1 = r7; call spin_unlock",
		good: lockValue + "r1 = r7; call spin_lock; r1 = r7; call spin_unlock; r7 += 4"},
}
