package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// SoundnessCampaign runs generated programs that the verifier accepts on random inputs, and
// holds the runs against what it said.
type SoundnessCampaign struct {
	Seed  uint64
	First uint64 // number of the first program
	// Programs is how many programs are made, 0 for as many as Time allows; Time 0 for as long as
	// Programs take.
	Programs int
	Time     time.Duration
	// Options are those of the verification. Steps is 20,000 unless given, for programs that take
	// longer are more of the same, and less for every fourth program.
	Options verifier.Options
	// Inputs is how many inputs a program is run on, 0 for 500.
	Inputs int
	Corpus []*fuzzgen.Program       // programs to mutate
	Levels func(*fuzzgen.Generator) // changes the generator, such as its mix of levels
	// NoShrink keeps programs as they are.
	NoShrink bool
	// Progress, if not nil, is told of each new class of violation.
	Progress func(*SoundnessClass)
}

// SoundnessReport is what a campaign did and found.
type SoundnessReport struct {
	SoundnessStats
	Elapsed time.Duration
	Verify  time.Duration // of that, inside the verifier
	Classes []*SoundnessClass
	Skipped map[string]int // programs that cannot be run here, by reason
}

// SoundnessClass is a set of violations of one kind.
type SoundnessClass struct {
	Kind      string
	Count     int
	Example   *fuzzgen.Program // the first, shrunk
	Violation *Violation       // of the example
}

// String is what the command prints.
func (r *SoundnessReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "soundness: %d programs, %d accepted, %d traced, %d program-input pairs in %v\n",
		r.Programs, r.Accepted, r.Traced, r.Pairs, r.Elapsed.Round(time.Second))
	fmt.Fprintf(&b, "checked:   %d instructions, %d registers, %d facts; %d runs out of fuel, %d misaligned, %d too deep, %d instructions without complete trace, %d registers of unknown objects, %d too long for a trace\n",
		r.Insns, r.Registers, r.Facts, r.OutOfFuel, r.Misaligned, r.TooDeep, r.Incomplete, r.Unknown, r.Differ)
	var reasons []string
	for why, n := range r.Skipped {
		reasons = append(reasons, fmt.Sprintf("%6d %s", n, why))
	}
	slices.Sort(reasons)
	slices.Reverse(reasons)
	for _, line := range reasons {
		fmt.Fprintf(&b, "not run:   %s\n", line)
	}
	n := 0
	for _, c := range r.Classes {
		n += c.Count
	}
	fmt.Fprintf(&b, "violations: %d of %d kinds\n", n, len(r.Classes))
	for _, c := range r.Classes {
		fmt.Fprintf(&b, "\n%s, %d times; program %d of seed %d:\n%s", c.Kind, c.Count, c.Example.Number, c.Example.Seed, c.Violation.Report())
	}
	return b.String()
}

// campaignSteps is how many instructions a walk may process unless options say otherwise.
const campaignSteps = 20_000

// Run makes and runs programs until they or the time are used up.
func (c *SoundnessCampaign) Run() (*SoundnessReport, error) {
	s, err := NewSoundness()
	if err != nil {
		return nil, err
	}
	defer func() { s.Close() }()
	s.Options = c.Options
	inputs := c.Inputs
	if inputs == 0 {
		inputs = 500
	}
	if s.Options.Steps == 0 {
		s.Options.Steps = campaignSteps
	}
	g := &fuzzgen.Generator{Seed: c.Seed, Corpus: c.Corpus}
	if c.Levels != nil {
		c.Levels(g)
	}
	rep := &SoundnessReport{Skipped: map[string]int{}}
	start := time.Now()
	for n := uint64(0); (c.Programs == 0 || n < uint64(c.Programs)) && (c.Time == 0 || time.Since(start) < c.Time); n++ {
		p := g.Program(c.First + n)
		v, err := c.check(s, p, inputs)
		if err != nil {
			var skip *ErrSoundSkip
			if !errors.As(err, &skip) {
				return nil, err
			}
			rep.Skipped[skip.Reason]++
		}
		if v == nil {
			continue
		}
		if err := c.found(rep, p, v, inputs, s.Options); err != nil {
			return nil, err
		}
		// What the run left may be anything: the next one begins afresh.
		stats, options := s.Stats, s.Options
		s.Close()
		if s, err = NewSoundness(); err != nil {
			return nil, err
		}
		s.Options, s.Stats = options, stats
	}
	rep.SoundnessStats, rep.Elapsed = s.Stats, time.Since(start)
	return rep, nil
}

// check checks one program. What is no program to the decoder is not one to the verifier.
func (c *SoundnessCampaign) check(s *Soundness, p *fuzzgen.Program, inputs int) (*Violation, error) {
	spec, err := VerifierSpec(p)
	if err != nil {
		s.Stats.Programs++
		return nil, nil
	}
	if old := s.Options.Steps; c.Options.Steps == 0 && p.Number%4 == 3 {
		// So few that states have to be joined now and then.
		s.Options.Steps = 100 << (p.Number >> 2 % 4)
		defer func() { s.Options.Steps = old }()
	}
	v, err := s.Check(spec, p.Seed^p.Number*0x9e3779b97f4a7c15, inputs)
	return v.Violation, err
}

// found files a violation, and shrinks the first of its kind.
func (c *SoundnessCampaign) found(rep *SoundnessReport, p *fuzzgen.Program, v *Violation, inputs int, options verifier.Options) error {
	kind := v.Kind
	if v.Insn >= 0 && v.Insn < len(v.Disasm) && v.Kind != "register" && p.Insns != nil && v.Insn < len(p.Insns) {
		if in := p.Insns[v.Insn]; in.Op == isa.OpCallHelper {
			kind += fmt.Sprintf(", helper %d", in.Imm)
		}
	}
	for _, have := range rep.Classes {
		if have.Kind == kind {
			have.Count++
			return nil
		}
	}
	class := &SoundnessClass{Kind: kind, Count: 1, Example: p, Violation: v}
	if !c.NoShrink {
		s, err := NewSoundness()
		if err != nil {
			return err
		}
		defer func() { s.Close() }()
		s.Options = options
		keep := func(q *fuzzgen.Program) bool {
			w, err := c.check(s, q, inputs)
			if w == nil || err != nil || w.Kind != v.Kind {
				return false
			}
			s.Close()
			if s, err = NewSoundness(); err != nil {
				return false
			}
			s.Options = options
			class.Violation = w
			return true
		}
		class.Example = fuzzgen.Shrink(p, keep)
		if w, err := c.check(s, class.Example, inputs); err == nil && w != nil {
			class.Violation = w
		}
	}
	rep.Classes = append(rep.Classes, class)
	if c.Progress != nil {
		c.Progress(class)
	}
	return nil
}
