// Package errno holds the Linux kernel's error numbers as typed constants. The
// syscall package's numbers are those of the host, which differ on darwin and
// Windows; a BPF program always sees Linux's.
package errno

import (
	"io/fs"
	"strconv"
)

// Errno is a kernel error number, positive as in errno(3). Zero is success.
type Errno int32

// The error numbers that BPF helpers, maps and test runs return, from
// asm-generic/errno-base.h, asm-generic/errno.h and linux/errno.h.
const (
	OK              Errno = 0
	EPERM           Errno = 1
	ENOENT          Errno = 2
	ESRCH           Errno = 3
	EINTR           Errno = 4
	EIO             Errno = 5
	ENXIO           Errno = 6
	E2BIG           Errno = 7
	ENOEXEC         Errno = 8
	EBADF           Errno = 9
	ECHILD          Errno = 10
	EAGAIN          Errno = 11
	ENOMEM          Errno = 12
	EACCES          Errno = 13
	EFAULT          Errno = 14
	EBUSY           Errno = 16
	EEXIST          Errno = 17
	EXDEV           Errno = 18
	ENODEV          Errno = 19
	ENOTDIR         Errno = 20
	EISDIR          Errno = 21
	EINVAL          Errno = 22
	ENFILE          Errno = 23
	EMFILE          Errno = 24
	EFBIG           Errno = 27
	ENOSPC          Errno = 28
	ESPIPE          Errno = 29
	EROFS           Errno = 30
	EPIPE           Errno = 32
	EDOM            Errno = 33
	ERANGE          Errno = 34
	EDEADLK         Errno = 35
	ENAMETOOLONG    Errno = 36
	ENOSYS          Errno = 38
	ELOOP           Errno = 40
	ENODATA         Errno = 61
	ENOLINK         Errno = 67
	EPROTO          Errno = 71
	EBADMSG         Errno = 74
	EOVERFLOW       Errno = 75
	EILSEQ          Errno = 84
	EMSGSIZE        Errno = 90
	EPROTOTYPE      Errno = 91
	ENOPROTOOPT     Errno = 92
	EPROTONOSUPPORT Errno = 93
	ESOCKTNOSUPPORT Errno = 94
	EOPNOTSUPP      Errno = 95
	EPFNOSUPPORT    Errno = 96
	EAFNOSUPPORT    Errno = 97
	EADDRINUSE      Errno = 98
	EADDRNOTAVAIL   Errno = 99
	ENETDOWN        Errno = 100
	ENETUNREACH     Errno = 101
	ECONNABORTED    Errno = 103
	ECONNRESET      Errno = 104
	ENOBUFS         Errno = 105
	EISCONN         Errno = 106
	ENOTCONN        Errno = 107
	ETIMEDOUT       Errno = 110
	ECONNREFUSED    Errno = 111
	EHOSTUNREACH    Errno = 113
	EALREADY        Errno = 114
	EINPROGRESS     Errno = 115
	ESTALE          Errno = 116
	ECANCELED       Errno = 125
	// ENOTSUPP is the kernel's internal "operation is not supported", which BPF
	// lets through to programs and user space. It is not EOPNOTSUPP.
	ENOTSUPP Errno = 524
)

