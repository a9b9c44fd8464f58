//go:build unix

package execmem

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func mapCode(code []byte) ([]byte, error) {
	page := unix.Getpagesize()
	n := (len(code) + page - 1) / page * page
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	copy(mem, code)
	if err := unix.Mprotect(mem, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		unix.Munmap(mem)
		return nil, fmt.Errorf("mprotect: %w", err)
	}
	flush(mem)
	return mem, nil
}

func unmapCode(mem []byte) { unix.Munmap(mem) }
