package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/progtype"
)

func infoCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info OBJ",
		Short: "List an object's programs, maps and variables, and what is unsupported",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := loader.LoadSpecFile(args[0])
			if err != nil {
				return err
			}
			d := loader.Describe(spec)
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(d)
			}
			printInfo(cmd.OutOrStdout(), d)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func printInfo(w io.Writer, d *loader.Description) {
	for _, p := range d.Programs {
		fmt.Fprintf(w, "program %s: %s, section %s, %d instructions\n", p.Name, p.Type, p.Section, p.Insns)
		list(w, "functions", p.Funcs)
		list(w, "maps", p.Maps)
		list(w, "helpers", p.Helpers)
		list(w, "kfuncs", p.Kfuncs)
		for _, why := range p.Unsupported {
			fmt.Fprintf(w, "  unsupported: %s\n", why)
		}
	}
	for _, m := range d.Maps {
		fmt.Fprintf(w, "map %s: %s, key %d, value %d bytes, %d entries", m.Name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries)
		if m.Flags != 0 {
			fmt.Fprintf(w, ", flags %#x", m.Flags)
		}
		if m.Pinned {
			fmt.Fprint(w, ", pinning is ignored")
		}
		fmt.Fprintln(w)
		if m.Unsupported != "" {
			fmt.Fprintf(w, "  unsupported: %s\n", m.Unsupported)
		}
	}
	for _, v := range d.Variables {
		fmt.Fprintf(w, "variable %s: %s, %d bytes", v.Name, v.Section, v.Size)
		if v.ReadOnly {
			fmt.Fprint(w, ", read-only")
		}
		fmt.Fprintln(w)
	}
}

func list(w io.Writer, what string, names []string) {
	if len(names) > 0 {
		fmt.Fprintf(w, "  %s: %s\n", what, strings.Join(names, ", "))
	}
}

func helpersCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "helpers",
		Short: "List the helpers that programs can call",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			type row struct {
				ID   int32    `json:"id"`
				Name string   `json:"name"`
				Args []string `json:"args"`
			}
			var rows []row
			for _, h := range helpers.All() {
				r := row{ID: h.Proto.ID, Name: h.Proto.Name, Args: []string{}}
				for i := range h.Proto.NumArgs() {
					r.Args = append(r.Args, h.Proto.Args[i].Kind.String())
				}
				rows = append(rows, r)
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			for _, r := range rows {
				fmt.Fprintf(t, "%d\t%s\t%s\n", r.ID, r.Name, strings.Join(r.Args, ", "))
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	return cmd
}

func typesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "types",
		Short: "List the program types that can be run",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "type\tcontext\tbytes\treturns")
			for _, p := range progtype.All() {
				if p.Setup == nil {
					continue
				}
				fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", p.Name, p.Ctx.Name, p.Ctx.Size, p.Returns)
			}
			return t.Flush()
		},
	}
}
