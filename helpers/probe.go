package helpers

import (
	"github.com/gbpf/gbpf/internal/errno"
)

func init() {
	define(map[string]Func{
		"probe_read":            probeRead,
		"probe_read_kernel":     probeReadKernel,
		"probe_read_user":       probeReadUser,
		"copy_from_user":        probeReadUser,
		"probe_read_str":        probeReadStr,
		"probe_read_kernel_str": probeReadKernelStr,
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

// kernelHalf is the lowest address that the kernel's own readers take for the kernel's; for lower
// ones they fail with ERANGE before they look. Objects of gbpf have low addresses, so that only
// decides how a read fails.
const kernelHalf = 0xffff_8000_0000_0000

// unreadable is what the readers of kernel memory return for addr.
func unreadable(addr uint64) uint64 {
	if addr < kernelHalf {
		return errno.ERANGE.R0()
	}
	return errno.EFAULT.R0()
}

func probeReadKernel(c *Call) uint64 {
	addr := c.Args[2]
	if r0 := probeRead(c); r0 != 0 || uint32(c.Args[1]) == 0 && addr < kernelHalf && c.readable(addr, 1) == nil {
		return unreadable(addr)
	}
	return 0
}

// userEnd is where user space ends at the latest: beyond it even reading nothing fails.
const userEnd = 1 << 56

func probeReadUser(c *Call) uint64 {
	if uint32(c.Args[1]) == 0 && c.Args[2] >= userEnd {
		return errno.EFAULT.R0()
	}
	return probeRead(c)
}

func probeReadKernelStr(c *Call) uint64 {
	r0 := probeReadStr(c)
	if r0 == errno.EFAULT.R0() {
		return unreadable(c.Args[2])
	}
	return r0
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
