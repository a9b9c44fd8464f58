package interp

import (
	"bytes"
	"context"
	"errors"
	"flag"
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

var nativePrograms = flag.Int("native.programs", 4000, "hostile programs that TestNativeHostile runs")

// twin is two windows with the same history: one for the interpreter, one for machine code.
type twin struct {
	t    testing.TB
	a, b *rig
	cfg  jit.Config
	ran  int
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
	tw.cfg.Mask = tw.b.mem.Mask()
	return tw
}

// smallRig is a rig with the smallest window, so that wild accesses meet.
func smallRig(t testing.TB) *rig {
	mem, err := guest.NewMemory(guest.MinLimit)
	if err != nil {
		t.Fatal(err)
	}
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
	typ := progtype.ByName("raw")
	proof, err := verifier.Verify(&verifier.Spec{Name: "test", Type: typ, GPL: true, Insns: insns}, verifier.Options{Policy: verifier.PolicySandboxed})
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
				return h, nil
			}
			return nil, errors.New("no such helper")
		},
		ByID: func(id uint64) *helpers.Helper { return g.set.ByID(int32(id)) },
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
	return true
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

// hostile makes programs that go everywhere: any row, any register, wild pointers, loops, calls.
type hostile struct {
	r     *rand.Rand
	insns []isa.Insn
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
	var jumps []int
	for range n {
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
				ids := []int64{1, 2, 3, 5, 7, 8, 12, 12, 12, 28, 28, 26, 44, 87, 130, 131, 132, 164, 181, 181}
				in = isa.New(op, 0, 0, 0, ids[h.r.IntN(len(ids))])
				if in.Imm == 5 || in.Imm == 7 {
					in.Imm = 8
				}
			case op == isa.OpCallReg && h.r.IntN(2) == 0:
			default:
				continue
			}
		default:
			continue
		}
		h.insns = append(h.insns, in)
	}
	if h.r.IntN(2) == 0 {
		h.insns = append(h.insns, spill()...)
	}
	end := len(h.insns)
	h.insns = append(h.insns, exit...)
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

// TestNativeHostile runs programs that no verifier has seen in both engines: wild pointers, misaligned atomics, loops
// and recursion without end, helpers with any arguments. Both must agree on everything, and end.
func TestNativeHostile(t *testing.T) {
	t.Run("full", func(t *testing.T) { nativeHostile(t, newTwin(t), 0) })
	t.Run("masked", func(t *testing.T) {
		// The window of a host that does not give 4 GiB, and a processor without anything.
		tw := newTwin(t)
		tw.cfg.Mask = uint32(tw.a.mem.Limit() - 1)
		tw.a.st.mask = uint64(tw.cfg.Mask)
		withFeatures(t, cpu.Features{}, func(t *testing.T) { nativeHostile(t, tw, 1<<32) })
	})
}

func nativeHostile(t *testing.T, tw *twin, seed uint64) {
	tw.t = t
	for _, g := range []*rig{tw.a, tw.b} {
		for _, s := range []maps.Spec{
			{Name: "array", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 4},
			{Name: "hash", Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 8, Flags: maps.ZeroSeed},
			{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 2},
		} {
			m, err := maps.New(g.mem, &s, 1, g.table)
			if err != nil {
				t.Fatal(err)
			}
			_ = m
		}
	}
	var h hostile
	traps := map[trap.Code]int{}
	made := 0
	for i := range *nativePrograms {
		data := make([]byte, i%200)
		for k := range data {
			data[k] = byte(k * i)
		}
		if tw.compare(fmt.Sprintf("program %d", i), h.program(seed+uint64(i)), data, 20_000) {
			made++
			if tr := tw.a.st.trap; tr != nil {
				traps[tr.Code]++
			}
		}
	}
	tw.wholeWindow("all")
	t.Logf("%d of %d programs had a structure and ran in both engines; traps: %v", made, *nativePrograms, traps)
	if made < *nativePrograms/10 {
		t.Errorf("only %d of %d programs ran", made, *nativePrograms)
	}
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
