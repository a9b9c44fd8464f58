package suite

import (
	"fmt"
	"strings"

	"github.com/gbpf/gbpf/maps"
)

// step is one call on the map and what R0 must be, as a number of 64 bits; for lookups whether there is a value, and which.
type step struct {
	op    string // update, delete, lookup, push, pop, peek
	key   uint64
	value uint64
	flags int
	want  int64 // R0 of updates and the like; lookups: the value, -1 for none
}

// Errors as the kernel returns them.
const (
	enoent = -2
	e2big  = -7
	eexist = -17
	einval = -22
)

// Flags of bpf_map_update_elem.
const (
	anyway  = 0
	noExist = 1
	exist   = 2
)

// script is a program that does the steps one after the other and returns the number of the first that went wrong,
// counted from 1, or 0.
func script(s *maps.Spec, steps []step) string {
	var b strings.Builder
	b.WriteString("r9 = 0\n")
	for i, t := range steps {
		fmt.Fprintf(&b, "r9 = %d\n", i+1)
		switch s.KeySize {
		case 4:
			fmt.Fprintf(&b, "r1 = %d; *(u32 *)(r10 -8) = r1\n", int32(t.key))
		case 8:
			fmt.Fprintf(&b, "r1 = %d ll; *(u64 *)(r10 -8) = r1\n", t.key)
		}
		if s.ValueSize == 4 {
			fmt.Fprintf(&b, "r1 = %d; *(u32 *)(r10 -16) = r1\n", int32(t.value))
		} else {
			fmt.Fprintf(&b, "r1 = %d ll; *(u64 *)(r10 -16) = r1\n", t.value)
		}
		load := "r1 = *(u64 *)"
		if s.ValueSize == 4 {
			load = "r1 = *(u32 *)"
		}
		switch t.op {
		case "update":
			fmt.Fprintf(&b, "r1 = map[0]; r2 = r10; r2 += -8; r3 = r10; r3 += -16; r4 = %d; call map_update_elem; if r0 != %d goto bad\n", t.flags, t.want)
		case "delete":
			fmt.Fprintf(&b, "r1 = map[0]; r2 = r10; r2 += -8; call map_delete_elem; if r0 != %d goto bad\n", t.want)
		case "push":
			fmt.Fprintf(&b, "r1 = map[0]; r2 = r10; r2 += -16; r3 = %d; call map_push_elem; if r0 != %d goto bad\n", t.flags, t.want)
		case "pop", "peek":
			fmt.Fprintf(&b, "r1 = map[0]; r2 = r10; r2 += -16; call map_%s_elem; if r0 != %d goto bad\n", t.op, t.want)
			if t.want == 0 {
				fmt.Fprintf(&b, "%s(r10 -16); if r1 != %d goto bad\n", load, t.value)
			}
		case "lookup":
			fmt.Fprintf(&b, "r1 = map[0]; r2 = r10; r2 += -8; call map_lookup_elem\n")
			if t.want < 0 {
				b.WriteString("if r0 != 0 goto bad\n")
			} else {
				fmt.Fprintf(&b, "if r0 == 0 goto bad\n%s(r0 +0); if r1 != %d goto bad\n", load, t.want)
			}
		}
	}
	b.WriteString("r9 = 0\nbad: r0 = r9; exit\n")
	return b.String()
}

