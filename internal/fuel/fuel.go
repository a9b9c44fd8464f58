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
	turn   map[int32]bool   // the jumps that take fuel
	head   map[int32]uint32 // how much, by where they go
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
	f := search(insns)
	if f != nil {
		t.count, each = count(insns, each, t.starts)
	}
	for pc, w := range each {
		t.weight[pc+1] = t.weight[pc] + w
	}
	if f != nil {
		t.price(insns, f)
	}
	return t
}

// Starts returns the first instruction of each function, sorted. It is shared: do not write.
func (t *Table) Starts() []int32 { return t.starts }

// Jump is what the jump from pc to target takes: fuel for the turn of a loop that begins there, if it is one that closes a loop, and
// that does not count. All that lead to one target take the same.
func (t *Table) Jump(pc, target int) uint32 {
	if !t.turn[int32(pc)] {
		return 0
	}
	return t.head[int32(target)]
}

// Head is what the jumps to target take that take anything; 0 if none does.
func (t *Table) Head(target int) uint32 { return t.head[int32(target)] }

// Counted returns the loop that the jump at pc closes, if it counts.
func (t *Table) Counted(pc int) (Count, bool) {
	c, ok := t.count[pc]
	return c, ok
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
