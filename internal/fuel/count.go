package fuel

import (
	"math"
	"math/bits"

	"github.com/gbpf/gbpf/internal/scratch"
	"github.com/gbpf/gbpf/isa"
)

// Bounds on loops that count, so that what runs between two looks at the fuel stays short, and the search for them linear.
const (
	maxCounted  = 1 << 16 // what turns add to the weight of a function
	maxProgram  = 1 << 24 // what turns add to the weight of a program
	maxBody     = 1 << 10 // instructions of a loop, and jumps within it
	maxScanning = 32      // instructions and jumps looked at, for each instruction of the program
)

// Count is a loop that ends by its own structure: a register is set, or not, before it, one addition of a constant
// changes it in the loop, and the conditional jump that ends a turn compares it, or what it was before the addition, with a constant.
// Nothing else needs to be known, so that nothing needs to be believed.
type Count struct {
	Reg  isa.Reg // that is stepped
	Cmp  isa.Reg // that is compared: Reg, or a copy of it made in the last block of the turn
	W    uint8   // 32 or 64: of the comparison, and of what counts of the addition, which may have 64
	Step int64
	Cond isa.CondOp // when another turn follows
	Imm  int64
	// Falls: another turn follows when the jump is not taken.
	Falls bool
	// Before: what is compared was copied before the step.
	Before bool
	// Start is what the register is set to right before the loop, if Known; without, the turns do not depend on it.
	Start uint64
	Known bool
	// Turns bounds how often the body runs once the loop is entered.
	Turns uint32
}

// counter finds the loops that count.
type counter struct {
	*flow
	start []bool // blocks where functions begin
	seen  []int32
	body  []int32
	at    int32  // the instruction that steps the register
	left  int    // instructions that may still be looked at
	added uint64 // weight that turns add to the program
}

// counted is a loop that counts, and the jump that ends its turns.
type counted struct {
	pc int32
	Count
}

// count returns the loops that count, in the order of the jumps that end their turns, and changes weight, that of each instruction,
// to one with the turns of the loops around it.
func count(f *flow, weight []uint32, starts []int32, m *memory) (found []counted) {
	c := &counter{flow: f, left: maxScanning * len(f.insns), start: scratch.Take(&m.start, len(f.loop)), seen: scratch.Take(&m.seen, len(f.loop)), body: m.todo[:0]}
	for _, s := range starts {
		c.start[f.block[s]] = true
	}
	function := uint64(0) // weight that turns add to the function
	for b := range f.loop {
		if c.start[b] {
			function = 0
		}
		if !f.round[b] && !f.fell[b] {
			continue
		}
		n, ok := c.ends(int32(b))
		if !ok {
			continue
		}
		weighs := uint64(0)
		for _, i := range c.body {
			for _, w := range weight[f.first[i]:f.first[i+1]] {
				weighs += uint64(w)
			}
		}
		more := weighs * uint64(n.Turns-1)
		if function+more > maxCounted || c.added+more > maxProgram {
			continue
		}
		function, c.added = function+more, c.added+more
		for _, i := range c.body {
			for pc := f.first[i]; pc < f.first[i+1]; pc++ {
				weight[pc] *= n.Turns
			}
		}
		found = append(found, counted{f.end(int32(b)), n})
	}
	m.todo = c.body
	return found
}

// opposite are the comparisons that hold when others do not.
var opposite = map[isa.CondOp]isa.CondOp{
	isa.CondEq: isa.CondNe, isa.CondNe: isa.CondEq, isa.CondGt: isa.CondLe, isa.CondLe: isa.CondGt, isa.CondGe: isa.CondLt, isa.CondLt: isa.CondGe,
	isa.CondSgt: isa.CondSle, isa.CondSle: isa.CondSgt, isa.CondSge: isa.CondSlt, isa.CondSlt: isa.CondSge,
}

// ends looks at the loop whose turns end with block b, and leaves its blocks in c.body.
func (c *counter) ends(b int32) (n Count, ok bool) {
	pc := c.end(b)
	in := &c.insns[pc]
	info := in.Info()
	head := c.target(b)
	n = Count{Cmp: in.Dst, W: info.Width, Cond: info.CondOp, Imm: in.Imm, Falls: c.fell[b]}
	if n.Falls {
		head, n.Cond = b+1, opposite[n.Cond]
	}
	// Other ways round to the head take fuel there.
	if info.Kind != isa.KindCond || !info.UsesImm || n.Falls && (n.Cond == 0 || c.round[b]) || c.rounds[head] != 1 || !c.steps(b, &n) ||
		!c.alone(b, head, &n) {
		return n, false
	}
	n.Start, n.Known = c.set(b, head, &n)
	n.Turns = turns(n)
	if n.Before && n.Turns > 0 {
		n.Turns++ // it sees each step a turn late
	}
	return n, n.Turns > 0
}

