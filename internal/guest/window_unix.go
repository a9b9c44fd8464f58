//go:build unix

package guest

import (
	"golang.org/x/sys/unix"
)

// reserveSmall makes a window of limit bytes of private memory between guards.
// Addresses are masked into it.
func reserveSmall(limit uint64) (window, error) {
	const side = 1 << 20
	all, err := unix.Mmap(-1, 0, int(side+margin+limit+margin+side), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return window{}, err
	}
	if err := unix.Mprotect(all[side:side+margin+limit+margin], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		unix.Munmap(all)
		return window{}, err
	}
	return window{mapping: all, origin: side + margin, span: limit, fd: -1}, nil
}

func (w *window) release() error {
	err := unix.Munmap(w.mapping)
	if w.fd >= 0 {
		if cerr := unix.Close(w.fd); err == nil {
			err = cerr
		}
	}
	w.mapping = nil
	return err
}
