package runner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gbpf/gbpf/conformance/suite"
)

// Claim is how many cases of a group pass in an engine on an architecture.
type Claim struct {
	Group  suite.Group  `json:"group"`
	Engine suite.Engine `json:"engine"`
	Arch   string       `json:"arch"`
	Count
}

// Claims are what gbpf claims to pass of its own suite, group by group. The file is made by the runner, and
// a test holds it against what comes of the suite.
type Claims struct {
	Version string              `json:"version"` // the heading of CHANGELOG.md
	Cases   map[suite.Group]int `json:"cases"`
	Claims  []Claim             `json:"claims"`
}

// Cases counts the cases of gbpf's own suite.
func Cases() map[suite.Group]int {
	all := map[suite.Group]int{}
	for c := range suite.All() {
		all[c.Group]++
	}
	return all
}

// Claims makes the claims that the report bears out.
func (r *Report) Claims() *Claims {
	t := r.Table()
	all := &Claims{Version: r.Version, Cases: Cases()}
	for _, c := range t.Columns {
		for _, g := range t.Groups {
			if n := t.Cell(g, c); n != (Count{}) {
				all.Claims = append(all.Claims, Claim{g, c.Engine, c.Arch, n})
			}
		}
	}
	slices.SortStableFunc(all.Claims, func(a, b Claim) int { return strings.Compare(a.Arch, b.Arch) })
	return all
}

// JSON is the file's content: a claim a line, so that changes can be read.
func (c *Claims) JSON() ([]byte, error) {
	var b strings.Builder
	cases, err := json.Marshal(c.Cases)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "{\n \"version\": %q,\n \"cases\": %s,\n \"claims\": [\n", c.Version, cases)
	for i := range c.Claims {
		line, err := json.Marshal(&c.Claims[i])
		if err != nil {
			return nil, err
		}
		end := ","
		if i == len(c.Claims)-1 {
			end = ""
		}
		fmt.Fprintf(&b, "  %s%s\n", line, end)
	}
	b.WriteString(" ]\n}\n")
	return []byte(b.String()), nil
}

// columns are the engines as the table for people names them.
var columns = []struct {
	engine suite.Engine
	name   string
}{{suite.Interp, "interpreter"}, {suite.JIT, "machine code"}, {suite.Checked, "interpreter, checked"}, {suite.Sandbox, "machine code, unproved"}}

// Markdown is the table for people: cases that passed, of one architecture or of all alike.
func (c *Claims) Markdown() string {
	var b strings.Builder
	b.WriteString("| group | cases |")
	line := "|---|--:|"
	for _, col := range columns {
		fmt.Fprintf(&b, " %s |", col.name)
		line += "--:|"
	}
	b.WriteString("\n" + line + "\n")
	total := 0
	row := func(name string, cases int, in func(*Claim) bool) {
		fmt.Fprintf(&b, "| %s | %d |", name, cases)
		for _, col := range columns {
			fmt.Fprintf(&b, " %s |", c.cell(col.engine, in))
		}
		b.WriteByte('\n')
	}
	for _, g := range suite.Groups {
		total += c.Cases[g]
		row(string(g), c.Cases[g], func(x *Claim) bool { return x.Group == g })
	}
	row("**all**", total, func(*Claim) bool { return true })
	return b.String()
}

// cell is what passes in an engine: one number if the architectures agree.
func (c *Claims) cell(e suite.Engine, in func(*Claim) bool) string {
	passed := map[string]int{}
	failed := 0
	var archs []string
	for i := range c.Claims {
		x := &c.Claims[i]
		if x.Engine != e || !in(x) {
			continue
		}
		if _, ok := passed[x.Arch]; !ok {
			archs = append(archs, x.Arch)
		}
		passed[x.Arch] += x.Passed
		failed += x.Failed
	}
	var parts []string
	alike := len(archs) == len(Archs) && failed == 0
	for _, a := range archs {
		alike = alike && passed[a] == passed[archs[0]]
		parts = append(parts, fmt.Sprintf("%d %s", passed[a], a))
	}
	switch {
	case failed > 0:
		return fmt.Sprintf("%s, %d failed", strings.Join(parts, ", "), failed)
	case alike:
		return fmt.Sprint(passed[archs[0]])
	case parts == nil:
		return "-"
	}
	return strings.Join(parts, ", ")
}
