package amd64

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// Where things live. Go's assembly functions may change every register but RSP and RBP, which the stub
// keeps. RCX is scratch of one op; RDX is ir.Tmp and scratch of division and atomics.
const (
	regBase = R12
	regFuel = R11
	regFP   = RBP // R10 as a host address: its low half is the guest's value, since windows begin at multiples of 4 GiB
	scratch = RCX
	temp    = RDX
)

var regs = [16]Reg{RAX, RDI, RSI, R8, R9, R10, RBX, R13, R14, R15, RBP, RDX, noReg, noReg, noReg, noReg}

// frameWords is the native frame of a called function, in 8-byte words: see package ir.
const frameWords = ir.FrameRet + 1

// mayGotoBudget is BPF_MAX_LOOPS.
const mayGotoBudget = 1 << 23

// Features are what the CPU has beyond the baseline.
type Features struct {
	BMI2  bool // shlx, shrx, sarx, rorx, mulx
	MOVBE bool
}

// fix is a displacement that is filled in when it is known where everything stands.
type fix struct {
	at    int32 // of the displacement: 4 bytes, or one of a short jump
	label int32 // or function
	short bool
}

type expander struct {
	buffer
	l       *ir.List
	f       Features
	labels  []int32 // code offset by label, -1 before it is known
	placed  []int32 // labels in the order of their offsets
	fixes   []fix   // of jumps to labels, in the order of their offsets
	cold    []coldExit
	funcFix []fix
	funcs   []uint32
	lines   []ir.Line
	exits   []int // displacements of jumps to the common exit
	dones   []int
	// held is the guest register whose low 32 bits scratch has, zero-extended, or ir.None.
	held ir.Reg
	// result is the guest register whose low bits, resultW of them, the flags compare with 0, or ir.None.
	result  ir.Reg
	resultW uint8
	tails   []coldZero // divisions by 0
	cuts    []cut
	loops   []loop  // that may be moved, by their offsets
	byLabel []int32 // number of the loop of each label, from 1: see align
	movable []bool  // the labels that nothing falls into on the way round a loop
	falls   bool    // control comes to the op at hand from the one before
}

// coldExit is an exit out of line: the jump at At comes here.
type coldExit struct {
	at   int
	exit int32
}

// expanders are used again: nothing of one list is left when the next is begun.
var expanders = sync.Pool{New: func() any { return new(expander) }}

func (x *expander) begin(l *ir.List, f Features) {
	*x = expander{
		buffer: buffer{x.b[:0]}, l: l, f: f, held: ir.None, result: ir.None,
		labels: x.labels[:0], placed: x.placed[:0], fixes: x.fixes[:0], cold: x.cold[:0], funcFix: x.funcFix[:0],
		lines: x.lines[:0], exits: x.exits[:0], dones: x.dones[:0], tails: x.tails[:0], cuts: x.cuts[:0], loops: x.loops[:0], movable: x.movable[:0], byLabel: x.byLabel,
		funcs: make([]uint32, len(l.Funcs)),
	}
	x.labels = slices.Grow(x.labels, l.Labels)[:l.Labels]
	x.movable = slices.Grow(x.movable, l.Labels)[:l.Labels]
	for i := range x.labels {
		x.labels[i] = -1
	}
	x.b = slices.Grow(x.b, len(l.Ops)*4+512)
}

// Expand makes machine code of a list that passed the checks of package jit. It changes the list.
func Expand(l *ir.List, f Features) (*ir.Native, error) {
	x := expanders.Get().(*expander)
	defer func() {
		x.l, x.funcs = nil, nil
		expanders.Put(x)
	}()
	x.begin(l, f)
	if !l.Plain {
		scale(l.Ops)
	}
	if err := x.body(); err != nil {
		return nil, err
	}
	if !l.Plain {
		x.shorten()
		x.align()
	}
	return x.link()
}

