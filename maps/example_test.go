package maps_test

import (
	"errors"
	"fmt"

	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/vm"
)

// Maps look like those of cilium/ebpf to the host.
func ExampleMap() {
	m, err := vm.NewMachine(vm.Options{CPUs: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	counts, err := m.NewMap(&maps.Spec{Name: "counts", Type: maps.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 16})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(counts.Put(uint32(80), uint64(3)))
	var n uint64
	fmt.Println(counts.Lookup(uint32(80), &n), n)
	err = counts.Delete(uint32(443))
	fmt.Println(err, errors.Is(err, maps.ErrKeyNotExist))
	// Output:
	// <nil>
	// <nil> 3
	// delete: map counts: key does not exist true
}
