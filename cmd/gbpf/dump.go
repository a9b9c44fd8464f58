package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	gmaps "github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/vm"
)

// dumpLimit is how many entries of a map are shown.
const dumpLimit = 10_000

// entry is an entry of a map: a key and a value, a value for each CPU, or just a value or
// record.
type entry struct {
	key    any // nil for none
	value  any
	values list // of a per-CPU map, by CPU
	record bool // of a ring buffer or perf event array

	sort []byte
}

func (e entry) MarshalJSON() ([]byte, error) {
	var o object
	if e.key != nil {
		o = append(o, member{"key", e.key})
	}
	switch {
	case e.values != nil:
		o = append(o, member{"values", e.values})
	case e.record:
		o = append(o, member{"record", e.value})
	default:
		o = append(o, member{"value", e.value})
	}
	return o.MarshalJSON()
}

func (e entry) String() string {
	v := text(e.value)
	if e.values != nil {
		v = "per CPU " + text(e.values)
	}
	if e.key == nil {
		return v
	}
	return text(e.key) + " = " + v
}

// dump is what a map, or a section of global variables, holds.
type dump struct {
	typ       gmaps.Type
	variables object // of a section; else nil
	entries   []entry
	note      string
}

func (d *dump) MarshalJSON() ([]byte, error) {
	if d.variables != nil {
		return d.variables.MarshalJSON()
	}
	if d.entries == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(d.entries)
}

// dumper reads the maps of a collection, and the records that programs wrote since the last time.
type dumper struct {
	spec  *ebpf.CollectionSpec
	coll  *vm.Collection
	rings map[string]*gmaps.RingbufReader
	perfs map[string]*gmaps.PerfReader
}

// newDumper starts to listen to ring buffers and perf events.
func newDumper(spec *ebpf.CollectionSpec, coll *vm.Collection) (*dumper, error) {
	d := &dumper{spec: spec, coll: coll, rings: map[string]*gmaps.RingbufReader{}, perfs: map[string]*gmaps.PerfReader{}}
	var err error
	for name, m := range coll.Maps {
		switch m.Type() {
		case gmaps.RingBuf:
			d.rings[name], err = gmaps.NewRingbufReader(m)
		case gmaps.PerfEventArray:
			d.perfs[name], err = gmaps.NewPerfReader(m, 1<<16)
		}
		if err != nil {
			d.close()
			return nil, err
		}
	}
	return d, nil
}

func (d *dumper) close() {
	for _, r := range d.rings {
		r.Close()
	}
	for _, r := range d.perfs {
		r.Close()
	}
}

// dump reads everything.
func (d *dumper) dump() map[string]*dump {
	all := map[string]*dump{}
	sections := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(d.coll.Variables)) {
		v := d.coll.Variables[name]
		var typ btf.Type
		if vs := d.spec.Variables[name]; vs != nil && vs.Type != nil {
			typ = vs.Type.Type
		}
		b := make([]byte, v.Size())
		if v.Get(b) != nil {
			continue
		}
		s := v.MapName()
		if all[s] == nil {
			all[s] = &dump{typ: gmaps.Array}
			sections[s] = true
		}
		all[s].variables = append(all[s].variables, member{name, read(b, typ)})
	}
	for name, m := range d.coll.Maps {
		// Sections without variables hold literals, such as texts for trace_printk.
		if !sections[name] && !strings.HasPrefix(name, ".") {
			all[name] = d.dumpMap(name, m)
		}
	}
	return all
}

func (d *dumper) dumpMap(name string, m *gmaps.Map) *dump {
	out := &dump{typ: m.Type()}
	var keyType, valueType btf.Type
	if ms := d.spec.Maps[name]; ms != nil {
		keyType, valueType = ms.Key, ms.Value
	}
	switch m.Type() {
	case gmaps.RingBuf, gmaps.PerfEventArray:
		out.entries = d.records(name)
		return out
	case gmaps.Queue, gmaps.Stack:
		out.drain(m, valueType)
		return out
	}
	array := m.Type() == gmaps.Array || m.Type() == gmaps.PerCPUArray
	var key []byte
	it := m.Iterate()
	for {
		if len(out.entries) == dumpLimit {
			out.note = fmt.Sprintf("the first %d entries", dumpLimit)
			break
		}
		e, empty, ok := next(it, m, &key, valueType)
		if !ok {
			break
		}
		if array && empty {
			out.note = "elements that are 0 left out"
			continue
		}
		e.key, e.sort = read(key, keyType), bytes.Clone(key)
		if m.Type() == gmaps.LPMTrie && keyType == nil {
			e.key = prefix(key)
		}
		out.entries = append(out.entries, e)
	}
	if err := it.Err(); err != nil {
		out.note = err.Error()
	}
	slices.SortStableFunc(out.entries, func(a, b entry) int {
		if _, ok := a.key.(uint64); ok || len(a.sort) <= 4 {
			return cmp.Compare(number(a.sort), number(b.sort))
		}
		return bytes.Compare(a.sort, b.sort)
	})
	return out
}

