package bench

import (
	"fmt"
	"runtime"
	"time"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// verification compares the two verifiers on the same programs.
func (s *session) verification() (*Section, error) {
	sec := &Section{
		Title: "Verification",
		Note: "CPU time of verifying a program once, medians, of the kernel's that take over 50 ms the first; the kernel's is the part of the load that its statistics call verification, which of programs with functions " +
			"(calls, nested, helper_loop) includes their JIT. Memory is what gbpf kept at one time.",
		Columns: []Column{
			{"gbpf", "us", true}, {"kernel", "us", true}, {"gbpf/kernel", "", false}, {"insns", "gbpf", false}, {"insns", "kernel", false},
			{"rate", "M/s gbpf", false}, {"rate", "M/s kernel", false}, {"states", "gbpf", false}, {"states", "kernel", false}, {"peak", "KiB", false},
		},
	}
	var ours, theirs, insns, kernelInsns float64
	for _, p := range programs() {
		spec, err := p.Spec()
		if err != nil {
			return nil, err
		}
		specs, err := loader.VerifierSpecs(spec, nil)
		if err != nil {
			return nil, err
		}
		rounds := 7
		if s.quick {
			rounds = 3
		}
		var own, load []float64
		var stats verifier.Stats
		var verdict *kernel.Verdict
		for range rounds {
			n := 0
			begin := processTime()
			for n == 0 || processTime()-begin < 500*time.Microsecond {
				proof, err := verifier.Verify(specs[p.Name], verifier.Options{})
				if err != nil {
					return nil, err
				}
				stats = proof.Stats()
				n++
			}
			own = append(own, us(processTime()-begin)/float64(n))
			if s.kernel != nil && (len(load) == 0 || load[0] < 50_000) {
				cpu, wall := threadTime(), time.Now()
				if verdict, err = kernel.JudgeProgram(spec, p.Name); err != nil {
					return nil, err
				}
				verdict.CPU, verdict.Wall = threadTime()-cpu, time.Since(wall)
				if !verdict.Accepted {
					return nil, fmt.Errorf("the kernel refuses %s: %s", p.Name, verdict.LastLine)
				}
				load = append(load, verifyTime(verdict))
			}
		}
		a := median(own)
		ours, insns = ours+a, insns+float64(stats.Processed)
		if verdict != nil {
			theirs, kernelInsns = theirs+median(load), kernelInsns+float64(verdict.Processed)
		}
		if stats.Processed < 3000 {
			continue // the sum has it
		}
		row := verifyRow(a, float64(stats.Processed), float64(stats.States), s.why)
		if verdict != nil {
			row = withKernel(row, median(load), float64(verdict.Processed), float64(verdict.States))
		}
		row[9] = figure(float64(stats.PeakBytes) / 1024)
		sec.add(p.Name, row...)
	}
	row := verifyRow(ours, insns, 0, s.why)
	if s.kernel != nil {
		row = withKernel(row, theirs, kernelInsns, 0)
	}
	row[7], row[8], row[9] = none("a sum has none"), none("a sum has none"), none("a sum has none")
	sec.add("sum of all programs", row...)
	return sec, nil
}

// verifyTime is the kernel's verification in CPU time, in us: its statistics are in wall time.
func verifyTime(v *kernel.Verdict) float64 {
	t := us(v.VerifyTime)
	if v.Wall > 0 && v.CPU > 0 && v.CPU < v.Wall {
		t *= float64(v.CPU) / float64(v.Wall)
	}
	return t
}

func us(d time.Duration) float64 { return float64(d) / 1e3 }

func verifyRow(t, insns, states float64, why string) []Cell {
	no := none("no kernel: " + why)
	return []Cell{figure(t), no, no, figure(insns), no, figure(insns / t), no, figure(states), no, {}}
}

func withKernel(row []Cell, t, insns, states float64) []Cell {
	row[1], row[4], row[6], row[8] = figure(t), figure(insns), figure(insns/t), figure(states)
	row[2] = over(row[0], row[1])
	return row
}

// straightText is a program of about n instructions of arithmetic.
func straightText(n int) []isa.Insn {
	insns := asm.Must("r0 = 1; r1 = 2; r2 = 3")
	body := asm.Must("r0 += r1; w1 ^= w2; r2 *= 33; r1 <<= 3; r0 ^= r2; w2 += 7; r1 += r0; r2 >>= 2")
	for len(insns)+len(body)+1 < n {
		insns = append(insns, body...)
	}
	return append(insns, asm.Must("exit")...)
}

// compile measures machine code's making.
func (s *session) compile() (*Section, error) {
	sec := &Section{
		Title:   "Compile time",
		Note:    "From proof to executable memory, median, CPU time of the process; the kernel's is that of the load without verification, by which it counts copying and linking. The last rows are arithmetic without a branch.",
		Columns: []Column{{"gbpf", "us", false}, {"gbpf", "us/1,000 insns", true}, {"kernel", "us/1,000 insns", true}, {"insns", "", false}},
	}
	for _, name := range []string{"fnv", "chacha", "headers", "straight", "branchy"} {
		for _, p := range programs() {
			if p.Name != name {
				continue
			}
			spec, err := p.Spec()
			if err != nil {
				return nil, err
			}
			specs, err := loader.VerifierSpecs(spec, nil)
			if err != nil {
				return nil, err
			}
			if err := s.compileRow(sec, name, specs[name]); err != nil {
				return nil, err
			}
		}
	}
	for _, n := range []int{1000, 10_000, 100_000} {
		spec := &verifier.Spec{Name: "arithmetic", Type: progtype.XDP, GPL: true, Insns: straightText(n)}
		if err := s.compileRow(sec, fmt.Sprintf("%d of arithmetic", n), spec); err != nil {
			return nil, err
		}
	}
	return sec, nil
}

func (s *session) compileRow(sec *Section, name string, spec *verifier.Spec) error {
	n := float64(len(spec.Insns))
	rounds := 9
	if s.quick {
		rounds = 4
	}
	proof, err := verifier.Verify(spec, verifier.Options{})
	if err != nil {
		return err
	}
	raw, err := isa.Encode(spec.Insns)
	if err != nil {
		return err
	}
	a := none("no machine code is made here")
	var own, theirs []float64
	for range rounds {
		runtime.GC()
		begin := processTime()
		k := 0
		for k == 0 || processTime()-begin < time.Millisecond {
			if err := compileOnce(proof, spec); err != nil {
				return err
			}
			k++
		}
		own = append(own, us(processTime()-begin)/float64(k))
		if s.kernel != nil && len(spec.Insns) <= kernel.MaxInsns && !hasMaps(spec) {
			p, v, err := kernel.Load(&kernel.Prog{Name: "compile", Type: spec.Type.Kernel, Insns: raw})
			if err != nil {
				return err
			}
			if p == nil {
				return fmt.Errorf("the kernel refuses %s: %s", name, v.LastLine)
			}
			p.Close()
			theirs = append(theirs, max(us(v.CPU)-verifyTime(v), 0))
		}
	}
	if len(own) > 0 {
		a = figure(median(own))
	}
	b := none("no kernel: " + s.why)
	switch {
	case len(theirs) > 0:
		b = figure(median(theirs) / n * 1000)
	case s.kernel != nil && hasMaps(spec):
		b = none("its load makes maps, too")
	case s.kernel != nil:
		b = none(fmt.Sprintf("the kernel is not given programs over %d instructions", kernel.MaxInsns))
	}
	sec.add(name, a, figure(median(own)/n*1000), b, figure(n))
	return nil
}

func hasMaps(spec *verifier.Spec) bool { return len(spec.Maps) > 0 }
