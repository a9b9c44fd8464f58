// Package execmem holds executable memory. It is written once, then turned read-only and
// executable, and never both.
package execmem

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

// Code is a stretch of executable memory.
type Code struct {
	mem []byte // the mapping, whole pages
}

// New maps code as executable memory. The error says why the host refuses it.
func New(code []byte) (*Code, error) {
	if len(code) == 0 {
		return nil, errors.New("executable memory: no code")
	}
	if incoherent != "" {
		return nil, errors.New("executable memory: " + incoherent)
	}
	mem, err := mapCode(code)
	if err != nil {
		return nil, fmt.Errorf("executable memory: %d bytes: %w", len(code), err)
	}
	c := &Code{mem: mem}
	// Whoever runs code keeps its Code alive, so what nobody can run any more goes.
	runtime.AddCleanup(c, func(mem []byte) { unmapCode(mem) }, mem)
	return c, nil
}

// Addr is the host address of the first byte.
func (c *Code) Addr() uintptr { return uintptr(unsafe.Pointer(&c.mem[0])) }

// Size is how much memory the code takes, in bytes: whole pages.
func (c *Code) Size() int { return len(c.mem) }

// Probe says whether the host gives executable memory: nil, or why not. It asks once.
var Probe = sync.OnceValue(func() error {
	_, err := New([]byte{0})
	return err
})
