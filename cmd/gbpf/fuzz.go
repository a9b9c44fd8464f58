package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/conformance"
	"github.com/gbpf/gbpf/internal/fuzzgen"
)

// errDiffers ends a fuzz command that found something; it has said so already.
var errDiffers = errors.New("differs")

type fuzzFlags struct {
	seconds  float64
	programs int
	seed     uint64
	first    uint64
	against  string
	what     string
	objects  []string
	save     string
	json     bool
}

func fuzzCommand() *cobra.Command {
	f := &fuzzFlags{}
	cmd := &cobra.Command{
		Use:   "fuzz --against kernel|runs",
		Short: "Try generated programs against another judge",
		Long: "Fuzz makes programs, sensible ones and near misses of them, and compares judges.\n\n" +
			"  --against kernel --what verdict   is what gbpf's verifier accepts what the live kernel accepts? Needs bpf(2).\n" +
			"  --against runs --what soundness   does what the verifier says of accepted programs hold when they run?\n\n" +
			"The same seed makes the same programs. Programs that show a difference are made small and printed.\n" +
			"Exit status: 0 nothing was found, 1 something was, 2 the command is wrong or there is no kernel to ask.",
		Example: "  gbpf fuzz --against kernel --seconds 60 --seed 7\n" +
			"  gbpf fuzz --against kernel --object filter.o --programs 10000",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := cmd.Flags()
	fl.Float64Var(&f.seconds, "seconds", 10, "how long; 0 for as long as --programs take")
	fl.IntVar(&f.programs, "programs", 0, "how many programs; 0 for as many as --seconds allow")
	fl.Uint64Var(&f.seed, "seed", 1, "the seed that programs are made from")
	fl.Uint64Var(&f.first, "first", 0, "number of the first program of the seed")
	fl.StringVar(&f.against, "against", "kernel", "the other `judge`: kernel or runs")
	fl.StringVar(&f.what, "what", "", "what is compared: verdict with the kernel, soundness with runs; the one that fits without")
	fl.StringArrayVar(&f.objects, "object", nil, "an object `file` whose programs are mutated as well; may be given several times")
	fl.StringVar(&f.save, "save", "", "a `directory` to write the programs to that differ in a verdict")
	fl.BoolVar(&f.json, "json", false, "print one JSON object instead of the summary")
	return cmd
}

func (f *fuzzFlags) run(cmd *cobra.Command) error {
	if f.seconds < 0 || f.programs < 0 {
		return fmt.Errorf("fuzz: --seconds %v --programs %d: want no negative numbers", f.seconds, f.programs)
	}
	if f.seconds == 0 && f.programs == 0 {
		return errors.New("fuzz: --seconds 0 without --programs would never end")
	}
	seeds, err := conformance.FuzzSeeds(f.objects...)
	if err != nil {
		return err
	}
	length := time.Duration(f.seconds * float64(time.Second))
	if f.what == "soundness" && !cmd.Flags().Changed("against") {
		f.against = "runs"
	}
	switch {
	case f.against == "kernel" && (f.what == "" || f.what == "verdict"):
		return f.verdicts(cmd, seeds, length)
	case f.against == "runs" && (f.what == "" || f.what == "soundness"):
		return f.soundness(cmd, seeds, length)
	}
	return fmt.Errorf("fuzz: --against %s --what %s: want kernel and verdict, or runs and soundness", f.against, f.what)
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
		if f.save != "" {
			name := filepath.Join(f.save, fmt.Sprintf("seed%d_%d.json", f.seed, i))
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
	if f.save != "" {
		return errors.New("fuzz: --save is for verdicts: the report of a run says how to make the program again")
	}
	c := conformance.SoundnessCampaign{Seed: f.seed, First: f.first, Programs: f.programs, Time: length, Corpus: seeds}
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
