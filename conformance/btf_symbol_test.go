package conformance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// plainPercpu is the address of a per-CPU variable that is no structure, as gbpf names it.
var plainPercpu = regexp.MustCompile(`^percpu_ptr_\d+$`)

// TestBTFSymbols compares what the addresses of the kernel's variables and functions are good for.
func TestBTFSymbols(t *testing.T) {
	r := newBTFRig(t)
	var ids []uint32
	funcs := 0
	for typ, err := range r.types.All() {
		if err != nil {
			t.Fatal(err)
		}
		switch typ.(type) {
		case *btf.Var:
		case *btf.Func:
			if funcs++; funcs%4096 != 0 {
				continue
			}
		default:
			continue
		}
		id, err := r.types.TypeID(typ)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, uint32(id))
	}
	p := r.tracepoint("sched_switch")
	list := btfSample(ids, 3)
	missing, plain := 0, 0
	for _, id := range list {
		wide := isa.LoadImm64(isa.OpLddwBTFID, isa.R2, int64(id))
		get := wide[:]
		name, _, _, _ := r.known.KernelSymbol(id)
		do := func(what string, more ...isa.Insn) {
			p.compare(fmt.Sprintf("%s (%d): %s", name, id, what), append(slices.Clone(get), more...)...)
		}
		if ours, theirs := p.ask(get...); strings.Contains(theirs.why, "failed to find the address") {
			missing++ // linked into the kernel, but not known by name there
			continue
		} else if plainPercpu.MatchString(ours.state) && strings.HasPrefix(theirs.state, "percpu_ptr_") {
			plain++ // the kernel names the type that it is of
		} else {
			do("the address")
		}
		for _, off := range []int{-1, 0, 1, 4, 8, 16, 64} {
			for _, size := range []int{1, 4, 8} {
				do(fmt.Sprintf("load of %d bytes at %d", size, off), loadInsn(isa.R2, isa.R2, off, size))
			}
		}
		do("a store", storeInsn(isa.R2, 0, 4))
		do("known not to be NULL", isa.New(isa.OpJneImm, isa.R2, 0, 1, 0), isa.New(isa.OpLdxDW, isa.R5, isa.R10, 16, 0))
		this := []isa.Insn{mov(isa.R1, isa.R2), call("this_cpu_ptr"), mov(isa.R2, isa.R0)}
		other := []isa.Insn{mov(isa.R1, isa.R2), movImm(isa.R2, 0), call("per_cpu_ptr"), mov(isa.R2, isa.R0)}
		do("this_cpu_ptr", this...)
		do("per_cpu_ptr", other...)
		do("per_cpu_ptr, untested", append(slices.Clone(other), loadInsn(isa.R2, isa.R2, 0, 4))...)
		do("this_cpu_ptr of 8 on", append([]isa.Insn{addImm(isa.R2, 8)}, this...)...)
		for _, off := range []int{0, 2, 4, 8} {
			do(fmt.Sprintf("load at %d of this_cpu_ptr", off), append(slices.Clone(this), loadInsn(isa.R2, isa.R2, off, 4))...)
			do(fmt.Sprintf("8 bytes at %d of this_cpu_ptr", off), append(slices.Clone(this), loadInsn(isa.R2, isa.R2, off, 8))...)
		}
		do("a store to this_cpu_ptr", append(slices.Clone(this), storeInsn(isa.R2, 0, 4))...)
	}
	r.report(fmt.Sprintf("%d of %d variables and functions, %d of which the kernel does not find, %d per CPU that are no structures", len(list), len(ids), missing, plain))
}

// TestBTFMaps compares loads from what the kernel's maps are made of.
func TestBTFMaps(t *testing.T) {
	r := newBTFRig(t)
	p := r.tracepoint("sched_switch")
	types := 0
	for typ := uint32(1); typ <= 40; typ++ {
		m := verifier.Map{Type: maps.Type(typ)}
		if err := p.tryMap(m); err != nil {
			continue
		}
		types++
		wide := isa.LoadImm64(isa.OpLddwMapFD, isa.R2, 0)
		step := 4
		if *btfAll {
			step = 1
		}
		for off := -8; off < 640; off += step {
			for _, size := range []int{8, 4, 1} {
				p.compare(fmt.Sprintf("map type %v: load of %d bytes at %d", m.Type, size, off), wide[0], wide[1], loadInsn(isa.R2, isa.R2, off, size))
			}
		}
		p.compare("a store", wide[0], wide[1], storeInsn(isa.R2, 0, 4))
		p.compare("something added", wide[0], wide[1], addImm(isa.R2, 8), loadInsn(isa.R2, isa.R2, 0, 4))
		p.compare("nothing added", wide[0], wide[1], addImm(isa.R2, 0), loadInsn(isa.R2, isa.R2, 24, 4))
	}
	r.report(fmt.Sprintf("maps of %d types", types))
}

