package verifier

import (
	"io"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// Spec is a program to verify and what its references mean. Verify copies the
// instructions; everything else is read during the call only.
type Spec struct {
	Name      string
	Type      *progtype.Type
	Attach    uint32 // expected attach type, BPF_* of enum bpf_attach_type
	GPL       bool   // the licence is GPL-compatible
	Sleepable bool   // BPF_F_SLEEPABLE
	// StrictAlignment refuses accesses that are not aligned to their size
	// (BPF_F_STRICT_ALIGNMENT).
	StrictAlignment bool

	// Insns is the bytecode, one entry per 8-byte slot. The 16-byte loads of map
	// references carry an index into Maps in the low half of Imm; a kfunc call's Imm is an
	// index into Kfuncs.
	Insns  []isa.Insn
	Maps   []*Map
	Kfuncs []string

	Funcs []Func // sorted by Insn; optional
	Lines []Line // sorted by Insn; optional

	// Poison says, by instruction, why a call cannot be made: what a loader leaves
	// where a CO-RE relocation or a weak function has no answer. The program is refused
	// if a path leads there.
	Poison map[int]string

	// Helper gives the prototype of a helper, nil for one that this program may not
	// call. A nil Helper stands for the kernel's helpers and allow lists.
	Helper func(id int32) *proto.Proto

	// AttachBTF is the kernel function or tracepoint that a program of a tracing type
	// attaches to, whose arguments are its context; nil if it has none or it is not known.
	AttachBTF *FuncType
	// Types are the kernel's types that BTF-typed pointers refer to, by name; nil
	// means that none is known.
	Types TypeSource
	// LocalTypes are the structures of the program's own that it makes objects of, by their
	// number in the program's BTF, which bpf_obj_new is given.
	LocalTypes map[uint32]*LocalType
}

// LocalType is a structure of the program's own, of which it can make objects, lists and
// trees.
type LocalType struct {
	Struct
	Fields  []maps.Field // that only helpers and kernel functions may touch, sorted by offset
	Numbers bool         // it holds numbers, and arrays and structures of them, only
}

// Func is a BPF function of a program.
type Func struct {
	Insn int // its first instruction
	Name string
	// Global functions with a Type are verified on their own, by what Type promises of
	// their arguments; callers only check that they keep the promise.
	Global bool
	Type   *FuncType
}

// Line is where an instruction comes from.
type Line struct {
	Insn int // the first instruction of the line
	File string
	Num  int // from 1
	Col  int // from 1, 0 if unknown
	Text string
}

// Map is what the verifier has to know of a map.
type Map struct {
	Name       string
	Type       maps.Type
	KeySize    uint32 // bytes
	ValueSize  uint32 // bytes
	MaxEntries uint32
	Flags      uint32 // BPF_F_*
	Inner      *Map   // of the maps inside a map of maps
	Fields     []maps.Field
	// Contents is the value of a map whose bytes can change no more: frozen, and read-only
	// for programs. Loads from it are folded. It is nil for all others.
	Contents []byte
}

// Policy says what is accepted.
type Policy uint8

// The policies. Whatever a policy lets through, the sandbox confines.
const (
	// PolicyLinux accepts what the kernel accepts from root (CAP_BPF and CAP_PERFMON).
	PolicyLinux Policy = iota
	// PolicyStrict also refuses what only root may do: pointers leaking into maps and
	// return values, reads of stack bytes that were never written.
	PolicyStrict
	// PolicySandboxed asks for sound structure only: its proof holds no facts, and
	// safety rests on the sandbox and fuel.
	PolicySandboxed
)

var policyNames = [...]string{"linux", "strict", "sandboxed"}

// String returns the policy's name as flags spell it.
func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return "policy?"
}

// DefaultSteps is how many instructions the walk processes when nobody says otherwise:
// the kernel's limit.
const DefaultSteps = 1_000_000

// Options are the choices of a verification. The zero value is a sensible default.
type Options struct {
	Policy Policy
	// Steps is how many instructions a walk may process, 0 for DefaultSteps. A program that is too
	// much, or refused for what a loop forgot, is walked once more in another way, with as many again.
	Steps int
	// MemoryLimit bounds what a walk keeps, in bytes, 0 for 256 MiB.
	MemoryLimit int
	// Log gets two lines for each instruction processed: what is known before it, and the instruction; nil for
	// none.
	Log io.Writer
	// Trace gets what is known of the registers at each instruction; nil for none. With a
	// trace nothing is left out of the comparison of states, so that every concrete
	// execution is covered by a recorded state.
	Trace *Trace

	noWidening bool // of numbers that something depends on
	merging    bool // states when there are too many
}
