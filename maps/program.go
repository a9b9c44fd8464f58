package maps

import "github.com/gbpf/gbpf/internal/errno"

// The programs' face of a map. Keys and values are slices of exactly the map's sizes; results
// are as the kernel's helpers return them: addresses, or 0 and negative error numbers.

func ret(e errno.Errno) int64 { return -int64(e) }

// LookupElem returns the guest address of the value of key as CPU cpu sees it, a handle when
// the values are maps, or 0.
func (m *Map) LookupElem(cpu int, key []byte) uint64 { return m.s.lookup(cpu, key) }

// LookupPercpuElem is LookupElem for the value of another CPU of a per-CPU map.
func (m *Map) LookupPercpuElem(key []byte, cpu uint32) uint64 {
	if cpu >= uint32(m.cpus) || !m.spec.Type.PerCPU() {
		return 0
	}
	return m.s.lookup(int(cpu), key)
}

// UpdateElem puts value under key. Flags are Any, NoExist or Exist.
func (m *Map) UpdateElem(cpu int, key, value []byte, flags uint64) int64 {
	if flags > Lock|Exist {
		return ret(errno.EINVAL)
	}
	return ret(m.s.update(cpu, key, value, flags))
}

// DeleteElem removes key.
func (m *Map) DeleteElem(key []byte) int64 { return ret(m.s.delete(key)) }

// pushPop is a map that is used without keys.
type pushPop interface {
	push(value []byte, flags uint64) errno.Errno
	pop(out []byte) errno.Errno
	peek(out []byte) errno.Errno
}

// PushElem adds a value to a queue or stack.
func (m *Map) PushElem(value []byte, flags uint64) int64 {
	if q, ok := m.s.(pushPop); ok {
		return ret(q.push(value, flags))
	}
	return ret(errno.EOPNOTSUPP)
}

// PopElem copies the next value of a queue or stack to out and removes it. Without one, out
// is zeroed.
func (m *Map) PopElem(out []byte) int64 {
	if q, ok := m.s.(pushPop); ok {
		return ret(q.pop(out))
	}
	return ret(errno.EOPNOTSUPP)
}

// PeekElem is PopElem that leaves the value.
func (m *Map) PeekElem(out []byte) int64 {
	if q, ok := m.s.(pushPop); ok {
		return ret(q.peek(out))
	}
	return ret(errno.EOPNOTSUPP)
}

// ForEach calls f for each entry, with the address of its value for cpu, until f returns
// false, and returns how many entries it called f for; a negative error number when the map
// type cannot be walked by programs. Entries may come and go meanwhile.
func (m *Map) ForEach(cpu int, f func(key []byte, value uint64) bool) int64 {
	w, ok := m.s.(interface {
		each(cpu int, f func(key []byte, value uint64) bool) int64
	})
	if !ok {
		return ret(errno.EINVAL)
	}
	return w.each(cpu, f)
}

// Program is a program as a prog_array holds it.
type Program interface {
	// ProgramHandle marks the type; engines know the program by its other methods.
	ProgramHandle()
}

// Prog returns the program at an index of a prog_array, nil for none.
func (m *Map) Prog(index uint32) Program {
	if p, ok := m.s.(*progArray); ok {
		return p.get(index)
	}
	return nil
}

// DirectValue returns the guest address of offset off of an array map's values, as a
// program's direct references to global data use it. ok is false for other types and for an offset
// beyond the one value that direct references may have.
func (m *Map) DirectValue(off uint32) (addr uint64, ok bool) {
	a, isArray := m.s.(*array)
	if !isArray || m.spec.Type != Array || m.spec.MaxEntries != 1 || off >= m.spec.ValueSize {
		return 0, false
	}
	return uint64(a.base) + uint64(off), true
}

// ValueBytes returns size bytes at off of an array map's first value, in place: for global
// variables. The error says why there are none.
func (m *Map) ValueBytes(off, size uint32) ([]byte, error) {
	a, isArray := m.s.(*array)
	if !isArray || m.spec.Type != Array || uint64(off)+uint64(size) > uint64(m.spec.ValueSize) {
		return nil, &OpError{Op: "value", Map: m.spec.Name, Errno: errno.EINVAL}
	}
	b, ok := m.mem.Slice(uint64(a.base)+uint64(off), uint64(size))
	if !ok {
		return nil, &OpError{Op: "value", Map: m.spec.Name, Errno: errno.EFAULT}
	}
	return b, nil
}
