package helpers

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/gbpf/gbpf/internal/errno"
)

// Limits of the formatting helpers.
const (
	maxPrintArgs  = 12        // MAX_BPRINTF_VARARGS
	maxPrintBin   = 512       // MAX_BPRINTF_BIN_ARGS: what strings and addresses may take
	maxTraceLine  = 1024      // BPF_TRACE_PRINTK_SIZE
	maxFieldWidth = 1<<23 - 1 // FIELD_WIDTH_MAX
)

// spec is one conversion of a format.
type spec struct {
	left, plus, space, zero bool
	width                   int
}

// formatter renders a format as the kernel's bpf_bprintf_prepare and bstr_printf do.
type formatter struct {
	c    *Call
	out  []byte // the first max bytes of the text
	n    int    // bytes of the whole text
	max  int
	room int // what is left of maxPrintBin
}

func (f *formatter) write(b ...byte) {
	f.n += len(b)
	if room := f.max - len(f.out); room > 0 {
		f.out = append(f.out, b[:min(len(b), room)]...)
	}
}

func (f *formatter) pad(b byte, n int) {
	f.n += max(n, 0)
	for n = min(n, f.max-len(f.out)); n > 0; n-- {
		f.out = append(f.out, b)
	}
}

// text writes s into a field, with blanks.
func (f *formatter) text(sp *spec, s []byte) {
	if !sp.left {
		f.pad(' ', sp.width-len(s))
	}
	f.write(s...)
	if sp.left {
		f.pad(' ', sp.width-len(s))
	}
}

// number writes digits with their sign, "" for none, into a field.
func (f *formatter) number(sp *spec, sign string, digits []byte) {
	fill := sp.width - len(sign) - len(digits)
	if !sp.left && !sp.zero {
		f.pad(' ', fill)
		fill = 0
	}
	f.write([]byte(sign)...)
	if !sp.left {
		f.pad('0', fill)
		fill = 0
	}
	f.write(digits...)
	f.pad(' ', fill)
}

func (f *formatter) signed(sp *spec, v int64) {
	sign, u := "", uint64(v)
	switch {
	case v < 0:
		sign, u = "-", -u
	case sp.plus:
		sign = "+"
	case sp.space:
		sign = " "
	}
	f.number(sp, sign, strconv.AppendUint(nil, u, 10))
}

func (f *formatter) unsigned(sp *spec, v uint64, verb byte) {
	switch verb {
	case 'x':
		f.number(sp, "", strconv.AppendUint(nil, v, 16))
	case 'X':
		f.number(sp, "", fmt.Appendf(nil, "%X", v))
	default:
		f.number(sp, "", strconv.AppendUint(nil, v, 10))
	}
}

// isPrint, isSpace, isPunct and isAlnum are the kernel's character classes: those of Latin-1.
func isPrint(c byte) bool { return c >= 0x20 && c < 0x7f || c >= 0xa0 }
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0xa0 }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }
func isAlpha(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0xc0 && c != 0xd7 && c != 0xf7
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isPunct(c byte) bool { return isPrint(c) && !isSpace(c) && !isAlnum(c) }

// ends says whether a conversion may end in front of c.
func ends(c byte) bool { return c == 0 || isSpace(c) || isPunct(c) }

// format renders fmt, which has no NUL, with args into at most limit bytes. The number is a
// positive errno when the format is not one the kernel takes.
func (c *Call) format(text []byte, args []uint64, limit int) (*formatter, errno.Errno) {
	for _, b := range text {
		if b < 0x80 && !isPrint(b) && !isSpace(b) {
			return nil, errno.EINVAL
		}
	}
	f := &formatter{c: c, max: limit, room: maxPrintBin}
	at := func(i int) byte {
		if i < len(text) {
			return text[i]
		}
		return 0
	}
	used := 0
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			f.write(text[i])
			continue
		}
		if at(i+1) == '%' {
			f.write('%')
			i++
			continue
		}
		if used >= len(args) {
			return nil, errno.EINVAL
		}
		i++
		var sp spec
		i += sp.parse(text[i:])
		arg := args[used]
		used++
		switch at(i) {
		case 'p':
			n, e := f.pointer(&sp, text[i+1:], arg)
			if e != 0 {
				return nil, e
			}
			i += n
			continue
		case 's':
			if !ends(at(i + 1)) {
				return nil, errno.EINVAL
			}
			if e := f.str(&sp, arg); e != 0 {
				return nil, e
			}
			continue
		case 'c':
			if f.room == 0 {
				return nil, errno.ENOSPC
			}
			f.room--
			f.text(&sp, []byte{byte(arg)})
			continue
		}
		wide := false
		if at(i) == 'l' {
			wide = true
			if i++; at(i) == 'l' {
				i++
			}
		}
		switch verb := at(i); verb {
		case 'd', 'i':
			if !wide {
				arg = uint64(int64(int32(arg)))
			}
			f.signed(&sp, int64(arg))
		case 'u', 'x', 'X':
			if !wide {
				arg = uint64(uint32(arg))
			}
			f.unsigned(&sp, arg, verb)
		default:
			return nil, errno.EINVAL
		}
	}
	return f, 0
}

