package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/trap"
)

// faults tries programs that must be stopped: all engines must stop them at the same instruction for the same reason,
// with the same fuel used. No verifier takes them, so none of this is what a user meets: it is what stands
// behind the verifier.
func faults(yield func(*Case) bool) bool {
	fuel := []uint64{1, 2, 10, 100, 65535, 65536, 65537, 200000}
	for _, f := range fuel {
		for _, c := range []*Case{
			{Name: fmt.Sprintf("a loop of one with %d units", f), Insns: text("r0 = 0; top: goto top; exit"), TrapInsn: 1},
			{Name: fmt.Sprintf("a loop of three with %d units", f), Insns: text("r0 = 0; top: r0 += 1; r1 = r0; goto top; exit"), TrapInsn: 1},
			{Name: fmt.Sprintf("a loop of two ways back with %d units", f), Insns: text("r0 = 0; top: r0 += 1; if r0 & 1 goto top; r1 = r0; if r0 & 4 goto top; goto top; exit"), TrapInsn: 1},
			{Name: fmt.Sprintf("two loops with %d units", f), Insns: text("r0 = 0; r2 = 1 ll; top: r0 += 1; in: r0 += 3; if r0 & 64 goto in; if r2 != 0 goto top; exit"), TrapInsn: -1},
			{Name: fmt.Sprintf("a call in a loop with %d units", f), Insns: text("top: call f; goto top; exit; f: r0 = 1; r0 = 2; exit"), TrapInsn: -1},
			{Name: fmt.Sprintf("a helper in a loop with %d units", f), Insns: text("top: call get_prandom_u32; goto top; exit"), TrapInsn: 0},
			{Name: fmt.Sprintf("bpf_loop without end with %d units", f), Insns: text("r1 = 0x7fffff; r2 = func f; r3 = 0; r4 = 0; call loop; exit; f: goto f; r0 = 0; exit"), TrapInsn: -1},
		} {
			c.Fuel, c.Trap = f, trap.Fuel
			if !faulty(c, yield) {
				return false
			}
		}
	}
	for _, c := range []*Case{
		{Name: "recursion", Insns: text("call f; exit; f: r1 += 1; call f; exit"), Trap: trap.CallDepth, TrapInsn: 3},
		{Name: "mutual recursion", Insns: text("call f; exit; f: call g; exit; g: call f; exit"), Trap: trap.CallDepth, TrapInsn: 2},
		{Name: "recursion by way of bpf_loop", Insns: text("call f; exit; f: r1 = 1; r2 = func f; r3 = 0; r4 = 0; call loop; exit"), Trap: trap.CallDepth, TrapInsn: -1},
		{Name: "a map that is none", Insns: text("r1 = 12345; r2 = r10; r2 += -8; call map_lookup_elem; exit"), Trap: trap.BadHandle, TrapInsn: 3},
		{Name: "a callback that is none", Insns: text("r1 = 5; r2 = 77; r3 = 0; r4 = 0; call loop; exit"), Trap: trap.BadHandle, TrapInsn: 4},
		{Name: "a prog array that is none", Insns: text("r2 = 99; r3 = 0; call tail_call; exit"), Trap: trap.BadHandle, TrapInsn: 2},
	} {
		if !faulty(c, yield) {
			return false
		}
	}
	return true
}

func faulty(c *Case, yield func(*Case) bool) bool {
	c.Group, c.RFC, c.Type, c.Unproved, c.Kernel = Faults, "DESIGN: one trap model", "raw", true, "it refuses the program"
	return yield(c)
}
