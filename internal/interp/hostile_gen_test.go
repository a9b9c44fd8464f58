package interp

import (
	"math/rand/v2"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/isa"
)

// hostile makes programs that go everywhere: any row, any register, wild pointers, loops, calls, and helpers with
// any arguments or with such that make them do something.
type hostile struct {
	r       *rand.Rand
	insns   []isa.Insn
	helpers []int64 // the helpers that may be called
	first   int     // where the function at hand starts
}

func (h *hostile) reg() isa.Reg { return isa.Reg(h.r.IntN(10)) }

func (h *hostile) value() uint64 {
	switch h.r.IntN(6) {
	case 0:
		return boundary[h.r.IntN(len(boundary))]
	case 1:
		return 1<<32 - uint64(h.r.IntN(16)) // the window's end
	case 2:
		return uint64(h.r.IntN(16))
	case 3:
		return uint64(guest.NullZone + h.r.IntN(1<<17))
	}
	return h.r.Uint64() >> h.r.IntN(64)
}

// body appends n instructions of a function that starts here, and its exit.
func (h *hostile) body(n int, calls []int) {
	start := len(h.insns)
	h.first = start
	var jumps []int
	for range n {
		if h.r.IntN(12) == 0 {
			h.shape(2)
			continue
		}
		op := isa.Op(1 + h.r.IntN(isa.NumOps-1))
		info := op.Info()
		in := isa.New(op, h.reg(), h.reg(), 0, 0)
		if info.SrcUse == isa.UseOperand && h.r.IntN(12) == 0 && !info.Fetch {
			in.Src = isa.R10
		}
		if info.ImmUse == isa.UseOperand {
			in.Imm = int64(int32(h.value()))
		}
		switch info.Kind {
		case isa.KindALU, isa.KindMov, isa.KindMovSX, isa.KindEnd:
			if info.SrcUse != isa.UseOperand {
				in.Src = 0
			}
		case isa.KindLoad, isa.KindLoadSX, isa.KindStore, isa.KindStoreImm, isa.KindAtomic, isa.KindLoadAcquire, isa.KindStoreRelease:
			in.Off = int16(h.value())
			if info.ImmUse == isa.UseSelect {
				in.Imm = int64(info.ImmVal)
			}
			if info.SrcUse != isa.UseOperand {
				in.Src = 0
			}
			if h.r.IntN(3) == 0 { // the stack
				in.Off = -int16(h.r.IntN(530))
				if info.Kind == isa.KindLoad || info.Kind == isa.KindLoadSX || info.Kind == isa.KindLoadAcquire {
					in.Src = isa.R10
				} else {
					in.Dst = isa.R10
				}
			}
		case isa.KindCond, isa.KindMayGoto, isa.KindJump:
			if info.SrcUse != isa.UseOperand {
				in.Src = 0
			}
			if info.Kind != isa.KindCond {
				in = isa.New(op, 0, 0, 0, 0)
			}
			jumps = append(jumps, len(h.insns))
		case isa.KindLoadImm64:
			two := isa.LoadImm64(isa.OpLddw, h.reg(), int64(h.value()))
			if len(calls) > 0 && h.r.IntN(4) == 0 {
				two = isa.LoadImm64(isa.OpLddwFunc, h.reg(), int64(int32(calls[h.r.IntN(len(calls))]-len(h.insns)-1)))
			}
			h.insns = append(h.insns, two[:]...)
			continue
		case isa.KindPacketLoad:
			in = isa.New(op, 0, 0, 0, int64(h.r.IntN(80)))
			if info.SrcUse == isa.UseOperand {
				in.Src = h.reg()
			}
		case isa.KindCall:
			switch {
			case op == isa.OpCallLocal && len(calls) > 0:
				in = isa.New(op, 0, in.Src, 0, int64(calls[h.r.IntN(len(calls))]-len(h.insns)-1))
				in.Src = isa.New(op, 0, 0, 0, 0).Src
			case op == isa.OpCallHelper:
				if h.r.IntN(2) == 0 {
					h.sensible(calls)
					continue
				}
				in = isa.New(op, 0, 0, 0, h.helpers[h.r.IntN(len(h.helpers))])
			case op == isa.OpCallReg && h.r.IntN(2) == 0:
			default:
				continue
			}
		default:
			continue
		}
		h.insns = append(h.insns, in)
		if op == isa.OpCallLocal || op == isa.OpCallReg {
			// What a function leaves in R1 to R5 is nobody's to know: engines differ once it has made a tail call.
			for r := isa.R1; r <= isa.R5; r++ {
				h.insns = append(h.insns, isa.New(isa.OpMov64Imm, r, 0, 0, h.r.Int64N(16)))
			}
		}
	}
	if h.r.IntN(2) == 0 {
		h.insns = append(h.insns, spill()...)
	}
	end := len(h.insns)
	h.insns = append(h.insns, exit...)
	for at := start; at < end; at++ { // those of shapes stay in the function
		if in := &h.insns[at]; in.IsJump() && in.Op != isa.OpJa32 && in.Target(at) > end {
			in.Off = int16(end - at - 1)
		}
	}
	for _, at := range jumps {
		to := start + h.r.IntN(end-start+1)
		if h.r.IntN(3) > 0 {
			to = at + 1 + h.r.IntN(end-at)
		}
		in := &h.insns[at]
		if in.Op == isa.OpJa32 {
			in.Imm = int64(to - at - 1)
		} else {
			in.Off = int16(to - at - 1)
		}
	}
}