var names = map[Errno][2]string{
	EPERM: {"EPERM", "operation not permitted"}, ENOENT: {"ENOENT", "no such entry"},
	ESRCH: {"ESRCH", "no such process"}, EINTR: {"EINTR", "interrupted"},
	EIO: {"EIO", "input/output error"}, ENXIO: {"ENXIO", "no such device or address"},
	E2BIG: {"E2BIG", "too big"}, ENOEXEC: {"ENOEXEC", "exec format error"},
	EBADF: {"EBADF", "bad file descriptor"}, ECHILD: {"ECHILD", "no child processes"},
	EAGAIN: {"EAGAIN", "try again"}, ENOMEM: {"ENOMEM", "out of memory"},
	EACCES: {"EACCES", "permission denied"}, EFAULT: {"EFAULT", "bad address"},
	EBUSY: {"EBUSY", "busy"}, EEXIST: {"EEXIST", "exists already"},
	EXDEV: {"EXDEV", "cross-device link"}, ENODEV: {"ENODEV", "no such device"},
	ENOTDIR: {"ENOTDIR", "not a directory"}, EISDIR: {"EISDIR", "is a directory"},
	EINVAL: {"EINVAL", "invalid argument"}, ENFILE: {"ENFILE", "file table overflow"},
	EMFILE: {"EMFILE", "too many open files"}, EFBIG: {"EFBIG", "file too large"},
	ENOSPC: {"ENOSPC", "no space left"}, ESPIPE: {"ESPIPE", "illegal seek"},
	EROFS: {"EROFS", "read-only file system"}, EPIPE: {"EPIPE", "broken pipe"},
	EDOM: {"EDOM", "argument out of domain"}, ERANGE: {"ERANGE", "result out of range"},
	EDEADLK: {"EDEADLK", "deadlock avoided"}, ENAMETOOLONG: {"ENAMETOOLONG", "name too long"},
	ENOSYS: {"ENOSYS", "not implemented"}, ELOOP: {"ELOOP", "too many links"},
	ENODATA: {"ENODATA", "no data available"}, ENOLINK: {"ENOLINK", "link has been severed"},
	EPROTO: {"EPROTO", "protocol error"}, EBADMSG: {"EBADMSG", "not a data message"},
	EOVERFLOW: {"EOVERFLOW", "value too large"}, EILSEQ: {"EILSEQ", "illegal byte sequence"},
	EMSGSIZE: {"EMSGSIZE", "message too long"}, EPROTOTYPE: {"EPROTOTYPE", "wrong protocol type"},
	ENOPROTOOPT: {"ENOPROTOOPT", "protocol not available"}, EPROTONOSUPPORT: {"EPROTONOSUPPORT", "protocol not supported"},
	ESOCKTNOSUPPORT: {"ESOCKTNOSUPPORT", "socket type not supported"}, EOPNOTSUPP: {"EOPNOTSUPP", "operation not supported"},
	EPFNOSUPPORT: {"EPFNOSUPPORT", "protocol family not supported"}, EAFNOSUPPORT: {"EAFNOSUPPORT", "address family not supported"},
	EADDRINUSE: {"EADDRINUSE", "address in use"}, EADDRNOTAVAIL: {"EADDRNOTAVAIL", "address not available"},
	ENETDOWN: {"ENETDOWN", "network is down"}, ENETUNREACH: {"ENETUNREACH", "network unreachable"},
	ECONNABORTED: {"ECONNABORTED", "connection aborted"}, ECONNRESET: {"ECONNRESET", "connection reset"},
	ENOBUFS: {"ENOBUFS", "no buffer space"}, EISCONN: {"EISCONN", "connected already"},
	ENOTCONN: {"ENOTCONN", "not connected"}, ETIMEDOUT: {"ETIMEDOUT", "timed out"},
	ECONNREFUSED: {"ECONNREFUSED", "connection refused"}, EHOSTUNREACH: {"EHOSTUNREACH", "no route to host"},
	EALREADY: {"EALREADY", "already in progress"}, EINPROGRESS: {"EINPROGRESS", "in progress"},
	ESTALE: {"ESTALE", "stale handle"}, ECANCELED: {"ECANCELED", "cancelled"},
	ENOTSUPP: {"ENOTSUPP", "operation is not supported"},
}

// Name is the number's symbolic name, such as "ENOENT", or "errno N" for one that
// has no constant here.
func (e Errno) Name() string {
	if n, ok := names[e]; ok {
		return n[0]
	}
	return "errno " + strconv.Itoa(int(e))
}

// Error describes the error in words and names it: "no such entry (ENOENT)".
func (e Errno) Error() string {
	if n, ok := names[e]; ok {
		return n[1] + " (" + n[0] + ")"
	}
	return e.Name()
}

// R0 is what a helper that failed with e returns to its program: the negative
// number.
func (e Errno) R0() uint64 { return uint64(-int64(e)) }

// FromR0 is the error in a helper's return value: 0 unless the value lies in
// [-4095, -1].
func FromR0(r0 int64) Errno {
	if r0 < 0 && r0 >= -4095 {
		return Errno(-r0)
	}
	return OK
}

// Is makes errors.Is work with the fs sentinels, as it does for syscall.Errno, and
// on Linux with syscall.Errno itself.
func (e Errno) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return e == ENOENT
	case fs.ErrExist:
		return e == EEXIST
	case fs.ErrPermission:
		return e == EPERM || e == EACCES
	}
	return isHost(e, target)
}
