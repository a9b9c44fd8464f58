package proto_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
)

func opaque(name string, size uint32) *btf.Struct {
	if size == 4 {
		return &btf.Struct{Name: name, Size: 4, Members: []btf.Member{{Name: "val", Type: &btf.Int{Name: "unsigned int", Size: 4}}}}
	}
	word := &btf.Int{Name: "unsigned long long", Size: 8}
	return &btf.Struct{Name: name, Size: size, Members: []btf.Member{{Name: "opaque", Type: &btf.Array{Index: anInt, Type: word, Nelems: size / 8}}}}
}

// fieldMaps makes a hash map for each special field that decides who may use it.
func fieldMaps(t *testing.T) map[proto.MapFields][]*ebpf.Map {
	t.Helper()
	lock := btf.Member{Name: "lock", Type: opaque("bpf_spin_lock", 4)}
	node := func(name, kind string) *btf.Struct {
		return &btf.Struct{Name: name, Size: 32, Members: []btf.Member{{Name: "node", Type: opaque(kind, map[string]uint32{"bpf_list_node": 24, "bpf_rb_node": 32}[kind])}}}
	}
	values := []struct {
		fields  proto.MapFields
		members []btf.Member
	}{
		{proto.HasSpinLock, []btf.Member{lock}},
		{proto.HasSpinLock, []btf.Member{{Name: "lock", Type: opaque("bpf_res_spin_lock", 4)}}},
		{proto.HasTimer, []btf.Member{{Name: "timer", Type: opaque("bpf_timer", 16)}}},
		{proto.HasWorkqueue, []btf.Member{{Name: "wq", Type: opaque("bpf_wq", 16)}}},
		{proto.HasSpinLock | proto.HasGraph, []btf.Member{{Name: "head", Type: opaque("bpf_list_head", 16), Tags: []string{"contains:list_elem:node"}}, lock}},
		{proto.HasSpinLock | proto.HasGraph, []btf.Member{{Name: "root", Type: opaque("bpf_rb_root", 16), Tags: []string{"contains:rb_elem:node"}}, lock}},
	}
	all := map[proto.MapFields][]*ebpf.Map{}
	for _, v := range values {
		s := &btf.Struct{Name: "value", Members: v.members}
		for i := range s.Members {
			s.Members[i].Offset = btf.Bits(8 * s.Size)
			s.Size += s.Members[i].Type.(*btf.Struct).Size
			// What a list or tree contains must be in the same type information.
			switch {
			case slices.Contains(s.Members[i].Tags, "contains:list_elem:node"):
				s.Members = append(s.Members, btf.Member{Name: "elem", Type: &btf.Pointer{Target: node("list_elem", "bpf_list_node")}})
			case slices.Contains(s.Members[i].Tags, "contains:rb_elem:node"):
				s.Members = append(s.Members, btf.Member{Name: "elem", Type: &btf.Pointer{Target: node("rb_elem", "bpf_rb_node")}})
			}
		}
		s.Size = (s.Size + 7) &^ 7
		for i := range s.Members {
			if s.Members[i].Name == "elem" {
				s.Members[i].Offset = btf.Bits(8 * s.Size)
				s.Size += 8
			}
		}
		m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: s.Size, MaxEntries: 1, Key: anInt, Value: s})
		if err != nil {
			t.Fatalf("map with %s: %v", v.members[0].Name, err)
		}
		t.Cleanup(func() { m.Close() })
		all[v.fields] = append(all[v.fields], m)
	}
	return all
}

// TestMapUsableKernel compares which maps the table lets each program type refer to with what the
// live kernel says of a program that does no more than that.
func TestMapUsableKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	all, fields := everyMap(t), fieldMaps(t)
	record := &mapVerdicts{Usable: map[string]string{}}
	compared := 0
	for i := range flavours {
		f := &flavours[i]
		ask := func(typ uint32, has proto.MapFields, m *ebpf.Map) bool {
			log, err := loadSpec(f, asm.Instructions{asm.LoadMapPtr(asm.R1, fresh(t, typ, m).FD()), asm.Mov.Imm(asm.R0, 0), asm.Return()})
			if err != nil || strings.Contains(log, "programs can be sleepable") {
				return false
			}
			theirs := log == "" || strings.Contains(log, "At program exit the register R0")
			compared++
			note(record.Usable, usableKey(uint32(f.typ), f.sleepable, has), typ, theirs)
			if why := proto.MapUsable(uint32(f.typ), f.sleepable, typ, has); (why == "") != theirs {
				t.Errorf("map of type %d with fields %d in %s: ours %q, the kernel's %v: %s", typ, has, f.name, why, theirs, last(log))
			}
			return true
		}
		for typ, m := range all {
			if !ask(typ, 0, m) {
				break
			}
		}
		for has, maps := range fields {
			for _, m := range maps {
				if !ask(uint32(ebpf.Array), has, m) {
					break
				}
			}
		}
	}
	t.Logf("%d references to maps compared with the live kernel", compared)
	if *update {
		record.save(t)
	}
}

// TestDirectValueKernel compares which maps' values a 16-byte load may refer to.
func TestDirectValueKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	compared := 0
	for typ := range everyMap(t) {
		for _, n := range []uint32{1, 2} {
			s := mapSpec(ebpf.MapType(typ))
			if s.MaxEntries == 1 {
				s.MaxEntries = n
			} else if n == 2 {
				continue
			}
			m, err := ebpf.NewMap(s)
			if err != nil {
				t.Fatal(err)
			}
			log, err := loadSpec(flavourNamed("xdp"), asm.Instructions{asm.LoadMapValue(asm.R1, m.FD(), 0), asm.Mov.Imm(asm.R0, 0), asm.Return()})
			m.Close()
			if err != nil {
				t.Fatal(err)
			}
			compared++
			if ours := proto.DirectValue(typ, s.MaxEntries); ours != (log == "") {
				t.Errorf("value of a map of type %d with %d entries: ours %v, the kernel says %s", typ, s.MaxEntries, ours, last(log))
			}
		}
	}
	t.Logf("%d loads compared with the live kernel", compared)
}
