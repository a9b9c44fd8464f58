package conformance

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// EngineCampaign runs generated programs that the verifier accepts in several engines, from the same inputs and map
// contents, and compares what they leave: R0, packet, context, map values, traps, and between gbpf's engines fuel and all
// of guest memory.
type EngineCampaign struct {
	Seed     uint64
	First    uint64        // number of the first program
	Programs int           // how many; 0 for as many as Time allows
	Time     time.Duration // 0 for as long as Programs take
	// Engines are compared with the interpreter, which always runs.
	Engines []Engine
	Inputs  int // of a program, 0 for 3
	Corpus  []*fuzzgen.Program
	// Helpers are helpers to call by prototype, see [fuzzgen.Generator].
	Helpers []fuzzgen.Helper
	// Artifacts is a directory to write cases to that differ, "" for none.
	Artifacts string
	// NoShrink keeps programs that differ as they are.
	NoShrink bool
	// Progress, if not nil, is told of each new class.
	Progress func(*EngineClass)
}

// EngineReport is what a campaign did and found.
type EngineReport struct {
	Programs int // made
	Accepted int // by the verifier
	Compared int // programs that ran in all of gbpf's engines asked for
	Runs     int // of those, on an input
	Trapped  int // runs that were stopped, alike
	Stopped  int // runs after which checked mode alone stopped at a misaligned atomic operation, as it is to

	KernelLoaded  int // programs that the kernel took
	KernelRefused int // and that it did not: a matter of verdicts
	KernelRuns    int // compared
	Unsteady      int // runs that depend on addresses, or on chance: not compared with the kernel
	NotCompared   map[string]int
	NotRun        map[string]int // accepted programs that cannot be run here, by reason

	Elapsed time.Duration
	Classes []*EngineClass
}

// EngineClass is a set of differences of one kind.
type EngineClass struct {
	Kind    string // which engines, and what differs
	Count   int
	Example *fuzzgen.Program // the first, shrunk
	Seed    uint64           // of the example's inputs
	Text    string           // how the example differs
}

// String is the class for people.
func (c *EngineClass) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d times\n  %s\n  program %d of seed %d, shrunk:\n", c.Kind, c.Count, c.Text, c.Example.Number, c.Example.Seed)
	for line := range strings.Lines(c.Example.String()) {
		b.WriteString("    " + line)
	}
	return b.String()
}

// Count returns how many programs differ.
func (r *EngineReport) Count() (n int) {
	for _, c := range r.Classes {
		n += c.Count
	}
	return n
}

// Summary is the counts in a few lines.
func (r *EngineReport) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d programs in %.1f s, %d accepted, %d compared in %d runs, %d of which were stopped; %d stopped in checked mode only, at a misaligned atomic operation\n",
		r.Programs, r.Elapsed.Seconds(), r.Accepted, r.Compared, r.Runs, r.Trapped, r.Stopped)
	if r.KernelLoaded > 0 {
		fmt.Fprintf(&b, "kernel: %d programs loaded, %d refused, %d runs compared, %d not since they depend on addresses or on chance\n",
			r.KernelLoaded, r.KernelRefused, r.KernelRuns, r.Unsteady)
		countsByReason(&b, "not compared", r.NotCompared)
	}
	countsByReason(&b, "not run", r.NotRun)
	fmt.Fprintf(&b, "differences: %d of %d kinds\n", r.Count(), len(r.Classes))
	return b.String()
}

// countsByReason prints reasons, the most frequent first, and the rare ones together.
func countsByReason(b *strings.Builder, what string, counts map[string]int) {
	var reasons []string
	for why := range counts {
		reasons = append(reasons, why)
	}
	slices.SortFunc(reasons, func(x, y string) int { return cmp.Or(counts[y]-counts[x], strings.Compare(x, y)) })
	rest := 0
	for i, why := range reasons {
		if i >= 8 {
			rest += counts[why]
			continue
		}
		fmt.Fprintf(b, "  %s: %7d %s\n", what, counts[why], why)
	}
	if rest > 0 {
		fmt.Fprintf(b, "  %s: %7d other reasons\n", what, rest)
	}
}

// engines runs programs in the engines that are compared.
type engines struct {
	list   []Engine // of gbpf, the interpreter first
	rigs   []*engineRig
	kernel *engineKernel
	inputs int
	report *EngineReport
	used   int    // programs since the rigs were made
	plain  bool   // give programs inputs that the kernel takes, whether it does or not
	junk   uint64 // what the shifted engine finds in fresh memory
}

// rigPrograms is how many programs a rig runs before it is made anew: its memory fills up with maps.
const rigPrograms = 200_000

