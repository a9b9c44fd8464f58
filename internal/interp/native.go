package interp

import (
	"context"
	"runtime"

	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
)

// Compile makes machine code of a program that has a proof, for runs in native mode. What cfg says
// of memory and options counts; the rest is the program's own. It is called before the program runs.
func (p *Program) Compile(cfg jit.Config) error {
	p.prepare()
	p.configure(&cfg)
	code, err := jit.Compile(p.src.Proof, cfg)
	if err != nil {
		return err
	}
	p.native = code
	return nil
}

// Assemble makes the machine code that Compile would make on a machine of an architecture, for a reader.
func (p *Program) Assemble(cfg jit.Config, arch string) (*jit.Native, error) {
	p.configure(&cfg)
	return jit.Assemble(p.src.Proof, cfg, arch)
}

// configure fills in what the program itself says.
func (p *Program) configure(cfg *jit.Config) {
	cfg.Fuel = p.cost
	cfg.Const = func(pc int) uint64 { return p.code[pc].imm }
	cfg.TailCall = func(pc int) bool { return p.code[pc].op == opTailCall }
	cfg.TailSlots = p.tailSlots
	cfg.Helper = p.helper
	cfg.Inline = p.inline
}

// FuncStart returns the first instruction of function i, and whether there is one.
func (p *Program) FuncStart(i int) (pc int, ok bool) {
	s := p.cost.Starts()
	if i < 0 || i >= len(s) {
		return 0, false
	}
	return int(s[i]), true
}

// Native returns the program's machine code, nil if it has none.
func (p *Program) Native() *jit.Code { return p.native }

// RunNative is Run in native mode of a program that has been compiled.
func (st *State) RunNative(ctx context.Context, p *Program, units uint64, r1, r2 uint64) (Result, *trap.Trap) {
	st.begin(ctx)
	return st.once(p, int64(min(units, 1<<62)), r1, r2)
}

// RepeatNative is RunNative times times in a row, on what the run before left of packet and context, and each with as many units,
// until one is stopped. It returns the result of the last, the sum of all, and how many there were.
func (st *State) RepeatNative(ctx context.Context, p *Program, units uint64, times int) (last, sum Result, runs uint64, t *trap.Trap) {
	st.begin(ctx)
	total := int64(min(units, 1<<62))
	for ; int64(runs) < int64(times) && t == nil; runs++ {
		st.block.Tails, st.Call.Err = 0, nil
		r1, r2 := st.Bctx.Entry()
		last, t = st.once(p, total, r1, r2)
		sum.Insns, sum.Fuel = sum.Insns+last.Insns, sum.Fuel+last.Fuel
	}
	return last, sum, runs, t
}

// once runs a program when all has begun.
func (st *State) once(p *Program, total int64, r1, r2 uint64) (Result, *trap.Trap) {
	if !st.native || st.mode.Checked == p.proven { // a run that goes on in what is not proven leaves it so
		st.mode = Mode{Native: true, Checked: !p.proven, MayGoto: maxMayGoto}
		st.native = true
	}
	slice := min(total, fuel.Slice)
	st.fuel = total - slice
	if st.done != nil {
		st.slice = slice
		if !st.yield() { // a context that has ended runs nothing
			st.fail(p, 0, st.trap)
			return Result{}, st.trap
		}
		slice = st.slice
	}
	b := st.block
	b.R[1], b.R[2], b.R[10] = r1, r2, uint64(st.slot.FrameTop(0))
	b.Budget, b.Fuel, b.Prog, b.Scratch = maxMayGoto, uint64(slice), 0, st.slot.Scratch
	if p.env {
		st.showEnv()
	}
	p.native.Start(b)
	if b.Exit == jit.Done {
		runtime.KeepAlive(p)
		return Result{R0: b.R[0], Fuel: uint64(total-st.fuel) - b.Fuel}, nil
	}
	// What only helpers and the interpreter ask for.
	st.insns, st.Call.GPL = 0, p.src.GPL
	ok := st.serve(p)
	return st.result(total, b.R[0], ok)
}

