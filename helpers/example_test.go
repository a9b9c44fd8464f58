package helpers_test

import (
	"fmt"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
)

// A host adds a helper of its own and replaces one of the kernel's.
func ExampleSet_Add() {
	set := helpers.NewSet()
	err := set.Add(helpers.Helper{
		Proto: &proto.Proto{ID: 10001, Name: "answer", Args: [5]proto.Arg{{Kind: proto.Anything}}},
		Func:  func(c *helpers.Call) uint64 { return 40 + c.Args[0] },
	})
	fmt.Println(err)
	// Naming a kernel helper is enough to get its prototype.
	err = set.Add(helpers.Helper{
		Proto: &proto.Proto{Name: "ktime_get_ns"},
		Func:  func(*helpers.Call) uint64 { return 1_000_000 },
	})
	fmt.Println(err)
	fmt.Println(set.ByID(10001).Func(&helpers.Call{Args: [5]uint64{2}}), set.ByID(5).Func(nil))
	// Output:
	// <nil>
	// <nil>
	// 42 1000000
}
