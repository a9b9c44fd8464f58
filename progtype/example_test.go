package progtype_test

import (
	"fmt"

	"github.com/gbpf/gbpf/progtype"
)

// A layout says what a program of a type may do with its context.
func ExampleLayout_At() {
	t, _, _ := progtype.BySection("tc")
	l := t.Layout(0)
	mark, ok := l.Field("mark")
	fmt.Println(t, mark.Off, ok)
	_, ok = l.At(mark.Off, 4, progtype.Write)
	fmt.Println("store to mark:", ok)
	_, ok = l.At(0, 4, progtype.Write)
	fmt.Println("store to len:", ok)
	// Output:
	// sched_cls 8 true
	// store to mark: true
	// store to len: false
}
