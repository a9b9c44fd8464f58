package jit

import (
	"github.com/gbpf/gbpf/internal/fuel"
)

// Confine says which memory accesses are confined to the window.
type Confine uint8

const (
	// ConfineAlways confines every access but those to constant offsets of the own stack frame.
	ConfineAlways Confine = iota
	// ConfineUnproved leaves out the accesses of which the verifier proved that they lie within an
	// object, and the test of divisors that it proved not to be zero: what it gets wrong can end the process.
	ConfineUnproved
)

// Pass is one optimisation, a bit of [Config.Disable].
type Pass uint32

// The passes.
const (
	PassBranch Pass = 1 << iota // jumps that are proven to go one way
	PassRotate                  // two shifts and an or or xor to a rotation
	PassSwap                    // a load and a byte swap in one
	PassLea                     // a move and an addition in one
	PassDead                    // moves and extensions that change nothing
	PassInline                  // helpers in machine code
	PassNear                    // accesses whose registers hold small numbers, without confinement
	PassFold                    // sums into the addresses of accesses
	PassWide                    // loads of parts that are put together, into one
	PassTest                    // an and that is only compared with 0, in one
	PassNarrow                  // divisions of small numbers in 32 bits
	PassStack                   // stack that is written before it is read is not cleared
	PassExtend                  // two shifts to an extension
	PassNative                  // what the backend makes of neighbours, of divisors that are constants and of short jumps
	AllPasses  = PassNative<<1 - 1
)

// TailSlots is a prog array as machine code reads it, see maps.Map.TailSlots.
type TailSlots struct {
	Addr    uint64 // host address of the first slot
	Entries uint32
	Class   uint32 // of the program that calls
	Handle  uint32 // of the array, where it is not proven that R2 holds it; else 0
}

// Config is what compilation needs beside the proof.
type Config struct {
	// Mask is what addresses are confined with: [guest.Memory.Mask].
	Mask uint32
	// Base is [guest.Memory.Base], the host address of the window that the code will run in. Code takes the low half of the host address
	// of a stack frame for its guest address, so that nothing is compiled for a window that is not at a multiple of [guest.Align].
	Base uint64
	// Fuel is the program's cost.
	Fuel *fuel.Table
	// Const gives the value of the 16-byte load at an instruction.
	Const func(pc int) uint64
	// TailCall says that the helper call at an instruction is bpf_tail_call.
	TailCall func(pc int) bool
	// TailSlots describes the prog array of the tail call at an instruction. nil for none.
	TailSlots func(pc int) (TailSlots, bool)
	// Helper says what is done in place of the helper call at an instruction. nil for nothing.
	Helper func(pc int) Helper
	// Inline says what the helper call at an instruction may be replaced with. nil for nothing.
	Inline func(pc int) Inline

	Confine Confine
	// Disable switches passes off.
	Disable Pass

	work *workspace // to work in, nil for none
}

func (c *Config) on(p Pass) bool { return c.Disable&p == 0 }
