//go:build unix

package guest

import (
	"errors"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guard is the inaccessible space on either side of a window and its pads, in bytes.
const guard = 1 << 20

// edge is all that lies on either side of a window, in bytes.
const edge = guard + margin

// reserveSmall makes a window of limit bytes of private memory between guards.
// Addresses are masked into it. It begins at a multiple of [Align] unless the host has no such place.
func reserveSmall(limit uint64) (window, error) {
	all, err := alignedSpace(edge + limit + edge)
	if err != nil {
		if all, err = space(nil, edge+limit+edge); err != nil {
			return window{}, err
		}
	}
	if err := unix.Mprotect(all[guard:guard+margin+limit+margin], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		unmap(all)
		return window{}, err
	}
	return window{mapping: all, origin: edge, span: limit, fd: -1}, nil
}

func (w *window) release() error {
	at := uintptr(address(w.mapping))
	err := unmap(w.mapping)
	if err == nil {
		freed.Store(at)
	}
	if w.fd >= 0 {
		if cerr := unix.Close(w.fd); err == nil {
			err = cerr
		}
	}
	w.mapping = nil
	return err
}

// alignedSpace reserves n bytes such that what lies behind the first edge of it begins at a multiple of [Align].
func alignedSpace(n uint64) ([]byte, error) {
	if bits.UintSize < 64 {
		return nil, errors.New("an address space of 4 GiB")
	}
	if all, ok := freedSpace(n); ok {
		return all, nil
	}
	all, err := trimmedSpace(n)
	if err != nil {
		return hintedSpace(n)
	}
	return all, nil
}

// freed is where a window was given back last, 0 for nowhere.
var freed atomic.Uintptr

// freedSpace asks for the place that was given back last: one call in place of three, and emulators keep memory for each address that
// was ever in use.
func freedSpace(n uint64) ([]byte, bool) {
	at := freed.Swap(0)
	if at == 0 {
		return nil, false
	}
	all, err := space(*(*unsafe.Pointer)(unsafe.Pointer(&at)), n)
	if err != nil {
		return nil, false
	}
	if (address(all)+edge)%Align != 0 { // somebody else is there
		unmap(all)
		return nil, false
	}
	return all, true
}

// trimmedSpace reserves Align bytes more than it needs and gives back what stands out.
func trimmedSpace(n uint64) ([]byte, error) {
	all, err := space(nil, n+Align)
	if err != nil {
		return nil, err
	}
	skip := -(address(all) + edge) % Align
	for _, out := range [][]byte{all[skip+n:], all[:skip]} {
		if err := unmap(out); err != nil {
			unmap(all)
			return nil, err
		}
	}
	return all[skip:][:n:n], nil
}

// hintedSpace finds a place with no more address space than it needs: that may be limited. It asks for places below the one
// that the system would choose, where there is room as a rule.
func hintedSpace(n uint64) ([]byte, error) {
	const places = 256 // other windows may be at the first ones
	all, err := space(nil, n)
	if err != nil {
		return nil, err
	}
	below := unsafe.Add(unsafe.Pointer(unsafe.SliceData(all)), -int64((address(all)+edge)%Align))
	for i := 0; (address(all)+edge)%Align != 0; i++ {
		if err := unmap(all); err != nil {
			return nil, err
		}
		if i == places {
			return nil, errors.New("no room at a multiple of 4 GiB")
		}
		if all, err = space(unsafe.Add(below, -int64(i)*Align), n); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// space reserves n bytes of inaccessible address space, at a place or elsewhere.
func space(at unsafe.Pointer, n uint64) ([]byte, error) {
	p, err := unix.MmapPtr(-1, 0, at, uintptr(n), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(p), n), nil
}

func unmap(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b)))
}

// address is where a stretch of memory lies.
func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
