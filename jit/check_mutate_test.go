package jit

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/guest/canary"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

var (
	mutations    = flag.Int("mutations", 3000, "changed lists that TestCheckMutations makes")
	mutationSeed = flag.Uint64("mutations.seed", 1, "where they start")
)

// checkTexts are programs of raw shape, which the check is tried on beside the goldens: they have no facts.
var checkTexts = []struct{ name, text string }{
	{"memory", `
		r3 = r1; r3 += r2; r4 = *(u64 *)(r1 +8); r5 = *(s16 *)(r3 -4); *(u32 *)(r1 +100) = r4; *(u8 *)(r2 +7) = 3
		r6 = *(u64 *)(r10 -8); *(u64 *)(r10 -16) = r6; *(u32 *)(r10 -512) = 7; r7 = r10; r7 += -64; *(u64 *)(r7 +8) = r5; r9 = r10; r9 += -32; *(u64 *)(r10 -24) = r9
		r4 = be32 r4; r8 = *(u16 *)(r3 +2); r8 = be16 r8; r0 = r4; r0 += r8; exit`},
	{"atomics", `
		r2 = 1; lock *(u64 *)(r1 +8) += r2; r2 = atomic64_fetch_add((u64 *)(r1 +16), r2); r3 = atomic_xchg((u32 *)(r1 +4), r3)
		r0 = atomic64_cmpxchg((u64 *)(r1 +24), r0, r2); lock *(u64 *)(r10 -8) += r2; r3 = load_acquire((u64 *)(r1 +0)); store_release((u32 *)(r1 +8), r3)
		exit`},
	{"numbers", `
		r0 = r1; r0 /= r2; r3 = r1; r3 s%= r2; r0 += r3; w4 = w1; w4 s/= -1; r0 ^= r4; r5 = r0; r5 <<= r2; w5 >>= 3; r0 += r5; r0 s>>= r4
		r0 = -r0; r6 = (s8)r0; r0 *= r6; r0 %= 1000; exit`},
	{"loop", `
		r0 = 0; r3 = 0
	top: r0 += r3; r3 += 1; r4 = *(u8 *)(r1 +3); if r3 < r4 goto top
		may_goto out; if r0 > 7 goto top
	out: if r0 & 1 goto end; r0 += 1
	end: exit`},
	{"functions", `
		r6 = r1; r7 = r2; call f; r6 += r0; r1 = r6; call g; r0 += r6; exit
	f: *(u64 *)(r10 -8) = r1; r1 += 1; r9 = r1; call g; r0 += r9; r1 = *(u64 *)(r10 -8); r0 += r1; exit
	g: r8 = r1; r0 = *(u64 *)(r10 -16); r0 += r8; if r0 > 100 goto more; r1 += 50; call f
	more: exit`},
	{"helpers", `
		r6 = r1; call get_prandom_u32; r0 += r6; *(u64 *)(r10 -8) = r0; r1 = r0; call ktime_get_ns; r0 += r6; exit`},
	{"callx", `
		r6 = func f; r1 = 3; callx r6; r0 += 1; r1 = r0; callx r6; exit
	f: r0 = r1; r0 += 5; r6 = r0; exit`},
}

// checkCase is a program ready to be built again and again.
type checkCase struct {
	name  string
	proof *verifier.Proof
	cfg   *Config
}

func (c *checkCase) build(t testing.TB) *ir.List {
	t.Helper()
	l, err := lower(c.proof, c.cfg)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	optimise(l, c.cfg)
	if err := check(l, c.proof, c.cfg); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return l
}

func checkCases(t testing.TB, mask uint32) (all []*checkCase) {
	for _, p := range checkTexts {
		c := checkCaseOf(t, p.name, p.text)
		c.cfg.Mask = mask
		all = append(all, c)
	}
	return all
}

