//go:build !unix && !windows

package execmem

import "errors"

func reserve(int) ([]byte, error) {
	return nil, errors.New("not available on this system")
}

func seal([]byte) error { return nil }

func release([]byte) {}
