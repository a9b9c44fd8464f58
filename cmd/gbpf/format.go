package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// formatValue prints bytes by their BTF type, in C's notation, and as a number or hex without
// one.
func formatValue(b []byte, typ btf.Type) string {
	switch t := skipTypedefs(typ).(type) {
	case *btf.Int:
		return formatInt(b, t)
	case *btf.Enum:
		v := number(b)
		for _, e := range t.Values {
			if e.Value == v || t.Signed && int64(e.Value) == signed(b) {
				return e.Name
			}
		}
		return fmt.Sprint(v)
	case *btf.Pointer:
		return fmt.Sprintf("%#x", number(b))
	case *btf.Array:
		return formatArray(b, t)
	case *btf.Struct:
		return formatMembers(b, t.Members)
	case *btf.Union:
		if len(t.Members) > 0 {
			return formatMembers(b, t.Members[:1])
		}
	}
	switch len(b) {
	case 1, 2, 4, 8:
		return fmt.Sprint(number(b))
	}
	return "hex:" + hex.EncodeToString(b)
}

// number reads up to eight bytes in little-endian order.
func number(b []byte) uint64 {
	var w [8]byte
	copy(w[:], b)
	return binary.LittleEndian.Uint64(w[:])
}

func signed(b []byte) int64 {
	if len(b) == 0 || len(b) > 8 {
		return 0
	}
	shift := 64 - 8*len(b)
	return int64(number(b)<<shift) >> shift
}

func formatInt(b []byte, t *btf.Int) string {
	switch {
	case len(b) > 8:
		return "hex:" + hex.EncodeToString(b)
	case t.Encoding == btf.Bool && len(b) == 1:
		return fmt.Sprint(b[0] != 0)
	case t.Encoding == btf.Signed:
		return fmt.Sprint(signed(b))
	}
	return fmt.Sprint(number(b))
}

func formatArray(b []byte, t *btf.Array) string {
	size, err := btf.Sizeof(t.Type)
	if err != nil || size == 0 {
		return "hex:" + hex.EncodeToString(b)
	}
	if in, ok := skipTypedefs(t.Type).(*btf.Int); ok && size == 1 {
		if text := strings.TrimRight(string(b), "\x00"); in.Name == "char" && printable(text) {
			return fmt.Sprintf("%q", text)
		}
		return "hex:" + hex.EncodeToString(b)
	}
	var parts []string
	for off := 0; off+size <= len(b); off += size {
		parts = append(parts, formatValue(b[off:off+size], t.Type))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func printable(s string) bool {
	for _, c := range s {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func formatMembers(b []byte, members []btf.Member) string {
	var parts []string
	for _, m := range members {
		name := m.Name
		if m.BitfieldSize != 0 {
			bit := uint32(m.Offset)
			var v uint64
			for i := range uint32(m.BitfieldSize) {
				if at := bit + i; int(at/8) < len(b) {
					v |= uint64(b[at/8]>>(at%8)&1) << i
				}
			}
			parts = append(parts, fmt.Sprintf("%s:%d", name, v))
			continue
		}
		size, err := btf.Sizeof(m.Type)
		off := int(m.Offset.Bytes())
		if err != nil || off+size > len(b) {
			continue
		}
		v := formatValue(b[off:off+size], m.Type)
		if name != "" {
			v = name + ":" + v
		}
		parts = append(parts, v)
	}
	return "{" + strings.Join(parts, ",") + "}"
}
