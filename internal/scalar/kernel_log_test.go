package scalar

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

var (
	// The state after an instruction is on its line, or on one of its own if the
	// kernel had something else to say in between.
	insnLine = regexp.MustCompile(`^(\d+): (?:\([0-9a-f]{2}\) .*?; )?(R\d.*)$`)
	fromLine = regexp.MustCompile(`^from (\d+) to (\d+): (.*)$`)
	register = regexp.MustCompile(`\bR(\d+)[a-z_]*=(P?scalar\((?:[^()]|\([^()]*\))*\)|\S+)`)
)

// registers parses the scalars of a state.
func registers(s string) map[isa.Reg]string {
	m := map[isa.Reg]string{}
	for _, f := range register.FindAllStringSubmatch(s, -1) {
		n, _ := strconv.Atoi(f[1])
		m[isa.Reg(n)] = strings.TrimPrefix(f[2], "P")
	}
	return m
}

// parse reads a scalar of the kernel's log. What it leaves out is not known.
func parse(s string) (Scalar, bool) {
	if v, ok := parseNumber(s); ok {
		return Const(v), true
	}
	body, ok := strings.CutPrefix(s, "scalar(")
	body, ok2 := strings.CutSuffix(body, ")")
	if !ok || !ok2 {
		return Scalar{}, false
	}
	r := unknown
	if body == "" {
		return r, true
	}
	for _, item := range strings.Split(body, ",") {
		names := strings.Split(item, "=")
		text := names[len(names)-1]
		for _, name := range names[:len(names)-1] {
			if name == "id" {
				continue
			}
			if name == "var_off" {
				if _, err := fmt.Sscanf(text, "(0x%x; 0x%x)", &r.Var.Value, &r.Var.Mask); err != nil {
					return r, false
				}
				continue
			}
			v, ok := parseNumber(text)
			if !ok {
				return r, false
			}
			switch name {
			case "smin":
				r.SMin = int64(v)
			case "smax":
				r.SMax = int64(v)
			case "umin":
				r.UMin = v
			case "umax":
				r.UMax = v
			case "smin32":
				r.S32Min = int32(v)
			case "smax32":
				r.S32Max = int32(v)
			case "umin32":
				r.U32Min = uint32(v)
			case "umax32":
				r.U32Max = uint32(v)
			default:
				return r, false
			}
		}
	}
	return r, true
}

func parseNumber(s string) (uint64, bool) {
	if v, err := strconv.ParseInt(s, 0, 64); err == nil {
		return uint64(v), true
	}
	v, err := strconv.ParseUint(s, 0, 64)
	return v, err == nil
}

// read takes the steps from the log of a program.
func (g *generator) read(t *testing.T, log string) []step {
	t.Helper()
	var steps []step
	now := map[isa.Reg]string{}
	before := map[int][2]string{} // of comparisons
	open := map[int]bool{}        // comparisons whose taken edge was not seen yet
	var order []int
	at := -1
	get := func(text string) Scalar {
		s, ok := parse(text)
		if !ok {
			t.Fatalf("state %q does not parse", text)
		}
		return s
	}
	src := func(i isa.Insn) string {
		if i.Info().UsesImm {
			return strconv.FormatInt(i.Imm, 10)
		}
		if i.Info().AluOp == isa.AluNeg {
			return "0"
		}
		return now[i.Src]
	}
	for line := range strings.SplitSeq(log, "\n") {
		if f := fromLine.FindStringSubmatch(line); f != nil {
			stub, _ := strconv.Atoi(f[2])
			pc, ok := g.edges[stub]
			state := registers(f[3])
			i, x := g.prog[pc], before[pc]
			if !ok || state[i.Dst] == "" || !open[pc] {
				continue // no stub, or one that a forked path comes to again
			}
			s := step{name: g.named[pc] + " taken", texts: [4]string{x[0], x[1], state[i.Dst], x[1]}}
			if !i.Info().UsesImm {
				s.texts[3] = state[i.Src]
			}
			s.a, s.b, s.ra, s.rb = get(s.texts[0]), get(s.texts[1]), get(s.texts[2]), get(s.texts[3])
			steps = append(steps, s)
			delete(open, pc)
			continue
		}
		f := insnLine.FindStringSubmatch(line)
		if f == nil {
			continue
		}
		pc, _ := strconv.Atoi(f[1])
		if pc <= at {
			continue // past the main path
		}
		at = pc
		state := registers(f[2])
		i, name := g.prog[pc], g.named[pc]
		if name != "" && state[i.Dst] != "" && now[i.Dst] != "" {
			a, b := now[i.Dst], src(i)
			s := step{name: name, texts: [4]string{a, b, state[i.Dst], b}}
			if i.IsCond() {
				s.name += " not taken"
				before[pc], open[pc] = [2]string{a, b}, true
				order = append(order, pc)
				if !i.Info().UsesImm {
					s.texts[3] = state[i.Src]
				}
			}
			s.a, s.b, s.ra, s.rb = get(s.texts[0]), get(s.texts[1]), get(s.texts[2]), get(s.texts[3])
			steps = append(steps, s)
		}
		for r, text := range state {
			now[r] = text
		}
	}
	for _, pc := range order {
		if open[pc] {
			x := before[pc]
			steps = append(steps, step{name: g.named[pc] + " taken", dead: true, a: get(x[0]), b: get(x[1]), texts: [4]string{x[0], x[1], "dead", "dead"}})
		}
	}
	return steps
}

// TestParse checks that what String writes is read back as the same.
func TestParse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		s := randomSet(rng).s
		if r, ok := parse(s.String()); !ok || r != s {
			t.Fatalf("%+v is written %v and read as %+v", s, s, r)
		}
	}
	if got := (Scalar{UMax: math.MaxUint64, Var: Tnum{Mask: 1}}).String(); !strings.Contains(got, "var_off=(0x0; 0x1)") {
		t.Errorf("bits are missing: %s", got)
	}
}
