package fuel

import (
	"math"
	"math/bits"

	"github.com/gbpf/gbpf/isa"
)

// Bounds on loops that count, so that what runs between two looks at the fuel stays short, and the search for them linear.
const (
	maxCounted  = 1 << 16 // what turns add to the weight of a function
	maxProgram  = 1 << 24 // what turns add to the weight of a program
	maxBody     = 1 << 10 // instructions of a loop
	maxScanning = 32      // instructions looked at, for each of the program
)

// Count is a loop that ends by its own structure: a register is set, or not, before it, one addition of a constant
// changes it in the loop, and the jump back compares it with a constant. Nothing else needs to be
// known, so that nothing needs to be believed.
type Count struct {
	Reg  isa.Reg
	W    uint8 // 32 or 64: of the addition and of the comparison
	Step int64
	Cond isa.CondOp
	Imm  int64
	// Start is what the register is set to right before the loop, if Known; without, the turns do not depend on it.
	Start uint64
	Known bool
	// Turns bounds how often the body runs once the loop is entered.
	Turns uint32
}

// counter finds the loops that count.
type counter struct {
	insns []isa.Insn
	m     *memory
	from  [][2]int32 // lowest and highest jump to each instruction; {-1, -1} for none
	backs []int32    // how many jump back to each instruction
	start []bool     // of functions
	left  int        // instructions that may still be looked at
	added uint64     // weight that turns add to the program
}

// counted is a loop that counts, and its jump back.
type counted struct {
	pc int32
	Count
}

// count returns the loops that count, in the order of their jumps back, and changes weight, that of each instruction, to one with the
// turns of the loops around it.
func count(f *flow, weight []uint32, starts []int32, m *memory) (found []counted) {
	c := &counter{insns: f.insns, m: m, left: maxScanning * len(f.insns)}
	function := uint64(0) // weight that turns add to the function
	fn := 0
	for b := range f.loop {
		pc := int(f.end(int32(b)))
		for fn < len(starts) && int(starts[fn]) <= pc {
			function = 0
			fn++
		}
		in := &f.insns[pc]
		head := in.Target(pc)
		if head < 0 || head > pc || pc-head >= maxBody || !in.IsCond() {
			continue
		}
		if c.from == nil {
			c.index(f, starts)
		}
		n, ok := c.loop(head, pc)
		if !ok {
			continue
		}
		body := sum(weight[head : pc+1])
		more := body * uint64(n.Turns-1)
		if function+more > maxCounted || c.added+more > maxProgram {
			continue
		}
		function, c.added = function+more, c.added+more
		for i := head; i <= pc; i++ {
			weight[i] *= n.Turns
		}
		found = append(found, counted{int32(pc), n})
	}
	return found
}

func sum(w []uint32) (n uint64) {
	for _, x := range w {
		n += uint64(x)
	}
	return n
}

// index notes where jumps come from.
func (c *counter) index(f *flow, starts []int32) {
	c.from, c.backs, c.start = take(&c.m.from, len(c.insns)), take(&c.m.backs, len(c.insns)), take(&c.m.start, len(c.insns))
	for i := range c.from {
		c.from[i] = [2]int32{-1, -1}
	}
	for b := range f.loop {
		if to := f.target(int32(b)); to >= 0 {
			pc, t := f.end(int32(b)), f.first[to]
			if c.from[t][0] < 0 {
				c.from[t][0] = pc
			}
			c.from[t][1] = pc
			if t <= pc {
				c.backs[t]++
			}
		}
	}
	for _, s := range starts {
		c.start[s] = true
	}
}

// loop looks at the loop that the jump at pc closes.
func (c *counter) loop(head, pc int) (Count, bool) {
	in := &c.insns[pc]
	info := in.Info()
	if !info.UsesImm || c.backs[head] > 1 { // the others take fuel at the head
		return Count{}, false
	}
	n := Count{Reg: in.Dst, W: info.Width, Cond: info.CondOp, Imm: in.Imm}
	at := c.stepped(head, pc, n.Reg)
	if at < 0 {
		return Count{}, false
	}
	add := &c.insns[at]
	switch a := add.Info(); {
	case a.Kind != isa.KindALU || !a.UsesImm || a.Width != n.W:
		return Count{}, false
	case a.AluOp == isa.AluAdd:
		n.Step = add.Imm
	case a.AluOp == isa.AluSub:
		n.Step = -add.Imm
	default:
		return Count{}, false
	}
	for i := head; i <= pc; i++ {
		if c.left--; c.left < 0 {
			return Count{}, false
		}
		if i > head && (c.start[i] || c.from[i][0] >= 0 && (int(c.from[i][0]) < head || int(c.from[i][1]) > pc)) {
			return Count{}, false // another way in
		}
		if i != at && writes(&c.insns[i], n.Reg) {
			return Count{}, false
		}
	}
	n.Start, n.Known = c.first(head, pc, n.Reg, n.W)
	n.Turns = turns(n)
	return n, n.Turns > 0
}