// link puts what is out of line behind the code of the ops, and fills in where jumps go.
func (x *expander) link() (*ir.Native, error) {
	l := x.l
	for i := range x.tails {
		x.tail(&x.tails[i])
	}
	end := uint32(len(x.b))
	for _, c := range x.cold {
		x.patch(c.at)
		x.movRI(scratch, int64(c.exit))
		x.exits = append(x.exits, x.jmp())
	}
	n := &ir.Native{Funcs: x.funcs, Root: x.funcs[0], End: end, Labels: make([]uint32, len(x.labels))}
	x.commonExit()
	x.done()
	n.Start = x.start()
	n.Callee = x.callee()
	n.Resume = x.resume()
	for _, f := range x.fixes {
		at, to := int(f.at), int(x.labels[f.label])
		if to < 0 {
			return nil, fmt.Errorf("expand: label %d is nowhere", f.label)
		}
		if !f.short {
			x.patchTo(at, to)
			continue
		}
		n := to - at - 1
		if n != int(int8(n)) {
			return nil, fmt.Errorf("expand: label %d is %d bytes from a short jump", f.label, n)
		}
		x.b[at] = byte(n)
	}
	for _, f := range x.funcFix {
		x.patchTo(int(f.at), int(x.funcs[f.label]))
	}
	for i, v := range x.labels {
		n.Labels[i] = uint32(v)
	}
	n.Code = bytes.Clone(x.b)
	if !l.Unlisted {
		n.PCs = slices.Clone(x.lines)
	}
	return n, nil
}

// body expands the ops.
func (x *expander) body() error {
	pc := int32(-1)
	ops := x.l.Ops
	for i := 0; i < len(ops); {
		op := &ops[i]
		if op.PC != pc && !x.l.Unlisted {
			pc = op.PC
			x.lines = append(x.lines, ir.Line{Code: uint32(len(x.b)), PC: uint32(pc)})
		}
		if n := x.fuse(ops[i:]); n > 0 {
			i += n
			x.falls = true
			continue
		}
		if err := x.op(op); err != nil {
			return err
		}
		i++
		switch op.Kind {
		case ir.Label, ir.Nop:
		case ir.Jump, ir.Return, ir.Leave:
			x.falls = false
		default:
			x.falls = true
		}
	}
	return nil
}

func (x *expander) patch(at int)       { x.patchTo(at, len(x.b)) }
func (x *expander) patchTo(at, to int) { binary.LittleEndian.PutUint32(x.b[at:], uint32(to-at-4)) }

// jmp emits a jump to be patched and returns where its displacement is.
func (x *expander) jmp() int {
	x.byte(0xe9)
	x.imm32(0)
	return len(x.b) - 4
}

func (x *expander) jcc(c CC) int {
	x.byte(0x0f, 0x80|byte(c))
	x.imm32(0)
	return len(x.b) - 4
}

// short emits a forward jump within the op, to be ended with land.
func (x *expander) short(c CC) int {
	x.byte(0x70|byte(c), 0)
	return len(x.b)
}

func (x *expander) shortJmp() int {
	x.byte(0xeb, 0)
	return len(x.b)
}

func (x *expander) land(at int) { x.b[at-1] = byte(len(x.b) - at) }

// jccLabel jumps to a label. [expander.shorten] may move all that follows, so that no short jump within an op leads over it.
func (x *expander) jccLabel(c CC, label int32) {
	if x.near(label) {
		x.byte(0x70|byte(c), 0)
		x.fixes = append(x.fixes, fix{int32(len(x.b) - 1), label, true})
		return
	}
	x.fixes = append(x.fixes, fix{int32(x.jcc(c)), label, false})
}

func (x *expander) jmpLabel(label int32) {
	if x.near(label) {
		x.byte(0xeb, 0)
		x.fixes = append(x.fixes, fix{int32(len(x.b) - 1), label, true})
		return
	}
	x.fixes = append(x.fixes, fix{int32(x.jmp()), label, false})
}

