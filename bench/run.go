package bench

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gbpf/gbpf/vm"
)

// Config is what is measured. The zero value is everything, in some minutes.
type Config struct {
	// Filter selects programs by name or kind, and sections by ID; nil for all.
	Filter *regexp.Regexp
	// Against names the engines beside gbpf's machine code and native code, with which results are compared; nil for all.
	Against []string
	// Placements is at how many addresses code is measured, 0 for 8, or 4 if Quick. Of the kernel's code there are
	// 5 at most, or 2 if Quick.
	Placements int
	// Quick measures in less than a minute.
	Quick bool
	// Seed orders the measurements.
	Seed uint64
	// Command is what the report says to have been called.
	Command string
	// Progress is told what is being done; nil for nobody.
	Progress io.Writer
}

// Against are the engines that gbpf's machine code can be measured against.
var Against = []string{EngineKernel, EngineNative, EngineWazero, EngineInterp}

// session is a run in progress.
type session struct {
	Config
	effort
	rand    *rand.Rand
	report  *Report
	engines []engine
	kernel  *kernelEngine // nil where there is none
	why     string        // there is none
	micro   *micro        // once it is loaded
	begin   time.Time
}

// Run measures. An engine that the machine lacks is absent from the report, with the reason; the error says what else went wrong.
func Run(c Config) (*Report, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := &session{Config: c, rand: rand.New(rand.NewPCG(c.Seed, 2)), effort: effort{placements: 8, rounds: 4, slice: 3 * time.Millisecond}}
	if c.Quick {
		s.effort = effort{placements: 4, rounds: 2, slice: time.Millisecond, quick: true}
	}
	if c.Placements > 0 {
		s.placements = c.Placements
	}
	s.begin = time.Now()
	begin := s.begin
	s.report = &Report{Format: 1, Date: begin.UTC().Truncate(time.Second), Command: c.Command, Geomeans: map[string]*Ratio{}, Kinds: map[string]map[string]*Ratio{}}
	defer func() {
		for _, e := range s.engines {
			e.close()
		}
	}()
	s.start()
	s.report.Machine = machine(s)
	if err := s.programs(); err != nil {
		return nil, err
	}
	for _, sec := range sections {
		if s.Filter != nil && !s.Filter.MatchString(sec.id) {
			continue
		}
		s.progress("%s", sec.id)
		s.until = s.begin.Add(allTime)
		out, err := sec.measure(s)
		if err != nil {
			return nil, fmt.Errorf("bench: section %s: %w", sec.id, err)
		}
		out.ID = sec.id
		s.report.Sections = append(s.report.Sections, out)
	}
	s.report.Seconds = time.Since(begin).Seconds()
	return s.report, nil
}

// After these times measurements do with two rounds, so that the whole ends within ten minutes on a busy machine, too.
const (
	programsTime = 4 * time.Minute
	allTime      = 7 * time.Minute
)

func (s *session) progress(format string, args ...any) {
	if s.Progress != nil {
		fmt.Fprintf(s.Progress, "%4.0f s  %s\n", time.Since(s.begin).Seconds(), fmt.Sprintf(format, args...))
	}
}

// start makes the engines.
func (s *session) start() {
	names := []string{EngineJIT, EngineKernel, EngineNative, EngineScalar, EngineWazero, EngineInterp}
	for _, name := range names {
		if s.Against != nil && name != EngineJIT && name != EngineNative && !slices.Contains(s.Against, strings.TrimSuffix(name, "-novec")) {
			continue
		}
		e, err := newEngine(name)
		if err == nil {
			s.progress("preparing %s", name)
			err = e.prepare(s.placements)
			s.engines = append(s.engines, e)
		}
		if err != nil {
			s.report.Absent = append(s.report.Absent, Absent{name, err.Error()})
			if name == EngineKernel {
				s.why = err.Error()
			}
			continue
		}
		if k, ok := e.(*kernelEngine); ok {
			s.kernel = k
		}
		s.report.Engines = append(s.report.Engines, name)
	}
	if s.kernel == nil && s.why == "" {
		s.why = "not asked for: see --against"
	}
}

