//go:build unix && !linux

package hostmem

// noReserve is not needed: these systems commit lazily by default.
const noReserve = 0