// wrote says that a guest register has changed.
func (x *expander) wrote(r ir.Reg) {
	if r == x.held {
		x.held = ir.None
	}
}

func (x *expander) op(op *ir.Op) error {
	w := int(op.W)
	dst, src := regs[op.Dst], regs[op.Src]
	if op.Kind != ir.Nop && op.Kind != ir.CondJump {
		x.result = ir.None
	}
	switch op.Kind {
	case ir.Nop:
	case ir.Label:
		x.held = ir.None
		x.labels[op.Target] = int32(len(x.b))
		x.placed = append(x.placed, op.Target)
		x.movable[op.Target] = op.Imm != 0 || !x.falls
	case ir.Mov:
		switch {
		case op.UseImm && w == 32:
			x.movRI(dst, int64(uint32(op.Imm)))
		case op.UseImm:
			x.movRI(dst, op.Imm)
		default:
			x.movRR(w, dst, src)
		}
		x.wrote(op.Dst)
	case ir.FrameAddr:
		x.frameAddr(dst, int32(op.Imm))
		x.wrote(op.Dst)
	case ir.Lea:
		x.lea(w, dst, at(src, int32(op.Imm)))
		x.wrote(op.Dst)
	case ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Neg, ir.Sext, ir.Zext, ir.Swap:
		x.arith(op, w, dst, src)
		x.wrote(op.Dst)
	case ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol:
		x.shift(op, w, dst, src)
		x.wrote(op.Dst)
	case ir.Div, ir.Mod, ir.SDiv, ir.SMod:
		x.held = ir.None
		x.divide(op, w, dst, src)
	case ir.Load:
		x.loadOp(op, dst)
		x.wrote(op.Dst)
	case ir.Store:
		x.storeOp(op, src)
	case ir.Atomic:
		x.atomic(op, src)
	case ir.LoadAcq:
		x.load(int(op.Size), false, dst, x.aligned(op)) // every load of amd64 acquires
	case ir.StoreRel:
		// As in the interpreter, whose stores are sequentially consistent.
		m := x.aligned(op)
		if src != temp {
			x.movRR(64, temp, src)
		}
		x.xchgMR(int(op.Size), m, temp)
	case ir.Jump:
		x.jmpLabel(op.Target)
	case ir.Refund:
		x.aluRI(64, aluAdd, regFuel, int32(op.Imm))
	case ir.Charge:
		x.aluRI(64, aluSub, regFuel, int32(op.Imm))
		x.cold = append(x.cold, coldExit{x.jcc(CCB), op.Exit})
	case ir.CondJump:
		x.condJump(op)
	case ir.MayGoto:
		x.aluMI(32, aluCmp, at(RSP, 8), 0)
		x.jccLabel(CCE, op.Target)
		x.decM(32, at(RSP, 8))
	default:
		return x.control(op)
	}
	return nil
}

func (x *expander) arith(op *ir.Op, w int, dst, src Reg) {
	imm := int32(op.Imm)
	var a alu
	switch op.Kind {
	case ir.Add:
		a = aluAdd
	case ir.Sub:
		a = aluSub
	case ir.Or:
		a = aluOr
	case ir.And:
		a = aluAnd
	case ir.Xor:
		a = aluXor
	case ir.Mul:
		if op.UseImm {
			x.product(w, dst, dst, imm)
		} else {
			x.imulRR(w, dst, src)
		}
		return
	case ir.Neg:
		x.neg(w, dst)
		return
	case ir.Sext:
		x.sext(w, int(op.From), dst, src)
		return
	case ir.Zext:
		x.zext(int(op.From), dst)
		return
	case ir.Swap:
		x.swap(int(op.From), dst)
		return
	}
	x.result, x.resultW = op.Dst, op.W
	if op.UseImm {
		x.aluRI(w, a, dst, imm)
		return
	}
	x.aluRR(w, a, dst, src)
}

func (x *expander) zext(from int, dst Reg) {
	switch from {
	case 8:
		x.movzx8RR(dst, dst)
	case 16:
		x.movzx16RR(dst, dst)
	default:
		x.movRR(32, dst, dst)
	}
}

