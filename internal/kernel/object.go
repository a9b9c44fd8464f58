package kernel

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// Object is an ELF object's programs and maps inside the kernel.
type Object struct {
	*ebpf.Collection
}

// Element is one element of a map as [Object.Dump] reports it.
type Element struct {
	Key []byte
	// Values holds one value, or for a per-CPU map one for each possible CPU, the
	// CPU that OnCPU chose first. It is empty where values are
	// identifiers that differ from load to load: programs and maps.
	Values [][]byte
}

// LoadObject puts the maps with their contents and the programs of a spec into the kernel.
// Programs over MaxInsns instructions are refused unless large. The spec is not changed.
func LoadObject(spec *ebpf.CollectionSpec, large bool) (*Object, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	spec = spec.Copy()
	for _, m := range spec.Maps {
		m.Pinning = ebpf.PinNone
	}
	for name, p := range spec.Programs {
		n := 0
		for i := range p.Instructions {
			n += int(p.Instructions[i].Width() / 8)
		}
		if n > MaxInsns && !large {
			return nil, fmt.Errorf("bpf: load %q: %d instructions: %w (limit %d)", name, n, ErrTooLarge, MaxInsns)
		}
	}
	c, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, fmt.Errorf("bpf: load object: %w", err)
	}
	return &Object{c}, nil
}

// Close gives everything back to the kernel.
func (o *Object) Close() error {
	o.Collection.Close()
	return nil
}

// Run test-runs one program of the object.
func (o *Object) Run(name string, in Input) (*Output, error) {
	p := o.Programs[name]
	if p == nil {
		return nil, fmt.Errorf("bpf: test run: no program %q in the object", name)
	}
	return TestRun(p.FD(), in)
}

// Dump returns the elements of every map that can be iterated, sorted by key. Elements of
// arrays whose values are all zero are left out. cpu is the CPU whose values come first.
func (o *Object) Dump(cpu int) (map[string][]Element, error) {
	all := make(map[string][]Element)
	for name, m := range o.Maps {
		e, err := dump(m, cpu)
		if err != nil {
			return nil, fmt.Errorf("bpf: dump %q: %w", name, err)
		}
		if e != nil {
			all[name] = e
		}
	}
	return all, nil
}

func dump(m *ebpf.Map, cpu int) ([]Element, error) {
	all := []Element{}
	add := func(key []byte, values [][]byte) {
		zero := !slices.ContainsFunc(values, func(v []byte) bool {
			return len(bytes.TrimLeft(v, "\x00")) != 0
		})
		if zero && values != nil && (m.Type() == ebpf.Array || m.Type() == ebpf.PerCPUArray) {
			return
		}
		all = append(all, Element{bytes.Clone(key), values})
	}
	var key, value []byte
	var values [][]byte
	switch m.Type() {
	case ebpf.RingBuf, ebpf.PerfEventArray, ebpf.Queue, ebpf.Stack, ebpf.UserRingbuf, ebpf.XSKMap, ebpf.BloomFilter, ebpf.StackTrace, ebpf.CGroupArray:
		return nil, nil
	case ebpf.ProgramArray, ebpf.ArrayOfMaps, ebpf.HashOfMaps:
		for err := m.NextKey(nil, &key); err == nil; err = m.NextKey(key, &key) {
			if m.Lookup(key, &value) == nil {
				add(key, nil)
			}
		}
	case ebpf.Array, ebpf.PerCPUArray:
		size, cpus := m.ValueSize(), 1
		if m.Type() == ebpf.PerCPUArray {
			size, cpus = (size+7)/8*8, PossibleCPUs()
		}
		elems, err := dumpArray(m.FD(), m.MaxEntries(), size*uint32(cpus))
		if err != nil {
			return nil, err
		}
		for _, e := range elems {
			var vs [][]byte
			for i := range uint32(cpus) {
				vs = append(vs, e.Value[i*size:][:m.ValueSize()])
			}
			if cpus > 1 {
				vs[0], vs[cpu] = vs[cpu], vs[0]
			}
			add(e.Key, vs)
		}
	case ebpf.PerCPUHash, ebpf.LRUCPUHash:
		it := m.Iterate()
		for it.Next(&key, &values) {
			vs := make([][]byte, len(values))
			for i, v := range values {
				vs[i] = bytes.Clone(v)
			}
			vs[0], vs[cpu] = vs[cpu], vs[0]
			add(key, vs)
		}
		if err := it.Err(); err != nil {
			return nil, err
		}
	default:
		it := m.Iterate()
		for it.Next(&key, &value) {
			add(key, [][]byte{bytes.Clone(value)})
		}
		if err := it.Err(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b Element) int { return bytes.Compare(a.Key, b.Key) })
	return all, nil
}
