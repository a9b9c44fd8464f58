package vm

import (
	"errors"
	"fmt"
	"io"
	stdmaps "maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// MaxInsns is the largest program, in instructions: the kernel's limit for root.
const MaxInsns = 1_000_000

// Func is a BPF function of a program.
type Func = verifier.Func

// Line is where an instruction comes from.
type Line = verifier.Line

// ProgramSpec is a program to load. Its slices are copied.
type ProgramSpec struct {
	Name       string
	Type       *progtype.Type
	AttachType uint32 // BPF_* attach type, for return ranges
	License    string // GPL-compatible ones may call GPL-only helpers
	Sleepable  bool   // BPF_F_SLEEPABLE
	// StrictAlignment refuses accesses that are not aligned to their size
	// (BPF_F_STRICT_ALIGNMENT).
	StrictAlignment bool

	// Insns is the bytecode, one entry per 8-byte slot. The 16-byte loads of map
	// references carry an index into Maps in the low half of Imm, and for map values
	// the offset in the high half. A helper call's Imm is the helper's
	// number, a kfunc call's an index into Kfuncs.
	Insns  []isa.Insn
	Maps   []*maps.Map
	Kfuncs []string

	Funcs []Func // sorted by Insn; optional
	Lines []Line // sorted by Insn; optional

	// Poison says, by instruction, why a helper call cannot be made: what a loader
	// leaves where a CO-RE relocation or a weak function has no answer. A program that
	// may reach one is refused; under PolicySandboxed, reaching one is a trap.
	Poison map[int]string

	// AttachBTF is the kernel function or tracepoint that a program of a tracing type
	// attaches to, nil if it has none or it is not known.
	AttachBTF *verifier.FuncType
	// Types are the kernel's types that the program's pointers refer to, nil for none.
	Types verifier.TypeSource
}

// LoadError says why a program cannot be loaded. Insn is -1 when no instruction is to
// blame.
type LoadError struct {
	Program string
	Insn    int
	Line    string // C source, where known
	Reason  string
	// Unsupported says that the machine lacks what the program asks for: a helper or
	// kfunc, or something that the verifier does not know.
	Unsupported bool
	// Err is the cause: a *[verifier.Error] when the verifier refused the program, nil for
	// none.
	Err error
}

// Unwrap returns the cause.
func (e *LoadError) Unwrap() error { return e.Err }

// Format prints the error's line, and for %+v what the verifier reports below it.
func (e *LoadError) Format(s fmt.State, verb rune) {
	text := e.Error()
	var ve *verifier.Error
	switch {
	case verb == 'q':
		text = strconv.Quote(text)
	case verb == 'v' && s.Flag('+') && errors.As(e.Err, &ve):
		if _, report, ok := strings.Cut(fmt.Sprintf("%+v", ve), "\n"); ok {
			text += "\n" + report
		}
	}
	io.WriteString(s, text)
}

func (e *LoadError) Error() string {
	s := fmt.Sprintf("load program: %s: ", e.Program)
	if e.Insn >= 0 {
		s += fmt.Sprintf("insn %d: ", e.Insn)
	}
	s += e.Reason
	if e.Line != "" {
		s += " (" + e.Line + ")"
	}
	return s
}

// Program is a loaded program. It is immutable and may run on several goroutines at
// once.
type Program struct {
	m     *Machine
	spec  ProgramSpec
	proof *verifier.Proof
	code  *interp.Program
	// slow is why the program does not run as machine code, nil if it does.
	slow error

	closed atomic.Bool
	stats  []counters // by simulated CPU
}

// NewProgram verifies a program against the machine's policy and loads it. The error is
// a *[LoadError] that names the instruction, and wraps the verifier's *[verifier.Error] if it
// was the verifier that refused the program.
func (m *Machine) NewProgram(spec *ProgramSpec) (*Program, error) {
	p := &Program{m: m, spec: *spec, stats: make([]counters, m.opts.CPUs)}
	p.spec.Maps = slices.Clone(spec.Maps)
	p.spec.Kfuncs = slices.Clone(spec.Kfuncs)
	p.spec.Funcs = slices.Clone(spec.Funcs)
	p.spec.Lines = slices.Clone(spec.Lines)
	p.spec.Poison = stdmaps.Clone(spec.Poison)
	if err := p.verify(); err != nil {
		return nil, err
	}
	p.spec.Insns = p.proof.Insns() // the caller's stay its own
	code, err := interp.New(interp.Source{
		Name:   spec.Name,
		Type:   spec.Type,
		Attach: spec.AttachType,
		GPL:    GPLCompatible(spec.License),
		Proof:  p.proof,
		Maps:   m.table,
		Map:    func(i uint32) *maps.Map { return p.spec.Maps[i] },
		Const:  p.constant,
		Helper: p.helper,
		ByID: func(id uint64) *helpers.Helper {
			if id > 1<<30 {
				return nil
			}
			return m.helpers.ByID(int32(id))
		},
		Where: p.where,
	})
	if err != nil {
		var le *LoadError
		if errors.As(err, &le) {
			return nil, le
		}
		return nil, &LoadError{Program: spec.Name, Insn: -1, Reason: err.Error()}
	}
	p.code = code
	if p.slow = p.compile(); p.slow != nil && m.opts.Engine == EngineJIT {
		return nil, &LoadError{Program: spec.Name, Insn: -1, Reason: p.slow.Error(), Err: p.slow}
	}
	if p.slow == nil {
		m.perf.add(spec.Name, p.code.Native())
	}
	return p, nil
}

func (p *Program) loadError(insn int, format string, args ...any) error {
	e := &LoadError{Program: p.spec.Name, Insn: insn, Reason: fmt.Sprintf(format, args...)}
	if insn >= 0 {
		_, e.Line = p.where(insn)
	}
	return e
}

// constant gives the value of the 16-byte load at pc.
func (p *Program) constant(pc int) (uint64, error) {
	in := p.spec.Insns[pc]
	switch in.Op {
	case isa.OpLddw:
		return uint64(in.Imm), nil
	case isa.OpLddwFunc:
		return interp.FuncRef(in.Target(pc)), nil
	case isa.OpLddwMapFD, isa.OpLddwMapIdx, isa.OpLddwMapValue, isa.OpLddwMapIdxValue:
		i := int(uint32(in.ImmLow()))
		if i >= len(p.spec.Maps) || p.spec.Maps[i] == nil {
			return 0, p.loadError(pc, "map reference %d: the program has %d maps", i, len(p.spec.Maps))
		}
		mp := p.spec.Maps[i]
		if !mp.In(p.m.table) {
			return 0, p.loadError(pc, "map %q belongs to another machine", mp.Name())
		}
		if in.Op == isa.OpLddwMapFD || in.Op == isa.OpLddwMapIdx {
			return mp.Handle(), nil
		}
		addr, ok := mp.DirectValue(uint32(in.ImmHigh()))
		if !ok {
			return 0, p.loadError(pc, "map %q: no direct address of value offset %d: want an array map of one element and an offset inside it", mp.Name(), uint32(in.ImmHigh()))
		}
		return addr, nil
	}
	return 0, p.unsupported(pc, "%s is not supported", in.Op)
}

// helper resolves the call at pc.
func (p *Program) helper(pc int) (*helpers.Helper, error) {
	in := p.spec.Insns[pc]
	if in.Op == isa.OpCallKfunc {
		name := fmt.Sprintf("BTF id %d", in.Imm)
		if i := int(in.Imm); i >= 0 && i < len(p.spec.Kfuncs) {
			name = p.spec.Kfuncs[i]
			if h := p.m.helpers.ByKfunc(name); h != nil {
				return h, nil
			}
		}
		if p.dead(pc) {
			return poisoned("kfunc " + name + " is unknown to this machine"), nil
		}
		return nil, p.unsupported(pc, "kfunc %s is unknown to this machine", name)
	}
	if why, ok := p.spec.Poison[pc]; ok {
		return poisoned(why), nil
	}
	id := int32(in.Imm)
	h := p.m.helpers.ByID(id)
	if h == nil && p.dead(pc) {
		return poisoned(fmt.Sprintf("helper %s#%d is unknown to this machine", helperName(id), id)), nil
	}
	if h == nil {
		return nil, p.unsupported(pc, "helper %s#%d is unknown to this machine: register it with RegisterHelper", helperName(id), id)
	}
	return h, nil
}

// dead reports whether it is proven that no path leads to the instruction: programs ask what
// the kernel has before they use it.
func (p *Program) dead(pc int) bool {
	return p.proof != nil && p.proof.Policy() != PolicySandboxed && !p.proof.Fact(pc).Has(verifier.Reached)
}

// where names the function and the C line of an instruction.
func (p *Program) where(pc int) (function, line string) {
	if i := sort.Search(len(p.spec.Funcs), func(i int) bool { return p.spec.Funcs[i].Insn > pc }); i > 0 {
		function = p.spec.Funcs[i-1].Name
	}
	if i := sort.Search(len(p.spec.Lines), func(i int) bool { return p.spec.Lines[i].Insn > pc }); i > 0 {
		l := &p.spec.Lines[i-1]
		line = fmt.Sprintf("%s:%d: %s", l.File, l.Num, strings.TrimSpace(l.Text))
	}
	return function, line
}

// GPLCompatible knows the licences that the kernel counts as GPL-compatible: those whose
// programs may call GPL-only helpers.
func GPLCompatible(license string) bool {
	switch license {
	case "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL":
		return true
	}
	return false
}

// Name returns the program's name.
func (p *Program) Name() string { return p.spec.Name }

// Type returns the program's type.
func (p *Program) Type() *progtype.Type { return p.spec.Type }

// Proof returns what the verifier proved of the program.
func (p *Program) Proof() *verifier.Proof { return p.proof }

// Insns returns a copy of the bytecode, one entry per 8-byte slot.
func (p *Program) Insns() []isa.Insn { return slices.Clone(p.spec.Insns) }

// Close makes later runs fail with [ErrClosed]. Runs under way end as they would.
func (p *Program) Close() error {
	p.closed.Store(true)
	return nil
}

// ProgramHandle marks a Program as something a prog array can hold.
func (p *Program) ProgramHandle() {}

// TailTarget is for gbpf's own engines: see [maps.Native].
func (p *Program) TailTarget(t *maps.Table) (code uint64, class uint32) { return p.code.TailTarget(t) }

// Interp is for gbpf's own engines: it returns what they run. A prog array keeps a closed
// program alive, as in the kernel.
func (p *Program) Interp() *interp.Program { return p.code }
