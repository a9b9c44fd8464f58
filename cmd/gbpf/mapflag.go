package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	gmaps "github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/vm"
)

// mapHelp describes the notation of entries.
const mapHelp = `Entries of maps are NAME:key=value, and NAME:value for a queue or stack. A key or value is
  80, -1, 0xff         a number, as large as the map has it, in little-endian order
  be:80                a number in network order
  hex:0a0b0c           bytes
  192.0.2.1, 2001:db8::1, 02:00:00:00:00:01, 10.0.0.0/8
                       an address in network order; a prefix is a key of an lpm_trie
  {saddr:192.0.2.1,dport:be:80}, {192.0.2.1,be:80}
                       members of a structure, where the object has BTF; those left out are 0
  [1,2,3]              elements of an array
  NAME                 an enumerator; a program, for a prog_array; a map, for a map of maps
--dump-maps prints the same notation. A per-CPU map gets the value for every CPU.`

// mapEntry is one --map setting, taken apart.
type mapEntry struct {
	setting, name string
	key, value    string
	hasKey        bool
}

func mapEntries(settings []string) ([]mapEntry, error) {
	var all []mapEntry
	for _, s := range settings {
		name, entry, ok := strings.Cut(s, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("--map %s: want NAME:key=value", s)
		}
		e := mapEntry{setting: s, name: name}
		e.key, e.value, e.hasKey = cutTop(entry)
		if !e.hasKey {
			e.key, e.value = "", entry
		}
		all = append(all, e)
	}
	return all, nil
}

// setMaps puts the entries of --map settings into the maps.
func setMaps(spec *ebpf.CollectionSpec, coll *vm.Collection, entries []mapEntry) error {
	for _, e := range entries {
		if err := setMap(spec, coll, e); err != nil {
			return fmt.Errorf("--map %s: %w", e.setting, err)
		}
	}
	return nil
}

func setMap(spec *ebpf.CollectionSpec, coll *vm.Collection, e mapEntry) error {
	m := coll.Maps[e.name]
	if m == nil {
		return fmt.Errorf("no such map: the object has %s", nameList(coll.Maps))
	}
	var keyType, valueType btf.Type
	if ms := spec.Maps[e.name]; ms != nil {
		keyType, valueType = ms.Key, ms.Value
	}
	var key any
	switch {
	case m.Type() == gmaps.RingBuf || m.Type() == gmaps.PerfEventArray:
		return fmt.Errorf("a %s takes no entries: programs write to it", m.Type())
	case !e.hasKey && strings.ContainsRune(e.value, '='):
		return fmt.Errorf("brackets or quotes do not match")
	case m.KeySize() == 0 && e.hasKey:
		return fmt.Errorf("a %s has no keys: want %s:value", m.Type(), e.name)
	case m.KeySize() != 0 && !e.hasKey:
		return fmt.Errorf("want %s:key=value", e.name)
	case m.KeySize() != 0:
		b, err := parseValue(e.key, m.KeySize(), keyType)
		if err != nil {
			return fmt.Errorf("key: %w", err)
		}
		if number(b) >= uint64(m.MaxEntries()) && indexed(m.Type()) {
			return fmt.Errorf("key: %d is too large: the %s has %s", number(b), m.Type(), plural(int(m.MaxEntries()), "element"))
		}
		key = b
	}
	switch {
	case m.Type() == gmaps.ProgArray:
		p := coll.Programs[e.value]
		if p == nil {
			return fmt.Errorf("value: no program %q: the object has %s", e.value, nameList(spec.Programs))
		}
		return m.Put(key, p)
	case m.Type().OfMaps():
		in := coll.Maps[e.value]
		if in == nil {
			return fmt.Errorf("value: no map %q: the object has %s", e.value, nameList(coll.Maps))
		}
		return m.Put(key, in)
	}
	value, err := parseValue(e.value, m.ValueSize(), valueType)
	if err != nil {
		return fmt.Errorf("value: %w", err)
	}
	if m.Type().PerCPU() {
		return m.Put(key, slices.Repeat([][]byte{value}, m.CPUs()))
	}
	return m.Put(key, value)
}

// indexed reports whether keys are the numbers below the map's size.
func indexed(t gmaps.Type) bool {
	switch t {
	case gmaps.Array, gmaps.PerCPUArray, gmaps.ProgArray, gmaps.ArrayOfMaps, gmaps.DevMap, gmaps.CPUMap, gmaps.XSKMap, gmaps.CGroupArray:
		return true
	}
	return false
}

// nameList is the keys of m, sorted, for error messages.
func nameList[T any](m map[string]T) string {
	if len(m) == 0 {
		return "none"
	}
	names := slices.Sorted(maps.Keys(m))
	if len(names) > 30 {
		return strings.Join(names[:30], ", ") + fmt.Sprintf(" and %d more", len(names)-30)
	}
	return strings.Join(names, ", ")
}

// cutTop cuts at the first "=" that stands in no brackets or quotes.
func cutTop(s string) (before, after string, found bool) {
	depth, quoted := 0, false
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
		case c == '=' && depth == 0:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
