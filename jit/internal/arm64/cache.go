package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// addresses remembers what the registers in cacheRegs hold: confined addresses that
// later accesses can use again, where every way to them leads past.
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

// meet keeps what both hold.
func (c *addresses) meet(d *addresses) {
	for i := range c.used {
		c.used[i] = c.used[i] && d.used[i] && c.at[i] == d.at[i]
	}
}

// joins keeps what is held where control comes to a label: what every branch to it holds. It is known when the
// label is placed, if all branches to it stand before it and the host does not enter there.
type joins struct {
	at     []addresses
	seen   []bool // a branch came
	lost   []bool // a branch comes from behind, or the host enters
	branch []int32
	alive  bool // control comes from the op before
}

func newJoins(l *ir.List) joins {
	j := joins{at: make([]addresses, l.Labels), seen: make([]bool, l.Labels), lost: make([]bool, l.Labels)}
	placed := make([]bool, l.Labels)
	known := func(label int32) bool { return uint32(label) < uint32(l.Labels) }
	for i := range l.Exits {
		for _, label := range [2]int32{l.Exits[i].Resume, l.Exits[i].Alt} {
			if known(label) {
				j.lost[label] = true
			}
		}
	}
	for i := range l.Ops {
		switch op := &l.Ops[i]; op.Kind {
		case ir.Label:
			if known(op.Target) {
				placed[op.Target] = true
			}
		case ir.Jump, ir.CondJump, ir.MayGoto:
			if known(op.Target) && placed[op.Target] {
				j.lost[op.Target] = true
			}
		}
	}
	return j
}

// leads says that the op being expanded branches to a label: at the moment with c held, or with less by the
// time that [expander.settle] is called.
func (j *joins) leads(label int32, c *addresses) {
	if !j.seen[label] {
		j.at[label], j.seen[label] = *c, true
	} else {
		j.at[label].meet(c)
	}
	j.branch = append(j.branch, label)
}

// settle is called behind each op.
func (e *expander) settle(op *ir.Op) {
	for _, label := range e.joins.branch {
		e.joins.at[label].meet(&e.cache)
	}
	e.joins.branch = e.joins.branch[:0]
	switch op.Kind {
	case ir.Jump, ir.Leave, ir.Return:
		e.joins.alive = false
	default:
		e.joins.alive = true
	}
}

// join sets what is held at a label that stands here.
func (e *expander) join(label int32) {
	j := &e.joins
	switch {
	case j.lost[label] || !j.seen[label] && !j.alive:
		e.cache.clear()
	case !j.alive:
		next := e.cache.next
		e.cache = j.at[label]
		e.cache.next = next
	case j.seen[label]:
		e.cache.meet(&j.at[label])
	}
}
