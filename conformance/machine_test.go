package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// inMachine plays a scenario in a machine of gbpf's.
func inMachine(spec *ebpf.CollectionSpec, s scenario) (*outcome, error) {
	spec, err := prepare(spec, s)
	if err != nil {
		return nil, err
	}
	m, err := vm.NewMachine(vm.Options{CPUs: 2})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	c, err := loader.New(m, spec, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for _, e := range s.fill {
		mp := c.Maps[e.mapName]
		if mp == nil {
			return nil, fmt.Errorf("no map %q", e.mapName)
		}
		if err := mp.Put(e.key, fillValue(ebpf.MapType(mp.Type()), e.value, 2)); err != nil {
			return nil, err
		}
	}
	drain, err := machineEvents(c)
	if err != nil {
		return nil, err
	}
	out := &outcome{Name: s.name, Maps: map[string][]mapElem{}}
	for _, r := range s.runs {
		p := c.Programs[r.prog]
		if p == nil {
			return nil, fmt.Errorf("no program %q", r.prog)
		}
		for _, in := range r.inputs {
			var ctx []byte
			o := &vm.RunOptions{Data: in.data, Pin: true}
			if in.ctx != nil {
				o.Context, o.ContextOut = in.ctx, &ctx
			}
			r0, err := p.Run(context.Background(), o)
			one := &runOutcome{Prog: r.prog, Input: in.name}
			var bad *progtype.InputError
			switch {
			case errors.As(err, &bad):
				one.Refuse = bad.Error()
			case err != nil:
				return nil, fmt.Errorf("%s on %q: %w", r.prog, in.name, err)
			default:
				one.Retval, one.Data, one.Ctx = uint32(r0), o.DataOut, ctx
			}
			if r.twin != "" || p.Type() == progtype.RawTracepoint {
				one.Ctx = nil
			}
			normalise(in, one)
			out.Runs = append(out.Runs, one)
		}
	}
	if out.Events, err = drain(); err != nil {
		return nil, err
	}
	for name, mp := range c.Maps {
		all, err := dumpMachine(mp)
		if err != nil {
			return nil, fmt.Errorf("dump %s: %w", name, err)
		}
		if all != nil {
			out.Maps[name] = all
		}
	}
	return out, nil
}

// dumpMachine does with gbpf's map what kernel.Object.Dump does with the kernel's.
func dumpMachine(m *maps.Map) ([]mapElem, error) {
	all := []mapElem{}
	array := m.Type() == maps.Array || m.Type() == maps.PerCPUArray
	zero := func(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }
	var key, value []byte
	var values [][]byte
	it := m.Iterate()
	switch ebpf.MapType(m.Type()) {
	case ebpf.RingBuf, ebpf.PerfEventArray, ebpf.Queue, ebpf.Stack:
		return nil, nil
	case ebpf.ProgramArray, ebpf.ArrayOfMaps, ebpf.HashOfMaps:
		for err := m.NextKey(nil, &key); err == nil; err = m.NextKey(bytes.Clone(key), &key) {
			if m.Has(key) || m.Prog(binary.LittleEndian.Uint32(key)) != nil {
				all = append(all, mapElem{Key: bytes.Clone(key)})
			}
		}
	case ebpf.PerCPUArray, ebpf.PerCPUHash, ebpf.LRUCPUHash:
		for it.Next(&key, &values) {
			if array && !slices.ContainsFunc(values, func(v []byte) bool { return !zero(v) }) {
				continue
			}
			e := mapElem{Key: bytes.Clone(key)}
			for _, v := range values {
				e.Values = append(e.Values, bytes.Clone(v))
			}
			all = append(all, e)
		}
	default:
		for it.Next(&key, &value) {
			if !array || !zero(value) {
				all = append(all, mapElem{bytes.Clone(key), [][]byte{bytes.Clone(value)}})
			}
		}
	}
	slices.SortFunc(all, func(a, b mapElem) int { return bytes.Compare(a.Key, b.Key) })
	return all, it.Err()
}

// machineEvents is kernelEvents for a collection of gbpf's.
func machineEvents(c *vm.Collection) (drain func() (map[string][][]byte, error), err error) {
	rings, perfs := map[string]*maps.RingbufReader{}, map[string]*maps.PerfReader{}
	for name, m := range c.Maps {
		switch m.Type() {
		case maps.RingBuf:
			if rings[name], err = maps.NewRingbufReader(m); err != nil {
				return nil, err
			}
		case maps.PerfEventArray:
			if perfs[name], err = maps.NewPerfReader(m, 64*4096); err != nil {
				return nil, err
			}
		}
	}
	return func() (map[string][][]byte, error) {
		events := map[string][][]byte{}
		for name, r := range rings {
			r.SetDeadline(time.Now())
			for rec, err := r.Read(); err == nil; rec, err = r.Read() {
				events[name] = append(events[name], bytes.Clone(rec.RawSample))
			}
			r.Close()
		}
		for name, r := range perfs {
			r.SetDeadline(time.Now())
			for rec, err := r.Read(); err == nil; rec, err = r.Read() {
				if rec.LostSamples > 0 {
					return nil, fmt.Errorf("%s: %d samples lost", name, rec.LostSamples)
				}
				events[name] = append(events[name], bytes.Clone(rec.RawSample))
			}
			r.Close()
		}
		return events, nil
	}, nil
}
