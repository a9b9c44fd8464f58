package conformance

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// withoutPerfmon calls f on a thread that may use BPF but has not the right to see kernel
// memory, CAP_PERFMON, which the kernel's verifier asks for before it lets addresses and
// uninitialised stack through.
func withoutPerfmon(f func() error) error {
	done := make(chan error)
	go func() {
		// The thread is not unlocked: it ends with the goroutine.
		runtime.LockOSThread()
		done <- func() error {
			head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var data [2]unix.CapUserData
			if err := unix.Capget(&head, &data[0]); err != nil {
				return fmt.Errorf("capget: %w", err)
			}
			for _, c := range []uint{unix.CAP_PERFMON, unix.CAP_SYS_ADMIN} {
				data[c/32].Effective &^= 1 << (c % 32)
			}
			if err := unix.Capset(&head, &data[0]); err != nil {
				return fmt.Errorf("capset: %w", err)
			}
			return f()
		}()
	}()
	return <-done
}
