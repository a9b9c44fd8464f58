package errno

import "syscall"

// isHost compares with the host's own numbers, which on Linux are these.
func isHost(e Errno, target error) bool {
	h, ok := target.(syscall.Errno)
	return ok && h == syscall.Errno(e)
}
