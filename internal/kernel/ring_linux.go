//go:build linux && (amd64 || arm64)

package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is the consumer of a ring buffer's records.
type Ring struct {
	consumer, data []byte
	mask           uint64
}

// State bits of a record's header.
const (
	ringBusy    = 1 << 31 // BPF_RINGBUF_BUSY_BIT
	ringDiscard = 1 << 30 // BPF_RINGBUF_DISCARD_BIT
)

// OpenRing maps a ring buffer into memory.
func OpenRing(m *Map) (*Ring, error) {
	page := os.Getpagesize()
	consumer, err := unix.Mmap(m.fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("bpf: map the consumer of %q: %w", m.spec.Name, err)
	}
	// The producer's position in a page of its own, then the data twice.
	data, err := unix.Mmap(m.fd, int64(page), page+2*int(m.spec.MaxEntries), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Munmap(consumer)
		return nil, fmt.Errorf("bpf: map the data of %q: %w", m.spec.Name, err)
	}
	return &Ring{consumer, data, uint64(m.spec.MaxEntries) - 1}, nil
}

// Take returns the records up to the first that is still being written, and leaves the ring empty.
func (r *Ring) Take() (all [][]byte) {
	produced := (*atomic.Uint64)(unsafe.Pointer(&r.data[0])).Load()
	position := (*atomic.Uint64)(unsafe.Pointer(&r.consumer[0]))
	data := r.data[os.Getpagesize():]
	at := position.Load()
	for at < produced {
		record := data[at&r.mask:]
		header := binary.LittleEndian.Uint32(record)
		if header&ringBusy != 0 {
			break
		}
		n := header &^ ringDiscard
		if header&ringDiscard == 0 {
			all = append(all, bytes.Clone(record[8:8+n]))
		}
		at += uint64(n+8+7) &^ 7
	}
	position.Store(at)
	return all
}

// Close unmaps the ring buffer.
func (r *Ring) Close() error {
	_ = unix.Munmap(r.consumer)
	return unix.Munmap(r.data)
}
