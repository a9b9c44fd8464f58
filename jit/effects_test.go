package jit

import (
	"testing"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// TestTraits holds what the passes know of kinds against what the check says itself.
func TestTraits(t *testing.T) {
	for k := range ir.Kind(255) {
		op := ir.Op{Kind: k, Dst: 1, Src: 2, Base: 3}
		known := k < ir.NumKinds
		if straight(k) && !onlyFalls[k] || simple(k) && !straight(k) {
			t.Errorf("kind %d: simple %v, straight %v, onlyFalls %v", k, simple(k), straight(k), onlyFalls[k])
		}
		if !known && (traits[k] != 0 || onlyFalls[k]) {
			t.Errorf("kind %d is none", k)
		}
		if _, w := effects(&op); simple(k) != (writes(&op) && straight(k) && k != ir.LoadAcq && k != ir.ArrayLookup) || simple(k) && w != bit(1) {
			t.Errorf("kind %d: simple %v, effects write %b, the check says %v", k, simple(k), w, writes(&op))
		}
		if c := (&checker{}); c.computes(&op) && (!onlyFalls[k] || !simple(k) || k >= ir.Load) {
			t.Errorf("kind %d does not only compute", k)
		}
	}
}
