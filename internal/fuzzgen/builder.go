package fuzzgen

import "github.com/gbpf/gbpf/isa"

// label is a place in the program that jumps may name before it is known.
type label int

type fixup struct {
	pc int
	to label
}

// builder collects instructions.
type builder struct {
	insns  []isa.Insn
	fixups []fixup
	labels []int // instruction by label, -1 until placed
}

func (b *builder) reset() {
	b.insns, b.fixups, b.labels = b.insns[:0], b.fixups[:0], b.labels[:0]
}

func (b *builder) newLabel() label {
	b.labels = append(b.labels, -1)
	return label(len(b.labels) - 1)
}

func (b *builder) place(l label) { b.labels[l] = len(b.insns) }

func (b *builder) emit(op isa.Op, dst, src isa.Reg, off int16, imm int64) {
	b.insns = append(b.insns, isa.New(op, dst, src, off, imm))
}

func (b *builder) lddw(op isa.Op, dst isa.Reg, imm int64) {
	two := isa.LoadImm64(op, dst, imm)
	b.insns = append(b.insns, two[0], two[1])
}

// jump emits any instruction whose target is a label: jumps, local calls, function references.
func (b *builder) jump(op isa.Op, dst, src isa.Reg, imm int64, to label) {
	b.fixups = append(b.fixups, fixup{len(b.insns), to})
	if op == isa.OpLddwFunc {
		b.lddw(op, dst, 0)
		return
	}
	b.emit(op, dst, src, 0, imm)
}

// used reports whether anything jumps to a label.
func (b *builder) used(l label) bool {
	for _, f := range b.fixups {
		if f.to == l {
			return true
		}
	}
	return false
}

// finish resolves the labels. A label that was never placed stands for the end.
func (b *builder) finish() {
	for _, f := range b.fixups {
		at := b.labels[f.to]
		if at < 0 {
			at = len(b.insns)
		}
		setTarget(b.insns, f.pc, at)
	}
}

// setTarget makes the instruction at pc refer to instruction at.
func setTarget(insns []isa.Insn, pc, at int) {
	in := &insns[pc]
	d := at - pc - 1
	switch in.Op {
	case isa.OpJa32, isa.OpCallLocal:
		in.Imm = int64(int32(d))
	case isa.OpLddwFunc:
		in.Imm = int64(uint32(d))
	default:
		in.Off = int16(d)
	}
}

// Rows of the opcode table by what they do.
var (
	aluImm, aluReg     [2]map[isa.AluOp]isa.Op // by width: 0 for 32 bits, 1 for 64
	condImm, condReg   [2]map[isa.CondOp]isa.Op
	loads, loadsSX     = map[int]isa.Op{}, map[int]isa.Op{} // by size in bytes
	stores, storesImm  = map[int]isa.Op{}, map[int]isa.Op{}
	loadsAcq, storeRel = map[int]isa.Op{}, map[int]isa.Op{}
	movsx              [2][]isa.Op
	swaps              []isa.Op
	atomics            = map[int][]isa.Op{}
	aluOps             []isa.AluOp
	condOps            []isa.CondOp
)

func init() {
	for w := range 2 {
		aluImm[w], aluReg[w] = map[isa.AluOp]isa.Op{}, map[isa.AluOp]isa.Op{}
		condImm[w], condReg[w] = map[isa.CondOp]isa.Op{}, map[isa.CondOp]isa.Op{}
	}
	for op := range isa.Ops() {
		r := op.Info()
		w := 0
		if r.Width == 64 {
			w = 1
		}
		size := int(r.Size)
		switch r.Kind {
		case isa.KindALU, isa.KindMov:
			if r.SrcUse == isa.UseOperand {
				aluReg[w][r.AluOp] = op
			} else {
				aluImm[w][r.AluOp] = op
				if w == 1 && r.AluOp != isa.AluMov && r.AluOp != isa.AluNeg {
					aluOps = append(aluOps, r.AluOp)
				}
			}
		case isa.KindMovSX:
			movsx[w] = append(movsx[w], op)
		case isa.KindEnd:
			swaps = append(swaps, op)
		case isa.KindCond:
			if r.SrcUse == isa.UseOperand {
				condReg[w][r.CondOp] = op
			} else {
				condImm[w][r.CondOp] = op
				if w == 1 {
					condOps = append(condOps, r.CondOp)
				}
			}
		case isa.KindLoad:
			loads[size] = op
		case isa.KindLoadSX:
			loadsSX[size] = op
		case isa.KindStore:
			stores[size] = op
		case isa.KindStoreImm:
			storesImm[size] = op
		case isa.KindLoadAcquire:
			loadsAcq[size] = op
		case isa.KindStoreRelease:
			storeRel[size] = op
		case isa.KindAtomic:
			atomics[size] = append(atomics[size], op)
		}
	}
}
