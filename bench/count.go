package bench

import (
	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"

	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/vm"
)

// countedArchs are the architectures whose instructions are counted, on any host.
var countedArchs = []string{"amd64", "arm64"}

// newCounter makes the machine that programs are counted in.
func newCounter() (*vm.Machine, error) {
	return vm.NewMachine(vm.Options{MemoryLimit: 16 << 20, CPUs: 1, Engine: vm.EngineInterp})
}

// nativeInsns counts the instructions of a program's machine code by architecture, without the ways out that are rarely
// taken. It is the same on every host and each time.
func nativeInsns(m *vm.Machine, p *Program) (map[string]int, error) {
	spec, err := p.Spec()
	if err != nil {
		return nil, err
	}
	coll, err := loader.New(m, spec, nil)
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	counts := map[string]int{}
	for _, arch := range countedArchs {
		code, err := coll.Programs[p.Name].MachineCode(arch)
		if err != nil {
			return nil, err
		}
		counts[arch] = count(arch, code.Code[:code.End])
	}
	return counts, nil
}

func count(arch string, code []byte) (n int) {
	for len(code) > 0 {
		size := 4
		if arch == "amd64" {
			in, err := x86asm.Decode(code, 64)
			if size = in.Len; err != nil {
				size = 1 // a byte of an instruction that the decoder does not know
			}
		} else if _, err := arm64asm.Decode(code); err != nil && len(code) < size {
			break
		}
		code = code[min(size, len(code)):]
		n++
	}
	return n
}
