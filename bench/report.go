package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Report is what was measured. It is what --json writes and --compare reads.
type Report struct {
	Format   int       `json:"format"` // 1
	Date     time.Time `json:"date"`
	Seconds  float64   `json:"seconds"` // that it all took
	Command  string    `json:"command"`
	Machine  Machine   `json:"machine"`
	Engines  []string  `json:"engines"`
	Absent   []Absent  `json:"absent,omitempty"`
	Programs []Result  `json:"programs"`
	// Geomeans of machine code's time over that of each engine, over the portable programs that both ran, and by kind of program.
	Geomeans map[string]*Ratio            `json:"geomeans"`
	Kinds    map[string]map[string]*Ratio `json:"kinds"`
	Sections []*Section                   `json:"sections"`
}

// Machine says where and with what.
type Machine struct {
	CPU        string `json:"cpu"`
	CPUs       int    `json:"cpus"`
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	Kernel     string `json:"kernel,omitempty"`
	Go         string `json:"go"`
	Gbpf       string `json:"gbpf"`
	Clang      string `json:"clang,omitempty"`
	Wazero     string `json:"wazero,omitempty"`
	Clock      string `json:"clock"`
	Placements int    `json:"placements"`
	Rounds     int    `json:"rounds"`
}

// Absent is an engine that the machine lacks.
type Absent struct {
	Engine string `json:"engine"`
	Reason string `json:"reason"`
}

// Result is one program in every engine.
type Result struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	About string `json:"about"`
	// Insns is the size of the bytecode in 8-byte slots, Native that of its machine code in instructions, by architecture.
	Insns   int                `json:"insns"`
	Native  map[string]int     `json:"native"`
	Samples map[string]Samples `json:"samples"` // by engine
	// Missing says why an engine has no samples.
	Missing map[string]string `json:"missing,omitempty"`
	// Void says that an engine computed something else, so that the row does not count.
	Void string `json:"void,omitempty"`
}

// Section is a table of something measured.
type Section struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Note    string   `json:"note"`
	Columns []Column `json:"columns"`
	Rows    []Row    `json:"rows"`
}

// Column of a section.
type Column struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Chart says that the column is drawn as bars.
	Chart bool `json:"chart,omitempty"`
}

// Row of a section.
type Row struct {
	Name  string `json:"name"`
	Cells []Cell `json:"cells"`
}

// Cell is a figure, or the reason why there is none.
type Cell struct {
	Value  *float64 `json:"value,omitempty"`
	Label  string   `json:"label,omitempty"` // what the figure is of, where not the whole row
	Absent string   `json:"absent,omitempty"`
}

func (s *Section) add(name string, cells ...Cell) {
	s.Rows = append(s.Rows, Row{Name: name, Cells: cells})
}

func figure(v float64) Cell {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Cell{Absent: "not measured"}
	}
	return Cell{Value: &v}
}

func none(reason string) Cell { return Cell{Absent: reason} }

// ofSamples is the figure of samples over so many operations a run.
func ofSamples(s Samples, operations float64) Cell { return figure(s.Value() / operations) }

// over is a / b, where both are figures.
func over(a, b Cell) Cell {
	if a.Value == nil || b.Value == nil || *b.Value == 0 {
		return none("one of the two is absent")
	}
	return figure(*a.Value / *b.Value)
}

// String prints about three digits.
func (c Cell) String() string {
	if c.Value == nil {
		return "-"
	}
	return strings.TrimSpace(number(*c.Value) + " " + c.Label)
}

func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// WriteJSON writes the report for --compare and other tools.
func (r *Report) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// MarshalJSON writes samples with four digits, which is more than any of them is worth.
func (s Samples) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, rounds := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		for k, v := range rounds {
			if k > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendFloat(b, v, 'g', 4, 64)
		}
		b = append(b, ']')
	}
	return append(b, ']'), nil
}

// ReadReport reads what WriteJSON wrote.
func ReadReport(in io.Reader) (*Report, error) {
	var r Report
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return nil, fmt.Errorf("bench: report: %w", err)
	}
	if r.Format != 1 {
		return nil, fmt.Errorf("bench: report: format %d: want 1", r.Format)
	}
	for _, p := range r.Programs {
		for name, s := range p.Samples {
			if math.IsNaN(s.Value()) {
				return nil, fmt.Errorf("bench: report: program %s has no times of %s", p.Name, name)
			}
		}
	}
	return &r, nil
}
