package loader

import (
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/cilium/ebpf"

	gmaps "github.com/gbpf/gbpf/maps"
)

const (
	rdonlyProg = 1 << 7 // BPF_F_RDONLY_PROG
	pageSize   = 4096   // what the size of a ring buffer is a multiple of
)

// mapSpecs lists the maps of the object, that of .kconfig variables included, and which of
// them the programs use.
func (l *load) mapSpecs(plans []*plan) (specs map[string]*ebpf.MapSpec, used map[string]bool, err error) {
	used = make(map[string]bool)
	weak := make(map[string]bool)
	for _, p := range plans {
		for _, m := range p.code.maps {
			used[m] = true
		}
		for i := range p.spec.Instructions {
			if w, ok := p.spec.Instructions[i].Metadata.Get(weakKey{}).(string); ok {
				weak[w] = true
			}
		}
	}
	specs = maps.Clone(l.spec.Maps)
	if specs == nil {
		specs = make(map[string]*ebpf.MapSpec)
	}
	if used[kconfigMap] && specs[kconfigMap] == nil {
		ms, err := kconfigSpec(l.spec, weak, l.o.Kconfig)
		if err != nil {
			return nil, nil, err
		}
		if ms == nil {
			return nil, nil, mapError(kconfigMap, "programs refer to it, the object's BTF does not have it")
		}
		specs[kconfigMap] = ms
	}
	return specs, used, nil
}

// makeMaps makes the maps of the collection, filled but for references to other
// maps and programs.
func (l *load) makeMaps(plans []*plan) error {
	specs, used, err := l.mapSpecs(plans)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		err := l.makeMap(name, specs[name])
		if err == nil {
			continue
		}
		var e *Error
		if errors.As(err, &e) && errors.Is(err, ErrUnsupported) {
			l.skippedMaps[name] = e
			if !used[name] {
				// No program to be loaded misses it.
				l.o.Skipped = append(l.o.Skipped, e)
				continue
			}
		}
		if err := l.skip(err); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) makeMap(name string, ms *ebpf.MapSpec) error {
	gs, err := l.mapSpec(name, ms)
	if err != nil {
		return err
	}
	if r := l.o.MapReplacements[name]; r != nil {
		if err := compatible(name, gs, r); err != nil {
			return err
		}
		l.coll.Maps[name] = r
		return nil
	}
	m, err := l.m.NewMap(gs)
	if err != nil {
		var se *gmaps.SpecError
		switch {
		case !errors.As(err, &se):
			return mapError(name, "%w", err)
		case se.Cause != nil:
			return mapError(name, "%s: %s: %w", se.Type, se.Reason, se.Cause)
		}
		return mapError(name, "%s: %s", se.Type, se.Reason)
	}
	l.made = append(l.made, m)
	l.coll.Maps[name] = m
	if frozen(name, gs) {
		if err := m.Freeze(); err != nil {
			return mapError(name, "%w", err)
		}
	}
	return nil
}

// frozen reports whether a map is frozen once it is filled.
func frozen(name string, gs *gmaps.Spec) bool {
	return isData(name) && gs.Flags&rdonlyProg != 0 || name == kconfigMap
}

// mapSpec translates a map's spec, with variables set and the sizes filled in that
// objects leave to the loader.
func (l *load) mapSpec(name string, ms *ebpf.MapSpec) (*gmaps.Spec, error) {
	if t := gmaps.Type(ms.Type); l.m != nil && !t.Supported() {
		return nil, mapError(name, "map type %s is %w", mapTypeName(ms.Type), ErrUnsupported)
	}
	gs := &gmaps.Spec{
		Name: name, Type: gmaps.Type(ms.Type), KeySize: ms.KeySize, ValueSize: ms.ValueSize,
		MaxEntries: ms.MaxEntries, Flags: ms.Flags, MapExtra: ms.MapExtra,
	}
	switch ms.Type {
	case ebpf.PerfEventArray, ebpf.CPUMap:
		if n := l.cpus(); gs.MaxEntries == 0 || gs.MaxEntries > n && ms.Type == ebpf.PerfEventArray {
			gs.MaxEntries = n
		}
		gs.KeySize = orFour(gs.KeySize)
		if ms.Type == ebpf.PerfEventArray {
			gs.ValueSize = orFour(gs.ValueSize)
		}
	case ebpf.ProgramArray, ebpf.ArrayOfMaps, ebpf.CGroupArray:
		gs.KeySize, gs.ValueSize = orFour(gs.KeySize), orFour(gs.ValueSize)
	case ebpf.HashOfMaps:
		gs.ValueSize = orFour(gs.ValueSize)
	case ebpf.RingBuf:
		gs.MaxEntries = ringSize(gs.MaxEntries)
	}
	fields, ok := specialFields(ms.Value)
	if !ok {
		return nil, mapError(name, "its values have more than %d special fields", maxFields)
	}
	gs.Fields = fields
	if ms.InnerMap != nil {
		inner, err := l.mapSpec(name+"_inner", ms.InnerMap)
		if err != nil {
			return nil, err
		}
		gs.Inner = inner
	} else if l.m != nil && (ms.Type == ebpf.ArrayOfMaps || ms.Type == ebpf.HashOfMaps) && ms.Extra != nil {
		r := *ms.Extra
		if b, _ := io.ReadAll(&r); slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
			return nil, mapError(name, "inner map given in the style of iproute2 is %w: set the spec's InnerMap", ErrUnsupported)
		}
	}
	for _, kv := range ms.Contents {
		if _, reference := kv.Value.(string); reference {
			continue // see fillReferences
		}
		gs.Contents = append(gs.Contents, gmaps.KeyValue{Key: kv.Key, Value: kv.Value})
	}
	if isData(name) {
		return gs, l.applyVariables(name, gs)
	}
	return gs, nil
}

