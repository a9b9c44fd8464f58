package bench

import (
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/vm"
)

// microTimes is how often a program of micro.c does its operation in a run.
const microTimes = 64

// micro holds the programs of micro.c, loaded into gbpf and the kernel with all their maps.
type micro struct {
	gbpf    *gbpf
	coll    []*vm.Collection // by placement
	kernel  []*kernelRunner  // by placement, without a name
	input   []byte
	readers []io.Closer
}

// microPlacements is at how many addresses the small programs are measured: what they call lies where it lies.
const microPlacements = 3

// loadMicro loads micro.c, once a session. Maps hold their elements afterwards.
func (s *session) loadMicro() (*micro, error) {
	if s.micro != nil {
		return s.micro, nil
	}
	m := &micro{gbpf: &gbpf{label: EngineJIT, micro: true}, input: make([]byte, 128)}
	spec, err := loader.LoadSpec(bytes.NewReader(file("micro.o")))
	if err != nil {
		return nil, err
	}
	if err := m.gbpf.prepare(microPlacements); err != nil {
		return nil, err
	}
	s.engines = append(s.engines, m.gbpf) // closed with the others
	for i := range microPlacements {
		coll, err := loader.New(m.gbpf.machines[i], spec, nil)
		if err != nil {
			return nil, err
		}
		m.coll = append(m.coll, coll)
	}
	if s.kernel != nil {
		spec := spec.Copy()
		delete(spec.Programs, "helper_nothing")
		for range min(s.kernelPlacements()/2, s.placements) {
			o, err := s.kernel.object(spec)
			if err != nil {
				return nil, err
			}
			m.kernel = append(m.kernel, &kernelRunner{object: o, fixed: s.kernel.fixed})
		}
	}
	for _, name := range m.names("map_") {
		if !strings.HasSuffix(name, "__update") {
			continue
		}
		for i := range m.coll {
			r, err := m.gbpf.runner(m.coll[i].Programs[name], m.input)
			if err == nil {
				_, _, err = r.first()
			}
			if err != nil {
				return nil, err
			}
		}
		for _, k := range m.kernel {
			r := *k
			r.name, r.in.Data = name, m.input
			if _, _, err := r.first(); err != nil {
				return nil, err
			}
		}
	}
	s.micro = m
	return m, nil
}

// closeReaders lets go of ring buffers, of which each has one reader.
func (m *micro) closeReaders() {
	for _, r := range m.readers {
		r.Close()
	}
	m.readers = nil
}

// names lists the programs with a prefix.
func (m *micro) names(prefix string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m.coll[0].Programs)) {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// contest makes contestants of a program in both engines; kernel's samples are nil where there is no kernel.
func (m *micro) contest(name string) (cs []*contestant, ours, kernels *Samples, err error) {
	s := make(Samples, len(m.coll))
	ours = &s
	for i, c := range m.coll {
		r, err := m.gbpf.runner(c.Programs[name], m.input)
		if err != nil {
			return nil, nil, nil, err
		}
		if strings.Contains(name, "ringbuf") {
			drain, err := m.drainGbpf(i)
			if err != nil {
				return nil, nil, nil, err
			}
			r = &drained{r, drain}
		}
		cs = append(cs, &contestant{runner: r, placement: i, samples: ours})
	}
	if len(m.kernel) > 0 && name != "helper_nothing" {
		s := make(Samples, len(m.kernel))
		kernels = &s
		for i, k := range m.kernel {
			r := *k
			r.name, r.in.Data = name, m.input
			c := &contestant{runner: &r, placement: i, samples: kernels}
			if strings.Contains(name, "ringbuf") {
				drain, err := m.drainKernel(i)
				if err != nil {
					return nil, nil, nil, err
				}
				c.runner = &drained{&r, drain}
			}
			cs = append(cs, c)
		}
	}
	return cs, ours, kernels, nil
}

// operations fills a section with one row for each program.
func (s *session) operations(sec *Section, names []string, label func(string) string) error {
	m, err := s.loadMicro()
	if err != nil {
		return err
	}
	sec.Columns = []Column{{"gbpf", "ns", true}, {"kernel", "ns", true}, {"gbpf/kernel", "", false}}
	if names == nil {
		names = m.names(sec.ID)
	}
	for _, name := range names {
		if s.quick && (strings.HasPrefix(name, "map_percpu_hash") || strings.HasPrefix(name, "map_lru_percpu") || strings.HasPrefix(name, "map_stack")) {
			continue // much like another
		}
		cs, ours, kernels, err := m.contest(name)
		if err != nil {
			return err
		}
		compete(cs, s.effort, s.rand)
		m.closeReaders()
		if err := firstError(cs); err != nil {
			return err
		}
		a, b := ofSamples(*ours, microTimes), none("no kernel: "+s.why)
		switch {
		case kernels != nil:
			b = ofSamples(*kernels, microTimes)
		case s.kernel != nil:
			b = none("a helper that only this benchmark has")
		}
		sec.add(label(name), a, b, over(a, b))
	}
	return nil
}
