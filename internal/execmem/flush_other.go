//go:build unix && !(linux && arm64)

package execmem

// flush makes the code visible to instruction fetch: here the hardware, or the
// system when it changes a page's protection, does.
func flush([]byte) {}
