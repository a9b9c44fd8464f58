package vm_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
	"github.com/gbpf/gbpf/vm"
)

// nodeTypes is a kernel with one structure.
type nodeTypes struct{}

func (nodeTypes) StructByID(uint32) string { return "" }

func (nodeTypes) Struct(name string) *verifier.Struct {
	if name != "node" {
		return nil
	}
	return &verifier.Struct{Name: "node", Size: 32, Members: []verifier.Member{
		{Name: "next", Kind: verifier.MemberPtr, Size: 8, Type: "node"}, {Name: "text", Kind: verifier.MemberPtr, Off: 8, Size: 8},
		{Name: "n", Off: 16, Size: 8}, {Name: "m", Off: 24, Size: 8},
	}}
}

func (nodeTypes) KernelSymbol(uint32) (string, *verifier.ArgType, bool, bool) {
	return "", nil, false, false
}

// TestStructsConfined runs programs that follow pointers to kernel structures, with arguments that are anything. The verifier
// lets such loads pass wherever they lead: what becomes of them is the engine's care, and it is never more than a trap.
func TestStructsConfined(t *testing.T) {
	walk := seq(
		one(isa.OpLdxDW, 6, 1, 0, 0), // an argument
		one(isa.OpLdxDW, 7, 6, 0, 0), // what it points to
		one(isa.OpLdxDW, 8, 7, 8, 0),
		one(isa.OpLdxDW, 0, 8, 0x7ff8, 0), // anywhere
		one(isa.OpLdxB, 2, 8, -0x8000, 0),
		one(isa.OpMov64Imm, 0, 0, 0, 0), exit)
	spec := vm.ProgramSpec{
		Name: "walk", Type: progtype.Tracing, AttachType: progtype.AttachTraceRawTP, License: "GPL", Insns: walk, Types: nodeTypes{},
		AttachBTF: &verifier.FuncType{Name: "x", Args: []verifier.ArgType{{Class: verifier.ArgBTF, Type: "node", Trusted: true}}},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, o := range []vm.Options{
		{}, {Confine: vm.ConfineUnproved}, {Engine: vm.EngineInterp}, {Checked: true},
	} {
		o.CPUs, o.MemoryLimit = 1, 16<<20
		m := machine(t, o)
		p, err := m.NewProgram(&spec)
		if err != nil {
			t.Fatal(err)
		}
		ends := map[string]int{}
		for i := range 2000 {
			arg := rng.Uint64()
			switch i % 5 {
			case 0:
				arg = uint64(i)
			case 1:
				arg &= 1<<32 - 1
			case 2:
				arg |= 0xffff<<48 | 1<<47 // as the kernel's addresses are
			case 3:
				arg = rng.Uint64N(32 << 20)
			}
			ret, err := p.Run(context.Background(), &vm.RunOptions{Fields: map[string]uint64{"args[0]": arg}})
			var trap *vm.Trap
			switch {
			case errors.As(err, &trap):
				ends[fmt.Sprint(trap.Code)]++
			case err != nil:
				t.Fatalf("argument %#x: %v", arg, err)
			case ret != 0:
				t.Fatalf("argument %#x: returns %d", arg, ret)
			default:
				ends["returns"]++
			}
		}
		t.Logf("engine %v, confine %v, checked %v: %v", o.Engine, o.Confine, o.Checked, ends)
	}
}
