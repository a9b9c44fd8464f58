package loader

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	gmaps "github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// Options are the choices of loading a collection. The zero value, like nil, loads
// everything.
type Options struct {
	// Programs names the programs to load; nil means all. Programs that a prog
	// array of the object holds from the start come along.
	Programs []string

	// KernelBTF is the target of CO-RE relocations: the types of the kernel that the
	// programs are to see, such as btf.LoadKernelSpec returns. nil means the
	// object's own types: everything is where the compiler found it.
	KernelBTF *btf.Spec

	// Kconfig gives values to .kconfig variables by name: integers, bool, [Tristate] or a
	// string, over those of [DefaultKconfig].
	Kconfig map[string]any

	// Ksyms gives values to the kernel symbols (__ksym) that programs take the
	// address of. Weak ones are 0 without.
	Ksyms map[string]uint64

	// MapReplacements are maps of the same machine to use in place of new ones of
	// these names. Type, sizes and flags must agree; initial contents are left out.
	MapReplacements map[string]*gmaps.Map

	// SkipUnsupported loads the collection without the programs and maps that gbpf
	// cannot run or make, and lists them in Skipped.
	SkipUnsupported bool

	// Skipped is set to what was left out, each with its reason. Maps that gbpf
	// cannot make and that no program to be loaded uses are always left out.
	Skipped []*Error
}

// New makes the maps, programs and variables of spec in m. The spec may have been
// changed since it was parsed, and is itself left alone. Pinning is ignored: nothing
// outlives the machine.
//
// The error is an [*Error] that names the program or map at fault. Nothing of the
// collection is left in the machine then.
func New(m *vm.Machine, spec *ebpf.CollectionSpec, o *Options) (_ *vm.Collection, err error) {
	if o == nil {
		o = &Options{}
	}
	l := &load{
		m: m, o: o, spec: spec,
		coll: &vm.Collection{
			Programs: make(map[string]*vm.Program), Maps: make(map[string]*gmaps.Map), Variables: make(map[string]*vm.Variable),
		},
		skippedMaps: make(map[string]*Error),
	}
	o.Skipped = nil
	defer func() {
		if p := recover(); p != nil {
			err = loadError("malformed collection: %v", p)
		}
		if err != nil {
			l.undo()
		}
	}()
	if err := l.run(); err != nil {
		return nil, err
	}
	return l.coll, nil
}

// load is one call of New under way.
type load struct {
	m           *vm.Machine
	o           *Options
	spec        *ebpf.CollectionSpec
	coll        *vm.Collection
	made        []*gmaps.Map // maps to close if loading fails
	skippedMaps map[string]*Error
}

func (l *load) undo() {
	l.coll.Close()
	for _, m := range l.made {
		m.Close()
	}
}

func (l *load) run() error {
	if l.spec == nil {
		return loadError("no collection given")
	}
	if len(l.spec.Programs) == 0 {
		return loadError("object has %w: functions outside .text, in sections such as xdp, are programs", ErrNoPrograms)
	}
	for name := range l.o.MapReplacements {
		if l.spec.Maps[name] == nil {
			return loadError("map %s to replace: %w, the object has %s", name, ErrNotFound, list(l.spec.Maps))
		}
	}
	names, err := l.selection()
	if err != nil {
		return err
	}
	codes, kinds, err := l.convert(names)
	if err != nil {
		return err
	}
	if err := l.makeMaps(codes); err != nil {
		return err
	}
	for _, name := range names {
		if codes[name] == nil {
			continue
		}
		if err := l.makeProgram(name, kinds[name], codes[name]); err != nil {
			return err
		}
	}
	if err := l.fillReferences(); err != nil {
		return err
	}
	return l.makeVariables()
}

