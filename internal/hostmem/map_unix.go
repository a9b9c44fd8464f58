//go:build unix

package hostmem

import "golang.org/x/sys/unix"

func mapAnon(n uint64) ([]byte, error) {
	return unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|noReserve)
}

func unmap(mem []byte) { unix.Munmap(mem) }
