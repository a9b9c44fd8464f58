// Package hostmem gives memory off the Go heap: zeroed, at a fixed address, committed
// when first touched. Map metadata lives in it so that generated code may read it and
// the garbage collector need not.
package hostmem

import (
	"fmt"
	"runtime"
)

// Block is a stretch of host memory.
type Block struct {
	mem []byte
}

// New returns a block of n bytes, rounded up to whole pages. It is given back by
// [Block.Free], or once nothing refers to the block any more.
func New(n uint64) (*Block, error) {
	const page = 1 << 16 // no host that gbpf runs on has larger pages
	n = (max(n, 1) + page - 1) &^ (page - 1)
	if n > 1<<40 {
		return nil, fmt.Errorf("host memory: %d bytes: too many", n)
	}
	mem, err := alloc(n)
	if err != nil {
		return nil, fmt.Errorf("host memory: %d bytes: %w", n, err)
	}
	b := &Block{mem: mem}
	runtime.SetFinalizer(b, (*Block).Free)
	return b, nil
}

// Bytes is the block's memory. It must not be used after Free, nor kept without the block.
func (b *Block) Bytes() []byte { return b.mem }

// Free gives the memory back. More calls do nothing.
func (b *Block) Free() {
	runtime.SetFinalizer(b, nil)
	if b.mem != nil {
		release(b.mem)
		b.mem = nil
	}
}
