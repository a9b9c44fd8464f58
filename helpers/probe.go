package helpers

import (
	"github.com/gbpf/gbpf/internal/errno"
)

func init() {
	define(map[string]Func{
		"probe_read":            probeRead,
		"probe_read_kernel":     probeRead,
		"probe_read_user":       probeRead,
		"copy_from_user":        probeRead,
		"probe_read_str":        probeReadStr,
		"probe_read_kernel_str": probeReadStr,
		"probe_read_user_str":   probeReadStr,
	})
}

// readable returns up to n bytes at addr that belong to an object of the machine, whatever its
// parts are: the kernel's readers do not know objects either.
func (c *Call) readable(addr, n uint64) []byte {
	if addr>>32 != 0 {
		return nil
	}
	r := c.Mem.Find(uint32(addr))
	if r == nil {
		return nil
	}
	off := addr - uint64(r.Addr)
	if off >= uint64(r.Size) {
		return nil
	}
	b, _ := c.Mem.Slice(addr, min(n, uint64(r.Size)-off))
	return b
}

func probeRead(c *Call) uint64 {
	n := uint64(uint32(c.Args[1]))
	dst, ok := c.span(c.Args[0], n)
	if !ok || n == 0 {
		return 0
	}
	src := c.readable(c.Args[2], n)
	if uint64(len(src)) < n {
		clear(dst)
		return errno.EFAULT.R0()
	}
	copy(dst, src)
	return 0
}

// probeReadStr copies a string with its NUL and returns the bytes that takes; one that is too
// long is cut.
func probeReadStr(c *Call) uint64 {
	n := uint64(uint32(c.Args[1]))
	dst, ok := c.span(c.Args[0], n)
	if !ok || n == 0 {
		return 0
	}
	src := c.readable(c.Args[2], n)
	for i, v := range src {
		if dst[i] = v; v == 0 {
			return uint64(i + 1)
		}
	}
	if uint64(len(src)) < n {
		clear(dst)
		return errno.EFAULT.R0()
	}
	dst[n-1] = 0
	return n
}
