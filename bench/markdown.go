package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Markers of the part of a Markdown file that is made from a report.
const (
	markdownBegin = "<!-- made from bench/testdata/report.json by go test ./bench -run TestReadme -update -->"
	markdownEnd   = "<!-- end -->"
)

// kindNames are the kinds of programs in the order of tables.
var kindNames = []string{KindCompute, KindPacket, KindCall, KindStraight, KindBranchy, KindMap, KindHelper}

// WriteMarkdown writes what a README says of speed: geometric means by kind, and single operations.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s, `%s` on %s with %d CPUs, %s/%s", r.Date.Format("2 January 2006"), r.Command, m.CPU, m.CPUs, m.OS, m.Arch)
	if m.Kernel != "" {
		// What follows the numbers names a build.
		release, _, _ := strings.Cut(m.Kernel, "-")
		fmt.Fprintf(&b, ", Linux %s", release)
	}
	fmt.Fprintf(&b, ", %s. Time of gbpf's machine code, every access confined, over that of others; below 1, gbpf takes less.\n\n", m.Go)
	names := map[string]string{EngineKernel: "the kernel's JIT", EngineNative: "native, clang -O2", EngineWazero: "wazero", EngineInterp: "gbpf's interpreter"}
	var engines []string
	for _, e := range []string{EngineKernel, EngineNative, EngineWazero, EngineInterp} {
		if r.Geomeans[e] != nil {
			engines = append(engines, e)
		}
	}
	b.WriteString("| programs |")
	for _, e := range engines {
		fmt.Fprintf(&b, " %s |", names[e])
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(engines)) + "\n")
	row := func(name string, of func(string) *Ratio) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, e := range engines {
			if g := of(e); g != nil {
				fmt.Fprintf(&b, " %.2f |", g.Mean)
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
	for _, k := range kindNames {
		if r.Kinds[k] != nil {
			n := 0
			for _, g := range r.Kinds[k] {
				n = max(n, g.Programs)
			}
			row(fmt.Sprintf("%s (%d)", k, n), func(e string) *Ratio { return r.Kinds[k][e] })
		}
	}
	row("**all but map and helper**", func(e string) *Ratio { return r.Geomeans[e] })
	if t := r.operations(); t != "" {
		b.WriteString("\n" + t)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// operations is a table of single operations, those that most programs consist of.
func (r *Report) operations() string {
	rows := []struct{ section, row, name string }{
		{"helpers", "nothing", "a helper in Go and back"},
		{"helpers", "ktime_get_ns", "ktime_get_ns"},
		{"maps", "array: lookup", "array lookup"},
		{"maps", "hash: lookup_hit", "hash lookup"},
		{"maps", "hash: update", "hash update"},
		{"maps", "lpm_trie: lookup", "LPM lookup"},
	}
	var b strings.Builder
	for _, want := range rows {
		for _, s := range r.Sections {
			i := slices.IndexFunc(s.Rows, func(x Row) bool { return s.ID == want.section && x.Name == want.row })
			if i < 0 || len(s.Rows[i].Cells) < 2 {
				continue
			}
			kernel := ""
			if c := s.Rows[i].Cells[1]; c.Value != nil {
				kernel = c.String()
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", want.name, s.Rows[i].Cells[0], kernel)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "| operation, ns | gbpf | kernel |\n|---|---|---|\n" + b.String()
}