func newEngines(list []Engine, inputs int, report *EngineReport) (*engines, error) {
	e := &engines{list: []Engine{EngineInterp}, inputs: inputs, report: report}
	if inputs == 0 {
		e.inputs = 3
	}
	for _, one := range list {
		switch one {
		case EngineInterp:
		case EngineJIT:
			if err := jitAvailable(); err != nil {
				return nil, err
			}
			e.list = append(e.list, one)
		case EngineChecked:
			e.list = append(e.list, one)
		case EngineKernel:
			k, err := newEngineKernel()
			if err != nil {
				return nil, err
			}
			e.kernel = k
		default:
			return nil, fmt.Errorf("engine %q is unknown", one)
		}
	}
	if e.kernel != nil {
		if !slices.Contains(e.list, EngineChecked) {
			e.list = append(e.list, EngineChecked)
		}
		e.list = append(e.list, engineShifted)
	}
	return e, e.renew()
}

// renew makes fresh rigs.
func (e *engines) renew() error {
	e.closeRigs()
	for _, one := range e.list {
		r, err := newEngineRig(one)
		if err != nil {
			return err
		}
		e.rigs = append(e.rigs, r)
	}
	e.used = 0
	return nil
}

func (e *engines) closeRigs() {
	for _, r := range e.rigs {
		_ = r.close()
	}
	e.rigs = e.rigs[:0]
}

func (e *engines) close() {
	e.closeRigs()
	if e.kernel != nil {
		e.kernel.close()
	}
}

// engineDifference is what an input showed.
type engineDifference struct {
	engine Engine // that differs from the interpreter
	text   string
}

// kind is what the difference has in common with others.
func (d *engineDifference) kind() string {
	what, _, _ := strings.Cut(d.text, ":")
	return fmt.Sprintf("%s differs from interp: %s", d.engine, withoutNumbers(what))
}

// compare runs a program in all engines. It returns nil when they agree, or the program cannot be run.
func (e *engines) compare(p *fuzzgen.Program, seed uint64) (*engineDifference, error) {
	spec, err := VerifierSpec(p)
	if err != nil {
		return nil, nil
	}
	for i := range spec.Maps {
		spec.Maps[i] = zeroSeed(spec.Maps[i])
	}
	proof, err := verifier.Verify(spec, verifier.Options{Steps: campaignSteps})
	if err != nil {
		return nil, nil
	}
	e.report.Accepted++
	if e.used++; e.used > rigPrograms {
		if err := e.renew(); err != nil {
			return nil, err
		}
	}
	var kr *kernelRun
	if e.kernel != nil {
		if why := cannotCompare(p); why != "" {
			e.report.NotCompared[why]++
		} else if kr, err = e.kernel.load(p); err != nil {
			return nil, err
		} else if kr == nil {
			e.report.KernelRefused++
		} else {
			e.report.KernelLoaded++
			defer kr.close()
		}
	}
	subjects := make([]*engineSubject, len(e.rigs))
	skipped := ""
	for i, r := range e.rigs {
		// Confinement and passes in all combinations.
		cfg := jit.Config{Confine: jit.Confine(seed % 2)}
		if seed>>1%8 == 7 {
			cfg.Disable = jit.Pass(seed>>4) & jit.AllPasses
		}
		s, err := r.link(spec, proof, cfg, seed, e.junk)
		var skip *ErrSoundSkip
		switch {
		case errors.As(err, &skip):
			skipped = skip.Reason
		case err != nil:
			return &engineDifference{r.engine, "compile: " + err.Error()}, nil
		default:
			subjects[i] = s
			defer r.release(s.soundSubject)
		}
	}
	if skipped != "" {
		e.report.NotRun[skipped]++
		return nil, nil
	}
	e.report.Compared++
	for n := 0; n < e.inputs; n++ {
		d, more, err := e.input(subjects, kr)
		if d != nil && d.engine == EngineKernel {
			same, err := steady(p, seed, e.inputs)
			if err != nil || !same {
				e.report.Unsteady++
				return nil, err
			}
		}
		if d != nil || err != nil || !more {
			return d, err
		}
	}
	return nil, nil
}

// input runs the next input in all engines. more reports whether further ones say anything.
func (e *engines) input(subjects []*engineSubject, kr *kernelRun) (d *engineDifference, more bool, err error) {
	for _, s := range subjects {
		if !s.begin(kr != nil || e.plain) {
			continue
		}
		more = true
	}
	if !more {
		return nil, true, nil
	}
	first := subjects[0]
	if kr != nil {
		if err := kr.set(first); err != nil {
			return nil, false, fmt.Errorf("kernel: %w", err)
		}
	}
	for _, s := range subjects {
		s.run()
	}
	e.report.Runs++
	if first.trap != nil {
		e.report.Trapped++
	}
	for _, s := range subjects[1:] {
		if s.engine == EngineChecked && s.trap != nil && s.trap.Code == trap.Misaligned && (first.trap == nil || first.trap.Code != trap.Misaligned) {
			// Fast engines clear the low bits of the address.
			e.report.Stopped++
			return nil, false, e.renew()
		}
		if s.engine == engineShifted {
			continue
		}
		if why := first.same(s); why != "" {
			return &engineDifference{s.engine, why}, false, e.renew()
		}
	}
	for _, s := range subjects {
		if s.trap != nil {
			s.reset()
		}
	}
	if kr == nil && !e.plain {
		return nil, true, nil
	}
	for _, s := range subjects {
		s.finish()
	}
	if last := subjects[len(subjects)-1]; !first.likeShifted(last) {
		e.report.Unsteady++
		// What the runs left behind differs from now on.
		return nil, false, nil
	}
	if kr == nil {
		return nil, true, nil
	}
	out, err := kr.run(&first.in)
	if err != nil {
		return nil, false, err
	}
	e.report.KernelRuns++
	if why := kr.like(first, out); why != "" {
		return &engineDifference{EngineKernel, why}, false, nil
	}
	return nil, true, nil
}

