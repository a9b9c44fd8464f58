package bench

import (
	"context"
	"strings"

	"github.com/gbpf/gbpf/vm"
)

// entry measures the empty program: what getting in and out costs.
func (s *session) entry() (*Section, error) {
	sec := &Section{
		Title:   "Entry cost",
		Note:    "A program that returns 2, on a packet of 128 bytes. Run times above include what the repeated run and the call take here.",
		Columns: []Column{{"time", "ns", true}},
	}
	m, err := s.loadMicro()
	if err != nil {
		return nil, err
	}
	cs, ours, kernels, err := m.contest("empty")
	if err != nil {
		return nil, err
	}
	one := func(r runner) *Samples {
		out := make(Samples, 1)
		cs = append(cs, &contestant{runner: r, samples: &out})
		return &out
	}
	prog, o := m.coll[0].Programs["empty"], &vm.RunOptions{Data: m.input, NoOutput: true}
	whole := one(loop(func() error { _, err := prog.Run(context.Background(), o); return err }))
	out := &vm.RunOptions{Data: m.input, DataOut: make([]byte, len(m.input))}
	both := one(loop(func() error { _, err := prog.Run(context.Background(), out); return err }))
	var native, wasm, call *Samples
	for _, e := range s.engines {
		switch e := e.(type) {
		case *nativeEngine:
			if native == nil && s.present(e.name()) {
				native = one(&nativeRunner{child: e.children[0], index: e.index["empty"], input: m.input})
			}
		case *wazeroEngine:
			r, err := e.module(file("empty.wasm"), m.input, 0)
			if err != nil {
				return nil, err
			}
			wasm = one(r)
		}
	}
	if len(m.kernel) > 0 {
		r := *m.kernel[0]
		r.name, r.in.Data = "empty", m.input
		call = one(loop(func() error { _, err := r.call(1); return err }))
	}
	for _, c := range cs {
		if n, ok := c.runner.(*nativeRunner); ok {
			if _, _, err := n.first(); err != nil {
				return nil, err
			}
		}
		if w, ok := c.runner.(*wazeroRunner); ok {
			if _, _, err := w.first(); err != nil {
				return nil, err
			}
		}
	}
	compete(cs, s.effort, s.rand)
	if err := firstError(cs); err != nil {
		return nil, err
	}
	row := func(name string, v *Samples, reason string) {
		if v == nil {
			sec.add(name, none(reason))
			return
		}
		sec.add(name, ofSamples(*v, 1))
	}
	row("gbpf, repeated (RunOptions.Repeat)", ours, "")
	row("gbpf, Program.Run", whole, "")
	row("gbpf, Program.Run with the packet back", both, "")
	row("kernel, one BPF_PROG_TEST_RUN", call, "no kernel: "+s.why)
	row("kernel, a repeated BPF_PROG_TEST_RUN", kernels, "no kernel: "+s.why)
	if s.kernel != nil {
		sec.add("kernel, fixed cost of the latter, taken off", figure(float64(s.kernel.fixed)))
	} else {
		sec.add("kernel, fixed cost of the latter, taken off", none("no kernel: "+s.why))
	}
	row("native, a call", native, s.missing(EngineNative))
	row("wazero, Function.CallWithStack", wasm, s.missing(EngineWazero))
	return sec, nil
}

// missing says why there is no engine.
func (s *session) missing(name string) string {
	for _, a := range s.report.Absent {
		if a.Engine == name {
			return name + ": " + a.Reason
		}
	}
	return name + ": not asked for: see --against"
}

func (s *session) helpers() (*Section, error) {
	sec := &Section{
		ID: "helper", Title: "Helpers",
		Note: "One call, of 64 in a loop whose own share is the first line. \"nothing\" is a helper of the host's that does nothing: out of machine code into Go and back.",
	}
	names := []string{"loop"}
	m, err := s.loadMicro()
	if err != nil {
		return nil, err
	}
	names = append(names, m.names("helper_")...)
	return sec, s.operations(sec, names, func(name string) string { return strings.TrimPrefix(name, "helper_") })
}

func (s *session) maps() (*Section, error) {
	sec := &Section{
		ID: "map_", Title: "Map operations",
		Note: "One operation by a program, of 64 in a loop: 64 different keys of 8 bytes (arrays: 4; tries: /24), values of 8 bytes.",
	}
	if s.quick {
		sec.Note += " Types much like another are left out: --quick."
	}
	return sec, s.operations(sec, nil, func(name string) string {
		return strings.ReplaceAll(strings.Replace(strings.TrimPrefix(name, "map_"), "__", ": ", 1), "_and_", " and ")
	})
}
