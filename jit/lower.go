package jit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/scratch"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/verifier"
)

// lowerer turns instructions into macro ops, one after the other.
type lowerer struct {
	l     *ir.List
	cfg   *Config
	proof *verifier.Proof
	insns []isa.Insn
	facts bool // the policy proved something

	label  []int32        // of the instructions that are jumped to, -1 for the others
	counts map[int32]bool // where loops that count begin
	head   []int32        // where jumps back to an instruction go that take fuel, -1 for none
	fn     int32          // the function that is being lowered
	pc     int
	out    int32 // label behind the program, -1 if nothing goes there
	after  []ir.Op
	slots  []stackBytes // what was written to the stack wherever control comes to a label from
	came   []bool       // control comes to a label
}

// errFramePointer is of programs whose only proof is of their structure: no verified one does that.
var errFramePointer = errors.New("r10, the frame pointer, is written")

// lower translates a program.
func lower(proof *verifier.Proof, cfg *Config) (*ir.List, error) {
	insns := proof.Insns()
	mem := cfg.memory()
	w := &lowerer{
		l: &ir.List{Mask: cfg.Mask, Ops: mem.ops[:0]}, cfg: cfg, proof: proof, insns: insns, after: mem.after[:0],
		facts: proof.Policy() != verifier.PolicySandboxed, label: scratch.Take(&mem.label, len(insns)), head: scratch.Take(&mem.head, len(insns)), out: -1,
	}
	w.l.Ops = slices.Grow(w.l.Ops, len(insns)*5/4+16)
	defer func() { mem.ops, mem.after = w.l.Ops, w.after }()
	for pc := range w.label {
		w.label[pc], w.head[pc] = -1, -1
	}
	w.targets()
	falls := false // control comes from the instruction before
	starts, next := cfg.Fuel.Starts(), 0
	for pc := range insns {
		w.pc = pc
		if next < len(starts) && int(starts[next]) == pc {
			if falls {
				return nil, fmt.Errorf("insn %d: control runs into a function", pc)
			}
			w.fn = int32(next)
			next++
			w.emit(ir.Op{Kind: ir.Func, Target: w.fn, Imm: w.stack(pc)})
		}
		if cost := cfg.Fuel.Arrive(pc); cost > 0 {
			w.arrive(int64(cost), w.label[pc])
		} else if w.head[pc] >= 0 {
			w.turn(int64(cfg.Fuel.Head(pc)), w.head[pc], w.label[pc], falls || w.starts(pc))
		} else if w.label[pc] >= 0 {
			w.here(w.label[pc])
			if w.counts[int32(pc)] {
				w.l.Ops[len(w.l.Ops)-1].Imm = 1
			}
		}
		in := &insns[pc]
		if in.Op == isa.OpLddwHi && w.label[pc] < 0 {
			continue
		}
		if !w.reached(pc) {
			if falls || w.label[pc] >= 0 || w.starts(pc) {
				w.leave(ir.ExitBadInsn)
			}
			falls = false
			continue
		}
		var err error
		if falls, err = w.insn(in); err != nil {
			return nil, fmt.Errorf("insn %d: %w", pc, err)
		}
	}
	if falls {
		w.pc = len(insns) - 1
		w.leave(ir.ExitBadJump)
	}
	if w.out >= 0 {
		w.pc = len(insns) - 1
		w.emit(ir.Op{Kind: ir.Label, Target: w.out})
		w.leave(ir.ExitBadJump)
	}
	w.l.Ops = append(w.l.Ops, w.after...)
	return w.l, nil
}

// target makes the labels of what the jump at pc goes to.
func (w *lowerer) target(pc, t int) {
	if t < 0 || t >= len(w.insns) {
		return
	}
	if w.label[t] < 0 {
		w.label[t] = w.newLabel()
	}
	if w.head[t] < 0 && w.cfg.Fuel.Jump(pc, t) > 0 && !w.never(pc) {
		w.head[t] = w.newLabel()
	}
	if n, ok := w.cfg.Fuel.Counted(pc); ok && !n.Falls {
		if w.counts == nil {
			w.counts = map[int32]bool{}
		}
		w.counts[int32(t)] = true
	}
}