// checkCaseOf is a program of raw shape of which only the structure is proven.
func checkCaseOf(t testing.TB, name, text string) *checkCase {
	insns, err := asm.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	proof, err := verifier.Verify(&verifier.Spec{Name: name, Type: progtype.Raw, GPL: true, Insns: insns}, verifier.Options{Policy: verifier.PolicySandboxed})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &checkCase{name, proof, &Config{
		Mask: 1<<32 - 1, Fuel: fuel.New(insns), TailCall: func(int) bool { return false },
		Const: func(pc int) uint64 {
			if insns[pc].Op == isa.OpLddwFunc {
				return fuel.Ref(insns[pc].Target(pc))
			}
			return uint64(insns[pc].Imm)
		},
	}}
}

// hasAddress reports whether an op forms an address with Base, Off and Access.
func hasAddress(op *ir.Op) bool {
	switch op.Kind {
	case ir.Load, ir.Store, ir.Atomic, ir.LoadAcq, ir.StoreRel:
		return true
	}
	return false
}

func hasExit(op *ir.Op) bool {
	switch op.Kind {
	case ir.Charge, ir.Call, ir.Leave, ir.HashLookup, ir.ArrayUpdate:
		return true
	}
	return false
}

func jumps(op *ir.Op) bool {
	switch op.Kind {
	case ir.Jump, ir.CondJump, ir.MayGoto:
		return true
	}
	return false
}

// turns reports whether an op is where the turns of a loop are paid for: behind the label that ways back lead to.
func turns(l *ir.List, op *ir.Op) bool {
	for i := range l.Ops {
		if &l.Ops[i] == op {
			return i > 0 && l.Ops[i-1].Kind == ir.Label
		}
	}
	return false
}

