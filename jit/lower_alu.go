package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/verifier"
)

var aluKinds = map[isa.AluOp]ir.Kind{
	isa.AluAdd: ir.Add, isa.AluSub: ir.Sub, isa.AluMul: ir.Mul, isa.AluOr: ir.Or, isa.AluAnd: ir.And, isa.AluXor: ir.Xor,
	isa.AluLsh: ir.Lsh, isa.AluRsh: ir.Rsh, isa.AluArsh: ir.Arsh, isa.AluDiv: ir.Div, isa.AluMod: ir.Mod,
	isa.AluSdiv: ir.SDiv, isa.AluSmod: ir.SMod, isa.AluNeg: ir.Neg,
}

func (w *lowerer) alu(in *isa.Insn, info *isa.Info) error {
	op := ir.Op{W: info.Width, Dst: ir.Reg(in.Dst)}
	switch info.Kind {
	case isa.KindAddrSpaceCast:
		// An arena pointer is its 32-bit offset in either address space.
		op.Kind, op.W, op.Src = ir.Mov, 32, w.use(in.Src)
	case isa.KindMov:
		op.Kind = ir.Mov
		switch {
		case info.UsesImm:
			op.UseImm, op.Imm = true, in.Imm
		case in.Src == isa.R10:
			op.Kind, op.W = ir.FrameAddr, 64 // guest addresses have 32 bits
		default:
			op.Src = ir.Reg(in.Src)
		}
	case isa.KindMovSX:
		op.Kind, op.From, op.Src = ir.Sext, info.FromWidth, w.use(in.Src)
	case isa.KindEnd:
		op.From = info.Width
		switch {
		case info.AluOp != isa.AluLe:
			op.Kind = ir.Swap
		case info.Width == 64:
			return nil // guest memory is little-endian
		default:
			op.Kind = ir.Zext
		}
	default:
		kind, ok := aluKinds[info.AluOp]
		if !ok {
			return fmt.Errorf("%s is not compiled", in.Op)
		}
		op.Kind = kind
		switch {
		case info.UsesImm:
			op.UseImm, op.Imm = true, in.Imm
		case kind != ir.Neg:
			op.Src = w.use(in.Src)
		}
		op.NonZero = mayDivide(w.proof, w.cfg, w.pc)
		w.narrow(&op, in)
	}
	w.emit(op)
	return nil
}

// narrow divides in 32 bits what are numbers of 32 bits in 64: the same result, sooner. The divisor is tested still.
func (w *lowerer) narrow(op *ir.Op, in *isa.Insn) {
	if op.Kind != ir.Div && op.Kind != ir.Mod || op.W != 64 || !w.facts || !w.cfg.on(PassNarrow) {
		return
	}
	upper := w.proof.Fact(w.pc).Upper
	small := upper>>in.Src&1 != 0
	if op.UseImm {
		small = op.Imm >= 0
	}
	if small && upper>>in.Dst&1 != 0 {
		op.W = 32
	}
}

// mayDivide reports whether a division by zero, which ends the process on some machines, is left to the verifier to
// exclude: only where accesses are, too.
func mayDivide(proof *verifier.Proof, cfg *Config, pc int) bool {
	return cfg.Confine == ConfineUnproved && proof.Policy() != verifier.PolicySandboxed && proof.Fact(pc).Has(verifier.NonZero)
}

var conds = map[isa.CondOp]ir.Cond{
	isa.CondEq: ir.Eq, isa.CondGt: ir.Gt, isa.CondGe: ir.Ge, isa.CondSet: ir.Set, isa.CondNe: ir.Ne, isa.CondSgt: ir.SGt,
	isa.CondSge: ir.SGe, isa.CondLt: ir.Lt, isa.CondLe: ir.Le, isa.CondSlt: ir.SLt, isa.CondSle: ir.SLe,
}

