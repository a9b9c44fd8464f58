package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/maps"
)

// lookups fills maps with keys and values of many sizes and looks all of them up, and some that are not there. Machine code
// has its own ways for sizes of keys and elements.
func lookups(yield func(*Case) bool) bool {
	const put, asked = 20, 25
	n := 0
	for _, typ := range []maps.Type{maps.Hash, maps.LRUHash, maps.PerCPUHash} {
		for _, keySize := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 15, 16, 17, 24, 31, 32, 40} {
			for _, shared := range []bool{false, true} {
				n++
				valueSize := []int{8, 1, 3, 12, 4, 64, 2, 17, 16, 24}[n%10]
				spec := maps.Spec{Name: "table", Type: typ, KeySize: uint32(keySize), ValueSize: uint32(valueSize), MaxEntries: 512}
				page := maps.Spec{Name: "page", Type: maps.Array, KeySize: 4, ValueSize: 48, MaxEntries: 1}
				key, where := "r7 = r10; r7 += -48", "on the stack"
				if shared {
					key, where = "r7 = map_value[1]+0", "in a map's value"
				}
				// The first and the last byte of the key differ from turn to turn; behind it are others each time.
				fill := fmt.Sprintf("r8 = r6; r8 *= 5; *(u8 *)(r7 +0) = r8; *(u8 *)(r7 +%d) = r6", keySize-1)
				junk := func(v int) (s string) {
					for at := keySize; at < min((keySize+7)&^7, 48); at++ {
						s += fmt.Sprintf("*(u8 *)(r7 +%d) = %d\n", at, v+at)
					}
					return s
				}
				zero := ""
				for at := 0; at < 48; at += 8 {
					zero += fmt.Sprintf("*(u64 *)(r7 +%d) = 0; ", at)
				}
				for at := 56; at <= 112; at += 8 {
					zero += fmt.Sprintf("*(u64 *)(r10 -%d) = 0; ", at)
				}
				sum := uint64(0)
				for i := range put {
					sum += 1<<32 + uint64(i*3+1)
				}
				if !yield(&Case{
					Group: Maps, Name: fmt.Sprintf("%s with keys of %d bytes %s and values of %d", typ, keySize, where, valueSize), RFC: "the kernel's manual, bpf_map_lookup_elem", Type: "syscall",
					Maps: []maps.Spec{spec, page}, Want: sum, Insns: text(`%[1]s; %[2]s
						r6 = 0
						next: %[3]s; %[4]s
						r8 = r6; r8 *= 3; r8 += 1; *(u8 *)(r10 -112) = r8
						r1 = map[0]; r2 = r7; r3 = r10; r3 += -112; r4 = 1; call map_update_elem
						if r0 != 0 goto bad
						r6 += 1; if r6 < %[6]d goto next
						r6 = 0; r9 = 0
						look: %[3]s; %[5]s
						r1 = map[0]; r2 = r7; call map_lookup_elem
						if r0 == 0 goto none
						r8 = *(u8 *)(r0 +0); r9 += r8; r8 = 0x100000000 ll; r9 += r8
						none: r6 += 1; if r6 < %[7]d goto look
						r0 = r9; exit
						bad: r0 = -1; exit`, key, zero, fill, junk(1), junk(101), put, asked),
				}) {
					return false
				}
			}
		}
	}
	for _, typ := range []maps.Type{maps.Array, maps.PerCPUArray} {
		for _, valueSize := range []int{1, 2, 3, 4, 7, 8, 9, 12, 16, 24, 32, 40, 64, 100, 128, 1000} {
			for _, entries := range []int{1, 2, 3, 7, 16} {
				sum := uint64(0)
				for i := range entries {
					sum += 1<<32 + uint64(i*7+3)
				}
				if !yield(&Case{
					Group: Maps, Name: fmt.Sprintf("%s of %d values of %d bytes", typ, entries, valueSize), RFC: "the kernel's manual, bpf_map_lookup_elem", Type: "syscall",
					Maps: []maps.Spec{{Name: "values", Type: typ, KeySize: 4, ValueSize: uint32(valueSize), MaxEntries: uint32(entries)}}, Want: sum, Insns: text(`
						r6 = 0; r9 = 0
						fill: *(u32 *)(r10 -4) = r6; r1 = map[0]; r2 = r10; r2 += -4; call map_lookup_elem
						if r0 == 0 goto first
						r8 = r6; r8 *= 7; r8 += 3; *(u8 *)(r0 +%[1]d) = r8
						first: r6 += 1; if r6 < 20 goto fill
						r6 = 0
						look: *(u32 *)(r10 -4) = r6; r1 = map[0]; r2 = r10; r2 += -4; call map_lookup_elem
						if r0 == 0 goto none
						r8 = *(u8 *)(r0 +%[1]d); r9 += r8; r8 = 0x100000000 ll; r9 += r8
						none: r6 += 1; if r6 < 20 goto look
						r0 = r9; exit`, valueSize-1),
				}) {
					return false
				}
			}
		}
	}
	return true
}
