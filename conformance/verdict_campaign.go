package conformance

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/verifier"
)

// VerdictCampaign loads generated programs into the live kernel and into gbpf's verifier and
// compares what they say.
type VerdictCampaign struct {
	Seed     uint64
	First    uint64        // number of the first program
	Programs int           // how many; 0 for as many as Time allows
	Time     time.Duration // 0 for as long as Programs take
	Corpus   []*fuzzgen.Program
	Levels   func(*fuzzgen.Generator) // changes the generator, such as its mix of levels

	// KernelLimit is the time that the kernel may take for one program, 0 for 250 ms: what
	// takes longer is left out and counted.
	KernelLimit time.Duration
	// NoShrink keeps programs that differ as they are.
	NoShrink bool
	// Progress, if not nil, is told of each new class.
	Progress func(*VerdictClass)
	// Alarm, if not nil, is told of a program that gbpf has been verifying for 10 s. It is called
	// by another goroutine.
	Alarm func(*fuzzgen.Program)
}

// VerdictReport is what a campaign found.
type VerdictReport struct {
	Programs int
	Accepted int // by the kernel
	Slow     int // left out: the kernel's verifier took too long
	Levels   map[fuzzgen.Level]int
	Classes  []*VerdictClass // the important ones first

	Kernel, Gbpf, Total time.Duration // Gbpf is the time inside Verify
	KernelSteps         int           // unknown without logs: of programs that differ only
}

// Difference is a way for verdicts to differ.
type Difference uint8

// The differences.
const (
	UnsafeAcceptance Difference = iota // gbpf accepts what the kernel refuses
	FalseRejection                     // gbpf refuses what the kernel accepts
)

func (d Difference) String() string {
	return [...]string{"unsafe acceptance", "false rejection"}[d]
}

// VerdictClass is a set of programs about which the verdicts differ in the same way.
type VerdictClass struct {
	Difference Difference
	Kernel     string // the last line of the kernel's log, numbers taken out; "" if it accepts
	Gbpf       string // gbpf's code and reason, numbers taken out; "" if it accepts
	Count      int
	Listed     string // why it is no fault, "" if it is one

	cannotRun  bool             // the explanation would need runs that are not possible here
	Example    *fuzzgen.Program // the smallest, shrunk
	KernelLine string           // of the example
	GbpfLine   string
}

