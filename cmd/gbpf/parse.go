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
	base := 10
	if d := strings.TrimPrefix(s, "-"); len(d) > 1 && d[0] == '0' && strings.ContainsRune("xXbBoO", rune(d[1])) {
		base = 0
	}
	v, err := strconv.ParseUint(s, base, 64)
	if err == nil {
		return v, nil
	}
	n, err := strconv.ParseInt(s, base, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of 64 bits", s)
	}
	return uint64(n), nil
}

// parseHex reads hex digits, in which blanks and colons are ignored.
func parseHex(s string) ([]byte, error) {
	clean := strings.NewReplacer(" ", "", ":", "", "\n", "", "\t", "", "\r", "").Replace(s)
	for _, c := range clean {
		if !strings.ContainsRune("0123456789abcdefABCDEF", c) {
			return nil, fmt.Errorf("%q is not a hex digit", c)
		}
	}
	if len(clean)%2 != 0 {
		return nil, fmt.Errorf("%d hex digits: two make a byte", len(clean))
	}
	return hex.DecodeString(clean)
}

// parseValue reads a key, value or variable of n bytes in the notation that the help
// of --map describes. typ may be nil.
func parseValue(s string, n uint32, typ btf.Type) ([]byte, error) {
	s = strings.TrimSpace(s)
	t := underlying(typ)
	if h, ok := strings.CutPrefix(s, "hex:"); ok {
		b, err := parseHex(h)
		if err == nil && uint32(len(b)) != n {
			err = fmt.Errorf("%s has %s, want %d", s, plural(len(b), "byte"), n)
		}
		return b, err
	}
	if d, ok := strings.CutPrefix(s, "be:"); ok {
		b, err := parseNumber(d, n)
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
		return b, err
	}
	if in, ok := enclosed(s, '{', '}'); ok {
		return parseMembers(in, n, t)
	}
	if in, ok := enclosed(s, '[', ']'); ok {
		return parseList(in, n, t)
	}
	if arr, ok := t.(*btf.Array); ok && isChar(arr.Type) || strings.HasPrefix(s, `"`) {
		return parseText(s, n)
	}
	if b, ok, err := parseAddress(s, n); ok {
		return b, err
	}
	if parts := splitTop(s); len(parts) > 1 {
		if members(t) != nil {
			return parseMembers(s, n, t)
		}
		return parseList(s, n, t)
	}
	switch t := t.(type) {
	case *btf.Enum:
		for _, e := range t.Values {
			if e.Name == s {
				return binary.LittleEndian.AppendUint64(nil, e.Value)[:min(n, 8)], nil
			}
		}
		if _, err := parseInt(s); err != nil {
			var names []string
			for _, e := range t.Values {
				names = append(names, e.Name)
			}
			return nil, fmt.Errorf("%q: want a number or one of %s", s, strings.Join(names, ", "))
		}
	case *btf.Int:
		if t.Encoding == btf.Bool && n == 1 && (s == "true" || s == "false") {
			return []byte{byte(b2i(s == "true"))}, nil
		}
	}
	return parseNumber(s, n)
}