// mapScripts are histories of maps. The kernel's manual pages of the map types and of the helpers decide.
var mapScripts = []struct {
	name  string
	spec  maps.Spec
	steps []step
}{
	{"array", maps.Spec{Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 4}, []step{
		{op: "lookup", key: 0, want: 0}, {op: "lookup", key: 3, want: 0}, {op: "lookup", key: 4, want: -1}, {op: "lookup", key: 0xffffffff, want: -1},
		{op: "update", key: 1, value: 77, want: 0}, {op: "lookup", key: 1, want: 77}, {op: "lookup", key: 2, want: 0},
		{op: "update", key: 1, value: 78, flags: exist, want: 0}, {op: "lookup", key: 1, want: 78},
		{op: "update", key: 1, value: 79, flags: noExist, want: eexist}, {op: "lookup", key: 1, want: 78},
		{op: "update", key: 4, value: 1, want: e2big}, {op: "update", key: 0, value: 1, flags: 8, want: einval}, {op: "delete", key: 1, want: einval},
	}},
	{"array of 4 bytes", maps.Spec{Type: maps.Array, KeySize: 4, ValueSize: 4, MaxEntries: 3}, []step{
		{op: "update", key: 2, value: 0x7fffffff, want: 0}, {op: "lookup", key: 2, want: 0x7fffffff}, {op: "lookup", key: 1, want: 0}, {op: "lookup", key: 3, want: -1},
	}},
	{"percpu_array", maps.Spec{Type: maps.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 2}, []step{
		{op: "lookup", key: 1, want: 0}, {op: "lookup", key: 2, want: -1}, {op: "update", key: 1, value: 5, want: 0}, {op: "lookup", key: 1, want: 5},
		{op: "update", key: 1, value: 6, flags: noExist, want: eexist}, {op: "update", key: 2, value: 6, want: e2big}, {op: "delete", key: 0, want: einval},
	}},
	{"hash", maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 3}, []step{
		{op: "lookup", key: 1, want: -1}, {op: "update", key: 1, value: 10, flags: exist, want: enoent}, {op: "update", key: 1, value: 10, want: 0}, {op: "lookup", key: 1, want: 10},
		{op: "update", key: 1, value: 11, flags: noExist, want: eexist}, {op: "update", key: 1, value: 12, flags: exist, want: 0}, {op: "lookup", key: 1, want: 12},
		{op: "update", key: 2, value: 20, flags: noExist, want: 0}, {op: "update", key: 1 << 63, value: 30, want: 0}, {op: "update", key: 4, value: 40, want: e2big},
		{op: "update", key: 2, value: 21, want: 0}, {op: "lookup", key: 2, want: 21}, {op: "lookup", key: 1 << 63, want: 30}, {op: "delete", key: 2, want: 0}, {op: "delete", key: 2, want: enoent},
		{op: "lookup", key: 2, want: -1}, {op: "update", key: 4, value: 40, want: 0}, {op: "lookup", key: 4, want: 40}, {op: "update", key: 9, value: 1, flags: 8, want: einval},
	}},
	{"hash with keys of 4 bytes", maps.Spec{Type: maps.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 8}, []step{
		{op: "update", key: 0xffffffff, value: 1, want: 0}, {op: "lookup", key: 0xffffffff, want: 1}, {op: "lookup", key: 0x7fffffff, want: -1}, {op: "delete", key: 0xffffffff, want: 0}, {op: "lookup", key: 0xffffffff, want: -1},
	}},
	{"hash without preallocation", maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 2, Flags: 1}, []step{
		{op: "update", key: 1, value: 10, want: 0}, {op: "update", key: 2, value: 20, want: 0}, {op: "update", key: 3, value: 30, want: e2big}, {op: "delete", key: 1, want: 0}, {op: "update", key: 3, value: 30, want: 0}, {op: "lookup", key: 3, want: 30},
	}},
	{"percpu_hash", maps.Spec{Type: maps.PerCPUHash, KeySize: 8, ValueSize: 8, MaxEntries: 2}, []step{
		{op: "lookup", key: 1, want: -1}, {op: "update", key: 1, value: 10, want: 0}, {op: "lookup", key: 1, want: 10}, {op: "update", key: 1, value: 11, flags: noExist, want: eexist},
		{op: "update", key: 5, value: 1, flags: exist, want: enoent}, {op: "delete", key: 1, want: 0}, {op: "lookup", key: 1, want: -1},
	}},
	{"lru_hash", maps.Spec{Type: maps.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: 64}, []step{
		{op: "lookup", key: 1, want: -1}, {op: "update", key: 1, value: 10, want: 0}, {op: "lookup", key: 1, want: 10}, {op: "update", key: 1, value: 11, flags: noExist, want: eexist},
		{op: "update", key: 2, value: 1, flags: exist, want: enoent}, {op: "update", key: 1, value: 12, flags: exist, want: 0}, {op: "lookup", key: 1, want: 12}, {op: "delete", key: 1, want: 0}, {op: "delete", key: 1, want: enoent},
	}},
	{"lru_percpu_hash", maps.Spec{Type: maps.LRUPerCPUHash, KeySize: 4, ValueSize: 8, MaxEntries: 64}, []step{
		{op: "lookup", key: 1, want: -1}, {op: "update", key: 1, value: 10, want: 0}, {op: "lookup", key: 1, want: 10}, {op: "update", key: 1, value: 11, flags: noExist, want: eexist},
		{op: "update", key: 2, value: 1, flags: exist, want: enoent}, {op: "update", key: 1, value: 12, flags: exist, want: 0}, {op: "lookup", key: 1, want: 12}, {op: "delete", key: 1, want: 0}, {op: "lookup", key: 1, want: -1},
	}},
	{"queue", maps.Spec{Type: maps.Queue, ValueSize: 8, MaxEntries: 2}, []step{
		{op: "pop", want: enoent}, {op: "peek", want: enoent}, {op: "push", value: 1, want: 0}, {op: "push", value: 2, want: 0}, {op: "push", value: 3, want: e2big},
		{op: "peek", value: 1, want: 0}, {op: "push", value: 3, flags: exist, want: 0}, {op: "pop", value: 2, want: 0}, {op: "pop", value: 3, want: 0}, {op: "pop", want: enoent},
	}},
	{"stack", maps.Spec{Type: maps.Stack, ValueSize: 8, MaxEntries: 2}, []step{
		{op: "pop", want: enoent}, {op: "push", value: 1, want: 0}, {op: "push", value: 2, want: 0}, {op: "push", value: 3, want: e2big}, {op: "peek", value: 2, want: 0},
		{op: "pop", value: 2, want: 0}, {op: "pop", value: 1, want: 0}, {op: "peek", want: enoent},
	}},
	{"lpm_trie", maps.Spec{Type: maps.LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 8, Flags: 1}, []step{
		// Keys are a prefix length of 4 bytes, then 4 bytes of address: 10.0.0.0/8, 10.1.0.0/16, 10.1.2.3/32.
		{op: "update", key: 8 | 0x0000000a<<32, value: 8, want: 0}, {op: "update", key: 16 | 0x0000010a<<32, value: 16, want: 0},
		{op: "lookup", key: 32 | 0x0302010a<<32, want: 16}, {op: "lookup", key: 32 | 0x0302020a<<32, want: 8}, {op: "lookup", key: 32 | 0x0302020b<<32, want: -1},
		{op: "update", key: 32 | 0x0302010a<<32, value: 32, want: 0}, {op: "lookup", key: 32 | 0x0302010a<<32, want: 32}, {op: "lookup", key: 16 | 0x0302010a<<32, want: 16},
		{op: "update", key: 0, value: 99, want: 0}, {op: "lookup", key: 32 | 0x0302020b<<32, want: 99}, {op: "delete", key: 8 | 0x0000000a<<32, want: 0}, {op: "lookup", key: 32 | 0x0302020a<<32, want: 99},
	}},
}

