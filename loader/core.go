package loader

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// poisonID is the helper number that libbpf leaves at an instruction whose CO-RE
// relocation has no answer. The kernel reports it as "invalid func
// unknown#195896080" unless the instruction is dead code.
const poisonID = btf.COREBadRelocationSentinel

// fixup is what the CO-RE algorithm found for one relocation.
type fixup struct {
	local, target uint64
	poison        bool
	unchecked     bool // the local value is not what the instruction must hold now
}

// readFixup takes a fixup apart. The library's own Apply works on Linux only and
// replaces poisoned instructions, so this reads the fields it keeps to itself.
func readFixup(f *btf.COREFixup) fixup {
	v := reflect.ValueOf(f).Elem()
	return fixup{
		local: v.FieldByName("local").Uint(), target: v.FieldByName("target").Uint(),
		poison: v.FieldByName("poison").Bool(), unchecked: v.FieldByName("skipLocalValidation").Bool(),
	}
}

// relocate applies the CO-RE relocations of a program's instructions, in place. Those
// without an answer are returned: reason by index into insns.
//
// Without a kernel's BTF the program's own types are the target. Where these leave a choice, or
// the algorithm refuses a type, what the compiler wrote stands.
func relocate(insns asm.Instructions, spec *ebpf.CollectionSpec, kernel *btf.Spec) (map[int]string, error) {
	var relos []*btf.CORERelocation
	var at []int
	for i := range insns {
		if r := btf.CORERelocationMetadata(&insns[i]); r != nil {
			relos, at = append(relos, r), append(at, i)
		}
	}
	target := kernel
	if target == nil {
		target = spec.Types
	}
	if len(relos) == 0 || target == nil {
		return nil, nil
	}
	fixups, err := calculate(relos, spec, target)
	if err != nil {
		if kernel != nil {
			return nil, fmt.Errorf("CO-RE: %w", err)
		}
		fixups = make([]*btf.COREFixup, len(relos))
		for i := range relos {
			if one, err := calculate(relos[i:i+1], spec, target); err == nil {
				fixups[i] = one[0]
			}
		}
	}
	var poison map[int]string
	for i, f := range fixups {
		if f == nil {
			continue
		}
		fix := readFixup(f)
		if fix.poison {
			if poison == nil {
				poison = make(map[int]string)
			}
			poison[at[i]] = fmt.Sprintf("unknown#%d: CO-RE found no match for %s", poisonID, relos[i])
			continue
		}
		if err := fix.apply(&insns[at[i]]); err != nil {
			return nil, &insnError{index: at[i], err: fmt.Errorf("CO-RE: %s: %w", relos[i], err)}
		}
	}
	return poison, nil
}

// insnError is an error at the instruction with an index into asm.Instructions.
type insnError struct {
	index int
	err   error
}

func (e *insnError) Error() string { return e.err.Error() }
func (e *insnError) Unwrap() error { return e.err }

func calculate(relos []*btf.CORERelocation, spec *ebpf.CollectionSpec, target *btf.Spec) (_ []*btf.COREFixup, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed relocation: %v", p)
		}
	}()
	fixups, err := btf.CORERelocate(relos, []*btf.Spec{target}, binary.LittleEndian, func(t btf.Type) (btf.TypeID, error) {
		if spec.Types == nil {
			return 0, nil
		}
		if id, err := spec.Types.TypeID(t); err == nil {
			return id, nil
		}
		// A copied spec has types of its own.
		if types, err := spec.Types.AnyTypesByName(t.TypeName()); err == nil {
			for _, c := range types {
				if reflect.TypeOf(c) == reflect.TypeOf(t) && c.TypeName() == t.TypeName() {
					return spec.Types.TypeID(c)
				}
			}
		}
		return 0, nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]*btf.COREFixup, len(fixups))
	for i := range fixups {
		out[i] = &fixups[i]
	}
	return out, nil
}

// apply puts the target's value where the instruction has the local one: the
// offset of a memory access, the immediate of arithmetic or of a 16-byte load.
func (f fixup) apply(ins *asm.Instruction) error {
	mismatch := func(have int64) error {
		if f.unchecked || uint64(have) == f.local || uint64(uint32(have)) == f.local {
			return nil
		}
		return fmt.Errorf("instruction holds %d, the relocation expects %d", have, f.local)
	}
	switch ins.OpCode.Class() {
	case asm.LdXClass, asm.StClass, asm.StXClass:
		if f.target > math.MaxInt16 {
			return fmt.Errorf("offset %d does not fit 16 bits", f.target)
		}
		if err := mismatch(int64(ins.Offset)); err != nil {
			return err
		}
		ins.Offset = int16(f.target)
	case asm.LdClass:
		if !ins.IsConstantLoad(asm.DWord) {
			return fmt.Errorf("relocation at a load that is not lddw")
		}
		if err := mismatch(ins.Constant); err != nil {
			return err
		}
		ins.Constant = int64(f.target)
	case asm.ALUClass, asm.ALU64Class:
		if ins.OpCode.Source() != asm.ImmSource {
			return fmt.Errorf("relocation at arithmetic without an immediate")
		}
		if err := mismatch(ins.Constant); err != nil {
			return err
		}
		if int64(f.target) < math.MinInt32 || int64(f.target) > math.MaxUint32 {
			return fmt.Errorf("value %d does not fit 32 bits", int64(f.target))
		}
		ins.Constant = int64(int32(f.target))
	default:
		return fmt.Errorf("relocation at an instruction that takes none")
	}
	return nil
}
