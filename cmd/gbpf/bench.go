package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/bench"
)

type benchFlags struct {
	filter     string
	against    []string
	json       string
	html       string
	compare    string
	placements int
	seed       uint64
	quick      bool
}

func benchCommand() *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure gbpf beside the kernel, native code and WebAssembly on the same programs",
		Long: "Bench runs small programs, compiled from the same C, in gbpf's engines and in what else this machine has: the live kernel (as\n" +
			"root on Linux), native code (with clang) and WebAssembly. What is missing is absent from the report, with the reason.\n" +
			"Engines take turns, results are compared, and code is measured at several addresses.",
		Example: "  gbpf bench --quick\n  gbpf bench --json new.json --html new.html --compare old.json\n  gbpf bench --filter 'chacha|siphash' --against kernel,native",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.filter, "filter", "", "a regular `expression`: measure only programs of such a name or kind, and such sections")
	fl.StringSliceVar(&f.against, "against", nil, "the engines to measure against: "+strings.Join(bench.Against, ",")+" (default all)")
	fl.StringVar(&f.json, "json", "", "write the report, with all samples, to a `file`")
	fl.StringVar(&f.html, "html", "", "write a page with charts to a `file`")
	fl.StringVar(&f.compare, "compare", "", "say what has changed against a report that --json wrote: a `file`")
	fl.IntVar(&f.placements, "placements", 0, "at how many addresses code is measured (default 8, with --quick 4)")
	fl.Uint64Var(&f.seed, "seed", 1, "a `number` that orders the measurements")
	fl.BoolVar(&f.quick, "quick", false, "measure less, in less than a minute")
	return cmd
}

func (f *benchFlags) run(cmd *cobra.Command) (err error) {
	c := bench.Config{Quick: f.quick, Placements: f.placements, Seed: f.seed, Against: f.against, Progress: cmd.ErrOrStderr(), Command: "gbpf bench"}
	if f.placements < 0 || f.placements > 64 {
		return fmt.Errorf("--placements %d: want 1 to 64", f.placements)
	}
	for _, name := range f.against {
		if !slices.Contains(bench.Against, name) {
			return fmt.Errorf("--against %s: no such engine: want some of %s", name, strings.Join(bench.Against, ","))
		}
	}
	if f.filter != "" {
		if c.Filter, err = regexp.Compile(f.filter); err != nil {
			return fmt.Errorf("--filter: %w", err)
		}
		c.Command += " --filter '" + f.filter + "'"
	}
	if f.quick {
		c.Command += " --quick"
	}
	if f.placements > 0 {
		c.Command += fmt.Sprintf(" --placements %d", f.placements)
	}
	var old *bench.Report
	if f.compare != "" {
		in, err := os.Open(f.compare)
		if err != nil {
			return err
		}
		defer in.Close()
		if old, err = bench.ReadReport(in); err != nil {
			return fmt.Errorf("%s: %w", f.compare, err)
		}
	}
	report, err := bench.Run(c)
	if err != nil {
		return err
	}
	if err := writeFile(f.json, report.WriteJSON); err != nil {
		return err
	}
	if err := writeFile(f.html, report.WriteHTML); err != nil {
		return err
	}
	if old != nil {
		if err := report.WriteComparison(cmd.OutOrStdout(), old); err != nil {
			return err
		}
	}
	return report.WriteText(cmd.OutOrStdout())
}

// writeFile lets write fill a file; no name is no file.
func writeFile(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(out); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
