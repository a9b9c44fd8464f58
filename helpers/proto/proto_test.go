package proto_test

import (
	"testing"

	"github.com/gbpf/gbpf/helpers/proto"
)

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for id := int32(1); id <= proto.MaxID; id++ {
		p := proto.ByID(id)
		if p == nil || p.ID != id || p.Name == "" || proto.Name(id) != p.Name || proto.ByName(p.Name) != p {
			t.Fatalf("helper %d is %+v", id, p)
		}
		if seen[p.Name] {
			t.Errorf("%s is there twice", p.Name)
		}
		seen[p.Name] = true
		if err := p.Check(); err != nil {
			t.Error(err)
		}
		for typ := range uint32(40) {
			v := proto.For(typ, id)
			if v.ID != id || v.Name != p.Name || v.Ret != p.Ret {
				t.Errorf("%s for type %d is %+v", p.Name, typ, v)
			}
			if err := v.Check(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, id := range []int32{-1, 0, proto.MaxID + 1, 1 << 30} {
		if proto.ByID(id) != nil || proto.Name(id) != "" || proto.For(6, id) != nil || proto.Allowed(6, id) {
			t.Errorf("there is a helper %d", id)
		}
	}
}

func TestReferences(t *testing.T) {
	for name, want := range map[string][2]bool{
		"ringbuf_reserve": {true, false}, "ringbuf_submit": {false, true}, "sk_lookup_tcp": {true, false}, "sk_release": {false, true},
		"kptr_xchg": {true, true}, "map_lookup_elem": {false, false},
	} {
		if p := proto.ByName(name); p.Acquires != want[0] || p.Releases != want[1] {
			t.Errorf("%s acquires %v, releases %v", name, p.Acquires, p.Releases)
		}
	}
}

func TestAllowedAttach(t *testing.T) {
	const tracing, lsm, fentry, fexit = 26, 29, 24, 25
	arg := proto.ByName("get_func_arg").ID
	if !proto.AllowedAttach(tracing, fentry, false, arg) || !proto.AllowedAttach(tracing, fexit, true, arg) || !proto.Allowed(lsm, arg) {
		t.Error("programs on a trampoline have no get_func_arg")
	}
	read := proto.ByName("copy_from_user").ID
	if !proto.AllowedAttach(tracing, fentry, true, read) {
		t.Error("sleepable fentry programs have no copy_from_user")
	}
	if !proto.AllowedAttach(6, 12345, false, 44) {
		t.Error("an unknown attach type does not fall back to the program type")
	}
}