// Run compares until the programs or the time are used up. The error says that there is
// no kernel, or that it could not be asked.
func (c *VerdictCampaign) Run() (*VerdictReport, error) {
	k, err := newKernelJudge()
	if err != nil {
		return nil, err
	}
	defer k.Close()
	k.limit = c.KernelLimit
	if k.limit == 0 {
		k.limit = 250 * time.Millisecond
	}
	sound, err := NewSoundness()
	if err != nil {
		return nil, err
	}
	defer sound.Close()
	g := &fuzzgen.Generator{Seed: c.Seed, Corpus: c.Corpus, Helpers: fuzzHelpers()}
	if c.Levels != nil {
		c.Levels(g)
	}
	r := &VerdictReport{Levels: map[fuzzgen.Level]int{}}
	classes := map[string]*VerdictClass{}
	start := time.Now()
	for n := c.First; ; n++ {
		if c.Programs > 0 && r.Programs >= c.Programs || c.Time > 0 && time.Since(start) >= c.Time || c.Programs == 0 && c.Time == 0 {
			break
		}
		p, level := g.Make(n)
		r.Programs++
		r.Levels[level]++
		at := time.Now()
		v, err := k.judge(p, 0)
		r.Kernel += time.Since(at)
		if errors.Is(err, kernel.ErrTimeout) {
			r.Slow++
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("verdict: seed %d program %d: %w", p.Seed, p.Number, err)
		}
		if v.Accepted {
			r.Accepted++
		}
		at = time.Now()
		alarm := time.AfterFunc(alarmAfter, func() {
			if c.Alarm != nil {
				c.Alarm(p)
			}
		})
		ve := verifyGenerated(p, verifier.Options{})
		alarm.Stop()
		r.Gbpf += time.Since(at)
		if v.Accepted == (ve == nil) {
			continue
		}
		d, err := compareVerdicts(k, p, verifier.Options{})
		if errors.Is(err, kernel.ErrTimeout) {
			r.Slow++
			continue
		}
		if err != nil {
			return nil, err
		}
		if d == nil { // with a log the kernel thought better of it
			continue
		}
		d.Listed = listedDifference(d)
		if d.Listed == "" && d.Difference == UnsafeAcceptance {
			d.Listed, d.cannotRun = explain(k, sound, p)
		}
		c.add(k, sound, classes, p, d)
	}
	r.Total = time.Since(start)
	for _, cl := range classes {
		r.Classes = append(r.Classes, cl)
	}
	slices.SortFunc(r.Classes, func(a, b *VerdictClass) int {
		listed := func(c *VerdictClass) int {
			if c.Listed != "" {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(listed(a), listed(b)), cmp.Compare(a.Difference, b.Difference), cmp.Compare(b.Count, a.Count), cmp.Compare(a.key(), b.key()))
	})
	return r, nil
}

// add files a program that differs under its class.
func (c *VerdictCampaign) add(k *kernelJudge, sound *Soundness, classes map[string]*VerdictClass, p *fuzzgen.Program, d *VerdictClass) {
	key := d.key()
	if d.Listed != "" {
		key = d.Listed // one class, whatever the kernel complained of
	}
	cl := classes[key]
	if cl == nil {
		cl = d
		classes[key] = cl
	}
	cl.Count++
	if cl.Count > 3 && cl.Example.Len() <= 6 || cl.Count > 12 || cl.Count > 1 && cl.Listed != "" {
		return
	}
	small := p
	if !c.NoShrink {
		end := time.Now().Add(shrinkTime)
		small = fuzzgen.Shrink(p, func(q *fuzzgen.Program) bool {
			if time.Now().After(end) {
				return false
			}
			e, err := compareVerdicts(k, q, verifier.Options{Steps: shrinkSteps})
			if err != nil || e == nil || e.Difference != d.Difference || e.Kernel != d.Kernel || e.Gbpf != d.Gbpf {
				return false
			}
			if d.Difference != UnsafeAcceptance || d.Listed != "" || d.cannotRun {
				return true
			}
			// Not into something that is explained.
			why, _ := explain(k, sound, q)
			return why == ""
		})
	}
	if d.cannotRun && d.Listed == "" {
		// What is left of it may run.
		if why, _ := explain(k, sound, small); why != "" {
			cl.Count--
			if cl.Count == 0 {
				delete(classes, key)
			}
			d.Listed = why
			c.add(k, sound, classes, small, d)
			return
		}
	}
	if cl.Example == nil || small.Len() < cl.Example.Len() {
		cl.Example = small
		if e, err := compareVerdicts(k, small, verifier.Options{}); err == nil && e != nil {
			cl.KernelLine, cl.GbpfLine = e.KernelLine, e.GbpfLine
		}
	}
	if cl.Count == 1 && c.Progress != nil {
		c.Progress(cl)
	}
}

// Shrinking is bounded: a program whose walk does not end would take it very long.
const (
	shrinkSteps = 100_000
	shrinkTime  = 5 * time.Second
	alarmAfter  = 10 * time.Second
)

// compareVerdicts asks both for their reasons. It returns nil when they agree.
func compareVerdicts(k *kernelJudge, p *fuzzgen.Program, o verifier.Options) (*VerdictClass, error) {
	v, err := k.judge(p, 0)
	if err != nil {
		return nil, err
	}
	ve := verifyGenerated(p, o)
	if v.Accepted == (ve == nil) {
		return nil, nil
	}
	d := &VerdictClass{Difference: FalseRejection}
	if ve == nil {
		d.Difference = UnsafeAcceptance
		if v, err = k.judge(p, 4); err != nil {
			return nil, err
		}
		if v.Accepted {
			return nil, nil
		}
		d.KernelLine = v.ErrnoName + " " + kernelReason(v.Log)
		d.Kernel = withoutNumbers(d.KernelLine)
		return d, nil
	}
	d.GbpfLine = fmt.Sprintf("%s: insn %d: %s", ve.Code, ve.Insn, ve.Reason)
	d.Gbpf = fmt.Sprintf("%s: %s", ve.Code, withoutNumbers(ve.Reason))
	return d, nil
}

func (c *VerdictClass) key() string {
	return fmt.Sprintf("%d|%s|%s|%s", c.Difference, c.Kernel, c.Gbpf, c.Listed)
}

// String is the class for people: what differs, how often, and the example.
func (c *VerdictClass) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d times", c.Difference, c.Count)
	if c.Listed != "" {
		fmt.Fprintf(&b, " (listed: %s)", c.Listed)
	}
	switch c.Difference {
	case UnsafeAcceptance:
		fmt.Fprintf(&b, "\n  kernel: %s", c.KernelLine)
	case FalseRejection:
		fmt.Fprintf(&b, "\n  gbpf: %s", c.GbpfLine)
	}
	fmt.Fprintf(&b, "\n  seed %d program %d, shrunk:\n", c.Example.Seed, c.Example.Number)
	for line := range strings.Lines(c.Example.String()) {
		b.WriteString("    " + line)
	}
	return b.String()
}

