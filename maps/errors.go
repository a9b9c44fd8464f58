package maps

import (
	"errors"
	"fmt"

	"github.com/gbpf/gbpf/internal/errno"
)

var (
	// ErrKeyNotExist says that the map has no such key.
	ErrKeyNotExist = errors.New("key does not exist")
	// ErrKeyExist says that the map has the key already.
	ErrKeyExist = errors.New("key already exists")
	// ErrMapFull says that the map has no room for another entry.
	ErrMapFull = errors.New("map is full")
	// ErrNotSupported says that the map type does not have the operation.
	ErrNotSupported = errors.New("operation not supported by the map type")
	// ErrReadOnly says that the map is frozen or not for the host to write or read.
	ErrReadOnly = errors.New("access not permitted by the map's flags")
	// ErrClosed says that the map or reader has been closed.
	ErrClosed = errors.New("closed")
)

// OpError is an operation that a map refused, with the kernel's error number as cause.
// errors.Is matches it with the sentinels of this package.
type OpError struct {
	Op    string // "lookup", "update", ...
	Map   string
	Errno errno.Errno
	full  bool // there is no room: E2BIG, which for arrays means an index that is too large, or ENOSPC
}

func (e *OpError) Error() string {
	return fmt.Sprintf("%s: map %s: %s", e.Op, e.Map, e.reason())
}

func (e *OpError) reason() string {
	switch {
	case e.Errno == errno.ENOENT:
		return ErrKeyNotExist.Error()
	case e.Errno == errno.EEXIST:
		return ErrKeyExist.Error()
	case e.full:
		return ErrMapFull.Error()
	case e.Errno == errno.E2BIG:
		return "index is beyond the map's last element"
	case e.Errno == errno.EPERM:
		return ErrReadOnly.Error()
	case e.Errno == errno.ENOTSUPP || e.Errno == errno.EOPNOTSUPP:
		return ErrNotSupported.Error()
	}
	return e.Errno.Error()
}

// Unwrap returns the error number.
func (e *OpError) Unwrap() error { return e.Errno }

// Is matches the sentinels.
func (e *OpError) Is(target error) bool {
	switch target {
	case ErrKeyNotExist:
		return e.Errno == errno.ENOENT
	case ErrKeyExist:
		return e.Errno == errno.EEXIST
	case ErrMapFull:
		return e.full
	case ErrNotSupported:
		return e.Errno == errno.ENOTSUPP || e.Errno == errno.EOPNOTSUPP
	case ErrReadOnly:
		return e.Errno == errno.EPERM
	}
	return false
}

// SpecError says why a map cannot be created.
type SpecError struct {
	Map    string
	Type   Type
	Reason string
	Errno  errno.Errno // what the kernel's BPF_MAP_CREATE returns
	Cause  error
}

func (e *SpecError) Error() string {
	s := fmt.Sprintf("new map: %s (%s): %s", e.Map, e.Type, e.Reason)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause, or the error number.
func (e *SpecError) Unwrap() error {
	if e.Cause != nil {
		return e.Cause
	}
	return e.Errno
}
