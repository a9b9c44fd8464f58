// Package ir is the language between the lowering of BPF and the machine backends: macro
// ops on guest registers. One op is one to a dozen native instructions. A backend expands
// a [List] into machine code, op by op, and decides nothing about safety: an op says how its
// address is confined, and the check pass of package jit has refused lists that do not.
package ir

import (
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// Reg is an operand: R0 to R9 of BPF, FP, or the temporary.
type Reg uint8

// Registers beside R0 to R9.
const (
	// FP is R10. It stands in Base of loads and stores that are Frame or Indexed only, and
	// in FrameAddr implicitly: amd64 holds its host address, arm64 both forms.
	FP Reg = 10
	// Tmp is a scratch register that lives from the op that writes it to the next op that
	// reads it: the right-hand operand of an op, the left one of a CondJump, or the
	// Base of a Confined access.
	Tmp Reg = 11
	// None is no register.
	None Reg = 15
)

// Kind is the operation of a macro op.
type Kind uint8

// The macro ops. D is Dst, B the second operand: Imm if UseImm, else Src. W is 32 or 64;
// a result of 32 bits is zero-extended to 64.
const (
	Nop   Kind = iota
	Label      // label Target stands here; Imm is 1 if a loop begins here, into which control may fall

	Mov       // D = B (W 32: zero-extended low half); a 64-bit immediate if UseImm
	FrameAddr // D = guest value of R10 + Imm, which lies in the frame: a 32-bit number, zero-extended
	Lea       // D = Src + Imm, W
	Add       // D = D op B, W. Immediates fit 32 signed bits but for W 32, where any low half counts
	Sub
	Mul
	Or
	And
	Xor
	Lsh  // counts are masked with W-1
	Rsh  //
	Arsh //
	Rol  // rotate left; Imm or Src, masked
	Div  // unsigned; by zero gives 0. NonZero: no test needed
	Mod  // by zero leaves D (W 32: its low half, zero-extended)
	SDiv // MIN / -1 gives MIN
	SMod // MIN % -1 gives 0
	Neg  // D = -D, W
	Sext // D = Src's low From bits sign-extended to W
	Zext // D = D's low From bits
	Swap // D = D's low From bits, bytes reversed, zero-extended (16, 32, 64)

	// Load: D = Size bytes at the address; Signed: sign-extended to 64 bits, else
	// zero-extended; Swapped: byte order reversed (after which zero-extended).
	Load
	Store // Size bytes at the address = B; Swapped: bytes reversed (never with UseImm)

	// Atomic does AtomicOp on Size (4 or 8) bytes at the address, whose low log2(Size)
	// bits are cleared after it was confined. Fetch: Src receives the old value,
	// zero-extended. AtomicCmpxchg compares with R0, stores Src, and R0 receives the old value.
	Atomic
	LoadAcq  // D = Size bytes at the aligned address, acquire, zero-extended
	StoreRel // Size bytes at the aligned address = Src, release

	Jump     // to label Target
	Charge   // fuel -= Imm; if that borrowed, leave by Exit, else go on
	Refund   // fuel += Imm, what the Charge behind the label that follows takes: control comes into the loop, not round it
	CondJump // if Dst Cond B, W, go to label Target
	// MayGoto goes to label Target if the frame's budget is 0, else takes one off it.
	MayGoto

	Func   // function Target starts: its prologue; Imm: bytes below R10 to zero, a multiple of 16
	Return // of the function: R0 is the result
	// Call calls function Target in a new frame: R10 moves up by Off bytes and back; 0 for what stands in for a helper. At the deepest
	// frame (R10 is State.Limit) it leaves by Exit instead.
	Call
	// CallIndirect calls the native address in State.Target, in a new frame as Call does; no depth test,
	// the host made it. Its first byte is where Exit Imm resumes (see Exit.Resume).
	CallIndirect
	Leave // unconditional exit by Exit

	// LoadState: D = Size bytes (4 or 8, zero-extended) of the state block at Off.
	LoadState
	// ArrayLookup: R0 = address of an element of List.Maps[Aux], an array, or 0: index = 4 bytes at the address
	// (Base, Off, Access as in Load); R0 = index < Entries ? uint32(Addr + index*Stride + State.CPU*CPUStride) : 0.
	// R1-R5 may be clobbered.
	ArrayLookup
	// HashLookup: R0 = the same of a hash map, whose key of KeySize bytes is at the address, or 0. It may leave by
	// Exit instead, to the helper, with R1 = Imm, R2 as it was, and R3 to R5 clobbered.
	HashLookup
	// ArrayUpdate: the element of List.Maps[Aux], an array, with the key at the address becomes what is at R3, or at Imm of the
	// frame if UseImm; R0 = 0. It does so where R4 is 0 and the element exists, and else leaves by Exit to the helper, with R1
	// to R4 as they were. R5 may be clobbered.
	ArrayUpdate

	StoreState // Size bytes of the state block at Off = Src, never the temporary
	// LoadPacket: D = where the packet begins (low half) and ends (high half), two guest addresses.
	LoadPacket
	// ReadClock: R0 = nanoseconds by the hostclock.Line that State.Clock leads to, 0 when the host has to be asked.
	ReadClock
	// Copy copies Imm bytes, 1 to CopyMax but not 3, from the address in Src to that in Base, each confined to the window; all are
	// read before the first is written.
	Copy
	// RingReserve: R0 = guest address of a record of Src bytes (Off bytes if UseImm) in a ring buffer, or 0 when there is no room: see
	// maps.RingHead, at the host address Imm. Aux is the guest address of position 0, Stride the size less one.
	// R1 and R5 are undefined then.
	RingReserve
	// RingCommit ends the record of that ring buffer at the guest address in R1, discards it if Signed. R0 = CommitOK; CommitNot
	// if there is no record that is being written; CommitWake if there was and a reader waits. R3 is undefined then.
	RingCommit
	// TailCall goes on at the program in slot R3 (32 bits) of a prog array: Imm is the host address of its slots, Aux how many
	// there are, Stride the class of programs (if it is odd, the target's lowest bit does not count), From the fuel it takes, Off the array's handle if R2 is to be compared
	// with it (0: it is proven). See maps.TailTarget for what a slot leads to. When anything stands against it, when less
	// fuel is left or State.Tails is MaxTailCalls, control goes on behind it, with R0 undefined. Only in Root functions.
	TailCall

	NumKinds
)

// CopyMax is the most that a Copy copies, in bytes.
const CopyMax = 64

// What RingCommit leaves in R0.
const (
	CommitOK   = 0
	CommitNot  = 1
	CommitWake = 2
)

// Access says how an address is made safe. The zero value is the safest.
type Access uint8

// How addresses are formed. Confined: uint32(Base + Off), and the mask for small windows, is an
// offset from the window's base. Frame: Base is FP and Off a constant inside the frame: no confinement is needed.
// Bare: Base is proven to hold a guest address such that Base+Off lies within an object: Base + Off may be added
// to the window's base as they are. Near: Base is known, by what the ops themselves do, to lie in the window or a little behind it,
// so they may be added too. Only the check of package jit makes it. Fixed: the address is Off, there is no Base.
const (
	Confined Access = iota
	Frame
	Bare
	Near
	Fixed
)

// Cond is a comparison.
type Cond uint8

// The comparisons of CondJump. Set is Dst & B != 0, Clear its opposite.
const (
	Eq Cond = iota
	Ne
	Gt // unsigned
	Le
	Ge
	Lt
	SGt // signed
	SLe
	SGe
	SLt
	Set
	Clear
)

// Not is the opposite comparison.
func (c Cond) Not() Cond { return c ^ 1 }

// Op is one macro op.
type Op struct {
	Kind     Kind
	W        uint8 // 32 or 64
	Size     uint8 // bytes of a memory access
	From     uint8 // bits that extensions and swaps start from
	Dst, Src Reg
	Base     Reg // of an address
	Cond     Cond
	Access   Access
	AtomicOp isa.AtomicOp
	UseImm   bool
	NonZero  bool // the divisor is proven not to be 0
	Signed   bool
	Swapped  bool
	Fetch    bool
	// Indexed accesses are at uint32(Base + Index<<Scale + Off), always Confined: loads and stores of registers and
	// constants only. Base may be FP then, for the guest's value of R10.
	Indexed bool
	Index   Reg
	Scale   uint8 // 0 to 3
	Safe    bool  // the access is proven to lie within an object: base and offset may be confined apart
	Off     int32 // of an address, in bytes
	Target  int32 // label or function
	Exit    int32 // index into List.Exits
	Stride  uint32
	Aux     uint32
	PC      int32 // instruction that the op comes from
	Imm     int64
}

// ExitKind is why generated code returns to Go.
type ExitKind uint8

// The reasons of exits.
const (
	ExitHelper   ExitKind = iota // call helper of instruction PC
	ExitTailCall                 // bpf_tail_call
	ExitCallReg                  // callx: the value is in R[Reg]
	ExitFuel                     // the slice is used up
	ExitPacket                   // legacy packet load
	ExitDepth                    // more than 8 nested functions
	ExitBadJump                  // control left the program at PC
	ExitBadInsn                  // no instruction, or one proven unreachable
	ExitWake                     // a record went into the ring buffer that instruction PC is about, and a reader waits
)

// Exit is one place where generated code leaves. Go goes on at the code of label Resume, or at
// that of Alt: for ExitCallReg Resume is a CallIndirect and Alt is behind it; for
// ExitPacket Alt is the Return of the function. -1 for none.
type Exit struct {
	Kind        ExitKind
	PC          int32
	Reg         Reg
	Resume, Alt int32
}

// Function is a BPF function.
type Function struct {
	PC int32 // its first instruction
	// Root functions are entered by the host only: they save nothing, and Return ends the
	// run with Done. All others can be called, also by the host through CallIndirect.
	Root bool
	// Inner functions stand in for helpers: the program alone calls them, and they run in the BPF frame of their caller.
	Inner bool
}

// List is a program in macro ops.
type List struct {
	Ops    []Op
	Labels int // labels are 0 to Labels-1
	Exits  []Exit
	Funcs  []Function
	// Mask confines addresses: 1<<32-1 when 32 bits suffice, else a power of two less one.
	Mask uint32
	// Plain asks a backend for one op after the other, each in its general form.
	Plain bool
	// Unlisted lets a backend leave Native.PCs out.
	Unlisted bool
	Maps     []maps.Layout // that machine code looks up keys in
}

// Native is a list in machine code, position-independent.
type Native struct {
	Code []byte
	// Start enters function 0 as a root with the registers and budget of the state block. Callee does the same for the
	// function whose native address is in State.Target (any function that is not Root). Resume goes on
	// at the native address in State.Resume with all registers and the saved native stack.
	Start, Callee, Resume uint32
	// Root is where function 0 is gone on to where it is Root and its base frame is in place: by a tail call, and by the host
	// through Resume.
	Root uint32
	// Lift is by how many bytes functions that are called move R10 up: Code.Return undoes it. 0 where their callers do.
	Lift   uint32
	Labels []uint32 // code offset by label
	Funcs  []uint32 // code offset of the first byte of each function, its prologue
	PCs    []Line   // sorted by Code: for dumps
	// End is where the code of the ops ends: what helpers do, if it is called, and ways out that are rarely taken follow, then the stubs.
	End uint32
}

// Line says that code from offset Code on is for instruction PC.
type Line struct{ Code, PC uint32 }
