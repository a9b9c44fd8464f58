package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// WriteText prints the report as tables; its last line is [Report.Line].
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s, %d CPUs, %s/%s, kernel %s, %s, gbpf %s\n", m.CPU, m.CPUs, m.OS, m.Arch, or(m.Kernel, "-"), m.Go, m.Gbpf)
	fmt.Fprintf(&b, "%s; %d placements of the code, %d rounds; clang: %s; wazero: %s\n", m.Clock, m.Placements, m.Rounds, or(m.Clang, "-"), or(m.Wazero, "-"))
	for _, a := range r.Absent {
		fmt.Fprintf(&b, "absent: %s: %s\n", a.Engine, a.Reason)
	}
	if len(r.Programs) > 0 {
		b.WriteString("\nRun time: nanoseconds a run, in brackets from the least to the greatest of the placements\n")
		r.runTimes(&b)
	}
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n%s\n%s\n", s.Title, s.Note)
		s.table(&b)
	}
	fmt.Fprintf(&b, "\n%.0f seconds\n%s\n", r.Seconds, r.Line())
	_, err := io.WriteString(w, b.String())
	return err
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func table(w io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
}

// ratioOf is machine code's time over that of an engine, NaN where one is missing.
func (p *Result) ratioOf(engine string) float64 {
	a, b := p.Samples[EngineJIT], p.Samples[engine]
	if a == nil || b == nil || p.Void != "" {
		return math.NaN()
	}
	return a.Value() / b.Value()
}

func (r *Report) runTimes(w io.Writer) {
	tw := table(w)
	fmt.Fprint(tw, "program\tinsns\t")
	for _, e := range r.Engines {
		fmt.Fprintf(tw, "%s\t", e)
		if e != EngineJIT {
			fmt.Fprintf(tw, "jit/%s\t", e)
		}
	}
	fmt.Fprintln(tw)
	for _, p := range r.Programs {
		fmt.Fprintf(tw, "%s\t%d\t", p.Name, p.Insns)
		if p.Void != "" {
			fmt.Fprintf(tw, "void: %s\t\n", p.Void)
			continue
		}
		for _, e := range r.Engines {
			s, ok := p.Samples[e]
			switch {
			case !ok:
				fmt.Fprint(tw, "-\t-\t")
			case e == EngineJIT:
				low, high := s.Range()
				fmt.Fprintf(tw, "%s [%s-%s]\t", number(s.Value()), number(low), number(high))
			default:
				low, high := s.Range()
				fmt.Fprintf(tw, "%s [%s-%s]\t%.2f\t", number(s.Value()), number(low), number(high), p.ratioOf(e))
			}
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
	tw = table(w)
	fmt.Fprintln(tw, "geomean of jit over\tall\tthe same again, 95 %\tother programs, 95 %\tn\tby kind\t")
	for _, e := range r.Engines {
		g := r.Geomeans[e]
		if g == nil {
			continue
		}
		var kinds []string
		for _, k := range kindNames {
			if x := r.Kinds[k][e]; x != nil {
				kinds = append(kinds, fmt.Sprintf("%s %.2f", k, x.Mean))
			}
		}
		fmt.Fprintf(tw, "%s\t%.2f\t%.2f-%.2f\t%.2f-%.2f\t%d\t%s\t\n", e, g.Mean, g.Low, g.High, g.ProgramsLow, g.ProgramsHigh, g.Programs, strings.Join(kinds, ", "))
	}
	tw.Flush()
}

func (s *Section) table(w io.Writer) {
	tw := table(w)
	fmt.Fprint(tw, "\t")
	for _, c := range s.Columns {
		fmt.Fprintf(tw, "%s\t", strings.TrimSpace(c.Name+" "+c.Unit))
	}
	fmt.Fprintln(tw)
	reasons := []string{}
	for _, r := range s.Rows {
		fmt.Fprintf(tw, "%s\t", r.Name)
		for _, c := range r.Cells {
			fmt.Fprintf(tw, "%s\t", c)
			if c.Absent != "" && (len(reasons) == 0 || reasons[len(reasons)-1] != c.Absent) {
				reasons = append(reasons, c.Absent)
			}
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
	for _, reason := range unique(reasons) {
		fmt.Fprintf(w, "-: %s\n", reason)
	}
}

func unique(v []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range v {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// Line is the last line of a report: "geomean jit/kernel 0.80 jit/native 1.20 jit/wazero 0.50", with absent for what
// the machine lacks.
func (r *Report) Line() string {
	s := "geomean"
	for _, e := range []string{EngineKernel, EngineNative, EngineWazero} {
		if g := r.Geomeans[e]; g != nil {
			s += fmt.Sprintf(" jit/%s %.2f", e, g.Mean)
		} else {
			s += fmt.Sprintf(" jit/%s absent", e)
		}
	}
	return s
}
