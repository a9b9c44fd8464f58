package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// fuse expands the first ops of a list together if one instruction does the work of
// several. It returns how many it took, 0 for none.
func (e *expander) fuse(ops []ir.Op) int {
	if len(ops) < 2 {
		return 0
	}
	return 0
}
