//go:build unix

package execmem

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reserve maps n bytes that can be written.
func reserve(n int) ([]byte, error) {
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return mem, nil
}

// seal makes written pages executable and read-only.
func seal(mem []byte) error {
	if err := unix.Mprotect(mem, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return fmt.Errorf("mprotect: %w", err)
	}
	flush(mem)
	return nil
}

func release(mem []byte) { unix.Munmap(mem) }