// steadyTries is how often a program that does something else in the kernel is run with other junk in memory that is not its
// own to know.
const steadyTries = 60

// steady reports whether a program does the same whatever lies in memory that nothing has been written to.
func steady(p *fuzzgen.Program, seed uint64, inputs int) (bool, error) {
	r := newEngineReport()
	e := &engines{list: []Engine{EngineInterp, engineShifted}, inputs: inputs, report: r, plain: true}
	defer e.close()
	for e.junk = 1; e.junk <= steadyTries && r.Unsteady == 0; e.junk++ {
		if err := e.renew(); err != nil {
			return false, err
		}
		if _, err := e.compare(p, seed); err != nil {
			return false, err
		}
	}
	return r.Unsteady == 0 && !discloses(p), nil
}

// discloses reports whether the policy strict finds that a program makes numbers of addresses. Their lowest bits may be the same
// wherever things lie here.
func discloses(p *fuzzgen.Program) bool {
	spec, err := VerifierSpec(p)
	if err != nil {
		return false
	}
	_, err = verifier.Verify(spec, verifier.Options{Steps: campaignSteps, Policy: verifier.PolicyStrict})
	var ve *verifier.Error
	return errors.As(err, &ve) && ve.Code == verifier.CodeLeak
}

// zeroSeed makes the layout of hash maps the same everywhere: programs see where values lie.
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

// inputSeed makes the seed of a program's inputs.
func inputSeed(p *fuzzgen.Program) uint64 { return p.Seed ^ p.Number*0x9e3779b97f4a7c15 }

// Run compares until the programs or the time are used up. The error says that an engine asked for does not work
// here.
func (c *EngineCampaign) Run() (*EngineReport, error) {
	r := newEngineReport()
	e, err := newEngines(c.Engines, c.Inputs, r)
	if err != nil {
		return nil, err
	}
	defer e.close()
	g := &fuzzgen.Generator{Seed: c.Seed, Corpus: c.Corpus, Helpers: c.Helpers}
	start := time.Now()
	for n := uint64(0); (c.Programs == 0 || n < uint64(c.Programs)) && (c.Time == 0 || time.Since(start) < c.Time); n++ {
		p := g.Program(c.First + n)
		r.Programs++
		d, err := e.compare(p, inputSeed(p))
		if errors.Is(err, kernel.ErrTimeout) {
			r.NotCompared["the kernel took too long"]++
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("program %d of seed %d: %w", p.Number, p.Seed, err)
		}
		if d == nil {
			continue
		}
		if err := c.found(r, p, d); err != nil {
			return nil, err
		}
	}
	r.Elapsed = time.Since(start)
	return r, nil
}

func newEngineReport() *EngineReport {
	return &EngineReport{NotCompared: map[string]int{}, NotRun: map[string]int{}}
}

// found files a difference, and shrinks the first of its kind.
func (c *EngineCampaign) found(r *EngineReport, p *fuzzgen.Program, d *engineDifference) error {
	kind := d.kind()
	for _, have := range r.Classes {
		if have.Kind == kind {
			have.Count++
			return nil
		}
	}
	class := &EngineClass{Kind: kind, Count: 1, Example: p, Seed: inputSeed(p), Text: d.text}
	if !c.NoShrink {
		end := time.Now().Add(shrinkTime)
		e, err := newEngines([]Engine{d.engine}, c.Inputs, newEngineReport())
		if err != nil {
			return err
		}
		defer e.close()
		class.Example = fuzzgen.Shrink(p, func(q *fuzzgen.Program) bool {
			if time.Now().After(end) || e.renew() != nil {
				return false
			}
			w, err := e.compare(q, class.Seed)
			if err != nil || w == nil || w.kind() != kind {
				return false
			}
			class.Text = w.text
			return true
		})
	}
	r.Classes = append(r.Classes, class)
	if c.Artifacts != "" {
		name := filepath.Join(c.Artifacts, fmt.Sprintf("seed%d_%d.json", p.Seed, p.Number))
		if err := WriteEngineCase(name, class.Case()); err != nil {
			return err
		}
	}
	if c.Progress != nil {
		c.Progress(class)
	}
	return nil
}