// Count returns how many programs differ in a way, those of listed classes apart.
func (r *VerdictReport) Count(d Difference) (faults, listed int) {
	for _, c := range r.Classes {
		switch {
		case c.Difference != d:
		case c.Listed != "":
			listed += c.Count
		default:
			faults += c.Count
		}
	}
	return faults, listed
}

// Summary is the counts in a few lines.
func (r *VerdictReport) Summary() string {
	var b strings.Builder
	percent := func(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }
	fmt.Fprintf(&b, "%d programs in %.1f s, the kernel accepts %d (%.1f %%), %d left out as too slow there\n",
		r.Programs, r.Total.Seconds(), r.Accepted, percent(r.Accepted, r.Programs), r.Slow)
	fmt.Fprintf(&b, "time: kernel %.1f s, gbpf %.1f s\n", r.Kernel.Seconds(), r.Gbpf.Seconds())
	unsafe, listed := r.Count(UnsafeAcceptance)
	fmt.Fprintf(&b, "unsafe acceptances: %d, and %d of listed classes\n", unsafe, listed)
	wrong, listed := r.Count(FalseRejection)
	fmt.Fprintf(&b, "false rejections: %d (%.2f %% of what the kernel accepts), and %d of listed classes\n", wrong, percent(wrong, r.Accepted), listed)
	return b.String()
}

var (
	numbers  = regexp.MustCompile(`-?\b0x[0-9a-f]+|-?\b\d+\b|\d+`)
	register = regexp.MustCompile(`\b[rRwW](\d|10)\b`)
	ranges   = regexp.MustCompile(`(off|var_off|range|smin|smax|umin|umax)=[^ ]*`)
)

// withoutNumbers is a message without what differs from program to program.
func withoutNumbers(s string) string {
	s = register.ReplaceAllString(s, "R#")
	s = ranges.ReplaceAllString(s, "$1=N")
	return numbers.ReplaceAllString(s, "N")
}

// kernelReason is the line of a kernel's log that says why a program was refused.
func kernelReason(log string) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		line, _, _ := strings.Cut(lines[i], "verification time ")
		line = strings.TrimSpace(line)
		skip := false
		for _, head := range []string{"processed ", "stack depth ", "old state:", "cur state:", "mark_precise:"} {
			skip = skip || strings.HasPrefix(line, head)
		}
		if line != "" && !skip {
			return line
		}
	}
	return ""
}
