// Package fuel says what parts of a program cost, in units: the one place that every engine
// takes it from, so that they agree to the unit on when a run ends.
package fuel

import (
	"sort"

	"github.com/gbpf/gbpf/isa"
)

// Weights of what is not an instruction's one unit.
const (
	// Helper is what a call of a helper counts for.
	Helper = 8
	// Slice is how much passes between two looks at the run's context, and bounds one stay in machine code: the slowest
	// instructions, loads that miss every cache, take some 10 ns a unit.
	Slice = 1 << 14
)

// Table is the cost of one program. It is immutable.
type Table struct {
	starts []int32  // first instruction of each function, sorted
	weight []uint32 // of the instructions before each one; one element more than there are
	count  map[int]Count
	nests  [][2]int32 // first and last instruction of the outermost of them, sorted
	loop   []int32    // number of the loop nest that each instruction lies in, nil if nothing jumps backwards
	head   map[int]uint32
}

// New weighs a program.
func New(insns []isa.Insn) *Table {
	t := &Table{weight: make([]uint32, len(insns)+1)}
	seen := map[int32]bool{0: true}
	each := make([]uint32, len(insns))
	for pc, in := range insns {
		w := uint32(1)
		switch in.Op {
		case isa.OpCallHelper, isa.OpCallKfunc, isa.OpCallReg:
			w = Helper
		case isa.OpCallLocal, isa.OpLddwFunc:
			if at := in.Target(pc); at >= 0 && at < len(insns) {
				seen[int32(at)] = true
			}
		}
		each[pc] = w
	}
	for s := range seen {
		t.starts = append(t.starts, s)
	}
	sort.Slice(t.starts, func(i, j int) bool { return t.starts[i] < t.starts[j] })
	if t.loop = loops(insns); t.loop != nil {
		t.count, each = count(insns, each, t.starts)
		t.nests = nests(t.count, insns)
	}
	for pc, w := range each {
		t.weight[pc+1] = t.weight[pc] + w
	}
	if t.loop != nil {
		t.heads(insns)
	}
	return t
}

// heads notes what a turn costs by where it begins.
func (t *Table) heads(insns []isa.Insn) {
	t.head = map[int]uint32{}
	for pc := range insns {
		if !insns[pc].IsJump() {
			continue
		}
		if to := insns[pc].Target(pc); t.turns(pc, to) {
			t.head[to] = max(t.head[to], t.weight[pc+1]-t.weight[to])
		}
	}
}

// turns reports whether a jump takes fuel.
func (t *Table) turns(pc, target int) bool {
	if _, ok := t.count[pc]; ok || target < 0 || target > pc {
		return false
	}
	return t.loop != nil && t.loop[target] == t.loop[pc]
}

// Starts returns the first instruction of each function, sorted. It is shared: do not write.
func (t *Table) Starts() []int32 { return t.starts }

// Back is what a jump from pc to target takes: for a jump backwards in a loop the weight of the instructions from the target to
// the last jump back to it, so that fuel bounds what is executed and all ways back to one place cost the same; none
// for one forwards, nor for one backwards that no way leads back to (compilers share the ends of branches so) or
// that closes a loop which counts: the instructions in that have their weight for each of its turns.
func (t *Table) Back(pc, target int) uint32 {
	if !t.turns(pc, target) {
		return 0
	}
	return t.head[target]
}

// Head is what jumps back to target take, those of loops that count apart; 0 if none does.
func (t *Table) Head(target int) uint32 { return t.head[target] }

// Counted returns the loop that the jump at pc closes, if it counts.
func (t *Table) Counted(pc int) (Count, bool) {
	c, ok := t.count[pc]
	return c, ok
}

// InCounted reports whether the instruction at pc lies in a loop that counts.
func (t *Table) InCounted(pc int) bool {
	i := sort.Search(len(t.nests), func(i int) bool { return int(t.nests[i][1]) >= pc })
	return i < len(t.nests) && int(t.nests[i][0]) <= pc
}

// Func is what calling the function at pc takes: the weight of its body.
func (t *Table) Func(pc int) uint32 {
	i := sort.Search(len(t.starts), func(i int) bool { return int(t.starts[i]) > pc })
	end := len(t.weight) - 1
	if i < len(t.starts) {
		end = int(t.starts[i])
	}
	if pc < 0 || pc >= end {
		return 1
	}
	return t.weight[end] - t.weight[pc]
}

// FuncAt returns the number of the function that starts at pc, and whether one does.
func (t *Table) FuncAt(pc uint64) (int, bool) {
	i := sort.Search(len(t.starts), func(i int) bool { return uint64(t.starts[i]) >= pc })
	return i, i < len(t.starts) && uint64(t.starts[i]) == pc
}

// Ref is the value that a register holds for a function of the program that
// starts at pc: no 32-bit address, so it is never mistaken for memory.
func Ref(pc int) uint64 { return 1<<32 | uint64(uint32(pc)) }
