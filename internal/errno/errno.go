// Package errno has the error numbers of Linux that BPF programs see. They are the
// same on every host, unlike those of package syscall.
package errno

import "fmt"

// Errno is an error number as include/uapi/asm-generic/errno.h gives it. The zero value is
// success.
type Errno int32

// The numbers that maps and helpers return.
const (
	EPERM      Errno = 1
	ENOENT     Errno = 2
	EIO        Errno = 5
	E2BIG      Errno = 7
	EAGAIN     Errno = 11
	ENOMEM     Errno = 12
	EACCES     Errno = 13
	EFAULT     Errno = 14
	EBUSY      Errno = 16
	EEXIST     Errno = 17
	ENODEV     Errno = 19
	EINVAL     Errno = 22
	ENOSPC     Errno = 28
	ERANGE     Errno = 34
	EDEADLK    Errno = 35
	EBADMSG    Errno = 74
	EOVERFLOW  Errno = 75
	EPROTO     Errno = 71
	EOPNOTSUPP Errno = 95
	ENOTSUPP   Errno = 524
)

var names = map[Errno][2]string{
	EPERM:      {"EPERM", "operation not permitted"},
	ENOENT:     {"ENOENT", "no such entry"},
	EIO:        {"EIO", "input/output error"},
	E2BIG:      {"E2BIG", "too big, or the map is full"},
	EAGAIN:     {"EAGAIN", "try again"},
	ENOMEM:     {"ENOMEM", "out of memory"},
	EACCES:     {"EACCES", "permission denied"},
	EFAULT:     {"EFAULT", "bad address"},
	EBUSY:      {"EBUSY", "busy"},
	EEXIST:     {"EEXIST", "entry exists"},
	ENODEV:     {"ENODEV", "no such device"},
	EINVAL:     {"EINVAL", "invalid argument"},
	ENOSPC:     {"ENOSPC", "no space left"},
	ERANGE:     {"ERANGE", "result out of range"},
	EDEADLK:    {"EDEADLK", "would deadlock"},
	EBADMSG:    {"EBADMSG", "bad message"},
	EOVERFLOW:  {"EOVERFLOW", "value too large"},
	EPROTO:     {"EPROTO", "protocol error"},
	EOPNOTSUPP: {"EOPNOTSUPP", "operation not supported"},
	ENOTSUPP:   {"ENOTSUPP", "not supported"},
}

// Name is the symbolic name, such as "ENOENT".
func (e Errno) Name() string {
	if n, ok := names[e]; ok {
		return n[0]
	}
	return fmt.Sprintf("errno %d", int32(e))
}

// Error says what the number means, and its name.
func (e Errno) Error() string {
	if n, ok := names[e]; ok {
		return n[1] + " (" + n[0] + ")"
	}
	return fmt.Sprintf("errno %d", int32(e))
}

// R0 is the number as a helper returns it: negative, sign-extended; 0 for success.
func (e Errno) R0() uint64 { return uint64(-int64(e)) }
