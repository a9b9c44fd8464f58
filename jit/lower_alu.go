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

// jump lowers jumps. What one backwards costs is taken where it goes.
func (w *lowerer) jump(in *isa.Insn, info *isa.Info) (falls bool, err error) {
	t := in.Target(w.pc)
	if t < 0 || t >= len(w.insns) {
		if w.out < 0 {
			w.out = w.newLabel()
		}
		return w.branch(in, info, w.out), nil
	}
	if i, _ := w.cfg.Fuel.FuncAt(uint64(t)); t != int(w.cfg.Fuel.Starts()[w.fn]) {
		// Function i is the first that starts at t or behind it.
		if i != int(w.fn)+1 {
			return false, fmt.Errorf("jump into another function")
		}
	}
	if w.cfg.Fuel.Back(w.pc, t) > 0 {
		return w.branch(in, info, w.head[t]), nil
	}
	return w.branch(in, info, w.label[t]), nil
}

// never and always report what was proven of a conditional jump. The comparison of a loop that counts is what ends it, whatever
// was proven.
func (w *lowerer) never(pc int) bool { return w.decided(pc, verifier.NotTaken) }

func (w *lowerer) always(pc int) bool {
	_, counts := w.cfg.Fuel.Counted(pc)
	return !counts && w.decided(pc, verifier.Taken)
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
		w.emit(ir.Op{Kind: ir.Jump, Target: to})
		return false
	}
	op := ir.Op{Kind: ir.CondJump, W: info.Width, Cond: conds[info.CondOp], Target: to, Dst: w.use(in.Dst)}
	if info.UsesImm {
		op.UseImm, op.Imm = true, in.Imm
	} else {
		op.Src = op.Dst
		if in.Src != in.Dst {
			op.Src = w.use(in.Src)
		}
	}
	w.emit(op)
	return true
}