// parse reads flags and width and returns how many bytes they take.
func (sp *spec) parse(s []byte) int {
	i := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '0':
			sp.zero = true
		case '+':
			sp.plus = true
		case '-':
			sp.left = true
		case ' ':
			sp.space = true
		default:
			goto width
		}
	}
width:
	for ; i < len(s) && isDigit(s[i]); i++ {
		sp.width = min(sp.width*10+int(s[i]-'0'), maxFieldWidth)
	}
	return i
}

// str writes the string at a guest address, "" when nothing is there.
func (f *formatter) str(sp *spec, addr uint64) errno.Errno {
	if f.room == 0 {
		return errno.ENOSPC
	}
	src := f.c.readable(addr, uint64(f.room))
	var s []byte
	for _, b := range src {
		if b == 0 || len(s) == f.room-1 {
			break
		}
		s = append(s, b)
	}
	f.room -= len(s) + 1
	f.text(sp, s)
	return 0
}

// pointer renders what follows %p and returns how many bytes of the format that takes. Guest
// addresses are shown as they are: they tell nothing about the host.
func (f *formatter) pointer(sp *spec, rest []byte, arg uint64) (int, errno.Errno) {
	kind := byte(0)
	if len(rest) > 0 {
		kind = rest[0]
	}
	switch {
	case ends(kind) || kind == 'K' || kind == 'x':
		if sp.width == 0 {
			sp.width, sp.zero = 16, true
		}
		f.unsigned(sp, arg, 'x')
	case (kind == 'k' || kind == 'u') && len(rest) > 1 && rest[1] == 's':
		// A string of the kernel or of user space.
		if len(rest) > 2 && !ends(rest[2]) {
			return 0, errno.EINVAL
		}
		return 2, f.str(&spec{}, arg) // field widths do not apply
	case kind == 's' || kind == 'S' || kind == 'B':
		f.text(sp, fmt.Appendf(nil, "0x%x", arg))
	case (kind == 'i' || kind == 'I') && len(rest) > 1 && (rest[1] == '4' || rest[1] == '6'):
		size := uint64(4)
		if rest[1] == '6' {
			size = 16
		}
		if e := f.ip(kind, size, arg); e != 0 {
			return 0, e
		}
	default:
		return 0, errno.EINVAL
	}
	// The kernel skips every letter and digit behind the p.
	n := 0
	for n < len(rest) && isAlnum(rest[n]) {
		n++
	}
	return n, 0
}

// ip writes the address of size bytes that lies at addr. Field widths do not apply to it.
func (f *formatter) ip(kind byte, size, addr uint64) errno.Errno {
	var a [16]byte
	copy(a[:], f.c.readable(addr, size))
	if src := f.c.readable(addr, size); uint64(len(src)) < size {
		a = [16]byte{}
	}
	if uint64(f.room) < size {
		return errno.ENOSPC
	}
	var s []byte
	switch {
	case size == 4 && kind == 'I':
		s = fmt.Appendf(nil, "%d.%d.%d.%d", a[0], a[1], a[2], a[3])
	case size == 4:
		s = fmt.Appendf(nil, "%03d.%03d.%03d.%03d", a[0], a[1], a[2], a[3])
	default:
		for i := 0; i < 16; i += 2 {
			if i > 0 && kind == 'I' {
				s = append(s, ':')
			}
			s = fmt.Appendf(s, "%04x", binary.BigEndian.Uint16(a[i:]))
		}
	}
	f.room -= len(s) + 1
	if f.room < 0 {
		f.room = 0
	}
	f.write(s...)
	return 0
}
