package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// parseInt reads a decimal, 0x, 0b or 0o number, negative or up to 64 unsigned bits.
func parseInt(s string) (uint64, error) {
	if v, err := strconv.ParseUint(s, 0, 64); err == nil {
		return v, nil
	}
	v, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return uint64(v), nil
}

// parseHex reads hex digits, in which blanks and colons are ignored.
func parseHex(s string) ([]byte, error) {
	clean := strings.NewReplacer(" ", "", ":", "", "\n", "", "\t", "", "\r", "").Replace(s)
	if len(clean)%2 != 0 {
		return nil, fmt.Errorf("%d hex digits: two make a byte", len(clean))
	}
	b, err := hex.DecodeString(clean)
	if err != nil {
		return nil, fmt.Errorf("not hex: %w", err)
	}
	return b, nil
}

// parseValue reads a key or value of n bytes: a number in little-endian order, hex:BYTES,
// an IP or MAC address in network order, {member:value,...} of a structure, or values
// separated by commas, each as large as the type says, or alike.
func parseValue(s string, n uint32, typ btf.Type) ([]byte, error) {
	typ = skipTypedefs(typ)
	switch {
	case strings.HasPrefix(s, "hex:"):
		b, err := parseHex(s[4:])
		if err == nil && uint32(len(b)) != n {
			err = fmt.Errorf("%d bytes, want %d", len(b), n)
		}
		return b, err
	case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}"):
		st, ok := typ.(*btf.Struct)
		if !ok {
			return nil, fmt.Errorf("%s: the type is no structure, or the object has no BTF for it", s)
		}
		return parseStruct(s[1:len(s)-1], n, st)
	}
	if a, err := netip.ParseAddr(s); err == nil {
		b := a.AsSlice()
		if uint32(len(b)) != n {
			return nil, fmt.Errorf("address %s has %d bytes, want %d", s, len(b), n)
		}
		return b, nil
	}
	if m, err := net.ParseMAC(s); err == nil && len(m) == 6 {
		if n != 6 && n != 8 {
			return nil, fmt.Errorf("address %s has 6 bytes, want %d", s, n)
		}
		return append(m, make([]byte, n-6)...), nil
	}
	if strings.Contains(s, ",") {
		return parseList(strings.Split(s, ","), n)
	}
	v, err := parseInt(s)
	if err != nil {
		return nil, fmt.Errorf("%q: want a number, hex:BYTES, an address or {member:value,...}", s)
	}
	negative := strings.HasPrefix(s, "-")
	if n < 8 {
		if high := v >> (8 * n); high != 0 && !(negative && int64(v)>>(8*n-1) == -1) {
			return nil, fmt.Errorf("%s does not fit into %d bytes", s, n)
		}
	}
	b := binary.LittleEndian.AppendUint64(nil, v)
	if n <= 8 {
		return b[:n], nil
	}
	if v != 0 {
		return nil, fmt.Errorf("%s: a number of %d bytes; use hex:BYTES or {member:value,...}", s, n)
	}
	return make([]byte, n), nil
}

func parseList(parts []string, n uint32) ([]byte, error) {
	if n%uint32(len(parts)) != 0 {
		return nil, fmt.Errorf("%d values do not divide %d bytes", len(parts), n)
	}
	var all []byte
	for _, p := range parts {
		b, err := parseValue(strings.TrimSpace(p), n/uint32(len(parts)), nil)
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
	return all, nil
}

func parseStruct(s string, n uint32, st *btf.Struct) ([]byte, error) {
	out := make([]byte, n)
	for _, part := range splitTop(s) {
		name, value, ok := strings.Cut(part, ":")
		if !ok {
			return nil, fmt.Errorf("%q: want member:value", part)
		}
		name = strings.TrimSpace(name)
		found := false
		for _, m := range st.Members {
			if m.Name != name {
				continue
			}
			found = true
			size, err := btf.Sizeof(m.Type)
			if err != nil || m.BitfieldSize != 0 || m.Offset.Bytes()+uint32(size) > n {
				return nil, fmt.Errorf("member %s cannot be set", name)
			}
			b, err := parseValue(strings.TrimSpace(value), uint32(size), m.Type)
			if err != nil {
				return nil, fmt.Errorf("member %s: %w", name, err)
			}
			copy(out[m.Offset.Bytes():], b)
		}
		if !found {
			var names []string
			for _, m := range st.Members {
				names = append(names, m.Name)
			}
			return nil, fmt.Errorf("struct %s has no member %q: it has %s", st.Name, name, strings.Join(names, ", "))
		}
	}
	return out, nil
}

// splitTop splits at commas that stand in no braces.
func splitTop(s string) []string {
	var parts []string
	depth, from := 0, 0
	for i, c := range s {
		switch c {
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, s[from:i])
				from = i + 1
			}
		}
	}
	return append(parts, s[from:])
}

func skipTypedefs(t btf.Type) btf.Type {
	if t == nil {
		return nil
	}
	return btf.UnderlyingType(t)
}

// parseSize reads a number of bytes, with an optional K, M or G.
func parseSize(s string) (uint64, error) {
	shift := 0
	digits := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(s), "B"), "I")
	for i, unit := range []string{"K", "M", "G"} {
		if strings.HasSuffix(digits, unit) {
			shift, digits = 10*(i+1), strings.TrimSuffix(digits, unit)
		}
	}
	v, err := strconv.ParseUint(digits, 0, 64)
	if err != nil || v > 1<<40 {
		return 0, fmt.Errorf("%q is no size: want bytes, or a number with K, M or G", s)
	}
	return v << shift, nil
}
