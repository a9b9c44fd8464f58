package stopwatch

import "testing"

// TestLeast counts the turns.
func TestLeast(t *testing.T) {
	turns, calls := 0, 0
	if ns := Least(7, 11, func(n int) { turns, calls = turns+n, calls+1 }); ns < 0 || ns > 1e9 {
		t.Errorf("%v ns a turn", ns)
	}
	if turns != 77 || calls != 7 {
		t.Errorf("%d turns in %d calls, want 77 in 7", turns, calls)
	}
}
