// Command gbpf runs, takes apart and describes BPF objects, without a kernel.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitOK    = 0
	exitTrap  = 1 // a program was stopped
	exitUsage = 2 // the command line or a file is wrong
)

// errTrapped ends a command whose program was stopped; it has said so already.
var errTrapped = errors.New("trapped")

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the whole command on streams of the caller's; it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:   "gbpf",
		Short: "Run eBPF programs in a process, without a kernel",
		Long: "gbpf runs eBPF objects in a sandbox of its own: no kernel, no root, on any system.\n" +
			"Start with: gbpf demo",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(runCommand(), disasmCommand(), infoCommand(), demoCommand(), helpersCommand(), typesCommand(), versionCommand())
	switch err := root.Execute(); {
	case err == nil:
		return exitOK
	case errors.Is(err, errTrapped):
		return exitTrap
	default:
		fmt.Fprintln(stderr, "gbpf:", err)
		return exitUsage
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := "(devel)"
			if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
				v = bi.Main.Version
			}
			fmt.Fprintln(cmd.OutOrStdout(), "gbpf", v)
			return nil
		},
	}
}
