package fuzzgen

import (
	"math/rand/v2"
	"slices"

	"github.com/gbpf/gbpf/isa"
)

// Level is how sensible a program is.
type Level uint8

// The levels.
const (
	Dumb       Level = iota // bytes of any kind
	Random                  // instructions of the table with operands of any kind
	Structured              // programs as people write them, and near misses
	Mutant                  // a program of the corpus with a few changes
	numLevels
)

// String is the level's name.
func (l Level) String() string {
	return [...]string{"dumb", "random", "structured", "mutant", "?"}[min(l, numLevels)]
}

// Generator makes programs. The zero value makes those of seed 0. It is for one goroutine.
type Generator struct {
	Seed uint64
	// Levels are the shares of the levels; all 0 stands for a mix that is nearly all
	// Structured. Without a Corpus there are no mutants.
	Levels [numLevels]int
	// Corpus holds programs to mutate.
	Corpus []*Program
	// Helpers are helpers by prototype, for calls of any kind; nil leaves them out.
	Helpers []Helper

	pcg rand.PCG
	g   gen
}

var defaultLevels = [numLevels]int{Dumb: 1, Random: 3, Structured: 86, Mutant: 10}

// Program makes program number n.
func (g *Generator) Program(n uint64) *Program {
	p, _ := g.Make(n)
	return p
}

// Make makes program number n and says which level it is of.
func (g *Generator) Make(n uint64) (*Program, Level) {
	g.pcg.Seed(g.Seed, n*0x9e3779b97f4a7c15+1)
	r := rand.New(&g.pcg)
	l := g.level(r)
	var p *Program
	switch l {
	case Dumb:
		p = dumb(r)
	case Random:
		p = random(r)
	case Mutant:
		p = g.Corpus[r.IntN(len(g.Corpus))].Clone()
		for range 1 + r.IntN(3) {
			mutate(r, p)
		}
	default:
		p = g.g.program(r, g.Helpers)
	}
	p.Seed, p.Number = g.Seed, n
	return p, l
}

func (g *Generator) level(r *rand.Rand) Level {
	w := g.Levels
	if w == [numLevels]int{} {
		w = defaultLevels
	}
	if len(g.Corpus) == 0 {
		w[Mutant] = 0
	}
	sum := 0
	for _, n := range w {
		sum += n
	}
	if sum == 0 {
		return Structured
	}
	at := r.IntN(sum)
	for l, n := range w {
		if at -= n; at < 0 {
			return Level(l)
		}
	}
	return Structured
}

// gen makes one structured program after another.
type gen struct {
	builder
	r       *rand.Rand
	p       *profile
	helpers []Helper
	f       *frame
	frames  []frame
	fns     []fn
	maps    []*Map
	mapAt   map[*Map]int
	kfuncs  []string
	funcs   []pendingFunc
	typed   bool
	faults  int // things still to be got wrong
	size    int // instructions after which nothing large is begun
	refs    uint8
	depth   int // of nested statements
}

// frame is the state of a function that is being made.
type frame struct {
	regs   [11]value
	stack  [64]value // by 8 bytes below the frame's top
	locked uint16    // registers that keep what they hold
	slots  uint64    // stack slots that keep what they hold
	low    int       // the lowest slot that may be used
	bail   label     // where a failed check goes
	bad    label     // code that no sound program reaches
	level  uint8     // depth of the frame
	kind   fnKind
	inLoop int
	held   int // references that must be released before the function ends
	lock   bool
}

type fnKind uint8

const (
	fnMain fnKind = iota
	fnStatic
	fnCallback
	fnGlobal
	fnAsync
)

// fn is a function that was called and has no body yet.
type fn struct {
	at    label
	args  [6]value
	kind  fnKind
	level uint8
	low   int
	types []Arg
	loops int // around the call
}

type pendingFunc struct {
	at   label
	args []Arg
}

func (g *gen) n(n int) int             { return g.r.IntN(n) }
func (g *gen) chance(percent int) bool { return g.r.IntN(100) < percent }

// oops reports, now and then, that the next thing is to be got wrong.
func (g *gen) oops() bool {
	if g.faults == 0 || g.r.IntN(8) != 0 {
		return false
	}
	g.faults--
	return true
}

// slip is oops for places that are passed often, and for faults that teach little.
func (g *gen) slip() bool { return g.faults > 0 && g.r.IntN(8) == 0 && g.oops() }

