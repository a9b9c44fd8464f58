// Package suite is gbpf's own conformance suite: thousands of small programs, each with what must come of it in
// every engine. They are made from the opcode table of package isa; what is expected is computed by a model
// of RFC 9669 that is written for this package alone (model.go) and asks no engine.
package suite

import (
	"fmt"
	"iter"

	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// Group is what a case is about: the conformance groups of RFC 9669 section 2.4, and what lies beyond the
// instruction set's.
type Group string

// The groups.
const (
	Base32   Group = "base32"
	Base64   Group = "base64"
	DivMul32 Group = "divmul32"
	DivMul64 Group = "divmul64"
	Atomic32 Group = "atomic32"
	Atomic64 Group = "atomic64"
	Packet   Group = "packet" // legacy packet loads
	CallX    Group = "callx"
	Linux    Group = "linux"    // what Linux adds to the instruction set: load-acquire, store-release, may_goto
	Access   Group = "access"   // packet access through pointers
	Calls    Group = "calls"    // functions of the program
	TailCall Group = "tailcall" // bpf_tail_call
	Maps     Group = "maps"     // maps through helpers and through pseudo loads
	Helpers  Group = "helpers"
	Faults   Group = "faults" // runs that must be stopped
)

// Groups are all groups, in the order of reports.
var Groups = []Group{Base32, Base64, DivMul32, DivMul64, Atomic32, Atomic64, Packet, CallX, Linux, Access, Calls, TailCall, Maps, Helpers, Faults}

// Case is one program with its input and what must come of it.
type Case struct {
	Group Group
	Name  string // unique in the group
	RFC   string // what decides: a section of RFC 9669, or a page of the kernel's manual

	// Type is the program type, by package progtype's name.
	Type  string
	Insns []isa.Insn
	// Data is the packet, or the context of a syscall program, or what R1 of a raw one points to.
	Data []byte
	// Maps are what 16-byte loads of map references name by index; the references in Insns are such indexes.
	Maps []maps.Spec
	// Targets are programs that are put into the first map, a prog array, by index; nil for an empty slot.
	Targets [][]isa.Insn
	// Inner are maps that are put into the first map, a map of maps, by index: numbers of Maps.
	Inner []int
	// Self puts the program itself into the first map at index 0.
	Self bool

	// Want is R0, all 64 bits, unless Trap says that the run is stopped.
	Want uint64
	// Out is Data after the run, nil if it is not looked at.
	Out []byte
	// Trap is why the run is stopped, at instruction TrapInsn of the program; trap.None if it ends.
	Trap     trap.Code
	TrapInsn int
	// Checked is why an engine that checks accesses stops the run at TrapInsn, where one that only confines them
	// comes to Want; trap.None for no difference.
	Checked trap.Code
	// Fuel bounds the run, in units; 0 for as much as it likes.
	Fuel uint64
	// Cost is the fuel that the run takes, if Costs is set.
	Cost  uint64
	Costs bool

	// Unproved says that the verifier must refuse the program: it runs where nothing is proved of it.
	Unproved bool
	// Kernel says why the live kernel cannot be asked, "" if it can.
	Kernel string
}

func (c *Case) String() string { return fmt.Sprintf("%s/%s", c.Group, c.Name) }

// generators make the cases of the suite, in the order of the groups as far as it goes.
var generators = []func(yield func(*Case) bool) bool{
	arithmetic, loadedArithmetic, constantDivisors, registerPairs, swaps, extensions, jumps, loadedJumps, ranges, memory, loadedPairs, patterns, atomics, ordered, packetLoads, mayGotos, casts, pseudoLoads,
	callReg, packetAccess, addressReuse, indexed, functions, tailCalls, tailChains, mapCases, lookups, innerMaps, helperCases, byteHelpers, faults, costs, wild, beyond, freshStack,
}

// All goes through the suite.
func All() iter.Seq[*Case] {
	return func(yield func(*Case) bool) {
		for _, g := range generators {
			if !g(yield) {
				return
			}
		}
	}
}
