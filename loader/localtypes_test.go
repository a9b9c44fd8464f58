package loader

import (
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	gmaps "github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// TestLocalTypes describes structures that the program makes objects of: those inside them are taken apart, of fields
// that only kernel functions may touch is said which they are.
func TestLocalTypes(t *testing.T) {
	spec, err := LoadSpecFile("../testdata/objects/queue.o")
	if err != nil {
		t.Fatal(err)
	}
	specs, err := VerifierSpecs(spec, &Options{Programs: []string{"ok_enqueue"}})
	if err != nil {
		t.Fatal(err)
	}
	var got *verifier.LocalType
	for id, l := range specs["ok_enqueue"].LocalTypes {
		if l.Name != "flow" {
			continue
		}
		got = l
		if typ, err := spec.Types.TypeByID(btf.TypeID(id)); err != nil || typ.TypeName() != "flow" {
			t.Errorf("type %d is %v, %v", id, typ, err)
		}
	}
	want := &verifier.LocalType{
		Struct: verifier.Struct{Name: "flow", Size: 112, Members: []verifier.Member{
			{Name: "key", Size: 8}, {Name: "rb", Off: 8, Size: 32}, {Name: "list", Off: 40, Size: 24}, {Name: "refs", Off: 64, Size: 4},
			{Name: "packets", Off: 72, Size: 4}, {Name: "bytes", Off: 80, Size: 8}, {Name: "packets", Off: 88, Size: 4}, {Name: "bytes", Off: 96, Size: 8},
			{Name: "proto", Off: 104, Size: 2}, {Name: "flags", Off: 106, Size: 2},
		}},
		Fields: []gmaps.Field{
			{Kind: gmaps.FieldRBNode, Off: 8, Size: 32}, {Kind: gmaps.FieldListNode, Off: 40, Size: 24}, {Kind: gmaps.FieldRefcount, Off: 64, Size: 4},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("struct flow (-want +got):\n%s", d)
	}
	// Programs that make none are not told of any.
	plain := verifierSpecs(t, "basic.o", nil)
	for name, s := range plain {
		if s.LocalTypes != nil {
			t.Errorf("%s has %d types of its own", name, len(s.LocalTypes))
		}
	}
}
