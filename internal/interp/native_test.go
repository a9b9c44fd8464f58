package interp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/cpu"
	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// twin is two windows with the same history: one for the interpreter, one for machine code.
type twin struct {
	t    testing.TB
	a, b *rig
	cfg  jit.Config
	ran  int
	// after, if not nil, is told of each pair of programs that has run.
	after func(a, b *Program)
}

func newTwin(t testing.TB) *twin {
	t.Helper()
	if jit.Arch == "" {
		t.Skip("no machine code is made for this architecture")
	}
	if err := execmem.Probe(); err != nil {
		t.Skipf("no executable memory here: %v", err)
	}
	tw := &twin{t: t, a: smallRig(t), b: smallRig(t)}
	tw.cfg.Mask, tw.cfg.Base = tw.b.mem.Mask(), uint64(uintptr(tw.b.mem.Base()))
	return tw
}

// smallRig is a rig with the smallest window, so that wild accesses meet.
func smallRig(t testing.TB) *rig {
	mem, err := guest.NewMemory(guest.MinLimit)
	if err != nil {
		t.Fatal(err)
	}
	return rigIn(t, mem)
}

func rigIn(t testing.TB, mem *guest.Memory) *rig {
	t.Cleanup(func() { mem.Close() })
	slot, err := mem.NewSlot(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, mem: mem, table: maps.NewTable(), set: helpers.NewSet()}
	var clock uint64
	env := &helpers.Env{
		Clock: func() uint64 { clock += 1000; return clock }, TAIClock: func() uint64 { clock += 1000; return clock },
		Rand: func() uint32 { clock += 12345; return uint32(clock * 2654435761) },
	}
	g.st = NewState(mem, slot, g.table, env)
	return g
}

// proved makes the program of insns with a proof of its structure, nil when it has none.
func (g *rig) proved(insns []isa.Insn) (*Program, error) {
	return g.verified(insns, verifier.PolicySandboxed)
}

func (g *rig) verified(insns []isa.Insn, policy verifier.Policy) (*Program, error) {
	typ := progtype.ByName("raw")
	proof, err := verifier.Verify(&verifier.Spec{Name: "test", Type: typ, GPL: true, Insns: insns}, verifier.Options{Policy: policy})
	if err != nil {
		return nil, err
	}
	p, err := New(Source{
		Name: "test", Type: typ, GPL: true, Proof: proof, Maps: g.table,
		Const: func(pc int) (uint64, error) {
			if insns[pc].Op == isa.OpLddwFunc {
				return FuncRef(insns[pc].Target(pc)), nil
			}
			return uint64(insns[pc].Imm), nil
		},
		Helper: func(pc int) (*helpers.Helper, error) {
			if h := g.set.ByID(int32(insns[pc].Imm)); h != nil {
				return g.lying(h), nil
			}
			return nil, errors.New("no such helper")
		},
		ByID: func(id uint64) *helpers.Helper { return g.lying(g.set.ByID(int32(id))) },
	})
	if err != nil {
		return nil, err
	}
	p.proven = true
	return p, nil
}

// compare runs insns in both engines and reports whether the structure was accepted.
func (tw *twin) compare(name string, insns []isa.Insn, data []byte, fuel uint64) bool {
	tw.t.Helper()
	pa, err := tw.a.proved(insns)
	if err != nil {
		return false
	}
	pb, err := tw.b.proved(insns)
	if err != nil {
		tw.t.Fatal(err)
	}
	if err := pb.Compile(tw.cfg); err != nil {
		if strings.HasSuffix(err.Error(), "r10, the frame pointer, is written") {
			return false
		}
		tw.t.Fatalf("%s: %v\n%s", name, err, listing(insns))
	}
	ra, ta := tw.enter(tw.a, pa, Mode{}, fuel, data)
	rb, tb := tw.enter(tw.b, pb, Mode{Native: true}, fuel, data)
	tw.ran++
	switch {
	case (ta == nil) != (tb == nil) || ta != nil && (ta.Code != tb.Code || ta.Insn != tb.Insn || ta.Addr != tb.Addr || ta.Detail != tb.Detail):
		tw.t.Fatalf("%s: trap %v in the interpreter, %v in machine code\n%s", name, ta, tb, listing(insns))
	case ra.R0 != rb.R0:
		tw.t.Fatalf("%s: r0 = %#x in the interpreter, %#x in machine code\n%s", name, ra.R0, rb.R0, listing(insns))
	case ra.Fuel != rb.Fuel:
		tw.t.Fatalf("%s: fuel %d in the interpreter, %d in machine code\n%s", name, ra.Fuel, rb.Fuel, listing(insns))
	case tw.a.st.block.Tails == 0 && ra.Insns > ra.Fuel+weight(pa):
		tw.t.Fatalf("%s: %d instructions were executed for %d units of fuel, the program weighs %d\n%s", name, ra.Insns, ra.Fuel, weight(pa), listing(insns))
	}
	x, y := tw.a.st.slot.Region.Bytes(), tw.b.st.slot.Region.Bytes()
	if !bytes.Equal(x, y) {
		for i := range x {
			if x[i] != y[i] {
				tw.t.Fatalf("%s: byte %#x of the slot is %#x in the interpreter, %#x in machine code\n%s", name, i, x[i], y[i], listing(insns))
			}
		}
	}
	if tw.ran%500 == 0 {
		tw.wholeWindow(name)
	}
	if tw.after != nil {
		tw.after(pa, pb)
	}
	return true
}

