package vm

import "github.com/gbpf/gbpf/isa"

// checkStructure refuses programs that no policy can run: too long or empty, jumps
// out of the program or into the middle of a 16-byte load, a last instruction
// that falls off the end.
func (p *Program) checkStructure() error {
	code := p.spec.Insns
	switch n := len(code); {
	case p.spec.Type == nil:
		return p.loadError(-1, "it has no program type")
	case n == 0:
		return p.loadError(-1, "it has no instructions")
	case n > MaxInsns:
		return p.loadError(-1, "%d instructions: the limit is %d", n, MaxInsns)
	}
	for pc := 0; pc < len(code); pc++ {
		in := code[pc]
		switch {
		case in.Op == isa.OpInvalid || int(in.Op) >= isa.NumOps:
			return p.loadError(pc, "not an instruction")
		case in.Dst > isa.R10 || in.Src > isa.R10 && in.Info().SrcUse == isa.UseOperand:
			return p.loadError(pc, "no such register")
		case in.Op == isa.OpLddwHi:
			return p.loadError(pc, "second half of a 16-byte load without the first")
		}
		if t, has := target(in, pc); has {
			switch {
			case t < 0 || t >= len(code):
				return p.loadError(pc, "%s goes to insn %d: the program ends at %d", what(in), t, len(code)-1)
			case code[t].Op == isa.OpLddwHi:
				return p.loadError(pc, "%s goes to insn %d, the middle of a 16-byte load", what(in), t)
			}
		}
		if in.Slots() == 2 {
			if pc+1 >= len(code) || code[pc+1].Op != isa.OpLddwHi {
				return p.loadError(pc, "16-byte load without its second half")
			}
			pc++
		}
	}
	if last := code[len(code)-1]; last.Op != isa.OpExit && last.Op != isa.OpJa && last.Op != isa.OpJa32 {
		return p.loadError(len(code)-1, "the last instruction is neither exit nor a jump: control would leave the program")
	}
	return nil
}

func target(in isa.Insn, pc int) (int, bool) {
	if in.IsJump() || in.Op == isa.OpCallLocal || in.Op == isa.OpLddwFunc {
		return in.Target(pc), true
	}
	return 0, false
}

func what(in isa.Insn) string {
	switch in.Op {
	case isa.OpCallLocal:
		return "call"
	case isa.OpLddwFunc:
		return "function reference"
	}
	return "jump"
}
