package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// A value of a map or variable is read by its BTF type into one of: uint64, int64, bool,
// string (an array of char), symbol, bigEndian, raw, list, object. Each prints
// as text that --map and --var understand, and as JSON.
type (
	symbol    string // the name of an enumerator, or an address
	bigEndian uint64 // a __be16 or __be64
	raw       []byte // bytes of no known shape
	list      []any
	object    []member // a structure, in the order of its members
	member    struct {
		name  string
		value any
	}
)

func (b raw) MarshalText() ([]byte, error) { return []byte("hex:" + hex.EncodeToString(b)), nil }

func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	for i, m := range o {
		out.WriteByte(",{"[b2i(i == 0)])
		name, _ := json.Marshal(m.name)
		v, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(v)
	}
	if len(o) == 0 {
		out.WriteByte('{')
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// text prints a value in the notation of --map.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case bigEndian:
		return fmt.Sprintf("be:%d", uint64(v))
	case raw:
		return "hex:" + hex.EncodeToString(v)
	case list:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = text(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case object:
		parts := make([]string, len(v))
		for i, m := range v {
			parts[i] = m.name + ":" + text(m.value)
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprint(v)
}

// maxDepth bounds how deep types are followed.
const maxDepth = 32

// read reads bytes by their type; nil means a number of up to eight bytes, or raw bytes.
func read(b []byte, typ btf.Type) any { return readDepth(b, typ, 0) }

func readDepth(b []byte, typ btf.Type, depth int) any {
	if depth > maxDepth {
		return raw(b)
	}
	switch order := networkOrder(typ); {
	case order == 4 && len(b) == 4:
		return symbol(netip.AddrFrom4([4]byte(b)).String())
	case order != 0 && order == len(b):
		var w [8]byte
		copy(w[8-len(b):], b)
		return bigEndian(binary.BigEndian.Uint64(w[:]))
	}
	switch t := underlying(typ).(type) {
	case *btf.Int:
		return readInt(b, t.Encoding)
	case *btf.Enum:
		for _, e := range t.Values {
			if len(b) <= 8 && (e.Value == number(b) || t.Signed && int64(e.Value) == signed(b)) {
				return symbol(e.Name)
			}
		}
		if t.Signed {
			return readInt(b, btf.Signed)
		}
	case *btf.Array:
		return readArray(b, t, depth)
	case *btf.Struct:
		return readMembers(nil, b, t.Members, depth)
	case *btf.Union:
		// Which member counts nobody knows: the first, if it shows everything.
		if len(t.Members) > 0 {
			if n, err := btf.Sizeof(t.Members[0].Type); err == nil && n == len(b) {
				return readMembers(nil, b, t.Members[:1], depth)
			}
		}
		return raw(b)
	}
	switch len(b) {
	case 1, 2, 4, 8:
		return number(b)
	}
	return raw(b)
}

// networkOrder returns the size of a typedef that says that it is in network order, else 0.
func networkOrder(typ btf.Type) int {
	for range maxDepth {
		switch t := typ.(type) {
		case *btf.Typedef:
			switch t.Name {
			case "__be16":
				return 2
			case "__be32":
				return 4
			case "__be64":
				return 8
			}
			typ = t.Type
		case *btf.Const:
			typ = t.Type
		case *btf.Volatile:
			typ = t.Type
		default:
			return 0
		}
	}
	return 0
}

func underlying(t btf.Type) btf.Type {
	if t == nil {
		return nil
	}
	return btf.UnderlyingType(t)
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

func readInt(b []byte, enc btf.IntEncoding) any {
	switch {
	case len(b) > 8:
		return raw(b)
	case enc == btf.Bool && len(b) == 1 && b[0] <= 1:
		return b[0] == 1
	case enc == btf.Signed:
		return signed(b)
	}
	return number(b)
}

func isChar(t btf.Type) bool {
	in, ok := underlying(t).(*btf.Int)
	return ok && in.Size == 1 && in.Name == "char"
}

func readArray(b []byte, t *btf.Array, depth int) any {
	size, err := btf.Sizeof(t.Type)
	if err != nil || size <= 0 || len(b)%size != 0 {
		return raw(b)
	}
	if isChar(t.Type) {
		if s := strings.TrimRight(string(b), "\x00"); printable(s) {
			return s
		}
		return raw(b)
	}
	if in, ok := underlying(t.Type).(*btf.Int); ok && in.Size == 1 && len(b) > 4 {
		return raw(b)
	}
	var parts list
	for ; len(b) > 0; b = b[size:] {
		parts = append(parts, readDepth(b[:size], t.Type, depth+1))
	}
	return parts
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if (c < ' ' || c > '~') && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// readMembers adds the members of a structure to o, those of a structure without a name as
// if they were its own.
func readMembers(o object, b []byte, members []btf.Member, depth int) any {
	if o == nil {
		o = object{}
	}
	for _, m := range members {
		if m.BitfieldSize != 0 {
			if m.Name != "" {
				o = append(o, member{m.Name, readBits(b, uint32(m.Offset), uint32(m.BitfieldSize))})
			}
			continue
		}
		size, err := btf.Sizeof(m.Type)
		off := int(m.Offset.Bytes())
		if err != nil || size < 0 || off+size > len(b) {
			continue
		}
		v := readDepth(b[off:off+size], m.Type, depth+1)
		if inner, ok := v.(object); ok && m.Name == "" {
			o = append(o, inner...)
			continue
		}
		o = append(o, member{m.Name, v})
	}
	return o
}

func readBits(b []byte, off, n uint32) (v uint64) {
	for i := range min(n, 64) {
		if at := off + i; int(at/8) < len(b) {
			v |= uint64(b[at/8]>>(at%8)&1) << i
		}
	}
	return v
}
