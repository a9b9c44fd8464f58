package maps

import (
	"errors"
	"fmt"
	"reflect"
)

// ErrIterationAborted says that a map changed so fast that an iteration met more entries than it
// can hold.
var ErrIterationAborted = errors.New("iteration aborted")

// MapIterator walks the entries of a map. Entries that come or go meanwhile may be met or not; one
// that is deleted under the iterator makes it start over.
type MapIterator struct {
	m     *Map
	key   []byte
	count uint64
	done  bool
	err   error
}

// Iterate returns an iterator over the map's entries.
func (m *Map) Iterate() *MapIterator { return &MapIterator{m: m} }

// Next stores the next entry and reports whether there was one; see [Map.Lookup] for what the
// arguments may be.
func (it *MapIterator) Next(keyOut, valueOut any) bool {
	for !it.done && it.err == nil {
		next, err := it.m.nextKey("iterate", it.key)
		if errors.Is(err, ErrKeyNotExist) {
			it.done = true
			return false
		}
		if err != nil {
			it.err = err
			return false
		}
		it.key = next
		if it.count++; it.count > 2*uint64(it.m.spec.MaxEntries)+uint64(it.m.cpus) {
			it.err = fmt.Errorf("iterate: map %s: %w: it changes too fast", it.m.spec.Name, ErrIterationAborted)
			return false
		}
		err = it.m.lookup("iterate", next, valueOut)
		if errors.Is(err, ErrKeyNotExist) {
			continue // deleted meanwhile, or an empty slot of an array of references
		}
		if err == nil {
			err = unmarshal("key", next, keyOut)
		}
		it.err = err
		return err == nil
	}
	return false
}

// Err returns what ended the iteration early, nil if nothing did.
func (it *MapIterator) Err() error { return it.err }

// BatchCursor remembers how far a batch lookup has come. The zero value starts at the beginning.
type BatchCursor struct {
	key []byte
}

// BatchLookup fills the slices keysOut and valuesOut with entries and returns how many. The error wraps
// [ErrKeyNotExist] when the end of the map was reached; the entries counted are valid then too.
func (m *Map) BatchLookup(cursor *BatchCursor, keysOut, valuesOut any) (int, error) {
	return m.batchLookup("batch lookup", cursor, keysOut, valuesOut, false)
}

// BatchLookupAndDelete is BatchLookup that removes the entries it returns.
func (m *Map) BatchLookupAndDelete(cursor *BatchCursor, keysOut, valuesOut any) (int, error) {
	return m.batchLookup("batch lookup and delete", cursor, keysOut, valuesOut, true)
}

func (m *Map) batchLookup(op string, cursor *BatchCursor, keysOut, valuesOut any, remove bool) (int, error) {
	keys, values := reflect.ValueOf(keysOut), reflect.ValueOf(valuesOut)
	if keys.Kind() != reflect.Slice || values.Kind() != reflect.Slice || keys.Len() != values.Len() {
		return 0, m.wrap(op, fmt.Errorf("keys and values must be slices of one length, not %T and %T", keysOut, valuesOut))
	}
	n := 0
	for n < keys.Len() {
		next, err := m.nextKey(op, cursor.key)
		if err != nil {
			return n, err
		}
		ahead := next
		if remove {
			// The cursor stays where it is: what follows is found from there.
			ahead = cursor.key
		}
		out := values.Index(n).Addr().Interface()
		err = m.lookup(op, next, out)
		if err == nil && remove {
			err = m.Delete(next)
		}
		cursor.key = ahead
		if errors.Is(err, ErrKeyNotExist) {
			continue
		}
		if err == nil {
			err = unmarshal("key", next, keys.Index(n).Addr().Interface())
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// BatchUpdate puts the entries of two slices into the map and returns how many it did before an error.
func (m *Map) BatchUpdate(keys, values any, flags UpdateFlags) (int, error) {
	k, v := reflect.ValueOf(keys), reflect.ValueOf(values)
	if k.Kind() != reflect.Slice || v.Kind() != reflect.Slice || k.Len() != v.Len() {
		return 0, m.wrap("batch update", fmt.Errorf("keys and values must be slices of one length, not %T and %T", keys, values))
	}
	for i := range k.Len() {
		if err := m.Update(k.Index(i).Interface(), v.Index(i).Interface(), flags); err != nil {
			return i, err
		}
	}
	return k.Len(), nil
}

// BatchDelete removes the keys of a slice and returns how many it did before an error.
func (m *Map) BatchDelete(keys any) (int, error) {
	k := reflect.ValueOf(keys)
	if k.Kind() != reflect.Slice {
		return 0, m.wrap("batch delete", fmt.Errorf("keys must be a slice, not %T", keys))
	}
	for i := range k.Len() {
		if err := m.Delete(k.Index(i).Interface()); err != nil {
			return i, err
		}
	}
	return k.Len(), nil
}
