//go:build !arm64 || linux || windows

package execmem

// incoherent says why code cannot be made visible to instruction fetch here, "" if it can.
const incoherent = ""
