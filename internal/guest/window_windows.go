package guest

import (
	"errors"
	"math/bits"
	"unsafe"

	"golang.org/x/sys/windows"
)

// guard is the inaccessible space on either side of a window and its pads, in bytes.
const guard = 1 << 20

// edge is all that lies on either side of a window, in bytes.
const edge = guard + margin

// reserve makes a window of limit bytes between guards. Windows charges
// committed memory when it is asked for, not when it is touched, so the window is no
// larger than the limit and addresses are masked into it. It begins at a multiple of [Align] unless the host has no such place.
func reserve(limit uint64) (window, error) {
	size := uintptr(edge + limit + edge)
	at, err := alignedSpace(size)
	if err != nil {
		if at, err = space(0, size); err != nil {
			return window{}, err
		}
	}
	if _, err := windows.VirtualAlloc(at+guard, uintptr(margin+limit+margin), windows.MEM_COMMIT, windows.PAGE_READWRITE); err != nil {
		windows.VirtualFree(at, 0, windows.MEM_RELEASE)
		return window{}, err
	}
	// The address comes from the system, not from the Go heap; going through a
	// pointer to it keeps vet's unsafeptr rule content.
	p := *(*unsafe.Pointer)(unsafe.Pointer(&at))
	return window{mapping: unsafe.Slice((*byte)(p), size), origin: edge, span: limit, fd: -1}, nil
}

// alignedSpace reserves size bytes such that what lies behind the first edge of it begins at a multiple of [Align]. A reservation can
// only be given back whole, so that it finds out where there is room, and asks for a place in there. Another thread may be faster.
func alignedSpace(size uintptr) (at uintptr, err error) {
	if bits.UintSize < 64 {
		return 0, errors.New("an address space of 4 GiB")
	}
	align := uint64(Align)
	for range 8 {
		room, err := space(0, size+uintptr(align))
		if err != nil {
			return 0, err
		}
		if err := windows.VirtualFree(room, 0, windows.MEM_RELEASE); err != nil {
			return 0, err
		}
		if at, err := space(room+uintptr(-(uint64(room)+edge)%align), size); err == nil {
			return at, nil
		}
	}
	return 0, errors.New("no room at a multiple of 4 GiB")
}

// space reserves address space, at a place or anywhere if that is 0.
func space(at, size uintptr) (uintptr, error) {
	return windows.VirtualAlloc(at, size, windows.MEM_RESERVE, windows.PAGE_NOACCESS)
}

func (w *window) release() error {
	err := windows.VirtualFree(uintptr(unsafe.Pointer(unsafe.SliceData(w.mapping))), 0, windows.MEM_RELEASE)
	w.mapping = nil
	return err
}

// zero makes n bytes at off read as zero.
func (w *window) zero(off, n uint64) { clear(w.mapping[uint64(w.origin)+off:][:n]) }
