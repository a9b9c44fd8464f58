package hostmem

import "golang.org/x/sys/unix"

// noReserve keeps large tables that are touched sparsely out of the commit charge.
const noReserve = unix.MAP_NORESERVE
