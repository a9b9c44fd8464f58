package bench

import (
	"fmt"
	"math"
)

// chartData is what a chart shows: for each row one figure of each series, 0 for none.
type chartData struct {
	unit   string
	series []seriesName
	rows   []chartRow
	// log draws points on a scale of powers; else bars from zero.
	log bool
}

type seriesName struct {
	Name  string
	Class int // of the style sheet
}

type chartRow struct {
	name   string
	values []float64
}

// chart is a drawing, in pixels, for the template.
type chart struct {
	Width, Height, Left, Right, Bottom int
	Unit                               string
	Legend                             []seriesName
	Labels                             []label
	Ticks                              []label
	Bars                               []bar
	Points                             []point
}

type label struct {
	X, Y int
	Text string
}

type bar struct {
	X, Y, W, H, Class int
	Title, Value      string
	TextX, TextY      int
}

type point struct {
	X, Y, Class int
	Title       string
}

const (
	chartWidth  = 920
	chartLeft   = 270
	chartRight  = 850
	pointHeight = 22
	barHeight   = 13
)

// bounds of the positive figures.
func (c *chartData) bounds() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, r := range c.rows {
		for _, v := range r.values {
			if v > 0 {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	return low, high
}

// spread is how many times the least the greatest figure is.
func (c *chartData) spread() float64 {
	low, high := c.bounds()
	return high / low
}

// draw returns nil where there is nothing to show.
func (c *chartData) draw() *chart {
	low, high := c.bounds()
	if high == 0 || len(c.series) == 0 {
		return nil
	}
	out := &chart{Width: chartWidth, Left: chartLeft, Right: chartRight, Unit: c.unit}
	if len(c.series) > 1 {
		out.Legend = c.series
	}
	y := 26
	if c.log {
		step := 2.0
		if high/low > 200 {
			step = 10
		}
		from, to := math.Floor(math.Log(low)/math.Log(step)), math.Ceil(math.Log(high)/math.Log(step))
		to = max(to, from+1)
		x := func(v float64) int {
			return chartLeft + int((math.Log(v)/math.Log(step)-from)/(to-from)*(chartRight-chartLeft))
		}
		for p := from; p <= to; p++ {
			v := math.Pow(step, p)
			out.Ticks = append(out.Ticks, label{X: x(v), Y: 14, Text: plain(v)})
		}
		for _, r := range c.rows {
			out.Labels = append(out.Labels, label{X: chartLeft - 10, Y: y + pointHeight/2 + 4, Text: r.name})
			for i, v := range r.values {
				if v > 0 {
					s := c.series[i]
					out.Points = append(out.Points, point{X: x(v), Y: y + pointHeight/2, Class: s.Class, Title: fmt.Sprintf("%s, %s: %s %s", r.name, s.Name, number(v), c.unit)})
				}
			}
			y += pointHeight
		}
	} else {
		step := math.Pow(10, math.Floor(math.Log10(high)))
		for high/step < 4 {
			step /= 2
		}
		top := math.Ceil(high/step) * step
		x := func(v float64) int { return int(v / top * (chartRight - chartLeft)) }
		for v := 0.0; v <= top+step/2; v += step {
			out.Ticks = append(out.Ticks, label{X: chartLeft + x(v), Y: 14, Text: plain(v)})
		}
		for _, r := range c.rows {
			out.Labels = append(out.Labels, label{X: chartLeft - 10, Y: y + 4 + len(r.values)*barHeight/2 + 4, Text: r.name})
			y += 4
			for i, v := range r.values {
				if v > 0 {
					s := c.series[i]
					out.Bars = append(out.Bars, bar{
						X: chartLeft, Y: y, W: max(1, x(v)), H: barHeight - 2, Class: s.Class, Value: number(v), TextX: chartLeft + x(v) + 5, TextY: y + barHeight - 3,
						Title: fmt.Sprintf("%s, %s: %s %s", r.name, s.Name, number(v), c.unit),
					})
				}
				y += barHeight
			}
			y += 4
		}
	}
	out.Bottom, out.Height = y, y+8
	return out
}

// plain prints a tick.
func plain(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%gk", v/1e3)
	}
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
