package fuel

import (
	"github.com/gbpf/gbpf/internal/scratch"
	"github.com/gbpf/gbpf/isa"
)

// flow is what a search through the control flow within functions finds. A block is a stretch of instructions that control enters
// at the first and leaves, but for calls, at the last.
type flow struct {
	insns []isa.Insn
	first []int32 // instruction of each block, and the end
	block []int32 // of each instruction
	// loop numbers the strongly connected components, from 1: two blocks have one number if a way leads from each to the other.
	loop []int32
	// round has the blocks that end with a jump to what lies on the search's way to them, fell those from which control goes there by
	// going on to the next. Without these, control goes round nowhere.
	round, fell []bool
	rounds      []int32 // how many of either lead to each block
	loops       int32
	from        []int32 // the blocks that jump to each block, one after the other: those to i begin at start[i]
	start       []int32
}

// jumps are the blocks that jump to a block.
func (f *flow) jumps(to int32) []int32 { return f.from[f.start[to]:f.start[to+1]] }

// falls reports whether control may go on to the next block.
func (f *flow) falls(b int32) bool { return falls(&f.insns[f.end(b)]) }

// end is the last instruction of a block.
func (f *flow) end(b int32) int32 { return f.first[b+1] - 1 }

// target is the block that the jump at the end of a block leads to, -1 if there is none.
func (f *flow) target(b int32) int32 {
	pc := int(f.end(b))
	if in := &f.insns[pc]; in.IsJump() {
		if t := in.Target(pc); t >= 0 && t < len(f.insns) {
			return f.block[t]
		}
	}
	return -1
}

// search looks for loops, and returns nil if no jump goes backwards. It is Tarjan's algorithm (Depth-first search and
// linear graph algorithms, 1972) without recursion.
func search(insns []isa.Insn, m *memory) *flow {
	if !backwards(insns) {
		return nil
	}
	f := &finder{flow: flow{insns: insns}, open: m.open[:0], path: m.path[:0]}
	f.split(m)
	n := len(f.first) - 1
	f.number, f.low, f.loop, f.on = scratch.Take(&m.number, n), scratch.Take(&m.low, n), scratch.Take(&m.loop, n), scratch.Take(&m.on, n)
	f.round, f.fell, f.rounds = scratch.Take(&m.round, n), scratch.Take(&m.fell, n), scratch.Take(&m.rounds, n)
	for b := range f.number {
		if f.number[b] == 0 {
			f.search(int32(b))
		}
	}
	m.open, m.path = f.open, f.path
	f.index(m)
	return &f.flow
}

// index sorts the jumps by where they go.
func (f *flow) index(m *memory) {
	n := len(f.loop)
	f.start = scratch.Take(&m.jumpStart, n+1)
	for i := range n {
		if t := f.target(int32(i)); t >= 0 {
			f.start[t+1]++
		}
	}
	for i := range n {
		f.start[i+1] += f.start[i]
	}
	f.from = scratch.Take(&m.jumps, int(f.start[n]))
	next := append(m.next[:0], f.start[:n]...)
	m.next = next
	for i := range n {
		if t := f.target(int32(i)); t >= 0 {
			f.from[next[t]] = int32(i)
			next[t]++
		}
	}
}

// backwards reports whether a jump goes backwards.
func backwards(insns []isa.Insn) bool {
	for pc := range insns {
		if in := &insns[pc]; in.IsJump() {
			if t := in.Target(pc); t >= 0 && t <= pc {
				return true
			}
		}
	}
	return false
}

// split finds the blocks.
func (f *flow) split(m *memory) {
	n := len(f.insns)
	f.block = scratch.Take(&m.block, n) // at first 1 where a block starts
	start := func(pc int) {
		if pc > 0 && pc < n {
			f.block[pc] = 1
		}
	}
	for pc := range f.insns {
		in := &f.insns[pc]
		if in.IsJump() {
			start(in.Target(pc))
			start(pc + 1)
		} else if in.Op == isa.OpExit {
			start(pc + 1)
		}
	}
	f.first = m.first[:0]
	for pc := range f.block {
		if pc == 0 || f.block[pc] == 1 {
			f.first = append(f.first, int32(pc))
		}
		f.block[pc] = int32(len(f.first) - 1)
	}
	f.first = append(f.first, int32(n))
	m.first = f.first
}

type finder struct {
	flow
	number []int32 // in the order of the search, from 1; 0 for what was not seen
	low    []int32 // lowest number on the stack that is reached
	on     []bool  // the block is on the way
	open   []int32 // blocks whose component is not complete
	path   []step
	next   int32
}

// step is a block on the path, and how many of its successors were followed.
type step struct{ block, followed int32 }

func (f *finder) search(root int32) {
	path := append(f.path[:0], step{f.visit(root), 0})
	for len(path) > 0 {
		top := &path[len(path)-1]
		b := top.block
		if to, jumps, ok := f.successor(b, top.followed); ok {
			top.followed++
			if to >= 0 && f.on[to] {
				f.rounds[to]++
				if jumps {
					f.round[b] = true
				} else {
					f.fell[b] = true
				}
			}
			switch {
			case to < 0:
			case f.number[to] == 0:
				path = append(path, step{f.visit(to), 0})
			case f.loop[to] == 0:
				f.low[b] = min(f.low[b], f.number[to])
			}
			continue
		}
		path = path[:len(path)-1]
		f.on[b] = false
		if len(path) > 0 {
			up := path[len(path)-1].block
			f.low[up] = min(f.low[up], f.low[b])
		}
		if f.low[b] != f.number[b] {
			continue
		}
		f.loops++
		for {
			last := f.open[len(f.open)-1]
			f.open = f.open[:len(f.open)-1]
			f.loop[last] = f.loops
			if last == b {
				break
			}
		}
	}
	f.path = path
}

func (f *finder) visit(b int32) int32 {
	f.next++
	f.number[b], f.low[b] = f.next, f.next
	f.open, f.on[b] = append(f.open, b), true
	return b
}

// successor returns where control goes from block b in the i-th way, -1 for out of the program, whether it jumps there, and
// whether there is an i-th.
func (f *finder) successor(b, i int32) (to int32, jumps, ok bool) {
	in := &f.insns[f.end(b)]
	if falls(in) {
		if i == 0 {
			if int(b)+2 >= len(f.first) {
				return -1, false, true
			}
			return b + 1, false, true
		}
		i--
	}
	if i > 0 || !in.IsJump() {
		return 0, false, false
	}
	return f.target(b), true, true
}

// falls reports whether control may go from an instruction to the next.
func falls(in *isa.Insn) bool {
	return in.Op != isa.OpExit && (!in.IsJump() || in.Info().Kind != isa.KindJump)
}
