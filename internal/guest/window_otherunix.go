//go:build unix && !linux

package guest

func reserve(limit uint64) (window, error) { return reserveSmall(limit) }

// zero makes n bytes at off read as zero.
func (w *window) zero(off, n uint64) { clear(w.mapping[uint64(w.origin)+off:][:n]) }
