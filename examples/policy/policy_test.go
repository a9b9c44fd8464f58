package policy

import (
	"context"
	"fmt"
)

func Example() {
	p, err := New(func(user, group uint32) bool { return user == 7 })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	for _, r := range []Request{{User: 1, Size: 100}, {User: 1, Size: 5 << 20}, {User: 7, Size: 5 << 20}} {
		ok, err := p.Allowed(context.Background(), r)
		fmt.Println("user", r.User, "size", r.Size, ok, err)
	}
	n, err := p.Refused()
	fmt.Println("refused", n, err)
	// Output:
	// user 1 size 100 true <nil>
	// user 1 size 5242880 false <nil>
	// user 7 size 5242880 true <nil>
	// refused 1 <nil>
}