// weight is what all instructions of a program weigh.
func weight(p *Program) (n uint64) {
	for _, pc := range p.cost.Starts() {
		n += uint64(p.cost.Func(int(pc)))
	}
	return n
}

func (tw *twin) wholeWindow(name string) {
	x, _ := tw.a.mem.Slice(0, tw.a.mem.Limit())
	y, _ := tw.b.mem.Slice(0, tw.b.mem.Limit())
	if !bytes.Equal(x, y) {
		for i := range x {
			if x[i] != y[i] {
				tw.t.Fatalf("%s or one of the programs before it: guest byte %#x is %#x in the interpreter, %#x in machine code", name, i, x[i], y[i])
			}
		}
	}
}

func (tw *twin) enter(g *rig, p *Program, mode Mode, fuel uint64, data []byte) (Result, *trap.Trap) {
	b := &g.st.Bctx
	b.Reset(p.Type())
	if err := p.Type().Setup(b, &progtype.Input{Data: data}); err != nil {
		tw.t.Fatal(err)
	}
	r1, r2 := b.Entry()
	return g.st.Run(context.Background(), p, mode, fuel, r1, r2)
}

func listing(insns []isa.Insn) string {
	var s strings.Builder
	for pc, in := range insns {
		fmt.Fprintf(&s, "%4d: %v\n", pc, in)
	}
	return s.String()
}

// setAll gives R0 to R9 values, from R1's block of memory once R1 itself is spent.
func setAll(v [10]uint64) []isa.Insn {
	var all []isa.Insn
	for r, x := range v {
		all = append(all, lddw(isa.Reg(r), x)...)
	}
	return all
}

// spill stores all registers into the stack frame, where compare sees them.
func spill() []isa.Insn {
	var all []isa.Insn
	for r := range isa.R10 {
		all = append(all, isa.New(isa.OpStxDW, isa.R10, r, -512+8*int16(r), 0))
	}
	return all
}

// TestNativeRows runs every arithmetic and byte-swap row, load, store and atomic on every pair of registers with boundary
// values.
func TestNativeRows(t *testing.T) {
	for _, f := range []cpu.Features{cpu.Host, {}} {
		withFeatures(t, f, nativeRows)
	}
}

// withFeatures runs a test with code for a processor that has these features only.
func withFeatures(t *testing.T, f cpu.Features, test func(*testing.T)) {
	host := cpu.Host
	cpu.Host = f
	defer func() { cpu.Host = host }()
	t.Run(fmt.Sprintf("%+v", f), test)
}

func nativeRows(t *testing.T) {
	tw := newTwin(t)
	rng := rand.New(rand.NewPCG(3, 4))
	value := func() uint64 {
		if rng.IntN(3) == 0 {
			return rng.Uint64() >> rng.IntN(64)
		}
		return boundary[rng.IntN(len(boundary))]
	}
	imms := []int64{0, 1, -1, 2, 7, 8, 31, 32, 63, 127, -128, 128, 255, 0x7fff, 1<<31 - 1, -1 << 31}
	for op := isa.Op(1); int(op) < isa.NumOps; op++ {
		info := op.Info()
		var mem bool
		switch info.Kind {
		case isa.KindALU, isa.KindMov, isa.KindMovSX, isa.KindEnd, isa.KindAddrSpaceCast, isa.KindCond:
		case isa.KindLoad, isa.KindLoadSX, isa.KindStore, isa.KindStoreImm, isa.KindAtomic, isa.KindLoadAcquire, isa.KindStoreRelease:
			mem = true
		default:
			continue
		}
		for dst := range isa.R10 + 1 {
			for src := range isa.R10 + 1 {
				if info.SrcUse != isa.UseOperand && src > 0 {
					continue
				}
				times := 3
				if testing.Short() { // emulators are slow
					if times = 1; rng.IntN(4) != 0 {
						continue
					}
				}
				for range times {
					var v [10]uint64
					for r := range v {
						v[r] = value()
					}
					in := isa.New(op, dst, src, 0, 0)
					if info.OffUse == isa.UseOperand && mem {
						in.Off = []int16{0, 8, -8, 3, 32767, -32768, -16, -512, -513, -7}[rng.IntN(10)]
					}
					if info.ImmUse == isa.UseOperand {
						in.Imm = imms[rng.IntN(len(imms))]
					}
					if op == isa.OpAddrSpaceCast {
						in.Imm = isa.CastToKernel
					}
					if info.SrcUse != isa.UseOperand {
						in.Src = 0
					}
					prog := setAll(v)
					if info.Kind == isa.KindCond {
						in.Off = 1
					}
					prog = append(prog, in)
					if info.Kind == isa.KindCond {
						prog = append(prog, isa.New(isa.OpMov64Imm, 9, 0, 0, 12345))
					}
					prog = append(append(prog, spill()...), exit...)
					tw.compare(op.String(), prog, nil, 1000)
				}
			}
		}
	}
	tw.wholeWindow("rows")
	t.Logf("compared %d programs", tw.ran)
}

