package canary

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gbpf/gbpf/internal/guest"
)

// Canary is watched memory on both sides of a window.
type Canary struct {
	fd    int
	all   []byte // the object, once
	spans []span // where it is mapped
	guest *guest.Memory
}

type span struct{ from, to uintptr }

// mapFixedNoReplace is MAP_FIXED_NOREPLACE.
const mapFixedNoReplace = 0x100000

// New makes guest memory of a limit with reach bytes of watched memory on both sides.
func New(limit, reach uint64) (*guest.Memory, *Canary, error) {
	// The system lays mappings side by side: these keep the places free that the canary is to have.
	var keep [2][]byte
	var err error
	if keep[0], err = unix.Mmap(-1, 0, int(reach+size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE); err != nil {
		return nil, nil, fmt.Errorf("canary: %w", err)
	}
	m, err := guest.NewMemory(limit)
	if err == nil {
		keep[1], _ = unix.Mmap(-1, 0, int(reach+size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	}
	for _, b := range keep {
		if b != nil {
			_ = unix.Munmap(b)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := Around(m, reach)
	if err != nil {
		_ = m.Close()
		return nil, nil, err
	}
	return m, c, nil
}

// Around watches reach bytes of address space below and above a window, as far as they are free; Reach says how much that
// is. The caller closes the canary before the memory.
func Around(m *guest.Memory, reach uint64) (*Canary, error) {
	below, above, err := guards(uintptr(m.Base()))
	if err != nil {
		return nil, err
	}
	c := &Canary{guest: m}
	if c.fd, err = unix.MemfdCreate("canary", unix.MFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("canary: %w", err)
	}
	if err := unix.Ftruncate(c.fd, size); err != nil {
		unix.Close(c.fd)
		return nil, fmt.Errorf("canary: %w", err)
	}
	if c.all, err = unix.Mmap(c.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		unix.Close(c.fd)
		return nil, fmt.Errorf("canary: %w", err)
	}
	for i := range c.all {
		c.all[i] = pattern(i)
	}
	// The guards first, then what is free beyond them.
	low, high := below.from, above.to
	if err = c.fill(below, unix.MAP_FIXED); err == nil {
		err = c.fill(above, unix.MAP_FIXED)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	for n := uint64(0); n < reach && low > size; n += size {
		if c.fill(span{low - size, low}, mapFixedNoReplace) != nil {
			break
		}
		low -= size
	}
	for n := uint64(0); n < reach; n += size {
		if c.fill(span{high, high + size}, mapFixedNoReplace) != nil {
			break
		}
		high += size
	}
	return c, nil
}

// fill maps the object over a span.
func (c *Canary) fill(s span, how int) error {
	for at := s.from; at < s.to; at += size {
		n := min(size, s.to-at)
		// The address comes from the system's list of mappings, not from a pointer.
		got, err := unix.MmapPtr(c.fd, 0, *(*unsafe.Pointer)(unsafe.Pointer(&at)), n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE|how)
		if err != nil {
			return fmt.Errorf("canary: map %#x: %w", at, err)
		}
		if uintptr(got) != at { // an old kernel takes the address for a hint
			_ = unix.MunmapPtr(got, n)
			return errors.New("canary: the address is taken")
		}
		c.spans = append(c.spans, span{at, at + n})
	}
	return nil
}

// Reach is how many bytes are watched.
func (c *Canary) Reach() (n uint64) {
	for _, s := range c.spans {
		n += uint64(s.to - s.from)
	}
	return n
}

// Check reports what was written outside the window.
func (c *Canary) Check() error { return verify(c.all) }

// Touch writes a byte at an offset from the window's base, for tests of the canary itself.
func (c *Canary) Touch(off int64) { *(*byte)(unsafe.Add(c.guest.Base(), off)) ^= 0xff }

// Close gives the memory back.
func (c *Canary) Close() error {
	for _, s := range c.spans {
		_ = unix.MunmapPtr(*(*unsafe.Pointer)(unsafe.Pointer(&s.from)), s.to-s.from)
	}
	c.spans = nil
	_ = unix.Munmap(c.all)
	return unix.Close(c.fd)
}

// guards finds the inaccessible space on either side of the window at base.
func guards(base uintptr) (below, above span, err error) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return below, above, fmt.Errorf("canary: %w", err)
	}
	defer f.Close()
	end := base
	var last span // the inaccessible one before
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var s span
		var perm string
		if _, err := fmt.Sscanf(sc.Text(), "%x-%x %s", &s.from, &s.to, &perm); err != nil {
			continue
		}
		open := strings.HasPrefix(perm, "rw")
		switch {
		case s.to < base && !open:
			last = s
		case s.to == base && open && s.from == last.to: // the window's pad
			below = last
		case s.from == end && open:
			end = s.to
		case s.from == end && end > base:
			above = s
			end = 0
		}
	}
	if below.to == 0 || above.to == 0 {
		return below, above, errors.New("canary: the window has no guards")
	}
	// Neighbouring mappings of the same kind are shown as one.
	below.from = max(below.from, below.to-guardMax)
	above.to = min(above.to, above.from+guardMax)
	return below, above, nil
}

// guardMax is the size of a guard, in bytes.
const guardMax = 1 << 20
