package runner

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed report.html
var page string

var report = template.Must(template.New("report").Parse(page))

// mostListed bounds the tests that the page lists one by one.
const mostListed = 2000

// HTML writes the report as a page that needs nothing else.
func (r *Report) HTML(w io.Writer) error {
	t := r.Table()
	type row struct {
		Name  string
		Cells []Count
	}
	var rows []row
	for _, g := range t.Groups {
		x := row{Name: string(g)}
		for _, c := range t.Columns {
			x.Cells = append(x.Cells, t.Cell(g, c))
		}
		rows = append(rows, x)
	}
	sum := row{Name: "all"}
	for _, c := range t.Columns {
		sum.Cells = append(sum.Cells, t.Cell("", c))
	}
	var failed, listed []Result
	for _, x := range r.Results {
		if x.Status == Failed && len(failed) < mostListed {
			failed = append(failed, x)
		}
	}
	if len(r.Results) <= mostListed {
		listed = r.Results
	}
	return report.Execute(w, map[string]any{
		"Report": r, "Columns": t.Columns, "Rows": rows, "Sum": sum, "Total": t.Total,
		"Failed": failed, "Skips": r.Skips(), "Listed": listed,
	})
}
