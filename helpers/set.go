package helpers

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gbpf/gbpf/helpers/proto"
)

// registry holds the helpers of this package by kernel number; the files that hold their
// bodies fill it.
var registry = map[int32]*Helper{}

// define adds bodies to the registry, by kernel name.
func define(bodies map[string]Func) {
	for name, f := range bodies {
		p := proto.ByName(name)
		registry[p.ID] = &Helper{Proto: p, Func: f}
	}
}

// All returns the kernel helpers that gbpf has, by ascending number.
func All() []Helper {
	all := make([]Helper, 0, len(registry))
	for _, h := range registry {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b Helper) int { return int(a.Proto.ID - b.Proto.ID) })
	return all
}

// ByID returns the kernel helper of that number that gbpf has, nil for none.
func ByID(id int32) *Helper { return registry[id] }

// ByName returns the kernel helper of that name, without bpf_, that gbpf has, nil for none.
func ByName(name string) *Helper {
	if p := proto.ByName(name); p != nil {
		return registry[p.ID]
	}
	return nil
}

// Set is the helpers that the programs of a machine may call: gbpf's own and those that
// the user added or overrode. It is safe for concurrent use.
type Set struct {
	mu     sync.RWMutex
	byID   map[int32]*Helper
	byName map[string]int32
	kfuncs map[string]*Helper
}

// NewSet returns a set of the helpers that gbpf has.
func NewSet() *Set {
	s := &Set{byID: make(map[int32]*Helper, len(registry)), byName: map[string]int32{}, kfuncs: map[string]*Helper{}}
	for id, h := range registry {
		s.byID[id] = h
		s.byName[h.Proto.Name] = id
	}
	return s
}

// ByID returns the helper of a number, nil for none.
func (s *Set) ByID(id int32) *Helper {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// ByKfunc returns the kfunc of a name, nil for none.
func (s *Set) ByKfunc(name string) *Helper {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.kfuncs[name]
}

// All returns the set's helpers by ascending number; kfuncs are left out.
func (s *Set) All() []Helper {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]Helper, 0, len(s.byID))
	for _, h := range s.byID {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b Helper) int { return int(a.Proto.ID - b.Proto.ID) })
	return all
}

// Add puts a helper into the set, in place of one with the same number, or of the
// kfunc with the same name. Numbers up to [proto.MaxID] are the kernel's: a helper with
// one of them must have the kernel's name for it, and with a Proto that has only the number or
// only the name set it gets the kernel's prototype. The error says which rule the helper breaks.
func (s *Set) Add(h Helper) error {
	h, err := complete(h)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.Kfunc {
		s.kfuncs[h.Proto.Name] = &h
		return nil
	}
	if id, ok := s.byName[h.Proto.Name]; ok && id != h.Proto.ID {
		return fmt.Errorf("add helper: %s: number %d has that name already", h.Proto.Name, id)
	}
	if old := s.byID[h.Proto.ID]; old != nil {
		delete(s.byName, old.Proto.Name)
	}
	s.byID[h.Proto.ID] = &h
	s.byName[h.Proto.Name] = h.Proto.ID
	return nil
}

// complete checks a user's helper and gives it the kernel's prototype where it names a
// kernel helper and no more.
func complete(h Helper) (Helper, error) {
	if h.Proto == nil {
		return h, fmt.Errorf("add helper: no prototype")
	}
	p := *h.Proto
	if !h.Kfunc {
		kernel := proto.ByID(p.ID)
		if p.ID == 0 && p.Name != "" {
			kernel = proto.ByName(p.Name)
		}
		if kernel != nil {
			if p.Name != "" && p.Name != kernel.Name {
				return h, fmt.Errorf("add helper: %s: number %d is the kernel's %s", p.Name, p.ID, kernel.Name)
			}
			if bare := (proto.Proto{ID: p.ID, Name: p.Name}); p == bare {
				p = *kernel
			}
		}
		if p.ID <= 0 {
			return h, fmt.Errorf("add helper: %q: number %d: a kernel helper's number or one above %d is wanted", p.Name, p.ID, proto.MaxID)
		}
	}
	if p.Name == "" {
		return h, fmt.Errorf("add helper: number %d: no name", p.ID)
	}
	if !h.Kfunc && strings.HasPrefix(p.Name, "bpf_") {
		return h, fmt.Errorf("add helper: %s: names go without bpf_", p.Name)
	}
	if h.Func == nil {
		return h, fmt.Errorf("add helper: %s: no function", p.Name)
	}
	if err := p.Check(); err != nil {
		return h, fmt.Errorf("add helper: %w", err)
	}
	h.Proto = &p
	return h, nil
}