// wrongs are changes that no list may show. Each says which ops it applies to.
var wrongs = []struct {
	name  string
	to    func(l *ir.List, op *ir.Op) bool
	wrong func(l *ir.List, op *ir.Op)
}{
	{"access without confinement", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) }, func(_ *ir.List, op *ir.Op) { op.Access = ir.Bare }},
	{"access that is said to be near", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) }, func(_ *ir.List, op *ir.Op) { op.Access = ir.Near }},
	{"access of no kind", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) }, func(_ *ir.List, op *ir.Op) { op.Access = 9 }},
	{"confined access made one of the frame", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) && op.Access == ir.Confined },
		func(_ *ir.List, op *ir.Op) { op.Access = ir.Frame }},
	{"confined access to R10", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) && op.Access == ir.Confined && !op.Indexed },
		func(_ *ir.List, op *ir.Op) { op.Base = ir.FP }},
	{"frame access above", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) && op.Access == ir.Frame }, func(_ *ir.List, op *ir.Op) { op.Off = 0 }},
	{"frame access across the top", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) && op.Access == ir.Frame && op.Size > 1 },
		func(_ *ir.List, op *ir.Op) { op.Off = 1 - int32(op.Size) }},
	{"frame access below", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) && op.Access == ir.Frame }, func(_ *ir.List, op *ir.Op) { op.Off = -513 }},
	{"frame access of another register", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) && op.Access == ir.Frame }, func(_ *ir.List, op *ir.Op) { op.Base = 3 }},
	{"constant address below 0", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) }, func(_ *ir.List, op *ir.Op) { op.Access, op.Off = ir.Fixed, -1 }},
	{"atomic or ordered access at a constant address", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) && op.Kind != ir.Load && op.Kind != ir.Store },
		func(_ *ir.List, op *ir.Op) { op.Access = ir.Fixed }},
	{"far offset without confinement", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) }, func(_ *ir.List, op *ir.Op) { op.Access, op.Off = ir.Bare, 1<<15 }},
	{"size of 3", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) }, func(_ *ir.List, op *ir.Op) { op.Size = 3 }},
	{"base that is no register", func(_ *ir.List, op *ir.Op) bool { return hasAddress(op) }, func(_ *ir.List, op *ir.Op) { op.Base = 12 }},
	{"indexed atomic or frame access", func(_ *ir.List, op *ir.Op) bool {
		return hasAddress(op) && (op.Kind == ir.Atomic || op.Access == ir.Frame)
	},
		func(_ *ir.List, op *ir.Op) { op.Indexed, op.Index = true, 1 }},
	{"index that is no register", func(_ *ir.List, op *ir.Op) bool { return op.Kind == ir.Load || op.Kind == ir.Store },
		func(_ *ir.List, op *ir.Op) { op.Access, op.Indexed, op.Index = ir.Confined, true, ir.FP }},
	{"divisor without a test", func(_ *ir.List, op *ir.Op) bool { return op.Kind >= ir.Div && op.Kind <= ir.SMod }, func(_ *ir.List, op *ir.Op) { op.NonZero = true }},
	{"label that is none", func(_ *ir.List, op *ir.Op) bool { return jumps(op) }, func(l *ir.List, op *ir.Op) { op.Target = int32(l.Labels) }},
	{"label below 0", func(_ *ir.List, op *ir.Op) bool { return jumps(op) }, func(_ *ir.List, op *ir.Op) { op.Target = -1 }},
	{"turn for nothing", func(_ *ir.List, op *ir.Op) bool { return op.Kind == ir.Charge }, func(_ *ir.List, op *ir.Op) { op.Imm = 0 }},
	{"turn without fuel", func(l *ir.List, op *ir.Op) bool { return op.Kind == ir.Charge && turns(l, op) }, func(_ *ir.List, op *ir.Op) { op.Kind = ir.Nop }},
	{"more fuel back than is taken", func(_ *ir.List, op *ir.Op) bool { return op.Kind == ir.Refund }, func(_ *ir.List, op *ir.Op) { op.Imm++ }},
	{"fuel back on the way round", func(_ *ir.List, op *ir.Op) bool { return op.Kind == ir.Charge }, func(_ *ir.List, op *ir.Op) { op.Kind = ir.Refund }},
	{"exit that is none", func(_ *ir.List, op *ir.Op) bool { return hasExit(op) }, func(l *ir.List, op *ir.Op) { op.Exit = int32(len(l.Exits)) }},
	{"exit below 0", func(_ *ir.List, op *ir.Op) bool { return hasExit(op) }, func(_ *ir.List, op *ir.Op) { op.Exit = -1 }},
	{"exit for something else", func(_ *ir.List, op *ir.Op) bool {
		return op.Kind == ir.Charge || op.Kind == ir.Call
	},
		func(l *ir.List, op *ir.Op) { l.Exits[op.Exit].Kind = ir.ExitTailCall }},
	{"exit of another instruction", func(_ *ir.List, op *ir.Op) bool { return hasExit(op) }, func(l *ir.List, op *ir.Op) { l.Exits[op.Exit].PC++ }},
	{"exit to an indirect call that there is not", func(l *ir.List, op *ir.Op) bool { return op.Kind == ir.Leave && l.Exits[op.Exit].Kind == ir.ExitHelper },
		func(l *ir.List, op *ir.Op) { l.Exits[op.Exit].Kind = ir.ExitCallReg }},
	{"exit that resumes nowhere", func(_ *ir.List, op *ir.Op) bool { return hasExit(op) }, func(l *ir.List, op *ir.Op) { l.Exits[op.Exit].Resume = int32(l.Labels) }},
	{"indirect call that control runs into", func(l *ir.List, op *ir.Op) bool {
		return op.Kind == ir.Leave && l.Exits[op.Exit].Kind == ir.ExitCallReg
	},
		func(_ *ir.List, op *ir.Op) { op.Kind = ir.Nop }},
	{"R10 written", func(_ *ir.List, op *ir.Op) bool { return writes(op) }, func(_ *ir.List, op *ir.Op) { op.Dst = ir.FP }},
	{"operand that is no register", func(_ *ir.List, op *ir.Op) bool { return true }, func(_ *ir.List, op *ir.Op) { op.Src = 13 }},
	{"R10 as a number", func(_ *ir.List, op *ir.Op) bool { return true }, func(_ *ir.List, op *ir.Op) { op.Src = ir.FP }},
	{"R10 compared or changed", func(_ *ir.List, op *ir.Op) bool { return !hasAddress(op) }, func(_ *ir.List, op *ir.Op) { op.Dst = ir.FP }},
	{"address above the frame", func(_ *ir.List, op *ir.Op) bool { return op.Kind == ir.FrameAddr }, func(_ *ir.List, op *ir.Op) { op.Imm = 1 }},
	{"address below the frame", func(_ *ir.List, op *ir.Op) bool { return op.Kind == ir.FrameAddr }, func(_ *ir.List, op *ir.Op) { op.Imm = -513 }},
	{"kind that is none", func(_ *ir.List, op *ir.Op) bool { return true }, func(_ *ir.List, op *ir.Op) { op.Kind = ir.NumKinds }},
	{"function that ends as another", func(l *ir.List, op *ir.Op) bool { return op.Kind == ir.Return && len(l.Funcs) > 1 },
		func(l *ir.List, op *ir.Op) { op.Target = (op.Target + 1) % int32(len(l.Funcs)) }},
	{"prologue that zeroes more than the frame", func(_ *ir.List, op *ir.Op) bool { return op.Kind == ir.Func }, func(_ *ir.List, op *ir.Op) { op.Imm = 528 }},
	{"call into no frame", func(_ *ir.List, op *ir.Op) bool { return op.Kind == ir.Call || op.Kind == ir.CallIndirect }, func(_ *ir.List, op *ir.Op) { op.Off = 16 }},
	{"call in the frame of its caller", func(l *ir.List, op *ir.Op) bool { return op.Kind == ir.Call && !l.Funcs[op.Target].Inner }, func(_ *ir.List, op *ir.Op) { op.Off = 0 }},
	{"frame for what stands in for a helper", func(l *ir.List, op *ir.Op) bool { return op.Kind == ir.Call }, func(l *ir.List, op *ir.Op) { l.Funcs[op.Target].Inner = true }},
	{"call of the root", func(l *ir.List, op *ir.Op) bool { return op.Kind == ir.Call && l.Funcs[0].Root }, func(_ *ir.List, op *ir.Op) { op.Target = 0 }},
	{"call of no function", func(_ *ir.List, op *ir.Op) bool { return op.Kind == ir.Call }, func(l *ir.List, op *ir.Op) { op.Target = int32(len(l.Funcs)) }},
	{"end that falls through", func(l *ir.List, op *ir.Op) bool { return op == &l.Ops[len(l.Ops)-1] }, func(_ *ir.List, op *ir.Op) { op.Kind = ir.Nop }},
	{"state of the host", func(_ *ir.List, op *ir.Op) bool { return op.Kind == ir.Mov && op.Dst < 10 }, func(_ *ir.List, op *ir.Op) {
		op.Kind, op.Size, op.Off = ir.LoadState, 8, int32(ir.OffBase)
	}},
}

