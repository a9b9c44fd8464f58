package verifier

import "github.com/gbpf/gbpf/isa"

// FactFlags say which facts hold of an instruction on every path that reaches it.
type FactFlags uint16

// The flags of facts.
const (
	// Reached: some path leads to the instruction. All other facts are about those
	// paths; an instruction that is not reached has none.
	Reached FactFlags = 1 << iota
	// Safe: the memory access lies within the object that Base names, at Min to Max
	// bytes (inclusive, of the access's first byte) from its start.
	Safe
	// Taken: a conditional jump always jumps.
	Taken
	// NotTaken: a conditional jump never jumps.
	NotTaken
	// NonZero: the divisor in the source register is not 0, of the bits that the
	// instruction divides by.
	NonZero
	// ConstMap: the helper's map argument is always Map.
	ConstMap
	// ConstKey: the helper's key argument points to a 4-byte key whose value is always Key.
	ConstKey
	// InBounds: the index given to an array map is below its max_entries: the lookup
	// cannot fail.
	InBounds
)

// Fact is what is proven of one instruction.
type Fact struct {
	Flags FactFlags
	Base  Kind   // of an access: the object, one for all paths if Safe
	Map   uint32 // index into Spec.Maps: of PtrToMapValue accesses and of ConstMap
	Min   int32  // of an access, see Safe
	Max   int32
	Key   uint32
	// Upper has a bit set for each register that holds a number below 2^32 before the instruction.
	Upper uint16
}

// Has reports whether all of the flags are set.
func (f *Fact) Has(flags FactFlags) bool { return f.Flags&flags == flags }

// Stats count what a verification took.
type Stats struct {
	Insns     int // of the program
	Processed int // instructions walked, over all paths
	States    int // states kept
	Pruned    int // paths that ended in a state that was known
	PeakBytes int // memory that the walk kept, at most
	// Merged counts states that were joined when there were too many of one point.
	Merged int
}

// Proof says that a program is safe, and why engines may leave checks out. It is
// immutable. Only [Verify] makes one.
type Proof struct {
	insns   []isa.Insn
	facts   []Fact
	stats   Stats
	policy  Policy
	hash    [32]byte
	depth   []int // stack bytes by function, in the order of starts
	starts  []int
	ctxMax  int32
	longest int // instructions, 0 for no bound
}

// Insns returns the instructions that were verified, and that are to be run. They are
// shared: do not write.
func (p *Proof) Insns() []isa.Insn { return p.insns }

// Fact returns what is known of instruction pc. It is shared: do not write.
func (p *Proof) Fact(pc int) *Fact { return &p.facts[pc] }

// Stats returns what the verification took.
func (p *Proof) Stats() Stats { return p.stats }

// Policy returns the policy that the program was held against.
func (p *Proof) Policy() Policy { return p.policy }

// Hash is the SHA-256 of the instruction bytes.
func (p *Proof) Hash() [32]byte { return p.hash }

// MaxCtx is the end of the furthest access to the context, in bytes: a syscall program
// must not be run on a smaller context.
func (p *Proof) MaxCtx() int { return int(p.ctxMax) }

// MaxInsns is how many instructions a run can take at most. It is false if the proof bounds none: where loops
// are closed by iterators, callbacks or may_goto, and where global functions or other programs are called.
func (p *Proof) MaxInsns() (n int, ok bool) { return p.longest, p.longest > 0 }

// StackUse is how many bytes of its stack the function that starts at instruction pc uses, 0 if
// none starts there.
func (p *Proof) StackUse(pc int) int {
	for i, s := range p.starts {
		if s == pc {
			return p.depth[i]
		}
	}
	return 0
}