// program makes a program of a main function and up to three others. Its bodies are made twice: once
// to see how long they get, then with calls that meet.
func (h *hostile) program(seed uint64) []isa.Insn {
	var starts []int
	for range 2 {
		h.r = rand.New(rand.NewPCG(seed, 77))
		subs := h.r.IntN(4)
		var v [10]uint64
		for r := range v {
			v[r] = h.value()
		}
		if starts == nil {
			starts = make([]int, subs)
		}
		h.insns = setAll(v)
		h.body(1+h.r.IntN(50), starts)
		for i := range subs {
			starts[i] = len(h.insns)
			h.body(1+h.r.IntN(20), starts)
		}
	}
	return h.insns
}

// sensible calls a helper with arguments that it can do something with, most of the time.
func (h *hostile) sensible(calls []int) {
	add := func(op isa.Op, dst, src isa.Reg, imm int64) { h.insns = append(h.insns, isa.New(op, dst, src, 0, imm)) }
	number := func(r isa.Reg, v int64) {
		if h.r.IntN(10) > 0 {
			add(isa.OpMov64Imm, r, 0, v)
		}
	}
	handle := func(r isa.Reg, n int64) {
		two := isa.LoadImm64(isa.OpLddw, r, n)
		h.insns = append(h.insns, two[:]...)
	}
	stack := func(r isa.Reg) {
		if h.r.IntN(8) > 0 {
			add(isa.OpMov64Reg, r, isa.R10, 0)
			add(isa.OpAdd64Imm, r, 0, -int64(h.r.IntN(520)))
		}
	}
	m := 1 + h.r.Int64N(hostileMaps)
	id := int64(0)
	switch h.r.IntN(8) {
	case 0, 1, 2: // maps
		id = 1 + h.r.Int64N(3)
		if h.r.IntN(2) == 0 {
			h.insns = append(h.insns, isa.New(isa.OpStDW, isa.R10, 0, -512+8*int16(h.r.IntN(64)), h.r.Int64N(12)))
		}
		stack(isa.R2)
		stack(isa.R3)
		number(isa.R4, h.r.Int64N(4))
		handle(isa.R1, m)
	case 3: // tail calls
		id = 12
		number(isa.R3, h.r.Int64N(6))
		handle(isa.R2, 3)
	case 4: // records
		id = 131
		number(isa.R2, h.r.Int64N(64))
		number(isa.R3, 0)
		handle(isa.R1, ringHandle)
		add(isa.OpCallHelper, 0, 0, id)
		if h.r.IntN(2) == 0 {
			add(isa.OpMov64Reg, isa.R1, isa.R0, 0)
		}
		number(isa.R2, h.r.Int64N(3))
		id = 132 + h.r.Int64N(2)
	case 5, 6: // loops and callbacks
		if len(calls) == 0 {
			return
		}
		id = 181
		number(isa.R1, h.r.Int64N(9))
		two := isa.LoadImm64(isa.OpLddwFunc, isa.R2, int64(int32(calls[h.r.IntN(len(calls))]-len(h.insns)-1)))
		h.insns = append(h.insns, two[:]...)
		number(isa.R4, 0)
		if h.r.IntN(3) == 0 {
			id = 164
			handle(isa.R1, m)
		}
	default: // others with a map
		id = []int64{8, 87, 88, 89, 130, 134, 195}[h.r.IntN(7)]
		stack(isa.R2)
		number(isa.R3, h.r.Int64N(16))
		number(isa.R4, 0)
		handle(isa.R1, m)
	}
	add(isa.OpCallHelper, 0, 0, id)
	if h.r.IntN(2) == 0 { // use what it gave, whatever that is
		op := []isa.Op{isa.OpLdxB, isa.OpLdxW, isa.OpLdxDW, isa.OpStxDW, isa.OpStxH, isa.OpAtomicAdd64, isa.OpAtomicFetchAdd32}[h.r.IntN(7)]
		in := isa.New(op, isa.R0, h.reg(), int16(h.value()), 0)
		switch op {
		case isa.OpLdxB, isa.OpLdxW, isa.OpLdxDW:
			in.Dst, in.Src = h.reg(), isa.R0
		case isa.OpAtomicAdd64, isa.OpAtomicFetchAdd32:
			in.Imm = int64(op.Info().ImmVal)
		}
		h.insns = append(h.insns, in)
	}
}
