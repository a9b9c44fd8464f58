//go:build !linux

package errno

// isHost never matches: the host's numbers mean other things.
func isHost(Errno, error) bool { return false }
