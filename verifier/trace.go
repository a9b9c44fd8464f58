package verifier

// Trace holds what was known of the registers each time the walk came to an
// instruction. It is for tests: hold concrete runs against it.
type Trace struct {
	// MaxStates bounds how many register files are kept for an instruction, 0 for 64.
	// Beyond it, Overflow is set and the trace of the instruction says nothing.
	MaxStates int

	at map[int]*tracePoint
}

type tracePoint struct {
	files    [][11]Reg
	seen     map[[11]Reg]bool
	overflow bool
}

// At returns the register files with which the walk came to instruction pc, and whether
// the list is complete. A concrete execution that reaches pc has registers that
// one of them allows. Registers that no later instruction reads are NotInit, and
// allow anything.
func (t *Trace) At(pc int) (files [][11]Reg, complete bool) {
	p := t.at[pc]
	if p == nil {
		return nil, true
	}
	return p.files, !p.overflow
}

func (t *Trace) record(pc int, regs *[11]Reg) {
	if t.at == nil {
		t.at = make(map[int]*tracePoint)
	}
	p := t.at[pc]
	if p == nil {
		p = &tracePoint{seen: make(map[[11]Reg]bool)}
		t.at[pc] = p
	}
	limit := t.MaxStates
	if limit == 0 {
		limit = 64
	}
	switch {
	case p.overflow || p.seen[*regs]:
	case len(p.files) >= limit:
		p.overflow = true
	default:
		p.seen[*regs] = true
		p.files = append(p.files, *regs)
	}
}
