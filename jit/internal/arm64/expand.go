package arm64

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// Features are what the CPU has beyond ARMv8.0.
type Features struct {
	// LSE: single-instruction atomics (FEAT_LSE). Without them, loops of load and
	// store exclusive.
	LSE bool
}

// The registers. R0 to R9 are x0 to x9. Untouched: x18 (the platform's), x28 (Go's g),
// x29 (Go's frame pointer), and SP: the native stack is a stretch of the
// state block that rStack points into, so generated code needs none of the goroutine's.
const (
	rFrame Reg = 10 // host address of the bottom of R10's frame: frameBias below R10
	rTmp   Reg = 11 // ir.Tmp
	rAddr  Reg = 12 // the first of the cached addresses: see addresses
	rImm   Reg = 13 // an operand that has no immediate form
	rT0    Reg = 14
	rT1    Reg = 15
	rExit  Reg = 16 // index of the exit; targets of indirect branches
	rGuest Reg = 19 // guest value of R10
	rBase  Reg = 20 // host address of guest address 0
	rFuel  Reg = 21
	rState Reg = 22 // the stub passes it here
	rStack Reg = 23 // lowest word of the native stack
	rLimit Reg = 24 // rFrame of the deepest frame
)

// frameBias is the size of a BPF stack frame. With rFrame at the bottom, offsets from
// it are positive, which is what loads and stores have the wide immediate for.
const frameBias = 512

// mayGotoBudget is what a function entered by a call has: BPF_MAX_LOOPS.
const mayGotoBudget = 1 << 23

// cold is code that stands behind the program: it leaves by an exit.
type cold struct{ label, exit int32 }

type expander struct {
	asm
	list     *ir.List
	ops      []ir.Op // of the list
	features Features
	colds    []cold
	bodies   []body
	common   int32 // label of the exit code
	done     int32
	funcs    int32 // label of function 0; the others follow
	ends     int32 // label of the epilogue of function 0; the others follow
	lines    []ir.Line

	ended []bool // by function: its epilogue has been expanded
	held  held
	root  bool // function 0 uses the address in R1 that it is entered with
	joins joins
}

// Expand makes machine code of a list, which it tidies. The error says which op it cannot have.
func Expand(l *ir.List, f Features) (*ir.Native, error) {
	if !l.Plain {
		l.Ops = tidy(l.Ops)
	}
	far := make([]bool, len(l.Ops))
	for {
		e := &expander{asm: asm{far: far}, list: l, ops: l.Ops, features: f}
		n, ok, err := e.run()
		if err != nil {
			return nil, err
		}
		if ok {
			return n, nil
		}
	}
}

func (e *expander) run() (*ir.Native, bool, error) {
	l := e.list
	if l.Labels < 0 || len(l.Funcs) == 0 {
		return nil, false, fmt.Errorf("arm64: %d labels, %d functions", l.Labels, len(l.Funcs))
	}
	e.code = make([]uint32, 0, 2*len(e.ops)+128)
	e.labels = make([]int32, l.Labels+len(l.Funcs), l.Labels+2*len(l.Funcs)+len(l.Exits)+8)
	for i := range e.labels {
		e.labels[i] = -1
	}
	e.funcs = int32(l.Labels)
	e.ends = int32(len(e.labels))
	for range l.Funcs {
		e.newLabel()
	}
	e.ended = make([]bool, len(l.Funcs))
	e.joins = newJoins(l, e.ops)
	e.common, e.done = e.newLabel(), e.newLabel()

	end := uint32(0)
	for i := 0; i < len(e.ops) && e.err == nil; {
		op := &e.ops[i]
		if op.Kind == ir.Func && end == 0 && uint32(op.Target) < uint32(len(l.Funcs)) && l.Funcs[op.Target].Inner {
			end = uint32(4 * len(e.code)) // it is what a helper does
		}
		e.op = i
		if n := len(e.lines); n == 0 || e.lines[n-1].PC != uint32(op.PC) {
			if n > 0 && e.lines[n-1].Code == uint32(4*len(e.code)) {
				e.lines[n-1].PC = uint32(op.PC)
			} else {
				e.lines = append(e.lines, ir.Line{Code: uint32(4 * len(e.code)), PC: uint32(op.PC)})
			}
		}
		if !e.list.Plain {
			n := e.choose(e.ops[i:])
			if n == 0 {
				if n = e.fuse(e.ops[i:]); n > 0 {
					e.learnFused(e.ops[i : i+n])
				}
			}
			if n > 0 {
				i += n
				e.settle(&e.ops[i-1])
				continue
			}
		}
		after := e.learn(op)
		e.expand(op)
		after.to(&e.held)
		e.settle(op)
		i++
	}
	if end == 0 {
		end = uint32(4 * len(e.code))
	}
	if !e.joins.alive {
		e.finish() // the last return falls in here
	}
	// What falls off the end must not run into the cold code.
	e.emit(udf)
	if e.joins.alive {
		e.finish()
	}
	e.outline()
	for _, c := range e.colds {
		e.place(c.label)
		e.leave(c.exit)
	}
	n := &ir.Native{End: end, Lift: guest.FrameStride}
	e.thunks(n)
	ok, err := e.link()
	if !ok || err != nil {
		return nil, false, err
	}
	n.Code = e.bytes()
	n.Labels = make([]uint32, l.Labels)
	for i := range n.Labels {
		n.Labels[i] = uint32(4 * e.labels[i])
	}
	n.Funcs = make([]uint32, len(l.Funcs))
	for i := range n.Funcs {
		at := e.labels[int(e.funcs)+i]
		if at < 0 {
			return nil, false, fmt.Errorf("arm64: function %d has no code", i)
		}
		n.Funcs[i] = uint32(4 * at)
	}
	n.PCs = e.lines
	return n, true, nil
}