func (s *session) present(name string) bool { return slices.Contains(s.report.Engines, name) }

// programs measures the section of run times.
func (s *session) programs() error {
	counter, err := newCounter()
	if err != nil {
		return err
	}
	defer counter.Close()
	for _, p := range programs() {
		if s.Filter != nil && !s.Filter.MatchString(p.Name) && !s.Filter.MatchString(p.Kind) {
			continue
		}
		s.progress("program %s", p.Name)
		s.until = s.begin.Add(programsTime)
		res, err := s.program(counter, p)
		if err != nil {
			return fmt.Errorf("bench: program %s: %w", p.Name, err)
		}
		s.report.Programs = append(s.report.Programs, *res)
	}
	s.report.geomeans()
	return nil
}

// program measures one program in every engine. Its instructions are counted in m.
func (s *session) program(m *vm.Machine, p *Program) (*Result, error) {
	insns, err := p.Insns()
	if err != nil {
		return nil, err
	}
	res := &Result{Name: p.Name, Kind: p.Kind, About: p.About, Insns: len(insns), Samples: map[string]Samples{}, Missing: map[string]string{}}
	if res.Native, err = nativeInsns(m, p); err != nil {
		return nil, err
	}
	ready := map[string][]*contestant{}
	for _, e := range s.engines {
		if !s.present(e.name()) {
			continue
		}
		list, err := s.load(e, p)
		if errors.Is(err, errAbsent) {
			res.Missing[e.name()] = strings.TrimPrefix(err.Error(), errAbsent.Error()+": ")
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name(), err)
		}
		ready[e.name()] = list
	}
	if err := judge(res, ready); err != nil || res.Void != "" {
		return res, err
	}
	var all []*contestant
	samples := map[string]*Samples{}
	for name, list := range ready {
		samples[name] = list[0].samples
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b *contestant) int { return a.placement - b.placement })
	compete(all, s.effort, s.rand)
	for name, v := range samples {
		res.Samples[name] = *v
	}
	return res, firstError(all)
}

// load loads a program at every placement of an engine.
func (s *session) load(e engine, p *Program) ([]*contestant, error) {
	var list []*contestant
	n := s.placements
	if e.name() == EngineKernel {
		n = min(n, s.kernelPlacements())
	}
	samples := make(Samples, n)
	for i := range n {
		r, err := e.load(p, i)
		if err != nil {
			return nil, err
		}
		list = append(list, &contestant{runner: r, placement: i, samples: &samples})
	}
	return list, nil
}

// judge runs every program once and holds results against those of native code, or of the interpreter where there
// is none.
func judge(res *Result, ready map[string][]*contestant) error {
	var ret uint32
	var data []byte
	var by string
	for _, name := range []string{EngineNative, EngineInterp, EngineKernel, EngineJIT, EngineScalar, EngineWazero} {
		for _, c := range ready[name] {
			got, out, err := c.first()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if by == "" {
				ret, data, by = got, out, name
			}
			if d := differs(by, ret, got, data, out); d != "" {
				res.Void = name + " " + d
				return nil
			}
		}
	}
	return nil
}

// geomeans compares machine code with each engine.
func (r *Report) geomeans() {
	for _, name := range r.Engines {
		if name == EngineJIT {
			continue
		}
		var all []pair
		kinds := map[string][]pair{}
		for _, p := range r.Programs {
			a, b := p.Samples[EngineJIT], p.Samples[name]
			if a == nil || b == nil || p.Void != "" {
				continue
			}
			kinds[p.Kind] = append(kinds[p.Kind], pair{a, b})
			if p.Kind != KindMap && p.Kind != KindHelper {
				all = append(all, pair{a, b})
			}
		}
		if g := ratio(all); g != nil {
			r.Geomeans[name] = g
		}
		for kind, pairs := range kinds {
			if r.Kinds[kind] == nil {
				r.Kinds[kind] = map[string]*Ratio{}
			}
			r.Kinds[kind][name] = ratio(pairs)
		}
	}
}