// starts reports whether the function that is being lowered begins at pc.
func (w *lowerer) starts(pc int) bool { return pc == int(w.cfg.Fuel.Starts()[w.fn]) }

// turn begins a turn of a loop: who comes round, to head, pays for it, and who comes in, to body, does not. From what stands
// before, if control falls from there, one comes in.
func (w *lowerer) turn(cost int64, head, body int32, falls bool) {
	if falls {
		w.emit(ir.Op{Kind: ir.Refund, Imm: cost})
	}
	w.emit(ir.Op{Kind: ir.Label, Target: head, Imm: 1})
	w.emit(ir.Op{Kind: ir.Charge, Imm: cost, Exit: w.exit(ir.Exit{Kind: ir.ExitFuel, Resume: body, Alt: -1})})
	w.here(body)
}

// arrive takes fuel from whoever comes here: by way of a label, if it is one, or from what stands before.
func (w *lowerer) arrive(cost int64, label int32) {
	if label >= 0 {
		w.here(label)
	}
	body := w.newLabel()
	w.emit(ir.Op{Kind: ir.Charge, Imm: cost, Exit: w.exit(ir.Exit{Kind: ir.ExitFuel, Resume: body, Alt: -1})})
	w.here(body)
}

// reached reports whether the instruction may run.
func (w *lowerer) reached(pc int) bool {
	return !w.facts || w.proof.Fact(pc).Has(verifier.Reached)
}

// targets finds what is jumped to and the functions.
func (w *lowerer) targets() {
	called := false // function 0
	for pc := range w.insns {
		in := &w.insns[pc]
		switch in.Info().Kind {
		case isa.KindJump, isa.KindCond, isa.KindMayGoto:
			if w.reached(pc) {
				w.target(pc, in.Target(pc))
			}
		case isa.KindCall, isa.KindLoadImm64:
			switch in.Op {
			case isa.OpCallLocal, isa.OpLddwFunc:
				called = called || in.Target(pc) == 0
			case isa.OpCallReg:
				called = true // it may call any
			}
		}
	}
	for _, s := range w.cfg.Fuel.Starts() {
		w.l.Funcs = append(w.l.Funcs, ir.Function{PC: s, Root: s == 0 && !called})
	}
}

func (w *lowerer) emit(op ir.Op) {
	op.PC = int32(w.pc)
	w.l.Ops = append(w.l.Ops, op)
}

// next is an op to be filled in, behind all others.
func (w *lowerer) next(k ir.Kind) *ir.Op {
	n := len(w.l.Ops)
	if n == cap(w.l.Ops) {
		w.l.Ops = slices.Grow(w.l.Ops, 1)
	}
	w.l.Ops = w.l.Ops[:n+1]
	op := &w.l.Ops[n]
	*op = ir.Op{}
	op.Kind, op.PC = k, int32(w.pc)
	return op
}

func (w *lowerer) newLabel() int32 {
	w.l.Labels++
	return int32(w.l.Labels - 1)
}

func (w *lowerer) here(label int32) { w.next(ir.Label).Target = label }

func (w *lowerer) exit(e ir.Exit) int32 {
	e.PC = int32(w.pc)
	w.l.Exits = append(w.l.Exits, e)
	return int32(len(w.l.Exits) - 1)
}

// leave ends the run with a trap.
func (w *lowerer) leave(kind ir.ExitKind) {
	w.emit(ir.Op{Kind: ir.Leave, Exit: w.exit(ir.Exit{Kind: kind, Resume: -1, Alt: -1})})
}

// callOut leaves for the host and goes on behind.
func (w *lowerer) callOut(kind ir.ExitKind) {
	next := w.newLabel()
	w.emit(ir.Op{Kind: ir.Leave, Exit: w.exit(ir.Exit{Kind: kind, Resume: next, Alt: -1})})
	w.here(next)
}

// use is the register to read guest register r from: R10 has to be formed first.
func (w *lowerer) use(r isa.Reg) ir.Reg {
	if r != isa.R10 {
		return ir.Reg(r)
	}
	op := w.next(ir.FrameAddr)
	op.W, op.Dst = 64, ir.Tmp
	return ir.Tmp
}

