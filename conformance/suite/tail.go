package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// tailChains tries chains of tail calls around their limit of 33, and tail calls of functions.
func tailChains(yield func(*Case) bool) bool {
	progs := maps.Spec{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 4}
	try := func(c *Case) bool {
		c.Group, c.RFC, c.Type, c.Maps = TailCall, "the kernel's manual, bpf_tail_call", "xdp", []maps.Spec{progs}
		return yield(c)
	}
	// link counts its runs in the packet's first byte and goes on at index, or ends once it has counted to n.
	link := func(n, index int) []isa.Insn {
		return inPacket(text(`r7 = *(u8 *)(r2 +0); r7 += 1; *(u8 *)(r2 +0) = r7; if r7 >= %d goto done
			r2 = map[0]; r3 = %d; call tail_call; r0 = r7; goto out
			done: r0 = r7; r0 += 1000
			out: r7 = 0`, n, index))
	}
	packet := func(first int) []byte {
		b := pattern(64)
		b[0] = byte(first)
		return b
	}
	for _, n := range []int{1, 2, 3, 31, 32, 33, 34, 35, 36} {
		runs, want := n, uint64(1000+n)
		if n > 34 { // 33 tail calls are 34 runs
			runs, want = 34, 34
		}
		if !try(&Case{Name: fmt.Sprintf("%d runs of one program", n), Data: packet(0), Out: packet(runs), Insns: link(n, 0), Self: true, Want: want}) {
			return false
		}
		if !try(&Case{Name: fmt.Sprintf("%d runs of two programs", n), Data: packet(0), Out: packet(runs), Insns: link(n, 1), Self: true, Targets: [][]isa.Insn{nil, link(n, 0)}, Want: want}) {
			return false
		}
	}
	for _, c := range []*Case{
		{Name: "from a function", Insns: text("r9 = 7; call f; r0 += 1000; r0 += r9; exit; f: r2 = map[0]; r3 = 1; call tail_call; r0 = 5; exit"), Targets: [][]isa.Insn{nil, text("r9 = 100; r8 = 100; r0 = 77; exit")}, Want: 1084},
		{Name: "from a function, of none", Insns: text("call f; r0 += 1000; exit; f: r2 = map[0]; r3 = 2; call tail_call; r0 = 5; exit"), Targets: [][]isa.Insn{nil, text("r0 = 77; exit")}, Want: 1005},
		{Name: "to a program with a function", Insns: text("r2 = map[0]; r3 = 1; call tail_call; r0 = 5; exit"), Targets: [][]isa.Insn{nil, text("r6 = 3; call f; r0 += r6; exit; f: r6 = 50; r0 = 77; exit")}, Want: 80},
		{Name: "from a function to a program with a function", Insns: text("r8 = 9; call f; r0 += r8; exit; f: r2 = map[0]; r3 = 1; call tail_call; r0 = 5; exit"), Targets: [][]isa.Insn{nil, text("r6 = 3; call f; r0 += r6; exit; f: r6 = 50; r8 = 4; r0 = 77; exit")}, Want: 89},
		{Name: "an index of 32 bits with the top one set", Insns: text("r2 = map[0]; w3 = -1; call tail_call; r0 = 5; exit"), Targets: [][]isa.Insn{nil, text("r0 = 77; exit")}, Want: 5},
		{Name: "R6 to R9 stay when it fails", Insns: text("r6 = 6; r7 = 7; r8 = 8; r9 = 9; r2 = map[0]; r3 = 3; call tail_call; r0 = r6; r0 *= 10; r0 += r7; r0 *= 10; r0 += r8; r0 *= 10; r0 += r9; exit"), Want: 6789},
	} {
		c.Data = pattern(64)
		if !try(c) {
			return false
		}
	}
	return true
}