// stepped returns the instruction that writes a register last before the jump at pc, if control runs from there to the jump without
// a jump or a call, or a jump to what lies between; else -1.
func (c *counter) stepped(head, pc int, r isa.Reg) int {
	for i := pc; i > head && c.from[i][0] < 0; i-- {
		if c.left--; c.left < 0 || leaves(&c.insns[i-1]) {
			return -1
		}
		if writes(&c.insns[i-1], r) {
			return i - 1
		}
	}
	return -1
}

// first returns the value that a register has whenever the loop is entered, if it is set to a constant right before.
func (c *counter) first(head, pc int, r isa.Reg, w uint8) (uint64, bool) {
	if f := c.from[head]; f[0] >= 0 && (int(f[0]) < head || int(f[1]) > pc) || c.start[head] {
		return 0, false
	}
	for i := head - 1; i >= 0; i-- {
		in := &c.insns[i]
		if c.left--; c.left < 0 || leaves(in) {
			return 0, false
		}
		if writes(in, r) {
			info := in.Info()
			switch {
			case info.Kind != isa.KindMov || !info.UsesImm:
				return 0, false
			case info.Width == 32 || w == 32:
				return uint64(uint32(in.Imm)), true
			}
			return uint64(in.Imm), true
		}
		if c.from[i][0] >= 0 || c.start[i] {
			return 0, false
		}
	}
	return 0, false
}

// leaves reports whether control may go elsewhere from an instruction than to the next.
func leaves(in *isa.Insn) bool {
	switch in.Info().Kind {
	case isa.KindJump, isa.KindCond, isa.KindMayGoto, isa.KindExit, isa.KindCall, isa.KindPacketLoad:
		return true
	}
	return false
}

// writes reports whether an instruction changes a register: calls change R0 to R5.
func writes(in *isa.Insn, r isa.Reg) bool {
	info := in.Info()
	if info.Writes&^isa.EffDst == 0 && info.Kind != isa.KindCall { // most of them
		return info.Writes != 0 && in.Dst == r
	}
	return in.WriteRegs().Has(r) || in.IsCall() && r <= isa.R5
}

// turns bounds how often a body runs whose loop counts as n says, 0 if it does not. The body runs first, then
// the register is stepped and compared.
func turns(n Count) uint32 {
	start, known := n.Start, n.Known
	step := uint64(n.Step)
	if n.Step < 0 {
		step = -step
	}
	if step == 0 || step > 1<<31 {
		return 0
	}
	limit, imm := uint64(math.MaxUint64), uint64(n.Imm)
	if n.W == 32 {
		limit, imm = math.MaxUint32, uint64(uint32(n.Imm))
		start = uint64(uint32(start))
	}
	up := n.Step > 0
	var distance uint64 // from the start to where it ends
	switch n.Cond {
	case isa.CondNe:
		distance = imm - start
		if !up {
			distance = -distance
		}
		distance &= limit
		if !known || distance == 0 || distance%step != 0 {
			return 0
		}
	case isa.CondSlt, isa.CondSle, isa.CondSgt, isa.CondSge:
		// Moved up by half of the range, signed order is unsigned order.
		half := limit/2 + 1
		imm, start = (imm+half)&limit, (start+half)&limit
		if !known {
			return 0
		}
		fallthrough
	default:
		switch n.Cond {
		case isa.CondLe, isa.CondSle: // as < imm+1
			if imm == limit || !up {
				return 0
			}
			imm++
		case isa.CondGe, isa.CondSge: // as > imm-1
			if imm == 0 || up {
				return 0
			}
			imm--
		case isa.CondLt, isa.CondSlt:
			if !up {
				return 0
			}
		case isa.CondGt, isa.CondSgt:
			if up {
				return 0
			}
		default:
			return 0
		}
		switch {
		case up && imm > limit-step || !up && imm+1 < step:
			return 0 // it could step past the end of the range
		case !known && up:
			start = 0
		case !known:
			return 0
		}
		switch {
		case up && start < imm:
			distance = imm - start
		case !up && start > imm:
			distance = start - imm
		case up && start > limit-step || !up && start < step:
			return 0 // the first step wraps
		default:
			distance = 1
		}
	}
	q, r := bits.Div64(0, distance, step)
	if r > 0 {
		q++
	}
	if !known {
		q++ // a start that wraps, or lies behind the end
	}
	if q > maxCounted {
		return 0
	}
	return uint32(max(q, 1))
}
