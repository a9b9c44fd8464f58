package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/conformance"
	"github.com/gbpf/gbpf/internal/fuzzgen"
)

// errDiffers ends a fuzz command that found something; it has said so already.
var errDiffers = errors.New("differs")

type fuzzFlags struct {
	seconds   float64
	programs  int
	inputs    int
	seed      uint64
	first     uint64
	against   []string
	objects   []string
	artifacts string
	json      bool
}

func fuzzCommand() *cobra.Command {
	f := &fuzzFlags{}
	cmd := &cobra.Command{
		Use:   "fuzz --against jit,checked,kernel|verdicts|runs",
		Short: "Run generated programs in several engines, or try them against another judge",
		Long: "Fuzz makes programs, sensible ones and near misses of them, and compares.\n\n" +
			"  --against jit,interp,checked,kernel  what accepted programs leave in each engine: R0, packet, context, map values, traps and\n" +
			"                                       fuel must be those of the interpreter. Any of the four; kernel needs bpf(2).\n" +
			"  --against verdicts                   is what gbpf's verifier accepts what the live kernel accepts? Needs bpf(2).\n" +
			"  --against runs                       does what the verifier says of accepted programs hold when they run?\n\n" +
			"The same seed makes the same programs. Programs that show a difference are made small and printed.\n" +
			"Exit status: 0 nothing was found, 1 something was, 2 the command is wrong or there is no kernel or machine code to ask.",
		Example: "  gbpf fuzz --against kernel,jit,interp --seconds 60 --seed 7\n" +
			"  gbpf fuzz --against verdicts --object filter.o --programs 10000",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := cmd.Flags()
	fl.Float64Var(&f.seconds, "seconds", 10, "how long; 0 for as long as --programs take")
	fl.IntVar(&f.programs, "programs", 0, "how many programs; 0 for as many as --seconds allow")
	fl.IntVar(&f.inputs, "inputs", 0, "how many inputs a program is run on; 0 for a number that fits")
	fl.Uint64Var(&f.seed, "seed", 1, "the seed that programs are made from")
	fl.Uint64Var(&f.first, "first", 0, "number of the first program of the seed")
	fl.StringSliceVar(&f.against, "against", []string{"jit", "checked"}, "`engines` to compare, from interp, jit, checked and kernel; or verdicts, or runs")
	fl.StringArrayVar(&f.objects, "object", nil, "an object `file` whose programs are mutated as well; may be given several times")
	fl.StringVar(&f.artifacts, "artifacts", "", "a `directory` to write the programs to that differ, made small")
	fl.BoolVar(&f.json, "json", false, "print one JSON object instead of the summary")
	return cmd
}

func (f *fuzzFlags) run(cmd *cobra.Command) error {
	if f.seconds < 0 || f.programs < 0 || f.inputs < 0 {
		return fmt.Errorf("fuzz: --seconds %v --programs %d --inputs %d: want no negative numbers", f.seconds, f.programs, f.inputs)
	}
	if f.seconds == 0 && f.programs == 0 {
		return errors.New("fuzz: --seconds 0 without --programs would never end")
	}
	seeds, err := conformance.FuzzSeeds(f.objects...)
	if err != nil {
		return err
	}
	length := time.Duration(f.seconds * float64(time.Second))
	if len(f.against) == 1 {
		switch f.against[0] {
		case "verdicts":
			return f.verdicts(cmd, seeds, length)
		case "runs":
			return f.soundness(cmd, seeds, length)
		}
	}
	var engines []conformance.Engine
	for _, name := range f.against {
		e := conformance.Engine(name)
		switch e {
		case conformance.EngineInterp, conformance.EngineJIT, conformance.EngineChecked, conformance.EngineKernel:
			engines = append(engines, e)
		default:
			return fmt.Errorf("fuzz: --against %s: want engines out of interp, jit, checked and kernel, or verdicts alone, or runs alone", strings.Join(f.against, ","))
		}
	}
	if slices.Equal(engines, []conformance.Engine{conformance.EngineInterp}) {
		return errors.New("fuzz: --against interp: the interpreter is what other engines are compared with; name one more")
	}
	return f.engines(cmd, engines, seeds, length)
}

// engines compares what programs leave in engines.
func (f *fuzzFlags) engines(cmd *cobra.Command, engines []conformance.Engine, seeds []*fuzzgen.Program, length time.Duration) error {
	out := cmd.OutOrStdout()
	c := conformance.EngineCampaign{
		Seed: f.seed, First: f.first, Programs: f.programs, Time: length, Engines: engines, Inputs: f.inputs, Corpus: seeds,
		Artifacts: f.artifacts,
	}
	r, err := c.Run()
	if err != nil {
		return fmt.Errorf("fuzz: %w", err)
	}
	found := r.Count()
	if f.json {
		err := json.NewEncoder(out).Encode(map[string]any{
			"seed": f.seed, "programs": r.Programs, "accepted": r.Accepted, "compared": r.Compared, "runs": r.Runs, "stopped": r.Trapped,
			"kernel_programs": r.KernelLoaded, "kernel_runs": r.KernelRuns, "seconds": r.Elapsed.Seconds(), "differences": found,
		})
		if err != nil {
			return err
		}
	} else {
		for _, class := range r.Classes {
			fmt.Fprintln(out, class)
		}
		fmt.Fprint(out, r.Summary())
	}
	if found > 0 {
		return errDiffers
	}
	return nil
}

// verdicts compares the verifier's verdicts with the kernel's.
func (f *fuzzFlags) verdicts(cmd *cobra.Command, seeds []*fuzzgen.Program, length time.Duration) error {
	out := cmd.OutOrStdout()
	c := conformance.VerdictCampaign{Seed: f.seed, First: f.first, Programs: f.programs, Time: length, Corpus: seeds}
	r, err := c.Run()
	if err != nil {
		return fmt.Errorf("fuzz: %w", err)
	}
	found := 0
	for i, class := range r.Classes {
		if class.Listed != "" {
			continue
		}
		found += class.Count
		if !f.json {
			fmt.Fprintln(out, class)
		}
		if f.artifacts != "" {
			name := filepath.Join(f.artifacts, fmt.Sprintf("seed%d_%d.json", f.seed, i))
			if err := conformance.WriteVerdictCases(name, []*conformance.VerdictCase{class.Case()}); err != nil {
				return fmt.Errorf("fuzz: %w", err)
			}
		}
	}
	if f.json {
		unsafe, unsafeListed := r.Count(conformance.UnsafeAcceptance)
		wrong, wrongListed := r.Count(conformance.FalseRejection)
		err := json.NewEncoder(out).Encode(map[string]any{
			"seed": f.seed, "programs": r.Programs, "kernel_accepts": r.Accepted, "left_out": r.Slow, "seconds": r.Total.Seconds(),
			"unsafe_acceptances": unsafe, "unsafe_acceptances_listed": unsafeListed, "false_rejections": wrong, "false_rejections_listed": wrongListed,
		})
		if err != nil {
			return err
		}
	} else {
		fmt.Fprint(out, r.Summary())
	}
	if found > 0 {
		return errDiffers
	}
	return nil
}

// soundness runs accepted programs and holds the runs against what the verifier said.
func (f *fuzzFlags) soundness(cmd *cobra.Command, seeds []*fuzzgen.Program, length time.Duration) error {
	if f.artifacts != "" {
		return errors.New("fuzz: --artifacts is not for runs: the report of a run says how to make the program again")
	}
	c := conformance.SoundnessCampaign{Seed: f.seed, First: f.first, Programs: f.programs, Time: length, Inputs: f.inputs, Corpus: seeds}
	r, err := c.Run()
	if err != nil {
		return fmt.Errorf("fuzz: %w", err)
	}
	found := 0
	for _, class := range r.Classes {
		found += class.Count
	}
	if f.json {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{
			"seed": f.seed, "programs": r.Programs, "accepted": r.Accepted, "pairs": r.Pairs, "registers": r.Registers, "facts": r.Facts,
			"seconds": r.Elapsed.Seconds(), "violations": found,
		})
	} else {
		_, err = fmt.Fprint(cmd.OutOrStdout(), r)
	}
	if err != nil {
		return err
	}
	if found > 0 {
		return errDiffers
	}
	return nil
}
