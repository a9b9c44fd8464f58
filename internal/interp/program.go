// Package interp runs BPF programs by reading one instruction after the other.
//
// One loop serves two modes. In fast mode, which is for programs with a proof, every access
// is confined to the window and nothing more, as in generated machine code. In checked mode every access must lie
// within one object that permits it, arguments of helpers are held against their
// prototypes, and reads of unwritten stack can be reported: it runs any program
// safely with a precise trap and is the oracle the verifier and the JIT are
// tested against.
package interp

import (
	"fmt"
	"slices"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// Rows of the loop's own beside those of package isa: what linking turns
// instructions into.
const (
	opConst    = isa.Op(isa.NumOps) + iota // dst = imm, two slots
	opTailCall                             // the helper that does not return
	opBadJump                              // control left the program, at insn imm
	opHead                                 // a turn of a loop begins, for imm units: then the instruction of the program
	opWatch                                // show the observer the instruction of the program, then run it
)

// insn is a decoded and linked instruction, 16 bytes.
type insn struct {
	op       isa.Op
	dst, src uint8
	_        uint8
	// off is the byte offset of memory accesses and the absolute target of
	// jumps and local calls.
	off int32
	// imm is the sign-extended immediate, or the index of the helper. For
	// jumps its low half is the immediate and its high half what taking the jump
	// costs in fuel.
	imm uint64
}

// Source is a program to prepare: bytecode plus what its references mean.
type Source struct {
	Name string
	Type *progtype.Type
	// Attach is the expected attach type, on which what the context permits may depend.
	Attach uint32
	GPL    bool
	// Proof, if not nil, is what the verifier made of the program: its instructions are
	// the ones that run.
	Proof *verifier.Proof
	// Insns is the bytecode of a program without a proof.
	Insns []isa.Insn
	// Maps is the table of the machine's maps. A tail call stays within one machine.
	Maps *maps.Table
	// Map gives the map of a number that facts of the proof name; nil says that machine code
	// need not know maps.
	Map func(i uint32) *maps.Map
	// Const gives the value of the 16-byte load at an instruction: a number, a map handle,
	// the guest address of a map value, a function reference.
	Const func(pc int) (uint64, error)
	// Helper resolves the call at an instruction.
	Helper func(pc int) (*helpers.Helper, error)
	// ByID resolves a helper number at run time, for callx. It returns nil for none.
	ByID func(id uint64) *helpers.Helper
	// Where names an instruction for people: its function and its C line.
	Where func(pc int) (function, line string)
}

// Program is a program prepared for the loop. It is immutable.
type Program struct {
	src     Source
	proven  bool             // it may run in fast mode
	ctx     *progtype.Layout // what it may do with its context
	code    []insn
	run     []insn // code, with opHead where a turn begins that whoever arrives takes fuel for: what the loop reads
	helpers []*helpers.Helper
	cost    *fuel.Table
	native  *jit.Code
	rings   map[int]*maps.Ringbuf // that machine code works on, by instruction
	env     bool                  // its machine code reads State.Env and State.Seed
	plain   *Program              // of a copy for an observer: the program
}

// FuncRef is the value that a register holds for a function of the program that
// starts at pc: no 32-bit address, so it is never mistaken for memory.
func FuncRef(pc int) uint64 { return fuel.Ref(pc) }

// New prepares a program. It fails when a reference cannot be resolved. Jumps that
// leave the program, and other faults that only running shows, become traps.
func New(src Source) (*Program, error) {
	proven := false
	if src.Proof != nil {
		// A sandboxed program was judged by its structure only.
		src.Insns, proven = src.Proof.Insns(), src.Proof.Policy() != verifier.PolicySandboxed
	}
	n := len(src.Insns)
	p := &Program{src: src, proven: proven, code: make([]insn, n, n+1), ctx: src.Type.Layout(src.Attach)}
	if n == 0 {
		return nil, fmt.Errorf("prepare: program %q: no instructions", src.Name)
	}
	p.cost = fuel.New(src.Insns)
	for pc := range src.Insns {
		if err := p.link(pc); err != nil {
			return nil, err
		}
	}
	// Falling off the end lands here.
	p.code = append(p.code, insn{op: opBadJump, imm: uint64(n - 1)})
	p.run = p.code
	if p.cost.Arrives() {
		p.run = slices.Clone(p.code)
		for pc := range n {
			if cost := p.cost.Arrive(pc); cost > 0 {
				p.run[pc] = insn{op: opHead, imm: uint64(cost)}
			}
		}
	}
	return p, nil
}

// link translates the instruction at pc.
func (p *Program) link(pc int) error {
	src := &p.src.Insns[pc]
	out := &p.code[pc]
	*out = insn{op: src.Op, dst: uint8(src.Dst), src: uint8(src.Src), off: int32(src.Off), imm: uint64(src.Imm)}
	switch src.Info().Kind {
	case isa.KindJump, isa.KindCond, isa.KindMayGoto:
		t := src.Target(pc)
		out.off = p.target(pc, t)
		out.imm = uint64(uint32(src.Imm)) | uint64(p.cost.Jump(pc, t))<<32
	case isa.KindLoadImm64:
		v, err := p.src.Const(pc)
		if err != nil {
			return fmt.Errorf("prepare: program %q: insn %d: %w", p.src.Name, pc, err)
		}
		out.op, out.imm = opConst, v
	}
	switch src.Op {
	case isa.OpCallLocal:
		t := src.Target(pc)
		out.off = p.target(pc, t)
		out.imm = uint64(p.cost.Func(t)) << 32
	case isa.OpCallHelper, isa.OpCallKfunc:
		h, err := p.src.Helper(pc)
		if err != nil {
			return fmt.Errorf("prepare: program %q: insn %d: %w", p.src.Name, pc, err)
		}
		out.op = isa.OpCallHelper
		if h.Proto.Engine {
			out.op = opTailCall
		}
		out.imm = uint64(len(p.helpers))
		p.helpers = append(p.helpers, h)
	}
	return nil
}

// target makes t safe to go to: a target outside the program becomes one past its
// end, where a trap stands.
func (p *Program) target(pc, t int) int32 {
	if t < 0 || t >= len(p.src.Insns) {
		return int32(len(p.src.Insns))
	}
	return int32(t)
}

// isFunc reports whether a function starts at pc.
func (p *Program) isFunc(pc uint64) bool {
	_, ok := p.cost.FuncAt(pc)
	return ok
}

// Proven reports whether the program has a proof that lets it run in fast mode.
func (p *Program) Proven() bool { return p.proven }

// Insns returns the program's instructions. They are shared: do not write.
func (p *Program) Insns() []isa.Insn { return p.src.Insns }

// Type returns the program type.
func (p *Program) Type() *progtype.Type { return p.src.Type }

// Name returns the program's name.
func (p *Program) Name() string { return p.src.Name }

// ProgramHandle marks a Program as something a prog array can hold.
func (p *Program) ProgramHandle() {}
