package maps

// HostBlocks returns the memory off the Go heap that machine code reads of a map, which no program may change: nil when there
// is none. It is for tests that hold it against what it should be; do not write.
func (m *Map) HostBlocks() [][]byte {
	switch s := m.s.(type) {
	case interface{ index() []byte }:
		return [][]byte{s.index()}
	case *progArray:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.native != nil {
			return [][]byte{s.native.Bytes()}
		}
	}
	return nil
}

func (h *htab) index() []byte { return h.block.Bytes() }
