package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/maps"
)

// innerMaps tries maps of maps.
func innerMaps(yield func(*Case) bool) bool {
	inner := maps.Spec{Name: "inner", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 2}
	outer := []maps.Spec{
		{Name: "outer", Type: maps.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 4, Inner: &inner},
		{Name: "outer", Type: maps.HashOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 4, Inner: &inner},
	}
	for i, o := range outer {
		kind := [...]string{"array", "hash"}[i]
		for key := range 5 {
			for _, index := range []int{0, 1, 2} {
				// Two inner maps, at 0 and 1. What was stored in the one that was found is read through the other way to it.
				want := uint64(404)
				if key < 2 {
					want = 405
					if index < 2 {
						want = 4711
					}
				}
				if !yield(&Case{
					Group: Maps, Name: fmt.Sprintf("%s_of_maps, map %d, element %d", kind, key, index), RFC: "the kernel's manual, map of maps", Type: "syscall",
					Maps: []maps.Spec{o, inner, inner}, Inner: []int{1, 2}, Want: want, Insns: text(`
						*(u32 *)(r10 -4) = %[1]d; r1 = map[0]; r2 = r10; r2 += -4; call map_lookup_elem
						r6 = 404; if r0 == 0 goto out
						*(u32 *)(r10 -4) = %[2]d; r7 = 4711; *(u64 *)(r10 -16) = r7
						r1 = r0; r2 = r10; r2 += -4; r3 = r10; r3 += -16; r4 = 0; call map_update_elem
						r6 = 405; if r0 != 0 goto out
						r1 = map[%[3]d]; r2 = r10; r2 += -4; call map_lookup_elem
						r6 = 406; if r0 == 0 goto out
						r6 = *(u64 *)(r0 +0)
						out: r0 = r6; exit`, key, index, min(key, 1)+1),
				}) {
					return false
				}
			}
		}
	}
	return true
}
