package helpers

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/gbpf/gbpf/internal/trap"
)

func init() {
	define(map[string]Func{"spin_lock": spinLock, "spin_unlock": spinUnlock})
}

// maxSpins bounds how often spin_lock tries. A holder runs a few instructions, but the host may
// have descheduled it. Waiting costs no fuel: how long it takes is not the program's doing.
const maxSpins = 1 << 20

// lockWord returns the word at R1 for atomic use; without one a trap is raised.
func (c *Call) lockWord() *uint32 {
	b, ok := c.Bytes(c.Args[0], 4)
	if !ok {
		return nil
	}
	if c.Args[0]%4 != 0 {
		c.Trap(trap.Misaligned, "lock is not at a multiple of 4 bytes")
		return nil
	}
	// Guest memory starts at a page boundary, so the word is aligned for the host too.
	return (*uint32)(unsafe.Pointer(unsafe.SliceData(b)))
}

func spinLock(c *Call) uint64 {
	w := c.lockWord()
	if w == nil {
		return 0
	}
	for i := range maxSpins {
		if atomic.CompareAndSwapUint32(w, 0, 1) {
			return 0
		}
		if i%64 == 63 {
			runtime.Gosched()
		}
	}
	return c.Trap(trap.HelperFault, "lock is held by someone else for too long")
}

func spinUnlock(c *Call) uint64 {
	if w := c.lockWord(); w != nil {
		atomic.StoreUint32(w, 0)
	}
	return 0
}
