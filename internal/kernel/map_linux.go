//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Map is a map that the kernel holds.
type Map struct {
	fd   int
	spec MapSpec
}

// maxDump bounds the elements that Dump reads, so that a map that changes cannot keep it for ever.
const maxDump = 1 << 20

// NewMap creates a map.
func NewMap(s MapSpec) (*Map, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	a := &attrMapCreate{
		mapType: s.Type, keySize: s.KeySize, valueSize: s.ValueSize, maxEntries: s.MaxEntries, flags: s.Flags,
		name: objName(s.Name), btfKeyType: s.BTFKeyType, btfValueType: s.BTFValueType,
		btfVmlinuxValueType: s.BTFVmlinuxValueTyp, extra: s.Extra,
	}
	if s.Inner != nil {
		a.innerFD = uint32(s.Inner.fd)
	}
	if s.BTF != nil {
		a.btfFD = uint32(s.BTF.fd)
	}
	fd, err := call(cmdMapCreate, a, 0)
	if err != nil {
		return nil, fmt.Errorf("bpf: create map %q of type %d: %w", s.Name, s.Type, err)
	}
	return &Map{fd, s}, nil
}

// BorrowMap makes a map of a file descriptor that stays the caller's, for Prog.Maps and MapSpec.Inner.
func BorrowMap(fd int) *Map { return &Map{fd: fd} }

// FD is the map's file descriptor, for use until Close; as a value it puts the
// map into a map of maps.
func (m *Map) FD() int { return m.fd }

// Close gives the map back to the kernel.
func (m *Map) Close() error { return unix.Close(m.fd) }

// valueBytes is the size of a value as the system call copies it.
func (m *Map) valueBytes() int {
	switch m.spec.Type {
	case 5, 6, 10: // per-CPU hash, array and LRU hash
		return int(m.spec.ValueSize+7) / 8 * 8 * PossibleCPUs()
	case 12, 13, 3, 4, 8: // descriptors in, identifiers out
		return 4
	}
	return int(m.spec.ValueSize)
}

// Update sets an element; flags are BPF_ANY, BPF_NOEXIST, BPF_EXIST and so on. Value of
// a per-CPU map holds one value for every possible CPU, of a prog array or
// map of maps a file descriptor.
func (m *Map) Update(key, value []byte, flags uint64) error {
	if len(key) != int(m.spec.KeySize) || len(value) != m.valueBytes() {
		return fmt.Errorf("bpf: update %q: key of %d bytes, value of %d: want %d and %d", m.spec.Name, len(key), len(value), m.spec.KeySize, m.valueBytes())
	}
	if _, err := call(cmdMapUpdate, &attrElem{fd: uint32(m.fd), key: pointer(key), value: pointer(value), flags: flags}, 0); err != nil {
		return fmt.Errorf("bpf: update %q: %w", m.spec.Name, err)
	}
	return nil
}

// Pop takes the next value out of a queue or stack, nil when it is empty.
func (m *Map) Pop() ([]byte, error) {
	v := make([]byte, m.valueBytes())
	_, err := call(cmdMapPop, &attrElem{fd: uint32(m.fd), value: pointer(v)}, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bpf: pop %q: %w", m.spec.Name, err)
	}
	return v, nil
}

// Freeze ends user space's right to change the map.
func (m *Map) Freeze() error {
	if _, err := call(cmdMapFreeze, &attrElem{fd: uint32(m.fd)}, 0); err != nil {
		return fmt.Errorf("bpf: freeze %q: %w", m.spec.Name, err)
	}
	return nil
}

// Lookup returns the value of an element.
func (m *Map) Lookup(key []byte) ([]byte, error) {
	if len(key) != int(m.spec.KeySize) {
		return nil, fmt.Errorf("bpf: lookup %q: key of %d bytes: want %d", m.spec.Name, len(key), m.spec.KeySize)
	}
	v := make([]byte, m.valueBytes())
	if _, err := call(cmdMapLookup, &attrElem{fd: uint32(m.fd), key: pointer(key), value: pointer(v)}, 0); err != nil {
		return nil, fmt.Errorf("bpf: lookup %q: %w", m.spec.Name, err)
	}
	return v, nil
}

// Delete removes an element.
func (m *Map) Delete(key []byte) error {
	if len(key) != int(m.spec.KeySize) {
		return fmt.Errorf("bpf: delete %q: key of %d bytes: want %d", m.spec.Name, len(key), m.spec.KeySize)
	}
	if _, err := call(cmdMapDelete, &attrElem{fd: uint32(m.fd), key: pointer(key)}, 0); err != nil {
		return fmt.Errorf("bpf: delete %q: %w", m.spec.Name, err)
	}
	return nil
}

// Dump returns every element, in the kernel's order.
func (m *Map) Dump() ([]KeyValue, error) {
	var all []KeyValue
	var key []byte
	for {
		next := make([]byte, m.spec.KeySize)
		_, err := call(cmdMapNextKey, &attrElem{fd: uint32(m.fd), key: pointer(key), value: pointer(next)}, 0)
		if errors.Is(err, unix.ENOENT) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("bpf: dump %q: %w", m.spec.Name, err)
		}
		if len(all) == maxDump {
			return nil, fmt.Errorf("bpf: dump %q: more than %d elements", m.spec.Name, maxDump)
		}
		v, err := m.Lookup(next)
		if err == nil {
			all = append(all, KeyValue{next, v})
		} else if !errors.Is(err, unix.ENOENT) {
			return nil, err
		}
		key = next
	}
}

// dumpArray returns the elements of an array or per-CPU array in batches: two system calls
// an element would take long for large ones.
func dumpArray(fd int, entries, valueBytes uint32) ([]KeyValue, error) {
	const batch = 4096
	all := make([]KeyValue, 0, entries)
	var cursor []byte
	for uint32(len(all)) < entries {
		keys, values, next := make([]byte, batch*4), make([]byte, batch*valueBytes), make([]byte, 4)
		a := &attrBatch{in: pointer(cursor), out: pointer(next), keys: pointer(keys), values: pointer(values), count: batch, fd: uint32(fd)}
		_, err := call(cmdMapBatch, a, 0)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return nil, err
		}
		for i := range min(a.count, batch) {
			all = append(all, KeyValue{keys[4*i : 4*i+4], values[i*valueBytes : (i+1)*valueBytes]})
		}
		if err != nil || a.count == 0 {
			break
		}
		cursor = next
	}
	return all, nil
}

// FillProgs puts programs into a prog array.
func (m *Map) FillProgs(progs map[uint32]*Program) error {
	for i, p := range progs {
		if err := m.Update(le32(i), le32(uint32(p.fd)), 0); err != nil {
			return err
		}
	}
	return nil
}

// PossibleCPUs is the number of values that an element of a per-CPU map has.
var PossibleCPUs = sync.OnceValue(func() int {
	b, err := os.ReadFile("/sys/devices/system/cpu/possible")
	if err != nil {
		return 1
	}
	last := strings.TrimSpace(string(b))
	last = last[strings.LastIndexAny(last, ",-")+1:]
	n := 0
	if _, err := fmt.Sscan(last, &n); err != nil {
		return 1
	}
	return n + 1
})
