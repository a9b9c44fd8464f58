package fuzzgen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gbpf/gbpf/isa"
)

// Program flags (BPF_F_* of the load command).
const (
	StrictAlignment = 1 << 0
	AnyAlignment    = 1 << 1
	Sleepable       = 1 << 4
)

// Program is one program and what its references mean. Programs may share their maps;
// treat them as read-only.
type Program struct {
	Seed, Number uint64 // what [Generator] made it from
	Type         uint32 // BPF_PROG_TYPE_*
	Attach       uint32 // expected attach type
	Flags        uint32

	// Insns has an entry per 8-byte slot. The 16-byte loads of maps (OpLddwMapFD and
	// OpLddwMapValue) carry an index into Maps in the low half of Imm; a kfunc call's Imm is
	// an index into Kfuncs.
	Insns []isa.Insn
	// Raw is bytecode that need not be instructions at all; Insns is nil then.
	Raw []byte

	Maps   []*Map
	Kfuncs []string
	// Funcs describes functions that are more than static ones, by first instruction.
	Funcs []Func
	// Typed asks for type information to be loaded with the program: callbacks and global
	// functions need it.
	Typed bool
}

// Map describes a map, with the numbers of the kernel's interface.
type Map struct {
	Name       string
	Type       uint32 // enum bpf_map_type
	KeySize    uint32 // bytes
	ValueSize  uint32 // bytes
	MaxEntries uint32
	Flags      uint32 // BPF_F_*
	Inner      *Map   // of the maps inside a map of maps
	// Contents are the first value's bytes, nil for zeros.
	Contents []byte
	// Frozen says that user space can change the map no more.
	Frozen bool
	// Lock says that the value starts with a struct bpf_spin_lock, Timer with a struct
	// bpf_timer, of which there is type information.
	Lock, Timer bool
}

// Func is a global function.
type Func struct {
	Insn int // its first instruction
	Args []Arg
}

// Arg is the type of an argument of a global function.
type Arg struct {
	Kind ArgKind
	Size uint32 // of ArgMem: bytes
}

// ArgKind is what an argument of a global function is.
type ArgKind uint8

// The kinds of argument.
const (
	ArgInt ArgKind = iota // a 64-bit number
	ArgCtx                // the context
	ArgMem                // a pointer to Size bytes, or NULL
)

// Clone returns a copy whose instructions may be changed.
func (p *Program) Clone() *Program {
	q := *p
	q.Insns = slices.Clone(p.Insns)
	q.Raw = slices.Clone(p.Raw)
	q.Funcs = slices.Clone(p.Funcs)
	return &q
}

// Len is the number of 8-byte slots.
func (p *Program) Len() int {
	if p.Raw != nil {
		return len(p.Raw) / 8
	}
	return len(p.Insns)
}

// Bytes is the bytecode. Map loads hold indexes.
func (p *Program) Bytes() []byte {
	if p.Raw != nil {
		return slices.Clone(p.Raw)
	}
	b := make([]byte, 0, 8*len(p.Insns))
	for _, in := range p.Insns {
		b = in.AppendTo(b)
	}
	return b
}

// Starts lists the first instructions of the program's functions in order: 0, and
// whatever a local call or a function reference names inside the program.
func (p *Program) Starts() []int {
	starts := []int{0}
	for pc, in := range p.Insns {
		if in.Op != isa.OpCallLocal && in.Op != isa.OpLddwFunc {
			continue
		}
		if t := in.Target(pc); t > 0 && t < len(p.Insns) {
			starts = append(starts, t)
		}
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}

// Func returns the description of the global function that starts at insn, nil for a
// static one.
func (p *Program) Func(insn int) *Func {
	for i := range p.Funcs {
		if p.Funcs[i].Insn == insn {
			return &p.Funcs[i]
		}
	}
	return nil
}

// String is the program in the notation of the kernel's log, after a line that says what it is.
func (p *Program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "type %d attach %d flags %#x", p.Type, p.Attach, p.Flags)
	if p.Raw != nil {
		fmt.Fprintf(&b, "\n% x\n", p.Raw)
		return b.String()
	}
	names := &isa.Names{
		Map: func(in isa.Insn) string {
			if i := int(in.ImmLow()); i >= 0 && i < len(p.Maps) {
				m := p.Maps[i]
				return fmt.Sprintf("%s k%d v%d", m.Name, m.KeySize, m.ValueSize)
			}
			return ""
		},
		Kfunc: func(id int32, _ int16) string {
			if id >= 0 && int(id) < len(p.Kfuncs) {
				return p.Kfuncs[id]
			}
			return ""
		},
	}
	starts := p.Starts()
	b.WriteByte('\n')
	for pc := range p.Insns {
		if pc > 0 && p.Insns[pc].Op == isa.OpLddwHi {
			continue
		}
		if pc > 0 && slices.Contains(starts, pc) {
			if f := p.Func(pc); f != nil {
				fmt.Fprintf(&b, "global %v:\n", f.Args)
			} else {
				b.WriteString("func:\n")
			}
		}
		fmt.Fprintf(&b, "%4d: %s\n", pc, isa.Format(p.Insns, pc, names))
	}
	return b.String()
}
