package conformance

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/internal/kernel"
)

// inKernel plays a scenario in the live kernel.
func inKernel(spec *ebpf.CollectionSpec, s scenario) (*outcome, error) {
	spec, err := prepare(spec, s)
	if err != nil {
		return nil, err
	}
	out := &outcome{Name: s.name}
	err = kernel.OnCPU(func(cpu int) error {
		o, err := kernel.LoadObject(spec, false)
		if err != nil {
			return err
		}
		defer o.Close()
		for _, e := range s.fill {
			m := o.Maps[e.mapName]
			if m == nil {
				return fmt.Errorf("no map %q", e.mapName)
			}
			if err := m.Update(e.key, fillValue(m.Type(), e.value, kernel.PossibleCPUs()), ebpf.UpdateAny); err != nil {
				return err
			}
		}
		drain, err := kernelEvents(o)
		if err != nil {
			return err
		}
		for _, r := range s.runs {
			name := r.prog
			if r.twin != "" {
				name = r.twin
			}
			p := o.Programs[name]
			if p == nil {
				return fmt.Errorf("no program %q", name)
			}
			for _, in := range r.inputs {
				got, err := runInKernel(p, in)
				if err != nil {
					return fmt.Errorf("%s on %q: %w", name, in.name, err)
				}
				one := &runOutcome{Prog: r.prog, Input: in.name, Refuse: got.ErrnoName}
				if got.Errno == 0 {
					one.Retval, one.Data, one.Ctx = got.Retval, got.Data, got.Ctx
				}
				if r.twin != "" {
					one.Ctx = nil // the twin's context is its own
				}
				normalise(in, one)
				out.Runs = append(out.Runs, one)
			}
		}
		if out.Events, err = drain(); err != nil {
			return err
		}
		dump, err := o.Dump(cpu)
		if err != nil {
			return err
		}
		out.Maps = map[string][]mapElem{}
		for name, all := range dump {
			out.Maps[name] = elems(all)
		}
		return nil
	})
	return out, err
}

func runInKernel(p *ebpf.Program, in input) (*kernel.Output, error) {
	k := kernel.Input{Data: in.data, Ctx: in.ctx, CtxOut: in.data != nil && in.ctx != nil}
	if in.data == nil {
		k.DataOut = -1
	}
	return kernel.TestRun(p.FD(), k)
}

// prepare copies the spec with the scenario's constants set.
func prepare(spec *ebpf.CollectionSpec, s scenario) (*ebpf.CollectionSpec, error) {
	spec = spec.Copy()
	for name, v := range s.consts {
		if name == "conf" { // static in xdp-dispatcher, so not a variable
			m := spec.Maps[".rodata"]
			m.Contents = []ebpf.MapKV{{Key: uint32(0), Value: v}}
			continue
		}
		x := spec.Variables[name]
		if x == nil {
			return nil, fmt.Errorf("no variable %q", name)
		}
		if err := x.Set(v); err != nil {
			return nil, err
		}
	}
	return spec, nil
}

// fillValue is v once for each CPU in per-CPU maps.
func fillValue(t ebpf.MapType, v []byte, cpus int) any {
	switch t {
	case ebpf.PerCPUArray, ebpf.PerCPUHash, ebpf.LRUCPUHash:
		var all [][]byte
		for range cpus {
			all = append(all, v)
		}
		return all
	}
	return v
}
