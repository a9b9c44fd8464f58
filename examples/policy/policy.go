// Package policy shows how an application lets a BPF program decide, and adds a helper of its own to what the
// program may call. The program can be replaced while the application runs; a faulty one is refused when it is loaded,
// and were it not, it would be an error, not a crash.
package policy

import (
	"bytes"
	"context"
	_ "embed"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/vm"
)

//go:generate sh ../build.sh

//go:embed bpf/policy.o
var object []byte

// Request is what the program decides about, laid out as its struct request.
type Request struct {
	User uint32
	Size uint32
	Name [24]byte
}

// Policy is a loaded policy program.
type Policy struct {
	m    *vm.Machine
	coll *vm.Collection
}

// New loads the policy. inGroup answers the program's questions about users.
func New(inGroup func(user, group uint32) bool) (*Policy, error) {
	m, err := vm.NewMachine(vm.Options{Fuel: 100_000, MemoryLimit: 16 << 20})
	if err != nil {
		return nil, err
	}
	err = m.RegisterHelper(helpers.Helper{
		Proto: &proto.Proto{ID: 70000, Name: "in_group", Args: [5]proto.Arg{{Kind: proto.Anything}, {Kind: proto.Anything}}},
		Func: func(c *helpers.Call) uint64 {
			if inGroup(uint32(c.Args[0]), uint32(c.Args[1])) {
				return 1
			}
			return 0
		},
	})
	if err != nil {
		m.Close()
		return nil, err
	}
	spec, err := loader.LoadSpec(bytes.NewReader(object))
	if err == nil {
		var p Policy
		p.m = m
		if p.coll, err = loader.New(m, spec, nil); err == nil {
			return &p, nil
		}
	}
	m.Close()
	return nil, err
}

// Close gives the policy's memory back.
func (p *Policy) Close() error { return p.m.Close() }

// Allowed asks the program. An error means that it could not decide: it trapped, or ctx ended.
func (p *Policy) Allowed(ctx context.Context, r Request) (bool, error) {
	ret, err := p.coll.Programs["decide"].Run(ctx, &vm.RunOptions{Context: r, NoOutput: true})
	return ret != 0, err
}

// Refused is how many requests the program has refused.
func (p *Policy) Refused() (n uint64, err error) {
	err = p.coll.Variables["refused"].Get(&n)
	return n, err
}
