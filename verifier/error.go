package verifier

import (
	"fmt"
	"strings"
)

// Code says what kind of rule a program broke.
type Code string

// The codes.
const (
	CodeStructure   Code = "structure"   // the bytecode itself: jumps, reserved fields, unreachable or missing exits
	CodeType        Code = "type"        // a register holds something else than the instruction or helper needs
	CodeBounds      Code = "bounds"      // an access outside its object, or one that cannot be shown to be inside
	CodeAlignment   Code = "alignment"   // an access that is not aligned as it must be
	CodeUninit      Code = "uninit"      // a register or stack bytes that nothing has written
	CodeNull        Code = "null"        // a pointer that may be NULL
	CodeContext     Code = "context"     // a context field that the program type does not have or permit
	CodeArithmetic  Code = "arithmetic"  // arithmetic on pointers that is not allowed
	CodeHelper      Code = "helper"      // a helper or kfunc that the program may not call, or not in this way
	CodeReference   Code = "reference"   // a reference that is leaked, or released twice
	CodeLock        Code = "lock"        // locks and RCU or preemption sections
	CodeReturn      Code = "return"      // a return value outside the range of the program type
	CodeLoop        Code = "loop"        // a loop that does not end
	CodeLimit       Code = "limit"       // too many steps, states, bytes, nested calls, or too much stack
	CodeLeak        Code = "leak"        // an address that would leave the program
	CodeUnsupported Code = "unsupported" // something that this verifier does not know
)

// Branch is one undecided jump on the path to an error.
type Branch struct {
	Insn  int
	Taken bool
	Times int    // how often in a row, in the turns of a loop; 0 stands for once
	Side  string // what holds on the side taken: "r0 == 0x0 does not hold"
	Line  string // C source, where known
}

// RegState is a register at the failing instruction, as the report prints it.
type RegState struct {
	Name  string // "R0", "fp-8"
	Value string // in the notation of the kernel's log
}

// Error says why a program was refused.
type Error struct {
	Program string
	Code    Code
	Insn    int    // -1 when no instruction is to blame
	Func    string // the function it is in, where known
	Line    string // "file.c:12: text", where known
	Reason  string // one line, without a place

	Cause      string     // what led to it, such as where a register got its value
	Suggestion string     // what to change
	Disasm     string     // the instruction
	Regs       []RegState // what was known there
	Path       []Branch   // the jumps that led there, the last ones
	Source     []string   // the C lines around it, the line itself marked
	Calls      []string   // where the functions that it is in were called, outermost first
	Stats      Stats

	find finding // what the check knew, for the report
}

// Error returns one line that stands alone.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "verify: %s: ", e.Program)
	if e.Insn >= 0 {
		fmt.Fprintf(&b, "insn %d: ", e.Insn)
	}
	b.WriteString(e.Reason)
	if e.Line != "" {
		fmt.Fprintf(&b, " (%s)", e.Line)
	}
	return b.String()
}
