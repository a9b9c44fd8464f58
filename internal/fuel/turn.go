package fuel

import "slices"

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
func (t *Table) price(f *flow, m *memory) {
	t.turn, t.head = make([]int32, len(f.insns)), make([]uint32, len(f.insns))
	for i := range t.count {
		t.turn[t.count[i].pc] = int32(i) + 1
	}
	b := &body{flow: f, t: t, todo: m.todo[:0], left: maxWalking * len(f.insns)}
	b.index(m)
	falling := slices.Contains(f.falls, true)
	for i := range f.round {
		if !f.round[i] || f.falls[f.loop[i]] || b.counts[i] {
			continue
		}
		head := f.target(int32(i))
		if b.priced[head] {
			continue
		}
		b.priced[head] = true
		cost, ok := b.weigh(head)
		if !ok {
			f.falls[f.loop[head]], falling = true, true
			continue
		}
		t.head[f.first[head]] = cost
		for _, from := range b.jumps(head) {
			if b.turns(from) {
				t.turn[f.end(from)] = takes
			}
		}
	}
	if falling {
		t.backwards(b)
	}
	m.todo = b.todo
}

// backwards prices the jumps backwards of the loops that are not priced otherwise.
func (t *Table) backwards(b *body) {
	for i, loop := range b.loop {
		if pc := b.end(int32(i)); t.turn[pc] == takes && b.falls[loop] {
			t.head[b.first[b.target(int32(i))]], t.turn[pc] = 0, 0
		}
	}
	for i, loop := range b.loop {
		to := b.target(int32(i))
		if b.counts[i] || to < 0 || int(to) > i || b.loop[to] != loop || !b.falls[loop] {
			continue
		}
		pc, at := b.end(int32(i)), b.first[to]
		t.turn[pc] = takes
		t.head[at] = max(t.head[at], t.weight[pc+1]-t.weight[at])
	}
}

// body looks for what lies in loops.
type body struct {
	*flow
	t      *Table
	counts []bool  // blocks that end with the jump back of a loop that counts
	priced []bool  // heads
	from   []int32 // the blocks that jump to each block, one after the other: those to i begin at start[i]
	start  []int32
	seen   []int32 // the last head that a block was seen for, plus 1
	todo   []int32
	left   int
	sum    uint32
}

// jumps are the blocks that jump to a block.
func (b *body) jumps(to int32) []int32 { return b.from[b.start[to]:b.start[to+1]] }

// turns reports whether a block ends with a jump round whose loop does not count.
func (b *body) turns(i int32) bool { return b.round[i] && !b.counts[i] && !b.falls[b.loop[i]] }

// weigh returns the weight of the loop that jumps lead round to head, and whether that was found in time.
func (b *body) weigh(head int32) (uint32, bool) {
	b.sum = 0
	b.see(head, head)
	b.todo = b.todo[:0] // whatever leads to the head
	b.counted(head, head)
	for _, from := range b.jumps(head) {
		if b.turns(from) {
			b.see(from, head)
		}
	}
	for len(b.todo) > 0 && b.left > 0 {
		i := b.todo[len(b.todo)-1]
		b.todo = b.todo[:len(b.todo)-1]
		b.counted(i, head)
		if i > 0 && falls(&b.insns[b.end(i-1)]) {
			b.see(i-1, head)
		}
		for _, from := range b.jumps(i) {
			b.see(from, head)
		}
	}
	return b.sum, b.left > 0
}

// see adds a block of the loop nest to the loop.
func (b *body) see(i, head int32) {
	if b.seen[i] == head+1 || b.loop[i] != b.loop[head] {
		return
	}
	at, end := b.first[i], b.first[i+1]
	b.left -= int(end - at)
	b.seen[i] = head + 1
	b.sum += b.t.weight[end] - b.t.weight[at]
	b.todo = append(b.todo, i)
}

// counted adds what lies in a loop that counts and begins with block i: its turns are no jumps round that anybody pays for.
func (b *body) counted(i, head int32) {
	for _, from := range b.jumps(i) {
		if b.counts[from] && from >= i {
			for k := i; k <= from; k++ {
				b.see(k, head)
			}
		}
	}
}

// index sorts the jumps by where they go.
func (b *body) index(m *memory) {
	n := len(b.loop)
	b.start, b.seen, b.counts, b.priced = take(&m.jumpStart, n+1), take(&m.seen, n), take(&m.counts, n), take(&m.priced, n)
	for i := range b.t.count {
		b.counts[b.block[b.t.count[i].pc]] = true
	}
	for i := range n {
		if t := b.target(int32(i)); t >= 0 {
			b.start[t+1]++
		}
	}
	for i := range n {
		b.start[i+1] += b.start[i]
	}
	b.from = take(&m.jumps, int(b.start[n]))
	next := append(m.next[:0], b.start[:n]...)
	m.next = next
	for i := range n {
		if t := b.target(int32(i)); t >= 0 {
			b.from[next[t]] = int32(i)
			next[t]++
		}
	}
}