// tryMap is useMap for map types that this kernel may not have, or not make so.
func (p *btfPoint) tryMap(m verifier.Map) error {
	for _, s := range []kernel.MapSpec{
		{KeySize: 4, ValueSize: 8, MaxEntries: 16}, {KeySize: 4, ValueSize: 4, MaxEntries: 16}, {ValueSize: 8, MaxEntries: 16},
		{MaxEntries: 4096}, {KeySize: 8, ValueSize: 8, MaxEntries: 16, Flags: 1}, {KeySize: 16, ValueSize: 8},
		{MaxEntries: 4096, Flags: 1 << 10, Extra: 1 << 44}, // an arena, at a user address
	} {
		s.Name, s.Type = "m", uint32(m.Type)
		km, err := kernel.NewMap(s)
		if err != nil {
			continue
		}
		p.rig.t.Cleanup(func() { km.Close() })
		m.Name, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags = "m", s.KeySize, s.ValueSize, s.MaxEntries, s.Flags
		p.ours.Maps, p.km = []*verifier.Map{&m}, km
		return nil
	}
	switch m.Type {
	case 24, 28, 29, 32:
		p.useMap(m)
		return nil
	case 12, 13:
		inner, err := kernel.NewMap(kernel.MapSpec{Name: "i", Type: 2, KeySize: 4, ValueSize: 4, MaxEntries: 1})
		if err != nil {
			return err
		}
		p.rig.t.Cleanup(func() { inner.Close() })
		km, err := kernel.NewMap(kernel.MapSpec{Name: "m", Type: uint32(m.Type), KeySize: 4, ValueSize: 4, MaxEntries: 4, Inner: inner})
		if err != nil {
			return err
		}
		p.rig.t.Cleanup(func() { km.Close() })
		m.Name, m.KeySize, m.ValueSize, m.MaxEntries = "m", 4, 4, 4
		m.Inner = &verifier.Map{Name: "i", Type: maps.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
		p.ours.Maps, p.km = []*verifier.Map{&m}, km
		return nil
	}
	return fmt.Errorf("no map of type %v", m.Type)
}

// TestBTFCasts compares what bpf_rdonly_cast makes of a number and the number of a type.
func TestBTFCasts(t *testing.T) {
	r := newBTFRig(t)
	p := r.tracepoint("sched_switch")
	p.ours.Kfuncs = []string{"bpf_rdonly_cast"}
	id, structs := 0, 0
	for typ, err := range r.types.All() {
		if err != nil {
			t.Fatal(err)
		}
		n := id
		id++
		_, isStruct := typ.(*btf.Struct)
		if isStruct {
			structs++
		}
		if n > 2 && (n%512 != 0 && !(isStruct && structs%64 == 0)) {
			continue
		}
		cast := []isa.Insn{movImm(isa.R1, 64), movImm(isa.R2, int64(n)), isa.New(isa.OpCallKfunc, 0, 0, 0, 0), mov(isa.R2, isa.R0)}
		what := fmt.Sprintf("cast to type %d, %v", n, typ)
		p.compare(what, cast...)
		for _, off := range []int{0, 4, 8, 64} {
			p.compare(fmt.Sprintf("%s, load at %d", what, off), append(slices.Clone(cast), loadInsn(isa.R2, isa.R2, off, 8))...)
		}
		p.compare(what+", a store", append(slices.Clone(cast), storeInsn(isa.R2, 0, 4))...)
	}
	for _, n := range []int64{int64(id), 1 << 30, -1} {
		p.compare(fmt.Sprintf("cast to type %d, which there is not", n), movImm(isa.R1, 64), movImm(isa.R2, n), isa.New(isa.OpCallKfunc, 0, 0, 0, 0), mov(isa.R2, isa.R0))
	}
	r.report("casts")
}
