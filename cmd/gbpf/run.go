package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
	"github.com/gbpf/gbpf/vm"
)

type runFlags struct {
	program   string
	packets   []string
	pcap      string
	data      string
	ctx       []string
	maps      []string
	vars      []string
	kconfig   []string
	kernelBTF string
	engine    string
	policy    string
	memory    string
	repeat    int
	fuel      uint64
	timeout   time.Duration
	cpus      int
	dumpMaps  bool
	trace     bool
	json      bool
}

func runCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run OBJ",
		Short: "Run a program of an object on packets, data or a context",
		Long: "Run loads an object, runs one of its programs on each input and prints what came of it. The program is verified first,\n" +
			"see gbpf verify; --policy sandboxed runs what the verifier refuses, with every access checked.\n\n" + mapHelp +
			"\n\nExit status: 0 it ran, 1 it was stopped by a trap, 2 the command or the object is wrong.",
		Example: "  gbpf run filter.o --packet 'ffffffffffff 020000000001 0800 ...' --dump-maps\n" +
			"  gbpf run filter.o --program xdp_main --pcap trace.pcap --map 'ports:80=1' --json\n" +
			"  gbpf run probe.o --ctx di=42",
		Args: oneObject,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.program, "program", "p", "", "the program's `name`; not needed when there is one")
	fl.StringArrayVar(&f.packets, "packet", nil, "a packet in `hex`; may be given more than once")
	fl.StringVar(&f.pcap, "pcap", "", "a pcap or pcapng `file`: run on each of its packets")
	fl.StringVar(&f.data, "data", "", "a `file` with the input's bytes, - for standard input")
	fl.StringArrayVar(&f.ctx, "ctx", nil, "a context field as `field=value`, such as ingress_ifindex=2 or cb[1]=7")
	fl.StringArrayVar(&f.maps, "map", nil, "a map's entry as `NAME:key=value`, see above")
	fl.StringArrayVar(&f.vars, "var", nil, "a global variable as `NAME=VALUE`, set before loading")
	fl.StringArrayVar(&f.kconfig, "kconfig", nil, "a .kconfig variable as `NAME=VALUE`")
	fl.StringVar(&f.kernelBTF, "kernel-btf", "", "types for CO-RE: a BTF `file`, or vmlinux for this machine's kernel")
	fl.StringVar(&f.engine, "engine", "interp", "the engine: jit, which is machine code and does not count instructions, interp, or checked, which holds each access of a proven program against what is there, too")
	fl.StringVar(&f.policy, "policy", "linux", "what is accepted: linux, strict or sandboxed")
	fl.StringVar(&f.memory, "memory-limit", "256M", "guest memory, in bytes or with K, M, G")
	fl.IntVar(&f.repeat, "repeat", 1, "how often to run on each input; the report is of the last run, with the mean time")
	fl.Uint64Var(&f.fuel, "fuel", 0, "fuel of a run, in units of at least one instruction (default 2^30)")
	fl.DurationVar(&f.timeout, "timeout", 10*time.Second, "time limit of a run, 0 for none")
	fl.IntVar(&f.cpus, "cpus", 1, "simulated CPUs")
	fl.BoolVar(&f.dumpMaps, "dump-maps", false, "print maps, variables, and records of ring buffers and perf events")
	fl.BoolVar(&f.trace, "trace", false, "with --json, add what trace_printk wrote; reports always have it")
	fl.BoolVar(&f.json, "json", false, "print one JSON object a run, on a line")
	return cmd
}

// check validates the flags that need no file.
func (f *runFlags) check() (o vm.Options, err error) {
	switch f.engine {
	case "jit":
		o.Engine = vm.EngineJIT
	case "interp":
		o.Engine = vm.EngineInterp
	case "checked":
		o.Checked = true
	default:
		return o, fmt.Errorf("--engine %s: no such engine: want jit, interp or checked", f.engine)
	}
	if f.repeat < 1 {
		return o, fmt.Errorf("--repeat %d: want at least 1", f.repeat)
	}
	if f.timeout < 0 {
		return o, fmt.Errorf("--timeout %s: want a positive time such as 2s, or 0 for none", f.timeout)
	}
	if f.cpus < 1 || f.cpus > vm.MaxCPUs {
		return o, fmt.Errorf("--cpus %d: want 1 to %d", f.cpus, vm.MaxCPUs)
	}
	o.CPUs = f.cpus
	if o.Policy, err = vm.ParsePolicy(f.policy); err != nil {
		return o, fmt.Errorf("--policy %s: want linux, strict or sandboxed", f.policy)
	}
	if o.MemoryLimit, err = parseSize(f.memory); err != nil {
		return o, fmt.Errorf("--memory-limit: %w", err)
	}
	return o, nil
}

