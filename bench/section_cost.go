package bench

import (
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/vm"
)

func loadAndRun(m *vm.Machine, p *Program, spec *ebpf.CollectionSpec) error {
	coll, err := loader.New(m, spec, nil)
	if err != nil {
		return err
	}
	defer coll.Close()
	_, _, err = coll.Programs[p.Name].Test(p.Input)
	return err
}

// size measures how time grows with the input.
func (s *session) size() (*Section, error) {
	sec := &Section{
		Title: "Scaling over input size", Note: "l4sum, whose loop holds every two bytes of a packet against its end.",
	}
	engines := []engine{}
	for _, e := range s.engines {
		if s.present(e.name()) && e.name() != EngineInterp && e.name() != EngineScalar && !isMicro(e) {
			engines = append(engines, e)
			sec.Columns = append(sec.Columns, Column{e.name(), "ns", true})
		}
	}
	for _, q := range programs() {
		if q.Name != "l4sum" {
			continue
		}
		for _, n := range []int{64, 128, 256, 512} {
			p := *q
			p.Input = q.Input[:n]
			var all []*contestant
			samples := make([]Samples, len(engines))
			for i, e := range engines {
				r, err := e.load(&p, 0)
				if err != nil {
					return nil, err
				}
				if _, _, err := r.first(); err != nil {
					return nil, err
				}
				samples[i] = make(Samples, 1)
				all = append(all, &contestant{runner: r, samples: &samples[i]})
			}
			compete(all, s.effort, s.rand)
			if err := firstError(all); err != nil {
				return nil, err
			}
			var cells []Cell
			for _, v := range samples {
				cells = append(cells, ofSamples(v, 1))
			}
			sec.add(fmt.Sprintf("%d bytes", n), cells...)
		}
	}
	return sec, nil
}

// isMicro tells the machines of micro.c from the engine of the programs, whose name they share.
func isMicro(e engine) bool {
	g, ok := e.(*gbpf)
	return ok && g.micro
}

// passNames are the optimisations that can be switched off.
var passNames = map[jit.Pass]string{
	jit.PassBranch: "decided branches", jit.PassRotate: "rotations", jit.PassSwap: "byte swaps of loads", jit.PassLea: "moves and additions",
	jit.PassDead: "dead moves", jit.PassInline: "helpers in machine code", jit.PassNear: "small numbers left unconfined",
	jit.PassFold: "sums in addresses", jit.PassWide: "wide loads",
	jit.PassTest: "tests of bits", jit.PassNarrow: "narrow divisions", jit.PassStack: "stack left as it is", jit.PassExtend: "extensions of shifts",
	jit.PassNative: "what the backend fuses",
}

// cost measures what confinement is worth, and each optimisation.
func (s *session) cost() (*Section, error) {
	sec := &Section{
		Title: "What it costs, what it brings",
		Note: "The geometric mean of the time over that of the default, over all programs, and where it is least and most. Above 1 is slower. " +
			"Fuel has no switch: what it costs is in all figures.",
		Columns: []Column{{"time / default", "", true}, {"least", "", false}, {"most", "", false}},
	}
	type choice struct {
		name string
		v    variant
	}
	choices := []choice{{"default", variant{}}, {"unproved accesses confined only", variant{confine: jit.ConfineUnproved}}}
	for bit := jit.Pass(1); bit&jit.AllPasses != 0; bit <<= 1 {
		choices = append(choices, choice{"without " + or(passNames[bit], fmt.Sprintf("pass %#x", uint32(bit))), variant{off: bit}})
	}
	choices = append(choices, choice{"without any pass", variant{off: jit.AllPasses}})
	const placements = 2
	e := s.effort
	e.rounds = min(e.rounds, 6)
	if s.quick {
		e.rounds, e.slice = 2, 400*time.Microsecond
	}
	var engines []*gbpf
	for _, c := range choices {
		g := &gbpf{label: EngineJIT, v: c.v}
		defer g.close()
		if err := g.prepare(placements); err != nil {
			return nil, err
		}
		engines = append(engines, g)
	}
	pairs := make([][]pair, len(choices))
	for _, p := range programs() {
		samples := make([]Samples, len(choices))
		var all []*contestant
		for i, g := range engines {
			samples[i] = make(Samples, placements)
			for k := range placements {
				r, err := g.load(p, k)
				if err != nil {
					return nil, err
				}
				all = append(all, &contestant{runner: r, placement: k, samples: &samples[i]})
			}
		}
		compete(all, e, s.rand)
		if err := firstError(all); err != nil {
			return nil, err
		}
		for i := range choices {
			pairs[i] = append(pairs[i], pair{samples[i], samples[0]})
		}
	}
	for i, c := range choices[1:] {
		var ratios []float64
		for _, p := range pairs[i+1] {
			ratios = append(ratios, p.a.Value()/p.b.Value())
		}
		low, high := bounds(ratios)
		least, most := figure(low), figure(high)
		least.Label, most.Label = programs()[slices.Index(ratios, low)].Name, programs()[slices.Index(ratios, high)].Name
		sec.add(c.name, figure(geomean(ratios)), least, most)
	}
	sec.add("without fuel", none("no switch: fuel is always counted"), none("no switch: fuel is always counted"), none("no switch: fuel is always counted"))
	return sec, nil
}
