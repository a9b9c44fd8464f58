package verifier

import (
	"fmt"
	"sort"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// maxInsns is the largest program, in slots: the kernel's limit for root.
const maxInsns = 1_000_000

// maxSubprogs is how many functions a program may have (BPF_MAX_SUBPROGS).
const maxSubprogs = 256

// program is the bytecode with what can be said of it without walking: functions,
// where control may go, which registers are read later. It does not change during the walk.
type program struct {
	spec  *Spec
	insns []isa.Insn
	subs  []subprog
	subOf []int16  // by instruction: the function it is in
	flags []pcFlag // by instruction
	live  []uint16 // by instruction: registers that some path from here reads
	preds edges    // where control may come from, within a function
	sites [][]int32
	// kfuncs are the prototypes of Spec.Kfuncs, nil for those that are not known.
	kfuncs []*proto.KfuncProto
}

// subprog is one function: instructions start to end, exclusive.
type subprog struct {
	start, end int
	name       string
	global     bool
	typ        *FuncType
	exits      []int32
	callback   bool // its address is taken
	tailCalls  bool
	ldAbs      bool
	mightSleep bool
	// changesPacket: it, or what it calls, moves packet data, so that callers' packet pointers are gone after a
	// call that is not walked.
	changesPacket bool
}

// pcFlag marks instructions that the walk treats with care.
type pcFlag uint8

const (
	prunePoint pcFlag = 1 << iota // states are compared and kept here
	forcePoint                    // and kept each time: a loop closes here that converges
	jumpTarget
	poisoned
	badOperand
)

// fault is what the passes before the walk report.
func fault(code Code, insn int, format string, args ...any) *Error {
	return &Error{Code: code, Insn: insn, Reason: fmt.Sprintf(format, args...)}
}

// newProgram checks the structure and does the passes before the walk. If sandboxed only
// that which keeps control inside the program is checked.
func newProgram(spec *Spec, insns []isa.Insn, sandboxed bool) (*program, *Error) {
	p := &program{spec: spec, insns: insns}
	for _, name := range spec.Kfuncs {
		p.kfuncs = append(p.kfuncs, proto.Kfunc(name))
	}
	n := len(insns)
	switch {
	case spec.Type == nil:
		return nil, fault(CodeStructure, -1, "the program has no type")
	case n == 0:
		return nil, fault(CodeStructure, -1, "the program has no instructions")
	case n > maxInsns:
		return nil, fault(CodeLimit, -1, "%d instructions: the limit is %d", n, maxInsns)
	}
	if err := p.checkInsns(); err != nil {
		return nil, err
	}
	if err := p.findSubprogs(sandboxed); err != nil {
		return nil, err
	}
	p.flags = make([]pcFlag, n)
	for pc := range spec.Poison {
		if pc >= 0 && pc < n {
			p.flags[pc] |= poisoned
		}
	}
	if err := p.checkJumps(sandboxed); err != nil {
		return nil, err
	}
	if sandboxed {
		return p, nil
	}
	p.markOperands()
	if err := p.checkFlow(); err != nil {
		return nil, err
	}
	p.liveness()
	return p, nil
}

// checkInsns checks each instruction and the pairs that 16-byte loads are made of.
func (p *program) checkInsns() *Error {
	for pc := 0; pc < len(p.insns); pc++ {
		in := &p.insns[pc]
		if in.Op == isa.OpInvalid || int(in.Op) >= isa.NumOps {
			return fault(CodeStructure, pc, "not an instruction: opcode %#02x", in.Opcode)
		}
		info := in.Info()
		if in.Dst > isa.R10 || in.Src > isa.R10 && info.SrcUse == isa.UseOperand {
			return fault(CodeStructure, pc, "no such register")
		}
		if in.Op == isa.OpLddwHi {
			return fault(CodeStructure, pc, "second half of a 16-byte load without the first")
		}
		if info.Kind == isa.KindLoadImm64 {
			if pc+1 >= len(p.insns) || p.insns[pc+1].Op != isa.OpLddwHi {
				return fault(CodeStructure, pc, "16-byte load without its second half")
			}
			pc++
		}
	}
	return nil
}

// findSubprogs splits the program at the targets of calls and function references.
func (p *program) findSubprogs(sandboxed bool) *Error {
	n := len(p.insns)
	starts := map[int]bool{0: true}
	refs := map[int]bool{}
	for pc := range p.insns {
		in := &p.insns[pc]
		if in.Op != isa.OpCallLocal && in.Op != isa.OpLddwFunc {
			continue
		}
		t := in.Target(pc)
		switch {
		case t < 0 || t >= n:
			return fault(CodeStructure, pc, "%s goes to insn %d: the program ends at %d", transferName(in), t, n-1)
		case p.insns[t].Op == isa.OpLddwHi:
			return fault(CodeStructure, pc, "%s goes to insn %d, the middle of a 16-byte load", transferName(in), t)
		}
		starts[t] = true
		if in.Op == isa.OpLddwFunc {
			refs[t] = true
		}
	}
	for _, f := range p.spec.Funcs {
		// Functions that nothing calls are functions all the same when they are global.
		if f.Global && f.Insn > 0 && f.Insn < n && p.insns[f.Insn].Op != isa.OpLddwHi {
			starts[f.Insn] = true
		}
	}
	list := make([]int, 0, len(starts))
	for s := range starts {
		list = append(list, s)
	}
	sort.Ints(list)
	if len(list) > maxSubprogs && !sandboxed {
		return fault(CodeLimit, list[maxSubprogs], "%d functions: the limit is %d", len(list), maxSubprogs)
	}
	p.subOf = make([]int16, n)
	for i, s := range list {
		sub := subprog{start: s, end: n, callback: refs[s]}
		if i+1 < len(list) {
			sub.end = list[i+1]
		}
		if f := p.funcAt(s); f != nil {
			sub.name, sub.global, sub.typ = f.Name, f.Global, f.Type
		}
		p.subs = append(p.subs, sub)
		if len(list) <= maxSubprogs {
			for pc := s; pc < sub.end; pc++ {
				p.subOf[pc] = int16(i)
			}
		}
	}
	return nil
}

// kfuncAt is the prototype of the kernel function that the instruction at pc calls, nil for none or
// one that is not known.
func (p *program) kfuncAt(pc int) *proto.KfuncProto {
	in := &p.insns[pc]
	if in.Op != isa.OpCallKfunc || in.Imm < 0 || in.Imm >= int64(len(p.kfuncs)) {
		return nil
	}
	return p.kfuncs[in.Imm]
}

func (p *program) funcAt(pc int) *Func {
	i := sort.Search(len(p.spec.Funcs), func(i int) bool { return p.spec.Funcs[i].Insn >= pc })
	if i < len(p.spec.Funcs) && p.spec.Funcs[i].Insn == pc {
		return &p.spec.Funcs[i]
	}
	return nil
}

// subName names a function for people.
func (p *program) subName(i int) string {
	if s := p.subs[i].name; s != "" {
		return s
	}
	if i == 0 {
		return p.spec.Name
	}
	return fmt.Sprintf("the function at insn %d", p.subs[i].start)
}

// checkJumps checks that control stays inside the program, and for all but the sandboxed
// policy inside each function.
func (p *program) checkJumps(sandboxed bool) *Error {
	n := len(p.insns)
	for i := range p.subs {
		s := &p.subs[i]
		lo, hi := s.start, s.end
		if sandboxed {
			lo, hi = 0, n
		}
		last := s.start
		for pc := s.start; pc < s.end; pc++ {
			in := &p.insns[pc]
			if in.Op == isa.OpLddwHi {
				continue
			}
			last = pc
			if !in.IsJump() {
				continue
			}
			t := in.Target(pc)
			switch {
			case t < lo || t >= hi:
				if t >= 0 && t < n {
					return fault(CodeStructure, pc, "jump goes to insn %d, out of its function, insns %d to %d", t, lo, hi-1)
				}
				return fault(CodeStructure, pc, "jump goes to insn %d: the program ends at %d", t, n-1)
			case p.insns[t].Op == isa.OpLddwHi:
				return fault(CodeStructure, pc, "jump goes to insn %d, the middle of a 16-byte load", t)
			}
			p.flags[t] |= jumpTarget
		}
		if op := p.insns[last].Op; op != isa.OpExit && op != isa.OpJa && op != isa.OpJa32 && (!sandboxed || s.end == n) {
			return fault(CodeStructure, last, "the last instruction of %s is neither exit nor a jump: control would run off its end", p.subName(i)).as(topicFallsOff)
		}
	}
	return nil
}

func transferName(in *isa.Insn) string {
	switch in.Op {
	case isa.OpCallLocal:
		return "call"
	case isa.OpLddwFunc:
		return "function reference"
	}
	return "jump"
}

// markOperands notes instructions that no path may come to: with operands that no run could
// use.
func (p *program) markOperands() {
	for pc := range p.insns {
		if p.insns[pc].Op != isa.OpLddwHi && p.operandFault(pc) != nil {
			p.flags[pc] |= badOperand
		}
	}
}

// operandFault says what is wrong with the operands of the instruction at pc, nil if nothing
// is.
func (p *program) operandFault(pc int) *Error {
	in := &p.insns[pc]
	info := in.Info()
	switch info.Kind {
	case isa.KindStore, isa.KindStoreImm, isa.KindStoreRelease:
	case isa.KindAtomic:
		if info.Fetch && info.AtomicOp != isa.AtomicCmpxchg && in.Src == isa.R10 {
			return fault(CodeStructure, pc, "r10, the frame pointer, is read-only")
		}
	default:
		if in.WriteRegs().Has(isa.R10) {
			return fault(CodeStructure, pc, "r10, the frame pointer, is read-only")
		}
	}
	if info.Kind == isa.KindALU && info.UsesImm {
		switch info.AluOp {
		case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod:
			if in.Imm == 0 {
				return fault(CodeStructure, pc, "division by zero").as(topicDivide)
			}
		case isa.AluLsh, isa.AluRsh, isa.AluArsh:
			if in.Imm < 0 || in.Imm >= int64(info.Width) {
				return fault(CodeStructure, pc, "shift by %d of a %d-bit value", in.Imm, info.Width).as(topicShift)
			}
		}
	}
	if in.Op == isa.OpCallReg {
		return fault(CodeUnsupported, pc, "calls through a register cannot be verified")
	}
	return nil
}
