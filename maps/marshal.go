package maps

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"fmt"
	"reflect"
)

// marshal turns a key or value of the host's into n bytes: []byte and strings as they are, integers
// and other fixed-size values in little-endian order, or what the value's own
// MarshalBinary returns. buf is used when it is large enough.
func marshal(what string, v any, n uint32, buf []byte) ([]byte, error) {
	b := buf[:0]
	switch v := v.(type) {
	case []byte:
		b = v
	case string:
		b = append(b, v...)
	case encoding.BinaryMarshaler:
		var err error
		if b, err = v.MarshalBinary(); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	case uint32:
		b = binary.LittleEndian.AppendUint32(b, v)
	case *uint32:
		b = binary.LittleEndian.AppendUint32(b, *v)
	case int32:
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	case uint64:
		b = binary.LittleEndian.AppendUint64(b, v)
	case *uint64:
		b = binary.LittleEndian.AppendUint64(b, *v)
	case int64:
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	case nil:
		return nil, fmt.Errorf("%s: nil, want %d bytes", what, n)
	default:
		var w bytes.Buffer
		if err := binary.Write(&w, binary.LittleEndian, v); err != nil {
			return nil, fmt.Errorf("%s: %T is neither bytes nor a fixed-size value: %w", what, v, err)
		}
		b = w.Bytes()
	}
	if uint32(len(b)) != n || len(b) > 1<<31 {
		return nil, fmt.Errorf("%s: %T has %d bytes, want %d", what, v, len(b), n)
	}
	return b, nil
}

// unmarshal is the inverse of marshal: it stores b where out points.
func unmarshal(what string, b []byte, out any) error {
	switch out := out.(type) {
	case *[]byte:
		*out = bytes.Clone(b)
		return nil
	case []byte:
		if len(out) != len(b) {
			return fmt.Errorf("%s: a slice of %d bytes, want %d", what, len(out), len(b))
		}
		copy(out, b)
		return nil
	case *string:
		*out = string(b)
		return nil
	case encoding.BinaryUnmarshaler:
		if err := out.UnmarshalBinary(b); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	case *uint32:
		if len(b) == 4 {
			*out = binary.LittleEndian.Uint32(b)
			return nil
		}
	case *uint64:
		if len(b) == 8 {
			*out = binary.LittleEndian.Uint64(b)
			return nil
		}
	case nil:
		return fmt.Errorf("%s: nil, want a pointer", what)
	}
	if n := binary.Size(out); n != len(b) {
		if n < 0 {
			return fmt.Errorf("%s: %T is neither bytes nor a pointer to a fixed-size value", what, out)
		}
		return fmt.Errorf("%s: %T has %d bytes, want %d", what, out, n, len(b))
	}
	if k := reflect.TypeOf(out).Kind(); k != reflect.Pointer && k != reflect.Slice {
		return fmt.Errorf("%s: %T is not a pointer", what, out)
	}
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, out); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// marshalCPUs turns a slice with an element a CPU into values of n bytes.
func marshalCPUs(v any, n uint32, cpus int) ([][]byte, error) {
	s := reflect.ValueOf(v)
	if s.Kind() == reflect.Pointer {
		s = s.Elem()
	}
	if s.Kind() != reflect.Slice && s.Kind() != reflect.Array {
		return nil, fmt.Errorf("value: %T: a per-CPU map takes a slice with a value for each of its %d CPUs", v, cpus)
	}
	if s.Len() > cpus {
		return nil, fmt.Errorf("value: %T has %d elements, the map has %d CPUs", v, s.Len(), cpus)
	}
	all := make([][]byte, cpus)
	for i := range all {
		all[i] = make([]byte, n)
		if i >= s.Len() {
			continue
		}
		b, err := marshal("value", s.Index(i).Interface(), n, nil)
		if err != nil {
			return nil, err
		}
		copy(all[i], b)
	}
	return all, nil
}

// unmarshalCPUs stores a value for each CPU into out, a pointer to a slice.
func unmarshalCPUs(all [][]byte, out any) error {
	p := reflect.ValueOf(out)
	if p.Kind() == reflect.Slice && p.Len() == len(all) {
		for i, b := range all {
			if err := unmarshal("value", b, p.Index(i).Addr().Interface()); err != nil {
				return err
			}
		}
		return nil
	}
	if p.Kind() != reflect.Pointer || p.Elem().Kind() != reflect.Slice {
		return fmt.Errorf("value: %T: a per-CPU map takes a pointer to a slice, for %d CPUs", out, len(all))
	}
	s := reflect.MakeSlice(p.Elem().Type(), len(all), len(all))
	for i, b := range all {
		if err := unmarshal("value", b, s.Index(i).Addr().Interface()); err != nil {
			return err
		}
	}
	p.Elem().Set(s)
	return nil
}
