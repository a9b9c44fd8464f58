package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/vm"
)

// entry is a map's entry as people and JSON read it.
type entry struct {
	Key    string   `json:"key,omitempty"`
	Value  string   `json:"value,omitempty"`
	Values []string `json:"values,omitempty"` // of a per-CPU map, by CPU
}

// dumpLimit is how many entries of a map are read.
const dumpLimit = 10_000

// dumpMaps reads every map of a collection: entries by map name. Arrays are read without their
// elements that are all zeros, and data sections as their variables.
func dumpMaps(spec *ebpf.CollectionSpec, coll *vm.Collection) map[string][]entry {
	all := map[string][]entry{}
	for name, m := range coll.Maps {
		ms := spec.Maps[name]
		if ms != nil && strings.HasPrefix(name, ".") {
			continue
		}
		all[name] = dumpMap(m, ms)
	}
	for name, v := range coll.Variables {
		var typ btf.Type
		if vs := spec.Variables[name]; vs != nil && vs.Type != nil {
			typ = vs.Type.Type
		}
		b := make([]byte, v.Size())
		if v.Get(b) == nil {
			section := v.MapName()
			all[section] = append(all[section], entry{Key: name, Value: formatValue(b, typ)})
		}
	}
	for _, entries := range all {
		slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.Key, b.Key) })
	}
	return all
}

func dumpMap(m *maps.Map, ms *ebpf.MapSpec) []entry {
	var keyType, valueType btf.Type
	if ms != nil {
		keyType, valueType = ms.Key, ms.Value
	}
	entries := []entry{}
	zero := func(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }
	array := m.Type() == maps.Array || m.Type() == maps.PerCPUArray
	if m.Type() == maps.Queue || m.Type() == maps.Stack || m.Type() == maps.RingBuf {
		return entries
	}
	it := m.Iterate()
	var key []byte
	for len(entries) < dumpLimit {
		switch {
		case m.Type() == maps.ProgArray:
			var p maps.Program
			if !it.Next(&key, &p) {
				return entries
			}
			name := "program"
			if q, ok := p.(*vm.Program); ok {
				name = q.Name()
			}
			entries = append(entries, entry{Key: formatValue(key, keyType), Value: name})
		case m.Type().OfMaps():
			var in *maps.Map
			if !it.Next(&key, &in) {
				return entries
			}
			entries = append(entries, entry{Key: formatValue(key, keyType), Value: in.Name()})
		case m.Type().PerCPU():
			var values [][]byte
			if !it.Next(&key, &values) {
				return entries
			}
			e := entry{Key: formatValue(key, keyType)}
			empty := true
			for _, v := range values {
				e.Values = append(e.Values, formatValue(v, valueType))
				empty = empty && zero(v)
			}
			if !array || !empty {
				entries = append(entries, e)
			}
		default:
			var value []byte
			if !it.Next(&key, &value) {
				return entries
			}
			if !array || !zero(value) {
				entries = append(entries, entry{Key: formatValue(key, keyType), Value: formatValue(value, valueType)})
			}
		}
	}
	return entries
}

func printMaps(w io.Writer, all map[string][]entry) {
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(w, "map %s:\n", name)
		if len(all[name]) == 0 {
			fmt.Fprintln(w, "  empty")
		}
		for _, e := range all[name] {
			if e.Values != nil {
				fmt.Fprintf(w, "  %s = per CPU [%s]\n", e.Key, strings.Join(e.Values, " "))
			} else {
				fmt.Fprintf(w, "  %s = %s\n", e.Key, e.Value)
			}
		}
	}
}
