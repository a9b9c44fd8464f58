package verifier_test

import "github.com/gbpf/gbpf/verifier"

// iter starts an iteration over numbers, the iterator at R10-24, the value's address in R7.
const iter = "$value; r1 = r10; r1 += -24; r2 = 0; r3 = 1000; call kfunc[0]; "

const endIter = "end: r1 = r10; r1 += -24; call kfunc[2]; r0 = 0; exit"

// loopRegressions are about loops: bounded ones, iterators, may_goto and callbacks.
var loopRegressions = []regression{
	{class: "loop", name: "bound", code: bounds,
		bad:  "$value; r1 = 0; top: r2 = r7; r2 += r1; r0 = *(u8 *)(r2 +0); r1 += 1; if r1 != 17 goto top",
		good: "$value; r1 = 0; top: r2 = r7; r2 += r1; r0 = *(u8 *)(r2 +0); r1 += 1; if r1 != 16 goto top"},
	{class: "loop", name: "bound from memory", code: bounds,
		bad:  "$value; r6 &= 31; r1 = 0; top: r2 = r7; r2 += r1; r0 = *(u8 *)(r2 +0); r1 += 1; if r1 < r6 goto top",
		good: "$value; r6 &= 15; r1 = 0; top: r2 = r7; r2 += r1; r0 = *(u8 *)(r2 +0); r1 += 1; if r1 < r6 goto top"},
	{class: "loop", name: "pointer moved", code: bounds,
		bad:  "$value; r1 = 0; top: r0 = *(u64 *)(r7 +0); r7 += 8; r1 += 1; if r1 < 3 goto top",
		good: "$value; r1 = 0; top: r0 = *(u64 *)(r7 +0); r7 += 8; r1 += 1; if r1 < 2 goto top"},
	{class: "loop", name: "without end", code: "",
		bad:  "r1 = 0; top: r1 = 0; if r1 == 0 goto top",
		good: "r1 = 0; top: r1 += 1; if r1 == 1 goto top"},
	{class: "loop", name: "without end on one way", code: "",
		bad:  "$value; r1 = 0; top: if r6 == 0 goto top; r1 += 1; if r1 != 3 goto top",
		good: "$value; r1 = 0; top: r1 += 1; if r6 == 0 goto on; r1 += 1; on: if r1 s< 3 goto top"},
	{class: "loop", name: "counter that skips its end", code: verifier.CodeLimit,
		bad:  "$value; r6 &= 1; r1 = r6; top: r1 += 2; if r1 != 9 goto top",
		good: "$value; r6 &= 1; r1 = r6; top: r1 += 2; if r1 s< 9 goto top"},
	{class: "loop", name: "last iteration differs", code: bounds,
		bad:  "$value; r1 = 0; r2 = 3; top: r1 += 1; if r1 != 5 goto on; r2 = 50; on: if r1 s< 5 goto top; [r2]",
		good: "$value; r1 = 0; r2 = 3; top: r1 += 1; if r1 != 5 goto on; r2 = 15; on: if r1 s< 5 goto top; [r2]"},

	{class: "iterator", name: "sum of the iterations", code: bounds,
		bad: iter + `r8 = 0
			top: r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto end; r1 = r7; r1 += r8; *(u8 *)(r1 +0) = 1; r8 += 1; goto top
			` + endIter,
		good: iter + `r8 = 0
			top: r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto end; if r8 > 15 goto top; r1 = r7; r1 += r8; *(u8 *)(r1 +0) = 1; r8 += 1; goto top
			` + endIter},
	{class: "iterator", name: "number changed in the loop, used after", code: bounds,
		bad: iter + `r8 = 3
			top: r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto after; r8 = 40; goto top
			after: r7 += r8; *(u8 *)(r7 +0) = 1
			` + endIter,
		good: iter + `r8 = 3
			top: r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto after; r8 = 14; goto top
			after: r7 += r8; *(u8 *)(r7 +0) = 1
			` + endIter},
	{class: "iterator", name: "changed on the second iteration only", code: bounds,
		bad: iter + `r8 = 3; r9 = 3
			top: r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto after; r8 = r9; r9 = 40; goto top
			after: r7 += r8; *(u8 *)(r7 +0) = 1
			` + endIter,
		good: iter + `r8 = 3; r9 = 3
			top: r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto after; r8 = r9; r9 = 14; goto top
			after: r8 &= 15; r7 += r8; *(u8 *)(r7 +0) = 1
			` + endIter},
	{class: "iterator", name: "slot changed in the loop", code: bounds,
		bad: iter + `*(u64 *)(r10 -32) = 3
			top: r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto after; *(u64 *)(r10 -32) = 40; goto top
			after: r8 = *(u64 *)(r10 -32); r7 += r8; *(u8 *)(r7 +0) = 1
			` + endIter,
		good: iter + `*(u64 *)(r10 -32) = 3
			top: r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto after; *(u64 *)(r10 -32) = 14; goto top
			after: r8 = *(u64 *)(r10 -32); r7 += r8; *(u8 *)(r7 +0) = 1
			` + endIter},
	{class: "iterator", name: "pointer changed in the loop", code: "",
		bad: iter + `r8 = r7
			top: r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto after; r8 = 40; goto top
			after: *(u8 *)(r8 +0) = 1
			` + endIter,
		good: iter + `r8 = r7
			top: r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto after; r8 = r7; goto top
			after: *(u8 *)(r8 +0) = 1
			` + endIter},
	{class: "iterator", name: "element used without a check", code: "",
		bad: iter + `r1 = r10; r1 += -24; call kfunc[1]; r8 = *(u32 *)(r0 +0)
			` + endIter,
		good: iter + `r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto end; r8 = *(u32 *)(r0 +0)
			` + endIter},
	{class: "iterator", name: "element is any number", code: bounds,
		bad: iter + `r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto end; r8 = *(u32 *)(r0 +0); r7 += r8; *(u8 *)(r7 +0) = 1
			` + endIter,
		good: iter + `r1 = r10; r1 += -24; call kfunc[1]; if r0 == 0 goto end; r8 = *(u32 *)(r0 +0); r8 &= 15; r7 += r8; *(u8 *)(r7 +0) = 1
			` + endIter},
	{class: "iterator", name: "not destroyed", code: "",
		bad:  iter + "r0 = 0; exit",
		good: iter + "r0 = 0; " + endIter},
	{class: "iterator", name: "used after it was destroyed", code: "",
		bad:  iter + "r1 = r10; r1 += -24; call kfunc[2]; r1 = r10; r1 += -24; call kfunc[1]; r0 = 0; exit",
		good: iter + "r1 = r10; r1 += -24; call kfunc[1]; r1 = r10; r1 += -24; call kfunc[2]; r0 = 0; exit"},
	{class: "iterator", name: "not made", code: "",
		bad:  "r1 = r10; r1 += -24; call kfunc[1]; r1 = r10; r1 += -24; call kfunc[2]; r0 = 0; exit",
		good: "r1 = r10; r1 += -24; r2 = 0; r3 = 5; call kfunc[0]; r1 = r10; r1 += -24; call kfunc[1]; r1 = r10; r1 += -24; call kfunc[2]; r0 = 0; exit"},
	{class: "iterator", name: "its memory written", code: "",
		bad: iter + `*(u64 *)(r10 -24) = 0
			` + endIter,
		good: iter + `*(u64 *)(r10 -32) = 0
			` + endIter},
	{class: "iterator", name: "its memory written by a helper", code: "",
		bad: iter + `r1 = r10; r1 += -24; r2 = 8; r3 = r7; call probe_read_kernel
			` + endIter,
		good: iter + `r1 = r10; r1 += -32; r2 = 8; r3 = r7; call probe_read_kernel
			` + endIter},

	{class: "may_goto", name: "sum of the iterations", code: bounds,
		bad:  "$value; r8 = 0; top: may_goto out; r1 = r7; r1 += r8; *(u8 *)(r1 +0) = 1; r8 += 1; goto top",
		good: "$value; r8 = 0; top: may_goto out; r8 &= 15; r1 = r7; r1 += r8; *(u8 *)(r1 +0) = 1; r8 += 1; goto top"},
	{class: "may_goto", name: "number changed in the loop, used after", code: bounds,
		bad:  "$value; r8 = 3; top: may_goto end; r8 = 40; goto top; end: [r8]",
		good: "$value; r8 = 3; top: may_goto end; r8 = 14; goto top; end: [r8]"},
	{class: "may_goto", name: "not taken once", code: bounds,
		bad:  "$value; r8 = 40; top: may_goto end; r8 = 3; goto top; end: [r8]",
		good: "$value; r8 = 14; top: may_goto end; r8 = 3; goto top; end: [r8]"},

	{class: "callback", name: "slot changed in it", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 3; r1 = 10; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r1 = *(u64 *)(r10 -16); [r1]
			out: r0 = 0; exit
			f: *(u64 *)(r2 +0) = 40; r0 = 0; exit`,
		good: `$value; *(u64 *)(r10 -16) = 3; r1 = 10; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r1 = *(u64 *)(r10 -16); [r1]
			out: r0 = 0; exit
			f: *(u64 *)(r2 +0) = 14; r0 = 0; exit`},
	{class: "callback", name: "sum of the iterations", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 0; r1 = 20; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r1 = *(u64 *)(r10 -16); [r1]
			out: r0 = 0; exit
			f: r1 = *(u64 *)(r2 +0); r1 += 1; *(u64 *)(r2 +0) = r1; r0 = 0; exit`,
		good: `$value; *(u64 *)(r10 -16) = 0; r1 = 20; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r1 = *(u64 *)(r10 -16); r1 &= 15; [r1]
			out: r0 = 0; exit
			f: r1 = *(u64 *)(r2 +0); r1 += 1; *(u64 *)(r2 +0) = r1; r0 = 0; exit`},
	{class: "callback", name: "not called once", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 40; r1 = r6; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r1 = *(u64 *)(r10 -16); [r1]
			out: r0 = 0; exit
			f: *(u64 *)(r2 +0) = 3; r0 = 0; exit`,
		good: `$value; *(u64 *)(r10 -16) = 14; r1 = r6; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r1 = *(u64 *)(r10 -16); [r1]
			out: r0 = 0; exit
			f: *(u64 *)(r2 +0) = 3; r0 = 0; exit`},
	{class: "callback", name: "called as often as an address says", code: verifier.CodeType,
		bad: `r1 = r10; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit
			f: r0 = r9; exit`,
		good: `r1 = 5; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit
			f: r0 = 0; exit`},
	{class: "callback", name: "its index", code: bounds,
		bad: `$value; r1 = 10; r2 = func f; *(u64 *)(r10 -16) = r7; r3 = r10; r3 += -16; r4 = 0; call loop
			out: r0 = 0; exit
			f: r2 = *(u64 *)(r2 +0); r2 += r1; *(u8 *)(r2 +0) = 1; r0 = 0; exit`,
		good: `$value; r1 = 10; r2 = func f; *(u64 *)(r10 -16) = r7; r3 = r10; r3 += -16; r4 = 0; call loop
			out: r0 = 0; exit
			f: if r1 > 15 goto end; r2 = *(u64 *)(r2 +0); r2 += r1; *(u8 *)(r2 +0) = 1
			end: r0 = 0; exit`},
	{class: "callback", name: "changed on the second call only", code: bounds,
		bad: `$value; *(u64 *)(r10 -16) = 3; *(u64 *)(r10 -24) = 3; r1 = 10; r2 = func f; r3 = r10; r3 += -24; r4 = 0; call loop; r1 = *(u64 *)(r10 -16); [r1]
			out: r0 = 0; exit
			f: r1 = *(u64 *)(r2 +0); *(u64 *)(r2 +8) = r1; *(u64 *)(r2 +0) = 40; r0 = 0; exit`,
		good: `$value; *(u64 *)(r10 -16) = 3; *(u64 *)(r10 -24) = 3; r1 = 10; r2 = func f; r3 = r10; r3 += -24; r4 = 0; call loop; r1 = *(u64 *)(r10 -16); r1 &= 15; [r1]
			out: r0 = 0; exit
			f: r1 = *(u64 *)(r2 +0); *(u64 *)(r2 +8) = r1; *(u64 *)(r2 +0) = 14; r0 = 0; exit`},
	{class: "callback", name: "what it returns", code: "",
		bad: `r1 = 10; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit
			f: r0 = 2; exit`,
		good: `r1 = 10; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit
			f: r0 = 1; exit`},
	{class: "callback", name: "record acquired in it", code: "",
		bad: `r1 = 10; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit
			f: r1 = map[2]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto end; *(u8 *)(r0 +0) = 1
			end: r0 = 0; exit`,
		good: `r1 = 10; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit
			f: r1 = map[2]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto end; r1 = r0; r2 = 0; call ringbuf_submit
			end: r0 = 0; exit`},
}
