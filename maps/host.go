package maps

import (
	"fmt"
	"slices"

	"github.com/gbpf/gbpf/internal/errno"
)

// UpdateFlags are flags of an update by the host.
type UpdateFlags uint64

// Flags of [Map.Update].
const (
	UpdateAny     UpdateFlags = Any     // create or replace
	UpdateNoExist UpdateFlags = NoExist // create only
	UpdateExist   UpdateFlags = Exist   // replace only
	UpdateLock    UpdateFlags = Lock    // hold the value's spin lock; refused
)

func (m *Map) opError(op string, e errno.Errno) error {
	if e == 0 {
		return nil
	}
	full := e == errno.E2BIG
	switch m.s.(type) {
	case *array, *valueArray, *mapArray, *progArray, *perfArray:
		full = false
	}
	return &OpError{Op: op, Map: m.spec.Name, Errno: e, full: full || e == errno.ENOSPC}
}

func (m *Map) wrap(op string, err error) error {
	return fmt.Errorf("%s: map %s: %w", op, m.spec.Name, err)
}

// keyBytes marshals a key. Maps without keys take nil.
func (m *Map) keyBytes(op string, key any, buf []byte) ([]byte, error) {
	if m.closed.Load() {
		return nil, m.wrap(op, ErrClosed)
	}
	if m.spec.KeySize == 0 {
		if key != nil {
			return nil, m.wrap(op, fmt.Errorf("key: the map has no keys: want nil"))
		}
		return nil, nil
	}
	b, err := marshal("key", key, m.spec.KeySize, buf)
	if err != nil {
		return nil, m.wrap(op, err)
	}
	return b, nil
}

func (m *Map) mayRead(op string) error {
	if m.spec.Flags&Wronly != 0 {
		return m.opError(op, errno.EPERM)
	}
	return nil
}

func (m *Map) mayWrite(op string) error {
	if m.spec.Flags&Rdonly != 0 || m.frozen.Load() {
		return m.opError(op, errno.EPERM)
	}
	return nil
}

// Lookup copies the value of key into valueOut: a pointer to a fixed-size value, *[]byte, a []byte of the value's
// size; for per-CPU maps a pointer to a slice, which gets an element a CPU; for maps of maps a **Map;
// for a prog_array a *Program. Queues and stacks take a nil key and give the value that is next.
// The error wraps [ErrKeyNotExist] when there is none.
func (m *Map) Lookup(key, valueOut any) error {
	return m.LookupWithFlags(key, valueOut, 0)
}

// LookupWithFlags is Lookup with the kernel's flags; BPF_F_LOCK is refused.
func (m *Map) LookupWithFlags(key, valueOut any, flags UpdateFlags) error {
	const op = "lookup"
	var buf [64]byte
	k, err := m.keyBytes(op, key, buf[:])
	if err != nil {
		return err
	}
	if err := m.mayRead(op); err != nil {
		return err
	}
	if flags != 0 {
		return m.opError(op, errno.EINVAL)
	}
	return m.lookup(op, k, valueOut)
}

func (m *Map) lookup(op string, k []byte, valueOut any) error {
	switch s := m.s.(type) {
	case inMap:
		in := s.inner(k)
		if in == nil {
			return m.opError(op, errno.ENOENT)
		}
		if out, ok := valueOut.(**Map); ok {
			*out = in
			return nil
		}
		return m.finish(op, u32bytes(uint32(in.handle)), valueOut)
	case *progArray:
		p := s.get(index(k))
		if p == nil {
			return m.opError(op, errno.ENOENT)
		}
		out, ok := valueOut.(*Program)
		if !ok {
			return m.wrap(op, fmt.Errorf("value: %T: a prog_array gives a *maps.Program", valueOut))
		}
		*out = p
		return nil
	case pushPop:
		v := make([]byte, m.spec.ValueSize)
		if e := s.peek(v); e != 0 {
			return m.opError(op, e)
		}
		return m.finish(op, v, valueOut)
	case interface{ value(key []byte) []byte }:
		v := s.value(k)
		if v == nil {
			return m.opError(op, errno.ENOENT)
		}
		return m.finish(op, v, valueOut)
	case *Ringbuf, *perfArray:
		return m.opError(op, errno.ENOTSUPP)
	}
	if m.spec.Type.PerCPU() {
		all, e := m.readCPUs(func(cpu int) uint64 { return m.s.lookup(cpu, k) })
		if e != 0 {
			return m.opError(op, e)
		}
		if err := unmarshalCPUs(all, valueOut); err != nil {
			return m.wrap(op, err)
		}
		return nil
	}
	v, e := m.read(m.s.lookup(0, k))
	if e != 0 {
		return m.opError(op, e)
	}
	return m.finish(op, v, valueOut)
}

