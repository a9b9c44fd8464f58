// Package helpers holds the bodies of the kernel's BPF helpers, by kernel number
// and name. Each body is bounded in time and memory, touches guest memory only
// through checked slices, and returns what the kernel's returns: a value, or a
// negative errno in R0.
package helpers

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// Func is a helper's body. It takes R1 to R5 from c and returns R0. To stop the run
// it calls [Call.Trap] and returns anything.
type Func func(c *Call) uint64

// Helper is a helper that programs can call.
type Helper struct {
	Proto *proto.Proto
	Func  Func
	// Kfunc makes it a kernel function that programs call by name: it has no
	// number, and its name is whole.
	Kfunc bool
}

// Call is one call of a helper: its arguments and what it may reach. An engine
// reuses one Call for every helper call of a run; keep nothing of it.
type Call struct {
	Args [5]uint64 // R1 to R5

	Mem    *guest.Memory
	Bctx   *progtype.Bctx
	Env    *Env
	Maps   *maps.Table // handles of the machine's maps
	CPU    int         // simulated CPU of the run
	Engine Engine
	GPL    bool

	// ScratchUsed is how many bytes of the run slot's scratch area calls in progress use.
	ScratchUsed uint32

	key []byte // copy of the key of the call in progress, reused

	// Err is the trap that a body raised, nil for none.
	Err *trap.Trap
}

// Engine is what the engine that runs the program does for a helper.
type Engine interface {
	// Callback runs the function of the program that fn refers to, as a nested
	// frame, with up to five arguments, and returns its R0. It fails when the run must
	// end: the caller returns at once.
	Callback(fn uint64, args [5]uint64) (r0 uint64, ok bool)
	// Charge takes n units of fuel for work of the helper's own: one unit is
	// about one BPF instruction's time. It fails when the run must end: the caller
	// returns at once.
	Charge(n uint64) bool
}

// Trap ends the run with the given reason once the body has returned.
func (c *Call) Trap(code trap.Code, detail string) uint64 {
	if c.Err == nil {
		c.Err = &trap.Trap{Code: code, Detail: detail}
	}
	return 0
}

// Bytes returns the n bytes of guest memory at addr. ok is false, and a trap is
// raised, when they do not lie within the window.
func (c *Call) Bytes(addr, n uint64) (b []byte, ok bool) {
	b, ok = c.Mem.Slice(addr, n)
	if !ok {
		c.Err = &trap.Trap{Code: trap.HelperFault, Addr: addr, Size: uint32(min(n, 1<<32-1)), Detail: "helper argument lies outside guest memory"}
	}
	return b, ok
}

// Map returns the map that a handle refers to; without one, a trap is raised and it is nil.
func (c *Call) Map(handle uint64) *maps.Map {
	m := c.Maps.Map(handle)
	if m == nil {
		c.Err = &trap.Trap{Code: trap.BadHandle, Addr: handle, Detail: "argument is not a map"}
	}
	return m
}
