package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// programInfo is what the loader says of a program and what the ELF file adds.
type programInfo struct {
	loader.ProgramInfo
	Attach   string `json:"attach,omitempty"`    // expected attach type
	AttachTo string `json:"attach_to,omitempty"` // kernel function, tracepoint, ...
	CORE     int    `json:"core_relocations"`
}

// objectInfo is what info prints as JSON.
type objectInfo struct {
	Programs  []programInfo         `json:"programs"`
	Maps      []loader.MapInfo      `json:"maps"`
	Variables []loader.VariableInfo `json:"variables"`
}

func infoCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info OBJ",
		Short: "List an object's programs, maps and variables, and what is unsupported",
		Args:  oneObject,
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := loader.LoadSpecFile(args[0])
			if err != nil {
				return err
			}
			d := describe(spec)
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(d)
			}
			d.print(cmd.OutOrStdout())
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func describe(spec *ebpf.CollectionSpec) *objectInfo {
	d := loader.Describe(spec)
	out := &objectInfo{Programs: []programInfo{}, Maps: d.Maps, Variables: d.Variables}
	if out.Maps == nil {
		out.Maps = []loader.MapInfo{}
	}
	if out.Variables == nil {
		out.Variables = []loader.VariableInfo{}
	}
	for _, p := range d.Programs {
		pi := programInfo{ProgramInfo: p}
		if ps := spec.Programs[p.Name]; ps != nil {
			pi.AttachTo = ps.AttachTo
			attach := uint32(ps.AttachType)
			if _, a, ok := progtype.BySection(ps.SectionName); ok && attach == 0 {
				attach = a
			}
			if attach != 0 {
				pi.Attach = progtype.AttachName(attach)
			}
			for i := range ps.Instructions {
				if btf.CORERelocationMetadata(&ps.Instructions[i]) != nil {
					pi.CORE++
				}
			}
		}
		out.Programs = append(out.Programs, pi)
	}
	return out
}

func (d *objectInfo) print(w io.Writer) {
	for i := range d.Programs {
		d.Programs[i].print(w)
	}
	for i := range d.Maps {
		printMap(w, &d.Maps[i])
	}
	for _, v := range d.Variables {
		fmt.Fprintf(w, "variable %s: %s, %s", v.Name, v.Section, plural(int(v.Size), "byte"))
		if v.ReadOnly {
			fmt.Fprint(w, ", read-only")
		}
		fmt.Fprintln(w)
	}
	bad := 0
	for _, p := range d.Programs {
		bad += b2i(len(p.Unsupported) > 0)
	}
	switch {
	case len(d.Programs) == 0:
		fmt.Fprintln(w, "no programs")
	case bad == 0:
		fmt.Fprintf(w, "%s, all can be loaded\n", plural(len(d.Programs), "program"))
	default:
		fmt.Fprintf(w, "%s, %d cannot be loaded\n", plural(len(d.Programs), "program"), bad)
	}
}

func (p *programInfo) print(w io.Writer) {
	fmt.Fprintf(w, "program %s: %s, section %s, %s", p.Name, p.Type, p.Section, plural(p.Insns, "instruction"))
	if p.Attach != "" {
		fmt.Fprintf(w, ", attach type %s", p.Attach)
	}
	if p.AttachTo != "" {
		fmt.Fprintf(w, ", attaches to %s", p.AttachTo)
	}
	if p.License != "" {
		fmt.Fprintf(w, ", license %s", p.License)
	}
	fmt.Fprintln(w)
	printList(w, "functions", p.Funcs)
	printList(w, "maps", p.Maps)
	printList(w, "helpers", p.Helpers)
	printList(w, "kfuncs", p.Kfuncs)
	if p.CORE > 0 {
		fmt.Fprintf(w, "  CO-RE relocations: %d\n", p.CORE)
	}
	for _, why := range p.Unsupported {
		fmt.Fprintf(w, "  unsupported: %s\n", why)
	}
}

func printMap(w io.Writer, m *loader.MapInfo) {
	fmt.Fprintf(w, "map %s: %s", m.Name, m.Type)
	switch {
	case m.Type == maps.RingBuf.String():
		fmt.Fprintf(w, ", %s", plural(int(m.MaxEntries), "byte"))
	case m.KeySize == 0:
		fmt.Fprintf(w, ", values of %s, at most %d", plural(int(m.ValueSize), "byte"), m.MaxEntries)
	default:
		fmt.Fprintf(w, ", keys of %s, values of %s, at most %d", plural(int(m.KeySize), "byte"), plural(int(m.ValueSize), "byte"), m.MaxEntries)
	}
	if m.Flags != 0 {
		fmt.Fprintf(w, ", flags %s", flagNames(m.Flags))
	}
	if m.Pinned {
		fmt.Fprint(w, ", pinning is ignored")
	}
	fmt.Fprintln(w)
	if m.Unsupported != "" {
		fmt.Fprintf(w, "  unsupported: %s\n", m.Unsupported)
	}
}

// flagNames are the kernel's names of map flags (BPF_F_*).
func flagNames(flags uint32) string {
	var names []string
	for _, f := range []struct {
		bit  uint32
		name string
	}{
		{maps.NoPrealloc, "no_prealloc"}, {maps.NoCommonLRU, "no_common_lru"}, {maps.NumaNode, "numa_node"},
		{maps.Rdonly, "rdonly"}, {maps.Wronly, "wronly"}, {maps.ZeroSeed, "zero_seed"},
		{maps.RdonlyProg, "rdonly_prog"}, {maps.WronlyProg, "wronly_prog"}, {maps.Mmapable, "mmapable"},
		{maps.PreserveElems, "preserve_elems"}, {maps.InnerMap, "inner_map"},
	} {
		if flags&f.bit != 0 {
			names = append(names, f.name)
			flags &^= f.bit
		}
	}
	if flags != 0 {
		names = append(names, fmt.Sprintf("%#x", flags))
	}
	return strings.Join(names, "|")
}

func printList(w io.Writer, what string, names []string) {
	if len(names) > 0 {
		fmt.Fprintf(w, "  %s: %s\n", what, strings.Join(names, ", "))
	}
}
