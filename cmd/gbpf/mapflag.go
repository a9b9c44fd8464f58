package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/vm"
)

// setMaps puts the entries of --map NAME:key=value settings into the maps.
func setMaps(spec *ebpf.CollectionSpec, coll *vm.Collection, settings []string) error {
	for _, s := range settings {
		if err := setMap(spec, coll, s); err != nil {
			return fmt.Errorf("--map %s: %w", s, err)
		}
	}
	return nil
}

func setMap(spec *ebpf.CollectionSpec, coll *vm.Collection, s string) error {
	name, entry, ok := strings.Cut(s, ":")
	if !ok {
		return fmt.Errorf("want NAME:key=value")
	}
	m := coll.Maps[name]
	if m == nil {
		var names []string
		for n := range coll.Maps {
			names = append(names, n)
		}
		slices.Sort(names)
		return fmt.Errorf("no such map: the object has %s", strings.Join(names, ", "))
	}
	keyText, valueText, ok := cutTop(entry)
	if !ok && m.KeySize() != 0 {
		return fmt.Errorf("want NAME:key=value")
	}
	var keyType, valueType btf.Type
	if ms := spec.Maps[name]; ms != nil {
		keyType, valueType = ms.Key, ms.Value
	}
	var key any
	if m.KeySize() != 0 {
		b, err := parseValue(keyText, m.KeySize(), keyType)
		if err != nil {
			return fmt.Errorf("key: %w", err)
		}
		key = b
	} else if !ok {
		valueText = keyText
	}
	switch {
	case m.Type() == maps.ProgArray:
		p := coll.Programs[valueText]
		if p == nil {
			return fmt.Errorf("value: no program %q", valueText)
		}
		return m.Put(key, p)
	case m.Type().OfMaps():
		in := coll.Maps[valueText]
		if in == nil {
			return fmt.Errorf("value: no map %q", valueText)
		}
		return m.Put(key, in)
	}
	value, err := parseValue(valueText, m.ValueSize(), valueType)
	if err != nil {
		return fmt.Errorf("value: %w", err)
	}
	if m.Type().PerCPU() {
		all := make([][]byte, m.CPUs())
		for i := range all {
			all[i] = value
		}
		return m.Put(key, all)
	}
	return m.Put(key, value)
}

// cutTop cuts at the first "=" that stands in no braces.
func cutTop(s string) (before, after string, found bool) {
	depth := 0
	for i, c := range s {
		switch c {
		case '{':
			depth++
		case '}':
			depth--
		case '=':
			if depth == 0 {
				return s[:i], s[i+1:], true
			}
		}
	}
	return s, "", false
}