// insn lowers one instruction and reports whether control goes on to the next.
func (w *lowerer) insn(in *isa.Insn) (falls bool, err error) {
	info := in.Info()
	if (in.Dst == isa.R10 || in.Src == isa.R10) && in.WriteRegs().Has(isa.R10) {
		return false, errFramePointer
	}
	switch info.Kind {
	case isa.KindALU, isa.KindMov, isa.KindMovSX, isa.KindEnd, isa.KindAddrSpaceCast:
		return true, w.alu(in, info)
	case isa.KindLoad, isa.KindLoadSX, isa.KindStore, isa.KindStoreImm, isa.KindAtomic, isa.KindLoadAcquire, isa.KindStoreRelease:
		return true, w.memory(in, info)
	case isa.KindLoadImm64:
		w.emit(ir.Op{Kind: ir.Mov, W: 64, Dst: ir.Reg(in.Dst), UseImm: true, Imm: int64(w.cfg.Const(w.pc))})
		if w.pc+1 < len(w.insns) && w.label[w.pc+1] >= 0 {
			// Somebody jumps to the second half, where a trap stands; control goes round it.
			if w.pc+2 >= len(w.insns) {
				return false, fmt.Errorf("nothing follows")
			}
			if w.label[w.pc+2] < 0 {
				w.label[w.pc+2] = w.newLabel()
			}
			w.emit(ir.Op{Kind: ir.Jump, Target: w.label[w.pc+2]})
			return false, nil
		}
		return true, nil
	case isa.KindJump, isa.KindMayGoto, isa.KindCond:
		return w.jump(in, info)
	case isa.KindPacketLoad:
		next, alt := w.newLabel(), w.newLabel()
		w.emit(ir.Op{Kind: ir.Leave, Exit: w.exit(ir.Exit{Kind: ir.ExitPacket, Resume: next, Alt: alt})})
		w.here(next)
		w.after = append(w.after, ir.Op{Kind: ir.Label, Target: alt, PC: int32(w.pc)}, ir.Op{Kind: ir.Return, Target: w.fn, PC: int32(w.pc)})
		return true, nil
	case isa.KindCall:
		return true, w.call(in)
	case isa.KindExit:
		w.emit(ir.Op{Kind: ir.Return, Target: w.fn})
		return false, nil
	case isa.KindLoadImm64Hi:
		w.leave(ir.ExitBadInsn)
		return false, nil
	}
	return false, fmt.Errorf("%s is not compiled", in.Op)
}

func (w *lowerer) call(in *isa.Insn) error {
	switch in.Op {
	case isa.OpCallLocal:
		t := in.Target(w.pc)
		i, ok := w.cfg.Fuel.FuncAt(uint64(t))
		if t < 0 || !ok {
			return fmt.Errorf("call of what is no function")
		}
		next := w.newLabel()
		w.emit(ir.Op{Kind: ir.Charge, Imm: int64(w.cfg.Fuel.Func(t)), Exit: w.exit(ir.Exit{Kind: ir.ExitFuel, Resume: next, Alt: -1})})
		w.here(next)
		w.emit(ir.Op{Kind: ir.Call, Target: int32(i), Off: guest.FrameStride, Exit: w.exit(ir.Exit{Kind: ir.ExitDepth, Resume: -1, Alt: -1})})
	case isa.OpCallReg:
		next, alt := w.newLabel(), w.newLabel()
		w.emit(ir.Op{Kind: ir.Leave, Exit: w.exit(ir.Exit{Kind: ir.ExitCallReg, Reg: ir.Reg(in.Dst), Resume: next, Alt: alt})})
		w.here(next)
		w.emit(ir.Op{Kind: ir.CallIndirect, Off: guest.FrameStride})
		w.here(alt)
	default:
		if w.cfg.TailCall(w.pc) {
			w.tailCall()
			return nil
		}
		if !w.helper() && !w.inline() {
			w.callOut(ir.ExitHelper)
		}
	}
	return nil
}
