package amd64

import (
	"fmt"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// control expands calls, returns and exits.
func (x *expander) control(op *ir.Op) error {
	held := x.held
	x.held = ir.None
	switch op.Kind {
	case ir.Func:
		x.funcs[op.Target] = uint32(len(x.b))
		if !x.l.Funcs[op.Target].Root {
			x.prologue()
		}
		x.zeroFrame(int32(op.Imm))
	case ir.Return:
		if x.l.Funcs[op.Target].Root {
			x.dones = append(x.dones, x.jmp())
			break
		}
		x.aluRI(64, aluAdd, RSP, 16)
		x.pop(R15)
		x.pop(R14)
		x.pop(R13)
		x.pop(RBX)
		x.ret()
	case ir.Call:
		x.movRM(64, scratch, at(RSP, 0))
		x.rm(32, op1(0x3b), regFP, at(scratch, int32(ir.OffLimit))) // cmp ebp, [limit]: both as the guest has them
		x.cold = append(x.cold, coldExit{x.jcc(CCAE), op.Exit})
		if op.Off != 0 {
			x.aluRI(64, aluAdd, regFP, op.Off)
		}
		x.byte(0xe8)
		x.imm32(0)
		x.funcFix = append(x.funcFix, fix{at: int32(len(x.b) - 4), label: op.Target})
		if op.Off != 0 {
			x.aluRI(64, aluSub, regFP, op.Off)
		}
	case ir.CallIndirect:
		x.movRM(64, scratch, at(RSP, 0))
		x.aluRI(64, aluAdd, regFP, op.Off)
		x.callMem(at(scratch, int32(ir.OffTarget)))
		x.aluRI(64, aluSub, regFP, op.Off)
	case ir.Leave:
		x.movRI(scratch, int64(op.Exit))
		x.exits = append(x.exits, x.jmp())
	case ir.LoadState:
		x.movRM(64, scratch, at(RSP, 0))
		x.movRM(int(op.Size)*8, regs[op.Dst], at(scratch, op.Off))
	case ir.StoreState:
		x.movRM(64, scratch, at(RSP, 0))
		x.movMR(int(op.Size)*8, at(scratch, op.Off), regs[op.Src])
	case ir.ArrayLookup:
		x.held = held
		x.arrayLookup(op)
	case ir.HashLookup:
		x.held = held
		x.hashLookup(op)
	case ir.ArrayUpdate:
		x.arrayUpdate(op)
	case ir.TailCall:
		x.tailCall(op)
	case ir.ReadClock:
		x.clock()
	case ir.LoadPacket:
		x.loadPacket(op)
	case ir.Copy:
		x.copyOp(op)
	case ir.RingReserve:
		x.ringReserve(op)
	case ir.RingCommit:
		x.ringCommit(op)
	default:
		return fmt.Errorf("expand: macro op %d is unknown to amd64", op.Kind)
	}
	return nil
}

// prologue makes the frame of a called function: see package ir.
func (x *expander) prologue() {
	x.push(RBX)
	x.push(R13)
	x.push(R14)
	x.push(R15)
	x.pushImm(mayGotoBudget)
	x.pushMem(at(RSP, 8*(frameWords-1))) // the caller's first word
}

func (x *expander) zeroFrame(n int32) {
	if n == 0 {
		return
	}
	x.zeroX0()
	for off := -n; off < 0; off += 16 {
		x.storeX0(frame(off))
	}
}

// commonExit stores what the host needs and goes back to it. RCX holds the exit's number.
func (x *expander) commonExit() {
	for _, e := range x.exits {
		x.patch(e)
	}
	x.movRM(64, temp, at(RSP, 0))
	x.movMR(32, at(temp, int32(ir.OffExit)), scratch)
	for r := range ir.FP {
		x.movMR(64, at(temp, int32(ir.OffR)+8*int32(r)), regs[r])
	}
	x.movMR(64, at(temp, int32(ir.OffFuel)), regFuel)
	x.movRR(32, regFP, regFP) // as the guest has it: nothing of the host's address goes out
	x.movMR(64, at(temp, int32(ir.OffR)+80), regFP)
	// Outside of calls there are two words, which need no loop.
	x.lea(64, scratch, at(RSP, 8*ir.FrameBase))
	x.rm(64, op1(0x3b), scratch, at(temp, int32(ir.OffSP)))
	nested := x.short(CCNE)
	x.movRM(64, scratch, at(RSP, 8))
	x.movMR(64, at(temp, int32(ir.OffStack)), temp)
	x.movMR(64, at(temp, int32(ir.OffStack)+8), scratch)
	x.movMI32(at(temp, int32(ir.OffWords)), ir.FrameBase)
	x.aluRI(64, aluAdd, RSP, 8*ir.FrameBase)
	x.ret()
	x.land(nested)
	x.aluRR(32, aluXor, scratch, scratch)
	again := len(x.b)
	x.popMem(Mem{Base: temp, Index: scratch, Scale: 3, Disp: int32(ir.OffStack)})
	x.aluRI(32, aluAdd, scratch, 1)
	x.rm(64, op1(0x3b), RSP, at(temp, int32(ir.OffSP)))
	x.byte(0x70|byte(CCNE), byte(again-len(x.b)-2))
	x.movMR(32, at(temp, int32(ir.OffWords)), scratch)
	x.ret()
}

// done ends a run whose outermost function returned.
func (x *expander) done() {
	for _, d := range x.dones {
		x.patch(d)
	}
	x.dones = nil
	x.finish()
}

// finish is the code that ends a run.
func (x *expander) finish() {
	x.pop(scratch)
	x.movMR(64, at(scratch, int32(ir.OffR)), RAX)
	x.movMR(64, at(scratch, int32(ir.OffFuel)), regFuel)
	x.movMI32(at(scratch, int32(ir.OffExit)), -1)
	x.aluRI(64, aluAdd, RSP, 8)
	x.ret()
}

// start enters the program at function 0: R1 and R2 as given, all others 0. RCX holds the state.
func (x *expander) start() uint32 {
	if !x.l.Funcs[0].Root {
		begin := len(x.b)
		x.aluRR(32, aluXor, RAX, RAX)
		for _, r := range []int32{0, 3, 4, 5, 6, 7, 8, 9} {
			x.movMR(64, at(scratch, int32(ir.OffR)+8*r), RAX)
		}
		x.enter()
		x.byte(0xe8)
		x.imm32(0)
		x.funcFix = append(x.funcFix, fix{at: int32(len(x.b) - 4)})
		x.finish()
		return uint32(begin)
	}
	begin := len(x.b)
	x.movRM(32, temp, at(scratch, int32(ir.OffBudget)))
	x.push(temp)
	x.push(scratch)
	x.movRM(64, regBase, at(scratch, int32(ir.OffBase)))
	x.loadFP()
	x.movRM(64, regFuel, at(scratch, int32(ir.OffFuel)))
	x.movRM(64, RDI, at(scratch, int32(ir.OffR)+8))
	x.movRM(64, RSI, at(scratch, int32(ir.OffR)+16))
	for _, r := range []Reg{RAX, R8, R9, R10, RBX, R13, R14, R15} {
		x.aluRR(32, aluXor, r, r)
	}
	x.byte(0xe9)
	x.imm32(0)
	x.funcFix = append(x.funcFix, fix{at: int32(len(x.b) - 4)})
	return uint32(begin)
}

// enter makes the first frame and loads the registers.
func (x *expander) enter() {
	x.movRM(32, temp, at(scratch, int32(ir.OffBudget)))
	x.push(temp)
	x.push(scratch)
	x.loadRegs()
}

func (x *expander) loadRegs() {
	x.movRM(64, regBase, at(scratch, int32(ir.OffBase)))
	x.movRM(64, regFuel, at(scratch, int32(ir.OffFuel)))
	for r := range ir.FP {
		x.movRM(64, regs[r], at(scratch, int32(ir.OffR)+8*int32(r)))
	}
	x.loadFP()
}

// loadFP makes a host address of the guest's R10. The base is in place.
func (x *expander) loadFP() {
	x.movRM(32, regFP, at(scratch, int32(ir.OffR)+80))
	x.aluRR(64, aluAdd, regFP, regBase)
}

// callee enters the function whose address the state holds.
func (x *expander) callee() uint32 {
	begin := len(x.b)
	x.enter()
	x.callMem(at(scratch, int32(ir.OffTarget)))
	x.finish()
	return uint32(begin)
}

// resume goes on where an exit left: the stack back in place, then the registers.
func (x *expander) resume() uint32 {
	begin := len(x.b)
	x.movRM(32, temp, at(scratch, int32(ir.OffWords)))
	x.aluRI(32, aluCmp, temp, ir.FrameBase)
	nested := x.short(CCNE)
	x.pushMem(at(scratch, int32(ir.OffStack)+8))
	x.push(scratch)
	ready := x.shortJmp()
	x.land(nested)
	again := len(x.b)
	x.aluRI(32, aluSub, temp, 1)
	x.pushMem(Mem{Base: scratch, Index: temp, Scale: 3, Disp: int32(ir.OffStack)})
	x.testRR(32, temp, temp)
	x.byte(0x70|byte(CCNE), byte(again-len(x.b)-2))
	x.land(ready)
	x.loadRegs()
	x.jmpMem(at(scratch, int32(ir.OffResume)))
	return uint32(begin)
}
