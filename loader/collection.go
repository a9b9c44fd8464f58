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
	"github.com/gbpf/gbpf/verifier"
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

	// Targets is what programs of tracing types attach to, by program name, where it is not in the
	// kernel's BTF under the name that the object gives: functions of other BPF programs, see [BPFTarget].
	Targets map[string]*verifier.FuncType

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

// load is one call of New or VerifierSpecs under way.
type load struct {
	m           *vm.Machine // nil for VerifierSpecs
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
	for name := range l.o.MapReplacements {
		if l.spec != nil && l.spec.Maps[name] == nil {
			return loadError("map %s to replace: %w, the object has %s", name, ErrNotFound, list(l.spec.Maps))
		}
	}
	plans, err := l.plan()
	if err != nil {
		return err
	}
	if err := l.makeMaps(plans); err != nil {
		return err
	}
	for _, p := range plans {
		if err := l.makeProgram(p); err != nil {
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

// plan is a program to load: its bytecode and what else is known of it before there are maps.
type plan struct {
	spec *ebpf.ProgramSpec
	code *code
	// verify is the program as the verifier sees it, without its maps.
	verify *verifier.Spec
}

// plan turns the programs that are wanted into bytecode, by name. Those left out are not in it.
func (l *load) plan() ([]*plan, error) {
	if l.spec == nil {
		return nil, loadError("no collection given")
	}
	if len(l.spec.Programs) == 0 {
		return nil, loadError("object has %w: functions outside .text, in sections such as xdp, are programs", ErrNoPrograms)
	}
	names, err := l.selection()
	if err != nil {
		return nil, err
	}
	s := surroundings{spec: l.spec, kernel: l.o.KernelBTF, ksyms: l.o.Ksyms, kfunc: l.kfunc, anyKsym: l.m == nil}
	types := newKernelTypes(l.o.KernelBTF)
	var plans []*plan
	for _, name := range names {
		p := l.spec.Programs[name]
		k, err := programKind(name, p)
		if err == nil && l.m != nil {
			err = k.runnable(name, p)
		}
		var c *code
		if err == nil {
			c, err = s.convert(p, k.typ)
		}
		if err != nil {
			if err := l.skip(err); err != nil {
				return nil, err
			}
			continue
		}
		plans = append(plans, &plan{spec: p, code: c, verify: verifierSpec(name, p, k, c, l.o, types)})
	}
	locals := localTypes(l.spec, plans)
	for _, p := range plans {
		p.verify.LocalTypes = locals
	}
	return plans, nil
}

// kind is what a program is loaded as.
type kind struct {
	typ    *progtype.Type
	attach uint32 // expected attach type, the kernel's number
	// sleepable is what the section's name says.
	sleepable bool
}

// programKind finds the type that gbpf runs a program as.
func programKind(name string, p *ebpf.ProgramSpec) (kind, error) {
	k := kind{typ: progtype.ByKernel(uint32(p.Type)), attach: uint32(p.AttachType)}
	if p.Type == ebpf.UnspecifiedProgram {
		var ok bool
		if k.typ, k.attach, ok = progtype.BySection(p.SectionName); !ok {
			return k, programError(name, "section name %q stands for no program type: %w", p.SectionName, ErrUnsupported)
		}
	}
	section, _, _ := strings.Cut(p.SectionName, "/")
	k.sleepable = strings.HasSuffix(section, ".s") || k.typ == progtype.Syscall
	if k.typ == nil {
		return k, programError(name, "program type %d (section %q) is %w", uint32(p.Type), p.SectionName, ErrUnsupported)
	}
	return k, nil
}

// runnable refuses the types that gbpf knows but does not run.
func (k kind) runnable(name string, p *ebpf.ProgramSpec) error {
	if k.typ.Setup == nil {
		return programError(name, "program type %s (section %q) is %w", k.typ, p.SectionName, ErrUnsupported)
	}
	return nil
}

func (l *load) makeProgram(p *plan) error {
	v, name := p.verify, p.verify.Name
	ps := &vm.ProgramSpec{
		Name: name, Type: v.Type, AttachType: v.Attach, License: p.spec.License, Sleepable: v.Sleepable, StrictAlignment: v.StrictAlignment,
		Insns: v.Insns, Kfuncs: v.Kfuncs, Funcs: v.Funcs, Lines: v.Lines, Poison: v.Poison, AttachBTF: v.AttachBTF, Types: v.Types,
	}
	for _, ref := range p.code.maps {
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
