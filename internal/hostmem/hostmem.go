// Package hostmem gives memory that lies off the Go heap at a fixed address: what
// generated machine code reads of the host's own data. No guest address reaches it.
package hostmem

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Block is a stretch of zeroed memory. The garbage collector neither scans nor
// moves it; it goes back to the system when nothing refers to the Block any more,
// so code that works on raw pointers into it keeps the Block alive
// (runtime.KeepAlive) until it is done.
type Block struct {
	mem []byte
}

// New maps n bytes, which the system commits as they are touched (on Windows: at
// once).
func New(n uint64) (*Block, error) {
	if n == 0 || n > 1<<46 {
		return nil, fmt.Errorf("host memory: size of %d bytes: not between 1 and %d", n, uint64(1)<<46)
	}
	mem, err := mapAnon(n)
	if err != nil {
		return nil, fmt.Errorf("host memory: map %d bytes: %w", n, err)
	}
	b := &Block{mem: mem}
	runtime.AddCleanup(b, unmap, mem)
	return b, nil
}

// Bytes is the memory. It is invalid once the Block is unreachable.
func (b *Block) Bytes() []byte { return b.mem }

// Base is the address of the first byte, a multiple of the system's page size.
func (b *Block) Base() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b.mem)) }

// Size is the number of bytes.
func (b *Block) Size() uint64 { return uint64(len(b.mem)) }
