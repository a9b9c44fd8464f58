package scratch

import "testing"

// TestTake: what is taken is zero, whatever was written before, and has the place of before where that suffices.
func TestTake(t *testing.T) {
	var mem []int32
	for _, n := range []int{0, 5, 3, 6, 7, 100, 4} {
		was := cap(mem)
		part := Take(&mem, n)
		if len(part) != n || n <= was && cap(mem) != was {
			t.Errorf("%d of %d elements: got %d of %d", n, was, len(part), cap(mem))
		}
		for i, v := range part {
			if v != 0 {
				t.Errorf("element %d of %d is %d", i, n, v)
			}
			part[i] = -1
		}
	}
}