// mapCases plays the histories, each prefix of one being a case, and tries the pseudo forms of 16-byte loads.
func mapCases(yield func(*Case) bool) bool {
	for _, m := range mapScripts {
		for n := 1; n <= len(m.steps); n++ {
			s := m.spec
			s.Name = "map"
			t := m.steps[n-1]
			c := &Case{
				Group: Maps, Name: fmt.Sprintf("%s, step %d: %s %#x", m.name, n, t.op, t.key), RFC: "the kernel's manual, bpf_map_" + t.op + "_elem", Type: "syscall",
				Insns: text("%s", script(&s, m.steps[:n])), Maps: []maps.Spec{s}, Want: 0,
			}
			if s.Type == maps.LPMTrie { // the kernel has it for programs that do not sleep
				c.Type, c.Data = "sched_cls", pattern(64)
			}
			if !yield(c) {
				return false
			}
		}
	}
	array := maps.Spec{Name: "data", Type: maps.Array, KeySize: 4, ValueSize: 64, MaxEntries: 1}
	const lddw = "RFC 9669 section 5.4"
	for off := range 57 {
		if !yield(&Case{
			Group: Maps, Name: fmt.Sprintf("map value +%d", off), RFC: lddw, Type: "syscall", Maps: []maps.Spec{array}, Want: 0x1122334455667788,
			Insns: text("r1 = map_value[0]+%d; r2 = 0x1122334455667788 ll; *(u64 *)(r1 +0) = r2; r3 = map_value[0]+%d; r0 = *(u64 *)(r3 +%d); exit", off, off&^7, off&7),
		}) {
			return false
		}
	}
	return true
}
