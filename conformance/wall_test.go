package conformance

import (
	"errors"
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/guest/canary"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

var (
	wrongPrograms = flag.Int("wrong.programs", 3000, "generated programs that TestWrongVerifier makes")
	wrongSeed     = flag.Uint64("wrong.seed", 1, "where they start")
)

// wrongly describes a program as it is not: values and maps larger, constants others, the context another one. What the
// verifier concludes from that is as wrong as if it had a hole.
func wrongly(s *verifier.Spec, rng *rand.Rand) *verifier.Spec {
	w := *s
	w.Maps = nil
	for _, m := range s.Maps {
		c := *m
		if c.ValueSize > 0 && c.Inner == nil {
			switch rng.IntN(4) {
			case 0:
				c.ValueSize = c.ValueSize&7 + c.ValueSize&^7<<rng.IntN(8)
			case 1, 2:
				c.ValueSize = 1 << 15
			}
		}
		if c.Type == maps.Array && c.MaxEntries > 1 {
			c.MaxEntries <<= rng.IntN(16)
		}
		if c.Contents != nil {
			c.ValueSize = m.ValueSize
			c.Contents = make([]byte, len(m.Contents))
			for i := range c.Contents {
				c.Contents[i] = byte(1 + rng.IntN(255)) // never what it is: it holds zeros
			}
		}
		w.Maps = append(w.Maps, &c)
	}
	return &w
}

// farther moves some accesses to where there is room only in what wrongly makes of maps.
func farther(p *fuzzgen.Program, rng *rand.Rand) {
	for i := range p.Insns {
		in := &p.Insns[i]
		base := in.Dst
		switch in.Info().Kind {
		case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcquire:
			base = in.Src
		case isa.KindStore, isa.KindStoreImm, isa.KindAtomic, isa.KindStoreRelease:
		default:
			continue
		}
		if base != isa.R10 && rng.IntN(3) == 0 {
			in.Off = int16(rng.IntN(1<<15)) &^ 7
		}
	}
}

// TestWrongVerifier runs programs as machine code that the verifier accepted for a world that is not so: all accesses
// confined, nothing outside the window may change, nothing may end the process, and fuel must hold.
func TestWrongVerifier(t *testing.T) {
	if err := jitAvailable(); err != nil {
		t.Skip(err)
	}
	r, watched := wallRig(t)
	defer r.close()
	if watched != nil {
		defer watched.Close()
	}
	n := *wrongPrograms
	if testing.Short() {
		n = min(n, 300)
	}
	g := fuzzgen.Generator{Seed: *wrongSeed, Levels: [4]int{2: 1}}
	accepted, only, runs := 0, 0, 0
	traps := map[trap.Code]int{}
	for i := range uint64(n) {
		p := g.Program(i)
		rng := rand.New(rand.NewPCG(i, *wrongSeed))
		farther(p, rng)
		spec, err := VerifierSpec(p)
		if err != nil {
			continue
		}
		lie := wrongly(spec, rng)
		proof, err := verifier.Verify(lie, verifier.Options{Steps: campaignSteps})
		if err != nil {
			// As another type: what it takes for the packet is anything.
			if lie.Type != progtype.XDP {
				continue
			}
			lie.Type = progtype.SchedCLS
			if proof, err = verifier.Verify(lie, verifier.Options{Steps: campaignSteps}); err != nil {
				continue
			}
		}
		accepted++
		if _, err := verifier.Verify(spec, verifier.Options{Steps: campaignSteps}); err != nil {
			only++ // what is proven is false
		}
		for i, m := range spec.Maps {
			if m.Contents != nil {
				c := *m
				c.Contents = make([]byte, len(m.Contents))
				spec.Maps[i] = &c
			}
		}
		s, err := r.link(spec, proof, jit.Config{Confine: jit.ConfineAlways}, i, 0)
		var skip *ErrSoundSkip
		if errors.As(err, &skip) {
			continue
		}
		if err != nil {
			t.Fatalf("program %d: %v", i, err)
		}
		for range 3 {
			if !s.begin(false) {
				continue
			}
			s.run()
			runs++
			if s.trap != nil {
				traps[s.trap.Code]++
				if s.trap.Code == trap.Internal {
					t.Fatalf("program %d: %v\n%s", i, s.trap, p)
				}
				s.reset()
			}
			if s.res.Fuel > engineFuel {
				t.Fatalf("program %d: %d units of fuel of %d\n%s", i, s.res.Fuel, engineFuel, p)
			}
		}
		r.release(s.soundSubject)
		if watched != nil && i%100 == 0 {
			if err := watched.Check(); err != nil {
				t.Fatalf("program %d or one of the 100 before it: %v\n%s", i, err, p)
			}
		}
	}
	if watched != nil {
		if err := watched.Check(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d MiB around the window were watched", watched.Reach()>>20)
	}
	t.Logf("%d of %d programs accepted, %d of them only for what is not so; %d runs, traps %v", accepted, n, only, runs, traps)
	if runs < n/4 || only < n/100 {
		t.Errorf("only %d runs, %d programs accepted for what is not so", runs, only)
	}
}

// wallRig is a rig for machine code in a window with canaries around it, nil where the system has none.
func wallRig(t *testing.T) (*engineRig, *canary.Canary) {
	mem, watched, err := canary.New(soundMemory, 64<<20)
	if err != nil {
		t.Logf("no canary: %v", err)
		r, err := newEngineRig(EngineJIT)
		if err != nil {
			t.Fatal(err)
		}
		return r, nil
	}
	r, err := newRigIn(mem)
	if err != nil {
		t.Fatal(err)
	}
	return &engineRig{r, EngineJIT}, watched
}

// TestWrongDivisor divides by a constant that the verifier takes for 7 and that is 0: machine code must not end the
// process.
func TestWrongDivisor(t *testing.T) {
	if err := jitAvailable(); err != nil {
		t.Skip(err)
	}
	r, watched := wallRig(t)
	defer r.close()
	if watched != nil {
		defer watched.Close()
	}
	for _, op := range []isa.Op{isa.OpDiv64Reg, isa.OpDiv32Reg, isa.OpMod64Reg, isa.OpMod32Reg, isa.OpSdiv64Reg, isa.OpSdiv32Reg, isa.OpSmod64Reg, isa.OpSmod32Reg} {
		at := isa.LoadImm64(isa.OpLddwMapValue, isa.R1, 0)
		insns := append(at[:],
			isa.New(isa.OpLdxDW, isa.R2, isa.R1, 0, 0),
			isa.New(isa.OpMov64Imm, isa.R0, 0, 0, 100),
			isa.New(op, isa.R0, isa.R2, int16(op.Info().OffVal), 0),
			isa.New(isa.OpExit, 0, 0, 0, 0))
		m := verifier.Map{Name: "rodata", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: maps.RdonlyProg, Contents: []byte{7, 0, 0, 0, 0, 0, 0, 0}}
		is := m
		is.Contents = make([]byte, 8)
		spec := verifier.Spec{Name: "divide", Type: progtype.XDP, GPL: true, Insns: insns, Maps: []*verifier.Map{&m}}
		proof, err := verifier.Verify(&spec, verifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !proof.Fact(4).Has(verifier.NonZero) {
			t.Fatalf("%s: nothing is said of the divisor: the test shows nothing", op)
		}
		truly := spec
		truly.Maps = []*verifier.Map{&is}
		s, err := r.link(&truly, proof, jit.Config{}, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !s.begin(false) {
			t.Fatal("no input")
		}
		s.run()
		want := uint64(0)
		if a := op.Info().AluOp; a == isa.AluMod || a == isa.AluSmod {
			want = 100
		}
		if s.trap != nil || s.res.R0 != want {
			t.Errorf("%s by 0: r0 %d, trap %v, want %d", op, s.res.R0, s.trap, want)
		}
		r.release(s.soundSubject)
	}
}
