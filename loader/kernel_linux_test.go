package loader

import (
	"maps"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
)

// TestKernelAgrees loads the mended objects into the running kernel as well and compares
// what the programs return.
func TestKernelAgrees(t *testing.T) {
	for _, name := range []string{"basic.o", "linked.o", "inner.o", "globals.o"} {
		t.Run(name, func(t *testing.T) {
			spec := loadObject(t, name)
			// The verifier refuses these.
			delete(spec.Programs, "lines")
			delete(spec.Programs, "global_callback")
			kernel, err := ebpf.NewCollection(spec)
			if err != nil {
				t.Skipf("the kernel does not load it here: %v", err)
			}
			defer kernel.Close()
			c, err := New(newMachine(t), spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, program := range slices.Sorted(maps.Keys(kernel.Programs)) {
				kp := kernel.Programs[program]
				for _, n := range []int{60, 99, 200} {
					want, _, err := kp.Test(make([]byte, n))
					if err != nil {
						t.Fatalf("%s in the kernel: %v", program, err)
					}
					if got := ret(t, c, program, n); got != want {
						t.Errorf("%s with %d bytes returned %d, in the kernel %d", program, n, got, want)
					}
				}
			}
		})
	}
}