// udf is the permanently undefined instruction. No path leads to it.
const udf = 0

// reg is the native register of an operand.
func (e *expander) reg(r ir.Reg) Reg {
	switch {
	case r < ir.FP:
		return Reg(r)
	case r == ir.Tmp:
		return rTmp
	}
	e.fail("register %d is no operand", r)
	return rTmp
}

// dst is the register that an op writes; what was computed from its old value goes.
func (e *expander) dst(r ir.Reg) Reg {
	e.forget(r)
	return e.reg(r)
}

// forget drops what is known of a register.
func (e *expander) forget(r ir.Reg) {
	if r <= ir.Tmp {
		e.held.forget(r)
	}
}

func (e *expander) width(op *ir.Op) Width {
	switch op.W {
	case 32:
		return W
	case 64:
		return X
	}
	e.fail("width %d", op.W)
	return X
}

// exit checks an exit's number.
func (e *expander) exit(x int32) int32 {
	if uint32(x) >= uint32(len(e.list.Exits)) {
		e.fail("exit %d does not exist", x)
	}
	return x
}

// label is a label of the list that the op branches to.
func (e *expander) label(l int32) int32 {
	if !e.exists(l) {
		return l
	}
	if e.labels[l] >= 0 && !e.joins.lost[l] {
		e.fail("a branch back to label %d, where addresses are held", l)
	}
	e.joins.leads(l, &e.held)
	return l
}

func (e *expander) exists(label int32) bool {
	if uint32(label) < uint32(e.list.Labels) {
		return true
	}
	e.fail("label %d does not exist", label)
	return false
}

// constant puts v in d.
func (e *expander) constant(d Reg, v uint64) { e.code = MovConst(e.code, d, v) }

// immediate is the value of an immediate operand at its width.
func immediate(w Width, op *ir.Op) uint64 {
	if w == W {
		return uint64(uint32(op.Imm))
	}
	return uint64(op.Imm)
}

// operand is the register of B: ZR for 0, rImm for other immediates.
func (e *expander) operand(w Width, op *ir.Op) Reg {
	if !op.UseImm {
		return e.reg(op.Src)
	}
	v := immediate(w, op)
	if v == 0 {
		return ZR
	}
	e.constant(rImm, v)
	return rImm
}

func (e *expander) expand(op *ir.Op) {
	switch op.Kind {
	case ir.Nop:
	case ir.Mov, ir.FrameAddr, ir.Lea, ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol,
		ir.Div, ir.Mod, ir.SDiv, ir.SMod, ir.Neg, ir.Sext, ir.Zext, ir.Swap:
		e.alu(op)
	case ir.Load:
		e.load(op)
	case ir.Store:
		e.store(op)
	case ir.Atomic:
		e.atomic(op)
	case ir.LoadAcq, ir.StoreRel:
		e.ordered(op)
	case ir.LoadState:
		e.loadState(op)
	case ir.StoreState:
		e.storeState(op)
	case ir.ArrayLookup:
		e.arrayLookup(op)
	case ir.HashLookup:
		e.hashLookup(op)
	case ir.ArrayUpdate:
		e.arrayUpdate(op)
	case ir.TailCall:
		e.call(op)
		e.dst(0)
	case ir.ReadClock:
		e.call(op)
		e.dst(0)
	case ir.LoadPacket:
		e.loadPacket(op)
	case ir.Copy:
		e.copyOp(op)
	case ir.RingReserve:
		e.call(op)
		e.dst(0)
		e.dst(1)
		e.dst(5)
	case ir.RingCommit:
		e.call(op)
		e.dst(0)
		e.dst(3)
	default:
		e.control(op)
	}
}
