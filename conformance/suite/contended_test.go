package suite

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// TestContended runs each atomic operation from two goroutines on one map value: nothing gets lost.
func TestContended(t *testing.T) {
	const turns = 20_000
	for _, tt := range []struct {
		name, body string
		want       func(v uint64) bool
	}{
		{"add", "lock *(u64 *)(r6 +0) += r8", func(v uint64) bool { return v == 2*turns }},
		{"add32", "lock *(u32 *)(r6 +0) += r8", func(v uint64) bool { return v == 2*turns }},
		{"fetch_add", "r1 = 1; r1 = atomic64_fetch_add((u64 *)(r6 +0), r1)", func(v uint64) bool { return v == 2*turns }},
		{"xor", "lock *(u64 *)(r6 +0) ^= r8", func(v uint64) bool { return v == 0 }},
		{"fetch_xor", "r1 = 1; r1 = atomic64_fetch_xor((u64 *)(r6 +0), r1)", func(v uint64) bool { return v == 0 }},
		{"cmpxchg", "again: r0 = *(u64 *)(r6 +0); r1 = r0; r1 += 1; r2 = r0; r0 = atomic64_cmpxchg((u64 *)(r6 +0), r0, r1); if r0 != r2 goto again", func(v uint64) bool { return v == 2*turns }},
		{"or, each its bits", "r1 = r9; r1 <<= 32; r1 |= 1; r2 = r7; r2 &= 15; r1 <<= r2; lock *(u64 *)(r6 +0) |= r1", func(v uint64) bool { return v>>32 != 0 && v&0xffff == 0xffff }},
		// A lock of load-acquire and store-release around a sum that is no atomic operation.
		{"a lock", "take: r1 = 1; r1 = atomic64_xchg((u64 *)(r6 +8), r1); if r1 != 0 goto take; r2 = *(u64 *)(r6 +0); r2 += 1; *(u64 *)(r6 +0) = r2; r1 = 0; store_release((u64 *)(r6 +8), r1)", func(v uint64) bool { return v == 2*turns }},
	} {
		for _, e := range []vm.Engine{vm.EngineInterp, vm.EngineJIT} {
			if e == vm.EngineJIT && (jit.Arch == "" || execmem.Probe() != nil) {
				continue
			}
			m, err := vm.NewMachine(vm.Options{CPUs: 2, Engine: e, Policy: vm.PolicySandboxed, MemoryLimit: 16 << 20})
			if err != nil {
				t.Fatal(err)
			}
			data, err := m.NewMap(&maps.Spec{Name: "data", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 1})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for g := range 2 {
				p, err := m.NewProgram(&vm.ProgramSpec{Name: tt.name, Type: progtype.ByName("raw"), License: "GPL", Maps: []*maps.Map{data},
					Insns: contended(tt.body, turns, g)})
				if err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				wg.Go(func() {
					if _, err := p.Run(context.Background(), nil); err != nil {
						t.Errorf("%s: %v", tt.name, err)
					}
				})
			}
			wg.Wait()
			value := make([]byte, 16)
			if err := data.Lookup(uint32(0), &value); err != nil {
				t.Fatal(err)
			}
			if v := little(value, 8); !tt.want(v) {
				t.Errorf("%s in engine %d: the value is %#x", tt.name, e, v)
			}
			m.Close()
		}
	}
}

func contended(body string, turns, g int) []isa.Insn {
	return text("%s", fmt.Sprintf("r6 = map_value[0]+0; r7 = 0; r8 = 1; r9 = %d\ntop: r5 = 0\n%s\nr7 += 1; if r7 < %d goto top; r0 = 0; exit", g, body, turns))
}