// cpus is how many simulated CPUs there are, or may be at most.
func (l *load) cpus() uint32 {
	if l.m == nil {
		return gmaps.MaxCPUs
	}
	return uint32(l.m.CPUs())
}

func orFour(n uint32) uint32 {
	if n == 0 {
		return 4
	}
	return n
}

// ringSize is the size of a ring buffer that libbpf would ask for: the next power
// of two of pages.
func ringSize(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	for size := uint32(pageSize); size != 0; size <<= 1 {
		if size >= n {
			return size
		}
	}
	return n
}

// applyVariables puts the values of the collection's variables into the contents
// of a data section.
func (l *load) applyVariables(name string, gs *gmaps.Spec) error {
	if len(gs.Contents) == 0 {
		return nil
	}
	data, ok := gs.Contents[0].Value.([]byte)
	if !ok {
		return nil
	}
	data = slices.Clone(data)
	for vn, v := range l.spec.Variables {
		if v.SectionName != name {
			continue
		}
		if uint64(v.Offset)+uint64(len(v.Value)) > uint64(len(data)) {
			return mapError(name, "variable %s: %d bytes at offset %d do not fit the section's %d", vn, len(v.Value), v.Offset, len(data))
		}
		copy(data[v.Offset:], v.Value)
	}
	gs.Contents = []gmaps.KeyValue{{Key: gs.Contents[0].Key, Value: data}}
	return nil
}

// compatible checks that a map can stand in for one of the object.
func compatible(name string, want *gmaps.Spec, have *gmaps.Map) error {
	for _, d := range []struct {
		what       string
		want, have uint32
	}{
		{"key size", want.KeySize, have.KeySize()},
		{"value size", want.ValueSize, have.ValueSize()},
		{"max entries", want.MaxEntries, have.MaxEntries()},
		{"flags", want.Flags, have.Flags()},
	} {
		if want.Type != have.Type() {
			return mapError(name, "replacement is of type %s, the object wants %s", have.Type(), want.Type)
		}
		if d.want != d.have {
			return mapError(name, "replacement has %s %d, the object wants %d", d.what, d.have, d.want)
		}
	}
	return nil
}

// fillReferences puts maps into maps of maps, and programs into prog arrays, where
// the object says so.
func (l *load) fillReferences() error {
	for _, name := range slices.Sorted(maps.Keys(l.spec.Maps)) {
		ms, m := l.spec.Maps[name], l.coll.Maps[name]
		if m == nil || l.o.MapReplacements[name] != nil {
			continue
		}
		for _, kv := range ms.Contents {
			ref, ok := kv.Value.(string)
			if !ok {
				continue
			}
			var value any
			if ms.Type == ebpf.ProgramArray {
				p := l.coll.Programs[ref]
				if p == nil {
					if l.o.SkipUnsupported && l.spec.Programs[ref] != nil {
						continue // left out: the slot stays empty
					}
					return mapError(name, "element %v: program %s: %w", kv.Key, ref, ErrNotFound)
				}
				value = p
			} else {
				inner := l.coll.Maps[ref]
				if inner == nil {
					return mapError(name, "element %v: map %s: %w", kv.Key, ref, ErrNotFound)
				}
				value = inner
			}
			if err := m.Put(kv.Key, value); err != nil {
				return mapError(name, "element %v: %w", kv.Key, err)
			}
		}
	}
	return nil
}
