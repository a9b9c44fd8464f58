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

// take returns n zeroed elements of *s, which grows as needed.
func take[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n+n/4)
		return (*s)[:n]
	}
	part := (*s)[:n]
	clear(part)
	return part
}