// steps finds the addition and the copy in the block that ends a turn.
func (c *counter) steps(b int32, n *Count) bool {
	first, end := c.first[b], c.end(b)
	n.Reg = n.Cmp
	at := c.writer(first, end, n.Reg)
	if at < 0 {
		return false
	}
	if in := &c.insns[at]; in.Info().Kind == isa.KindMov && !in.Info().UsesImm {
		if in.Src == isa.R10 || in.Info().Width != 64 && n.W == 64 {
			return false
		}
		n.Reg = in.Src
		copied := at
		if at = c.writer(copied+1, end, n.Reg); at >= 0 {
			n.Before = true
		} else if at = c.writer(first, copied, n.Reg); at < 0 {
			return false
		}
	}
	c.at = at
	add := &c.insns[at]
	a := add.Info()
	if a.Kind != isa.KindALU || !a.UsesImm || a.Width != n.W && a.Width != 64 {
		return false
	}
	switch a.AluOp {
	case isa.AluAdd:
		n.Step = add.Imm
	case isa.AluSub:
		n.Step = -add.Imm
	default:
		return false
	}
	return true
}

// writer is the last instruction from first to end, exclusive, that writes a register; -1 if there is none, or if control leaves behind it.
func (c *counter) writer(first, end int32, r isa.Reg) int32 {
	for pc := end - 1; pc >= first; pc-- {
		in := &c.insns[pc]
		if c.left--; c.left < 0 || leaves(in) {
			return -1
		}
		if writes(in, r) {
			return pc
		}
	}
	return -1
}

// alone looks for the blocks from which a way leads to the end of the turn without passing the head, and reports whether the head is
// the only way in there, the end of the turn the only one to it in each turn, and nothing else in there writes the register.
func (c *counter) alone(b, head int32, n *Count) bool {
	mark := b + 1
	c.body = append(c.body[:0], head)
	c.seen[head] = mark
	size := 0
	see := func(i int32) bool {
		if c.loop[i] != c.loop[head] {
			return false // another way in
		}
		if c.seen[i] != mark {
			c.seen[i] = mark
			c.body = append(c.body, i)
		}
		return true
	}
	see(b)
	for k := 0; k < len(c.body); k++ {
		i := c.body[k]
		more := int(c.first[i+1] - c.first[i])
		if i != head {
			more += len(c.jumps(i))
		}
		if size, c.left = size+more, c.left-more; c.left < 0 || size > maxBody {
			return false
		}
		for pc := c.first[i]; pc < c.first[i+1]; pc++ {
			if pc != c.at && writes(&c.insns[pc], n.Reg) {
				return false
			}
		}
		if i == head {
			continue
		}
		if c.start[i] || i > 0 && c.falls(i-1) && !see(i-1) {
			return false
		}
		for _, from := range c.jumps(i) {
			if !see(from) {
				return false
			}
		}
	}
	out := b + 1
	if n.Falls {
		out = c.target(b)
	}
	return out < 0 || int(out) >= len(c.seen) || c.seen[out] != mark // else it comes to its end again without passing the head
}

// set returns the value that a register has whenever the loop is entered, if there is one way in, and it is set to a constant in the
// block that this comes from.
func (c *counter) set(b, head int32, n *Count) (uint64, bool) {
	if c.start[head] {
		return 0, false
	}
	entry := int32(-1)
	ways := 0
	if head > 0 && c.falls(head-1) && !(n.Falls && b == head-1) {
		entry, ways = head-1, 1
	}
	for _, from := range c.jumps(head) {
		if from != b {
			entry, ways = from, ways+1
		}
	}
	if ways != 1 {
		return 0, false
	}
	end := c.first[entry+1]
	if c.insns[end-1].IsJump() {
		end--
	}
	at := c.writer(c.first[entry], end, n.Reg)
	if at < 0 {
		return 0, false
	}
	in := &c.insns[at]
	switch info := in.Info(); {
	case info.Kind != isa.KindMov || !info.UsesImm:
		return 0, false
	case info.Width == 32 || n.W == 32:
		return uint64(uint32(in.Imm)), true
	}
	return uint64(in.Imm), true
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
