// Package kernel asks the live Linux kernel, through bpf(2), what it says about
// BPF programs and maps: whether the verifier takes a program, what a test run
// returns, what a map holds. Tests and the fuzz command use it as
// their oracle; nothing that runs programs imports it.
//
// Every call is bounded: a system call that runs longer than its limit is
// interrupted, and programs over [MaxInsns] instructions are refused unless asked
// for. On systems other than 64-bit Linux, and where bpf(2) is not permitted,
// [Available] says why and the rest fails with the same reason.
package kernel

import (
	"errors"
	"time"
)

// MaxInsns is the size, in 8-byte instructions, above which [Load] refuses a
// program unless [Prog.Large] is set.
const MaxInsns = 12000

// DefaultLimit is the time that one system call may take when the caller names none.
const DefaultLimit = 10 * time.Second

// ErrUnavailable is wrapped by every error that says that there is no kernel to ask.
var ErrUnavailable = errors.New("no live kernel")

// ErrTooLarge is returned for programs over [MaxInsns] instructions.
var ErrTooLarge = errors.New("program is too large")

// ErrTimeout is returned when a system call did not end within its limit.
var ErrTimeout = errors.New("time limit exceeded")

// Prog is a program as bpf(2) takes it.
type Prog struct {
	Name       string // at most 15 letters, digits and underscores
	Type       uint32 // BPF_PROG_TYPE_*
	AttachType uint32 // expected_attach_type
	Flags      uint32 // prog_flags, BPF_F_STRICT_ALIGNMENT and so on
	License    string // "GPL" when empty
	Insns      []byte // raw 8-byte little-endian instructions

	// Maps are put into the instructions before the load: the key is the
	// number of a 16-byte map load, the value the map it refers to.
	Maps map[int]*Map

	// Kfuncs names the kernel functions that are called: the key is the number of
	// the call, whose imm is set before the load. Only the kernel's own are found,
	// not those of modules.
	Kfuncs map[int]string

	AttachBTFID uint32 // attach_btf_id, with the kernel's own BTF, see FuncID
	BTF         *BTF   // type information for FuncInfo and LineInfo
	FuncInfo    []byte // bpf_func_info records of 8 bytes
	LineInfo    []byte // bpf_line_info records of 16 bytes

	LogLevel uint32        // 1 each instruction, 2 each state, 4 (the default) errors and statistics only
	NoLog    bool          // ask for the verdict alone, which is faster
	Large    bool          // allow more than MaxInsns instructions
	Limit    time.Duration // of the load, DefaultLimit when zero
}

// Verdict is what the kernel's verifier said about a program.
type Verdict struct {
	Accepted   bool
	Errno      int    // positive errno of a refused program, 0 when accepted
	ErrnoName  string // such as "EACCES"
	LastLine   string // last line of the log before the statistics: the reason
	Processed  int    // instructions that the verifier processed
	States     int    // states that it kept in all
	PeakStates int    // states that it held at one time, at most
	Log        string // the whole log

	// VerifyTime is the time that the kernel's statistics name: the whole verification
	// and its rewriting of the program, without the JIT unless the program has
	// subprograms. Wall and CPU are those of the whole system call.
	VerifyTime, Wall, CPU time.Duration
}

// Input is what one test run is given.
type Input struct {
	Data    []byte // packet data; nil when the program type takes none
	DataOut int    // room for output data, in bytes; 0 for len(Data) + 512, -1 for none
	Ctx     []byte // context structure; nil for none
	CtxOut  bool   // ask for the context back; type syscall gives it back without
	Repeat  uint32
	Flags   uint32 // BPF_F_TEST_RUN_ON_CPU and so on
	CPU     uint32
	Limit   time.Duration // DefaultLimit when zero
}

// Output is what one test run left. With an Errno nothing ran.
type Output struct {
	Errno     int // positive errno that the kernel refused the run with
	ErrnoName string
	Retval    uint32
	Data      []byte
	Ctx       []byte
	Duration  time.Duration // mean of one run
}

// MapSpec is a map as bpf(2) takes it.
type MapSpec struct {
	Name                                         string
	Type, KeySize, ValueSize, MaxEntries, Flags  uint32
	Extra                                        uint64
	Inner                                        *Map // template of map-in-map types
	BTF                                          *BTF
	BTFKeyType, BTFValueType, BTFVmlinuxValueTyp uint32
}

// KeyValue is one element of a map. Value of a per-CPU map holds the values of all
// possible CPUs one after the other, each rounded up to 8 bytes.
type KeyValue struct{ Key, Value []byte }

func le32(v uint32) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)} }
