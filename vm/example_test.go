package vm_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// A program made of instructions, without an object file: it returns the first byte of its input. It does not ask whether
// there is one, so the verifier would refuse it; under PolicySandboxed the access is checked when it happens.
func ExampleProgram_Run() {
	m, err := vm.NewMachine(vm.Options{CPUs: 1, Policy: vm.PolicySandboxed})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	p, err := m.NewProgram(&vm.ProgramSpec{
		Name: "first_byte",
		Type: progtype.Raw, // R1 is the input's address, R2 its length
		Insns: []isa.Insn{
			isa.New(isa.OpLdxB, isa.R0, isa.R1, 0, 0),
			isa.New(isa.OpExit, 0, 0, 0, 0),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r0, err := p.Run(context.Background(), &vm.RunOptions{Data: []byte{42, 1, 2}})
	fmt.Println(r0, err)

	// Without input there is no first byte: the run is stopped.
	_, err = p.Run(context.Background(), nil)
	var trap *vm.Trap
	if errors.As(err, &trap) {
		fmt.Println(trap.Code, "at insn", trap.Insn)
	}
	// Output:
	// 42 <nil>
	// bad memory access at insn 0
}
