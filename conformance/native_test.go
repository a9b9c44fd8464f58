package conformance

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
	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

var (
	nativePrograms = flag.Int("native.programs", 1500, "generated programs that TestNative runs in both engines")
	nativeSeed     = flag.Uint64("native.seed", 1, "where they start")
)

// nativeRun is how a run ended, as far as engines must agree.
type nativeRun struct {
	r0, fuel uint64
	trap     string
	memory   []byte
}

// TestNative runs generated programs that the verifier accepts in the interpreter and as machine code, from the same inputs,
// and compares results, packets, contexts, map values, traps and fuel.
func TestNative(t *testing.T) {
	if jit.Arch == "" {
		t.Skip("no machine code is made for this architecture")
	}
	if err := execmem.Probe(); err != nil {
		t.Skipf("no executable memory here: %v", err)
	}
	var rigs [2]*soundRig
	for i := range rigs {
		r, err := newSoundRig()
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		rigs[i] = r
	}
	gen := fuzzgen.Generator{Seed: *nativeSeed}
	accepted, runs, trapped, skipped := 0, 0, 0, 0
	for n := range *nativePrograms {
		p := gen.Program(uint64(n))
		spec, err := VerifierSpec(p)
		if err != nil {
			continue
		}
		for i := range spec.Maps {
			spec.Maps[i] = zeroSeed(spec.Maps[i])
		}
		proof, err := verifier.Verify(spec, verifier.Options{Steps: 20_000})
		if err != nil {
			continue
		}
		accepted++
		cfg := jit.Config{Mask: rigs[1].mem.Mask(), Confine: jit.Confine(n % 2)}
		a, err := rigs[0].play(spec, proof, nil, uint64(n))
		var skip *ErrSoundSkip
		if errors.As(err, &skip) {
			rigs[1].play(spec, proof, nil, uint64(n)) // the rigs keep one history
			skipped++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := rigs[1].play(spec, proof, &cfg, uint64(n))
		if err != nil {
			t.Fatalf("program %d: %v\n%s", n, err, strings.Join(disasm(spec.Insns), "\n"))
		}
		runs += len(a)
		for i := range a {
			x, y := &a[i], &b[i]
			if x.trap != "" {
				trapped++
			}
			if x.r0 != y.r0 || x.fuel != y.fuel || x.trap != y.trap {
				t.Fatalf("program %d, input %d: interpreter r0 %#x, fuel %d, %q; machine code r0 %#x, fuel %d, %q\n%s",
					n, i, x.r0, x.fuel, x.trap, y.r0, y.fuel, y.trap, numbered(spec))
			}
			if !bytes.Equal(x.memory, y.memory) {
				k := 0
				for x.memory[k] == y.memory[k] {
					k++
				}
				t.Fatalf("program %d, input %d: byte %#x of %#x of the memory differs: %x, %x\n%s", n, i, k, len(x.memory), x.memory[k:min(k+16, len(x.memory))], y.memory[k:min(k+16, len(y.memory))], numbered(spec))
			}
		}
	}
	t.Logf("%d programs accepted of %d, %d not run, %d runs compared, %d of them trapped", accepted, *nativePrograms, skipped, runs, trapped)
	if runs < *nativePrograms/10 {
		t.Errorf("only %d runs", runs)
	}
}

func numbered(spec *verifier.Spec) string {
	var b strings.Builder
	for pc, l := range disasm(spec.Insns) {
		fmt.Fprintf(&b, "%4d: %s\n", pc, l)
	}
	return b.String()
}

// zeroSeed makes the layout of hash maps the same in both rigs: programs see where values lie.
func zeroSeed(m *verifier.Map) *verifier.Map {
	c := *m
	switch c.Type {
	case maps.Hash, maps.LRUHash, maps.PerCPUHash, maps.LRUPerCPUHash:
		c.Flags |= maps.ZeroSeed
	}
	if c.Inner != nil {
		c.Inner = zeroSeed(c.Inner)
	}
	return &c
}

// play runs a program on a few inputs, as machine code if cfg is not nil.
func (r *soundRig) play(spec *verifier.Spec, proof *verifier.Proof, cfg *jit.Config, seed uint64) ([]nativeRun, error) {
	rng := rand.New(rand.NewPCG(seed, 5))
	sub, err := r.prepare(spec, rng)
	if err != nil {
		return nil, err
	}
	defer r.release(sub)
	code, err := interp.New(interp.Source{
		Name: spec.Name, Type: spec.Type, Attach: spec.Attach, GPL: spec.GPL, Proof: proof, Maps: r.table,
		Map:   func(i uint32) *maps.Map { return sub.maps[i].m },
		Const: sub.constant, Helper: sub.helper, ByID: func(uint64) *helpers.Helper { return nil },
	})
	if err != nil {
		return nil, &ErrSoundSkip{err.Error()}
	}
	if cfg != nil {
		if err := code.Compile(*cfg); err != nil {
			return nil, err
		}
	}
	for _, m := range sub.maps {
		if m.m.Type() == maps.ProgArray {
			for i := range m.m.MaxEntries() {
				if m.m.Prog(i) != nil {
					m.m.Put(i, soundTail{code})
				}
			}
		}
	}
	var out []nativeRun
	for range 3 {
		st := r.state(rng)
		if !sub.setup(st, rng) {
			continue
		}
		r1, r2 := st.Bctx.Entry()
		res, tr := st.Run(context.Background(), code, interp.Mode{Native: cfg != nil}, 1<<18, r1, r2)
		run := nativeRun{r0: res.R0, fuel: res.Fuel}
		if tr != nil {
			run.trap = tr.Error()
		}
		slot := st.Slot()
		b := slot.Region.Bytes()
		stack := slot.Stack - slot.Region.Addr
		run.memory = append(run.memory, b[:stack]...)
		run.memory = append(run.memory, b[stack+guest.MaxFrames*guest.FrameStride:]...)
		for _, m := range append(sub.maps, sub.inner...) {
			if m.region != nil {
				run.memory = append(run.memory, m.region.Bytes()...)
			}
		}
		out = append(out, run)
	}
	return out, nil
}
