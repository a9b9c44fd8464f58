// Package fuel says what parts of a program cost, in units: the one place that every engine
// takes it from, so that they agree to the unit on when a run ends.
package fuel

import (
	"slices"
	"sort"

	"github.com/gbpf/gbpf/internal/scratch"
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
	count  []counted
	// turn is of jumps: takes for those that take fuel, the number of those that close a loop which counts, from 1; nil if no
	// jump goes backwards.
	turn   []int32
	head   []uint32 // how much turns take, by where they begin; likewise
	arrive []bool   // where all that arrive take it, not certain jumps only; nil if nowhere
}

const takes = -1

// New weighs a program.
func New(insns []isa.Insn) *Table {
	m := memories.Get().(*memory)
	defer m.release(len(insns))
	t := &Table{weight: make([]uint32, len(insns)+1)}
	t.starts = []int32{0}
	each := scratch.Take(&m.each, len(insns))
	for pc := range insns {
		w := uint32(1)
		switch in := &insns[pc]; in.Op {
		case isa.OpCallHelper, isa.OpCallKfunc, isa.OpCallReg:
			w = Helper
		case isa.OpCallLocal, isa.OpLddwFunc:
			if at := in.Target(pc); at >= 0 && at < len(insns) {
				t.starts = append(t.starts, int32(at))
			}
		}
		each[pc] = w
	}
	slices.Sort(t.starts)
	t.starts = slices.Compact(t.starts)
	f := search(insns, m)
	if f != nil {
		t.count = count(f, each, t.starts, m)
	}
	for pc, w := range each {
		t.weight[pc+1] = t.weight[pc] + w
	}
	if f != nil {
		t.price(f, m)
	}
	return t
}

// Starts returns the first instruction of each function, sorted. It is shared: do not write.
func (t *Table) Starts() []int32 { return t.starts }

// Jump is what the jump from pc to target takes: fuel for the turn of a loop that begins there, if it is one that closes a loop, and
// that does not count. All that lead to one target take the same.
func (t *Table) Jump(pc, target int) uint32 {
	if t.turn == nil || t.turn[pc] != takes || t.arrive != nil && t.arrive[target] {
		return 0
	}
	return t.head[target]
}

// Head is what the jumps to target take that take anything; 0 if none does.
func (t *Table) Head(target int) uint32 {
	if t.head == nil || t.arrive != nil && t.arrive[target] {
		return 0
	}
	return t.head[target]
}

// Arrive is what whoever comes to the instruction at pc takes, by whatever way; 0 for nothing.
func (t *Table) Arrive(pc int) uint32 {
	if t.arrive == nil || !t.arrive[pc] {
		return 0
	}
	return t.head[pc]
}

// Arrives reports whether there is an instruction for which [Table.Arrive] is not 0.
func (t *Table) Arrives() bool { return t.arrive != nil }

// Counted returns the loop that the jump at pc closes, if it counts.
func (t *Table) Counted(pc int) (Count, bool) {
	if t.turn == nil || t.turn[pc] <= 0 {
		return Count{}, false
	}
	return t.count[t.turn[pc]-1].Count, true
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
