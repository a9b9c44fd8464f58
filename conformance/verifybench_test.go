package conformance

import (
	"bytes"
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

var (
	speed     = flag.Bool("speed", false, "measure gbpf's verifier beside the kernel's (TestVerifierSpeed)")
	speedRuns = flag.Int("speed.runs", 9, "how often TestVerifierSpeed gives each program to each verifier")
	speedOnly = flag.String("speed.only", "", "regular expression of the programs that TestVerifierSpeed measures")
)

// A contest is one program that both verifiers get in turns.
type contest struct {
	section, name string
	spec          *verifier.Spec
	prog          *corpusProg // where raw is made from, nil for generated programs
	raw           *rawProgram
	funcs         bool // it has subprograms, so that the kernel's time includes their JIT

	verdict     *kernel.Verdict
	stats       verifier.Stats
	err         error
	loads       []time.Duration // CPU time of the kernel's whole system call
	walks       []time.Duration // of it, the verification
	ours        []time.Duration // CPU time of gbpf's verification
	allocated   uint64          // bytes that one verification allocates in all
	kernelInsns int
}

// measureOurs verifies the program some times and notes the CPU time of one, garbage collection
// included.
func (c *contest) measureOurs(repeat int) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := kernel.ProcessTime()
	for range repeat {
		proof, err := verifier.Verify(c.spec, verifier.Options{})
		if c.err = err; err == nil {
			c.stats = proof.Stats()
		}
	}
	c.ours = append(c.ours, (kernel.ProcessTime()-start)/time.Duration(repeat))
	runtime.ReadMemStats(&after)
	c.allocated = (after.TotalAlloc - before.TotalAlloc) / uint64(repeat)
}

// measureKernel loads the program once.
func (c *contest) measureKernel() error {
	p, v, err := kernel.Load(&c.raw.Prog)
	if err != nil {
		return err
	}
	if p != nil {
		p.Close()
	}
	c.verdict, c.kernelInsns = v, v.Processed
	c.loads = append(c.loads, v.CPU)
	// The kernel's statistics are in wall time: scale them down when the thread had to wait.
	walk := v.VerifyTime
	if v.Wall > 0 && v.CPU < v.Wall {
		walk = time.Duration(float64(walk) * float64(v.CPU) / float64(v.Wall))
	}
	c.walks = append(c.walks, walk)
	return nil
}

// measure gives the program to both verifiers in turns. The error tells that the kernel cannot judge it.
func (c *contest) measure(runs int) (err error) {
	if c.raw == nil {
		if c.raw, err = newRawProgram(c.prog.spec, c.prog.name, c.spec); err != nil {
			return err
		}
		defer c.raw.Close()
	}
	// Small programs are repeated until a clock reading means something.
	repeat := 1
	for run := range runs {
		if err := c.measureKernel(); err != nil {
			return err
		}
		if !c.verdict.Accepted {
			return nil
		}
		c.measureOurs(repeat)
		if first := c.ours[0]; run == 0 && first < 2*time.Millisecond {
			repeat = int(2*time.Millisecond/max(first, 10*time.Microsecond)) + 1
		}
	}
	return nil
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}

// contests lists what is measured: loops and straight code, branchy code, and real objects.
func contests(t *testing.T) []*contest {
	t.Helper()
	all := generated(t)
	branchy := map[string]bool{"branches.o": true, "dns.o": true, "layers.o": true, "lookups.o": true, "machine.o": true,
		"track.o": true, "spills.o": true, "functions.o": true, "iterate_v4.o": true, "pattern.o": true}
	for _, o := range corpus(t) {
		progs, err := corpusProgs(o)
		if err != nil {
			continue
		}
		for _, p := range progs {
			spec, err := p.describe()
			if err != nil || len(spec.Poison) > 0 {
				continue
			}
			c := &contest{section: "real: " + o.origin, name: o.name + ": " + p.name, spec: spec, prog: p}
			if o.origin == "own-large" {
				c.section = "loops"
				if branchy[o.name] {
					c.section = "branchy"
				}
			}
			all = append(all, c)
		}
	}
	for _, c := range all {
		for _, in := range c.spec.Insns {
			c.funcs = c.funcs || in.Op == isa.OpCallLocal || in.Op == isa.OpLddwFunc
		}
	}
	return all
}

