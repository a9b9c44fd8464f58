package maps

import (
	"slices"
	"sync"

	"github.com/gbpf/gbpf/internal/errno"
)

// inMap is what maps of maps have in common for the host.
type inMap interface {
	inner(key []byte) *Map
	setInner(key []byte, in *Map, flags uint64) errno.Errno
}

// hashOfMaps is a hash whose values are maps. The host holds them; a program gets a handle.
type hashOfMaps struct {
	max  uint32
	mu   sync.RWMutex
	maps map[string]*Map
	keys []string // sorted, for iteration
}

func newHashOfMaps(m *Map) (store, error) {
	if err := m.charge(uint64(m.spec.MaxEntries) * (64 + uint64(m.spec.KeySize))); err != nil {
		return nil, err
	}
	return &hashOfMaps{maps: map[string]*Map{}, max: m.spec.MaxEntries}, nil
}

func (h *hashOfMaps) lookup(_ int, key []byte) uint64 {
	if in := h.inner(key); in != nil {
		return in.handle
	}
	return 0
}

func (h *hashOfMaps) inner(key []byte) *Map {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.maps[string(key)]
}

func (h *hashOfMaps) setInner(key []byte, in *Map, flags uint64) errno.Errno {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, found := slices.BinarySearch(h.keys, string(key))
	switch {
	case flags > Exist:
		return errno.EINVAL
	case flags == NoExist && found:
		return errno.EEXIST
	case flags == Exist && !found:
		return errno.ENOENT
	case !found && uint32(len(h.maps)) >= h.max:
		return errno.E2BIG
	}
	if !found {
		h.keys = slices.Insert(h.keys, at, string(key))
	}
	h.maps[string(key)] = in
	return 0
}

func (h *hashOfMaps) update(int, []byte, []byte, uint64) errno.Errno { return errno.EOPNOTSUPP }

func (h *hashOfMaps) delete(key []byte) errno.Errno {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, found := slices.BinarySearch(h.keys, string(key))
	if !found {
		return errno.ENOENT
	}
	h.keys = slices.Delete(h.keys, at, at+1)
	delete(h.maps, string(key))
	return 0
}

func (h *hashOfMaps) next(key, out []byte) errno.Errno {
	h.mu.RLock()
	defer h.mu.RUnlock()
	at := 0
	if key != nil {
		i, found := slices.BinarySearch(h.keys, string(key))
		if found {
			at = i + 1
		}
	}
	if at >= len(h.keys) {
		return errno.ENOENT
	}
	copy(out, h.keys[at])
	return 0
}
