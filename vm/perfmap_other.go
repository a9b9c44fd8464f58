//go:build !linux

package vm

import "errors"

func openPerfMap() (*perfMap, error) {
	return nil, errors.New("perf map: perf is a tool of Linux")
}