// generated are programs without a compiler: the plainest loop, straight arithmetic, and a ladder of
// branches over unknown numbers whose paths meet again.
func generated(t *testing.T) []*contest {
	t.Helper()
	imm := func(op isa.Op, dst isa.Reg, off int16, v int64) isa.Insn { return isa.New(op, dst, 0, off, v) }
	loop := []isa.Insn{
		imm(isa.OpMov64Imm, 0, 0, 0), imm(isa.OpMov64Imm, 1, 0, 0),
		imm(isa.OpAdd64Imm, 0, 0, 3), imm(isa.OpXor64Imm, 0, 0, 0x55), imm(isa.OpAdd64Imm, 1, 0, 1),
		imm(isa.OpJltImm, 1, -4, 40000), imm(isa.OpMov64Imm, 0, 0, 2), isa.New(isa.OpExit, 0, 0, 0, 0),
	}
	straight := []isa.Insn{isa.New(isa.OpCallHelper, 0, 0, 0, 7)}
	for i := range 8000 {
		op := []isa.Op{isa.OpAdd64Imm, isa.OpXor64Imm, isa.OpLsh64Imm, isa.OpAnd32Imm, isa.OpMul64Imm, isa.OpRsh32Imm}[i%6]
		straight = append(straight, imm(op, 0, 0, int64(i%13+1)))
	}
	straight = append(straight, imm(isa.OpMov64Imm, 0, 0, 2), isa.New(isa.OpExit, 0, 0, 0, 0))
	ladder := []isa.Insn{isa.New(isa.OpCallHelper, 0, 0, 0, 7), isa.New(isa.OpMov64Reg, 6, 0, 0, 0), imm(isa.OpMov64Imm, 7, 0, 0)}
	for i := range 1500 {
		ladder = append(ladder, imm(isa.OpJsetImm, 6, 1, 1<<(i%31)), imm(isa.OpAdd64Imm, 7, 0, int64(i)), imm(isa.OpRsh64Imm, 6, 0, 1))
		if i%20 == 19 {
			ladder = append(ladder, isa.New(isa.OpCallHelper, 0, 0, 0, 7), isa.New(isa.OpMov64Reg, 6, 0, 0, 0))
		}
	}
	ladder = append(ladder, imm(isa.OpMov64Imm, 0, 0, 2), isa.New(isa.OpExit, 0, 0, 0, 0))
	var all []*contest
	for _, g := range []struct {
		section, name string
		insns         []isa.Insn
	}{{"loops", "generated: loop of 40,000 rounds", loop}, {"loops", "generated: 8,000 of arithmetic", straight}, {"branchy", "generated: ladder of 1,500 tests", ladder}} {
		insns, err := isa.Encode(g.insns)
		if err != nil {
			t.Fatalf("%s: %v", g.name, err)
		}
		all = append(all, &contest{
			section: g.section, name: g.name,
			spec: &verifier.Spec{Name: "generated", Type: progtype.XDP, GPL: true, Insns: g.insns},
			raw:  &rawProgram{Prog: kernel.Prog{Name: "generated", Type: progtype.XDP.Kernel, Insns: insns}},
		})
	}
	return all
}

// A speedRow is one line of the table: a program, or the sum of several.
type speedRow struct {
	n                     int
	kernelInsns, ourInsns int
	load, walk, ours      time.Duration
	states, kernelStates  int
	peak                  int
	allocated             uint64
	ratios                []float64 // of processed instructions, program by program
	name                  string
	starred               bool
}

func rate(insns int, d time.Duration) float64 { return float64(insns) / max(d.Seconds(), 1e-9) / 1e6 }

func (r *speedRow) add(c *contest) {
	r.n++
	r.kernelInsns += c.kernelInsns
	r.ourInsns += c.stats.Processed
	r.load += median(c.loads)
	r.walk += median(c.walks)
	r.ours += median(c.ours)
	r.states += c.stats.States
	r.kernelStates += c.verdict.States
	r.peak, r.allocated = max(r.peak, c.stats.PeakBytes), max(r.allocated, c.allocated)
	r.starred = r.starred || c.funcs
	r.ratios = append(r.ratios, float64(c.stats.Processed)/float64(max(1, c.kernelInsns)))
}