// TestCheckWrong makes each op of programs wrong in each way that applies to it, and sees the list refused.
func TestCheckWrong(t *testing.T) {
	count := map[string]int{}
	for _, c := range checkCases(t, 1<<32-1) {
		for i := range c.build(t).Ops {
			for _, w := range wrongs {
				l := c.build(t)
				op := &l.Ops[i]
				if !w.to(l, op) || op.Kind == ir.Leave && c.unreached(l, i) {
					continue
				}
				before := *op
				w.wrong(l, op)
				count[w.name]++
				if check(l, c.proof, c.cfg) == nil {
					t.Errorf("%s: op %d: %s is not noticed: %+v, was %+v", c.name, i, w.name, *op, before)
				}
			}
		}
		l := c.build(t)
		l.Mask = 0xffff_fffe
		if check(l, c.proof, c.cfg) == nil {
			t.Errorf("%s: a mask with a hole is not noticed", c.name)
		}
	}
	total := 0
	for _, w := range wrongs {
		if total += count[w.name]; count[w.name] == 0 {
			t.Errorf("%s was never tried", w.name)
		}
	}
	t.Logf("%d changes of %d kinds were refused", total, len(wrongs))
}

// unreached reports whether control does not come to op i.
func (c *checkCase) unreached(l *ir.List, i int) bool {
	if check(l, c.proof, c.cfg) != nil {
		return false
	}
	k := checker{l: l, proof: c.proof, cfg: c.cfg}
	if k.shape() != nil || k.frames() != nil {
		return false
	}
	m, _ := slices.BinarySearch(k.marks, int32(i))
	return k.owner[m] < 0
}

