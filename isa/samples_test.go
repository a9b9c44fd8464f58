package isa

import "math"

// samples returns programs of one instruction (two slots for 16-byte loads)
// that cover a row's operands: every register in each operand field, and the
// edges of off and imm.
func samples(op Op) [][]Insn {
	r := op.Info()
	if r.Kind == KindLoadImm64 {
		return imm64Samples(op)
	}
	base := New(op, 0, 0, 0, 0)
	if op == OpAddrSpaceCast {
		base.Imm = CastToKernel
	}
	list := [][]Insn{{base}}
	add := func(set func(*Insn)) {
		i := base
		set(&i)
		list = append(list, []Insn{i})
	}
	for reg := R1; reg < NumRegs; reg++ {
		if r.DstUse == UseOperand {
			add(func(i *Insn) { i.Dst = reg })
		}
		if r.SrcUse == UseOperand {
			add(func(i *Insn) { i.Src, i.Dst = reg, base.Dst })
		}
		if op == OpCallReg {
			add(func(i *Insn) { i.Dst, i.Imm = reg, int64(reg) }) // clang's form
		}
	}
	if r.OffUse == UseOperand {
		for _, off := range []int16{1, -1, 8, -8, math.MaxInt16, math.MinInt16} {
			add(func(i *Insn) { i.Off = off })
		}
	}
	switch {
	case op == OpAddrSpaceCast:
		add(func(i *Insn) { i.Imm = CastToUser })
	case op == OpCallReg:
	case r.ImmUse == UseOperand:
		for _, imm := range []int64{1, -1, 5, 0xff, math.MaxInt32, math.MinInt32} {
			add(func(i *Insn) { i.Imm = imm })
		}
	}
	return list
}

func imm64Samples(op Op) [][]Insn {
	var list [][]Insn
	add := func(dst Reg, imm int64) {
		p := LoadImm64(op, dst, imm)
		list = append(list, p[:])
	}
	for dst := R0; dst < NumRegs; dst++ {
		add(dst, 5)
	}
	add(R1, 0)
	switch op {
	case OpLddwMapFD, OpLddwMapIdx: // the high word is reserved
		add(R1, math.MaxInt32)
	default:
		for _, imm := range []int64{1, -1, 8 << 32, 1<<32 | 3, math.MaxInt64, math.MinInt64, math.MaxUint32} {
			add(R1, imm)
		}
	}
	return list
}
