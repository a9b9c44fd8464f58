package verifier_test

import (
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// campaignRegressions are about what generated programs found, the live kernel being asked about the same.
var campaignRegressions = []regression{
	{class: "ordered access", name: "misaligned load of a map value", code: verifier.CodeAlignment,
		bad:  "$value; r1 = load_acquire((u32 *)(r7 +2))",
		good: "$value; r1 = load_acquire((u32 *)(r7 +4))"},
	{class: "ordered access", name: "misaligned store to a map value", code: verifier.CodeAlignment,
		bad:  "$value; store_release((u64 *)(r7 +4), r6)",
		good: "$value; store_release((u64 *)(r7 +8), r6)"},
	{class: "ordered access", name: "at a variable offset", code: verifier.CodeAlignment,
		bad:  "$value; r6 &= 7; r7 += r6; r1 = load_acquire((u32 *)(r7 +0))",
		good: "$value; r6 &= 4; r7 += r6; r1 = load_acquire((u32 *)(r7 +0))"},
	{class: "linked numbers", name: "nothing added", code: bounds,
		bad:  "$value; r1 = r6; r1 += 0; if r1 > 15 goto out; r6 += 1; [r6]",
		good: "$value; r1 = r6; r1 += 0; if r6 > 15 goto out; [r1]"},
	{class: "linked numbers", name: "copied after a constant was added", code: bounds,
		bad:  "$value; r1 = r6; r1 += 4; r2 = r1; r2 += 4; if r6 > 7 goto out; [r2]",
		good: "$value; r1 = r6; r1 += 4; r2 = r1; r2 += 4; if r1 > 7 goto out; [r2]"},
	{class: "stack depth", name: "a frame without stack", code: verifier.CodeLimit,
		bad:  "*(u8 *)(r10 -1) = 0; call f; r0 = 0; exit; f: *(u64 *)(r10 -504) = 0; r0 = 0; exit",
		good: "call f; r0 = 0; exit; f: *(u64 *)(r10 -504) = 0; r0 = 0; exit"},
	{class: "stack depth", name: "of a callback", code: verifier.CodeLimit,
		bad: `*(u64 *)(r10 -128) = 0; r1 = 1; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit
			f: *(u64 *)(r10 -496) = 0; r0 = 0; exit`,
		good: `*(u64 *)(r10 -16) = 0; r1 = 1; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit
			f: *(u64 *)(r10 -496) = 0; r0 = 0; exit`},
	{class: "stack depth", name: "a callback of itself", code: verifier.CodeLimit,
		bad: `r1 = 1; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit
			f: r6 = func f; r0 = 0; exit`,
		good: `r1 = 1; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit
			f: r6 = 0; r0 = 0; exit`},
	{class: "map references", name: "a lock where no path leads", code: verifier.CodeHelper, typ: progtype.Kprobe,
		bad:  "r0 = 0; if r0 == 0 goto pc+2; r1 = map[4]; r0 = 0; exit",
		good: "r0 = 0; if r0 == 0 goto pc+2; r1 = map[0]; r0 = 0; exit"},
	{class: "stack", name: "atomic at a variable offset", code: verifier.CodeBounds,
		bad:  "$value; *(u64 *)(r10 -16) = 0; *(u64 *)(r10 -24) = 0; r6 &= 8; r1 = r10; r1 += r6; lock *(u64 *)(r1 -24) += r6",
		good: "$value; *(u64 *)(r10 -16) = 0; *(u64 *)(r10 -24) = 0; r6 &= 8; r1 = r10; lock *(u64 *)(r1 -24) += r6"},
	{class: "iterators", name: "over a dynptr", code: verifier.CodeReference,
		bad: `r1 = map[2]; r2 = 8; r3 = 0; r4 = r10; r4 += -16; call ringbuf_reserve_dynptr
			r1 = r10; r1 += -8; r2 = 0; r3 = 1; call kfunc[0]; r1 = r10; r1 += -8; call kfunc[2]; r0 = 0; exit`,
		good: `r1 = map_value[3]+0; r2 = 8; r3 = 0; r4 = r10; r4 += -16; call dynptr_from_mem
			r1 = r10; r1 += -8; r2 = 0; r3 = 1; call kfunc[0]; r1 = r10; r1 += -8; call kfunc[2]; r0 = 0; exit`},
	{class: "helpers", name: "address of the function traced", code: verifier.CodeHelper, typ: progtype.Tracepoint,
		bad:  "call get_func_ip; r0 = 0; exit",
		good: "call ktime_get_ns; r0 = 0; exit"},
	// No kernel verdict: it takes a loop around the helper for the helper's own.
	{class: "loops", name: "around a helper that calls back", code: verifier.CodeLoop, unlike: true,
		bad: `r8 = 0; top: if r8 == 9 goto out; r1 = map[0]; r2 = func f; r3 = 0; r4 = 0; call for_each_map_elem; goto top
			out: r0 = 0; exit
			f: r0 = 0; exit`,
		good: `r8 = 0; top: if r8 == 9 goto out; r1 = map[0]; r2 = func f; r3 = 0; r4 = 0; call for_each_map_elem; r8 += 1; goto top
			out: r0 = 0; exit
			f: r0 = 0; exit`},
	{class: "helpers", name: "a value in read-only memory", code: verifier.CodeType,
		bad: `r1 = r10; r1 += -8; r2 = 0; r3 = 3; call kfunc[0]
			r1 = r10; r1 += -8; call kfunc[1]; if r0 == 0 goto end; r2 = r0; r1 = map[1]; call map_delete_elem
			end: r1 = r10; r1 += -8; call kfunc[2]; r0 = 0; exit`,
		good: `*(u32 *)(r10 -16) = 0; r1 = r10; r1 += -8; r2 = 0; r3 = 3; call kfunc[0]
			r1 = r10; r1 += -8; call kfunc[1]; if r0 == 0 goto end; r1 = map[1]; r2 = r10; r2 += -16; call map_delete_elem
			end: r1 = r10; r1 += -8; call kfunc[2]; r0 = 0; exit`},
	{class: "stack", name: "nothing, above the frame", code: verifier.CodeBounds,
		bad:  "r1 = map[2]; r2 = r10; r3 = 0; r4 = 0; call ringbuf_output; r0 = 0; exit",
		good: "r1 = map[2]; r2 = r10; r2 += -8; r3 = 0; r4 = 0; call ringbuf_output; r0 = 0; exit"},
	{class: "context", name: "moved, of a syscall program", typ: progtype.Syscall, code: verifier.CodeType,
		bad:  "r1 += 8; r2 = *(u64 *)(r1 +0); r0 = 0; exit",
		good: "r2 = *(u64 *)(r1 +8); r0 = 0; exit"},
	{class: "stack depth", name: "private stacks of tracing programs", code: verifier.CodeLimit, typ: progtype.Kprobe,
		bad:  "*(u64 *)(r10 -488) = 0; call f; r0 = 0; exit; f: *(u64 *)(r10 -512) = 0; r2 = map[6]; r3 = 0; call tail_call; r0 = 0; exit",
		good: "*(u64 *)(r10 -488) = 0; call f; r0 = 0; exit; f: *(u64 *)(r10 -512) = 0; r0 = 0; exit"},
}