func u32bytes(v uint32) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)} }

func (m *Map) finish(op string, v []byte, out any) error {
	if err := unmarshal("value", v, out); err != nil {
		return m.wrap(op, err)
	}
	return nil
}

// read returns the value at a guest address, in place.
func (m *Map) read(addr uint64) ([]byte, errno.Errno) {
	if addr == 0 {
		return nil, errno.ENOENT
	}
	b, ok := m.mem.Slice(addr, uint64(m.spec.ValueSize))
	if !ok {
		return nil, errno.EFAULT
	}
	return b, 0
}

func (m *Map) readCPUs(at func(cpu int) uint64) ([][]byte, errno.Errno) {
	all := make([][]byte, m.cpus)
	for cpu := range all {
		b, e := m.read(at(cpu))
		if e != 0 {
			return nil, e
		}
		all[cpu] = b
	}
	return all, 0
}

// LookupBytes returns a copy of the value of key, and nil without an error when there is none. For per-CPU maps the
// values follow each other, each padded to a multiple of 8 bytes.
func (m *Map) LookupBytes(key any) ([]byte, error) {
	var out []byte
	if !m.spec.Type.PerCPU() {
		err := m.Lookup(key, &out)
		if e := (*OpError)(nil); err != nil && asOp(err, &e) && e.Errno == errno.ENOENT {
			return nil, nil
		}
		return out, err
	}
	var all [][]byte
	err := m.Lookup(key, &all)
	if e := (*OpError)(nil); err != nil && asOp(err, &e) && e.Errno == errno.ENOENT {
		return nil, nil
	}
	pad := int(m.spec.ValueSize+7)&^7 - int(m.spec.ValueSize)
	for _, v := range all {
		out = append(append(out, v...), make([]byte, pad)...)
	}
	return out, err
}

func asOp(err error, e **OpError) bool {
	o, ok := err.(*OpError)
	*e = o
	return ok
}

// LookupAndDelete is Lookup that removes the entry, in one step.
func (m *Map) LookupAndDelete(key, valueOut any) error {
	const op = "lookup and delete"
	var buf [64]byte
	k, err := m.keyBytes(op, key, buf[:])
	if err != nil {
		return err
	}
	if err := m.mayRead(op); err != nil {
		return err
	}
	if err := m.mayWrite(op); err != nil {
		return err
	}
	switch s := m.s.(type) {
	case pushPop:
		v := make([]byte, m.spec.ValueSize)
		if e := s.pop(v); e != 0 {
			return m.opError(op, e)
		}
		return m.finish(op, v, valueOut)
	case interface {
		lookupDelete(key []byte, out func(value func(cpu int) uint64)) errno.Errno
	}:
		var result error
		e := s.lookupDelete(k, func(at func(cpu int) uint64) {
			if m.spec.Type.PerCPU() {
				all, bad := m.readCPUs(at)
				if bad != 0 {
					result = m.opError(op, bad)
				} else if err := unmarshalCPUs(all, valueOut); err != nil {
					result = m.wrap(op, err)
				}
				return
			}
			v, bad := m.read(at(0))
			if bad != 0 {
				result = m.opError(op, bad)
				return
			}
			result = m.finish(op, v, valueOut)
		})
		if e != 0 {
			return m.opError(op, e)
		}
		return result
	}
	return m.opError(op, errno.ENOTSUPP)
}

// Put is Update with [UpdateAny].
func (m *Map) Put(key, value any) error { return m.Update(key, value, UpdateAny) }

