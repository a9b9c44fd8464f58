package loader

import (
	"debug/elf"
	"reflect"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// weakKey marks instructions whose reference may stay unresolved; its value is the name.
type weakKey struct{}

// typedKey marks instructions that refer to a kernel symbol that the object declares with a type.
type typedKey struct{}

// extern is what an instruction refers to outside the object.
type extern struct {
	kind  string // "kconfig", "kfunc" or "ksym"
	name  string // of the kfunc or ksym
	off   uint32 // of the kconfig variable in its section
	weak  bool
	typed bool // a ksym that is a variable with a type
}

// externOf reads what the parser noted at an instruction about kconfig variables,
// kfuncs and ksyms. The parser keeps that to itself, so this looks at its types by
// name; reflection without unsafe suffices, and a test fails if they change.
func externOf(ins *asm.Instruction) (x extern, ok bool) {
	for e := reflect.ValueOf(ins.Metadata).FieldByName("head"); e.IsValid() && e.Kind() == reflect.Pointer && !e.IsNil(); {
		elem := e.Elem()
		key, value := elem.FieldByName("key"), elem.FieldByName("value")
		if key.IsValid() && value.IsValid() && !key.IsNil() && !value.IsNil() && value.Elem().Kind() == reflect.Pointer && !value.Elem().IsNil() {
			meta := value.Elem().Elem()
			switch key.Elem().Type().Name() {
			case "kconfigMetaKey":
				return extern{kind: "kconfig", off: uint32(meta.FieldByName("Offset").Uint())}, true
			case "kfuncMetaKey":
				x = extern{kind: "kfunc", weak: elf.SymBind(meta.FieldByName("Binding").Int()) == elf.STB_WEAK}
				if f := meta.FieldByName("Func"); !f.IsNil() {
					x.name = f.Elem().FieldByName("Name").String()
				}
				return x, true
			case "ksymMetaKey":
				typed, _ := ins.Metadata.Get(typedKey{}).(bool)
				return extern{
					kind: "ksym", name: meta.FieldByName("Name").String(), typed: typed,
					weak: elf.SymBind(meta.FieldByName("Binding").Int()) == elf.STB_WEAK,
				}, true
			}
		}
		e = elem.FieldByName("next")
	}
	return extern{}, false
}

// markWeak notes at instructions which of their references are weak, as far as the
// parser did not.
func markWeak(spec *ebpf.CollectionSpec, weak map[string]bool) {
	if len(weak) == 0 {
		return
	}
	kconfig := kconfigVars(spec)
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			ins := &p.Instructions[i]
			name := ins.Reference()
			if x, ok := externOf(ins); ok {
				if v := kconfig[x.off]; x.kind == "kconfig" && v != nil {
					name = v.Type.(*btf.Var).Name
				} else {
					name = ""
				}
			}
			if name != "" && weak[name] {
				ins.Metadata.Set(weakKey{}, name)
			}
		}
	}
}

// markTyped notes at instructions which kernel symbols have a type in the object, which the parser does not take.
func markTyped(spec *ebpf.CollectionSpec, typed map[string]bool) {
	if len(typed) == 0 {
		return
	}
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			if ins := &p.Instructions[i]; typed[ins.Reference()] {
				ins.Metadata.Set(typedKey{}, true)
			}
		}
	}
}

// kconfigVars are the variables of .kconfig by offset.
func kconfigVars(spec *ebpf.CollectionSpec) map[uint32]*btf.VarSecinfo {
	vars := make(map[uint32]*btf.VarSecinfo)
	var ds *btf.Datasec
	if spec.Types == nil || spec.Types.TypeByName(".kconfig", &ds) != nil {
		return vars
	}
	for i := range ds.Vars {
		if _, ok := ds.Vars[i].Type.(*btf.Var); ok {
			vars[ds.Vars[i].Offset] = &ds.Vars[i]
		}
	}
	return vars
}
