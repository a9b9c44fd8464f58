// Command gbpf runs, verifies, takes apart and describes BPF objects, without a kernel.
//
// Start with:
//
//	gbpf demo
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitOK    = 0
	exitTrap  = 1 // a program was stopped, or rejected, or judges differ, or tests failed
	exitUsage = 2 // the command line or a file is wrong
)

// errTrapped ends a command whose program was stopped; it has said so already.
var errTrapped = errors.New("trapped")

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the whole command on streams of the caller's; it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (status int) {
	// Files may be made to break parsers, those of other modules too: what they bring
	// down is this command, with one line.
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(stderr, "gbpf: internal error: %s: please report it with the file that shows it\n", oneLine(fmt.Sprint(p)))
			status = exitUsage
		}
	}()
	root := &cobra.Command{
		Use:   "gbpf",
		Short: "Run eBPF programs in a process, without a kernel",
		Long: "gbpf runs eBPF objects in a sandbox of its own: no kernel, no root, on any system.\n" +
			"Start with: gbpf demo",
		SilenceUsage:       true,
		SilenceErrors:      true,
		DisableSuggestions: true,
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		text := err.Error()
		if s, _, ok := strings.Cut(text, "strconv."); ok {
			text = s + "want a whole number"
		}
		if s, _, ok := strings.Cut(text, "time: "); ok {
			text = s + "want a time with its unit, such as 500ms or 2s"
		}
		return fmt.Errorf("%s: see %s --help", text, cmd.CommandPath())
	})
	root.AddCommand(runCommand(), verifyCommand(), disasmCommand(), dumpCommand(), benchCommand(), conformanceCommand(), infoCommand(), fuzzCommand(), demoCommand(), helpersCommand(), typesCommand(), versionCommand())
	switch err := root.Execute(); {
	case err == nil:
		return exitOK
	case errors.Is(err, errTrapped), errors.Is(err, errRejected), errors.Is(err, errDiffers), errors.Is(err, errUnequal):
		return exitTrap
	default:
		text := oneLine(err.Error())
		if strings.HasPrefix(text, "unknown command") {
			text += ": see gbpf --help"
		}
		fmt.Fprintln(stderr, "gbpf:", text)
		return exitUsage
	}
}

// oneLine keeps an error message on one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// oneObject is the check of commands that take one object file.
func oneObject(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s: no object file given: want %s", cmd.Name(), cmd.UseLine())
	case 1:
		return nil
	}
	return fmt.Errorf("%s: %d arguments given, one object file is wanted: an argument with blanks needs quotes", cmd.Name(), len(args))
}

// buildVersion is the version that the go command put into the binary.
func buildVersion() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
		return bi.Main.Version
	}
	return "(devel)"
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(cmd.OutOrStdout(), "gbpf %s %s/%s %s\n", buildVersion(), runtime.GOOS, runtime.GOARCH, runtime.Version())
			return nil
		},
	}
}