func (r *speedRow) print(w *tabwriter.Writer) {
	star := ""
	if r.starred {
		star = " *"
	}
	kernelRate, ourRate := rate(r.kernelInsns, r.walk), rate(r.ourInsns, r.ours)
	fmt.Fprintf(w, "%s%s\t%d\t%d\t%.3f\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t%.2f\t%.2f\t\n", r.name, star,
		r.kernelInsns, r.ourInsns, float64(r.ourInsns)/float64(max(1, r.kernelInsns)),
		us(r.load), us(r.walk), us(r.ours), kernelRate, ourRate, ourRate/max(kernelRate, 1e-9), us(r.walk)/max(us(r.ours), 1e-3),
		r.kernelStates, r.states, float64(r.peak)/(1<<20), float64(r.allocated)/(1<<20))
}

func us(d time.Duration) float64 { return float64(d) / 1e3 }

// TestVerifierSpeed prints how fast the kernel's verifier and gbpf's are on the same bytes, in CPU time:
//
//	go test ./conformance -run TestVerifierSpeed -v -speed
//
// Both get every program in turns, -speed.runs times, and medians count. "load" is the kernel's whole system call,
// "verify" the part of it that its statistics call verification, without the JIT; of programs with
// subprograms (marked *) the kernel's statistics include their JIT. gbpf's time is that of the whole process,
// with garbage collection; "speed" is the ratio of the rates, "time saved" that of the times. "peak" is what the
// verification says that it kept at one time, "alloc" all that it allocated; of sums, of the largest. Programs that one of the two refuses are left out of the table and counted. Nothing of it is asserted.
func TestVerifierSpeed(t *testing.T) {
	if !*speed {
		t.Skip("a measurement: run with -speed")
	}
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	only, err := regexp.Compile(*speedOnly)
	if err != nil {
		t.Fatal(err)
	}
	all := contests(t)
	floor := &contest{spec: all[0].spec, raw: &rawProgram{Prog: kernel.Prog{Name: "floor", Type: progtype.XDP.Kernel, Insns: floorInsns}}}
	for range 4 * *speedRuns {
		if err := floor.measureKernel(); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "program\tkernel insns\tgbpf insns\tratio\tload us\tverify us\tgbpf us\tkernel M/s\tgbpf M/s\tspeed\ttime saved\tkernel states\tstates\tpeak MiB\talloc MiB\t")
	sections := map[string]*speedRow{}
	total := &speedRow{name: "ALL"}
	left := map[string]int{}
	for _, c := range all {
		if !only.MatchString(c.section + " " + c.name) {
			continue
		}
		if err := c.measure(*speedRuns); err != nil {
			left[c.section+": the kernel cannot say"]++
			continue
		}
		switch {
		case !c.verdict.Accepted:
			left[c.section+": the kernel refuses it"]++
			continue
		case c.err != nil:
			left[c.section+": gbpf refuses it"]++
			continue
		}
		if sections[c.section] == nil {
			sections[c.section] = &speedRow{name: "SUM " + c.section}
		}
		sections[c.section].add(c)
		total.add(c)
		if c.kernelInsns >= 1000 {
			one := &speedRow{name: c.section + ": " + c.name}
			one.add(c)
			one.print(w)
		}
	}
	for _, name := range sortedKeys(sections) {
		sections[name].print(w)
	}
	total.print(w)
	w.Flush()
	t.Logf("kernel %s, %s, medians of %d runs in CPU time; the kernel's cost of loading two instructions: %v, of which verification %v\n%s",
		kernel.Release(), runtime.Version(), *speedRuns, median(floor.loads), median(floor.walks), b.String())
	slices.Sort(total.ratios)
	if n := len(total.ratios); n > 0 {
		t.Logf("%d programs; processed instructions against the kernel's by program: median %.3f, 90 %% %.3f, most %.3f", n, total.ratios[n/2], total.ratios[n*9/10], total.ratios[n-1])
	}
	if len(left) > 0 {
		t.Log(histogram(left))
	}
}

var floorInsns = []byte{0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}
