package loader_test

import (
	"fmt"
	"log"
	"maps"
	"slices"

	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/verifier"
	"github.com/gbpf/gbpf/vm"
)

// Load an object, run a program on a packet and read a map.
func Example() {
	spec, err := loader.LoadSpecFile("testdata/basic.o")
	if err != nil {
		log.Fatal(err)
	}
	m, err := vm.NewMachine(vm.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	c, err := loader.New(m, spec, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	verdict, _, err := c.Programs["count"].Test(make([]byte, 64))
	if err != nil {
		log.Fatal(err)
	}
	var bytes uint64
	if err := c.Maps["counters"].Lookup(uint32(1), &bytes); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("verdict %d, %d bytes counted\n", verdict, bytes)
	// Output: verdict 2, 64 bytes counted
}

// Say what an object holds and what of it gbpf does not run.
func ExampleDescribe() {
	spec, err := loader.LoadSpecFile("testdata/basic.o")
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range loader.Describe(spec).Programs {
		fmt.Println(p.Name, p.Section, p.Type, p.Insns, p.Maps, p.Helpers, p.Unsupported)
	}
	// Output: count xdp xdp 17 [counters] [map_lookup_elem] []
}

// Say whether the programs of an object are safe, without loading them.
func ExampleVerifierSpecs() {
	spec, err := loader.LoadSpecFile("testdata/globals.o")
	if err != nil {
		log.Fatal(err)
	}
	specs, err := loader.VerifierSpecs(spec, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		_, err := verifier.Verify(specs[name], verifier.Options{})
		fmt.Println(name, err)
	}
	// Output:
	// callbacks <nil>
	// global_callback <nil>
	// globals <nil>
	// lines verify: lines: insn 1: load through r1, which is a number and no memory that may be accessed (globals.c:56: return *p; /* no object is there */)
}
