//go:build !linux

package conformance

import "github.com/gbpf/gbpf/internal/kernel"

// withoutPerfmon has no kernel to ask here.
func withoutPerfmon(func() error) error { return kernel.Available() }