// watchedState is a State between words that nobody writes.
type watchedState struct {
	below [256]uint64
	State
	above [256]uint64
}

// mutationState does not move, as a State of the stack would.
var (
	mutationState  watchedState
	mutationPacket [2]uint32
)

// TestCheckMutations changes lists at random. What the check lets pass runs, with anything in the registers and a host that
// answers anything, and stays inside the window.
func TestCheckMutations(t *testing.T) {
	if Arch == "" {
		t.Skip("no machine code is made for this architecture")
	}
	if err := execmem.Probe(); err != nil {
		t.Skipf("no executable memory here: %v", err)
	}
	mem, watched, err := canary.New(guest.MinLimit, 64<<20)
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	defer watched.Close()
	slot, err := mem.NewSlot(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	cases := checkCases(t, mem.Mask())
	n := *mutations
	if testing.Short() {
		n = min(n, 400)
	}
	base, limit := uint64(uintptr(mem.Base())), uint64(slot.FrameTop(guest.MaxFrames-1))
	w := &mutationState
	refused, impossible, ran := 0, 0, 0
	for i := range uint64(n) {
		rng := rand.New(rand.NewPCG(*mutationSeed, i))
		c := cases[rng.IntN(len(cases))]
		l := c.build(t)
		for range 1 + rng.IntN(3) {
			mutate(rng, l)
		}
		if check(l, c.proof, c.cfg) != nil {
			refused++
			continue
		}
		near(l, c.cfg.Fuel, c.cfg.memory())
		native, err := expand(l)
		if err != nil {
			impossible++
			continue
		}
		code := load(t, l, native)
		ran++
		for k := range w.below {
			w.below[k], w.above[k] = 77, 77
		}
		w.State = State{Base: base, Limit: limit, Fuel: 1000, Budget: 50, Packet: uint64(uintptr(unsafe.Pointer(&mutationPacket)))}
		for r := range 10 {
			w.R[r] = wildNumber(rng)
		}
		w.R[10] = uint64(slot.FrameTop(0))
		play(rng, code, &w.State, slot)
		if w.Base != base || w.Limit != limit || w.CPU != 0 {
			t.Fatalf("list %d: the host's part of the state changed: %+v\n%+v", i, w.State, l.Ops)
		}
		// R10 may be held as a host address: no other register gets it.
		if at := slices.IndexFunc(w.R[:11], func(x uint64) bool { return x>>32 == base>>32 }); at >= 0 {
			t.Fatalf("list %d: R%d is %#x, in the window at %#x\n%+v", i, at, w.R[at], base, l.Ops)
		}
		if slices.ContainsFunc(append(w.below[:], w.above[:]...), func(x uint64) bool { return x != 77 }) {
			t.Fatalf("list %d: words around the state changed\n%+v", i, l.Ops)
		}
		if i%64 == 0 || i+1 == uint64(n) {
			if err := watched.Check(); err != nil {
				t.Fatalf("list %d or one of the 64 before it: %v\n%+v", i, err, l.Ops)
			}
		}
	}
	t.Logf("%d lists: %d refused, %d not expanded, %d ran; %d MiB around the window were watched", n, refused, impossible, ran, watched.Reach()>>20)
	if ran < n/20 || refused < n/20 {
		t.Errorf("%d refused, %d ran: the changes are too wild or too tame", refused, ran)
	}
}

// load makes a list's machine code executable.
func load(t *testing.T, l *ir.List, n *ir.Native) *Code {
	t.Helper()
	mem, err := execmem.New(n.Code)
	if err != nil {
		t.Fatal(err)
	}
	c := &Code{mem: mem, native: n, exits: make([]Exit, len(l.Exits)), funcs: l.Funcs, base: mem.Addr()}
	c.start, c.resume = c.base+uintptr(n.Start), c.base+uintptr(n.Resume)
	at := func(label int32) uint64 {
		if label < 0 {
			return 0
		}
		return uint64(c.base) + uint64(n.Labels[label])
	}
	for i, e := range l.Exits {
		c.exits[i] = Exit{Exit: e, resume: at(e.Resume), alt: at(e.Alt)}
	}
	return c
}

// play is a host that answers exits with anything, for a while.
func play(rng *rand.Rand, c *Code, st *State, slot *guest.Slot) {
	c.Start(st)
	for range 20 {
		e := c.Exit(st)
		if st.Exit == Done || e == nil || e.Resume < 0 {
			return
		}
		switch e.Kind {
		case ExitHelper, ExitPacket, ExitTailCall, ExitWake:
			st.R[0] = wildNumber(rng)
			for r := 1; r <= 5; r++ {
				st.R[r] = wildNumber(rng)
			}
		case ExitFuel:
			if rng.IntN(4) == 0 {
				return
			}
			st.Fuel = uint64(rng.IntN(300))
		case ExitCallReg:
			i := rng.IntN(len(c.funcs))
			if c.funcs[i].Root || uint32(st.R[10]) >= slot.FrameTop(guest.MaxFrames-1) || !c.SetTarget(st, i) {
				return
			}
		default:
			return
		}
		c.Resume(st, e)
	}
}

func wildNumber(rng *rand.Rand) uint64 {
	switch rng.IntN(5) {
	case 0:
		return 0
	case 1:
		return 1<<32 - uint64(rng.IntN(16))
	case 2:
		return uint64(guest.NullZone + rng.IntN(1<<16))
	case 3:
		return uint64(int64(-1) << rng.IntN(64))
	}
	return rng.Uint64() >> rng.IntN(64)
}

// mutate changes one thing.
func mutate(rng *rand.Rand, l *ir.List) {
	i := rng.IntN(len(l.Ops))
	op := &l.Ops[i]
	reg := func() ir.Reg { return ir.Reg(rng.IntN(13)) }
	number := func() int64 {
		return []int64{0, 1, -1, 8, 16, -8, -512, -513, 1<<31 - 1, -1 << 31, 1 << 32, int64(rng.Uint64())}[rng.IntN(12)]
	}
	switch rng.IntN(26) {
	case 0:
		op.Kind = ir.Kind(rng.IntN(int(ir.NumKinds)))
	case 1:
		op.W = []uint8{32, 64, 32, 64, 0, 16}[rng.IntN(6)]
	case 2:
		op.Size = []uint8{1, 2, 4, 8, 0, 16}[rng.IntN(6)]
	case 3:
		op.From = []uint8{8, 16, 32, 64, 0, 7}[rng.IntN(6)]
	case 4, 5:
		op.Dst = reg()
	case 6, 7:
		op.Src = reg()
	case 8:
		op.Base = reg()
	case 9:
		op.Cond = ir.Cond(rng.IntN(12))
	case 10:
		op.Access = ir.Access(rng.IntN(5))
	case 11:
		op.AtomicOp = isa.AtomicOp(rng.IntN(9))
	case 12:
		op.UseImm = !op.UseImm
	case 13:
		op.Signed, op.Swapped = rng.IntN(2) == 0, rng.IntN(2) == 0
	case 14:
		op.Fetch = !op.Fetch
	case 15:
		op.Indexed, op.Index, op.Scale = !op.Indexed, reg(), uint8(rng.IntN(4))
	case 16:
		op.Safe, op.NonZero = rng.IntN(2) == 0, rng.IntN(8) == 0
	case 17:
		op.Off = int32(number())
	case 18:
		op.Target = int32(rng.IntN(l.Labels+3)) - 1
	case 19:
		op.Exit = int32(rng.IntN(len(l.Exits)+3)) - 1
	case 20, 21:
		op.Imm = number()
	case 22:
		op.Stride, op.Aux = uint32(number()), uint32(number())
	case 23: // an op goes
		l.Ops = slices.Delete(l.Ops, i, i+1)
	case 24: // an op stands somewhere else, too
		l.Ops = slices.Insert(l.Ops, rng.IntN(len(l.Ops)), *op)
	case 25: // two change places
		k := rng.IntN(len(l.Ops))
		l.Ops[i], l.Ops[k] = l.Ops[k], l.Ops[i]
	}
}
