package verifier_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/gbpf/gbpf/conformance"
	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

var (
	soundSeconds = flag.Int("sound.seconds", 0, "how long changed regressions are run, in seconds; 0 for a slice")
	soundSeed    = flag.Uint64("sound.seed", 1, "the seed of changed regressions")
)

// fuzzMap describes a map of the regressions to the generator.
func fuzzMap(m *verifier.Map) *fuzzgen.Map {
	f := &fuzzgen.Map{
		Name: m.Name, Type: uint32(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags,
		Contents: m.Contents, Frozen: m.Contents != nil, Lock: len(m.Fields) > 0,
	}
	if m.Inner != nil {
		f.Inner = fuzzMap(m.Inner)
	}
	return f
}

// regressionPrograms are the bad and the good side of all regressions.
func regressionPrograms(t *testing.T) (list []*fuzzgen.Program) {
	var all []*fuzzgen.Map
	for _, m := range regressMaps {
		all = append(all, fuzzMap(m))
	}
	for i := range regressions {
		r := &regressions[i]
		for _, text := range []string{r.text(r.good), r.text(r.bad), padded(r.text(r.good), 2+i%8), padded(r.text(r.bad), 2+i%8)} {
			insns, err := asm.Parse(text)
			if err != nil {
				t.Fatalf("%s/%s: %v", r.class, r.name, err)
			}
			p := &fuzzgen.Program{
				Number: uint64(len(list)), Type: progtype.XDP.Kernel, Insns: insns, Maps: all, Kfuncs: regressKfuncs,
				Typed: strings.Contains(text, "func "),
			}
			if r.typ != nil {
				p.Type = r.typ.Kernel
			}
			if r.typ == progtype.Syscall {
				p.Flags = fuzzgen.Sleepable
			}
			list = append(list, p)
		}
	}
	return list
}

// TestRegressionRuns runs the safe twins and holds the runs against what the verifier said.
func TestRegressionRuns(t *testing.T) {
	s, err := conformance.NewSoundness()
	if err != nil {
		t.Skipf("no guest memory: %v", err)
	}
	defer s.Close()
	skipped := 0
	for i, p := range regressionPrograms(t) {
		r := &regressions[i/4]
		spec, err := conformance.VerifierSpec(p)
		if err != nil {
			t.Fatal(err)
		}
		spec.Name = r.class + "/" + r.name
		v, err := s.Check(spec, 1, 60)
		switch {
		case err != nil:
			skipped++
		case v.Violation != nil:
			t.Errorf("%s", v.Violation.Report())
		case v.Accepted != (i%2 == 0):
			t.Errorf("%s: accepted is %v", spec.Name, v.Accepted)
		}
	}
	t.Logf("%d programs run, %d have no bodies of their helpers: %d runs, %d instructions, %d registers and %d facts tested",
		s.Stats.Accepted-skipped, skipped, s.Stats.Pairs, s.Stats.Insns, s.Stats.Registers, s.Stats.Facts)
}

// TestRegressionMutants changes the regressions, bad and good, a little, and runs what is accepted.
// With -sound.seconds it is a campaign.
func TestRegressionMutants(t *testing.T) {
	c := &conformance.SoundnessCampaign{
		Seed: *soundSeed, Programs: 3000, Inputs: 40, Corpus: regressionPrograms(t),
		Levels: func(g *fuzzgen.Generator) { g.Levels[fuzzgen.Mutant] = 1 },
	}
	if testing.Short() {
		c.Programs = 500
	}
	if *soundSeconds > 0 {
		c.Programs, c.Time = 0, time.Duration(*soundSeconds)*time.Second
	}
	rep, err := c.Run()
	if err != nil {
		t.Skipf("no guest memory: %v", err)
	}
	if len(rep.Classes) > 0 {
		t.Errorf("%v", rep)
	} else {
		t.Logf("%v", rep)
	}
	if rep.Pairs == 0 {
		t.Error("nothing was run")
	}
}
