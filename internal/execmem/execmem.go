// Package execmem holds executable memory. Each page of it is written once, then turned read-only and
// executable, and never both.
package execmem

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"
)

// Code is a stretch of executable memory.
type Code struct {
	mem    []byte // whole pages
	region *region
}

// region is a mapping that several stretches of code lie in, one after the other: a mapping for each would cost a small program as much
// as its compilation. Pages are given out once. When nobody can run any of its code any more, all of it goes.
type region struct {
	mem  []byte
	used int
}

// regionSize is the size of a region, in bytes, of which code that is alive keeps that much in place at most. What is larger than a
// quarter has a region of its own.
const regionSize = 64 << 10

// open is the region that has room.
var open struct {
	sync.Mutex
	*region
}

// New maps code as executable memory. The error says why the host refuses it.
func New(code []byte) (*Code, error) {
	if len(code) == 0 {
		return nil, errors.New("executable memory: no code")
	}
	if incoherent != "" {
		return nil, errors.New("executable memory: " + incoherent)
	}
	c, err := room(len(code))
	if err == nil {
		copy(c.mem, code)
		err = seal(c.mem)
	}
	if err != nil {
		return nil, fmt.Errorf("executable memory: %d bytes: %w", len(code), err)
	}
	return c, nil
}

// room is memory for n bytes of code, still to be written.
func room(n int) (*Code, error) {
	page := os.Getpagesize()
	n = (n + page - 1) / page * page
	if n > regionSize/4 {
		r, err := newRegion(n)
		if err != nil {
			return nil, err
		}
		return &Code{r.mem, r}, nil
	}
	open.Lock()
	defer open.Unlock()
	if open.region == nil || n > len(open.mem)-open.used {
		r, err := newRegion(regionSize)
		if err != nil {
			return nil, err
		}
		open.region = r
	}
	r := open.region
	at := r.used
	r.used += n
	return &Code{r.mem[at:r.used:r.used], r}, nil
}

func newRegion(n int) (*region, error) {
	mem, err := reserve(n)
	if err != nil {
		return nil, err
	}
	r := &region{mem: mem}
	// Whoever runs code keeps its Code alive, so what nobody can run any more goes.
	runtime.AddCleanup(r, release, mem)
	return r, nil
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
