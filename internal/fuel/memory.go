package fuel

import "sync"

// memory is what a search works in. It serves one program after the other: whoever takes a part of it clears it.
type memory struct {
	each                                       []uint32
	block, first, number, low, loop, open      []int32
	on, round, fell, start, counts             []bool
	path                                       []step
	rounds, jumps, jumpStart, seen, todo, next []int32
}

var memories = sync.Pool{New: func() any { return new(memory) }}

// maxKept is the largest program whose memory is kept, in instructions: one that is huge must not take memory for long.
const maxKept = 1 << 18

func (m *memory) release(insns int) {
	if insns <= maxKept {
		memories.Put(m)
	}
}
