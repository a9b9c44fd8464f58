package scalar

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
)

var (
	update     = flag.Bool("update", false, "record what the live kernel's verifier says in testdata/kernel.txt")
	kernelRuns = flag.Int("scalar.kernel", 12, "programs that the live kernel's verifier is given")
)

const recorded = "testdata/kernel.txt"

// step is what the kernel's verifier knew before and after one instruction. For a
// comparison there is one step for each edge, and the one that is not there was decided
// to be dead.
type step struct {
	name  string // as in "add64", "jlt32 taken", "movsx8to64"
	a, b  Scalar
	dead  bool // the kernel did not go there
	ra    Scalar
	rb    Scalar
	texts [4]string // a, b, ra, rb as the kernel wrote them
}

// TestKernelRecorded compares with what a kernel said when it was recorded.
func TestKernelRecorded(t *testing.T) {
	f, err := os.Open(recorded)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var steps []step
	for sc := bufio.NewScanner(f); sc.Scan(); {
		col := strings.Split(sc.Text(), "\t")
		if strings.HasPrefix(sc.Text(), "#") || len(col) != 5 {
			continue
		}
		s := step{name: col[0], dead: col[3] == "dead", texts: [4]string(col[1:])}
		for i, p := range [4]*Scalar{&s.a, &s.b, &s.ra, &s.rb} {
			if s.dead && i > 1 {
				break
			}
			var ok bool
			if *p, ok = parse(col[i+1]); !ok {
				t.Fatalf("%s: %q does not parse", s.name, col[i+1])
			}
		}
		steps = append(steps, s)
	}
	if len(steps) < 500 {
		t.Fatalf("only %d steps in %s", len(steps), recorded)
	}
	compare(t, steps)
}

// TestKernelLive asks the kernel on this machine.
func TestKernelLive(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	rng := rand.New(rand.NewPCG(6, 18))
	var steps []step
	for range *kernelRuns {
		g := generate(rng, 60)
		code, err := isa.Encode(g.prog)
		if err != nil {
			t.Fatal(err)
		}
		p, v, err := kernel.Load(&kernel.Prog{Type: 1, Insns: code, LogLevel: 2})
		if err != nil {
			t.Fatal(err)
		}
		if p != nil {
			p.Close()
		}
		if !v.Accepted {
			t.Fatalf("the kernel refused the program: %s\n%s", v.LastLine, v.Log[max(0, len(v.Log)-2000):])
		}
		steps = append(steps, g.read(t, v.Log)...)
	}
	compare(t, steps)
	if *update {
		record(t, steps)
	}
}

