package fuel

import "github.com/gbpf/gbpf/internal/scratch"

// maxWalking bounds the instructions and jumps that are looked at to find what lies in loops, for each instruction of the program.
const maxWalking = 32

// price finds where fuel is taken, and how much: what control may run from one such place to the next, so that the fuel
// that was taken and the weight of the program bound the weight of all that was executed. Ways round a loop that counts take none.
//
// A loop costs the weight of the blocks from which a way leads round without passing its head. Let an instruction be
// executed twice, and m be the block in between that the search saw first: it saw all the others from there, so control
// came to m by a way round, which took what the instruction weighs, too. Where the search for these blocks would take too long, a loop
// costs as much as all that lie around it and in it.
//
// Jumps round take it themselves, unless control also comes round by going to the next instruction: then whoever arrives does.
func (t *Table) price(f *flow, m *memory) {
	t.turn, t.head = make([]int32, len(f.insns)), make([]uint32, len(f.insns))
	n := len(f.loop)
	b := &body{flow: f, t: t, todo: m.todo[:0], left: maxWalking * len(f.insns), seen: scratch.Take(&m.seen, n), counts: scratch.Take(&m.counts, n)}
	for i := range t.count {
		c := &t.count[i]
		t.turn[c.pc] = int32(i) + 1
		b.counts[f.block[c.pc]] = true
	}
	for i := range int32(n) {
		if b.counts[i] {
			continue
		}
		if f.round[i] {
			b.price(f.target(i))
			t.turn[f.end(i)] = takes
		}
		if f.fell[i] {
			b.price(i + 1)
			if t.arrive == nil {
				t.arrive = make([]bool, len(f.insns))
			}
			t.arrive[f.first[i+1]] = true
		}
	}
	m.todo = b.todo
}

// body looks for what lies in loops.
type body struct {
	*flow
	t      *Table
	counts []bool  // blocks that end the turns of a loop that counts
	seen   []int32 // the last head that a block was seen for, plus 1
	todo   []int32
	left   int
	sum    uint32
	nests  []uint32 // weight of the components, by number
}

// price sets what a turn that begins with block head costs.
func (b *body) price(head int32) {
	cost := &b.t.head[b.first[head]]
	if *cost > 0 {
		return
	}
	b.sum, b.todo = 0, b.todo[:0]
	b.see(head, head)
	b.todo = b.todo[:0] // whatever leads to the head
	for _, from := range b.jumps(head) {
		if b.round[from] && !b.counts[from] {
			b.see(from, head)
		}
	}
	if head > 0 && b.fell[head-1] && !b.counts[head-1] {
		b.see(head-1, head)
	}
	for len(b.todo) > 0 && b.left > 0 {
		i := b.todo[len(b.todo)-1]
		b.todo = b.todo[:len(b.todo)-1]
		b.left -= len(b.jumps(i))
		if i > 0 && b.falls(i-1) {
			b.see(i-1, head)
		}
		for _, from := range b.jumps(i) {
			b.see(from, head)
		}
	}
	if *cost = b.sum; b.left <= 0 {
		*cost = b.nest(head)
	}
}

// see adds a block of the loop nest to the loop.
func (b *body) see(i, head int32) {
	if b.seen[i] == head+1 || b.loop[i] != b.loop[head] {
		return
	}
	b.left -= int(b.first[i+1] - b.first[i])
	b.seen[i] = head + 1
	b.sum += b.weight(i)
	b.todo = append(b.todo, i)
}

func (b *body) weight(i int32) uint32 { return b.t.weight[b.first[i+1]] - b.t.weight[b.first[i]] }

// nest is the weight of all blocks of the loop nest that a block lies in.
func (b *body) nest(i int32) uint32 {
	if b.nests == nil {
		b.nests = make([]uint32, b.loops+1)
		for k := range b.loop {
			b.nests[b.loop[k]] += b.weight(int32(k))
		}
	}
	return b.nests[b.loop[i]]
}
