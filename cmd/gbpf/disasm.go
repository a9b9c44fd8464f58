package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/loader"
)

func disasmCommand() *cobra.Command {
	var program string
	cmd := &cobra.Command{
		Use:   "disasm OBJ",
		Short: "Print programs in the kernel's notation, with their C lines",
		Args:  oneObject,
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := loader.LoadSpecFile(args[0])
			if err != nil {
				return err
			}
			names := programNames(spec)
			if program != "" || len(names) == 0 {
				if program, err = pickProgram(spec, program); err != nil {
					return err
				}
				names = []string{program}
			}
			for i, name := range names {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				fmt.Fprintf(cmd.OutOrStdout(), "# %s, section %s\n", name, spec.Programs[name].SectionName)
				if err := loader.Disasm(spec, name, cmd.OutOrStdout()); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&program, "program", "p", "", "the program's `name`; all of them without")
	return cmd
}
