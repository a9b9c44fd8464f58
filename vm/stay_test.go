package vm_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/stopwatch"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

var stayBench = flag.Bool("stay.bench", false, "measure how long one stay in machine code lasts in programs of the slowest instructions")

// slow are loops, begun once, of what takes long for the fuel that it costs.
var slow = []struct{ name, begin, body string }{
	{"nothing", "", "r1 += r2;"},
	{"division", "r2 = -1; r3 = 3;", "r1 = r2; r1 /= r3; r2 ^= r1;"},
	{"signed modulo", "r2 = 0x7fffffffffffffff ll; r3 = -3;", "r1 = r2; r1 s%= r3; r2 ^= r1;"},
	{"atomics", "", "lock *(u64 *)(r10 -8) += r1;"},
	{"atomic xor", "", "lock *(u64 *)(r10 -8) ^= r1;"},
	{"misses of cache", "r1 = 12345; r4 = 6364136223846793005 ll;", "r1 *= r4; r1 += 12345677; r2 = r1; r2 >>= 36; r3 = *(u64 *)(r2 +0); r1 += r3;"},
	{"misses of cache and TLB", "r1 = 12345; r4 = 6364136223846793005 ll;", "r1 *= r4; r1 += 12345677; r2 = r1; r2 >>= 32; r3 = *(u64 *)(r2 +0); r1 += r3;"},
	{"new pages", "r1 = 0;", "r1 += 4096; r3 = *(u64 *)(r1 +0);"},
	{"new pages written", "r1 = 0;", "r1 += 4096; *(u64 *)(r1 +0) = r2;"},
	{"calls", "", "call f;"},
}

// TestStay measures a run that uses up one slice of fuel, which is what others may have to wait for. The first run of a new
// machine pays for pages that nobody has touched; the least of many is what remains.
func TestStay(t *testing.T) {
	if !*stayBench {
		t.Skip("measurement: run with -stay.bench")
	}
	for _, s := range slow {
		text := s.begin
		text += "top: " + s.body + s.body + s.body + s.body + "goto top; r0 = 0; exit\nf: r0 = 0; exit"
		var first, least time.Duration = 1 << 62, 1 << 62
		for range 3 {
			m := machine(t, vm.Options{CPUs: 1, Policy: vm.PolicySandboxed, Engine: vm.EngineJIT})
			p, err := m.NewProgram(&vm.ProgramSpec{Name: "slow", Type: progtype.Raw, License: "GPL", Insns: asm.Must(text)})
			if err != nil {
				t.Fatal(s.name, err)
			}
			o := vm.RunOptions{NoOutput: true, Fuel: fuel.Slice - 1}
			run := func() time.Duration {
				return time.Duration(stopwatch.Least(1, 1, func(int) {
					var trap *vm.Trap
					if _, err := p.Run(context.Background(), &o); !errors.As(err, &trap) || trap.Code != vm.TrapFuel {
						t.Fatal(s.name, err)
					}
				}))
			}
			first = min(first, run())
			for range 50 {
				least = min(least, run())
			}
			m.Close()
		}
		fmt.Printf("%-26s first %10v, later %10v, %6.2f ns a unit\n", s.name, first, least, float64(least)/fuel.Slice)
	}
}
