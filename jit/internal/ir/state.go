package ir

import "unsafe"

// State is the block of memory that generated code and the host share during a run. One
// layout serves both architectures. It lies in the Go heap, holds no pointers that the
// collector must see, and is kept alive by the host. Generated code reaches it through the word at the top of
// its native stack: see Frame.
type State struct {
	// R are R0 to R10; R10 as the guest's value. All are loaded at Start, Callee and Resume, and
	// stored at every exit; Done stores R0 only. There are 16 as in the interpreter, which needs no bounds check then.
	R      [16]uint64
	Fuel   uint64 // left of the slice: below 1<<63, or negative when the exit is for fuel
	Base   uint64 // host address of guest address 0
	Limit  uint64 // R10 of the deepest frame, as the guest has it
	Target uint64 // native address for CallIndirect and Callee
	Resume uint64 // native address for Resume
	SP     uint64 // native stack pointer at which the stub called: the words of Stack lie below it
	Link   uint64 // for the stub's use
	Save   [2]uint64
	Exit   uint32 // index into List.Exits, or Done
	Words  uint32 // words in use of Stack
	Budget uint32 // may_goto budget of the frame that Start or Callee makes
	CPU    uint32 // simulated CPU
	Tails  uint32 // tail calls that the run has made
	Prog   uint32 // number of the program that machine code went on to by a tail call, 0 for none: the host sets it to 0
	// Packet is the host address of the guest addresses of the packet's start and end, 4 bytes each.
	Packet uint64
	// Scratch is the guest address of what is free of the run's scratch area.
	Scratch uint32
	_       uint32
	Clock   uint64         // host address of a word that leads to a hostclock.Line
	Seed    uint64         // of get_prandom_u32; 0 says that the host has to be asked
	Env     [NumEnv]uint64 // what helpers say that take no arguments
	// Stack is the native stack between the stub and the exit, lowest address first.
	Stack [MaxFrames * FrameWordsMax]uint64
}

// The words of State.Env.
const (
	EnvPidTgid = iota
	EnvUidGid
	EnvNUMANode
	EnvCgroupID
	NumEnv
)

// Tail calls in machine code.
const (
	MaxTailCalls = 33  // of a run: MAX_TAIL_CALL_CNT
	TailError    = -22 // what R0 holds behind a tail call, and when the target begins: EINVAL
)

// Done in State.Exit says that the run's outermost function has returned.
const Done = 1<<32 - 1

// The native stack. A frame of a function is, from its lowest address: the address of the State, the may_goto
// budget (low 32 bits), then what the prologue saved: R9, R8, R7, R6 of the caller, then the return address
// (amd64: pushed by call; arm64: the saved link register), then padding to a multiple of the
// alignment. The frame that Start and Callee make, and that of Root functions, is the first
// FrameBase words only (state, budget).
const (
	MaxFrames = 8
	FrameBase = 2
	FrameR9   = 2
	FrameR8   = 3
	FrameR7   = 4
	FrameR6   = 5
	FrameRet  = 6
	// FrameWordsMax is room for a function's frame and that of the loop that calls it back, which is one in the
	// same BPF frame as the function that the loop stands in.
	FrameWordsMax = 16
)

// Offsets of State's fields, in bytes.
const (
	OffR       = unsafe.Offsetof(State{}.R)
	OffFuel    = unsafe.Offsetof(State{}.Fuel)
	OffBase    = unsafe.Offsetof(State{}.Base)
	OffLimit   = unsafe.Offsetof(State{}.Limit)
	OffTarget  = unsafe.Offsetof(State{}.Target)
	OffResume  = unsafe.Offsetof(State{}.Resume)
	OffSP      = unsafe.Offsetof(State{}.SP)
	OffLink    = unsafe.Offsetof(State{}.Link)
	OffSave    = unsafe.Offsetof(State{}.Save)
	OffExit    = unsafe.Offsetof(State{}.Exit)
	OffWords   = unsafe.Offsetof(State{}.Words)
	OffBudget  = unsafe.Offsetof(State{}.Budget)
	OffCPU     = unsafe.Offsetof(State{}.CPU)
	OffTails   = unsafe.Offsetof(State{}.Tails)
	OffProg    = unsafe.Offsetof(State{}.Prog)
	OffPacket  = unsafe.Offsetof(State{}.Packet)
	OffScratch = unsafe.Offsetof(State{}.Scratch)
	OffClock   = unsafe.Offsetof(State{}.Clock)
	OffSeed    = unsafe.Offsetof(State{}.Seed)
	OffEnv     = unsafe.Offsetof(State{}.Env)
	OffStack   = unsafe.Offsetof(State{}.Stack)
)

// Address is where the state lies: Go's heap does not move.
func (st *State) Address() uint64 { return uint64(uintptr(unsafe.Pointer(st))) }