func (f *runFlags) run(cmd *cobra.Command, path string) error {
	vo, err := f.check()
	if err != nil {
		return err
	}
	fields, err := contextFields(f.ctx)
	if err != nil {
		return err
	}
	entries, err := mapEntries(f.maps)
	if err != nil {
		return err
	}
	inputs, err := f.inputs(cmd.InOrStdin())
	if err != nil {
		return err
	}
	spec, opts, err := f.load(path, entries)
	if err != nil {
		return err
	}
	vo.MaxPacket = 1 << 16
	for _, in := range inputs {
		vo.MaxPacket = max(vo.MaxPacket, uint32(len(in.data)))
	}
	s := &session{f: f, spec: spec, fields: fields, out: cmd.OutOrStdout()}
	vo.Env = helpers.NewEnv()
	vo.Env.Trace = func(line string) { s.traced = append(s.traced, line) }
	m, err := vm.NewMachine(vo)
	if err != nil {
		return err
	}
	defer m.Close()
	if s.coll, err = loader.New(m, spec, opts); err != nil {
		return refusalHelp(path, err)
	}
	if err := setMaps(spec, s.coll, entries); err != nil {
		return err
	}
	s.prog = s.coll.Programs[opts.Programs[0]]
	if f.dumpMaps {
		if s.dumper, err = newDumper(spec, s.coll); err != nil {
			return err
		}
		defer s.dumper.close()
	}
	for i, in := range inputs {
		if err := s.runInput(cmd.Context(), in, i == len(inputs)-1); err != nil {
			if in.name != "" {
				return fmt.Errorf("%s: %w", in.name, err)
			}
			return err
		}
	}
	if s.trapped {
		return errTrapped
	}
	return nil
}

// refusalHelp adds to a refusal of the verifier how to see all of it.
func refusalHelp(path string, err error) error {
	var ve *verifier.Error
	if !errors.As(err, &ve) {
		return err
	}
	return fmt.Errorf("%w: see gbpf verify %s --program %s", err, path, ve.Program)
}

// load parses the object and settles what of it to load, the program to run first.
func (f *runFlags) load(path string, entries []mapEntry) (*ebpf.CollectionSpec, *loader.Options, error) {
	spec, err := loader.LoadSpecFile(path)
	if err != nil {
		return nil, nil, err
	}
	name, err := pickProgram(spec, f.program)
	if err != nil {
		return nil, nil, err
	}
	if err := setVariables(spec, f.vars); err != nil {
		return nil, nil, err
	}
	opts := &loader.Options{Programs: []string{name}}
	// Programs that --map puts into prog arrays are loaded too.
	for _, e := range entries {
		if ms := spec.Maps[e.name]; ms != nil && ms.Type == ebpf.ProgramArray && spec.Programs[e.value] != nil {
			opts.Programs = append(opts.Programs, e.value)
		}
	}
	if opts.Kconfig, err = kconfigValues(spec, f.kconfig); err != nil {
		return nil, nil, err
	}
	if opts.KernelBTF, err = kernelBTF(f.kernelBTF); err != nil {
		return nil, nil, err
	}
	return spec, opts, nil
}

// session is a program that is being run.
type session struct {
	f       *runFlags
	spec    *ebpf.CollectionSpec
	coll    *vm.Collection
	prog    *vm.Program
	fields  map[string]uint64
	dumper  *dumper // nil without --dump-maps
	out     io.Writer
	traced  []string
	trapped bool
}

// runInput runs the program on one input as often as wanted and reports. The error is about
// the input, a trap is part of the report.
func (s *session) runInput(ctx context.Context, in input, last bool) error {
	var total time.Duration
	for n := 1; n <= s.f.repeat; n++ {
		r, err := s.once(ctx, in.data)
		if err != nil {
			if err = fieldHelp(s.prog.Type(), err); in.data == nil && s.prog.Type().Packet {
				err = fmt.Errorf("%w: give it with --packet, --pcap or --data", err)
			}
			return err
		}
		s.trapped = s.trapped || r.trap != nil
		total += r.took
		final := n == s.f.repeat
		if s.dumper != nil && (s.f.json || final && last) {
			r.maps = s.dumper.dump()
		}
		if s.f.json {
			if err := r.json(s.out, s.f.trace); err != nil {
				return err
			}
			continue
		}
		if !final {
			continue
		}
		if in.name != "" {
			fmt.Fprintf(s.out, "%s, %s: ", in.name, plural(len(in.data), "byte"))
		}
		r.text(s.out, s.mapName)
		if n > 1 {
			fmt.Fprintf(s.out, "%d runs, %v each\n", n, total/time.Duration(n))
		}
	}
	return nil
}

func (s *session) mapName(handle uint32) string {
	for name, m := range s.coll.Maps {
		if m.Handle() == uint64(handle) {
			return name
		}
	}
	return fmt.Sprint(handle)
}

// once runs the program one time.
func (s *session) once(ctx context.Context, data []byte) (*result, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if s.f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.f.timeout)
		defer cancel()
	}
	s.traced = nil
	r := &result{prog: s.prog, in: data, ctx: map[string]uint64{}}
	o := vm.RunOptions{Data: data, Fields: s.fields, FieldsOut: r.ctx, Fuel: s.f.fuel}
	begin := time.Now()
	ret, err := s.prog.Run(ctx, &o)
	r.took = time.Since(begin)
	if err != nil && !errors.As(err, &r.trap) {
		return nil, err
	}
	r.retval, r.out, r.insns, r.fuel, r.redirect, r.traced = ret, o.DataOut, o.Insns, o.FuelUsed, o.Redirect, s.traced
	return r, nil
}

// fieldHelp adds the fields that there are to the error about one that there is not.
func fieldHelp(t *progtype.Type, err error) error {
	var in *progtype.InputError
	if !errors.As(err, &in) || !strings.Contains(in.Reason, "no such field") && !strings.Contains(in.Reason, "is not an input") {
		return err
	}
	var names []string
	for _, f := range t.Ctx.Fields {
		if f.Access&progtype.Settable == 0 {
			continue
		}
		if f.Count > 1 {
			names = append(names, fmt.Sprintf("%s[0..%d]", f.Name, f.Count-1))
			continue
		}
		names = append(names, f.Name)
	}
	if len(names) == 0 {
		return err
	}
	return fmt.Errorf("%w: those that can be set are %s", err, strings.Join(names, ", "))
}
