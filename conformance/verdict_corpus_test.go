package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/verifier"
)

// corpusExceptionsFile lists the real programs about which gbpf and the kernel differ.
const corpusExceptionsFile = "testdata/corpus_exceptions.txt"

// key names a program in the list of exceptions.
func (p *corpusProg) key() string {
	return strings.ReplaceAll(p.object.origin+":"+p.object.name+":"+p.name, " ", "_")
}

// describe gets the program's description for the verifier, with CO-RE against the live kernel's types.
func (p *corpusProg) describe() (*verifier.Spec, error) {
	types, err := kernel.Types()
	if err != nil {
		return nil, err
	}
	o := &loader.Options{Programs: []string{p.name}, KernelBTF: types, Kconfig: map[string]any{"LINUX_KERNEL_VERSION": liveVersion()}}
	specs, err := loader.VerifierSpecs(p.spec, o)
	if err != nil {
		return nil, err
	}
	s := specs[p.name]
	if s == nil {
		return nil, fmt.Errorf("the loader describes no program %s", p.name)
	}
	return s, nil
}

// A corpusRow sums up the programs of one origin and type.
type corpusRow struct {
	verdicts
	programs, silent    int
	silentOK, silentBad int // programs of which the kernel says nothing: gbpf's verdict
}

// A corpusTable has a row for each origin and program type.
type corpusTable map[string]*corpusRow

func (c corpusTable) row(origin, kind string) *corpusRow {
	key := origin + "\t" + kind
	if c[key] == nil {
		c[key] = &corpusRow{}
	}
	return c[key]
}

// total is the sum of all rows.
func (c corpusTable) total() *corpusRow {
	total := &corpusRow{}
	for _, r := range c {
		total.programs += r.programs
		total.accepted += r.accepted
		total.rejected += r.rejected
		total.unsafe += r.unsafe
		total.falseReject += r.falseReject
		total.excepted += r.excepted
		total.beyond += r.beyond
		total.silent += r.silent
		total.silentOK += r.silentOK
		total.silentBad += r.silentBad
		total.kernelInsns += r.kernelInsns
		total.insns += r.insns
		for why, n := range r.out {
			for range n {
				total.leaveOut(why)
			}
		}
	}
	return total
}

func (c corpusTable) String() string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "origin\ttype\tprograms\taccept\treject\tunsafe\tfalse rejects\ttoo much for the kernel\tlisted\tout\tkernel silent\tof those accept\treject\tkernel insns\tgbpf insns\tratio\t")
	total := c.total()
	line := func(key string, r *corpusRow) {
		out := 0
		for _, n := range r.out {
			out += n
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.3f\t\n", key, r.programs, r.accepted, r.rejected, r.unsafe,
			r.falseReject, r.beyond, r.excepted, out, r.silent, r.silentOK, r.silentBad, r.kernelInsns, r.insns, float64(r.insns)/float64(max(1, r.kernelInsns)))
	}
	for _, key := range sortedKeys(c) {
		line(key, c[key])
	}
	line("all\t", total)
	w.Flush()
	return b.String() + histogram(total.out)
}

// TestCorpusVerdicts verifies the programs of every real object on this machine and compares
// the verdicts with the live kernel's, which gets each program twice: as cilium/ebpf
// loads it from the object, and as the bytes that gbpf verifies.
func TestCorpusVerdicts(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	if _, err := kernel.Types(); err != nil {
		t.Skip(err)
	}
	list, say := readExceptions(t, corpusExceptionsFile), differs(t)
	table := corpusTable{}
	silent := map[string]int{}
	raw, sameCount := 0, 0
	for n, o := range corpus(t) {
		if testing.Short() && n%6 != 0 {
			continue
		}
		progs, err := corpusProgs(o)
		if err != nil {
			t.Logf("%s: %s: %v", o.origin, o.name, err)
			continue
		}
		for _, p := range progs {
			row := table.row(p.object.origin, p.kind)
			row.programs++
			p.ask()
			spec, err := p.describe()
			j := &judgement{err: err}
			switch {
			case errors.Is(err, loader.ErrUnsupported):
				j.out = "the loader: " + reasonOf(err)
			case err == nil:
				j = judge(t, spec)
			}
			if p.kernel == nil {
				silent[p.silent]++
				row.silent++
				switch {
				case j.out != "":
					row.leaveOut(j.out)
				case j.accepted:
					row.silentOK++
				default:
					row.silentBad++
					t.Logf("%v: rejected, the kernel cannot say (%s): %v", p, p.silent, j.err)
				}
				continue
			}
			if text := row.add(p.key(), p.kernel.Accepted, p.kernel.LastLine, p.kernel.Processed, j, list); text != "" {
				say("%v: %s\n%s", p, text, listing(spec))
			}
			if n := p.kernel.Processed; j.accepted && p.kernel.Accepted && j.stats.Processed > n+n/10+100 {
				t.Logf("%v: %d instructions processed, %.2f times the kernel's", p, j.stats.Processed, float64(j.stats.Processed)/float64(n))
			}
			if spec == nil || len(spec.Poison) > 0 {
				continue
			}
			r, err := newRawProgram(p.spec, p.name, spec)
			if err != nil {
				t.Errorf("%v: its bytes cannot be given to the kernel: %v", p, err)
				continue
			}
			prog, v, err := kernel.Load(&r.Prog)
			r.Close()
			if err != nil {
				t.Errorf("%v: %v", p, err)
				continue
			}
			if prog != nil {
				prog.Close()
			}
			raw++
			if v.Accepted != p.kernel.Accepted {
				t.Errorf("%v: the kernel accepts cilium/ebpf's bytes: %v, gbpf's: %v (%s %s)", p, p.kernel.Accepted, v.Accepted, v.ErrnoName, v.LastLine)
			}
			if v.Processed == p.kernel.Processed {
				sameCount++
			} else {
				t.Logf("%v: the kernel processes %d instructions of cilium/ebpf's bytes, %d of gbpf's", p, p.kernel.Processed, v.Processed)
			}
		}
	}
	if !testing.Short() && minor(kernel.Release()) == knownKernel {
		checkExceptions(t, corpusExceptionsFile, list)
		table.total().checkCount(t)
	}
	t.Logf("kernel %s\n%v", kernel.Release(), table)
	t.Logf("the kernel said nothing: %s", histogram(silent))
	t.Logf("bytes of gbpf's loader given to the kernel: %d programs, of which it processed as many instructions as of cilium/ebpf's: %d", raw, sameCount)
}
