package execmem

import "unsafe"

// flush makes the code visible to instruction fetch: the data cache is cleaned and the
// instruction cache invalidated, line by line (Arm ARM, section B2.4.4).
func flush(mem []byte) { flushCache(unsafe.Pointer(&mem[0]), uintptr(len(mem))) }

//go:noescape
func flushCache(p unsafe.Pointer, n uintptr)
