package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/maps"
)

// costs says what programs take of their fuel: the weights are one unit for each 8-byte slot and eight for a call of a
// helper. A jump backwards takes the weight of what it may run again, a call of a function the weight of its body, a tail call that of
// a helper. A loop that counts to a constant takes nothing where it stands, its turns are part of its function's weight.
func costs(yield func(*Case) bool) bool {
	try := func(c *Case, cost uint64) bool {
		c.Group, c.RFC, c.Costs, c.Cost = Faults, "DESIGN: fuel", true, cost
		c.Kernel = "it has no fuel"
		if c.Type == "" {
			c.Type = "syscall"
		}
		return yield(c)
	}
	for n := 1; n <= 40; n += 3 {
		// The loop has three slots, and jumps back once less than it turns.
		c := &Case{
			Name: fmt.Sprintf("fuel of %d turns", n), Data: bytes64(uint64(n)), Want: uint64(n) * 5,
			Insns: text("r2 = *(u64 *)(r1 +0); r2 &= 63; r0 = 0; r3 = 0\ntop: r0 += 5; r3 += 1; if r3 < r2 goto top\nexit"),
		}
		if !try(c, 3*uint64(n-1)) {
			return false
		}
	}
	for n := 2; n <= 8; n++ {
		insns, want := nested(n)
		// A function has 5 slots of moves and a store, a call or a move, 7 slots to add up. The outermost is not called.
		if !try(&Case{Name: fmt.Sprintf("fuel of %d nested functions", n), Insns: insns, Want: want}, 13*uint64(n-1)) {
			return false
		}
	}
	progs := maps.Spec{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 4}
	for _, tt := range []struct {
		cost uint64
		c    Case
	}{
		{0, Case{Name: "fuel of a straight line", Insns: text("r0 = 1; r1 = 2 ll; r0 += r1; exit"), Want: 3}},
		{0, Case{Name: "fuel of a jump forwards", Insns: text("r0 = 1; goto out; r0 = 2; out: exit"), Want: 1, Unproved: true}},
		{3, Case{Name: "fuel of a call", Insns: text("r1 = 2; call f; exit; f: r0 = r1; r0 += 3; exit"), Want: 5}},
		{4, Case{Name: "fuel of a call of a function with a 16-byte load", Insns: text("call f; exit; f: r0 = 5 ll; r0 += 3; exit"), Want: 8}},
		{11, Case{Name: "fuel of a call of a function with a helper", Insns: text("call f; exit; f: call get_smp_processor_id; r0 = 7; r1 = 1; exit"), Want: 7}},
		{8, Case{Name: "fuel of two calls", Insns: text("call f; call f; exit; f: r0 = 5; r0 = 6; r0 = 7; exit"), Want: 7}},
		{0, Case{Name: "fuel of a loop that counts", Insns: text("r0 = 0; top: r0 += 1; if r0 < 10 goto top; exit"), Want: 10}},
		{22, Case{Name: "fuel of a function with a loop that counts", Insns: text("call f; exit; f: r0 = 0; top: r0 += 1; if r0 < 10 goto top; exit"), Want: 10}},
		{8, Case{Name: "fuel of a tail call", Type: "xdp", Data: pattern(64), Maps: []maps.Spec{progs}, Insns: text("r2 = map[0]; r3 = 1; call tail_call; r0 = 5; exit"), Want: 5}},
		{34 * 8, Case{Name: "fuel of 33 tail calls and one that fails", Type: "xdp", Data: pattern(64), Maps: []maps.Spec{progs}, Self: true, Insns: text("r2 = map[0]; r3 = 0; call tail_call; r0 = 5; exit"), Want: 5}},
	} {
		if !try(&tt.c, tt.cost) {
			return false
		}
	}
	return true
}
