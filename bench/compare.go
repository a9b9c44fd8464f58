package bench

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// The least change that a comparison calls one, whatever the noise: of the geometric mean, and of a single program.
const (
	meanChange    = 0.02
	programChange = 0.05
)

// change is a figure now over what it was, with the 95 % interval that noise leaves.
type change struct{ mean, low, high float64 }

// verdict is "slower" or "faster" only where the interval says so and the change is worth a word.
func (c change) verdict(least float64) string {
	switch {
	case c.low > 1 && c.mean > 1+least:
		return "slower"
	case c.high < 1 && c.mean < 1-least:
		return "faster"
	}
	return "no change seen"
}

// changed compares machine code's times with those of an older report. Both are taken relative to a reference
// engine that ran in both, native code or else the kernel, so that another machine or a busy one does not look like a change.
func (r *Report) changed(old *Report) (reference string, names []string, each []change, all change, err error) {
	before := map[string]Result{}
	for _, p := range old.Programs {
		before[p.Name] = p
	}
	for _, e := range []string{EngineNative, EngineKernel, EngineWazero} {
		if r.Geomeans[e] != nil && old.Geomeans[e] != nil {
			reference = e
			break
		}
	}
	if reference == "" {
		return "", nil, nil, all, fmt.Errorf("bench: compare: no engine beside gbpf's is in both reports")
	}
	rng := rand.New(rand.NewPCG(3, 4))
	sums := make([][]float64, draws)
	var means []float64
	for _, p := range r.Programs {
		q := before[p.Name]
		a, b, c, d := p.Samples[EngineJIT], p.Samples[reference], q.Samples[EngineJIT], q.Samples[reference]
		if a == nil || b == nil || c == nil || d == nil || p.Void != "" || q.Void != "" {
			continue
		}
		drawn := make([]float64, draws)
		for i := range drawn {
			drawn[i] = a.resample(rng) / b.resample(rng) / (c.resample(rng) / d.resample(rng))
			sums[i] = append(sums[i], drawn[i])
		}
		one := change{mean: a.Value() / b.Value() / (c.Value() / d.Value())}
		one.low, one.high = interval(drawn)
		names, each, means = append(names, p.Name), append(each, one), append(means, one.mean)
	}
	if len(means) == 0 {
		return "", nil, nil, all, fmt.Errorf("bench: compare: no program is in both reports")
	}
	drawn := make([]float64, draws)
	for i := range drawn {
		drawn[i] = geomean(sums[i])
	}
	all.mean = geomean(means)
	all.low, all.high = interval(drawn)
	return reference, names, each, all, nil
}

// WriteComparison prints what has changed since an older report: times with a verdict that knows the noise, and
// the exact numbers of native instructions.
func (r *Report) WriteComparison(w io.Writer, old *Report) error {
	reference, names, each, all, err := r.changed(old)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Against the report of %s: machine code's time relative to %s, new / old, with the interval that noise leaves\n", old.Date.Format("2006-01-02 15:04"), reference)
	tw := table(&b)
	for i, c := range each {
		if v := c.verdict(programChange); v != "no change seen" {
			fmt.Fprintf(tw, "%s\t%.2f\t%.2f-%.2f\t%s\t\n", names[i], c.mean, c.low, c.high, v)
		}
	}
	tw.Flush()
	before := map[string]Result{}
	for _, p := range old.Programs {
		before[p.Name] = p
	}
	for _, arch := range countedArchs {
		now, then := 0, 0
		for _, p := range r.Programs {
			if q, ok := before[p.Name]; ok && q.Native[arch] > 0 && q.Insns == p.Insns {
				now, then = now+p.Native[arch], then+q.Native[arch]
				if p.Native[arch] != q.Native[arch] {
					fmt.Fprintf(&b, "%s: %d instructions of %s, %d before\n", p.Name, p.Native[arch], arch, q.Native[arch])
				}
			}
		}
		fmt.Fprintf(&b, "%s: %d instructions in all, %d before\n", arch, now, then)
	}
	fmt.Fprintf(&b, "verdict: %s: %.3f (%.3f-%.3f) over %d programs\n\n", all.verdict(meanChange), all.mean, all.low, all.high, len(each))
	_, err = io.WriteString(w, b.String())
	return err
}
