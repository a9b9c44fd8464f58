// Package maps has the BPF map types, by the kernel's names and with its behaviour:
// flags, error numbers, what programs may do and what the host may.
//
// A [Map] has two faces. The host's looks like cilium/ebpf's Map and copies keys and
// values. The programs' ([Map.LookupElem], [Map.UpdateElem], ...) returns addresses in
// guest memory and does not allocate on a hit. Values lie in guest memory; keys,
// buckets, free lists and record headers do not, so a rogue program cannot break a map
// by writing to memory.
package maps

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
)

// store is what each kind of map implements. Keys and values have the sizes of the spec.
// Where a method is for the host, cpu is ignored for maps that are not per CPU.
type store interface {
	// lookup returns the guest address of a value, or a map's handle; 0 for none.
	lookup(cpu int, key []byte) uint64
	// update puts a value under a key, for one CPU where the map is per CPU.
	update(cpu int, key, value []byte, flags uint64) errno.Errno
	// delete removes a key.
	delete(key []byte) errno.Errno
	// next copies the key behind key into out, the first one when key is nil or no longer
	// there. ENOENT ends the iteration.
	next(key, out []byte) errno.Errno
}

// kind is how maps of a type are made.
type kind struct {
	make  func(m *Map) (store, error)
	check func(s *Spec) (reason string, e errno.Errno)
	flags uint32 // those of Flags that the type takes
}

// Map is a map of a machine. It is safe for concurrent use; the bytes of values are
// shared memory.
type Map struct {
	spec   Spec
	mem    *guest.Memory
	cpus   int
	table  *Table
	handle uint64
	s      store
	host   uint64 // bytes of host memory charged
	frozen atomic.Bool
	closed atomic.Bool
}

// New creates a map for a machine with that many simulated CPUs, registers it in table
// and puts the spec's contents into it. The error is a *[SpecError], which wraps
// guest.ErrLimit when guest memory does not suffice.
func New(mem *guest.Memory, spec *Spec, cpus int, table *Table) (*Map, error) {
	// What the verifier is told of a map must stay true: the caller's spec is the caller's.
	m := &Map{spec: *spec.clone(), mem: mem, cpus: cpus, table: table}
	k, ok := kinds[spec.Type]
	if !ok {
		return nil, m.refuse(errno.EINVAL, nil, "maps of this type are not supported")
	}
	if spec.Type == PerfEventArray && spec.MaxEntries == 0 {
		m.spec.MaxEntries = uint32(cpus)
	}
	if bad := spec.Flags &^ k.flags; bad != 0 {
		return nil, m.refuse(errno.EINVAL, nil, fmt.Sprintf("flags %#x: the type does not take them", bad))
	}
	if spec.Flags&(Rdonly|Wronly) == Rdonly|Wronly || spec.Flags&(RdonlyProg|WronlyProg) == RdonlyProg|WronlyProg {
		return nil, m.refuse(errno.EINVAL, nil, "flags: read-only and write-only at once")
	}
	if reason, e := k.check(&m.spec); e != 0 {
		return nil, m.refuse(e, nil, reason)
	}
	s, err := k.make(m)
	if err != nil {
		m.mem.Uncharge(m.host)
		return nil, m.refuse(errno.ENOMEM, err, fmt.Sprintf("%d entries of %d bytes do not fit", m.spec.MaxEntries, m.spec.ValueSize))
	}
	m.s = s
	if m.handle, err = table.add(m); err != nil {
		return nil, m.refuse(errno.ENOMEM, err, "no handle")
	}
	for i, kv := range spec.Contents {
		if err := m.Update(kv.Key, kv.Value, UpdateAny); err != nil {
			m.Close()
			return nil, m.refuse(errno.EINVAL, err, fmt.Sprintf("contents: entry %d", i))
		}
	}
	return m, nil
}

func (m *Map) refuse(e errno.Errno, cause error, reason string) error {
	return &SpecError{Map: m.spec.Name, Type: m.spec.Type, Reason: reason, Errno: e, Cause: cause}
}

// Handle is the number that stands for the map in guest registers: never 0, below
// every guest address.
func (m *Map) Handle() uint64 { return m.handle }

// In reports whether t gave the map its handle: whether it belongs to that machine.
func (m *Map) In(t *Table) bool { return m.table == t }

// Name is the map's name.
func (m *Map) Name() string { return m.spec.Name }

// Type is the map's type.
func (m *Map) Type() Type { return m.spec.Type }

// KeySize is the size of a key, in bytes.
func (m *Map) KeySize() uint32 { return m.spec.KeySize }

// ValueSize is the size of a value, in bytes: of one CPU's for per-CPU maps.
func (m *Map) ValueSize() uint32 { return m.spec.ValueSize }

// MaxEntries is how many entries the map holds, for a ring buffer its size in bytes.
func (m *Map) MaxEntries() uint32 { return m.spec.MaxEntries }

// Flags are the BPF_F_* the map was created with.
func (m *Map) Flags() uint32 { return m.spec.Flags }

// Inner describes the maps inside a map of maps, nil for other types.
func (m *Map) Inner() *Spec { return m.spec.Inner.clone() }

// Fields are the special fields of the map's value.
func (m *Map) Fields() []Field { return slices.Clone(m.spec.Fields) }

// CPUs is how many values an entry of a per-CPU map has.
func (m *Map) CPUs() int { return m.cpus }

// String names the map for people.
func (m *Map) String() string { return fmt.Sprintf("%s(%s)", m.spec.Type, m.spec.Name) }

// Freeze makes the map read-only for the host. Programs may go on writing it unless it is
// RDONLY_PROG.
func (m *Map) Freeze() error {
	m.frozen.Store(true)
	return nil
}

// Frozen reports whether the host has frozen the map.
func (m *Map) Frozen() bool { return m.frozen.Load() }

// Constant reports whether the map's values can change no more: frozen, and read-only for programs.
func (m *Map) Constant() bool { return m.frozen.Load() && m.spec.Flags&RdonlyProg != 0 }

// Close removes the map from its machine and frees its memory. Programs that still refer to
// it get a trap. The host makes sure that none runs while it closes a map.
func (m *Map) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	m.table.remove(m.handle)
	if c, ok := m.s.(interface{ close() }); ok {
		c.close()
	}
	m.mem.Uncharge(m.host)
	return nil
}

// charge counts n bytes of host memory that the map is about to take, for as long as it lives.
func (m *Map) charge(n uint64) error {
	err := m.mem.Charge(n)
	if err == nil {
		m.host += n
	}
	return err
}

// region registers guest memory for n values of the map's value size.
func (m *Map) region(n uint64) (*guest.Region, error) {
	stride := uint64(m.spec.ValueSize+7) &^ 7
	if n*stride > guest.MaxLimit || stride > 1<<31 {
		return nil, fmt.Errorf("%d bytes: more than guest memory of %d: %w", n*stride, m.mem.Limit(), guest.ErrLimit)
	}
	perm := guest.PermRW
	switch {
	case m.spec.Flags&RdonlyProg != 0:
		perm = guest.PermRead
	case m.spec.Flags&WronlyProg != 0:
		perm = guest.PermWrite
	}
	if n*stride == guest.MaxLimit {
		return nil, guest.ErrLimit
	}
	r := &guest.Region{
		Kind: guest.KindMapValue, Perm: perm, Size: uint32(n * stride), Stride: uint32(stride), Elem: m.spec.ValueSize,
		Name: m.spec.Name, Owner: m,
	}
	return r, m.mem.Alloc(r)
}
