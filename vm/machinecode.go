package vm

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
)

// MachineCode is a program as machine code.
type MachineCode struct {
	Arch string // Go's name of the architecture
	Code []byte
	// End is where the code of the instructions ends, in bytes: what helpers do that are called, ways out that are rarely taken
	// and the code by which the host enters follow.
	End int
	// Lines say where code of an instruction begins; sorted by Offset. Several may name one
	// instruction, and code of an instruction that left nothing to do has none.
	Lines []CodeLine
	// Parts are the stretches of Code that no instruction stands for, and the functions; sorted by Offset.
	Parts []CodePart
}

// CodeLine says that code from Offset on is for the instruction Insn.
type CodeLine struct {
	Offset int // in bytes
	Insn   int // in 8-byte slots
}

// CodePart names the code from Offset on: "function NAME", "exits" (what helpers do that are called, and the ways out that are rarely taken),
// "start", "callee" and "resume" (where the host enters).
type CodePart struct {
	Offset int // in bytes
	Name   string
}

// MachineCode returns the machine code of the program for an architecture by Go's name, amd64 or arm64,
// on any host. It is what runs where [Stats] names the engine "jit", or would run there.
func (p *Program) MachineCode(arch string) (*MachineCode, error) {
	n, err := p.code.Assemble(jit.Config{Mask: p.m.mem.Mask(), Confine: p.m.opts.Confine}, arch)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", p.spec.Name, err)
	}
	c := &MachineCode{Arch: arch, Code: n.Code, End: int(n.End)}
	for _, l := range n.PCs {
		if l.Code < n.End {
			c.Lines = append(c.Lines, CodeLine{Offset: int(l.Code), Insn: int(l.PC)})
		}
	}
	for i, at := range n.Funcs {
		name := fmt.Sprintf("function %d", i)
		if pc, ok := p.code.FuncStart(i); ok {
			if f, _ := p.where(pc); f != "" {
				name = "function " + f
			}
		}
		c.Parts = append(c.Parts, CodePart{Offset: int(at), Name: name})
	}
	c.Parts = append(c.Parts, CodePart{int(n.End), "exits"}, CodePart{int(n.Start), "start"}, CodePart{int(n.Callee), "callee"}, CodePart{int(n.Resume), "resume"})
	slices.SortStableFunc(c.Parts, func(a, b CodePart) int { return cmp.Compare(a.Offset, b.Offset) })
	return c, nil
}

// Text returns an instruction in the kernel's notation, with the names of helpers, kfuncs and maps.
func (p *Program) Text(insn int) string {
	in := p.spec.Insns[insn]
	switch in.Op {
	case isa.OpCallHelper:
		return fmt.Sprintf("call bpf_%s#%d", helperName(int32(in.Imm)), in.Imm)
	case isa.OpCallKfunc:
		if i := int(in.Imm); i >= 0 && i < len(p.spec.Kfuncs) {
			return "call " + p.spec.Kfuncs[i]
		}
	case isa.OpLddwMapFD, isa.OpLddwMapIdx, isa.OpLddwMapValue, isa.OpLddwMapIdxValue:
		name := p.spec.Maps[uint32(in.ImmLow())].Name()
		if in.Op == isa.OpLddwMapFD || in.Op == isa.OpLddwMapIdx {
			return fmt.Sprintf("r%d = map %s", in.Dst, name)
		}
		return fmt.Sprintf("r%d = map %s value +%d", in.Dst, name, uint32(in.ImmHigh()))
	}
	return in.String()
}

// Source returns the C line of an instruction, as "file.c:12: text", "" where it is not known.
func (p *Program) Source(insn int) string {
	_, line := p.where(insn)
	return line
}
