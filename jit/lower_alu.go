package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/verifier"
)

var aluKinds = [...]ir.Kind{
	isa.AluAdd: ir.Add, isa.AluSub: ir.Sub, isa.AluMul: ir.Mul, isa.AluOr: ir.Or, isa.AluAnd: ir.And, isa.AluXor: ir.Xor,
	isa.AluLsh: ir.Lsh, isa.AluRsh: ir.Rsh, isa.AluArsh: ir.Arsh, isa.AluDiv: ir.Div, isa.AluMod: ir.Mod,
	isa.AluSdiv: ir.SDiv, isa.AluSmod: ir.SMod, isa.AluNeg: ir.Neg,
}

func (w *lowerer) alu(in *isa.Insn, info *isa.Info) error {
	switch info.Kind {
	case isa.KindAddrSpaceCast:
		// An arena pointer is its 32-bit offset in either address space.
		src := w.use(in.Src)
		op := w.next(ir.Mov)
		op.W, op.Dst, op.Src = 32, ir.Reg(in.Dst), src
	case isa.KindMov:
		op := w.next(ir.Mov)
		op.W, op.Dst = info.Width, ir.Reg(in.Dst)
		switch {
		case info.UsesImm:
			op.UseImm, op.Imm = true, in.Imm
		case in.Src == isa.R10:
			op.Kind, op.W = ir.FrameAddr, 64 // guest addresses have 32 bits
		default:
			op.Src = ir.Reg(in.Src)
		}
	case isa.KindMovSX:
		src := w.use(in.Src)
		op := w.next(ir.Sext)
		op.W, op.From, op.Dst, op.Src = info.Width, info.FromWidth, ir.Reg(in.Dst), src
	case isa.KindEnd:
		kind := ir.Swap
		switch {
		case info.AluOp != isa.AluLe:
		case info.Width == 64:
			return nil // guest memory is little-endian
		default:
			kind = ir.Zext
		}
		op := w.next(kind)
		op.W, op.From, op.Dst = info.Width, info.Width, ir.Reg(in.Dst)
	default:
		if int(info.AluOp) >= len(aluKinds) || aluKinds[info.AluOp] == ir.Nop {
			return fmt.Errorf("%s is not compiled", in.Op)
		}
		kind, src := aluKinds[info.AluOp], ir.Reg(0)
		if !info.UsesImm && kind != ir.Neg {
			src = w.use(in.Src)
		}
		op := w.next(kind)
		op.W, op.Dst, op.Src = info.Width, ir.Reg(in.Dst), src
		if info.UsesImm {
			op.UseImm, op.Imm = true, in.Imm
		}
		op.NonZero = mayDivide(w.proof, w.cfg, w.pc)
		w.narrow(op, in)
	}
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

var conds = [...]ir.Cond{
	isa.CondEq: ir.Eq, isa.CondGt: ir.Gt, isa.CondGe: ir.Ge, isa.CondSet: ir.Set, isa.CondNe: ir.Ne, isa.CondSgt: ir.SGt,
	isa.CondSge: ir.SGe, isa.CondLt: ir.Lt, isa.CondLe: ir.Le, isa.CondSlt: ir.SLt, isa.CondSle: ir.SLe,
}

// jump lowers jumps. What one backwards costs is taken where it goes.
func (w *lowerer) jump(in *isa.Insn, info *isa.Info) (falls bool, err error) {
	t := in.Target(w.pc)
	if t < 0 || t >= len(w.insns) {
		if w.out < 0 {
			w.out = w.newLabel()
		}
		return w.branch(in, info, w.out), nil
	}
	starts := w.cfg.Fuel.Starts()
	if next := int(w.fn) + 1; t < int(starts[w.fn]) || next < len(starts) && t >= int(starts[next]) {
		return false, fmt.Errorf("jump into another function")
	}
	if w.cfg.Fuel.Jump(w.pc, t) > 0 {
		return w.branch(in, info, w.head[t]), nil
	}
	return w.branch(in, info, w.label[t]), nil
}

// never and always report what was proven of a conditional jump. The comparison of a loop that counts is what ends it, whatever
// was proven: only that no other turn follows may be believed.
func (w *lowerer) never(pc int) bool {
	if !w.decided(pc, verifier.NotTaken) {
		return false
	}
	n, counts := w.cfg.Fuel.Counted(pc)
	return !counts || !n.Falls
}

func (w *lowerer) always(pc int) bool {
	if !w.decided(pc, verifier.Taken) {
		return false
	}
	n, counts := w.cfg.Fuel.Counted(pc)
	return !counts || n.Falls
}

func (w *lowerer) decided(pc int, way verifier.FactFlags) bool {
	return w.facts && w.cfg.on(PassBranch) && w.insns[pc].Info().Kind == isa.KindCond && w.proof.Fact(pc).Has(way)
}

// branch lowers a jump to a label and reports whether control may go on to the next instruction.
func (w *lowerer) branch(in *isa.Insn, info *isa.Info, to int32) (falls bool) {
	switch {
	case info.Kind == isa.KindMayGoto:
		w.emit(ir.Op{Kind: ir.MayGoto, Target: to})
		return true
	case w.never(w.pc):
		return true
	case info.Kind == isa.KindJump || w.always(w.pc):
		w.next(ir.Jump).Target = to
		return false
	}
	dst, src := w.use(in.Dst), ir.Reg(0)
	if !info.UsesImm {
		src = dst
		if in.Src != in.Dst {
			src = w.use(in.Src)
		}
	}
	op := w.next(ir.CondJump)
	op.W, op.Cond, op.Target, op.Dst, op.Src = info.Width, conds[info.CondOp], to, dst, src
	if info.UsesImm {
		op.UseImm, op.Imm = true, in.Imm
	}
	return true
}
