package fuzzgen

import (
	"math/rand/v2"

	"github.com/gbpf/gbpf/isa"
)

// dumb makes bytes of any kind, with an exit behind them most of the time.
func dumb(r *rand.Rand) *Program {
	n := 1 + r.IntN(24)
	b := make([]byte, 8*n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	for i := 1; i < len(b); i += 8 {
		if r.IntN(4) != 0 {
			b[i] = byte(r.IntN(11)) | byte(r.IntN(11))<<4
		}
	}
	if r.IntN(4) != 0 {
		copy(b[8*(n-1):], []byte{0x95, 0, 0, 0, 0, 0, 0, 0})
	}
	p := &profiles[r.IntN(len(profiles))]
	return &Program{Type: p.typ, Attach: p.attach, Flags: p.flags, Raw: b}
}

var allOps = func() (ops []isa.Op) {
	for op := range isa.Ops() {
		if op != isa.OpLddwHi {
			ops = append(ops, op)
		}
	}
	return ops
}()

// random makes instructions of the table with operands of any kind.
func random(r *rand.Rand) *Program {
	p := &profiles[r.IntN(len(profiles))]
	prog := &Program{Type: p.typ, Attach: p.attach, Flags: p.flags, Maps: palette}
	for i := range isa.R10 { // numbers to compute with
		if i != isa.R1 && r.IntN(20) != 0 {
			prog.Insns = append(prog.Insns, isa.New(isa.OpMov64Imm, i, 0, 0, edges[r.IntN(len(edges))]))
		}
	}
	for range 1 + r.IntN(20) {
		prog.Insns = append(prog.Insns, randomInsn(r)...)
	}
	prog.Insns = append(prog.Insns, isa.New(isa.OpMov64Imm, isa.R0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
	fixJumps(r, prog.Insns)
	return prog
}

func randomInsn(r *rand.Rand) []isa.Insn {
	op := allOps[r.IntN(len(allOps))]
	if op.Info().Kind == isa.KindCall && r.IntN(8) != 0 {
		op = allOps[r.IntN(len(allOps))]
	}
	info := op.Info()
	var dst, src isa.Reg
	var off int16
	var imm int64
	if info.DstUse == isa.UseOperand {
		dst = isa.Reg(r.IntN(10))
	}
	if info.SrcUse == isa.UseOperand {
		src = isa.Reg(r.IntN(11))
	}
	if info.Size != 0 && r.IntN(12) != 0 {
		switch info.Kind {
		case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcquire:
			src = isa.R10
		default:
			dst = isa.R10
		}
	}
	if info.OffUse == isa.UseOperand {
		off = int16(-8 * (1 + r.IntN(8)))
	}
	if op == isa.OpExit || info.Kind == isa.KindPacketLoad && r.IntN(4) != 0 {
		return randomInsn(r)
	}
	if info.ImmUse == isa.UseOperand {
		imm = edges[r.IntN(len(edges))]
	}
	switch op {
	case isa.OpCallHelper:
		imm = int64(r.IntN(214))
	case isa.OpLddw:
		two := isa.LoadImm64(op, dst, int64(r.Uint64()))
		return two[:]
	case isa.OpLddwMapFD, isa.OpLddwMapValue, isa.OpLddwMapIdx, isa.OpLddwMapIdxValue:
		at := r.IntN(len(palette))
		hi := int64(0)
		op = isa.OpLddwMapFD
		if r.IntN(2) == 0 {
			op, hi = isa.OpLddwMapValue, int64(r.IntN(70))
			at = directMaps[r.IntN(len(directMaps))]
		}
		two := isa.LoadImm64(op, dst, hi<<32|int64(at))
		return two[:]
	case isa.OpLddwFunc:
		two := isa.LoadImm64(op, dst, int64(r.IntN(4)))
		return two[:]
	case isa.OpLddwBTFID, isa.OpCallKfunc, isa.OpCallReg, isa.OpAddrSpaceCast:
		op = isa.OpMov64Reg
		return []isa.Insn{isa.New(op, dst, src, 0, 0)}
	}
	return []isa.Insn{isa.New(op, dst, src, off, imm)}
}

// fixJumps points every jump somewhere in the program, mostly forwards.
func fixJumps(r *rand.Rand, insns []isa.Insn) {
	for pc := range insns {
		in := insns[pc]
		if !in.IsJump() && in.Op != isa.OpCallLocal && in.Op != isa.OpLddwFunc {
			continue
		}
		left := len(insns) - pc - 1
		at := pc + 1 + r.IntN(min(max(left, 1), 6))
		if r.IntN(20) == 0 {
			at = r.IntN(len(insns))
		}
		setTarget(insns, pc, min(at, len(insns)-1))
	}
}
