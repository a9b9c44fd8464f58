package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// addresses remembers what the registers in cacheRegs hold: confined addresses that
// later accesses in the same straight run of ops can use again.
type addresses struct {
	at   [len(cacheRegs)]address
	used [len(cacheRegs)]bool
	next int // register to take next
}

// cacheRegs hold confined addresses. The exit code uses the first as scratch.
var cacheRegs = [...]Reg{rAddr, 17, 25, 26, 27}

// address is what a confined address was made of: base plus off as an offset into the
// window, or base alone as a host address.
type address struct {
	base   ir.Reg
	off    int32
	access ir.Access
	host   bool
}

// find returns the register that holds an address.
func (c *addresses) find(a address) (Reg, bool) {
	for i, used := range c.used {
		if used && c.at[i] == a {
			return cacheRegs[i], true
		}
	}
	return 0, false
}

// take gives an address a register: the one that was given longest ago.
func (c *addresses) take(a address) Reg {
	i := c.next
	c.at[i], c.used[i] = a, true
	c.next = (i + 1) % len(cacheRegs)
	return cacheRegs[i]
}

// forget drops the addresses made of a register that is written.
func (c *addresses) forget(r ir.Reg) {
	for i := range c.at {
		if c.at[i].base == r {
			c.used[i] = false
		}
	}
}

// clear drops all, where control comes together or other code has run.
func (c *addresses) clear() { c.used = [len(cacheRegs)]bool{} }
