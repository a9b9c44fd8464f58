package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/conformance/runner"
)

// errUnequal ends a command that has said already which tests failed.
var errUnequal = errors.New("tests failed")

type conformanceFlags struct {
	engine  string
	arch    string
	foreign string
	json    string
	html    string
	claims  string
	plugin  string
	options []string
	kernel  bool
	list    bool
}

func conformanceCommand() *cobra.Command {
	f := &conformanceFlags{}
	cmd := &cobra.Command{
		Use:   "conformance [DIR...]",
		Short: "Run conformance tests of the instruction set in every engine",
		Long: "Conformance runs tests and counts them by conformance group of RFC 9669, engine and architecture. Without a folder\n" +
			"the tests are gbpf's own suite. With folders they are the .data files in them and below, in the public format:\n" +
			"a program as assembly or as raw instructions, its memory, and the result that is due. A file that cannot be\n" +
			"read is a test that failed, and each test is bounded in time.\n" +
			"\n" +
			"The engines are interp, the interpreter for programs that the verifier proved safe; checked, the interpreter that\n" +
			"holds every access against what it may touch; jit, machine code of proved programs; and sandbox, machine code of\n" +
			"programs of which nothing is proved. A program of a .data file that is not proved safe runs all the same, confined:\n" +
			"in interp it is checked, in jit it is what it is in sandbox.\n" +
			"\n" +
			"The last line counts the results. Exit status: 0 all passed or were skipped, 1 some failed, 2 the command line or\n" +
			"a folder is wrong.",
		Example: "  gbpf conformance\n" +
			"  gbpf conformance --engine jit --arch all --html report.html\n" +
			"  gbpf conformance --kernel\n" +
			"  gbpf conformance tests/ --plugin ./other-plugin --plugin-option --jit",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.OutOrStdout(), args, cmd.Flags().Changed("engine"))
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.engine, "engine", "all", "the `engine`: interp, checked, jit, sandbox or all")
	fl.StringVar(&f.arch, "arch", runtime.GOARCH, "the `architecture`: "+strings.Join(runner.Archs, ", ")+" or all; one that is not this machine's runs in qemu")
	fl.StringVar(&f.foreign, "arch-gbpf", "", "a gbpf `command` built for the other architecture; without, one is built where gbpf's sources are")
	fl.StringVar(&f.json, "json", "", "write every result to a `file`; - for standard output, in place of the table")
	fl.BoolVar(&f.list, "list", false, "print the result of every test before the table")
	fl.StringVar(&f.html, "html", "", "write a report for a browser to a `file`")
	fl.StringVar(&f.claims, "claims", "", "write how much passes in which group, engine and architecture to a `file`")
	fl.StringVar(&f.plugin, "plugin", "", "test another implementation: a `command` that speaks the public suite's protocol")
	fl.StringArrayVar(&f.options, "plugin-option", nil, "an `option` for the plugin")
	fl.BoolVar(&f.kernel, "kernel", false, "run in the live Linux kernel too what it loads, and list the differences; needs the right to call bpf(2)")
	return cmd
}

func (f *conformanceFlags) run(w io.Writer, dirs []string, engineGiven bool) error {
	archs, err := f.archs()
	if err != nil {
		return err
	}
	o := &runner.Options{Source: "gbpf's own suite", Kernel: f.kernel}
	if o.Engines, err = runner.ParseEngine(f.engine); err != nil {
		return fmt.Errorf("--engine: %w", err)
	}
	if len(dirs) > 0 {
		o.Source = strings.Join(dirs, ", ")
		if o.Files, err = runner.Find(dirs); err != nil {
			return err
		}
	}
	switch {
	case f.claims != "" && len(dirs) > 0:
		return errors.New("--claims: claims are of gbpf's own suite: want no folder")
	case f.plugin == "" && f.options != nil:
		return errors.New("--plugin-option: want --plugin too")
	case f.plugin != "" && len(dirs) == 0:
		return errors.New("--plugin: want a folder of tests: gbpf's own suite has more in it than the protocol carries")
	case f.plugin != "":
		if _, err := os.Stat(f.plugin); err != nil {
			return fmt.Errorf("--plugin: %w", err)
		}
	}
	r := &runner.Report{}
	if f.plugin == "" || engineGiven {
		if r, err = f.everywhere(o, dirs, archs); err != nil {
			return err
		}
	}
	if f.plugin != "" {
		r.Host, r.Source = runtime.GOOS+"/"+runtime.GOARCH, o.Source
		r.Process(&runner.Process{Path: f.plugin, Options: f.options}, o.Files)
	}
	r.Version = buildVersion()
	return f.write(w, r)
}

// archs are the architectures that were asked for, this machine's first.
func (f *conformanceFlags) archs() ([]string, error) {
	if f.arch == "all" {
		all := []string{runtime.GOARCH}
		for _, a := range runner.Archs {
			if a != runtime.GOARCH {
				all = append(all, a)
			}
		}
		return all, nil
	}
	if f.arch != runtime.GOARCH && !slices.Contains(runner.Archs, f.arch) {
		return nil, fmt.Errorf("--arch %s: want %s or all", f.arch, strings.Join(runner.Archs, ", "))
	}
	return []string{f.arch}, nil
}

// everywhere runs the tests on the architectures, and in the kernel, which is of this machine's.
func (f *conformanceFlags) everywhere(o *runner.Options, dirs, archs []string) (*runner.Report, error) {
	r := &runner.Report{Host: runtime.GOOS + "/" + runtime.GOARCH, Source: o.Source}
	for _, a := range archs {
		if a == runtime.GOARCH {
			here := runner.Run(o)
			r.Results, r.Notes = append(r.Results, here.Results...), append(r.Notes, here.Notes...)
			continue
		}
		there, err := elsewhere(a, f.foreign, dirs, o)
		if err != nil {
			r.Skip(o, a, err)
			continue
		}
		r.Results = append(r.Results, there.Results...)
	}
	if o.Kernel && !slices.Contains(archs, runtime.GOARCH) {
		return nil, fmt.Errorf("--kernel: the live kernel is of %s: want that architecture too", runtime.GOARCH)
	}
	return r, nil
}

func elsewhere(arch, binary string, dirs []string, o *runner.Options) (*runner.Report, error) {
	there, err := runner.NewForeign(arch, binary)
	if err != nil {
		return nil, err
	}
	defer there.Close()
	return there.Run(dirs, o.Engines)
}

// write writes the report wherever it was asked for.
func (f *conformanceFlags) write(w io.Writer, r *runner.Report) error {
	if f.html != "" {
		if err := writeFile(f.html, r.HTML); err != nil {
			return err
		}
	}
	if f.claims != "" {
		b, err := r.Claims().JSON()
		if err != nil {
			return err
		}
		if err := os.WriteFile(f.claims, b, 0o644); err != nil {
			return err
		}
	}
	if f.list && f.json != "-" {
		if err := r.List(w); err != nil {
			return err
		}
	}
	asJSON := func(w io.Writer) error { return json.NewEncoder(w).Encode(r) }
	var err error
	switch f.json {
	case "-":
		err = asJSON(w)
	case "":
		err = r.Print(w)
	default:
		if err = writeFile(f.json, asJSON); err == nil {
			err = r.Print(w)
		}
	}
	if err == nil && r.Table().Total.Failed > 0 {
		err = errUnequal
	}
	return err
}
