// Package trap is the one model of how a run ends early, shared by every engine.
package trap

import "fmt"

// Code says why a run was stopped.
type Code uint8

// The reasons a run is stopped.
const (
	None        Code = iota
	BadAccess        // a load, store or atomic outside every object, or one the object does not permit
	Misaligned       // an atomic operation whose address is not a multiple of its size
	Uninit           // a read of stack bytes never written
	BadJump          // control left the program
	BadInsn          // an instruction that this policy or engine does not run
	CallDepth        // more than eight nested functions
	Fuel             // the run used up its fuel
	Cancelled        // the run's context.Context was cancelled or its deadline passed
	BadHelper        // a call of a helper that the machine does not have
	HelperFault      // a helper was given an argument it cannot work on
	BadHandle        // a map or program reference that is none
	Internal         // a bug in gbpf, please report
)

var names = [...]string{
	"no trap", "bad memory access", "misaligned atomic", "uninitialised stack read", "jump out of the program",
	"bad instruction", "call depth exceeded", "out of fuel", "cancelled", "unknown helper",
	"helper fault", "bad reference", "internal error",
}

// String names the reason as reports do.
func (c Code) String() string {
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("trap %d", uint8(c))
}

// MarshalText makes the code readable in JSON.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Trap is a run that was stopped. Both engines return the same one for the same
// program and input. It wraps Cause, where there is one.
type Trap struct {
	Code   Code
	Insn   int    // instruction number, as the kernel counts: a 16-byte lddw counts twice
	Func   string // the BPF function's name, where known
	Line   string // C source as "file:line: text", where the object has it
	Addr   uint64 // the address of a bad access
	Size   uint32 // its size in bytes
	Write  bool   // it was a store
	Detail string // what a person needs beside the code
	Cause  error  // context.Cause of a cancelled run, or a helper's error
}

// Error is one line that stands alone.
func (t *Trap) Error() string {
	s := "trap: "
	if t.Func != "" {
		s += t.Func + ": "
	}
	s += fmt.Sprintf("insn %d: %s", t.Insn, t.Code)
	if t.Size != 0 {
		s += ": " + t.Access()
	}
	if t.Detail != "" {
		s += ": " + t.Detail
	}
	if t.Cause != nil {
		s += ": " + t.Cause.Error()
	}
	if t.Line != "" {
		s += " (" + t.Line + ")"
	}
	return s
}

// Access describes the access of a bad access in words, "" when there was none.
func (t *Trap) Access() string {
	if t.Size == 0 {
		return ""
	}
	verb, unit := "read", "bytes"
	if t.Write {
		verb = "write"
	}
	if t.Size == 1 {
		unit = "byte"
	}
	return fmt.Sprintf("%s of %d %s at %#x", verb, t.Size, unit, t.Addr)
}

// Unwrap returns the cause.
func (t *Trap) Unwrap() error { return t.Cause }

// Is matches a *Trap with the same code, so errors.Is(err, &Trap{Code: Fuel}) works.
func (t *Trap) Is(target error) bool {
	o, ok := target.(*Trap)
	return ok && o.Code == t.Code && o.Insn == 0 && o.Cause == nil
}
