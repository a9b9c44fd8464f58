package loader

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// TestFixupsLikeLibrary applies the relocations of installed objects to the running
// kernel's types, by this package and by the library.
func TestFixupsLikeLibrary(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the library applies fixups on Linux only")
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skip(err)
	}
	n := 0
	for name, b := range systemObjects(t) {
		spec, err := LoadSpec(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range spec.Programs {
			var relos []*btf.CORERelocation
			var theirs []asm.Instruction
			for _, ins := range p.Instructions {
				if r := btf.CORERelocationMetadata(&ins); r != nil {
					relos, theirs = append(relos, r), append(theirs, ins)
				}
			}
			if len(relos) == 0 {
				continue
			}
			fixups, err := btf.CORERelocate(relos, []*btf.Spec{kernel}, binary.LittleEndian, spec.Types.TypeID)
			if err != nil {
				t.Errorf("%s: %s: %v", name, p.Name, err)
				continue
			}
			mine := append(asm.Instructions(nil), p.Instructions...)
			poison, err := relocate(mine, spec, kernel)
			if err != nil {
				t.Errorf("%s: %s: %v", name, p.Name, err)
				continue
			}
			k := 0
			for i := range mine {
				if btf.CORERelocationMetadata(&mine[i]) == nil {
					continue
				}
				want := theirs[k]
				err := fixups[k].Apply(&want)
				poisoned := want.IsBuiltinCall() && want.Constant == poisonID || want.OpCode.IsDWordLoad() && want.Constant == poisonID
				if err != nil || poisoned != (poison[i] != "") ||
					!poisoned && (want.Offset != mine[i].Offset || want.Constant != mine[i].Constant || want.OpCode != mine[i].OpCode) {
					t.Errorf("%s: %s: %s: got %v poison %q, want %v, %v", name, p.Name, relos[k], mine[i], poison[i], want, err)
				}
				k++
				n++
			}
		}
	}
	t.Logf("%d relocations", n)
}
