//go:build !linux

package canary

import (
	"errors"

	"github.com/gbpf/gbpf/internal/guest"
)

// Canary watches nothing here.
type Canary struct{}

var errSystem = errors.New("canary: memory around a window is watched on Linux only")

// New fails here.
func New(limit, reach uint64) (*guest.Memory, *Canary, error) { return nil, nil, errSystem }

// Around fails here.
func Around(*guest.Memory, uint64) (*Canary, error) {
	return nil, errSystem
}

// Reach is 0 here.
func (c *Canary) Reach() uint64 { return 0 }

// Check finds nothing here.
func (c *Canary) Check() error { return verify(nil) }

// Touch does nothing here.
func (c *Canary) Touch(int64) {}

// Close does nothing here.
func (c *Canary) Close() error { return nil }
