package bench

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"io"
	"slices"
	"strings"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Parse(page))

// pageData is what the template shows.
type pageData struct {
	*Report
	Headline []headline
	Programs []programGroup
	Sections []pageSection
	Others   []string // engines but gbpf's machine code
	Data     template.JS
}

type headline struct {
	Engine string
	*Ratio
	Absent string
}

type programGroup struct {
	Kind  string
	Chart *chart
	Rows  []programRow
}

type programRow struct {
	Result
	Times []timeCell
}

type timeCell struct{ Time, Range, Ratio, Why string }

type pageSection struct {
	*Section
	Chart *chart
}

// engineClass is the colour and shape of an engine: its number in the style sheet.
var engineClass = map[string]int{EngineJIT: 0, EngineKernel: 1, EngineNative: 2, EngineWazero: 3, EngineScalar: 4, EngineInterp: 5}

// WriteHTML writes a page that needs no other file, with charts and all samples in it.
func (r *Report) WriteHTML(w io.Writer) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	// A script element ends at "</": JSON may write the same with an escape, as Marshal does.
	d := pageData{Report: r, Data: template.JS(data)}
	for _, e := range []string{EngineKernel, EngineNative, EngineWazero} {
		h := headline{Engine: e, Ratio: r.Geomeans[e]}
		if h.Ratio == nil {
			h.Absent = "not measured"
			for _, a := range r.Absent {
				if a.Engine == e {
					h.Absent = a.Reason
				}
			}
		}
		d.Headline = append(d.Headline, h)
	}
	for _, e := range r.Engines {
		if e != EngineJIT {
			d.Others = append(d.Others, e)
		}
	}
	for _, p := range r.Programs {
		if len(d.Programs) == 0 || d.Programs[len(d.Programs)-1].Kind != p.Kind {
			d.Programs = append(d.Programs, programGroup{Kind: p.Kind})
		}
		g := &d.Programs[len(d.Programs)-1]
		g.Rows = append(g.Rows, r.pageRow(p))
	}
	for i := range d.Programs {
		d.Programs[i].Chart = r.relativeChart(d.Programs[i].Rows)
	}
	for _, s := range r.Sections {
		d.Sections = append(d.Sections, pageSection{s, s.chart()})
	}
	return pageTemplate.Execute(w, d)
}

func (r *Report) pageRow(p Result) programRow {
	row := programRow{Result: p}
	for _, e := range r.Engines {
		s, ok := p.Samples[e]
		if !ok {
			row.Times = append(row.Times, timeCell{Why: or(p.Missing[e], "void")})
			continue
		}
		low, high := s.Range()
		c := timeCell{Time: number(s.Value()), Range: number(low) + " to " + number(high)}
		if e != EngineJIT {
			c.Ratio = number(p.ratioOf(e))
		}
		row.Times = append(row.Times, c)
	}
	return row
}

// relativeChart shows engines' times over that of the kernel, or of native code where there is no kernel, on a scale of
// doublings.
func (r *Report) relativeChart(rows []programRow) *chart {
	base := EngineKernel
	if !slices.Contains(r.Engines, base) {
		base = EngineNative
	}
	if !slices.Contains(r.Engines, base) {
		return nil
	}
	var shown []string
	for _, e := range []string{EngineNative, EngineWazero, EngineJIT, base} {
		if slices.Contains(r.Engines, e) && !slices.Contains(shown, e) {
			shown = append(shown, e)
		}
	}
	c := &chartData{unit: "times the " + strings.Replace(base, EngineNative, "native code", 1) + "'s", log: true}
	for _, e := range shown {
		c.series = append(c.series, seriesName{e, engineClass[e]})
	}
	for _, p := range rows {
		var v []float64
		for _, e := range shown {
			s, b := p.Samples[e], p.Samples[base]
			if s == nil || b == nil || p.Void != "" {
				v = append(v, 0)
				continue
			}
			v = append(v, s.Value()/b.Value())
		}
		c.rows = append(c.rows, chartRow{p.Name, v})
	}
	return c.draw()
}

// chart draws the columns of a section that are for it.
func (s *Section) chart() *chart {
	c := &chartData{}
	var at []int
	for i, col := range s.Columns {
		if !col.Chart {
			continue
		}
		class, ok := engineClass[strings.Fields(col.Name + " x")[0]]
		if !ok {
			class = len(at)
		}
		for slices.ContainsFunc(c.series, func(n seriesName) bool { return n.Class == class }) {
			class++
		}
		at = append(at, i)
		c.unit = col.Unit
		c.series = append(c.series, seriesName{col.Name, class})
	}
	for _, row := range s.Rows {
		var v []float64
		for _, i := range at {
			x := 0.0
			if i < len(row.Cells) && row.Cells[i].Value != nil {
				x = *row.Cells[i].Value
			}
			v = append(v, x)
		}
		c.rows = append(c.rows, chartRow{row.Name, v})
	}
	c.log = c.spread() > 30
	return c.draw()
}