// serve does what machine code of p left for, and lets it go on, until the function that it was entered at has
// returned. It returns false, with st.trap set, when the run must end.
func (st *State) serve(p *Program) bool {
	b, code := st.block, p.native
	st.cur = p
	for {
		st.slice = int64(b.Fuel)
		if b.Prog != 0 {
			if p = st.arrived(); p == nil {
				st.fail(st.cur, 0, &trap.Trap{Code: trap.Internal, Detail: "machine code went on to a program that no prog array holds"})
				return false
			}
			code = p.native
		}
		if b.Exit == jit.Done {
			runtime.KeepAlive(code)
			return true
		}
		e := code.Exit(b)
		if e == nil {
			st.fail(p, 0, &trap.Trap{Code: trap.Internal, Detail: "machine code left by an exit that it does not have"})
			return false
		}
		pc := int(e.PC)
		st.exits++
		switch e.Kind {
		case jit.ExitHelper:
			st.Call.ScratchUsed = b.Scratch - st.slot.Scratch
			if !st.callHelper(p, pc, p.helpers[p.code[pc].imm], &b.R) {
				return false
			}
			b.Fuel = uint64(st.slice)
			code.Resume(b, e)
		case jit.ExitFuel:
			if !st.yield() {
				st.fail(p, pc, st.trap)
				return false
			}
			b.Fuel = uint64(st.slice)
			code.Resume(b, e)
		case jit.ExitWake:
			p.rings[pc].Wake()
			code.Resume(b, e)
		case jit.ExitTailCall:
			st.depth = st.nativeDepth()
			q := st.tailCall(p, pc, &b.R)
			if st.trap != nil {
				return false
			}
			b.Fuel = uint64(st.slice)
			if q != nil && q.env {
				st.showEnv()
			}
			switch {
			case q == nil:
				code.Resume(b, e)
			case b.Words == jit.FrameBase && q.native != nil:
				p, code, st.cur = q, q.native, q
				b.Budget = uint32(b.Stack[jit.FrameBudget])
				code.Call(b, 0)
			default:
				last := b.Words == jit.FrameBase
				if !st.tailNative(q) {
					return false
				}
				if last {
					return true
				}
				st.cur = p
				b.Fuel = uint64(st.slice)
				code.Return(b)
			}
		case jit.ExitCallReg:
			if !st.callReg(p, e) {
				return false
			}
		case jit.ExitPacket:
			ok := st.packetLoad(&p.code[pc], &b.R)
			if ok {
				code.Resume(b, e)
				continue
			}
			b.R[0] = 0 // a load beyond the packet ends the program: RFC 9669 section 5.5
			code.ResumeAlt(b, e)
		case jit.ExitDepth:
			st.fail(p, pc, &trap.Trap{Code: trap.CallDepth, Detail: "more than 8 nested functions"})
			return false
		case jit.ExitBadJump:
			return st.rare(p, pc, &p.code[len(p.code)-1], &b.R)
		default:
			return st.badInsn(p, pc)
		}
	}
}

// badInsn is the trap of what is no instruction, or was proven never to run.
func (st *State) badInsn(p *Program, pc int) bool {
	switch in := &p.code[pc]; in.op {
	case isa.OpInvalid, isa.OpLddwHi:
		return st.rare(p, pc, in, &st.block.R)
	}
	st.fail(p, pc, &trap.Trap{Code: trap.BadInsn, Detail: "control reached an instruction that was proven unreachable"})
	return false
}

// nativeDepth is the depth of the innermost function, from its frame.
func (st *State) nativeDepth() int {
	return int(uint32(st.block.R[10])-st.slot.FrameTop(0)) / guest.FrameStride
}

// callReg does callx.
func (st *State) callReg(p *Program, e *jit.Exit) bool {
	b, pc := st.block, int(e.PC)
	a := b.R[e.Reg]
	st.depth = st.nativeDepth()
	if a>>32 != 1 {
		h := st.helperByID(p, pc, a)
		if h == nil || !st.callHelper(p, pc, h, &b.R) {
			return false
		}
		b.Fuel = uint64(st.slice)
		p.native.ResumeAlt(b, e)
		return true
	}
	at := a & (1<<32 - 1)
	i, ok := p.cost.FuncAt(at)
	if !ok || !p.native.SetTarget(b, i) {
		st.fail(p, pc, &trap.Trap{Code: trap.BadJump, Addr: a, Detail: "callx of what is no function"})
		return false
	}
	st.slice -= int64(p.cost.Func(int(at)))
	if st.slice < 0 && !st.yield() {
		st.fail(p, pc, st.trap)
		return false
	}
	if st.depth+1 >= guest.MaxFrames {
		st.fail(p, pc, &trap.Trap{Code: trap.CallDepth, Detail: "more than 8 nested functions"})
		return false
	}
	b.Fuel = uint64(st.slice)
	p.native.Resume(b, e)
	return true
}

// kept is what a nested run of machine code takes away.
type kept struct {
	r     [16]uint64
	words uint32
	stack [len(jit.State{}.Stack)]uint64
}

func (k *kept) save(b *jit.State) {
	k.r, k.words = b.R, b.Words
	copy(k.stack[:b.Words], b.Stack[:])
}

func (k *kept) restore(b *jit.State) {
	b.R, b.Words = k.r, k.words
	copy(b.Stack[:], k.stack[:k.words])
}

// callbackNative runs the function at pc of p, which a helper calls back, in a new frame.
func (st *State) callbackNative(p *Program, pc uint64, args [5]uint64) (r0 uint64, ok bool) {
	b := st.block
	var k kept
	k.save(b)
	depth := st.depth
	b.R = [16]uint64{10: uint64(st.slot.FrameTop(depth + 1))}
	copy(b.R[1:6], args[:])
	b.Budget, b.Fuel = maxMayGoto, uint64(st.slice)
	scratch := b.Scratch
	b.Scratch = st.slot.Scratch + st.Call.ScratchUsed
	i, _ := p.cost.FuncAt(pc)
	p.native.Call(b, i)
	ok = st.serve(p)
	r0 = b.R[0]
	b.Scratch = scratch
	k.restore(b)
	st.depth = depth
	return r0, ok
}

// tailNative runs q, which a function in machine code has given its frame to, until it returns, and
// takes that function's frame away if it has a caller.
func (st *State) tailNative(q *Program) bool {
	b := st.block
	var k kept
	k.save(b)
	budget := uint32(b.Stack[jit.FrameBudget])
	ok := false
	if q.native != nil {
		b.Budget = budget
		q.native.Call(b, 0)
		ok = st.serve(q)
	} else {
		f := &st.frames[st.depth]
		f.prog, f.mayGoto = nil, budget
		st.native = false
		r := st.registers()
		*r = b.R
		ok = st.loop(q, 0, r)
		st.native = true
		b.R[0] = r[0]
	}
	k.r[0] = b.R[0]
	k.restore(b)
	return ok
}