// record keeps steps of every name.
func record(t *testing.T, steps []step) {
	t.Helper()
	seen := map[string]bool{}
	count := map[string]int{}
	var lines []string
	for _, s := range steps {
		l := strings.Join(append([]string{s.name}, s.texts[:]...), "\t")
		if !seen[l] && count[s.name] < 12 {
			seen[l] = true
			count[s.name]++
			lines = append(lines, l)
		}
	}
	slices.Sort(lines)
	head := "# What the verifier of Linux " + kernel.Release() + " knows of the operands before an instruction and after it, from\n" +
		"# its log: instruction, two operands, two results; \"dead\" where it did not go. Made by -update.\n"
	if err := os.WriteFile(recorded, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// compare does each step from the kernel's operands and demands that the result is in
// the kernel's.
func compare(t *testing.T, steps []step) {
	t.Helper()
	type counts struct{ same, better, worse int }
	by := map[string]*counts{}
	var total counts
	forked := 0
	for _, s := range steps {
		if forks(&s) {
			forked++
			continue
		}
		// The kernel leaves some ranges of one number and some bits for later.
		s.a, s.b = s.a.orUnknown(), s.b.orUnknown()
		ra, rb, ok := redo(t, s)
		c := by[s.name]
		if c == nil {
			c = &counts{}
			by[s.name] = c
		}
		switch {
		case ok && s.dead || ok && (!ra.In(s.ra) || !rb.In(s.rb)):
			c.worse++
			total.worse++
			if c.worse < 4 {
				t.Errorf("%s of\n\t%s and\n\t%s: the kernel knows more:\n\t%s and %s, not\n\t%v and %v", s.name, s.texts[0], s.texts[1], s.texts[2], s.texts[3], ra, rb)
			}
		case ok == s.dead || !s.dead && (ra != s.ra || rb != s.rb):
			c.better++
			total.better++
		default:
			c.same++
			total.same++
		}
	}
	var names []string
	for n := range by {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	for i, n := range names {
		if i%6 == 0 {
			b.WriteString("\n   ")
		}
		fmt.Fprintf(&b, " %s %d/%d/%d,", n, by[n].same, by[n].better, by[n].worse)
	}
	t.Logf("%d steps: %d as the kernel, %d more precise, %d less precise, %d that the kernel forks at%s", len(steps), total.same, total.better, total.worse, forked, b.String())
}

// forks reports an operation that Linux 6.18 does on 0 and on -1 one after the other, as
// two paths: masks made by shifting the sign all the way. What it knows on one of the
// paths is no measure of the domain.
func forks(s *step) bool {
	switch s.name {
	case "and 64", "or 64":
		return s.a.SMin == -1 && s.a.SMax == 0 || s.a.S32Min == -1 && s.a.S32Max == 0
	case "and 32", "or 32":
		return s.a.S32Min == -1 && s.a.S32Max == 0
	}
	return false
}

// redo does the step here.
func redo(t *testing.T, s step) (ra, rb Scalar, ok bool) {
	t.Helper()
	for _, u := range unaries {
		if u.name == s.name {
			return u.abstract(s.a), s.b, true
		}
	}
	for _, width := range []uint8{32, 64} {
		for _, op := range aluOps {
			if s.name == fmt.Sprint(op, width) {
				return ALU(op, width, s.a, s.b), s.b, true
			}
		}
		for _, op := range condOps {
			for i, edge := range []string{" not taken", " taken"} {
				if s.name == fmt.Sprint(op, width, edge) {
					d := Branch(op, width, s.a, s.b)
					ra, rb, ok = Refine(op, width, i == 1, s.a, s.b)
					if d == Always && i == 0 || d == Never && i == 1 {
						ok = false
					}
					return ra, rb, ok
				}
			}
		}
	}
	t.Fatalf("unknown step %q", s.name)
	return
}

// A program is a row of blocks: two registers with unknown values, shaped by
// operations with constants, then an operation or a comparison of the two. Concrete
// values go along, so that the way through is always possible; the other edge of each
// comparison ends the program at once, in a place of its own.
type generator struct {
	prog  []isa.Insn
	named map[int]string // instruction number: step
	edges map[int]int    // instruction number of the stub: the comparison
	value [8]uint64
	rng   *rand.Rand
}

const regA, regB = isa.Reg(6), isa.Reg(7)

type opKey struct {
	kind  isa.Kind
	op    isa.AluOp
	cond  isa.CondOp
	width uint8
	from  uint8
	imm   bool
}

var opTable = func() map[opKey]isa.Op {
	m := map[opKey]isa.Op{}
	for op := range isa.Ops() {
		i := isa.New(op, 0, 0, 0, 0).Info()
		k := opKey{i.Kind, i.AluOp, i.CondOp, i.Width, i.FromWidth, i.UsesImm}
		if _, ok := m[k]; !ok {
			m[k] = op
		}
	}
	return m
}()

func (g *generator) emit(k opKey, name string, dst, src isa.Reg, off int16, imm int64) {
	op, ok := opTable[k]
	if !ok {
		panic(fmt.Sprintf("no instruction %+v", k))
	}
	if name != "" {
		g.named[len(g.prog)] = name
	}
	g.prog = append(g.prog, isa.New(op, dst, src, off, imm))
}

func generate(rng *rand.Rand, blocks int) *generator {
	g := &generator{named: map[int]string{}, edges: map[int]int{}, rng: rng}
	for range blocks {
		for _, r := range []isa.Reg{regA, regB} {
			g.prog = append(g.prog, isa.New(isa.OpCallHelper, 0, 0, 0, 7))
			g.emit(opKey{kind: isa.KindMov, op: isa.AluMov, width: 64}, "", r, 0, 0, 0)
			g.value[r] = interesting(rng)
			for range rng.IntN(5) {
				g.shape(r)
			}
		}
		width := uint8(32 << rng.IntN(2))
		if rng.IntN(2) == 0 {
			g.alu(aluOps[rng.IntN(len(aluOps))], width, false, regA, 0)
		} else {
			g.jump(condOps[rng.IntN(len(condOps))], width, false, regA, 0)
		}
	}
	g.prog = append(g.prog, isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
	// The stubs, now that their place is known.
	var at []int
	for pc := range g.prog {
		if g.prog[pc].IsCond() {
			at = append(at, pc)
		}
	}
	for _, pc := range at {
		stub := len(g.prog)
		g.edges[stub] = pc
		i := &g.prog[pc]
		*i = isa.New(i.Op, i.Dst, i.Src, int16(stub-pc-1), i.Imm)
		g.prog = append(g.prog, isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
	}
	return g
}

// interesting makes numbers of all sizes, close to powers of two and 0 on either side.
func interesting(rng *rand.Rand) uint64 {
	v := rng.Uint64() >> rng.UintN(64)
	if rng.IntN(2) == 0 {
		v = uint64(1)<<rng.UintN(64) + uint64(rng.IntN(7)) - 3
	}
	if rng.IntN(3) == 0 {
		v = -v
	}
	return v
}

// shape confines or changes a register by a constant.
func (g *generator) shape(r isa.Reg) {
	width := uint8(32 << g.rng.IntN(2))
	imm := int64(int32(interesting(g.rng)))
	switch g.rng.IntN(11) {
	case 0, 1, 2, 3, 4:
		// Comparisons with something close to the value.
		if g.rng.IntN(2) == 0 {
			imm = int64(int32(g.value[r])) + int64(g.rng.IntN(9)) - 4
			imm = int64(int32(imm))
		}
		g.jump(condOps[g.rng.IntN(len(condOps))], width, true, r, imm)
	case 5:
		g.emit(opKey{kind: isa.KindMov, op: isa.AluMov, width: 32}, "mov32", r, r, 0, 0)
		g.value[r] = uint64(uint32(g.value[r]))
	case 6:
		from := []uint8{8, 16, 32}[g.rng.IntN(3)]
		if from == 32 {
			width = 64
		}
		name := fmt.Sprintf("movsx%dto%d", from, width)
		g.emit(opKey{kind: isa.KindMovSX, op: isa.AluMovsx, width: width, from: from}, name, r, r, 0, 0)
		for _, u := range unaries {
			if u.name == name {
				g.value[r] = u.concrete(g.value[r])
			}
		}
	case 7:
		u := []string{"le16", "le64", "be16", "be32", "bswap64"}[g.rng.IntN(5)]
		i := slices.IndexFunc(unaries, func(v unary) bool { return v.name == u })
		bits := map[byte]uint8{'6': 16, '2': 32, '4': 64}[u[len(u)-1]]
		op := map[byte]isa.AluOp{'l': isa.AluLe, 'b': isa.AluBe}[u[0]]
		if u == "bswap64" {
			op = isa.AluBswap
		}
		g.emit(opKey{kind: isa.KindEnd, op: op, width: bits}, u, r, 0, 0, 0)
		g.value[r] = unaries[i].concrete(g.value[r])
	default:
		g.alu(aluOps[g.rng.IntN(len(aluOps))], width, true, r, imm)
	}
}

// alu emits dst op= imm or dst op= regB.
func (g *generator) alu(op isa.AluOp, width uint8, byImm bool, dst isa.Reg, imm int64) {
	k := opKey{isa.KindALU, op, 0, width, 0, byImm}
	y := uint64(imm)
	switch op {
	case isa.AluMov:
		k.kind = isa.KindMov
		if !byImm && width == 64 {
			return // links the two
		}
	case isa.AluNeg:
		k.imm, imm = false, 0
	case isa.AluLsh, isa.AluRsh, isa.AluArsh:
		if byImm {
			imm = int64(g.rng.IntN(int(width))) // the kernel refuses others
			y = uint64(imm)
		}
	case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod:
		if byImm && imm == 0 {
			imm, y = 3, 3
		}
	}
	src := isa.Reg(0)
	if !byImm {
		src, y = regB, g.value[regB]
		if op == isa.AluNeg {
			src = 0
		}
	}
	g.emit(k, fmt.Sprint(op, width), dst, src, 0, imm)
	g.value[dst] = concreteALU(op, width, g.value[dst], y)
}

// jump emits a comparison that falls through for the values at hand.
func (g *generator) jump(op isa.CondOp, width uint8, byImm bool, dst isa.Reg, imm int64) {
	y, src := uint64(imm), isa.Reg(0)
	if !byImm {
		y, src = g.value[regB], regB
	}
	for concreteCond(op, width, g.value[dst], y) {
		op = condOps[g.rng.IntN(len(condOps))]
	}
	g.emit(opKey{isa.KindCond, 0, op, width, 0, byImm}, fmt.Sprint(op, width), dst, src, 0, imm)
}

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
