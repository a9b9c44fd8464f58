package fuel

import "github.com/gbpf/gbpf/isa"

// maxWalking bounds the instructions that are looked at to find what lies in loops, for each of the program.
const maxWalking = 32

// price finds the jumps that take fuel, and how much: what control may run from one such jump to the next, so that the fuel
// that was taken and the weight of the program bound the weight of all that was executed. Jumps whose loop counts take none.
//
// A loop costs the weight of the instructions from which a way leads to a jump round without passing its head. Let an instruction be
// executed twice, and m be the one in between that the search saw first: it saw all the others from there, so control
// came to m by a jump round, which took what the instruction weighs, too. That needs every way round to be a jump. Where control
// also comes round by going to the next instruction, or the search would take too long, it is all jumps backwards of these loops that
// take fuel, for what lies between them and their target: there, m is the lowest.
func (t *Table) price(insns []isa.Insn, f *flow) {
	t.turn, t.head = map[int32]bool{}, map[int32]uint32{}
	b := &body{t: t, insns: insns, flow: f, left: maxWalking * len(insns)}
	jumps := map[int32][]int32{} // round, by where they go
	var heads []int32            // in the order of the first of them
	for pc := range insns {
		if f.round[pc] && !f.falls[f.loop[pc]] {
			if _, counts := t.count[pc]; counts {
				continue
			}
			to := int32(insns[pc].Target(pc))
			if jumps[to] == nil {
				heads = append(heads, to)
			}
			jumps[to] = append(jumps[to], int32(pc))
		}
	}
	for _, head := range heads {
		if f.falls[f.loop[head]] {
			continue
		}
		cost, ok := b.weigh(head, jumps[head])
		if !ok {
			if f.falls == nil {
				f.falls = map[int32]bool{}
			}
			f.falls[f.loop[head]] = true
			continue
		}
		t.head[head] = cost
		for _, pc := range jumps[head] {
			t.turn[pc] = true
		}
	}
	if f.falls != nil {
		t.backwards(insns, f)
	}
}

// backwards prices the jumps backwards of the loops that are not priced otherwise.
func (t *Table) backwards(insns []isa.Insn, f *flow) {
	for pc := range t.turn {
		if f.falls[f.loop[pc]] {
			delete(t.head, int32(insns[pc].Target(int(pc))))
			delete(t.turn, pc)
		}
	}
	for pc := range insns {
		if !insns[pc].IsJump() {
			continue
		}
		to := insns[pc].Target(pc)
		if _, counts := t.count[pc]; counts || to < 0 || to > pc || f.loop[to] != f.loop[pc] || !f.falls[f.loop[pc]] {
			continue
		}
		t.turn[int32(pc)] = true
		t.head[int32(to)] = max(t.head[int32(to)], t.weight[pc+1]-t.weight[to])
	}
}

// body looks for what lies in loops.
type body struct {
	*flow
	t     *Table
	insns []isa.Insn
	from  []int32 // the jumps to each instruction, one after the other: those to pc begin at first[pc]
	first []int32
	seen  []int32 // the last head that an instruction was seen for, plus 1
	todo  []int32
	left  int
	sum   uint32
}

// weigh returns the weight of the loop that jumps lead round to head, and whether that was found in time.
func (b *body) weigh(head int32, jumps []int32) (uint32, bool) {
	if b.first == nil {
		b.index()
	}
	b.sum = 0
	b.see(head, head)
	b.todo = b.todo[:0] // whatever leads to the head
	b.counted(head, head)
	for _, pc := range jumps {
		b.see(pc, head)
	}
	for len(b.todo) > 0 && b.left > 0 {
		pc := b.todo[len(b.todo)-1]
		b.todo = b.todo[:len(b.todo)-1]
		b.counted(pc, head)
		if pc > 0 && falls(&b.insns[pc-1]) {
			b.see(pc-1, head)
		}
		for _, from := range b.from[b.first[pc]:b.first[pc+1]] {
			b.see(from, head)
		}
	}
	return b.sum, b.left > 0
}

// see adds an instruction of the loop nest to the loop.
func (b *body) see(pc, head int32) {
	if b.seen[pc] == head+1 || b.loop[pc] != b.loop[head] {
		return
	}
	b.left--
	b.seen[pc] = head + 1
	b.sum += b.t.weight[pc+1] - b.t.weight[pc]
	b.todo = append(b.todo, pc)
}

// counted adds what lies in a loop that counts and begins at pc: its turns are no jumps round that anybody pays for.
func (b *body) counted(pc, head int32) {
	for _, from := range b.from[b.first[pc]:b.first[pc+1]] {
		if _, ok := b.t.count[int(from)]; ok && from >= pc {
			for i := pc; i <= from; i++ {
				b.see(i, head)
			}
		}
	}
}

// index sorts the jumps by where they go.
func (b *body) index() {
	n := len(b.insns)
	b.first, b.seen = make([]int32, n+1), make([]int32, n)
	target := func(pc int) int {
		if !b.insns[pc].IsJump() {
			return -1
		}
		if t := b.insns[pc].Target(pc); t < n {
			return t
		}
		return -1
	}
	for pc := range b.insns {
		if t := target(pc); t >= 0 {
			b.first[t+1]++
		}
	}
	for i := range n {
		b.first[i+1] += b.first[i]
	}
	b.from = make([]int32, b.first[n])
	next := append([]int32(nil), b.first[:n]...)
	for pc := range b.insns {
		if t := target(pc); t >= 0 {
			b.from[next[t]] = int32(pc)
			next[t]++
		}
	}
}
