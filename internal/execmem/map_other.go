//go:build !unix && !windows

package execmem

import "errors"

func mapCode([]byte) ([]byte, error) {
	return nil, errors.New("not available on this system")
}

func unmapCode([]byte) {}
