package runner

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gbpf/gbpf/conformance/suite"
)

// Status is what came of a test.
type Status string

// The results.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Engines beyond the suite's.
const (
	Kernel suite.Engine = "kernel" // the live Linux kernel
	Plugin suite.Engine = "plugin" // another implementation, as a process
)

// Result is what came of one test in one engine on one architecture.
type Result struct {
	Group  suite.Group  `json:"group"`
	Test   string       `json:"test"`
	Engine suite.Engine `json:"engine"`
	Arch   string       `json:"arch"`
	Status Status       `json:"status"`
	Reason string       `json:"reason,omitempty"` // unless it passed
	RFC    string       `json:"rfc,omitempty"`    // what decides, unless it passed
}

// Report is what came of all of them.
type Report struct {
	Version string   `json:"version"`
	Host    string   `json:"host"`   // system, architecture
	Source  string   `json:"source"` // where the tests are from
	Notes   []string `json:"notes,omitempty"`
	Results []Result `json:"results"`
}

// Count is how many tests passed, failed and were skipped.
type Count struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

func (c *Count) add(s Status) {
	switch s {
	case Passed:
		c.Passed++
	case Failed:
		c.Failed++
	case Skipped:
		c.Skipped++
	}
}

func (c Count) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.Passed, c.Failed, c.Skipped)
}

// cell is the count in words as short as they can be.
func (c Count) cell() string {
	switch {
	case c == Count{}:
		return "-"
	case c.Failed == 0 && c.Skipped == 0:
		return fmt.Sprint(c.Passed)
	case c.Failed == 0:
		return fmt.Sprintf("%d, %d skipped", c.Passed, c.Skipped)
	}
	return fmt.Sprintf("%d, %d FAILED, %d skipped", c.Passed, c.Failed, c.Skipped)
}

// Column is an engine on an architecture.
type Column struct {
	Engine suite.Engine
	Arch   string
}

func (c Column) String() string { return fmt.Sprintf("%s/%s", c.Engine, c.Arch) }

// Table is the counts by group and column.
type Table struct {
	Groups  []suite.Group
	Columns []Column
	Counts  map[suite.Group]map[Column]*Count
	Sums    map[Column]*Count
	Total   Count
}

// Table counts the results.
func (r *Report) Table() *Table {
	t := &Table{Counts: map[suite.Group]map[Column]*Count{}, Sums: map[Column]*Count{}}
	for i := range r.Results {
		x := &r.Results[i]
		c := Column{x.Engine, x.Arch}
		row := t.Counts[x.Group]
		if row == nil {
			row = map[Column]*Count{}
			t.Counts[x.Group] = row
		}
		if t.Sums[c] == nil {
			t.Sums[c] = &Count{}
			t.Columns = append(t.Columns, c)
		}
		if row[c] == nil {
			row[c] = &Count{}
		}
		row[c].add(x.Status)
		t.Sums[c].add(x.Status)
		t.Total.add(x.Status)
	}
	for _, g := range append(slices.Clone(suite.Groups), unreadable) {
		if t.Counts[g] != nil {
			t.Groups = append(t.Groups, g)
		}
	}
	return t
}

// Cell is what stands in the table for a group, or for all of them with "".
func (t *Table) Cell(g suite.Group, c Column) Count {
	n := t.Sums[c]
	if g != "" {
		n = t.Counts[g][c]
	}
	if n == nil {
		return Count{}
	}
	return *n
}

// mostShown bounds how many failures are printed.
const mostShown = 50

// List writes a line for every test in every engine.
func (r *Report) List(w io.Writer) error {
	for i := range r.Results {
		x := &r.Results[i]
		reason := ""
		if x.Reason != "" {
			reason = ": " + x.Reason
		}
		if _, err := fmt.Fprintf(w, "%s %s/%s %s/%s%s\n", x.Status, x.Group, x.Test, x.Engine, x.Arch, reason); err != nil {
			return err
		}
	}
	return nil
}

// Print writes what did not pass, the table, and the count of all as the last line.
func (r *Report) Print(w io.Writer) error {
	shown := 0
	for i := range r.Results {
		if x := &r.Results[i]; x.Status == Failed {
			if shown++; shown > mostShown {
				continue
			}
			rfc := ""
			if x.RFC != "" {
				rfc = " (" + x.RFC + ")"
			}
			fmt.Fprintf(w, "FAILED %s/%s %s/%s: %s%s\n", x.Group, x.Test, x.Engine, x.Arch, x.Reason, rfc)
		}
	}
	if shown > mostShown {
		fmt.Fprintf(w, "and %d more\n", shown-mostShown)
	}
	for _, s := range r.Skips() {
		fmt.Fprintf(w, "skipped %d of %s: %s%s\n", s.Tests, s.Column, s.Reason, parenthesis(s.RFC))
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
	t := r.Table()
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "group")
	for _, c := range t.Columns {
		fmt.Fprintf(tw, "\t%s", c)
	}
	fmt.Fprintln(tw)
	for _, g := range append(slices.Clone(t.Groups), "") {
		name := g
		if g == "" {
			name = "all"
		}
		fmt.Fprint(tw, name)
		for _, c := range t.Columns {
			fmt.Fprintf(tw, "\t%s", t.Cell(g, c).cell())
		}
		fmt.Fprintln(tw)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", t.Total)
	return err
}

func parenthesis(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " (" + strings.Join(list, "; ") + ")"
}

// Skip is a reason for which tests were skipped.
type Skip struct {
	Column Column
	Reason string
	RFC    []string // what decides those tests
	Tests  int
}

// Skips are the reasons in the order in which they came.
func (r *Report) Skips() []*Skip {
	var all []*Skip
	at := map[string]*Skip{}
	for i := range r.Results {
		x := &r.Results[i]
		if x.Status != Skipped {
			continue
		}
		c := Column{x.Engine, x.Arch}
		key := c.String() + x.Reason
		s := at[key]
		if s == nil {
			s = &Skip{Column: c, Reason: x.Reason}
			at[key], all = s, append(all, s)
		}
		s.Tests++
		if x.RFC != "" && !slices.Contains(s.RFC, x.RFC) {
			s.RFC = append(s.RFC, x.RFC)
		}
	}
	return all
}
