package helpers

import "github.com/gbpf/gbpf/internal/errno"

func init() { define(map[string]Func{"loop": loop}) }

// maxLoops is BPF_MAX_LOOPS.
const maxLoops = 1 << 23

// loop calls R2 with 0 to R1-1 and R3 until it returns non-zero, and returns how often it
// did.
func loop(c *Call) uint64 {
	n, fn, arg := uint64(uint32(c.Args[0])), c.Args[1], c.Args[2]
	if c.Args[3] != 0 {
		return errno.EINVAL.R0()
	}
	if n > maxLoops {
		return errno.E2BIG.R0()
	}
	for i := range n {
		if !c.chargeUnits(1) {
			return 0
		}
		r0, ok := c.Engine.Callback(fn, [5]uint64{i, arg})
		if !ok {
			return 0
		}
		if r0 != 0 {
			return i + 1
		}
	}
	return n
}