func pickOne[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func (g *gen) program(r *rand.Rand, helpers []Helper) *Program {
	g.builder.reset()
	g.r, g.helpers = r, helpers
	g.fns, g.maps, g.kfuncs, g.funcs, g.frames = g.fns[:0], nil, nil, g.funcs[:0], g.frames[:0]
	if g.mapAt == nil {
		g.mapAt = map[*Map]int{}
	}
	clear(g.mapAt)
	g.typed, g.refs, g.depth = g.chance(15), 0, 0
	g.faults = [...]int{0, 0, 0, 0, 0, 0, 1, 1, 1, 2}[g.n(10)]
	g.size = 12 + g.n(60)
	if g.chance(6) {
		g.size += g.n(300)
	}
	g.p = &profiles[0]
	for at, i := g.n(profileWeight), 0; i < len(profiles); i++ {
		if at -= profiles[i].weight; at < 0 {
			g.p = &profiles[i]
			break
		}
	}
	main := fn{kind: fnMain, low: 40}
	if g.chance(10) {
		main.low = 64
	}
	main.args[1] = value{kind: ctxPtr}
	g.function(&main)
	for i := 0; i < len(g.fns); i++ {
		f := g.fns[i]
		g.function(&f)
	}
	g.finish()
	p := &Program{
		Type: g.p.typ, Attach: g.p.attach, Flags: g.p.flags,
		Insns: slices.Clone(g.insns), Maps: g.maps, Kfuncs: g.kfuncs, Typed: g.typed,
	}
	if g.chance(2) {
		p.Flags |= StrictAlignment
	}
	g.farJumps(p)
	for _, f := range g.funcs {
		p.Funcs = append(p.Funcs, Func{Insn: g.labels[f.at], Args: f.args})
	}
	if g.chance(14) {
		for range 1 + g.n(2) {
			mutate(r, p)
		}
	}
	return p
}

// farJumps makes some jumps those with an offset of 32 bits.
func (g *gen) farJumps(p *Program) {
	if !g.chance(15) {
		return
	}
	for pc, in := range p.Insns {
		if in.Op == isa.OpJa && g.chance(40) {
			p.Insns[pc] = isa.New(isa.OpJa32, 0, 0, 0, int64(in.Off))
		}
	}
}

// function makes a function's code.
func (g *gen) function(f *fn) {
	g.frames = append(g.frames[:0], frame{level: f.level, kind: f.kind, low: f.low, inLoop: f.loops})
	g.f = &g.frames[0]
	if f.kind != fnMain {
		g.place(f.at)
	}
	g.f.bail, g.f.bad = g.newLabel(), g.newLabel()
	for i := 1; i <= 5; i++ {
		g.f.regs[i] = f.args[i]
	}
	g.f.regs[10] = value{kind: stackPt, frame: f.level}
	limit := g.size
	if f.kind != fnMain {
		limit = len(g.insns) + 4 + g.n(16)
	}
	g.keepArgs()
	for i := isa.R1; i <= isa.R9; i++ {
		if g.f.regs[i].kind == memNull && !g.oops() {
			g.bailOn(isa.OpJeqImm, i, 0, 0)
			g.f.regs[i].kind = memPtr
		}
	}
	for first := true; first || len(g.insns) < limit; first = false {
		g.statement()
	}
	g.epilogue()
}

// keepArgs saves pointers that came as arguments from the next call.
func (g *gen) keepArgs() {
	for i := isa.R1; i <= isa.R5; i++ {
		v := g.f.regs[i]
		if v.kind == none || v.kind == scalar && g.chance(50) || g.f.kind == fnMain && g.chance(4) {
			continue
		}
		for _, r := range []isa.Reg{isa.R6, isa.R7, isa.R8, isa.R9} {
			if g.f.regs[r].kind == none {
				g.move(r, i)
				g.lock(r)
				break
			}
		}
	}
}

// epilogue ends a function: the return value, and what the checks that failed jump to.
func (g *gen) epilogue() {
	lo, hi, any := g.p.retLo, g.p.retHi, g.p.retAny
	switch g.f.kind {
	case fnStatic, fnGlobal:
		any = true
	case fnCallback:
		lo, hi, any = 0, 1, false
	case fnAsync:
		lo, hi, any = 0, 0, false
	}
	if r, ok := g.find(func(v *value) bool { return v.kind == scalar }); ok && g.chance(50) {
		if r != isa.R0 {
			g.move(isa.R0, r)
		}
		v := g.f.regs[isa.R0]
		switch {
		case any:
		case v.lo < uint64(lo) || v.hi > uint64(hi):
			g.emit(aluImm[g.n(2)][isa.AluAnd], isa.R0, 0, 0, hi)
		}
		if g.oops() {
			g.emit(aluImm[1][isa.AluAdd], isa.R0, 0, 0, 1)
		}
		g.emit(isa.OpExit, 0, 0, 0, 0)
	} else if g.chance(20) {
		g.jump(isa.OpJa, 0, 0, 0, g.f.bail)
	}
	if ends := g.insns[len(g.insns)-1].Op; !g.used(g.f.bail) && ends == isa.OpExit {
		g.badCode()
		return
	}
	g.place(g.f.bail)
	ret := lo + int64(g.n(int(hi-lo)+1))
	if any {
		ret = int64(g.n(5))
	}
	if g.oops() {
		ret = hi + 1 + int64(g.n(3))
	}
	if !g.oops() {
		g.emit(aluImm[g.n(2)][isa.AluMov], isa.R0, 0, 0, ret)
	}
	g.emit(isa.OpExit, 0, 0, 0, 0)
	g.badCode()
}

// badCode is what no sound program reaches.
func (g *gen) badCode() {
	if g.used(g.f.bad) {
		g.place(g.f.bad)
		g.emit(isa.OpMov64Imm, isa.R0, 0, 0, 0)
		g.emit(isa.OpLdxDW, isa.R0, isa.R0, 0, 0)
		g.emit(isa.OpExit, 0, 0, 0, 0)
	}
}
