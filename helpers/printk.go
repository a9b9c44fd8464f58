package helpers

import (
	"bytes"
	"encoding/binary"

	"github.com/gbpf/gbpf/internal/errno"
)

func init() {
	define(map[string]Func{
		"trace_printk":  tracePrintk,
		"trace_vprintk": traceVprintk,
		"snprintf":      snprintf,
	})
}

// printFormat copies the format of n bytes at addr, up to its NUL. ok is false, with
// what the helper returns, when there is none.
func (c *Call) printFormat(addr, n uint64) (text []byte, r0 uint64, ok bool) {
	b, ok := c.span(addr, n)
	if !ok {
		return nil, 0, false
	}
	text = bytes.Clone(b)
	i := bytes.IndexByte(text, 0)
	if i < 0 {
		return nil, errno.EINVAL.R0(), false
	}
	return text[:i], 0, true
}

// printArgs copies an array of n bytes of arguments.
func (c *Call) printArgs(addr, n uint64) (args []uint64, r0 uint64, ok bool) {
	if n%8 != 0 || n > maxPrintArgs*8 || n != 0 && addr == 0 {
		return nil, errno.EINVAL.R0(), false
	}
	b, ok := c.Bytes(addr, n)
	if !ok {
		return nil, 0, false
	}
	for ; len(b) >= 8; b = b[8:] {
		args = append(args, binary.LittleEndian.Uint64(b))
	}
	return args, 0, true
}

func (c *Call) printTrace(text []byte, args []uint64) uint64 {
	f, e := c.format(text, args, maxTraceLine-1)
	if e != 0 {
		return e.R0()
	}
	if !c.charge(uint64(f.n)) {
		return 0
	}
	c.env().trace(bytes.TrimSuffix(f.out, []byte("\n")))
	return uint64(f.n)
}

func tracePrintk(c *Call) uint64 {
	text, r0, ok := c.printFormat(c.Args[0], uint64(uint32(c.Args[1])))
	if !ok {
		return r0
	}
	return c.printTrace(text, c.Args[2:5])
}

func traceVprintk(c *Call) uint64 {
	args, r0, ok := c.printArgs(c.Args[2], uint64(uint32(c.Args[3])))
	if !ok {
		return r0
	}
	text, r0, ok := c.printFormat(c.Args[0], uint64(uint32(c.Args[1])))
	if !ok {
		return r0
	}
	return c.printTrace(text, args)
}

// maxFormat bounds the format of snprintf, which has no size argument.
const maxFormat = 4096

// snprintf writes text with its NUL to the R2 bytes at R1 and returns how many bytes the whole
// would take.
func snprintf(c *Call) uint64 {
	args, r0, ok := c.printArgs(c.Args[3], uint64(uint32(c.Args[4])))
	if !ok {
		return r0
	}
	n := uint64(uint32(c.Args[1]))
	dst, ok := c.span(c.Args[0], n)
	if !ok {
		return 0
	}
	text := bytes.Clone(c.readable(c.Args[2], maxFormat))
	i := bytes.IndexByte(text, 0)
	if i < 0 {
		return errno.EINVAL.R0()
	}
	f, e := c.format(text[:i], args, max(len(dst)-1, 0))
	if e != 0 {
		return e.R0()
	}
	if !c.charge(uint64(f.n)) {
		return 0
	}
	if len(dst) > 0 {
		dst[copy(dst, f.out)] = 0
	}
	return uint64(f.n + 1)
}
