package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/progtype"
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
		Long: "Run loads an object, runs one of its programs and prints what came of it.\n\n" +
			"Exit status: 0 it ran, 1 it was stopped by a trap, 2 the command or the object is wrong.",
		Example: "  gbpf run filter.o --packet 'ffffffffffff 020000000001 0800 ...' --dump-maps\n" +
			"  gbpf run filter.o --program xdp_main --pcap trace.pcap --map 'ports:80=1' --json\n" +
			"  gbpf run probe.o --ctx di=42",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.program, "program", "p", "", "the program's name; not needed when there is one")
	fl.StringArrayVar(&f.packets, "packet", nil, "a packet in hex; may be given more than once")
	fl.StringVar(&f.pcap, "pcap", "", "a pcap or pcapng file: run on each of its packets")
	fl.StringVar(&f.data, "data", "", "a file with the input's bytes, - for standard input")
	fl.StringArrayVar(&f.ctx, "ctx", nil, "a context field as field=value, such as ingress_ifindex=2 or cb[1]=7")
	fl.StringArrayVar(&f.maps, "map", nil, "an entry as NAME:key=value; numbers, hex:BYTES, addresses, {member:value,...}")
	fl.StringArrayVar(&f.vars, "var", nil, "a global variable as NAME=VALUE, set before loading")
	fl.StringArrayVar(&f.kconfig, "kconfig", nil, "a .kconfig variable as NAME=VALUE")
	fl.StringVar(&f.kernelBTF, "kernel-btf", "", "types for CO-RE: a BTF file, or vmlinux for this machine's kernel")
	fl.StringVar(&f.engine, "engine", "interp", "the engine: interp")
	fl.StringVar(&f.policy, "policy", "linux", "what is accepted: linux, strict or sandboxed")
	fl.StringVar(&f.memory, "memory-limit", "256M", "guest memory, in bytes or with K, M, G")
	fl.IntVar(&f.repeat, "repeat", 1, "how often to run on each input")
	fl.Uint64Var(&f.fuel, "fuel", 0, "fuel of a run, in units of at least one instruction (default 2^30)")
	fl.DurationVar(&f.timeout, "timeout", 10*time.Second, "time limit of a run")
	fl.IntVar(&f.cpus, "cpus", 1, "simulated CPUs")
	fl.BoolVar(&f.dumpMaps, "dump-maps", false, "print maps and variables after the last run")
	fl.BoolVar(&f.trace, "trace", false, "print what trace_printk writes (always on without --json)")
	fl.BoolVar(&f.json, "json", false, "print one JSON object a run")
	return cmd
}

func (f *runFlags) run(cmd *cobra.Command, path string) error {
	if f.engine != "interp" {
		return fmt.Errorf("--engine %s: want interp", f.engine)
	}
	if f.repeat < 1 {
		return fmt.Errorf("--repeat %d: want at least 1", f.repeat)
	}
	policy, err := vm.ParsePolicy(f.policy)
	if err != nil {
		return err
	}
	memory, err := parseSize(f.memory)
	if err != nil {
		return fmt.Errorf("--memory-limit: %w", err)
	}
	fields, err := contextFields(f.ctx)
	if err != nil {
		return err
	}
	inputs, err := f.inputs(cmd.InOrStdin())
	if err != nil {
		return err
	}
	spec, err := loader.LoadSpecFile(path)
	if err != nil {
		return err
	}
	name, err := pickProgram(spec, f.program)
	if err != nil {
		return err
	}
	if err := setVariables(spec, f.vars); err != nil {
		return err
	}
	opts := &loader.Options{Programs: []string{name}}
	// Programs that --map puts into prog arrays are loaded too.
	for _, s := range f.maps {
		if _, v, ok := cutTop(s); ok && spec.Programs[v] != nil {
			opts.Programs = append(opts.Programs, v)
		}
	}
	if opts.Kconfig, err = kconfigValues(f.kconfig); err != nil {
		return err
	}
	if opts.KernelBTF, err = kernelBTF(f.kernelBTF); err != nil {
		return err
	}
	largest := 0
	for _, in := range inputs {
		largest = max(largest, len(in))
	}
	env := helpers.NewEnv()
	var traced []string
	env.Trace = func(line string) { traced = append(traced, line) }
	m, err := vm.NewMachine(vm.Options{MemoryLimit: memory, CPUs: f.cpus, MaxPacket: uint32(max(largest, 1<<16)), Policy: policy, Env: env})
	if err != nil {
		return err
	}
	defer m.Close()
	coll, err := loader.New(m, spec, opts)
	if err != nil {
		return err
	}
	if err := setMaps(spec, coll, f.maps); err != nil {
		return err
	}
	prog := coll.Programs[name]
	trapped := false
	for i, data := range inputs {
		for range f.repeat {
			r, err := f.once(cmd.Context(), prog, data, fields)
			if err != nil {
				return fieldHelp(prog.Type(), err)
			}
			trapped = trapped || r.trap != nil
			r.number, r.traced = i+1, traced
			traced = nil
			last := i == len(inputs)-1
			if f.dumpMaps && (last || f.json) {
				r.maps = dumpMaps(spec, coll)
			}
			if f.json {
				err = r.json(cmd.OutOrStdout())
			} else {
				r.text(cmd.OutOrStdout(), len(inputs) > 1)
			}
			if err != nil {
				return err
			}
		}
	}
	if trapped {
		return errTrapped
	}
	return nil
}

// once runs the program on one input. The error is about the input, a trap is part of the
// result.
func (f *runFlags) once(ctx context.Context, prog *vm.Program, data []byte, fields map[string]uint64) (*result, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	r := &result{prog: prog, in: data, ctx: map[string]uint64{}}
	o := vm.RunOptions{Data: data, Fields: fields, FieldsOut: r.ctx, Fuel: f.fuel}
	ret, err := prog.Run(ctx, &o)
	var trap *vm.Trap
	if err != nil && !errors.As(err, &trap) {
		return nil, err
	}
	r.retval, r.trap, r.out, r.insns, r.redirect = ret, trap, o.DataOut, o.Insns, o.Redirect
	return r, nil
}

// fieldHelp adds the fields that there are to the error about one that there is not.
func fieldHelp(t *progtype.Type, err error) error {
	var in *progtype.InputError
	if !errors.As(err, &in) || !strings.Contains(in.Reason, "no such field") {
		return err
	}
	var names []string
	for _, f := range t.Ctx.Fields {
		if f.Access&progtype.Settable != 0 {
			names = append(names, f.Name)
		}
	}
	return fmt.Errorf("%w: those that can be set are %s", err, strings.Join(names, ", "))
}
