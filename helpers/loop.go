package helpers

import "github.com/gbpf/gbpf/internal/errno"

func init() { define(map[string]Func{"loop": loop}) }

// maxLoops is BPF_MAX_LOOPS.
const maxLoops = 1 << 23

// loop calls R2 with 0 to R1-1 and R3 until it returns non-zero, and returns how often it
// did. The kernel puts the loop inline where it knows that flags are 0, nearly always; there R1 has
// 64 bits and the error 32, which this body follows.
func loop(c *Call) uint64 {
	n, fn, arg := c.Args[0], c.Args[1], c.Args[2]
	if c.Args[3] != 0 {
		return errno.EINVAL.R0()
	}
	if n > maxLoops {
		// Where the callback and the flags are constants, as C code has it, the
		// kernel puts the loop in place of the call, and this is a 32-bit move there.
		return uint64(uint32(errno.E2BIG.R0()))
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
