package scalar

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gbpf/gbpf/isa"
)

// A program is a row of blocks: two registers with unknown values, shaped by
// operations with constants, then an operation or a comparison of the two. Concrete
// values go along, so that the way through is always possible; the other edge of each
// comparison ends the program at once, in a place of its own.
type generator struct {
	prog  []isa.Insn
	named map[int]string // instruction number: step
	edges map[int]int    // instruction number of the stub: the comparison
	value [8]uint64
	rng   *rand.Rand
}

const regA, regB = isa.Reg(6), isa.Reg(7)

type opKey struct {
	kind  isa.Kind
	op    isa.AluOp
	cond  isa.CondOp
	width uint8
	from  uint8
	imm   bool
}

var opTable = func() map[opKey]isa.Op {
	m := map[opKey]isa.Op{}
	for op := range isa.Ops() {
		i := isa.New(op, 0, 0, 0, 0).Info()
		k := opKey{i.Kind, i.AluOp, i.CondOp, i.Width, i.FromWidth, i.UsesImm}
		if _, ok := m[k]; !ok {
			m[k] = op
		}
	}
	return m
}()

func (g *generator) emit(k opKey, name string, dst, src isa.Reg, off int16, imm int64) {
	op, ok := opTable[k]
	if !ok {
		panic(fmt.Sprintf("no instruction %+v", k))
	}
	if name != "" {
		g.named[len(g.prog)] = name
	}
	g.prog = append(g.prog, isa.New(op, dst, src, off, imm))
}

func generate(rng *rand.Rand, blocks int) *generator {
	g := &generator{named: map[int]string{}, edges: map[int]int{}, rng: rng}
	for range blocks {
		for _, r := range []isa.Reg{regA, regB} {
			g.prog = append(g.prog, isa.New(isa.OpCallHelper, 0, 0, 0, 7))
			g.emit(opKey{kind: isa.KindMov, op: isa.AluMov, width: 64}, "", r, 0, 0, 0)
			g.value[r] = interesting(rng)
			for range rng.IntN(5) {
				g.shape(r)
			}
		}
		width := uint8(32 << rng.IntN(2))
		if rng.IntN(2) == 0 {
			g.alu(aluOps[rng.IntN(len(aluOps))], width, false, regA, 0)
		} else {
			g.jump(condOps[rng.IntN(len(condOps))], width, false, regA, 0)
		}
	}
	g.prog = append(g.prog, isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
	// The stubs, now that their place is known.
	var at []int
	for pc := range g.prog {
		if g.prog[pc].IsCond() {
			at = append(at, pc)
		}
	}
	for _, pc := range at {
		stub := len(g.prog)
		g.edges[stub] = pc
		i := &g.prog[pc]
		*i = isa.New(i.Op, i.Dst, i.Src, int16(stub-pc-1), i.Imm)
		g.prog = append(g.prog, isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
	}
	return g
}

// interesting makes numbers of all sizes, close to powers of two and 0 on either side.
func interesting(rng *rand.Rand) uint64 {
	v := rng.Uint64() >> rng.UintN(64)
	if rng.IntN(2) == 0 {
		v = uint64(1)<<rng.UintN(64) + uint64(rng.IntN(7)) - 3
	}
	if rng.IntN(3) == 0 {
		v = -v
	}
	return v
}

// shape confines or changes a register by a constant.
func (g *generator) shape(r isa.Reg) {
	width := uint8(32 << g.rng.IntN(2))
	imm := int64(int32(interesting(g.rng)))
	switch g.rng.IntN(11) {
	case 0, 1, 2, 3, 4:
		// Comparisons with something close to the value.
		if g.rng.IntN(2) == 0 {
			imm = int64(int32(g.value[r])) + int64(g.rng.IntN(9)) - 4
			imm = int64(int32(imm))
		}
		g.jump(condOps[g.rng.IntN(len(condOps))], width, true, r, imm)
	case 5:
		g.emit(opKey{kind: isa.KindMov, op: isa.AluMov, width: 32}, "mov32", r, r, 0, 0)
		g.value[r] = uint64(uint32(g.value[r]))
	case 6:
		from := []uint8{8, 16, 32}[g.rng.IntN(3)]
		if from == 32 {
			width = 64
		}
		name := fmt.Sprintf("movsx%dto%d", from, width)
		g.emit(opKey{kind: isa.KindMovSX, op: isa.AluMovsx, width: width, from: from}, name, r, r, 0, 0)
		for _, u := range unaries {
			if u.name == name {
				g.value[r] = u.concrete(g.value[r])
			}
		}
	case 7:
		u := []string{"le16", "le64", "be16", "be32", "bswap64"}[g.rng.IntN(5)]
		i := slices.IndexFunc(unaries, func(v unary) bool { return v.name == u })
		bits := map[byte]uint8{'6': 16, '2': 32, '4': 64}[u[len(u)-1]]
		op := map[byte]isa.AluOp{'l': isa.AluLe, 'b': isa.AluBe}[u[0]]
		if u == "bswap64" {
			op = isa.AluBswap
		}
		g.emit(opKey{kind: isa.KindEnd, op: op, width: bits}, u, r, 0, 0, 0)
		g.value[r] = unaries[i].concrete(g.value[r])
	default:
		g.alu(aluOps[g.rng.IntN(len(aluOps))], width, true, r, imm)
	}
}

// alu emits dst op= imm or dst op= regB.
func (g *generator) alu(op isa.AluOp, width uint8, byImm bool, dst isa.Reg, imm int64) {
	k := opKey{isa.KindALU, op, 0, width, 0, byImm}
	y := uint64(imm)
	switch op {
	case isa.AluMov:
		k.kind = isa.KindMov
		if !byImm && width == 64 {
			return // links the two
		}
	case isa.AluNeg:
		k.imm, imm = false, 0
	case isa.AluLsh, isa.AluRsh, isa.AluArsh:
		if byImm {
			imm = int64(g.rng.IntN(int(width))) // the kernel refuses others
			y = uint64(imm)
		}
	case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod:
		if byImm && imm == 0 {
			imm, y = 3, 3
		}
	}
	src := isa.Reg(0)
	if !byImm {
		src, y = regB, g.value[regB]
		if op == isa.AluNeg {
			src = 0
		}
	}
	g.emit(k, fmt.Sprint(op, width), dst, src, 0, imm)
	g.value[dst] = concreteALU(op, width, g.value[dst], y)
}

// jump emits a comparison that falls through for the values at hand.
func (g *generator) jump(op isa.CondOp, width uint8, byImm bool, dst isa.Reg, imm int64) {
	y, src := uint64(imm), isa.Reg(0)
	if !byImm {
		y, src = g.value[regB], regB
	}
	for concreteCond(op, width, g.value[dst], y) {
		op = condOps[g.rng.IntN(len(condOps))]
	}
	g.emit(opKey{isa.KindCond, 0, op, width, 0, byImm}, fmt.Sprint(op, width), dst, src, 0, imm)
}
