package vm

import (
	"fmt"
	"os"
	"syscall"
)

// openPerfMap opens the file of this process. Others can write to /tmp: what they put there in its place is not followed.
func openPerfMap() (*perfMap, error) {
	f, err := os.OpenFile(perfMapName(), os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("perf map: %w", err)
	}
	return &perfMap{f}, nil
}
