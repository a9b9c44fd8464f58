package conformance

import (
	"sort"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// maxSeed is the largest real program that is mutated, in instructions: larger ones take the
// kernel long.
const maxSeed = 1200

// FuzzSeeds makes programs to mutate of the programs of object files. Those that need
// more than maps and static or global functions with plain arguments, such as the
// kernel's types, are left out.
func FuzzSeeds(paths ...string) (seeds []*fuzzgen.Program, err error) {
	for _, path := range paths {
		spec, err := loader.LoadSpecFile(path)
		if err != nil {
			return nil, err
		}
		// Programs of the object that cannot be described are missing in specs.
		specs, _ := loader.VerifierSpecs(spec, nil)
		names := make([]string, 0, len(specs))
		for name := range specs {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			if p := fuzzSeed(specs[name]); p != nil {
				seeds = append(seeds, p)
			}
		}
	}
	return seeds, nil
}

// fuzzSeed is a program as the generator has them, nil for one that needs too much.
func fuzzSeed(s *verifier.Spec) *fuzzgen.Program {
	if s.Type.Kernel == 0 || s.AttachBTF != nil || len(s.Poison) > 0 || len(s.Insns) > maxSeed || !s.GPL {
		return nil
	}
	p := &fuzzgen.Program{Type: s.Type.Kernel, Attach: s.Attach, Insns: s.Insns, Kfuncs: s.Kfuncs}
	if s.Sleepable {
		p.Flags |= fuzzgen.Sleepable
	}
	for _, in := range s.Insns {
		switch in.Op {
		case isa.OpLddwBTFID, isa.OpLddwMapIdx, isa.OpLddwMapIdxValue:
			return nil
		case isa.OpLddwFunc:
			p.Typed = true
		}
	}
	for _, m := range s.Maps {
		fm := fuzzMap(m)
		if fm == nil {
			return nil
		}
		p.Maps = append(p.Maps, fm)
	}
	for i := range s.Funcs {
		f := &s.Funcs[i]
		if f.Insn == 0 || !f.Global || f.Type == nil {
			continue
		}
		g := fuzzgen.Func{Insn: f.Insn}
		for _, a := range f.Type.Args {
			switch {
			case a.Class == verifier.ArgScalar:
				g.Args = append(g.Args, fuzzgen.Arg{Kind: fuzzgen.ArgInt})
			case a.Class == verifier.ArgCtx:
				g.Args = append(g.Args, fuzzgen.Arg{Kind: fuzzgen.ArgCtx})
			case a.Class == verifier.ArgMem && !a.NonNull:
				g.Args = append(g.Args, fuzzgen.Arg{Kind: fuzzgen.ArgMem, Size: a.Size})
			default:
				return nil
			}
		}
		p.Typed = true
		p.Funcs = append(p.Funcs, g)
	}
	return p
}

func fuzzMap(m *verifier.Map) *fuzzgen.Map {
	f := &fuzzgen.Map{
		Name: m.Name, Type: uint32(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags,
	}
	for _, x := range m.Fields {
		switch {
		case x.Off == 0 && x.Kind == maps.FieldSpinLock:
			f.Lock = true
		case x.Off == 0 && x.Kind == maps.FieldTimer:
			f.Timer = true
		default:
			return nil
		}
	}
	if m.Inner != nil {
		if f.Inner = fuzzMap(m.Inner); f.Inner == nil {
			return nil
		}
	}
	if m.Contents != nil {
		f.Contents, f.Frozen = m.Contents, true
	}
	// The name only labels it: letters that the kernel does not take are no loss.
	name := []byte(f.Name)
	for i, c := range name {
		if c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' && c != '_' || c > 'z' {
			name[i] = '_'
		}
	}
	f.Name = string(name)
	return f
}
