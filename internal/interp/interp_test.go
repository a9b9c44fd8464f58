package interp

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// rig is a window with one slot and the means to run programs in it.
type rig struct {
	t     testing.TB
	mem   *guest.Memory
	table *maps.Table
	st    *State
	set   *helpers.Set
	lie   bool   // helpers return what they do not
	lies  uint64 // how often one was asked
}

func newRig(t testing.TB) *rig {
	t.Helper()
	mem, err := guest.NewMemory(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	slot, err := mem.NewSlot(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	table := maps.NewTable()
	env := helpers.NewEnv()
	return &rig{t: t, mem: mem, table: table, st: NewState(mem, slot, table, env), set: helpers.NewSet()}
}

func (g *rig) program(insns []isa.Insn) *Program {
	g.t.Helper()
	p, err := New(Source{
		Name:  "test",
		Type:  progtype.ByName("raw"),
		GPL:   true,
		Insns: insns,
		Const: func(pc int) (uint64, error) {
			if insns[pc].Op == isa.OpLddwFunc {
				return FuncRef(insns[pc].Target(pc)), nil
			}
			return uint64(insns[pc].Imm), nil
		},
		Helper: func(pc int) (*helpers.Helper, error) {
			if h := g.set.ByID(int32(insns[pc].Imm)); h != nil {
				return h, nil
			}
			return nil, errors.New("no such helper")
		},
		ByID: func(id uint64) *helpers.Helper { return g.set.ByID(int32(id)) },
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return p
}

// run runs p on data in the given mode, fast mode included, which is not to be had without a proof otherwise.
func (g *rig) run(p *Program, mode Mode, fuel uint64, data []byte) (Result, *trap.Trap) {
	g.t.Helper()
	p.proven = true
	b := &g.st.Bctx
	b.Reset(p.Type())
	if err := p.Type().Setup(b, &progtype.Input{Data: data}); err != nil {
		g.t.Fatal(err)
	}
	r1, r2 := b.Entry()
	return g.st.Run(context.Background(), p, mode, fuel, r1, r2)
}

var modes = map[string]Mode{"fast": {}, "checked": {Checked: true}, "uninit": {Checked: true, Uninit: true}}

// want runs insns in every mode and compares R0.
func (g *rig) want(name string, insns []isa.Insn, data []byte, r0 uint64) {
	g.t.Helper()
	p := g.program(insns)
	for mode, m := range modes {
		res, tr := g.run(p, m, 1<<20, data)
		if tr != nil {
			g.t.Errorf("%s: %s: %v", name, mode, tr)
		} else if res.R0 != r0 {
			g.t.Errorf("%s: %s: r0 = %#x, want %#x", name, mode, res.R0, r0)
		}
	}
}

// trapped runs insns in checked mode and compares the trap.
func (g *rig) trapped(name string, insns []isa.Insn, data []byte, code trap.Code, insn int) *trap.Trap {
	g.t.Helper()
	_, tr := g.run(g.program(insns), Mode{Checked: true, Uninit: true}, 1<<20, data)
	if tr == nil {
		g.t.Errorf("%s: no trap, want %s", name, code)
		return nil
	}
	if tr.Code != code || tr.Insn != insn {
		g.t.Errorf("%s: %v, want %s at insn %d", name, tr, code, insn)
	}
	return tr
}

func lddw(dst isa.Reg, v uint64) []isa.Insn {
	two := isa.LoadImm64(isa.OpLddw, dst, int64(v))
	return two[:]
}

func seq(parts ...[]isa.Insn) []isa.Insn {
	var all []isa.Insn
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func one(op isa.Op, dst, src isa.Reg, off int16, imm int64) []isa.Insn {
	return []isa.Insn{isa.New(op, dst, src, off, imm)}
}

var exit = one(isa.OpExit, 0, 0, 0, 0)

var boundary = []uint64{
	0, 1, 2, 7, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000,
	math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 32, 1<<32 + 1, math.MaxInt64, 1 << 63, 1<<63 + 1,
	math.MaxUint64, math.MaxUint64 - 1, 0x123456789abcdef0, 0xfedcba9876543210, 0x80000000ffffffff, 0xffffffff80000000,
}

// TestALU runs every arithmetic row on all pairs of boundary values against a model
// written from RFC 9669 section 4, in 128-bit-free terms of its own.
func TestALU(t *testing.T) {
	g := newRig(t)
	rows := 0
	for op := isa.Op(1); int(op) < isa.NumOps; op++ {
		info := op.Info()
		switch info.Kind {
		case isa.KindALU, isa.KindMov, isa.KindMovSX, isa.KindEnd:
		default:
			continue
		}
		rows++
		for _, a := range boundary {
			for _, b := range boundary {
				reg, imm := isa.R2, int64(0)
				if info.UsesImm {
					reg, imm = 0, int64(int32(b))
				}
				if info.SrcUse != isa.UseOperand {
					reg = 0
				}
				operand := b
				if info.UsesImm {
					operand = uint64(imm)
				}
				g.want(op.String(), seq(lddw(1, a), lddw(2, b), one(op, 1, reg, 0, imm),
					one(isa.OpMov64Reg, 0, 1, 0, 0), exit), nil, model(info, a, operand))
				if t.Failed() {
					t.Fatalf("%s with dst %#x, operand %#x", op, a, operand)
				}
			}
		}
	}
	t.Logf("%d rows, %d pairs each", rows, len(boundary)*len(boundary))
	if rows < 60 {
		t.Errorf("only %d arithmetic rows: the table has lost some", rows)
	}
}

// model computes what an arithmetic instruction leaves in dst.
func model(i *isa.Info, a, b uint64) uint64 {
	sign := func(v uint64, bits uint8) int64 { return int64(v<<(64-bits)) >> (64 - bits) }
	if i.Kind == isa.KindMovSX {
		v := uint64(sign(b, i.FromWidth))
		if i.Width == 32 {
			v &= math.MaxUint32
		}
		return v
	}
	if i.Kind == isa.KindEnd {
		v := a
		if i.AluOp != isa.AluLe {
			v = 0
			for k := uint8(0); k < i.Width; k += 8 {
				v = v<<8 | a>>k&0xff
			}
		}
		if i.Width < 64 {
			v &= 1<<i.Width - 1
		}
		return v
	}
	w := i.Width
	if w == 32 {
		a, b = a&math.MaxUint32, b&math.MaxUint32
	}
	var v uint64
	switch i.AluOp {
	case isa.AluAdd:
		v = a + b
	case isa.AluSub:
		v = a - b
	case isa.AluMul:
		v = a * b
	case isa.AluOr:
		v = a | b
	case isa.AluAnd:
		v = a & b
	case isa.AluXor:
		v = a ^ b
	case isa.AluMov:
		v = b
	case isa.AluNeg:
		v = 0 - a
	case isa.AluLsh:
		v = a << (b % uint64(w))
	case isa.AluRsh:
		v = a >> (b % uint64(w))
	case isa.AluArsh:
		v = uint64(sign(a, w) >> (b % uint64(w)))
	case isa.AluDiv:
		if b != 0 {
			v = a / b
		}
	case isa.AluMod:
		v = a
		if b != 0 {
			v = a % b
		}
	case isa.AluSdiv:
		if x, y := sign(a, w), sign(b, w); y == -1 {
			v = uint64(-x)
		} else if y != 0 {
			v = uint64(x / y)
		}
	case isa.AluSmod:
		v = a
		if x, y := sign(a, w), sign(b, w); y == -1 {
			v = 0
		} else if y != 0 {
			v = uint64(x % y)
		}
	}
	if w == 32 {
		v &= math.MaxUint32
	}
	return v
}

// TestCond runs every conditional jump on all pairs of boundary values.
func TestCond(t *testing.T) {
	g := newRig(t)
	rows := 0
	for op := isa.Op(1); int(op) < isa.NumOps; op++ {
		info := op.Info()
		if info.Kind != isa.KindCond {
			continue
		}
		rows++
		for _, a := range boundary {
			for _, b := range boundary {
				reg, imm, operand := isa.R2, int64(0), b
				if info.UsesImm {
					reg, imm = 0, int64(int32(b))
					operand = uint64(imm)
				}
				want := uint64(0)
				if holds(info, a, operand) {
					want = 1
				}
				g.want(op.String(), seq(lddw(1, a), lddw(2, b), one(isa.OpMov64Imm, 0, 0, 0, 1), one(op, 1, reg, 1, imm),
					one(isa.OpMov64Imm, 0, 0, 0, 0), exit), nil, want)
				if t.Failed() {
					t.Fatalf("%s with dst %#x, operand %#x", op, a, operand)
				}
			}
		}
	}
	if rows != 44 {
		t.Errorf("%d conditional rows, want 44", rows)
	}
}

func holds(i *isa.Info, a, b uint64) bool {
	x, y := int64(a), int64(b)
	if i.Width == 32 {
		a, b = uint64(uint32(a)), uint64(uint32(b))
		x, y = int64(int32(a)), int64(int32(b))
	}
	switch i.CondOp {
	case isa.CondEq:
		return a == b
	case isa.CondNe:
		return a != b
	case isa.CondGt:
		return a > b
	case isa.CondGe:
		return a >= b
	case isa.CondLt:
		return a < b
	case isa.CondLe:
		return a <= b
	case isa.CondSet:
		return a&b != 0
	case isa.CondSgt:
		return x > y
	case isa.CondSge:
		return x >= y
	case isa.CondSlt:
		return x < y
	}
	return x <= y
}

// TestEveryRowRuns makes sure that no row of the table falls through the loop.
func TestEveryRowRuns(t *testing.T) {
	g := newRig(t)
	for op := isa.Op(1); int(op) < isa.NumOps; op++ {
		switch op {
		case isa.OpLddwHi, isa.OpCallKfunc, isa.OpCallHelper:
			continue // have tests of their own
		}
		insns := seq(one(isa.OpMov64Reg, 6, 1, 0, 0), one(isa.OpMov64Imm, 0, 0, 0, 0))
		in := isa.New(op, 1, 6, 0, 0)
		switch in.Info().Kind {
		case isa.KindLoadImm64:
			two := isa.LoadImm64(op, 1, 0)
			insns = append(insns, two[:]...)
		default:
			insns = append(insns, in)
		}
		insns = append(insns, exit...)
		_, tr := g.run(g.program(insns), Mode{Checked: true}, 1000, make([]byte, 64))
		if tr != nil && tr.Code == trap.BadInsn {
			t.Errorf("%s: %v", op, tr)
		}
	}
}

func TestMemory(t *testing.T) {
	g := newRig(t)
	data := []byte{0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8, 9, 10, 11, 12, 13, 14, 15, 16}
	for _, c := range []struct {
		op   isa.Op
		off  int16
		want uint64
	}{
		{isa.OpLdxB, 0, 0x81}, {isa.OpLdxH, 0, 0x9281}, {isa.OpLdxW, 0, 0xb4a39281}, {isa.OpLdxDW, 0, 0xf8e7d6c5b4a39281},
		{isa.OpLdxsB, 0, 0xffffffffffffff81}, {isa.OpLdxsH, 0, 0xffffffffffff9281}, {isa.OpLdxsW, 0, 0xffffffffb4a39281},
		{isa.OpLdxW, 1, 0xc5b4a392}, {isa.OpLdxDW, 3, 0x0b0a09f8e7d6c5b4}, {isa.OpLdxH, 14, 0x100f},
	} {
		g.want(c.op.String(), seq(one(c.op, 0, 1, c.off, 0), exit), data, c.want)
	}
	// Stores of every size leave their neighbours alone.
	for i, op := range []isa.Op{isa.OpStxB, isa.OpStxH, isa.OpStxW, isa.OpStxDW} {
		bits := 8 << i
		want := ^uint64(0)
		if bits < 64 {
			want = 0x1122334455667788&(1<<bits-1) | ^uint64(0)<<bits
		} else {
			want = 0x1122334455667788
		}
		g.want(op.String(), seq(one(isa.OpStDW, 10, 0, -8, -1), lddw(2, 0x1122334455667788),
			one(op, 10, 2, -8, 0), one(isa.OpLdxDW, 0, 10, -8, 0), exit), nil, want)
	}
	g.want("st sign", seq(one(isa.OpStDW, 10, 0, -8, -2), one(isa.OpLdxDW, 0, 10, -8, 0), exit), nil, math.MaxUint64-1)
}

func TestBadAccess(t *testing.T) {
	g := newRig(t)
	data := make([]byte, 16)
	for _, c := range []struct {
		name string
		body []isa.Insn
		code trap.Code
		insn int
	}{
		{"null", seq(one(isa.OpMov64Imm, 1, 0, 0, 0), one(isa.OpLdxB, 0, 1, 0, 0)), trap.BadAccess, 1},
		{"one past", one(isa.OpLdxB, 0, 1, 16, 0), trap.BadAccess, 0},
		{"straddles the end", one(isa.OpLdxDW, 0, 1, 9, 0), trap.BadAccess, 0},
		{"before", one(isa.OpLdxB, 0, 1, -1, 0), trap.BadAccess, 0},
		{"64-bit address", seq(lddw(3, 1<<40), one(isa.OpStxB, 3, 1, 0, 0)), trap.BadAccess, 2},
		{"above the stack", one(isa.OpStxDW, 10, 1, 0, 0), trap.BadAccess, 0},
		{"below the stack", one(isa.OpStxDW, 10, 1, -520, 0), trap.BadAccess, 0},
		{"callee's stack", one(isa.OpStxDW, 10, 1, guest.FrameStride-8, 0), trap.BadAccess, 0},
		{"never written", one(isa.OpLdxDW, 0, 10, -16, 0), trap.Uninit, 0},
		{"half written", seq(one(isa.OpStW, 10, 0, -8, 1), one(isa.OpLdxDW, 0, 10, -8, 0)), trap.Uninit, 1},
		{"misaligned atomic", seq(one(isa.OpStDW, 10, 0, -8, 1), one(isa.OpAtomicAdd32, 10, 1, -7, 0)), trap.Misaligned, 1},
		{"misaligned acquire", seq(one(isa.OpStDW, 10, 0, -8, 1), one(isa.OpLoadAcqW, 0, 10, -6, 0)), trap.Misaligned, 1},
	} {
		g.trapped(c.name, seq(c.body, exit), data, c.code, c.insn)
	}
	// The same in fast mode is confined: no crash, no trap.
	for _, addr := range []uint64{0, 1, guest.NullZone - 1, 1<<32 - 1, 1<<32 - 4, 1 << 40, math.MaxUint64, math.MaxUint64 - 7} {
		for _, op := range []isa.Op{isa.OpStxB, isa.OpStxDW, isa.OpAtomicAdd64, isa.OpAtomicCmpxchg32, isa.OpStoreRelH, isa.OpLoadAcqDW, isa.OpLdxDW, isa.OpLdxsW} {
			insns := seq(lddw(3, addr), one(isa.OpMov64Imm, 0, 0, 0, 0), one(op, 3, 3, 0, 0), exit)
			if _, tr := g.run(g.program(insns), Mode{}, 1000, data); tr != nil {
				t.Errorf("%s at %#x: %v", op, addr, tr)
			}
		}
	}
}

func TestAtomics(t *testing.T) {
	const old, v = 0xf0f0f0f0_12345678, 0x0ff00ff0_11111111
	results := map[isa.AtomicOp]func(o, v uint64) uint64{
		isa.AtomicAdd:  func(o, v uint64) uint64 { return o + v },
		isa.AtomicOr:   func(o, v uint64) uint64 { return o | v },
		isa.AtomicAnd:  func(o, v uint64) uint64 { return o & v },
		isa.AtomicXor:  func(o, v uint64) uint64 { return o ^ v },
		isa.AtomicXchg: func(o, v uint64) uint64 { return v },
	}
	g := newRig(t)
	setup := seq(lddw(1, old), lddw(2, v), one(isa.OpStxDW, 10, 1, -8, 0))
	rows := 0
	for op := isa.Op(1); int(op) < isa.NumOps; op++ {
		info := op.Info()
		if info.Kind != isa.KindAtomic || info.AtomicOp == isa.AtomicCmpxchg {
			continue
		}
		rows++
		f := results[info.AtomicOp]
		mem, was := f(old, v), uint64(old)
		if info.Size == 4 {
			mem, was = old&^math.MaxUint32|f(old&math.MaxUint32, v&math.MaxUint32)&math.MaxUint32, old&math.MaxUint32
		}
		g.want(op.String()+" memory", seq(setup, one(op, 10, 2, -8, 0), one(isa.OpLdxDW, 0, 10, -8, 0), exit), nil, mem)
		back := uint64(v)
		if info.Fetch {
			back = was
		}
		g.want(op.String()+" src", seq(setup, one(op, 10, 2, -8, 0), one(isa.OpMov64Reg, 0, 2, 0, 0), exit), nil, back)
	}
	if rows != 18 {
		t.Errorf("%d rows, want 18", rows)
	}
	for _, c := range []struct {
		op           isa.Op
		expect       uint64
		r0, mem      uint64
		name         string
		unusedSpacer struct{}
	}{
		{op: isa.OpAtomicCmpxchg64, expect: old, r0: old, mem: v, name: "equal"},
		{op: isa.OpAtomicCmpxchg64, expect: old + 1, r0: old, mem: old, name: "differs"},
		{op: isa.OpAtomicCmpxchg32, expect: old, r0: old & math.MaxUint32, mem: old&^math.MaxUint32 | v&math.MaxUint32, name: "equal 32"},
		{op: isa.OpAtomicCmpxchg32, expect: 1, r0: old & math.MaxUint32, mem: old, name: "differs 32"},
	} {
		g.want("cmpxchg r0 "+c.name, seq(setup, lddw(0, c.expect), one(c.op, 10, 2, -8, 0), exit), nil, c.r0)
		g.want("cmpxchg memory "+c.name, seq(setup, lddw(0, c.expect), one(c.op, 10, 2, -8, 0), one(isa.OpLdxDW, 0, 10, -8, 0), exit), nil, c.mem)
	}
	for i, op := range []isa.Op{isa.OpLoadAcqB, isa.OpLoadAcqH, isa.OpLoadAcqW, isa.OpLoadAcqDW} {
		n := 1 << i
		for off := 0; off < 8; off += n {
			want := uint64(old) >> (8 * off)
			if n < 8 {
				want &= 1<<(8*n) - 1
			}
			g.want(op.String(), seq(setup, one(op, 0, 10, int16(off-8), 0), exit), nil, want)
		}
	}
	for i, op := range []isa.Op{isa.OpStoreRelB, isa.OpStoreRelH, isa.OpStoreRelW, isa.OpStoreRelDW} {
		n := 1 << i
		for off := 0; off < 8; off += n {
			bits := ^uint64(0)
			if n < 8 {
				bits = (1<<(8*n) - 1) << (8 * off)
			}
			want := uint64(old)&^bits | uint64(v)<<(8*off)&bits
			g.want(op.String(), seq(setup, one(op, 10, 2, int16(off-8), 0), one(isa.OpLdxDW, 0, 10, -8, 0), exit), nil, want)
		}
	}
}

// nest makes a chain of n nested functions that adds one each.
func nest(n int) []isa.Insn {
	var all []isa.Insn
	for i := 0; i < n-1; i++ {
		all = append(all, isa.New(isa.OpCallLocal, 0, isa.Reg(isa.PseudoCall), 0, 2))
		all = append(all, isa.New(isa.OpAdd64Imm, 0, 0, 0, 1), isa.New(isa.OpExit, 0, 0, 0, 0))
	}
	return append(all, isa.New(isa.OpMov64Imm, 0, 0, 0, 1), isa.New(isa.OpExit, 0, 0, 0, 0))
}

func TestCalls(t *testing.T) {
	g := newRig(t)
	g.want("8 nested", nest(8), nil, 8)
	g.trapped("9 nested", nest(9), nil, trap.CallDepth, 21)
	// R6 to R9 and R10 survive a call, and the callee has a stack of its own.
	g.want("saved registers", seq(
		one(isa.OpMov64Imm, 6, 0, 0, 6), one(isa.OpMov64Imm, 9, 0, 0, 9), one(isa.OpStDW, 10, 0, -8, 5),
		one(isa.OpCallLocal, 0, isa.Reg(isa.PseudoCall), 0, 5),
		one(isa.OpLdxDW, 0, 10, -8, 0), one(isa.OpAdd64Reg, 0, 6, 0, 0), one(isa.OpAdd64Reg, 0, 9, 0, 0), exit, exit,
		one(isa.OpMov64Imm, 6, 0, 0, 0), one(isa.OpMov64Imm, 9, 0, 0, 0), one(isa.OpStDW, 10, 0, -8, 1), one(isa.OpMov64Imm, 0, 0, 0, 0), exit), nil, 20)
	// Recursion ends at the depth limit.
	g.trapped("recursion", seq(one(isa.OpCallLocal, 0, isa.Reg(isa.PseudoCall), 0, -1), exit), nil, trap.CallDepth, 0)
	// callx goes to functions and to helpers.
	fn := isa.LoadImm64(isa.OpLddwFunc, 3, 3)
	g.want("callx function", seq(fn[:], one(isa.OpCallReg, 3, 0, 0, 0), exit, one(isa.OpMov64Imm, 0, 0, 0, 77), exit), nil, 77)
	g.trapped("callx nothing", seq(lddw(3, 1<<40), one(isa.OpCallReg, 3, 0, 0, 0), exit), nil, trap.BadHelper, 2)
}

func TestHelperCalls(t *testing.T) {
	g := newRig(t)
	if err := g.set.Add(helpers.Helper{
		Proto: &proto.Proto{ID: 9000, Name: "sum"},
		Func:  func(c *helpers.Call) uint64 { return c.Args[0] + c.Args[1] + c.Args[4] },
	}); err != nil {
		t.Fatal(err)
	}
	if err := g.set.Add(helpers.Helper{
		Proto: &proto.Proto{ID: 9001, Name: "fails"},
		Func:  func(c *helpers.Call) uint64 { return c.Trap(trap.HelperFault, "on purpose") },
	}); err != nil {
		t.Fatal(err)
	}
	g.want("sum", seq(one(isa.OpMov64Imm, 1, 0, 0, 1), one(isa.OpMov64Imm, 2, 0, 0, 20), one(isa.OpMov64Imm, 5, 0, 0, 300),
		one(isa.OpCallHelper, 0, 0, 0, 9000), exit), nil, 321)
	g.want("callx", seq(one(isa.OpMov64Imm, 1, 0, 0, 1), one(isa.OpMov64Imm, 2, 0, 0, 20), one(isa.OpMov64Imm, 5, 0, 0, 300),
		one(isa.OpMov64Imm, 7, 0, 0, 9000), one(isa.OpCallReg, 7, 0, 0, 0), exit), nil, 321)
	g.trapped("trap", seq(one(isa.OpCallHelper, 0, 0, 0, 9001), exit), nil, trap.HelperFault, 0)
}

// TestLoopHelper runs bpf_loop with a callback of the program.
func TestLoopHelper(t *testing.T) {
	g := newRig(t)
	loop := func(n int64) []isa.Insn {
		fn := isa.LoadImm64(isa.OpLddwFunc, 2, 8)
		return seq(
			one(isa.OpStDW, 10, 0, -8, 0), one(isa.OpMov64Imm, 1, 0, 0, n), fn[:],
			one(isa.OpMov64Reg, 3, 10, 0, 0), one(isa.OpAdd64Imm, 3, 0, 0, -8), one(isa.OpMov64Imm, 4, 0, 0, 0),
			one(isa.OpCallHelper, 0, 0, 0, 181), one(isa.OpLdxDW, 6, 10, -8, 0), one(isa.OpMov64Reg, 0, 6, 0, 0), exit,
			// callback(index, ctx): *ctx += index
			one(isa.OpLdxDW, 3, 2, 0, 0), one(isa.OpAdd64Reg, 3, 1, 0, 0), one(isa.OpStxDW, 2, 3, 0, 0), one(isa.OpMov64Imm, 0, 0, 0, 0), exit)
	}
	g.want("sum of 0..99", loop(100), nil, 4950)
	g.trapped("fuel", loop(1<<23), nil, trap.Fuel, 7)
}

func TestFuel(t *testing.T) {
	g := newRig(t)
	// Two instructions that go round 1,000 times; with a constant as the limit, the loop counts and takes no fuel.
	count := seq(one(isa.OpMov64Imm, 0, 0, 0, 0), one(isa.OpMov64Imm, 3, 0, 0, 1000), one(isa.OpAdd64Imm, 0, 0, 0, 1), one(isa.OpJltReg, 0, 3, -2, 0), exit)
	p := g.program(count)
	for name, m := range modes {
		res, tr := g.run(p, m, 1998, nil)
		if tr != nil || res.Fuel != 1998 || res.R0 != 1000 {
			t.Errorf("%s: %+v, %v: want 999 jumps back of 2 instructions", name, res, tr)
		}
		res, tr = g.run(p, m, 1997, nil)
		if tr == nil || tr.Code != trap.Fuel || tr.Insn != 2 || res.Fuel != 1997 {
			t.Errorf("%s: %+v, %v: want to be out of fuel at insn 2, where the turn begins", name, res, tr)
		}
		if res, _ := g.run(p, m, 1<<20, nil); res.Insns != 2003 {
			t.Errorf("%s: %d instructions counted, want 2003", name, res.Insns)
		}
	}
	forever := g.program(seq(one(isa.OpJa, 0, 0, -1, 0), exit))
	if _, tr := g.run(forever, Mode{}, 1<<24, nil); tr == nil || tr.Code != trap.Fuel {
		t.Errorf("endless loop: %v", tr)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	g.st.Bctx.Reset(forever.Type())
	_, tr := g.st.Run(ctx, forever, Mode{}, math.MaxUint64, 0, 0)
	if tr == nil || tr.Code != trap.Cancelled || !errors.Is(tr, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", tr)
	}
	// may_goto gives up after its budget.
	g.want("may_goto", seq(one(isa.OpMov64Imm, 0, 0, 0, 3), one(isa.OpMayGoto, 0, 0, 1, 0), exit, exit), nil, 3)
}

func TestBadJumps(t *testing.T) {
	g := newRig(t)
	g.trapped("off the end", one(isa.OpMov64Imm, 0, 0, 0, 0), nil, trap.BadJump, 0)
	g.trapped("far", seq(one(isa.OpJa, 0, 0, 100, 0), exit), nil, trap.BadJump, 1)
	g.trapped("before", seq(one(isa.OpJa, 0, 0, -100, 0), exit), nil, trap.BadJump, 1)
	g.trapped("middle of lddw", seq(one(isa.OpJa, 0, 0, 1, 0), lddw(0, 1), exit), nil, trap.BadInsn, 2)
}

// TestPacketLoad covers the legacy loads on a raw program's memory.
func TestPacketLoad(t *testing.T) {
	g := newRig(t)
	data := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	g.want("abs b", seq(one(isa.OpLdAbsB, 0, 0, 0, 2), exit), data, 3)
	g.want("abs h", seq(one(isa.OpLdAbsH, 0, 0, 0, 2), exit), data, 0x0304)
	g.want("abs w", seq(one(isa.OpLdAbsW, 0, 0, 0, 4), exit), data, 0x05060708)
	g.want("ind w", seq(one(isa.OpMov64Imm, 2, 0, 0, 3), one(isa.OpLdIndW, 0, 2, 0, 1), exit), data, 0x05060708)
	g.want("beyond", seq(one(isa.OpMov64Imm, 0, 0, 0, 9), one(isa.OpLdAbsW, 0, 0, 0, 5), one(isa.OpMov64Imm, 0, 0, 0, 9), exit), data, 0)
}

// TestUninitAtomic holds that an atomic operation reads before it writes.
func TestUninitAtomic(t *testing.T) {
	g := newRig(t)
	for _, op := range []string{"lock *(u64 *)(r10 -8) += r2", "r2 = atomic64_xchg((u64 *)(r10 -8), r2)", "r2 = atomic_fetch_or((u32 *)(r10 -8), r2)"} {
		g.trapped(op, asm.Must("r2 = 1; "+op+"; r0 = 0; exit"), nil, trap.Uninit, 1)
		g.want(op, asm.Must("r2 = 1; *(u64 *)(r10 -8) = 0; "+op+"; r0 = 0; exit"), nil, 0)
	}
}
