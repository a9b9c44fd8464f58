package bench

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Samples are times of one run in nanoseconds, by placement of the code and round.
type Samples [][]float64

// Value is the figure of samples: the median over the placements of the least over the rounds. Whatever else the machine
// does only adds to a time, so that the least is what the code takes; where the code lies is part of the
// figure.
func (s Samples) Value() float64 {
	return median(s.least())
}

// Range is the least and the greatest of the placements.
func (s Samples) Range() (low, high float64) {
	return bounds(s.least())
}

// bounds returns NaN for nothing.
func bounds(v []float64) (low, high float64) {
	if len(v) == 0 {
		return math.NaN(), math.NaN()
	}
	return slices.Min(v), slices.Max(v)
}

func (s Samples) least() []float64 {
	var l []float64
	for _, rounds := range s {
		if len(rounds) > 0 {
			l = append(l, slices.Min(rounds))
		}
	}
	return l
}

// resample draws as many placements and rounds with replacement.
func (s Samples) resample(r *rand.Rand) float64 {
	l := make([]float64, len(s))
	for i := range l {
		rounds := s[r.IntN(len(s))]
		l[i] = math.Inf(1)
		for range rounds {
			l[i] = min(l[i], rounds[r.IntN(len(rounds))])
		}
	}
	return median(l)
}

// median returns NaN for nothing.
func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	v = slices.Clone(v)
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

func geomean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(v)))
}

// pair is what two engines took for the same program.
type pair struct{ a, b Samples }

// Ratio is a geometric mean of ratios.
type Ratio struct {
	Mean float64 `json:"mean"`
	// Low and High bound it with 95 % confidence as far as placements and rounds go: the same programs again.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// ProgramsLow and ProgramsHigh do so for other programs of the kind.
	ProgramsLow  float64 `json:"programs_low"`
	ProgramsHigh float64 `json:"programs_high"`
	Programs     int     `json:"programs"`
}

// draws is how often samples are drawn for a confidence interval.
const draws = 400

// ratio is the geometric mean of a over b, nil for no pairs.
func ratio(pairs []pair) *Ratio {
	if len(pairs) == 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(1, uint64(len(pairs))))
	ratios := make([]float64, len(pairs))
	for i, p := range pairs {
		ratios[i] = p.a.Value() / p.b.Value()
	}
	again, others := make([]float64, draws), make([]float64, draws)
	v, w := make([]float64, len(pairs)), make([]float64, len(pairs))
	for d := range draws {
		for i, p := range pairs {
			v[i] = p.a.resample(r) / p.b.resample(r)
		}
		for i := range w {
			w[i] = v[r.IntN(len(v))]
		}
		again[d], others[d] = geomean(v), geomean(w)
	}
	out := &Ratio{Mean: geomean(ratios), Programs: len(pairs)}
	out.Low, out.High = interval(again)
	out.ProgramsLow, out.ProgramsHigh = interval(others)
	return out
}

// interval is where the middle 95 % of v lie.
func interval(v []float64) (low, high float64) {
	v = slices.Clone(v)
	slices.Sort(v)
	n := float64(len(v) - 1)
	return v[int(math.Round(n*0.025))], v[int(math.Round(n*0.975))]
}
