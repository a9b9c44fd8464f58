package helpers

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/gbpf/gbpf/internal/errno"
)

func init() {
	define(map[string]Func{
		"strncmp": strncmp,
		"strtol":  strtol,
		"strtoul": strtoul,
	})
}

// strncmp compares at most R2 bytes of R1 with the string R3: -1, 0 or 1.
func strncmp(c *Call) uint64 {
	a, ok := c.span(c.Args[0], uint64(uint32(c.Args[1])))
	if !ok {
		return 0
	}
	b := c.readable(c.Args[2], uint64(len(a)))
	for i := range a {
		x, y := a[i], byte(0)
		if i < len(b) {
			y = b[i]
		}
		switch {
		case x < y:
			return 1<<64 - 1
		case x > y:
			return 1
		case x == 0:
			return 0
		}
	}
	return 0
}

// maxNumber is how many bytes of a number the kernel looks at.
const maxNumber = 63

// parseNumber reads an integer as __bpf_strtoull does: blanks, a sign, and digits
// of the base that flags name; base 0 goes by the prefix. It returns how many bytes that took.
func parseNumber(buf []byte, flags uint64) (v uint64, negative bool, consumed int, e errno.Errno) {
	base := flags & 0x1f
	if len(buf) == 0 || flags != base || base != 0 && base != 8 && base != 10 && base != 16 {
		return 0, false, 0, errno.EINVAL
	}
	i := 0
	for i < len(buf) && isSpace(buf[i]) {
		i++
	}
	if i < len(buf) && buf[i] == '-' {
		negative = true
		i++
	}
	s := buf[i:]
	if len(s) == 0 {
		return 0, false, 0, errno.EINVAL
	}
	s = s[:min(len(s), maxNumber)]
	at := func(k int) byte {
		if k < len(s) {
			return s[k]
		}
		return 0
	}
	hex := at(0) == '0' && at(1)|0x20 == 'x'
	if base == 0 {
		switch {
		case hex && digit(at(2)) < 16:
			base = 16
		case at(0) == '0':
			base = 8
		default:
			base = 10
		}
	}
	k := 0
	if base == 16 && hex {
		k = 2
	}
	first, over := k, false
	for ; digit(at(k)) < base; k++ {
		hi, lo := bits.Mul64(v, base)
		sum, carry := bits.Add64(lo, digit(at(k)), 0)
		over = over || hi|carry != 0
		v = sum
	}
	switch {
	case over:
		return 0, false, 0, errno.ERANGE
	case k == first:
		return 0, false, 0, errno.EINVAL
	}
	return v, negative, i + k, 0
}

// digit is the value of a digit, 255 for what is none.
func digit(c byte) uint64 {
	switch {
	case isDigit(c):
		return uint64(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return uint64(c|0x20-'a') + 10
	}
	return 255
}

// number reads the arguments that strtol and strtoul share. The result is 0 on errors.
func (c *Call) number(finish func(v uint64, negative bool) (uint64, errno.Errno)) uint64 {
	buf, ok := c.span(c.Args[0], c.Args[1])
	if !ok {
		return 0
	}
	res, ok := c.Bytes(c.Args[3], 8)
	if !ok {
		return 0
	}
	buf = bytes.Clone(buf[:min(len(buf), 4096)])
	clear(res)
	v, negative, n, e := parseNumber(buf, c.Args[2])
	if e == 0 {
		v, e = finish(v, negative)
	}
	if e != 0 {
		return e.R0()
	}
	binary.LittleEndian.PutUint64(res, v)
	return uint64(n)
}

func strtol(c *Call) uint64 {
	return c.number(func(v uint64, negative bool) (uint64, errno.Errno) {
		switch {
		case negative && int64(-v) > 0, !negative && int64(v) < 0:
			return 0, errno.ERANGE
		case negative:
			return -v, 0
		}
		return v, 0
	})
}

func strtoul(c *Call) uint64 {
	return c.number(func(v uint64, negative bool) (uint64, errno.Errno) {
		if negative {
			return 0, errno.EINVAL
		}
		return v, 0
	})
}
