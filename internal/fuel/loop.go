package fuel

import "github.com/gbpf/gbpf/isa"

// flow is what a search through the control flow within functions finds.
type flow struct {
	// loop numbers the strongly connected components: two instructions have one number if a way leads from each to the other.
	loop []int32
	// round has the jumps to what lies on the search's way to them: without these, control goes round nowhere.
	round []bool
	// falls has the numbers of components in which control also comes round by going to the next instruction.
	falls map[int32]bool
}

// search looks for loops, and returns nil if no jump goes backwards. It is Tarjan's algorithm (Depth-first search and
// linear graph algorithms, 1972) without recursion.
func search(insns []isa.Insn) *flow {
	backwards := false
	for pc := range insns {
		if t := insns[pc].Target(pc); insns[pc].IsJump() && t >= 0 && t <= pc {
			backwards = true
			break
		}
	}
	if !backwards {
		return nil
	}
	n := len(insns)
	f := finder{
		insns: insns, number: make([]int32, n), low: make([]int32, n), on: make([]bool, n),
		flow: flow{loop: make([]int32, n), round: make([]bool, n)},
	}
	for pc := range insns {
		if f.number[pc] == 0 {
			f.search(int32(pc))
		}
	}
	for _, pc := range f.fell {
		if f.falls == nil {
			f.falls = map[int32]bool{}
		}
		f.falls[f.loop[pc]] = true
	}
	return &f.flow
}

type finder struct {
	flow
	insns  []isa.Insn
	number []int32 // in the order of the search, from 1; 0 for what was not seen
	low    []int32 // lowest number on the stack that is reached
	on     []bool  // the instruction is on the way
	fell   []int32 // instructions from which control comes round to the next
	open   []int32 // instructions whose component is not complete
	next   int32
	loops  int32
}

// step is an instruction on the path, and how many of its successors were followed.
type step struct{ pc, followed int32 }

func (f *finder) search(root int32) {
	path := []step{{f.visit(root), 0}}
	for len(path) > 0 {
		top := &path[len(path)-1]
		pc := top.pc
		if to, jumps, ok := f.successor(pc, top.followed); ok {
			top.followed++
			if to >= 0 && f.on[to] {
				if jumps {
					f.round[pc] = true
				} else {
					f.fell = append(f.fell, pc)
				}
			}
			switch {
			case to < 0:
			case f.number[to] == 0:
				path = append(path, step{f.visit(to), 0})
			case f.loop[to] == 0:
				f.low[pc] = min(f.low[pc], f.number[to])
			}
			continue
		}
		path = path[:len(path)-1]
		f.on[pc] = false
		if len(path) > 0 {
			up := path[len(path)-1].pc
			f.low[up] = min(f.low[up], f.low[pc])
		}
		if f.low[pc] != f.number[pc] {
			continue
		}
		f.loops++
		for {
			last := f.open[len(f.open)-1]
			f.open = f.open[:len(f.open)-1]
			f.loop[last] = f.loops
			if last == pc {
				break
			}
		}
	}
}

func (f *finder) visit(pc int32) int32 {
	f.next++
	f.number[pc], f.low[pc] = f.next, f.next
	f.open, f.on[pc] = append(f.open, pc), true
	return pc
}

// successor returns where control goes from pc in the i-th way, -1 for out of the program, whether it jumps there, and
// whether there is an i-th.
func (f *finder) successor(pc, i int32) (to int32, jumps, ok bool) {
	in := &f.insns[pc]
	if falls(in) {
		if i == 0 {
			if int(pc)+1 >= len(f.insns) {
				return -1, false, true
			}
			return pc + 1, false, true
		}
		i--
	}
	if i > 0 || !in.IsJump() {
		return 0, false, false
	}
	if t := in.Target(int(pc)); t >= 0 && t < len(f.insns) {
		return int32(t), true, true
	}
	return -1, true, true
}

// falls reports whether control may go from an instruction to the next.
func falls(in *isa.Insn) bool {
	return in.Op != isa.OpExit && (!in.IsJump() || in.Info().Kind != isa.KindJump)
}