// selection lists the programs to load, those in prog arrays included.
func (l *load) selection() ([]string, error) {
	if l.o.Programs == nil {
		return slices.Sorted(maps.Keys(l.spec.Programs)), nil
	}
	chosen := make(map[string]bool)
	for _, name := range l.o.Programs {
		if l.spec.Programs[name] == nil {
			return nil, loadError("program %s: %w, the object has %s", name, ErrNotFound, list(l.spec.Programs))
		}
		chosen[name] = true
	}
	for _, ms := range l.spec.Maps {
		for _, kv := range ms.Contents {
			if name, ok := kv.Value.(string); ok && ms.Type == ebpf.ProgramArray && l.spec.Programs[name] != nil {
				chosen[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(chosen)), nil
}

// list is "a, b and c" of sorted names.
func list[T any](m map[string]T) string {
	names := slices.Sorted(maps.Keys(m))
	switch n := len(names); {
	case n == 0:
		return "none"
	case n == 1:
		return names[0]
	case n > 20:
		return strings.Join(names[:20], ", ") + fmt.Sprintf(" and %d more", n-20)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// skip leaves something out that gbpf does not support, if that was asked for.
func (l *load) skip(err error) error {
	var e *Error
	if l.o.SkipUnsupported && errors.As(err, &e) && errors.Is(err, ErrUnsupported) {
		l.o.Skipped = append(l.o.Skipped, e)
		return nil
	}
	return err
}

// convert turns the programs into bytecode. Those left out have none.
func (l *load) convert(names []string) (map[string]*code, map[string]kind, error) {
	s := surroundings{spec: l.spec, kernel: l.o.KernelBTF, ksyms: l.o.Ksyms, kfunc: l.m.HasKfunc}
	codes, kinds := make(map[string]*code), make(map[string]kind)
	for _, name := range names {
		p := l.spec.Programs[name]
		k, err := programKind(name, p)
		if err == nil {
			kinds[name] = k
			codes[name], err = s.convert(p)
		}
		if err != nil {
			if err := l.skip(err); err != nil {
				return nil, nil, err
			}
		}
	}
	return codes, kinds, nil
}

// kind is what a program is loaded as.
type kind struct {
	typ    *progtype.Type
	attach uint32 // expected attach type, the kernel's number
}

// programKind finds the type that gbpf runs a program as.
func programKind(name string, p *ebpf.ProgramSpec) (kind, error) {
	k := kind{progtype.ByKernel(uint32(p.Type)), uint32(p.AttachType)}
	if p.Type == ebpf.UnspecifiedProgram {
		var ok bool
		if k.typ, k.attach, ok = progtype.BySection(p.SectionName); !ok {
			return k, programError(name, "section name %q stands for no program type: %w", p.SectionName, ErrUnsupported)
		}
	}
	switch {
	case k.typ == nil:
		return k, programError(name, "program type %d (section %q) is %w", uint32(p.Type), p.SectionName, ErrUnsupported)
	case k.typ.Setup == nil:
		return k, programError(name, "program type %s (section %q) is %w", k.typ, p.SectionName, ErrUnsupported)
	}
	return k, nil
}

func (l *load) makeProgram(name string, k kind, c *code) error {
	p := l.spec.Programs[name]
	ps := &vm.ProgramSpec{
		Name: name, Type: k.typ, AttachType: k.attach, License: p.License,
		Insns: c.insns, Kfuncs: c.kfuncs, Funcs: c.funcs, Lines: c.lines, Poison: c.poison,
	}
	for _, ref := range c.maps {
		m := l.coll.Maps[ref]
		if m == nil {
			// The map was left out, which only happens when asked for.
			e := programError(name, "needs map %s, which is %w", ref, ErrUnsupported)
			if why := l.skippedMaps[ref]; why != nil {
				e = programError(name, "needs %s", why.detail())
				e.Err = why
			}
			return l.skip(e)
		}
		ps.Maps = append(ps.Maps, m)
	}
	prog, err := l.m.NewProgram(ps)
	if err != nil {
		return l.skip(programLoadError(name, err))
	}
	l.coll.Programs[name] = prog
	return nil
}

// programLoadError says a machine's refusal in the loader's words.
func programLoadError(name string, err error) error {
	var le *vm.LoadError
	if !errors.As(err, &le) {
		return programError(name, "%w", err)
	}
	e := programError(name, "%s", le.Reason)
	e.Insn, e.Line, e.Err = le.Insn, le.Line, err
	if le.Unsupported {
		e.Err = errors.Join(ErrUnsupported, err)
	}
	return e
}

// makeVariables names the global variables in the data maps.
func (l *load) makeVariables() error {
	for name, vs := range l.spec.Variables {
		m := l.coll.Maps[vs.SectionName]
		if m == nil {
			continue
		}
		v, err := vm.NewVariable(name, m, vs.Offset, vs.Size(), vs.Constant())
		if err != nil {
			return mapError(vs.SectionName, "%w", err)
		}
		l.coll.Variables[name] = v
	}
	return nil
}