// TestNativePasses runs what the optimiser looks for, and what only looks like it, with all passes and with none.
func TestNativePasses(t *testing.T) {
	tw := newTwin(t)
	rng := rand.New(rand.NewPCG(5, 6))
	in := isa.New
	for n := range 6000 {
		var v [10]uint64
		for r := range v {
			v[r] = rng.Uint64() >> rng.IntN(64)
		}
		prog := setAll(v)
		a, x := isa.Reg(rng.IntN(10)), isa.Reg(rng.IntN(10))
		w := int64(64)
		mov, lsh, rsh, add, sub := isa.OpMov64Reg, isa.OpLsh64Imm, isa.OpRsh64Imm, isa.OpAdd64Imm, isa.OpSub64Imm
		join := []isa.Op{isa.OpOr64Reg, isa.OpXor64Reg, isa.OpAdd64Reg, isa.OpAnd64Reg}
		if rng.IntN(2) == 0 {
			w, mov, lsh, rsh, add, sub = 32, isa.OpMov32Reg, isa.OpLsh32Imm, isa.OpRsh32Imm, isa.OpAdd32Imm, isa.OpSub32Imm
			join = []isa.Op{isa.OpOr32Reg, isa.OpXor32Reg, isa.OpAdd32Reg, isa.OpAnd32Reg}
			if rng.IntN(4) == 0 {
				mov = isa.OpMov64Reg
			}
		}
		noise := func() {
			if rng.IntN(4) == 0 {
				prog = append(prog, in(isa.OpAdd64Reg, isa.Reg(rng.IntN(10)), isa.Reg(rng.IntN(10)), 0, 0))
			}
		}
		switch n % 4 {
		case 0, 1: // a rotation
			p := rng.Int64N(w)
			q := (w - p) % w
			if rng.IntN(8) == 0 {
				q = rng.Int64N(w)
			}
			shifts := []isa.Insn{in(lsh, a, 0, 0, p), in(rsh, x, 0, 0, q)}
			if rng.IntN(2) == 0 {
				shifts = []isa.Insn{in(rsh, a, 0, 0, q), in(lsh, x, 0, 0, p)}
			}
			if rng.IntN(2) == 0 {
				shifts[0], shifts[1] = shifts[1], shifts[0]
			}
			d, s := a, x
			if rng.IntN(2) == 0 {
				d, s = x, a
			}
			prog = append(prog, in(mov, a, x, 0, 0))
			noise()
			prog = append(prog, shifts[0])
			noise()
			prog = append(prog, shifts[1])
			noise()
			prog = append(prog, in(join[rng.IntN(4)], d, s, 0, 0))
			if rng.IntN(2) == 0 {
				prog = append(prog, in(isa.OpMov64Imm, s, 0, 0, 7))
			}
		case 2: // a move and an addition
			op := add
			if rng.IntN(2) == 0 {
				op = sub
			}
			from := x
			if rng.IntN(3) == 0 {
				from = isa.R10
			}
			imm := int64(int32(rng.Uint32())) >> rng.IntN(32)
			if rng.IntN(20) == 0 {
				imm = -1 << 31
			}
			prog = append(prog, in(mov, a, from, 0, 0), in(op, a, 0, 0, imm))
		case 3: // a load and a swap, extensions
			load := []isa.Op{isa.OpLdxH, isa.OpLdxW, isa.OpLdxDW, isa.OpLdxsH, isa.OpLdxsW}[rng.IntN(5)]
			swap := []isa.Op{isa.OpBe16, isa.OpBe32, isa.OpBe64, isa.OpBswap32, isa.OpLe32}[rng.IntN(5)]
			prog = append(prog, in(isa.OpStxDW, isa.R10, x, -8, 0), in(load, a, isa.R10, -8, 0), in(swap, a, 0, 0, int64(swap.Info().ImmVal)))
			prog = append(prog, in(isa.OpMov32Reg, a, a, 0, 0), in(isa.OpAdd64Reg, x, a, 0, 0), in(isa.OpMov32Reg, x, x, 0, 0))
		}
		prog = append(append(prog, spill()...), exit...)
		for _, off := range []jit.Pass{0, jit.AllPasses} {
			tw.cfg.Disable = off
			tw.compare(fmt.Sprintf("program %d without passes %#x", n, off), prog, nil, 1000)
		}
	}
	t.Logf("compared %d programs", tw.ran)
}