// Update puts value under key. Keys and values are as for [Map.Lookup]; per-CPU maps take a slice with a value for
// each CPU, missing ones being zero; maps of maps take a *Map, a prog_array a program. Queues and
// stacks take a nil key. The error wraps [ErrKeyExist], [ErrKeyNotExist], [ErrMapFull] or [ErrReadOnly]
// where one applies.
func (m *Map) Update(key, value any, flags UpdateFlags) error {
	const op = "update"
	var kbuf, vbuf [64]byte
	k, err := m.keyBytes(op, key, kbuf[:])
	if err != nil {
		return err
	}
	if err := m.mayWrite(op); err != nil {
		return err
	}
	if flags&UpdateLock != 0 {
		return m.opError(op, errno.EINVAL)
	}
	switch s := m.s.(type) {
	case inMap:
		in, ok := value.(*Map)
		if !ok || in == nil {
			return m.wrap(op, fmt.Errorf("value: %T: want a *maps.Map", value))
		}
		if why := m.spec.Inner.fits(in); why != "" {
			return m.wrap(op, fmt.Errorf("value: map %s does not fit: %s: %w", in.Name(), why, errno.EINVAL))
		}
		if in.table != m.table {
			return m.wrap(op, fmt.Errorf("value: map %s belongs to another machine", in.Name()))
		}
		return m.opError(op, s.setInner(k, in, uint64(flags)))
	case *progArray:
		p, ok := value.(Program)
		if !ok {
			return m.wrap(op, fmt.Errorf("value: %T: want a program", value))
		}
		return m.opError(op, s.set(index(k), &p, uint64(flags)))
	case *Ringbuf, *perfArray:
		return m.opError(op, errno.ENOTSUPP)
	}
	if m.spec.Type.PerCPU() {
		all, err := marshalCPUs(value, m.spec.ValueSize, m.cpus)
		if err != nil {
			return m.wrap(op, err)
		}
		for cpu, v := range all {
			if e := m.s.update(cpu, k, v, uint64(flags)); e != 0 {
				return m.opError(op, e)
			}
			// The flags speak of the entry; it is there now.
			flags = UpdateAny
		}
		return nil
	}
	v, err := marshal("value", value, m.spec.ValueSize, vbuf[:])
	if err != nil {
		return m.wrap(op, err)
	}
	return m.opError(op, m.s.update(0, k, v, uint64(flags)))
}

// fits says why in cannot take the place of the described inner map, "" if it can.
func (s *Spec) fits(in *Map) string {
	switch {
	case in.spec.Type != s.Type:
		return fmt.Sprintf("type %s, want %s", in.spec.Type, s.Type)
	case in.spec.KeySize != s.KeySize:
		return fmt.Sprintf("key size %d, want %d", in.spec.KeySize, s.KeySize)
	case in.spec.ValueSize != s.ValueSize:
		return fmt.Sprintf("value size %d, want %d", in.spec.ValueSize, s.ValueSize)
	case in.spec.Flags != s.Flags:
		return fmt.Sprintf("flags %#x, want %#x", in.spec.Flags, s.Flags)
	case (s.Type == Array || s.Type == PerCPUArray) && s.Flags&InnerMap == 0 && in.spec.MaxEntries != s.MaxEntries:
		return fmt.Sprintf("%d entries, want %d", in.spec.MaxEntries, s.MaxEntries)
	case !slices.Equal(in.spec.Fields, s.Fields):
		return "other special fields in its values"
	}
	return ""
}

// Delete removes key. The error wraps [ErrKeyNotExist] when it is not there; arrays refuse.
func (m *Map) Delete(key any) error {
	const op = "delete"
	var buf [64]byte
	k, err := m.keyBytes(op, key, buf[:])
	if err != nil {
		return err
	}
	if err := m.mayWrite(op); err != nil {
		return err
	}
	return m.opError(op, m.s.delete(k))
}

// NextKey stores the key that follows key into nextKeyOut; the first one when key is nil or is not in
// the map. The error wraps [ErrKeyNotExist] after the last one.
func (m *Map) NextKey(key, nextKeyOut any) error {
	const op = "next key"
	var k []byte
	if key != nil {
		var err error
		if k, err = m.keyBytes(op, key, nil); err != nil {
			return err
		}
	}
	out, err := m.nextKey(op, k)
	if err != nil {
		return err
	}
	if err := unmarshal("key", out, nextKeyOut); err != nil {
		return m.wrap(op, err)
	}
	return nil
}

func (m *Map) nextKey(op string, k []byte) ([]byte, error) {
	if m.closed.Load() {
		return nil, m.wrap(op, ErrClosed)
	}
	if err := m.mayRead(op); err != nil {
		return nil, err
	}
	if m.spec.KeySize == 0 {
		return nil, m.opError(op, errno.ENOTSUPP)
	}
	out := make([]byte, m.spec.KeySize)
	if e := m.s.next(k, out); e != 0 {
		return nil, m.opError(op, e)
	}
	return out, nil
}
