package jit

import (
	"testing"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// TestStubOffsets holds the numbers in the entry stubs against the layout.
func TestStubOffsets(t *testing.T) {
	if ir.OffSP != 168 {
		t.Errorf("State.SP is at %d: enter_amd64.s says 168", ir.OffSP)
	}
}
