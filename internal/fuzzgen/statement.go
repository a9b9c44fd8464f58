package fuzzgen

// statement is a kind of statement.
type statement struct {
	weight int
	do     func(*gen)
	large  bool // makes others inside
}

var (
	statements      []statement // what programs are made of
	statementWeight int
)

// Statements nest, so the table cannot be a variable's first value.
func init() {
	statements = []statement{
		{14, (*gen).arithmetic, false},
		{8, (*gen).assert, false},
		{12, func(g *gen) { g.source() }, false},
		{14, (*gen).branch, true},
		{16, (*gen).spill, false},
		{8, (*gen).variableStack, false},
		{6, (*gen).frameCopies, false},
		{20, (*gen).access, false},
		{8, func(g *gen) { g.lookup() }, false},
		{8, (*gen).parse, false},
		{3, (*gen).movePacket, false},
		{3, (*gen).legacy, false},
		{8, (*gen).context, false},
		{2, (*gen).contextPointer, false},
		{4, (*gen).stackAtomic, false},
		{8, (*gen).loop, true},
		{6, (*gen).callFunction, false},
		{4, (*gen).callback, false},
		{5, (*gen).record, true},
		{5, (*gen).updateMap, false},
		{3, (*gen).mapInMap, false},
		{2, (*gen).queue, false},
		{2, (*gen).tailCall, false},
		{6, (*gen).sizedHelper, false},
		{2, (*gen).socket, true},
		{2, (*gen).critical, true},
		{3, (*gen).pointers, false},
		{4, (*gen).frozen, false},
		{2, (*gen).dead, false},
		{3, (*gen).linked, false},
		{2, (*gen).iterator, true},
		{2, (*gen).dynptr, false},
		{3, (*gen).anyHelper, false},
		{2, (*gen).mayGoto, true},
		{2, (*gen).section, true},
		{3, (*gen).contextSocket, false},
		{1, (*gen).numberText, false},
		{2, (*gen).timer, false},
	}
	for _, s := range statements {
		statementWeight += s.weight
	}
}

// statement makes one statement.
func (g *gen) statement() {
	for range 4 {
		at := g.n(statementWeight)
		for i := range statements {
			s := &statements[i]
			if at -= s.weight; at >= 0 {
				continue
			}
			if s.large && (g.depth >= 3 || len(g.insns) > g.size+40) {
				break
			}
			before := len(g.insns)
			s.do(g)
			if len(g.insns) > before {
				return
			}
			break
		}
	}
	g.arithmetic()
}
