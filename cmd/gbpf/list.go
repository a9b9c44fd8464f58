package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/progtype"
)

// helperRow is a helper as the helpers command prints it.
type helperRow struct {
	ID   int32    `json:"id"`
	Name string   `json:"name"`
	Args []string `json:"args"`
	Ret  string   `json:"ret"`
	GPL  bool     `json:"gpl_only"`
}

func helpersCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "helpers",
		Short: "List the kernel helpers that programs can call",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows := helperRows()
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
			}
			t := table(cmd.OutOrStdout(), "number", "name", "arguments", "returns", "")
			for _, r := range rows {
				gpl := ""
				if r.GPL {
					gpl = "GPL only"
				}
				fmt.Fprintf(t, "%d\tbpf_%s\t%s\t%s\t%s\n", r.ID, r.Name, strings.Join(r.Args, ", "), r.Ret, gpl)
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	return cmd
}

func helperRows() []helperRow {
	var rows []helperRow
	for _, h := range helpers.All() {
		r := helperRow{ID: h.Proto.ID, Name: h.Proto.Name, Args: []string{}, Ret: withFlags(h.Proto.Ret.Kind.String(), h.Proto.Ret.Flags), GPL: h.Proto.GPLOnly}
		for i := range h.Proto.NumArgs() {
			a := &h.Proto.Args[i]
			r.Args = append(r.Args, withFlags(a.Kind.String(), a.Flags&proto.MaybeNull))
		}
		rows = append(rows, r)
	}
	return rows
}

func withFlags(kind string, f proto.Flag) string {
	if f&proto.MaybeNull != 0 {
		return kind + "_or_null"
	}
	return kind
}

// typeRow is a program type as the types command prints it.
type typeRow struct {
	Name    string   `json:"name"`
	Kernel  uint32   `json:"number"` // BPF_PROG_TYPE_*, 0 for gbpf's own
	Context string   `json:"context"`
	Packet  bool     `json:"packet"`
	Returns string   `json:"returns"`
	Fields  []string `json:"fields"` // those that --ctx can set
}

func typesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "types",
		Short: "List the program types that can be run",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var rows []typeRow
			for _, p := range progtype.All() {
				if p.Setup == nil {
					continue
				}
				r := typeRow{Name: p.Name, Kernel: p.Kernel, Context: p.Ctx.Name, Packet: p.Packet, Returns: p.Returns.String(), Fields: []string{}}
				for _, f := range p.Ctx.Fields {
					if f.Access&progtype.Settable != 0 {
						r.Fields = append(r.Fields, f.Name)
					}
				}
				rows = append(rows, r)
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
			}
			t := table(cmd.OutOrStdout(), "type", "number", "context", "input", "returns")
			for _, r := range rows {
				in := "context"
				if r.Packet {
					in = "data, context"
				}
				if r.Context == "raw" {
					in = "data"
				}
				fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", r.Name, r.Kernel, r.Context, in, r.Returns)
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array, with the fields that --ctx can set")
	return cmd
}

func table(w io.Writer, head ...string) *tabwriter.Writer {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(head, "\t"))
	return t
}