// prefix reads the key of an lpm_trie: the length of a prefix and an IP address.
func prefix(key []byte) any {
	if a, ok := netip.AddrFromSlice(key[min(4, len(key)):]); ok {
		if p := netip.PrefixFrom(a, int(min(number(key[:4]), 1<<10))); p.IsValid() {
			return symbol(p.String())
		}
	}
	return raw(bytes.Clone(key))
}

// next reads the next entry of a map; empty says that its value is all zeros.
func next(it *gmaps.MapIterator, m *gmaps.Map, key *[]byte, valueType btf.Type) (e entry, empty, ok bool) {
	isZero := func(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }
	switch {
	case m.Type() == gmaps.ProgArray:
		var p gmaps.Program
		if !it.Next(key, &p) {
			return e, false, false
		}
		e.value = symbol("program")
		if q, ok := p.(*vm.Program); ok {
			e.value = symbol(q.Name())
		}
	case m.Type().OfMaps():
		var in *gmaps.Map
		if !it.Next(key, &in) {
			return e, false, false
		}
		e.value = symbol(in.Name())
	case m.Type().PerCPU():
		var values [][]byte
		if !it.Next(key, &values) {
			return e, false, false
		}
		empty = true
		for _, v := range values {
			e.values = append(e.values, read(v, valueType))
			empty = empty && isZero(v)
		}
	default:
		var value []byte
		if !it.Next(key, &value) {
			return e, false, false
		}
		e.value, empty = read(value, valueType), isZero(value)
	}
	return e, empty, true
}

// drain reads a queue or stack in the order in which pop would give it, and puts all back.
func (d *dump) drain(m *gmaps.Map, valueType btf.Type) {
	var all [][]byte
	for {
		b := make([]byte, m.ValueSize())
		if m.PopElem(b) != 0 {
			break
		}
		all = append(all, b)
		d.entries = append(d.entries, entry{value: read(b, valueType)})
	}
	if m.Type() == gmaps.Stack {
		slices.Reverse(all)
	}
	for _, b := range all {
		m.PushElem(b, 0)
	}
}

// records are those that programs wrote since the last call.
func (d *dumper) records(name string) []entry {
	past := time.Unix(1, 0)
	var all []entry
	if r := d.rings[name]; r != nil {
		r.SetDeadline(past)
		for {
			rec, err := r.Read()
			if err != nil {
				break
			}
			all = append(all, entry{value: raw(bytes.Clone(rec.RawSample)), record: true})
		}
	}
	if r := d.perfs[name]; r != nil {
		r.SetDeadline(past)
		for {
			rec, err := r.Read()
			if errors.Is(err, os.ErrDeadlineExceeded) || err != nil {
				break
			}
			all = append(all, entry{value: raw(bytes.Clone(rec.RawSample)), record: true})
		}
	}
	return all
}

func printDumps(w io.Writer, all map[string]*dump) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		d := all[name]
		if d.variables != nil {
			fmt.Fprintf(w, "variables %s:\n", name)
			for _, v := range d.variables {
				fmt.Fprintf(w, "  %s = %s\n", v.name, text(v.value))
			}
			continue
		}
		note := ""
		if d.note != "" {
			note = ", " + d.note
		}
		fmt.Fprintf(w, "map %s (%s%s):\n", name, d.typ, note)
		if len(d.entries) == 0 {
			fmt.Fprintln(w, "  empty")
		}
		for _, e := range d.entries {
			fmt.Fprintf(w, "  %s\n", e)
		}
	}
}
