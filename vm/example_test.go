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

// A packet that is received into guest memory needs no copy, neither in nor out.
func ExampleMachine_NewBuffer() {
	m, err := vm.NewMachine(vm.Options{MemoryLimit: 16 << 20, CPUs: 1, Policy: vm.PolicySandboxed})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	p, err := m.NewProgram(&vm.ProgramSpec{
		Name: "increment",
		Type: progtype.Raw,
		Insns: []isa.Insn{
			isa.New(isa.OpLdxB, isa.R0, isa.R1, 0, 0),
			isa.New(isa.OpAdd64Imm, isa.R0, 0, 0, 1),
			isa.New(isa.OpStxB, isa.R1, isa.R0, 0, 0),
			isa.New(isa.OpExit, 0, 0, 0, 0),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	buf, err := m.NewBuffer(1500)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer buf.Close()

	n := copy(buf.Bytes(), "Hello") // such as conn.Read(buf.Bytes())
	o := vm.RunOptions{Buffer: buf, Data: buf.Bytes()[:n]}
	r0, err := p.Run(context.Background(), &o)
	fmt.Printf("%c %v %s\n", r0, err, o.DataOut)
	// Output:
	// I <nil> Iello
}

// Many inputs in a row cost less than as many runs.
func ExampleProgram_RunBatch() {
	m, err := vm.NewMachine(vm.Options{MemoryLimit: 16 << 20, CPUs: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	p, err := m.NewProgram(&vm.ProgramSpec{
		Name: "length",
		Type: progtype.Raw,
		Insns: []isa.Insn{
			isa.New(isa.OpMov64Reg, isa.R0, isa.R2, 0, 0),
			isa.New(isa.OpExit, 0, 0, 0, 0),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := []vm.RunOptions{{Data: []byte("a")}, {Data: []byte("packet")}}
	r0 := make([]uint64, len(batch))
	n, err := p.RunBatch(context.Background(), batch, r0)
	fmt.Println(n, err, r0)
	// Output:
	// 2 <nil> [1 6]
}