func (x *expander) swap(from int, dst Reg) {
	if from == 16 {
		x.rol16(dst)
		x.movzx16RR(dst, dst)
		return
	}
	x.bswap(from, dst)
}

func (x *expander) shift(op *ir.Op, w int, dst, src Reg) {
	n := [...]int{ir.Lsh: shShl, ir.Rsh: shShr, ir.Arsh: shSar, ir.Rol: shRol}[op.Kind]
	if op.UseImm {
		count := uint8(op.Imm) & uint8(w-1)
		if count == 0 {
			if w == 32 {
				x.movRR(32, dst, dst)
			}
			return
		}
		x.shiftI(w, n, dst, count)
		return
	}
	if x.f.BMI2 && op.Kind != ir.Rol {
		switch op.Kind {
		case ir.Lsh:
			x.shlx(w, dst, dst, src)
		case ir.Rsh:
			x.shrx(w, dst, dst, src)
		case ir.Arsh:
			x.sarx(w, dst, dst, src)
		}
		return
	}
	x.held = ir.None
	x.movRR(32, scratch, src)
	if w == 32 {
		// A count of 0 does not write the register: its upper half goes by hand.
		x.movRR(32, dst, dst)
	}
	x.shiftCL(w, n, dst)
}

func (x *expander) condJump(op *ir.Op) { x.jccLabel(x.compare(op), op.Target) }

// compare sets the flags for a comparison and returns when it holds.
func (x *expander) compare(op *ir.Op) CC {
	w, dst, src := int(op.W), regs[op.Dst], regs[op.Src]
	cc := [...]CC{ir.Eq: CCE, ir.Ne: CCNE, ir.Gt: CCA, ir.Le: CCBE, ir.Ge: CCAE, ir.Lt: CCB,
		ir.SGt: CCG, ir.SLe: CCLE, ir.SGe: CCGE, ir.SLt: CCL, ir.Set: CCNE, ir.Clear: CCE}[op.Cond]
	test := op.Cond == ir.Set || op.Cond == ir.Clear
	// What was computed right before has set the flag; the upper half of a result of 32 bits is zero.
	if op.UseImm && int32(op.Imm) == 0 && !x.l.Plain && (op.Cond == ir.Eq || op.Cond == ir.Ne) && x.result == op.Dst &&
		(x.resultW == op.W || x.resultW == 32) {
		return cc
	}
	x.result = ir.None // the flags are the comparison's from here on
	switch {
	case test && op.UseImm:
		if w == 64 && op.Imm >= 0 { // the upper half of the constant is 0
			w = 32
		}
		x.testRI(w, dst, int32(op.Imm))
	case test:
		x.testRR(w, dst, src)
	case op.UseImm && int32(op.Imm) == 0:
		x.testRR(w, dst, dst)
	case op.UseImm:
		x.aluRI(w, aluCmp, dst, int32(op.Imm))
	default:
		x.aluRR(w, aluCmp, dst, src)
	}
	return cc
}

// product is dst = src * imm. What a shift and a subtraction or a lea do takes less than the three cycles of a multiplication.
func (x *expander) product(w int, dst, src Reg, imm int32) {
	switch {
	case !x.l.Plain && imm == 3:
		x.lea(w, dst, Mem{Base: src, Index: src, Scale: 1})
	case !x.l.Plain && imm > 3 && imm < math.MaxInt32 && imm&(imm+1) == 0:
		from := src
		if dst == src {
			from = temp // ir.Tmp does not live across an op of a constant
			x.movRR(w, temp, src)
		} else {
			x.movRR(w, dst, src)
		}
		x.shiftI(w, shShl, dst, uint8(bits.TrailingZeros32(uint32(imm+1))))
		x.aluRR(w, aluSub, dst, from)
	default:
		x.imulRRI(w, dst, src, imm)
	}
}
