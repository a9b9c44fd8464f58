package proto_test

import (
	"fmt"

	"github.com/gbpf/gbpf/helpers/proto"
)

func ExampleByName() {
	p := proto.ByName("map_update_elem")
	fmt.Println(p.ID, p.Ret.Kind)
	for _, a := range p.Args[:p.NumArgs()] {
		fmt.Println(a.Kind)
	}
	// Output:
	// 2 integer
	// const_map_ptr
	// ptr_to_map_key
	// ptr_to_map_value
	// anything
}

func ExampleAllowed() {
	const xdp, schedCLS = 6, 3
	id := proto.ByName("xdp_adjust_head").ID
	fmt.Println(proto.Allowed(xdp, id), proto.Allowed(schedCLS, id))
	// Output: true false
}
