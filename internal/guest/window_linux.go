package guest

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserve makes the window out of one memory object of limit bytes that is mapped
// over and over until it fills 4 GiB: every 32-bit address is then readable and
// writable, yet a program that touches all of them commits no more than the
// limit. Without memory objects or without the address space it falls back to a
// private mapping of limit bytes.
func reserve(limit uint64) (window, error) {
	if w, err := reserveFull(limit); err == nil {
		return w, nil
	}
	return reserveSmall(limit)
}

func reserveFull(limit uint64) (window, error) {
	fd, err := unix.MemfdCreate("gbpf", unix.MFD_CLOEXEC)
	if err != nil {
		return window{}, fmt.Errorf("memfd_create: %w", err)
	}
	if err := unix.Ftruncate(fd, int64(limit)); err != nil {
		unix.Close(fd)
		return window{}, fmt.Errorf("ftruncate: %w", err)
	}
	const span = 1 << 32
	all, err := alignedSpace(edge + span + edge)
	if err != nil {
		unix.Close(fd)
		return window{}, fmt.Errorf("mmap: %w", err)
	}
	w := window{mapping: all, origin: edge, span: span, fd: fd}
	if err := w.place(limit-margin, guard, margin); err != nil { // the pad before the window is its end
		return window{}, err
	}
	for off := uint64(0); off < span+margin; off += limit {
		if err := w.place(0, edge+off, min(limit, span+margin-off)); err != nil {
			return window{}, err
		}
	}
	return w, nil
}

// place maps n bytes of the memory object, from an offset, at an offset of the mapping. It gives all back when it fails.
func (w *window) place(from, at, n uint64) error {
	_, err := unix.MmapPtr(w.fd, int64(from), unsafe.Pointer(&w.mapping[at]), uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED|unix.MAP_NORESERVE)
	if err != nil {
		w.release()
		return fmt.Errorf("mmap at offset %d: %w", at, err)
	}
	return nil
}

// zero makes n bytes at off read as zero, and gives large stretches back.
func (w *window) zero(off, n uint64) {
	if w.fd >= 0 && n >= 1<<16 {
		if unix.Fallocate(w.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(off), int64(n)) == nil {
			return
		}
	}
	clear(w.mapping[uint64(w.origin)+off:][:n])
}