// jump lowers jumps. What one backwards costs is taken only when it is taken.
func (w *lowerer) jump(in *isa.Insn, info *isa.Info) (falls bool, err error) {
	t := in.Target(w.pc)
	if t < 0 || t >= len(w.insns) {
		if w.out < 0 {
			w.out = w.newLabel()
		}
		return w.branch(in, info, t, w.out, 0)
	}
	if i, _ := w.cfg.Fuel.FuncAt(uint64(t)); t != int(w.cfg.Fuel.Starts()[w.fn]) {
		// Function i is the first that starts at t or behind it.
		if i != int(w.fn)+1 {
			return false, fmt.Errorf("jump into another function")
		}
	}
	return w.branch(in, info, t, w.label[t], w.cfg.Fuel.Back(w.pc, t))
}

func (w *lowerer) branch(in *isa.Insn, info *isa.Info, t int, to int32, cost uint32) (falls bool, err error) {
	cond := ir.Op{Kind: ir.CondJump, W: info.Width, Cond: conds[info.CondOp]}
	decided := info.Kind == isa.KindJump
	_, counts := w.cfg.Fuel.Counted(w.pc) // its comparison is what ends the loop, whatever was proven
	switch {
	case info.Kind == isa.KindMayGoto:
		cond.Kind = ir.MayGoto
	case decided:
	case w.facts && w.cfg.on(PassBranch) && w.proof.Fact(w.pc).Has(verifier.NotTaken):
		return true, nil
	case w.facts && w.cfg.on(PassBranch) && w.proof.Fact(w.pc).Has(verifier.Taken) && !counts:
		decided = true
	default:
		cond.Dst = w.use(in.Dst)
		if info.UsesImm {
			cond.UseImm, cond.Imm = true, in.Imm
		} else {
			cond.Src = cond.Dst
			if in.Src != in.Dst {
				cond.Src = w.use(in.Src)
			}
		}
	}
	switch {
	case decided && cost == 0:
		w.emit(ir.Op{Kind: ir.Jump, Target: to})
	case decided:
		w.back(to, cost)
	case cost == 0:
		cond.Target = to
		w.emit(cond)
	case cond.Kind == ir.MayGoto:
		taken, next := w.newLabel(), w.newLabel()
		cond.Target = taken
		w.emit(cond)
		w.emit(ir.Op{Kind: ir.Jump, Target: next})
		w.here(taken)
		w.back(to, cost)
		w.here(next)
	case w.cfg.on(PassLayout) && !w.closes(t) && !w.cfg.Fuel.InCounted(w.pc):
		// One of several ways back, as likely taken as not: the fuel is taken out of line, so that neither way
		// costs more jumps than the program has.
		cond.Target = w.newLabel()
		w.emit(cond)
		w.after = append(w.after, ir.Op{Kind: ir.Label, Target: cond.Target, PC: int32(w.pc)}, w.backJump(to, cost))
	default:
		next := w.newLabel()
		cond.Cond, cond.Target = cond.Cond.Not(), next
		w.emit(cond)
		w.back(to, cost)
		w.here(next)
	}
	return !decided, nil
}

func (w *lowerer) back(to int32, cost uint32) { w.emit(w.backJump(to, cost)) }

func (w *lowerer) backJump(to int32, cost uint32) ir.Op {
	return ir.Op{Kind: ir.BackJump, Target: to, Imm: int64(cost), PC: int32(w.pc), Exit: w.exit(ir.Exit{Kind: ir.ExitFuel, Resume: to, Alt: -1})}
}

// closes reports whether the jump back at hand is likely taken: the last one to its target, which is the end of a loop as a rule,
// or that of a loop without other jumps.
func (w *lowerer) closes(target int) bool {
	if int(w.last[target]) == w.pc {
		return true
	}
	for pc := w.pc - 1; pc >= target; pc-- {
		if w.pc-pc > maxClosed || w.insns[pc].IsJump() || pc > target && w.label[pc] >= 0 {
			return false
		}
	}
	return true
}

// maxClosed bounds the search for other jumps, in instructions.
const maxClosed = 64
