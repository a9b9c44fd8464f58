package vm

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/gbpf/gbpf/maps"
)

// Collection is a loaded object: its programs, maps and global variables, by name.
type Collection struct {
	Programs  map[string]*Program
	Maps      map[string]*maps.Map
	Variables map[string]*Variable
}

// Close closes the programs. The maps live on until the machine is closed, since
// other collections may share them.
func (c *Collection) Close() {
	for _, p := range c.Programs {
		p.Close()
	}
}

// Variable is a global variable of an object: bytes of the one value of a data map.
// Reading and writing it is not atomic towards programs that run.
type Variable struct {
	name     string
	m        *maps.Map
	off      uint32
	size     uint32
	readOnly bool
}

// NewVariable names the size bytes at off of the one value of m.
func NewVariable(name string, m *maps.Map, off, size uint32, readOnly bool) (*Variable, error) {
	if uint64(off)+uint64(size) > uint64(m.ValueSize()) {
		return nil, fmt.Errorf("variable %s: %d bytes at offset %d: the value of map %s has %d bytes", name, size, off, m.Name(), m.ValueSize())
	}
	return &Variable{name: name, m: m, off: off, size: size, readOnly: readOnly}, nil
}

// Name returns the variable's C name.
func (v *Variable) Name() string { return v.name }

// Size returns the variable's size, in bytes.
func (v *Variable) Size() uint64 { return uint64(v.size) }

// ReadOnly reports whether the variable is constant once loaded.
func (v *Variable) ReadOnly() bool { return v.readOnly }

// MapName returns the name of the map that holds the variable.
func (v *Variable) MapName() string { return v.m.Name() }

func (v *Variable) bytes() ([]byte, error) {
	b, err := v.m.ValueBytes(v.off, v.size)
	if err != nil {
		return nil, fmt.Errorf("variable %s: %w", v.name, err)
	}
	return b, nil
}

// Get copies the variable into out: a []byte of its size, or a pointer to a fixed-size
// value of its size in little-endian order.
func (v *Variable) Get(out any) error {
	b, err := v.bytes()
	if err != nil {
		return err
	}
	if dst, ok := out.([]byte); ok {
		if len(dst) != len(b) {
			return fmt.Errorf("variable %s: get: %d bytes wanted, it has %d", v.name, len(dst), len(b))
		}
		copy(dst, b)
		return nil
	}
	if n := binary.Size(out); n != len(b) {
		return fmt.Errorf("variable %s: get: %T has %d bytes, the variable %d", v.name, out, n, len(b))
	}
	if err := binary.Read(bytes.NewReader(bytes.Clone(b)), binary.LittleEndian, out); err != nil {
		return fmt.Errorf("variable %s: get: %w", v.name, err)
	}
	return nil
}

// Set copies in into the variable: a []byte of its size, or a fixed-size value of its
// size, which is stored in little-endian order. A read-only variable is set before loading.
func (v *Variable) Set(in any) error {
	if v.readOnly || v.m.Frozen() {
		return fmt.Errorf("variable %s: set: it is read-only once loaded: set it in the collection's spec", v.name)
	}
	b, err := v.bytes()
	if err != nil {
		return err
	}
	if src, ok := in.([]byte); ok {
		if len(src) != len(b) {
			return fmt.Errorf("variable %s: set: %d bytes given, it has %d", v.name, len(src), len(b))
		}
		copy(b, src)
		return nil
	}
	var buf bytes.Buffer
	if err := binary.Write(&buf, binary.LittleEndian, in); err != nil {
		return fmt.Errorf("variable %s: set: %w", v.name, err)
	}
	if buf.Len() != len(b) {
		return fmt.Errorf("variable %s: set: %T has %d bytes, the variable %d", v.name, in, buf.Len(), len(b))
	}
	copy(b, buf.Bytes())
	return nil
}
