package jit

import (
	"sync"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// workspace is memory that a compilation works in. It serves one after the other: whoever takes a part of it clears it or
// writes all of it before reading. What outlives the compilation is not made here. The zero value is empty.
type workspace struct {
	ops, after  []ir.Op
	label, head []int32
	live        []regSet
	slots       []stackBytes
	came        []bool
	stretches   []stretch
	// What the check works with.
	marks, place, owner, work []int32
	counted                   []bool
	seen, rounds              []uint8
	first, from, inBody       []int32
	// What near works with, beside some of these.
	nearPlace, starts, wanted, stack []int32
	bounds                           []bounds
	found, followed                  []bool
}

// memory is what a compilation by these options works in.
func (c *Config) memory() *workspace {
	if c.work == nil {
		c.work = new(workspace)
	}
	return c.work
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// maxKept is the largest workspace that is kept, in ops: one huge program must not take memory for long.
const maxKept = 1 << 19

// release keeps a workspace for the next compilation.
func (w *workspace) release() {
	if cap(w.ops) <= maxKept {
		workspaces.Put(w)
	}
}