// enclosed returns what stands between two brackets that are the ends of s.
func enclosed(s string, open, end byte) (string, bool) {
	if len(s) < 2 || s[0] != open || s[len(s)-1] != end {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// parseNumber reads a number of n bytes, in little-endian order.
func parseNumber(s string, n uint32) ([]byte, error) {
	v, err := parseInt(s)
	if err != nil {
		if _, e := strconv.ParseFloat(s, 64); e == nil {
			return nil, err
		}
		return nil, fmt.Errorf("%q: want a number, hex:BYTES, be:NUMBER, an address or {member:value,...}", s)
	}
	if n < 8 && v>>(8*n) != 0 {
		if negative := strings.HasPrefix(s, "-"); !negative || n == 0 || int64(v)>>(8*n-1) != -1 {
			return nil, fmt.Errorf("%s does not fit into %s", s, plural(int(n), "byte"))
		}
	}
	b := binary.LittleEndian.AppendUint64(nil, v)
	if n <= 8 {
		return b[:n], nil
	}
	if v != 0 {
		return nil, fmt.Errorf("%s: a number has at most 8 bytes, %d are wanted: use hex:BYTES, or {member:value,...} where the object has BTF", s, n)
	}
	return make([]byte, n), nil
}

// parseAddress reads an IP address, a MAC address, or a prefix as the key of an lpm_trie; ok is
// false when s is none.
func parseAddress(s string, n uint32) (b []byte, ok bool, err error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		b = a.AsSlice()
	} else if m, err := net.ParseMAC(s); err == nil && len(m) == 6 && strings.Contains(s, ":") {
		b = m
	} else if p, err := netip.ParsePrefix(s); err == nil {
		b = append(binary.LittleEndian.AppendUint32(nil, uint32(p.Bits())), p.Addr().AsSlice()...)
	} else {
		return nil, false, nil
	}
	if uint32(len(b)) != n {
		return nil, true, fmt.Errorf("%s has %d bytes, want %d", s, len(b), n)
	}
	return b, true, nil
}

// parseText reads an array of char, in quotes or without, filled up with zeros.
func parseText(s string, n uint32) ([]byte, error) {
	if strings.HasPrefix(s, `"`) {
		u, err := strconv.Unquote(s)
		if err != nil {
			return nil, fmt.Errorf("%s: the closing quote is missing or an escape is wrong", s)
		}
		s = u
	}
	if uint32(len(s)) > n {
		return nil, fmt.Errorf("%q has %s, %d fit", s, plural(len(s), "byte"), n)
	}
	return append([]byte(s), make([]byte, int(n)-len(s))...), nil
}

func parseList(s string, n uint32, t btf.Type) ([]byte, error) {
	parts := splitTop(s)
	size, elem := n/uint32(len(parts)), btf.Type(nil)
	if arr, ok := t.(*btf.Array); ok {
		elem = arr.Type
		if es, err := btf.Sizeof(elem); err == nil && es > 0 {
			size = uint32(es)
		}
	}
	switch {
	case elem != nil && uint64(size)*uint64(len(parts)) != uint64(n):
		return nil, fmt.Errorf("%s: %s given, the array has %d", s, plural(len(parts), "value"), n/size)
	case n == 0 || uint64(size)*uint64(len(parts)) != uint64(n):
		return nil, fmt.Errorf("%s: %s given, %s cannot be divided among them", s, plural(len(parts), "value"), plural(int(n), "byte"))
	}
	var all []byte
	for _, p := range parts {
		b, err := parseValue(p, size, elem)
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
	return all, nil
}

// members are those of a structure or union, with those of unnamed ones inside it, nil
// for other types.
func members(t btf.Type) []btf.Member { return membersDepth(t, false, 0) }

// distinct are the members that do not share memory: of a union the first.
func distinct(t btf.Type) []btf.Member { return membersDepth(t, true, 0) }

func membersDepth(t btf.Type, distinct bool, depth int) []btf.Member {
	var own, all []btf.Member
	switch t := t.(type) {
	case *btf.Struct:
		own = t.Members
	case *btf.Union:
		own = t.Members
		if distinct && len(own) > 1 {
			own = own[:1]
		}
	}
	for _, m := range own {
		if m.Name != "" || depth > maxDepth {
			all = append(all, m)
			continue
		}
		for _, in := range membersDepth(underlying(m.Type), distinct, depth+1) {
			in.Offset += m.Offset
			all = append(all, in)
		}
	}
	return all
}

// parseMembers reads the members of a structure: member:value each, or all of the values in order.
func parseMembers(s string, n uint32, t btf.Type) ([]byte, error) {
	all := members(t)
	if all == nil {
		return nil, fmt.Errorf("{%s}: the object's BTF has no structure here: use hex:BYTES", s)
	}
	out := make([]byte, n)
	parts := splitTop(s)
	if strings.TrimSpace(s) == "" {
		return out, nil
	}
	for i, part := range parts {
		m, value := memberOf(all, part)
		if order := distinct(t); m == nil && !isName(part) && len(parts) == len(order) {
			m, value = &order[i], part
		}
		if m == nil {
			name, _, _ := strings.Cut(part, ":")
			return nil, fmt.Errorf("%s: no such member, or not all of the values: the structure has %s", strings.TrimSpace(name), memberNames(all))
		}
		if err := setMember(out, m, value); err != nil {
			return nil, fmt.Errorf("member %s: %w", m.Name, err)
		}
	}
	return out, nil
}

// memberOf finds the member that part, "name:value", sets.
func memberOf(all []btf.Member, part string) (*btf.Member, string) {
	name, value, ok := strings.Cut(part, ":")
	for i := range all {
		if ok && all[i].Name == strings.TrimSpace(name) {
			return &all[i], value
		}
	}
	return nil, ""
}

// isName reports whether part starts as "name:" does, and is no value with a colon.
func isName(part string) bool {
	name, _, ok := strings.Cut(strings.TrimSpace(part), ":")
	return ok && name != "hex" && name != "be" && !strings.ContainsAny(name, `."{[`) && strings.Trim(name, "0123456789abcdefABCDEF") != ""
}

func memberNames(all []btf.Member) string {
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = m.Name
	}
	return strings.Join(names, ", ")
}

func setMember(out []byte, m *btf.Member, value string) error {
	if m.BitfieldSize != 0 {
		v, err := parseInt(strings.TrimSpace(value))
		if err != nil {
			return err
		}
		if m.BitfieldSize < 64 && v>>m.BitfieldSize != 0 {
			return fmt.Errorf("%s does not fit into %s", strings.TrimSpace(value), plural(int(m.BitfieldSize), "bit"))
		}
		for i := range uint32(min(m.BitfieldSize, 64)) {
			if at := uint32(m.Offset) + i; int(at/8) < len(out) {
				out[at/8] = out[at/8]&^(1<<(at%8)) | byte(v>>i&1)<<(at%8)
			}
		}
		return nil
	}
	size, err := btf.Sizeof(m.Type)
	off := int(m.Offset.Bytes())
	if err != nil || size < 0 || off+size > len(out) {
		return fmt.Errorf("lies beyond the %d bytes", len(out))
	}
	b, err := parseValue(value, uint32(size), m.Type)
	if err != nil {
		return err
	}
	copy(out[off:], b)
	return nil
}

// splitTop splits at commas that stand in no brackets or quotes.
func splitTop(s string) []string {
	var parts []string
	depth, from, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

// plural is "1 byte" or "3 bytes".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// parseSize reads a number of bytes, with an optional K, M or G.
func parseSize(s string) (uint64, error) {
	shift := 0
	digits := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(s), "B"), "I")
	for i, unit := range []string{"K", "M", "G"} {
		if d, ok := strings.CutSuffix(digits, unit); ok {
			shift, digits = 10*(i+1), d
			break
		}
	}
	v, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || v > 1<<40 {
		return 0, fmt.Errorf("%q is no size: want bytes, or a number with K, M or G", s)
	}
	return v << shift, nil
}
