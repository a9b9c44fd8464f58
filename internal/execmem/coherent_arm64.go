//go:build !linux && !windows

package execmem

// incoherent: on arm64 instruction fetch does not see what stores wrote until caches are
// maintained. On Linux that is done with instructions that Linux permits, on Windows by the
// system; stale instructions would be run elsewhere.
const incoherent = "instruction cache maintenance is not known on this system"
