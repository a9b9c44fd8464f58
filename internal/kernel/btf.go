package kernel

import (
	"fmt"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// kernelTypes reads the running kernel's own BTF once.
var kernelTypes = sync.OnceValues(btf.LoadKernelSpec)

// Types returns the running kernel's own type information.
func Types() (*btf.Spec, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	s, err := kernelTypes()
	if err != nil {
		return nil, fmt.Errorf("bpf: kernel types: %w", err)
	}
	return s, nil
}

// FuncID returns the BTF ID of a function of the running kernel, not of a module: what a
// kfunc call's imm and Prog.AttachBTFID hold.
func FuncID(name string) (uint32, error) {
	var f *btf.Func
	return typeID(name, &f)
}

// TypedefID returns the BTF ID of a typedef of the running kernel. Raw tracepoints with types attach to
// the typedef that is called "btf_trace_" and their name.
func TypedefID(name string) (uint32, error) {
	var d *btf.Typedef
	return typeID(name, &d)
}

func typeID[T btf.Type](name string, t *T) (uint32, error) {
	s, err := Types()
	if err != nil {
		return 0, err
	}
	if err := s.TypeByName(name, t); err != nil {
		return 0, fmt.Errorf("bpf: kernel types: %q: %w", name, err)
	}
	id, err := s.TypeID(*t)
	if err != nil {
		return 0, fmt.Errorf("bpf: kernel types: %q: %w", name, err)
	}
	return uint32(id), nil
}
