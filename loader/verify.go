package loader

import (
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	gmaps "github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
	"github.com/gbpf/gbpf/vm"
)

// Flags of a program's load (BPF_F_*).
const (
	strictAlignment = 1 << 0
	sleepable       = 1 << 4
)

// VerifierSpecs describes the programs of an object to the verifier, by name, without making
// or loading anything: helpers, map types and program types that gbpf does not have are no obstacle. The
// programs call the kernel's helpers, by the kernel's allow lists. Of the options,
// Programs, KernelBTF, Targets, Kconfig, Ksyms and SkipUnsupported count, and Skipped is set.
//
// Kfuncs are left to the verifier to judge. One that the object can do without (__weak) is taken to be there
// only if KernelBTF has it.
//
// The error is an [*Error] that names the program or map at fault.
func VerifierSpecs(spec *ebpf.CollectionSpec, o *Options) (specs map[string]*verifier.Spec, err error) {
	if o == nil {
		o = &Options{}
	}
	o.Skipped = nil
	defer func() {
		if p := recover(); p != nil {
			specs, err = nil, loadError("malformed collection: %v", p)
		}
	}()
	l := &load{o: o, spec: spec}
	plans, err := l.plan()
	if err != nil {
		return nil, err
	}
	described, err := l.describeMaps(plans)
	if err != nil {
		return nil, err
	}
	specs = make(map[string]*verifier.Spec)
	for _, p := range plans {
		for _, name := range p.code.maps {
			p.verify.Maps = append(p.verify.Maps, described[name])
		}
		specs[p.verify.Name] = p.verify
	}
	return specs, nil
}

// verifierSpec describes a program to the verifier, but for its maps.
func verifierSpec(name string, p *ebpf.ProgramSpec, k kind, c *code, o *Options, types *kernelTypes) *verifier.Spec {
	target := o.Targets[name]
	if target == nil {
		target = types.attachFunc(k, p)
	}
	return &verifier.Spec{
		Name: name, Type: k.typ, Attach: k.attach, GPL: vm.GPLCompatible(p.License),
		Sleepable: k.sleepable || p.Flags&sleepable != 0, StrictAlignment: p.Flags&strictAlignment != 0,
		Insns: c.insns, Kfuncs: c.kfuncs, Funcs: c.funcs, Lines: c.lines, Poison: c.poison,
		AttachBTF: target, Types: types.source(),
	}
}

// describeMaps describes the maps that programs use to the verifier.
func (l *load) describeMaps(plans []*plan) (map[string]*verifier.Map, error) {
	specs, used, err := l.mapSpecs(plans)
	if err != nil {
		return nil, err
	}
	described := make(map[string]*verifier.Map)
	for _, name := range slices.Sorted(maps.Keys(used)) {
		gs, err := l.mapSpec(name, specs[name])
		if err != nil {
			return nil, err
		}
		d := vm.DescribeMapSpec(gs)
		if frozen(name, gs) {
			d.Contents = contents(gs)
		}
		described[name] = d
	}
	return described, nil
}

// contents is the one value of a data map, which is zeros as far as the object does not say.
func contents(gs *gmaps.Spec) []byte {
	if gs.ValueSize > maxSection {
		return nil
	}
	b := make([]byte, gs.ValueSize)
	if len(gs.Contents) > 0 {
		if data, ok := gs.Contents[0].Value.([]byte); ok {
			copy(b, data)
		}
	}
	return b
}

// kfunc reports whether the machine has a kfunc; without one, whether to take it for
// there.
func (l *load) kfunc(name string, weak bool) bool {
	if l.m != nil {
		return l.m.HasKfunc(name)
	}
	if l.o.KernelBTF == nil {
		return !weak
	}
	var fn *btf.Func
	return l.o.KernelBTF.TypeByName(name, &fn) == nil || !weak
}
