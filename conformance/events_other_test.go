//go:build !linux

package conformance

import "github.com/gbpf/gbpf/internal/kernel"

// kernelEvents is never reached: there is no kernel to ask.
func kernelEvents(*kernel.Object) (drain func() (map[string][][]byte, error), err error) {
	return nil, kernel.Available()
}
